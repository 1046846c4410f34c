//! Attributes that name the members of a group, each with the rule of its kind.

use super::entry::MemberKey;
use crate::proto::dn::DistinguishedName;
use crate::proto::search::Entry;

/// How the values of an attribute name members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberRule {
    /// By DN: `member`.
    Name,
    /// By DN, perhaps with a bit string behind it (RFC 4517 3.3.21): `uniqueMember`. The bit string
    /// tells the bearers of one name apart that followed each other, so a value with one does not
    /// name whoever bears the name now. A directory compares like that too (RFC 4517 4.2.31): a
    /// search for the name alone does not find the value, so no walk could.
    NameAndUid,
    /// By a value of the user's `uid`, whose case counts here though not there (RFC 2307):
    /// `memberUid`. It names users, never groups.
    Uid,
}

/// An attribute that names members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberAttribute {
    /// Its name or OID.
    pub name: String,
    /// How its values name members.
    pub rule: MemberRule,
    /// The class of groups that have it, as a walk's searches say it: where none does, a directory
    /// without an index for the attribute need not look at all groups.
    pub class: Option<String>,
}

impl MemberAttribute {
    /// The attribute of that name or OID, in whatever class of groups it stands.
    pub fn new(name: &str) -> Self {
        let is = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(name));
        let rule = if is(&["uniqueMember", "2.5.4.50"]) {
            MemberRule::NameAndUid
        } else if is(&["memberUid", "1.3.6.1.1.1.1.12"]) {
            MemberRule::Uid
        } else {
            MemberRule::Name
        };
        Self { name: name.to_owned(), rule, class: None }
    }

    /// What the usual classes of groups have: groupOfNames and others, groupOfUniqueNames,
    /// posixGroup.
    pub fn usual() -> Vec<Self> {
        let of =
            |class: &str, name: &str| Self { class: Some(class.to_owned()), ..Self::new(name) };
        vec![
            Self::new("member"),
            of("groupOfUniqueNames", "uniqueMember"),
            of("posixGroup", "memberUid"),
        ]
    }

    /// Whom a value names; nobody, if it is a placeholder that keeps a group from being empty.
    pub fn key(&self, value: &[u8]) -> Option<MemberKey> {
        let name = match self.rule {
            MemberRule::Uid => {
                return std::str::from_utf8(value).ok().and_then(MemberKey::uid);
            }
            MemberRule::Name => value,
            MemberRule::NameAndUid if has_bits(value) => return None,
            MemberRule::NameAndUid => value,
        };
        let dn = DistinguishedName::from_bytes(name).ok().filter(|dn| !dn.is_root())?;
        Some(MemberKey::Dn(dn.normalized().clone()))
    }
}

/// Everybody whom a group's entry names.
pub fn members<'e>(
    attributes: &'e [MemberAttribute],
    entry: &'e Entry,
) -> impl Iterator<Item = MemberKey> + use<'e> {
    let of = |attribute: &'e MemberAttribute| {
        entry.values(&attribute.name).iter().filter_map(|value| attribute.key(value))
    };
    attributes.iter().flat_map(of)
}

/// Whether `#'0101'B` stands at the end. A DN may hold the same characters there, but then a
/// directory reads the value like this too.
pub fn has_bits(value: &[u8]) -> bool {
    value.strip_suffix(b"'B").is_some_and(|rest| {
        let digits = rest.iter().rev().take_while(|byte| matches!(byte, b'0' | b'1')).count();
        rest[..rest.len() - digits].ends_with(b"#'")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(attribute: &str, value: &[u8], expected: Option<&str>) {
        let key = MemberAttribute::new(attribute).key(value);
        let text = key.map(|key| match key {
            MemberKey::Dn(dn) => dn.as_str().to_owned(),
            MemberKey::Uid(uid) => format!("uid {uid}"),
        });
        assert_eq!(text.as_deref(), expected, "{attribute}");
    }

    #[test]
    fn each_attribute_names_members_by_its_own_rule() {
        let ann = "uid=ann,dc=example";
        check("member", b"UID=Ann, DC=example", Some(ann));
        check("owner", b"uid=ann,dc=example", Some(ann));
        for name in ["uniqueMember", "UNIQUEMEMBER", "2.5.4.50"] {
            check(name, b"uid=ann,dc=example", Some(ann));
            check(name, b"uid=ann,dc=example#'0101'B", None);
            check(name, b"uid=ann,dc=example#''B", None);
        }
        check("memberUid", b"Ann", Some("uid Ann"));
        check("memberuid", b" ann  b ", Some("uid ann b"));
    }

    #[test]
    fn what_names_nobody_is_no_member() {
        check("member", b"", None);
        check("member", b"dummy", None);
        check("member", b"\xff=x", None);
        check("uniqueMember", b"#'0101'B", None);
        check("memberUid", b" ", None);
        check("memberUid", b"\xff", None);
    }

    #[test]
    fn a_bit_string_is_seen_only_where_it_is_one() {
        for (value, expected) in [
            ("cn=a#'01'B", true),
            ("cn=a#''B", true),
            ("cn=a#'02'B", false),
            ("cn=a'01'B", false),
            ("cn=a#'01'", false),
            ("'B", false),
        ] {
            assert_eq!(has_bits(value.as_bytes()), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn a_name_with_a_bit_string_names_nobody_who_bears_it_now(
            name in "(cn=[a-z#'B01]{1,5},dc=[a-z]{1,3})?",
            bits in "[01]{0,9}",
        ) {
            let value = format!("{name}#'{bits}'B");
            prop_assert_eq!(MemberAttribute::new("uniqueMember").key(value.as_bytes()), None);
        }

        #[test]
        fn any_value_is_read_without_a_panic(value: Vec<u8>) {
            for name in ["member", "uniqueMember", "memberUid"] {
                MemberAttribute::new(name).key(&value);
            }
        }
    }
}
