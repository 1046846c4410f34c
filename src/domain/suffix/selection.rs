//! Which attributes of an entry are shown (RFC 4511 section 4.5.1.8, RFC 3673).

use super::entry::Wanted;
use crate::proto::attribute::AttributeDescription;
use crate::proto::search::Entry;

/// Attributes that are asked for by name or by `+`.
const OPERATIONAL: [&str; 8] = [
    "structuralobjectclass",
    "entryuuid",
    "entrydn",
    "hassubordinates",
    "createtimestamp",
    "modifytimestamp",
    "subschemasubentry",
    "nsaccountlock",
];

/// What of the subschema is asked for by name or by `+` (RFC 4512 section 4.2).
const OPERATIONAL_IN_SCHEMA: [&str; 4] =
    ["attributetypes", "objectclasses", "ldapsyntaxes", "matchingrules"];

/// A client's selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    user: bool,
    operational: bool,
    named: Vec<AttributeDescription>,
    types_only: bool,
}

impl Selection {
    /// A selection as it came; what is no attribute's name selects nothing.
    pub fn new(attributes: &[&[u8]], types_only: bool) -> Self {
        let texts = attributes.iter().filter_map(|name| std::str::from_utf8(name).ok());
        let named = texts.filter_map(|name| AttributeDescription::parse(name).ok()).collect();
        let has = |special: &[u8]| attributes.contains(&special);
        let user = attributes.is_empty() || has(b"*");
        Self { user, operational: has(b"+"), named, types_only }
    }

    /// What has to be made of an entry.
    pub(super) fn wanted(&self) -> Wanted {
        match self.user || self.operational {
            true => Wanted::All,
            false => Wanted::of(self.named.iter().map(AttributeDescription::attribute_type)),
        }
    }

    /// The entry as the client reads it.
    pub(super) fn shown(&self, mut entry: Entry) -> Entry {
        entry.attributes.retain(|attribute| self.selects(&attribute.name));
        if self.types_only {
            entry.attributes.iter_mut().for_each(|attribute| attribute.values.clear());
        }
        entry
    }

    fn selects(&self, name: &str) -> bool {
        let Ok(description) = AttributeDescription::parse(name) else { return false };
        let kind = description.attribute_type();
        let is_operational = OPERATIONAL.contains(&kind) || OPERATIONAL_IN_SCHEMA.contains(&kind);
        let by_kind = if is_operational { self.operational } else { self.user };
        by_kind || self.named.iter().any(|named| named.covers(&description))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::search::Attribute;

    #[track_caller]
    fn check(selection: &[&str], expected: &str) {
        let attribute =
            |name: &str| Attribute { name: name.to_owned(), values: vec![b"v".to_vec()] };
        let names = ["cn", "cn;lang-de", "memberOf", "entryUUID", "attributeTypes"];
        let entry = Entry { dn: "cn=x".to_owned(), attributes: names.map(attribute).to_vec() };
        let bytes: Vec<&[u8]> = selection.iter().map(|name| name.as_bytes()).collect();
        let shown = Selection::new(&bytes, false).shown(entry.clone());
        let names: Vec<_> = shown.attributes.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(names.join(" "), expected, "{selection:?}");
        let types = Selection::new(&bytes, true).shown(entry);
        assert!(types.attributes.iter().all(|attribute| attribute.values.is_empty()));
    }

    #[test]
    fn attributes_are_selected_by_name_oid_option_and_kind() {
        check(&[], "cn cn;lang-de memberOf");
        check(&["*"], "cn cn;lang-de memberOf");
        check(&["+"], "entryUUID attributeTypes");
        check(&["*", "+"], "cn cn;lang-de memberOf entryUUID attributeTypes");
        check(&["1.1"], "");
        check(&["1.1", "CN"], "cn cn;lang-de");
        check(&["2.5.4.3"], "cn cn;lang-de");
        check(&["cn;lang-de", "ENTRYUUID"], "cn;lang-de entryUUID");
        check(&["+", "memberof"], "memberOf entryUUID attributeTypes");
        check(&["no name", "nothing"], "");
    }
}
