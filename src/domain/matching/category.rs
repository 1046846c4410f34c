//! `(objectCategory=person)`: Active Directory takes the name of a class for its default category.
//!
//! An `objectCategory` is the DN of a class in the schema, `CN=Person,CN=Schema,…`. A filter may name
//! the class instead, and means the category that objects of that class have (MS-ADTS section
//! 3.1.1.3.1.3.5). There is no schema here: of the classes whose category is another class's only
//! those of people are known, and for the others it is the class itself.

use crate::proto::dn::DistinguishedName;

/// The attribute.
pub(super) const OBJECT_CATEGORY: &str = "objectcategory";

/// Classes of people: all have one category.
const PEOPLE: [&str; 5] = ["person", "organizationalperson", "user", "contact", "inetorgperson"];

/// Whether the category of that value is the one that a class has.
pub(super) fn is_of_class(value: &[u8], class: &[u8]) -> bool {
    let Some(class) = std::str::from_utf8(class).ok().map(bare) else { return false };
    let wanted = if PEOPLE.contains(&class.as_str()) { PEOPLE[0] } else { &class };
    let Ok(name) = DistinguishedName::from_bytes(value) else { return false };
    let named = name.named_values();
    let first = named.first().and_then(|named| std::str::from_utf8(&named.value).ok());
    first.is_some_and(|first| bare(first) == wanted)
}

/// The schema calls `organizationalUnit` "Organizational-Unit".
fn bare(name: &str) -> String {
    name.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect()
}
