//! What a directory's root DSE (RFC 4512 section 5.1) says to the gateway itself.

use crate::proto::dn::DistinguishedName;
use crate::proto::search::Entry;

/// Attributes that these functions look at.
pub const ATTRIBUTES: [&str; 2] = ["supportedControl", "namingContexts"];

/// Whether a control is offered.
pub fn has_control(root: &Entry, oid: &[u8]) -> bool {
    root.values("supportedControl").iter().any(|known| known == oid)
}

/// The deepest of the naming contexts that hold a name; `None` if none does.
pub fn naming_context(root: &Entry, name: &DistinguishedName) -> Option<DistinguishedName> {
    let contexts = root.values("namingContexts").iter();
    let contexts = contexts.filter_map(|value| DistinguishedName::from_bytes(value).ok());
    let holding = contexts.filter(|context| name.is_within(context));
    holding.max_by_key(|context| context.as_str().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::search::Attribute;

    fn root(attribute: &str, values: &[&str]) -> Entry {
        let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
        let attributes = vec![Attribute { name: attribute.to_owned(), values }];
        Entry { dn: String::new(), attributes }
    }

    #[test]
    fn the_deepest_context_that_holds_a_name_is_its_own() {
        let name = DistinguishedName::parse("ou=groups,dc=sales,dc=example").unwrap();
        for (contexts, expected) in [
            (&["dc=example", "DC=Sales, dc=example", "dc=other"][..], Some("DC=Sales, dc=example")),
            (&["no name", "dc=example"], Some("dc=example")),
            (&["dc=other"], None),
            (&[], None),
        ] {
            let found = naming_context(&root("namingContexts", contexts), &name);
            assert_eq!(found.as_ref().map(DistinguishedName::as_str), expected, "{contexts:?}");
        }
    }

    #[test]
    fn a_control_is_offered_if_it_is_listed() {
        let root = root("supportedControl", &["1.2.3", "1.2.3.4"]);
        assert!(has_control(&root, b"1.2.3.4") && !has_control(&root, b"1.2.3.4.5"));
    }
}
