//! An entry on its way to a client, with the groups that it is in.

use super::{MEMBER_OF, is_member_of};
use crate::proto::ber::{self, BerError, OCTET_STRING, Reader, SEQUENCE, SET};
use crate::proto::op::Operation;

/// Whether values are wanted beside the attributes' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// They are.
    Shown,
    /// They are not (`typesOnly`).
    LeftOut,
}

/// The DN of an entry, by the body of its message; `None` if that is no entry.
pub fn name(body: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(body);
    Reader::new(reader.expect(Operation::SearchResultEntry.tag()).ok()?).octets().ok()
}

/// The body of an entry that has exactly these values of memberOf, whatever the directory had: the
/// other attributes and the controls stay as they are, byte for byte. `None` if it cannot be read.
pub fn with_member_of(body: &[u8], groups: &[String], values: Values) -> Option<Vec<u8>> {
    rewrite(body, groups, values).ok()
}

fn rewrite(body: &[u8], groups: &[String], values: Values) -> Result<Vec<u8>, BerError> {
    let mut reader = Reader::new(body);
    let mut fields = Reader::new(reader.expect(Operation::SearchResultEntry.tag())?);
    let name = fields.octets()?;
    let mut list = Reader::new(fields.expect(SEQUENCE)?);
    let mut kept = Vec::with_capacity(body.len());
    while !list.is_empty() {
        let attribute = list.element()?;
        if !is_member_of(Reader::new(attribute.content).octets()?) {
            kept.extend_from_slice(attribute.whole);
        }
    }
    let room: usize = groups.iter().map(|group| group.len() + 4).sum();
    let mut out = Vec::with_capacity(body.len() + room + 32);
    ber::write_nested(&mut out, Operation::SearchResultEntry.tag(), |out| {
        ber::write_element(out, OCTET_STRING, name);
        ber::write_nested(out, SEQUENCE, |out| {
            out.extend_from_slice(&kept);
            if !groups.is_empty() {
                ber::write_nested(out, SEQUENCE, |out| write_groups(out, groups, values));
            }
        });
    });
    out.extend_from_slice(reader.take_rest());
    Ok(out)
}

fn write_groups(out: &mut Vec<u8>, groups: &[String], values: Values) {
    ber::write_element(out, OCTET_STRING, MEMBER_OF.as_bytes());
    ber::write_nested(out, SET, |out| {
        for group in groups.iter().filter(|_| values == Values::Shown) {
            ber::write_element(out, OCTET_STRING, group.as_bytes());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::envelope::{Envelope, MessageId};
    use crate::proto::search::{Attribute, Entry};
    use proptest::prelude::*;

    fn body(entry: &Entry) -> Vec<u8> {
        let mut pdu = Vec::new();
        entry.write(&mut pdu, MessageId::MAX);
        Envelope::parse(&pdu).expect("it was just written").body.to_vec()
    }

    fn entry(attributes: &[(&str, &[&str])]) -> Entry {
        let attributes = attributes.iter().map(|(name, values)| Attribute {
            name: (*name).to_owned(),
            values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
        });
        Entry { dn: "uid=ann,dc=x".to_owned(), attributes: attributes.collect() }
    }

    #[track_caller]
    fn check(before: &Entry, groups: &[&str], values: Values, expected: &Entry) {
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        let found = with_member_of(&body(before), &groups, values);
        assert_eq!(found, Some(body(expected)));
    }

    #[test]
    fn the_groups_take_the_place_of_what_the_directory_says() {
        let plain = entry(&[("cn", &["Ann"]), ("mail", &["a@x", "b@x"])]);
        let own = entry(&[("cn", &["Ann"]), ("MemberOf", &["cn=b"]), ("mail", &["a@x", "b@x"])]);
        let all =
            [("cn", &["Ann"][..]), ("mail", &["a@x", "b@x"]), ("memberOf", &["cn=a", "cn=b"])];
        let (all, none) = (entry(&all), entry(&all[..2]));
        for before in [&plain, &own] {
            check(before, &["cn=a", "cn=b"], Values::Shown, &all);
            check(before, &[], Values::Shown, &none);
        }
        let types = entry(&[("cn", &[]), ("memberOf", &[])]);
        check(&entry(&[("cn", &[])]), &["cn=a"], Values::LeftOut, &types);
        check(&types, &[], Values::LeftOut, &entry(&[("cn", &[])]));
    }

    #[test]
    fn controls_behind_an_entry_stay_there() {
        let mut with_controls = body(&entry(&[]));
        with_controls.extend_from_slice(&[0xa0, 2, 0x30, 0]);
        let found = with_member_of(&with_controls, &["cn=a".to_owned()], Values::Shown);
        assert!(found.is_some_and(|found| found.ends_with(&[0xa0, 2, 0x30, 0])));
    }

    proptest! {
        #[test]
        fn any_bytes_are_rewritten_or_left(bytes: Vec<u8>) {
            let _ = name(&bytes);
            let _ = with_member_of(&bytes, &["cn=a".to_owned()], Values::Shown);
        }
    }
}
