//! Lists that come in parts are read to their end (rule K3): `member;range=0-1499`, and so on.

use super::read;
use crate::app::ports::Lookups;
use crate::domain::membership::range::{from_position, part};
use crate::domain::observation::UnknownReason;
use crate::proto::search::{Attribute, Entry};

/// What moves with every change of an entry of Active Directory.
const CHANGE_NUMBER: &str = "uSNChanged";
/// The most parts of one list.
const MAX_PARTS: usize = 10_000;
/// How often a list that changes while it is read is begun anew.
const MAX_TRIES: usize = 3;

/// Puts the whole list in the place of a part of it, where an entry shows no more than that.
pub async fn complete<L: Lookups>(
    lookups: &L,
    entry: &mut Entry,
    name: &str,
) -> Result<(), UnknownReason> {
    let shown = part(entry, name).map_err(|_| UnknownReason::Malformed)?;
    let values = match shown {
        None => return Ok(()),
        Some(shown) if (shown.first, shown.last) == (0, None) => shown.values.to_vec(),
        Some(_) => whole(lookups, &entry.dn, name).await?,
    };
    let is_part = |attribute: &Attribute| {
        attribute.name.split(';').next().is_some_and(|own| own.eq_ignore_ascii_case(name))
    };
    // One server shows an empty list beside the part.
    entry.attributes.retain(|attribute| !is_part(attribute));
    entry.attributes.push(Attribute { name: name.to_owned(), values });
    Ok(())
}

async fn whole<L: Lookups>(
    lookups: &L,
    dn: &str,
    name: &str,
) -> Result<Vec<Vec<u8>>, UnknownReason> {
    for _ in 0..MAX_TRIES {
        if let Some(values) = all_parts(lookups, dn, name).await? {
            return Ok(values);
        }
    }
    Err(UnknownReason::Inconsistent)
}

/// All parts, one after the other; `None` if the entry changed meanwhile.
async fn all_parts<L: Lookups>(
    lookups: &L,
    dn: &str,
    name: &str,
) -> Result<Option<Vec<Vec<u8>>>, UnknownReason> {
    let mut values: Vec<Vec<u8>> = Vec::new();
    let mut since = None;
    for _ in 0..MAX_PARTS {
        let asked = vec![from_position(name, values.len()), CHANGE_NUMBER.to_owned()];
        let entry = read(lookups, dn, asked).await?;
        let number = entry.values(CHANGE_NUMBER).first().cloned();
        if since.get_or_insert_with(|| number.clone()) != &number {
            return Ok(None);
        }
        let next = match part(&entry, name).map_err(|_| UnknownReason::Malformed)? {
            // The list has become empty, or as short as what was read already.
            None => return Ok(None),
            Some(next) => next,
        };
        if next.first != values.len() {
            return Err(UnknownReason::Malformed);
        }
        values.extend_from_slice(next.values);
        match next.last {
            None => return Ok(Some(values)),
            Some(last) if last + 1 == values.len() && !next.values.is_empty() => {}
            Some(_) => return Err(UnknownReason::Malformed),
        }
    }
    Err(UnknownReason::SizeLimit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::ports::LookupError;
    use crate::proto::search::Search;
    use std::sync::{Arc, Mutex};

    /// A list of so many values, in parts of so many; it changes before the n-th read, or not.
    #[derive(Clone)]
    struct InParts {
        count: usize,
        size: usize,
        changes: Vec<usize>,
        reads: Arc<Mutex<usize>>,
    }

    fn value(number: usize) -> Vec<u8> {
        format!("cn={number}").into_bytes()
    }

    impl InParts {
        fn part(&self, first: usize) -> Attribute {
            let end = (first + self.size).min(self.count);
            let last = if end == self.count { "*".to_owned() } else { (end - 1).to_string() };
            let name = format!("member;range={first}-{last}");
            Attribute { name, values: (first..end).map(value).collect() }
        }
    }

    impl Lookups for InParts {
        async fn search(&self, search: Search) -> Result<Vec<Entry>, LookupError> {
            let mut reads = self.reads.lock().expect("no test panics with it");
            *reads += 1;
            let moved = self.changes.iter().filter(|at| **at <= *reads).count();
            let range = search.attributes[0].strip_prefix("member;range=").expect("a range");
            let first = range.strip_suffix("-*").expect("to the end").parse().expect("a number");
            let number = Attribute {
                name: CHANGE_NUMBER.to_owned(),
                values: vec![moved.to_string().into_bytes()],
            };
            Ok(vec![Entry { dn: search.base, attributes: vec![self.part(first), number] }])
        }
    }

    #[track_caller]
    fn check(count: usize, size: usize, changes: &[usize], expected: Result<usize, UnknownReason>) {
        let reads = Arc::default();
        let directory = InParts { count, size, changes: changes.to_vec(), reads };
        let empty = Attribute { name: "member".to_owned(), values: Vec::new() };
        let shown = vec![empty, directory.part(0)];
        let mut entry = Entry { dn: "cn=group".to_owned(), attributes: shown };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let completed = complete(&directory, &mut entry, "member");
        let completed = runtime.expect("a runtime can be made").block_on(completed);
        let whole: Vec<Vec<u8>> = (0..count).map(value).collect();
        let seen = completed.map(|()| entry.values("member").len());
        assert_eq!(seen, expected, "{count} in parts of {size}, changed before {changes:?}");
        assert!(expected.is_err() || entry.values("member") == whole);
    }

    #[test]
    fn s3_3_a_list_in_parts_is_read_to_its_end() {
        check(3, 1500, &[], Ok(3));
        check(1500, 1500, &[], Ok(1500));
        check(1501, 1500, &[], Ok(1501));
        check(3001, 1500, &[], Ok(3001));
        check(9, 1, &[], Ok(9));
    }

    #[test]
    fn s3_3_a_list_that_changes_while_it_is_read_is_begun_anew_and_not_for_ever() {
        check(5, 2, &[2], Ok(5));
        check(5, 2, &[2, 4], Ok(5));
        check(5, 2, &[2, 4, 6], Err(UnknownReason::Inconsistent));
    }
}
