//! The digest of an entry: the same for as long as what a record takes from it is the same.

use crate::proto::search::Entry;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

/// A digest of an entry's DN and attributes, keyed by `seed`, which nobody should know who chooses
/// what is in an entry. Neither the order of attributes and values counts, nor the case of attribute
/// descriptions, nor values that come twice.
pub fn digest(seed: (u64, u64), entry: &Entry) -> u128 {
    let mut attributes: Vec<(String, Vec<&[u8]>)> = entry
        .attributes
        .iter()
        .filter(|attribute| !attribute.values.is_empty())
        .map(|attribute| {
            let mut values: Vec<&[u8]> = attribute.values.iter().map(Vec::as_slice).collect();
            values.sort_unstable();
            values.dedup();
            (attribute.name.to_ascii_lowercase(), values)
        })
        .collect();
    attributes.sort_unstable();
    let mut hasher = SipHasher13::new_with_keys(seed.0, seed.1);
    let mut part = |bytes: &[u8]| {
        hasher.write_u64(bytes.len() as u64);
        hasher.write(bytes);
    };
    part(entry.dn.as_bytes());
    for (description, values) in attributes {
        part(description.as_bytes());
        part(&(values.len() as u64).to_be_bytes());
        values.into_iter().for_each(&mut part);
    }
    hasher.finish128().as_u128()
}

/// A digest of texts in order. It is the same in every process.
pub fn of_parts(parts: &[String]) -> u128 {
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    for part in parts {
        hasher.write_u64(part.len() as u64);
        hasher.write(part.as_bytes());
    }
    hasher.finish128().as_u128()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::search::Attribute;

    fn entry(dn: &str, attributes: &[(&str, &[&str])]) -> Entry {
        let attributes = attributes.iter().map(|(name, values)| Attribute {
            name: (*name).to_owned(),
            values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
        });
        Entry { dn: dn.to_owned(), attributes: attributes.collect() }
    }

    #[track_caller]
    fn check(attributes: &[(&str, &[&str])], is_same: bool) {
        let plain = digest((1, 2), &entry("uid=ann", &[("cn", &["Ann", "A"]), ("mail", &["a@x"])]));
        assert_eq!(
            digest((1, 2), &entry("uid=ann", attributes)) == plain,
            is_same,
            "{attributes:?}"
        );
    }

    #[test]
    fn order_and_case_of_names_do_not_count_and_everything_else_does() {
        check(&[("MAIL", &["a@x"]), ("CN", &["A", "Ann", "A"])], true);
        check(&[("cn", &["Ann", "A"]), ("mail", &["a@x"]), ("sn", &[])], true);
        check(&[("cn", &["Ann", "a"]), ("mail", &["a@x"])], false);
        check(&[("cn", &["AnnA"]), ("mail", &["a@x"])], false);
        check(&[("cn", &["Ann"]), ("mail", &["a@x"])], false);
        check(&[("cn", &["Ann", "A", "mail", "a@x"])], false);
        let attributes: &[(&str, &[&str])] = &[("cn", &["Ann"])];
        let spelled = |dn: &str| digest((1, 2), &entry(dn, attributes));
        assert_ne!(spelled("a"), spelled("A"));
        assert_ne!(digest((1, 3), &entry("a", attributes)), spelled("a"));
    }
}
