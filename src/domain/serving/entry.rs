//! An entry on its way to a client, with the groups that it is in.

use super::{MEMBER_OF, is_member_of};
use crate::proto::ber::{self, BerError, OCTET_STRING, Reader, SEQUENCE, SET};
use crate::proto::op::Operation;
use crate::proto::search::Attribute;

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

/// The attributes of an entry that are wanted, with their values, by the body of its message.
pub fn attributes(body: &[u8], is_wanted: impl Fn(&[u8]) -> bool) -> Vec<Attribute> {
    let mut found = Vec::new();
    // What cannot be read is passed on as it is.
    let _ = each_attribute(body, |name, values| {
        if let (true, Ok(name)) = (is_wanted(name), std::str::from_utf8(name)) {
            let mut values = Reader::new(values);
            let values = std::iter::from_fn(|| values.octets().ok().map(<[u8]>::to_vec)).collect();
            found.push(Attribute { name: name.to_owned(), values });
        }
    });
    found
}

fn each_attribute(body: &[u8], mut tell: impl FnMut(&[u8], &[u8])) -> Result<(), BerError> {
    let mut reader = Reader::new(body);
    let mut fields = Reader::new(reader.expect(Operation::SearchResultEntry.tag())?);
    fields.octets()?;
    let mut list = Reader::new(fields.expect(SEQUENCE)?);
    while !list.is_empty() {
        let mut attribute = Reader::new(list.element()?.content);
        tell(attribute.octets()?, attribute.expect(SET)?);
    }
    Ok(())
}

/// The body of an entry without the attributes that are not shown; `None` if all are. One that cannot be
/// read is an error: what is in it is not known.
pub fn shown(body: &[u8], is_shown: impl Fn(&[u8]) -> bool) -> Result<Option<Vec<u8>>, BerError> {
    let mut is_whole = true;
    each_attribute(body, |name, _| is_whole &= is_shown(name))?;
    if is_whole {
        return Ok(None);
    }
    let mut reader = Reader::new(body);
    let mut fields = Reader::new(reader.expect(Operation::SearchResultEntry.tag())?);
    let name = fields.octets()?;
    let mut list = Reader::new(fields.expect(SEQUENCE)?);
    let mut kept = Vec::with_capacity(body.len());
    while !list.is_empty() {
        let attribute = list.element()?;
        if is_shown(Reader::new(attribute.content).octets()?) {
            kept.extend_from_slice(attribute.whole);
        }
    }
    let mut out = Vec::with_capacity(body.len());
    ber::write_nested(&mut out, Operation::SearchResultEntry.tag(), |out| {
        ber::write_element(out, OCTET_STRING, name);
        ber::write_element(out, SEQUENCE, &kept);
    });
    out.extend_from_slice(reader.take_rest());
    Ok(Some(out))
}

/// What an entry has in the place of what the directory says.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// The values of memberOf; `None` leaves them as they are.
    pub groups: Option<Vec<String>>,
    /// Attributes of which it has these values, each by the description that it comes with and the
    /// one that it gets.
    pub others: Vec<(String, Attribute)>,
}

/// The body of an entry with these changes: the other attributes and the controls stay as they are,
/// byte for byte. `None` if it cannot be read.
pub fn changed(body: &[u8], changes: &Changes, values: Values) -> Option<Vec<u8>> {
    rewrite(body, changes, values).ok()
}

fn rewrite(body: &[u8], changes: &Changes, values: Values) -> Result<Vec<u8>, BerError> {
    let mut reader = Reader::new(body);
    let mut fields = Reader::new(reader.expect(Operation::SearchResultEntry.tag())?);
    let name = fields.octets()?;
    let mut list = Reader::new(fields.expect(SEQUENCE)?);
    let groups = changes.groups.as_deref();
    let mut kept = Vec::with_capacity(body.len());
    while !list.is_empty() {
        let attribute = list.element()?;
        let description = Reader::new(attribute.content).octets()?;
        let is_other = |(own, _): &&(String, Attribute)| own.as_bytes() == description;
        if let Some((_, other)) = changes.others.iter().find(is_other) {
            write_values(&mut kept, &other.name, other.values.iter().map(Vec::as_slice));
        } else if groups.is_none() || !is_member_of(description) {
            kept.extend_from_slice(attribute.whole);
        }
    }
    let groups = groups.unwrap_or_default();
    let room: usize = groups.iter().map(|group| group.len() + 4).sum();
    let mut out = Vec::with_capacity(kept.len() + room + 32);
    ber::write_nested(&mut out, Operation::SearchResultEntry.tag(), |out| {
        ber::write_element(out, OCTET_STRING, name);
        ber::write_nested(out, SEQUENCE, |out| {
            out.extend_from_slice(&kept);
            match values {
                Values::LeftOut if groups.is_empty() => {}
                Values::LeftOut => write_attribute(out, MEMBER_OF, std::iter::empty()),
                Values::Shown => write_values(out, MEMBER_OF, groups.iter().map(String::as_bytes)),
            }
        });
    });
    out.extend_from_slice(reader.take_rest());
    Ok(out)
}

/// An attribute is there where it has values.
fn write_values<'v>(out: &mut Vec<u8>, name: &str, values: impl Iterator<Item = &'v [u8]>) {
    let mut values = values.peekable();
    if values.peek().is_some() {
        write_attribute(out, name, values);
    }
}

fn write_attribute<'v>(out: &mut Vec<u8>, name: &str, values: impl Iterator<Item = &'v [u8]>) {
    ber::write_nested(out, SEQUENCE, |out| {
        ber::write_element(out, OCTET_STRING, name.as_bytes());
        ber::write_nested(out, SET, |out| {
            values.for_each(|value| ber::write_element(out, OCTET_STRING, value));
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::envelope::{Envelope, MessageId};

    #[test]
    fn what_is_not_shown_is_taken_out_and_all_else_stays_byte_for_byte() {
        let entry = |names: &[&str]| {
            let mut body = Vec::new();
            ber::write_nested(&mut body, Operation::SearchResultEntry.tag(), |out| {
                ber::write_element(out, OCTET_STRING, b"uid=a");
                ber::write_nested(out, SEQUENCE, |out| {
                    let value = [&b"v"[..]];
                    names.iter().for_each(|name| write_attribute(out, name, value.into_iter()));
                });
            });
            // Controls.
            body.extend([0xa0, 0]);
            body
        };
        let is_shown = |name: &[u8]| !name.eq_ignore_ascii_case(b"userPassword");
        assert_eq!(shown(&entry(&["cn", "mail"]), is_shown), Ok(None));
        let left = shown(&entry(&["cn", "userPassword", "mail"]), is_shown);
        assert_eq!(left, Ok(Some(entry(&["cn", "mail"]))));
        assert_eq!(shown(&entry(&["USERPASSWORD"]), is_shown), Ok(Some(entry(&[]))));
        let whole = entry(&["cn", "userPassword"]);
        for cut in 0..whole.len() - 2 {
            assert!(shown(&whole[..cut], is_shown).is_err(), "{cut}: nothing is guessed");
        }
    }

    use crate::proto::search::Entry;
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
        let changes = Changes { groups: Some(groups), ..Changes::default() };
        let found = changed(&body(before), &changes, values);
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

    fn of_groups(groups: &[&str]) -> Changes {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        Changes { groups: Some(groups), others: Vec::new() }
    }

    #[test]
    fn another_attribute_gets_its_values_in_its_place_and_perhaps_another_name() {
        let before =
            body(&entry(&[("member", &["cn=x"]), ("cn", &["A"]), ("memberOf", &["cn=b"])]));
        let wanted = attributes(&before, |name| name == b"member");
        assert_eq!(wanted, entry(&[("member", &["cn=x"])]).attributes);
        let part = Attribute {
            name: "member;range=0-1".to_owned(),
            values: vec![b"cn=y".to_vec(), b"cn=z".to_vec()],
        };
        let change = |other| Changes { groups: None, others: vec![("member".to_owned(), other)] };
        let after =
            [("member;range=0-1", &["cn=y", "cn=z"][..]), ("cn", &["A"]), ("memberOf", &["cn=b"])];
        let found = changed(&before, &change(part), Values::Shown);
        assert_eq!(found, Some(body(&entry(&after))));
        let none = Attribute { name: "member".to_owned(), values: Vec::new() };
        let found = changed(&before, &change(none), Values::Shown);
        assert_eq!(found, Some(body(&entry(&after[1..]))));
    }

    #[test]
    fn controls_behind_an_entry_stay_there() {
        let mut with_controls = body(&entry(&[]));
        with_controls.extend_from_slice(&[0xa0, 2, 0x30, 0]);
        let found = changed(&with_controls, &of_groups(&["cn=a"]), Values::Shown);
        assert!(found.is_some_and(|found| found.ends_with(&[0xa0, 2, 0x30, 0])));
    }

    proptest! {
        #[test]
        fn any_bytes_are_rewritten_or_left(bytes: Vec<u8>) {
            let _ = name(&bytes);
            let _ = attributes(&bytes, |_| true);
            let _ = changed(&bytes, &of_groups(&["cn=a"]), Values::Shown);
        }
    }
}
