//! Which attributes of an entry a search returns (RFC 4511 section 4.5.1.8, RFC 3673).

use crate::proto::search::{Attribute, Entry};

/// Attributes that are returned only when they are asked for by name or by `+`.
const OPERATIONAL: [&str; 16] = [
    "createTimestamp",
    "creatorsName",
    "entryCSN",
    "entryDN",
    "entryUUID",
    "hasSubordinates",
    "memberOf",
    "modifiersName",
    "modifyTimestamp",
    "namingContexts",
    "pwdAccountLockedTime",
    "structuralObjectClass",
    "supportedExtension",
    "supportedFeatures",
    "supportedLDAPVersion",
    "vendorName",
];

/// The attributes that a search asks for.
#[derive(Debug)]
pub(super) struct Selection<'a> {
    names: &'a [&'a [u8]],
    user: bool,
    operational: bool,
}

impl<'a> Selection<'a> {
    /// Reads the attribute selection of a request; none at all means all user attributes.
    pub(super) fn new(names: &'a [&'a [u8]]) -> Self {
        let asked = |special: &[u8]| names.contains(&special);
        Self { names, user: names.is_empty() || asked(b"*"), operational: asked(b"+") }
    }

    /// What is returned of `entry`: with its values, or only its types.
    pub(super) fn of(&self, entry: &Entry, types_only: bool) -> Entry {
        let chosen = entry.attributes.iter().filter(|attribute| self.takes(&attribute.name));
        let shown = |attribute: &Attribute| Attribute {
            name: attribute.name.clone(),
            values: if types_only { Vec::new() } else { attribute.values.clone() },
        };
        Entry { dn: entry.dn.clone(), attributes: chosen.map(shown).collect() }
    }

    fn takes(&self, description: &str) -> bool {
        let operational = OPERATIONAL.iter().any(|name| is_of(description, name.as_bytes()));
        let wholesale = if operational { self.operational } else { self.user };
        wholesale || self.names.iter().any(|name| is_of(description, name))
    }
}

/// Whether `description` is `asked`, or `asked` with further options (RFC 4512 section 2.5.2).
fn is_of(description: &str, asked: &[u8]) -> bool {
    let description = description.as_bytes();
    description.get(..asked.len()).is_some_and(|head| head.eq_ignore_ascii_case(asked))
        && matches!(description.get(asked.len()), None | Some(b';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: &[&str], expected: &[&str]) {
        let attribute =
            |name: &str| Attribute { name: name.to_owned(), values: vec![b"x".to_vec()] };
        let names = ["objectClass", "cn", "cn;lang-de", "cnx", "entryUUID", "memberOf"];
        let entry = Entry { dn: "cn=x".to_owned(), attributes: names.map(attribute).to_vec() };
        let asked: Vec<&[u8]> = asked.iter().map(|name| name.as_bytes()).collect();
        let got = Selection::new(&asked).of(&entry, false);
        let got: Vec<&str> = got.attributes.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(got, expected, "{asked:?}");
    }

    #[test]
    fn a_selection_returns_what_it_names() {
        check(&[], &["objectClass", "cn", "cn;lang-de", "cnx"]);
        check(&["*"], &["objectClass", "cn", "cn;lang-de", "cnx"]);
        check(&["+"], &["entryUUID", "memberOf"]);
        check(&["CN"], &["cn", "cn;lang-de"]);
        check(&["cn;lang-de"], &["cn;lang-de"]);
        check(&["1.1"], &[]);
        check(&["1.1", "cn"], &["cn", "cn;lang-de"]);
        check(&["memberof", "cnx"], &["cnx", "memberOf"]);
        check(&["*", "+"], &["objectClass", "cn", "cn;lang-de", "cnx", "entryUUID", "memberOf"]);
    }

    #[test]
    fn types_only_returns_no_values() {
        let attribute = Attribute { name: "cn".to_owned(), values: vec![b"x".to_vec()] };
        let entry = Entry { dn: "cn=x".to_owned(), attributes: vec![attribute] };
        assert!(Selection::new(&[]).of(&entry, true).attributes[0].values.is_empty());
    }
}
