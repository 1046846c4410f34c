//! The names of the suffix: people below one entry, groups below another.

use crate::proto::dn::{DistinguishedName, DnError, NormalizedDn, escape_value};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use thiserror::Error;

/// The names of the entries that are always there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    suffix: DistinguishedName,
    people: DistinguishedName,
    groups: DistinguishedName,
    schema: DistinguishedName,
    /// The attribute type of the suffix' first RDN, and its value.
    naming: (String, String),
}

/// Why a name cannot be that of the records.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// It is empty.
    #[error("the root has entries of its own")]
    Empty,
    /// It begins with something that has no class of its own.
    #[error("it has to begin with one dc, o or ou")]
    Naming,
    /// The names below it are too long.
    #[error(transparent)]
    TooLong(#[from] DnError),
}

/// Where in the suffix a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The suffix itself.
    Suffix,
    /// The entry above people.
    People,
    /// The entry above groups.
    Groups,
    /// The subschema.
    Schema,
    /// Right below people, if there is such an entry.
    Person(NormalizedDn),
    /// Right below groups, if there is such an entry.
    Group(NormalizedDn),
    /// Where no entry ever is.
    Nowhere,
}

impl Layout {
    /// The names below a suffix whose first RDN is a `dc`, an `o` or an `ou`.
    pub fn new(suffix: DistinguishedName) -> Result<Self, LayoutError> {
        let Some(parent) = suffix.parent() else { return Err(LayoutError::Empty) };
        let (all, above) = (suffix.named_values(), parent.named_values());
        let is_one = all.len() == above.len() + 1;
        let first = all.into_iter().next().filter(|_| is_one).filter(|first| {
            ["dc", "o", "ou"].contains(&first.attribute_type.as_str()) && !first.value.is_empty()
        });
        let first = first
            .and_then(|first| Some((first.attribute_type, String::from_utf8(first.value).ok()?)));
        let Some(naming) = first else {
            return Err(LayoutError::Naming);
        };
        let below = |rdn: &str| DistinguishedName::parse(&format!("{rdn},{suffix}"));
        let (people, groups, schema) =
            (below("ou=people")?, below("ou=groups")?, below("cn=subschema")?);
        Ok(Self { suffix, people, groups, schema, naming })
    }

    /// The suffix.
    pub fn suffix(&self) -> &DistinguishedName {
        &self.suffix
    }

    /// The entry above people.
    pub fn people(&self) -> &DistinguishedName {
        &self.people
    }

    /// The entry above groups.
    pub fn groups(&self) -> &DistinguishedName {
        &self.groups
    }

    /// The subschema.
    pub fn schema(&self) -> &DistinguishedName {
        &self.schema
    }

    pub(super) fn naming(&self) -> (&str, &str) {
        (&self.naming.0, &self.naming.1)
    }

    /// Where a name leads to; `None` if it lies outside.
    pub fn place(&self, name: &DistinguishedName) -> Option<Place> {
        if !name.is_within(&self.suffix) {
            return None;
        }
        if *name == self.suffix {
            return Some(Place::Suffix);
        }
        for (known, place) in [
            (&self.people, Place::People),
            (&self.groups, Place::Groups),
            (&self.schema, Place::Schema),
        ] {
            if name == known {
                return Some(place);
            }
        }
        let (own, above) = (name.normalized(), name.normalized().parent());
        Some(match above {
            Some(above) if above == *self.people.normalized() => Place::Person(own.clone()),
            Some(above) if above == *self.groups.normalized() => Place::Group(own.clone()),
            _ => Place::Nowhere,
        })
    }

    /// The nearest entry above a name that is within the suffix and has none itself.
    pub fn matched(&self, name: &DistinguishedName) -> &DistinguishedName {
        [&self.people, &self.groups]
            .into_iter()
            .find(|above| name.is_within(above) && name != *above)
            .unwrap_or(&self.suffix)
    }
}

/// What tells an entry from others of the same name.
pub(super) struct Qualifier<'a> {
    /// Its id.
    pub(super) uuid: String,
    /// Its directory, where there are several: two may give the same ids.
    pub(super) directory: Option<&'a str>,
}

/// The name of an entry.
pub(super) fn name_of(
    kind: &str,
    name: &str,
    qualifier: Option<Qualifier<'_>>,
    above: &DistinguishedName,
) -> String {
    let name = escape_value(name);
    match qualifier {
        None => format!("{kind}={name},{above}"),
        Some(Qualifier { uuid, directory: None }) => {
            format!("{kind}={name}+entryUUID={uuid},{above}")
        }
        Some(Qualifier { uuid, directory: Some(directory) }) => {
            let directory = escape_value(directory);
            format!("{kind}={name}+entryUUID={uuid}+o={directory},{above}")
        }
    }
}

/// The id of an entry as entryUUID has it (RFC 4530): the directory's where that is a UUID in any
/// spelling, else one that is made of it.
pub(super) fn uuid_of(directory: &str, id: &str) -> String {
    let digits: String = id.chars().filter(char::is_ascii_hexdigit).collect();
    let others = id.chars().filter(|c| !c.is_ascii_hexdigit());
    if digits.len() == 32 && others.clone().all(|c| matches!(c, '-' | '{' | '}')) {
        return hyphenated(&digits.to_ascii_lowercase());
    }
    let mut hasher = SipHasher13::new();
    hasher.write(directory.as_bytes());
    hasher.write(&[0]);
    hasher.write(id.as_bytes());
    let hash = hasher.finish128().as_u128();
    // Version 8: the bits are the maker's own (RFC 9562 section 5.8).
    let hash = hash & !(0xf << 76) | (0x8 << 76);
    let hash = hash & !(0x3 << 62) | (0x2 << 62);
    hyphenated(&format!("{hash:032x}"))
}

fn hyphenated(digits: &str) -> String {
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.map(|part| digits.get(part).unwrap_or_default()).join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dn(text: &str) -> DistinguishedName {
        DistinguishedName::parse(text).expect("a name")
    }

    #[test]
    fn a_name_leads_to_a_place_in_any_spelling() {
        let layout = Layout::new(dn("dc=bindgate")).expect("a suffix");
        let check = |name: &str, expected: Option<Place>| {
            assert_eq!(layout.place(&dn(name)), expected, "{name}");
        };
        check("DC=BindGate", Some(Place::Suffix));
        check("ou=People, dc=bindgate", Some(Place::People));
        check("ou=groups,dc=bindgate", Some(Place::Groups));
        check("cn=Subschema,dc=bindgate", Some(Place::Schema));
        let ann = dn("uid=ann,ou=people,dc=bindgate").normalized().clone();
        check("UID=Ann , OU=people,dc=bindgate", Some(Place::Person(ann)));
        check("cn=a,uid=ann,ou=people,dc=bindgate", Some(Place::Nowhere));
        check("ou=more,dc=bindgate", Some(Place::Nowhere));
        check("dc=example,dc=com", None);
        check("", None);
        check("xdc=bindgate", None);
    }

    #[test]
    fn a_suffix_begins_with_one_part_of_a_kind_that_has_a_class() {
        for (suffix, fits) in [
            ("dc=bindgate", true),
            ("o=records,dc=example,dc=com", true),
            ("ou=a\\2Cb,o=x", true),
            ("", false),
            ("cn=records", false),
            ("dc=a+o=b", false),
            ("dc=", false),
        ] {
            assert_eq!(Layout::new(dn(suffix)).is_ok(), fits, "{suffix}");
        }
    }

    #[test]
    fn an_id_is_a_uuid_where_it_can_be_one_and_one_of_its_own_elsewhere() {
        let same = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
        assert_eq!(uuid_of("corp", same), same);
        assert_eq!(uuid_of("corp", "0F1E2D3C-4B5A6978-8796A5B4-C3D2E1F0"), same);
        let own = uuid_of("corp", "own:cn=printers");
        assert_eq!((own.len(), &own[14..15]), (36, "8"));
        assert!("89ab".contains(&own[19..20]), "{own}");
        assert_ne!(own, uuid_of("other", "own:cn=printers"));
        assert_ne!(own, uuid_of("corp", "own:cn=printer"));
    }
}
