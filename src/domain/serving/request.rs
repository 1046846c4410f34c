//! Which requests have to do with memberOf. All others are passed on as bytes, so this looks at
//! headers and names alone.

use super::{MEMBER_OF, MEMBER_OF_OID, ServePolicy, Usage, is_member_of};
use crate::proto::ber::{Reader, SEQUENCE};
use crate::proto::control::Control;
use crate::proto::oid;

/// Controls of searches whose entries are never enriched (rule S10.6).
const NEVER: [&[u8]; 5] = [
    oid::SYNC_REQUEST,
    // Manage DSA IT (RFC 3296).
    b"2.16.840.1.113730.3.4.2",
    // Persistent search (draft-ietf-ldapext-psearch).
    b"2.16.840.1.113730.3.4.3",
    // Active Directory's DirSync and change notification.
    b"1.2.840.113556.1.4.841",
    b"1.2.840.113556.1.4.528",
];

/// Base, scope, aliases, two limits, and whether values are left out.
const FIELDS_BEFORE_THE_FILTER: usize = 6;

/// What a search has to do with memberOf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    /// Whether entries show it.
    pub values: bool,
    /// Whether the filter may name it, or members.
    pub filter: bool,
    /// Whether entries may show the members of groups.
    pub members: bool,
}

/// What a search, by its content, has to do with memberOf; `None` for nothing, and for what cannot
/// be read, which is the directory's to refuse.
pub fn interest(search: &[u8], policy: &ServePolicy) -> Option<Interest> {
    let mut reader = Reader::new(search);
    for _ in 0..FIELDS_BEFORE_THE_FILTER {
        reader.element().ok()?;
    }
    let filter = may_name_one(reader.element().ok()?.whole, policy);
    let mut selection = Reader::new(reader.expect(SEQUENCE).ok()?);
    let by_default = policy.usage == Usage::User;
    let all: &[u8] = if by_default { b"*" } else { b"+" };
    let mut values = selection.is_empty() && by_default;
    let mut members = selection.is_empty();
    while !selection.is_empty() {
        let name = selection.octets().ok()?;
        values |= name == all || is_member_of(name);
        members |= name == b"*" || policy.member_attribute(name).is_some();
    }
    values &= policy.member_of;
    members &= !policy.members.is_empty();
    (values || filter || members).then_some(Interest { values, filter, members })
}

/// Whether the controls of a search say that its entries are to be what the directory has.
pub fn is_never_enriched(controls: Option<&[u8]>) -> bool {
    let mut reader = Reader::new(controls.unwrap_or_default());
    std::iter::from_fn(|| Control::read(&mut reader).ok())
        .any(|control| NEVER.contains(&control.oid))
}

/// Whether the bytes of a filter hold the name or OID of an attribute that is looked at here anywhere:
/// a value may hold it too, which the filter's parts tell then.
fn may_name_one(filter: &[u8], policy: &ServePolicy) -> bool {
    let of_groups = [MEMBER_OF.as_bytes(), MEMBER_OF_OID.as_bytes()];
    let of_groups = of_groups.into_iter().filter(|_| policy.member_of);
    let names: Vec<&[u8]> = of_groups.chain(policy.member_names()).collect();
    (0..filter.len()).any(|at| names.iter().any(|name| starts_with(&filter[at..], name)))
}

fn starts_with(bytes: &[u8], name: &[u8]) -> bool {
    bytes.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ber;
    use crate::proto::filter::Filter;

    fn search(filter: &str, attributes: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        ber::write_element(&mut out, ber::OCTET_STRING, b"dc=example");
        ber::write_integer(&mut out, ber::ENUMERATED, 2);
        ber::write_integer(&mut out, ber::ENUMERATED, 0);
        ber::write_integer(&mut out, ber::INTEGER, 0);
        ber::write_integer(&mut out, ber::INTEGER, 0);
        ber::write_boolean(&mut out, ber::BOOLEAN, false);
        Filter::parse(filter).expect("the test's filter is one").encode(&mut out);
        ber::write_nested(&mut out, SEQUENCE, |out| {
            for name in attributes {
                ber::write_element(out, ber::OCTET_STRING, name.as_bytes());
            }
        });
        out
    }

    #[track_caller]
    fn check(usage: Usage, filter: &str, attributes: &[&str], expected: Option<(bool, bool)>) {
        let policy = ServePolicy { member_of: true, usage, ..ServePolicy::default() };
        let found = interest(&search(filter, attributes), &policy);
        let found = found.map(|interest| (interest.values, interest.filter));
        assert_eq!(found, expected, "{filter} {attributes:?}");
    }

    #[test]
    fn only_what_selects_or_names_it_is_looked_at() {
        let (operational, user) = (Usage::Operational, Usage::User);
        for usage in [operational, user] {
            check(usage, "(uid=ann)", &["cn", "mail"], None);
            check(usage, "(uid=ann)", &["1.1"], None);
            check(usage, "(uid=ann)", &["cn", "MEMBEROF"], Some((true, false)));
            check(usage, "(uid=ann)", &["1.2.840.113556.1.2.102"], Some((true, false)));
            check(usage, "(memberOf=cn=a)", &["cn"], Some((false, true)));
            check(usage, "(!(&(a=b)(memberof:1.2.3:=x)))", &["cn"], Some((false, true)));
            check(usage, "(1.2.840.113556.1.2.102=*)", &["1.1"], Some((false, true)));
        }
        for (attributes, by_name, by_default) in [
            (&[][..], None, Some((true, false))),
            (&["*"], None, Some((true, false))),
            (&["+"], Some((true, false)), None),
            (&["*", "+"], Some((true, false)), Some((true, false))),
            (&["cn", "+"], Some((true, false)), None),
        ] {
            check(operational, "(uid=ann)", attributes, by_name);
            check(user, "(uid=ann)", attributes, by_default);
        }
    }

    #[test]
    fn what_cannot_be_read_is_left_to_the_directory() {
        let policy = ServePolicy { member_of: true, ..ServePolicy::default() };
        let whole = search("(memberOf=cn=a)", &["memberOf"]);
        for length in 0..whole.len() {
            assert_eq!(interest(&whole[..length], &policy), None, "{length} bytes");
        }
    }

    #[test]
    fn s10_6_synchronisation_and_its_kin_see_what_the_directory_has() {
        let controls = |oid: &[u8]| {
            let mut out = Vec::new();
            Control { oid: b"1.2.3", critical: false, value: None }.write(&mut out);
            Control { oid, critical: true, value: Some(b"x") }.write(&mut out);
            out
        };
        for oid in NEVER {
            assert!(is_never_enriched(Some(&controls(oid))));
        }
        assert!(!is_never_enriched(Some(&controls(oid::PAGED_RESULTS))));
        assert!(!is_never_enriched(None));
    }
}
