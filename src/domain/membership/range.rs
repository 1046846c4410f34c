//! Lists that Active Directory gives in parts: `member;range=0-1499` (MS-ADTS section
//! 3.1.1.3.1.3.3).

use crate::proto::search::Entry;

/// A part of an attribute's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// The position of its first value.
    pub first: usize,
    /// The position of its last value; `None` if it is the list's last part.
    pub last: Option<usize>,
    /// Its values.
    pub values: &'a [Vec<u8>],
}

/// The part of an attribute's values that an entry shows; `None` if it shows them without a range.
/// What stands there and is no range is told as an error.
pub fn part<'a>(entry: &'a Entry, name: &str) -> Result<Option<Part<'a>>, NotARange> {
    let mut found = None;
    for attribute in &entry.attributes {
        let Some((own, options)) = attribute.name.split_once(';') else { continue };
        if !own.eq_ignore_ascii_case(name) {
            continue;
        }
        let ranges = options.split(';').filter_map(range_of);
        for range in ranges {
            let (first, last) = bounds(range).ok_or(NotARange)?;
            if found.is_some() {
                return Err(NotARange);
            }
            found = Some(Part { first, last, values: &attribute.values });
        }
    }
    Ok(found)
}

/// An option that begins like a range and is none, or several ranges of one attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotARange;

/// What asks for an attribute's values from a position on.
pub fn from_position(name: &str, first: usize) -> String {
    format!("{name};range={first}-*")
}

/// The positions that an attribute description asks for: from the first to the last, or to the end.
pub fn asked(description: &str) -> Option<(usize, Option<usize>)> {
    bounds(description.split(';').skip(1).find_map(range_of)?)
}

/// The values at these positions of a list, and the description that says which they are; `None` if
/// the list is not that long.
pub fn cut(
    name: &str,
    values: &[Vec<u8>],
    (first, last): (usize, Option<usize>),
) -> Option<(String, Vec<Vec<u8>>)> {
    let rest = values.get(first..).filter(|rest| !rest.is_empty())?;
    let most = last.map_or(rest.len(), |last| (last - first).saturating_add(1));
    let (name, values) = match rest.get(..most).filter(|part| part.len() < rest.len()) {
        Some(part) => (format!("{name};range={first}-{}", first + part.len() - 1), part),
        None => (format!("{name};range={first}-*"), rest),
    };
    Some((name, values.to_vec()))
}

fn range_of(option: &str) -> Option<&str> {
    let (name, range) = option.split_once('=')?;
    name.eq_ignore_ascii_case("range").then_some(range)
}

fn bounds(range: &str) -> Option<(usize, Option<usize>)> {
    let (first, last) = range.split_once('-')?;
    let first: usize = first.parse().ok()?;
    match last {
        "*" => Some((first, None)),
        last => Some((first, Some(last.parse().ok().filter(|last| *last >= first)?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::search::Attribute;
    use proptest::prelude::*;

    fn entry(names: &[&str]) -> Entry {
        let attributes = names
            .iter()
            .map(|name| Attribute { name: (*name).to_owned(), values: vec![b"cn=x".to_vec()] });
        Entry { dn: String::new(), attributes: attributes.collect() }
    }

    #[track_caller]
    fn check(names: &[&str], expected: Result<Option<(usize, Option<usize>)>, NotARange>) {
        let entry = entry(names);
        let found = part(&entry, "member").map(|part| part.map(|part| (part.first, part.last)));
        assert_eq!(found, expected, "{names:?}");
    }

    #[test]
    fn a_part_says_where_it_lies() {
        check(&["member", "memberOf;range=0-3"], Ok(None));
        check(&["member;range=0-1499"], Ok(Some((0, Some(1499)))));
        check(&["member", "Member;Range=1500-*"], Ok(Some((1500, None))));
        check(&["member;lang-de"], Ok(None));
        check(&["member;range=3-2"], Err(NotARange));
        check(&["member;range=a-*"], Err(NotARange));
        check(&["member;range="], Err(NotARange));
        check(&["member;range=0-1", "member;range=2-*"], Err(NotARange));
    }

    #[test]
    fn a_list_is_given_in_the_parts_that_are_asked_for() {
        let values: Vec<Vec<u8>> = (0..5_u8).map(|number| vec![number]).collect();
        let check = |description: &str, expected: Option<(&str, &[u8])>| {
            let asked = asked(description).expect("a range is asked for");
            let found = cut("member", &values, asked);
            let found = found.map(|(name, values)| (name, values.concat()));
            let expected = expected.map(|(name, values)| (name.to_owned(), values.to_vec()));
            assert_eq!(found, expected, "{description}");
        };
        check("member;range=0-*", Some(("member;range=0-*", &[0, 1, 2, 3, 4])));
        check("member;Range=0-1", Some(("member;range=0-1", &[0, 1])));
        check("member;range=2-3", Some(("member;range=2-3", &[2, 3])));
        check("member;range=3-4", Some(("member;range=3-*", &[3, 4])));
        check("member;range=3-99", Some(("member;range=3-*", &[3, 4])));
        check("member;range=5-9", None);
        assert_eq!(asked("member"), None);
        assert_eq!(asked("member;range=4-3"), None);
    }

    proptest! {
        #[test]
        fn any_description_is_read_without_a_panic(name: String) {
            let _ = part(&entry(&[&format!("member;{name}")]), "member");
        }

        #[test]
        fn what_is_asked_for_is_read_back(first: usize) {
            let entry = entry(&[&from_position("member", first)]);
            prop_assert_eq!(part(&entry, "member").unwrap().unwrap().first, first);
        }
    }
}
