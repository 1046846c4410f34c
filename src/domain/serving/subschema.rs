//! The subschema (RFC 4512 section 4.2) as clients read it: where the directory does not know
//! memberOf, which the gateway serves, it says so.

use super::{MEMBER_OF, MEMBER_OF_OID, Usage};
use crate::proto::ber::{self, BerError, OCTET_STRING, Reader, SEQUENCE, SET};
use crate::proto::op::Operation;
use crate::proto::search::{Scope, SearchRequest};

/// The attribute that lists attribute types.
const ATTRIBUTE_TYPES: &[u8] = b"attributeTypes";
/// Its OID.
const ATTRIBUTE_TYPES_OID: &[u8] = b"2.5.21.5";

/// Scope to whether values are left out, and the filter.
const FIELDS_BEHIND_THE_SCOPE: usize = 5;

fn is_types(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(ATTRIBUTE_TYPES) || name == ATTRIBUTE_TYPES_OID
}

/// Whether a search, by its content, may read a list of attribute types: by their name, or all
/// operational attributes, of one entry.
pub fn may_be_read_by(search: &[u8]) -> bool {
    reads(search) == Some(true)
}

/// What a subschema shows (RFC 4512 section 4.2), and what every entry does.
const ALL_OF_IT: [&[u8]; 14] = [
    b"+",
    b"*",
    b"1.1",
    b"attributeTypes",
    b"objectClasses",
    b"matchingRules",
    b"matchingRuleUse",
    b"ldapSyntaxes",
    b"dITContentRules",
    b"dITStructureRules",
    b"nameForms",
    b"objectClass",
    b"cn",
    b"modifyTimestamp",
];

/// Whether a search, by its content, selects nothing but what a subschema shows.
pub fn is_all_that_is_read_by(search: &[u8]) -> bool {
    let is_it = |name: &&[u8]| {
        ALL_OF_IT.iter().any(|known| known.eq_ignore_ascii_case(name))
            || **name == *ATTRIBUTE_TYPES_OID
    };
    SearchRequest::decode(search).is_ok_and(|search| search.attributes.iter().all(is_it))
}

fn reads(search: &[u8]) -> Option<bool> {
    let mut reader = Reader::new(search);
    reader.octets().ok()?;
    if reader.enumerated().ok()? != Scope::Base.number() {
        return Some(false);
    }
    for _ in 0..FIELDS_BEHIND_THE_SCOPE {
        reader.element().ok()?;
    }
    let mut selection = Reader::new(reader.expect(SEQUENCE).ok()?);
    while !selection.is_empty() {
        let name = selection.octets().ok()?;
        if name == b"+" || is_types(name) {
            return Some(true);
        }
    }
    Some(false)
}

/// The body of an entry whose attribute types hold memberOf; `None` if it lists no types, or has
/// that one already.
pub fn with_member_of(body: &[u8], usage: Usage) -> Option<Vec<u8>> {
    rewrite(body, usage).ok().flatten()
}

fn rewrite(body: &[u8], usage: Usage) -> Result<Option<Vec<u8>>, BerError> {
    let mut reader = Reader::new(body);
    let mut fields = Reader::new(reader.expect(Operation::SearchResultEntry.tag())?);
    let name = fields.octets()?;
    let list = fields.expect(SEQUENCE)?;
    let mut attributes = Reader::new(list);
    let mut added = Vec::with_capacity(list.len() + 256);
    let mut is_added = false;
    while !attributes.is_empty() {
        let attribute = attributes.element()?;
        let mut parts = Reader::new(attribute.content);
        let description = parts.octets()?;
        let values = parts.expect(SET)?;
        if !is_types(description) || values.is_empty() {
            added.extend_from_slice(attribute.whole);
            continue;
        }
        if knows(values)? {
            return Ok(None);
        }
        is_added = true;
        ber::write_nested(&mut added, SEQUENCE, |out| {
            ber::write_element(out, OCTET_STRING, description);
            ber::write_nested(out, SET, |out| {
                out.extend_from_slice(values);
                ber::write_element(out, OCTET_STRING, definition(usage).as_bytes());
            });
        });
    }
    if !is_added {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(body.len() + 256);
    ber::write_nested(&mut out, Operation::SearchResultEntry.tag(), |out| {
        ber::write_element(out, OCTET_STRING, name);
        ber::write_element(out, SEQUENCE, &added);
    });
    out.extend_from_slice(reader.take_rest());
    Ok(Some(out))
}

/// Whether one of these attribute type descriptions is memberOf's: by its OID, or by its name.
fn knows(values: &[u8]) -> Result<bool, BerError> {
    let mut values = Reader::new(values);
    while !values.is_empty() {
        let text = values.octets()?;
        let mut words = text.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let is_it = |word: &[u8]| word.eq_ignore_ascii_case(b"'memberOf'");
        let has_oid = words.clone().nth(1) == Some(MEMBER_OF_OID.as_bytes());
        if has_oid || words.any(is_it) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The description of the type (RFC 4512 section 4.1.2).
fn definition(usage: Usage) -> String {
    let usage = match usage {
        Usage::Operational => " USAGE dSAOperation",
        Usage::User => "",
    };
    format!(
        "( {MEMBER_OF_OID} NAME '{MEMBER_OF}' DESC 'Groups that the entry is in, nested ones too' \
         EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 \
         NO-USER-MODIFICATION{usage} X-ORIGIN 'bindgate' )"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::envelope::{Envelope, MessageId};
    use crate::proto::search::{Attribute, Entry};
    use proptest::prelude::*;

    fn types(values: &[&str]) -> Option<Entry> {
        let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
        let attributes = vec![
            Attribute { name: "objectClass".to_owned(), values: vec![b"subschema".to_vec()] },
            Attribute { name: "attributeTypes".to_owned(), values },
        ];
        let mut pdu = Vec::new();
        Entry { dn: "cn=Subschema".to_owned(), attributes }.write(&mut pdu, MessageId::MAX);
        let body = Envelope::parse(&pdu).expect("it was just written").body;
        let altered = with_member_of(body, Usage::Operational)?;
        let mut reader = Reader::new(&altered);
        let content = reader.expect(Operation::SearchResultEntry.tag()).expect("an entry");
        Some(Entry::decode(content).expect("what is written can be read"))
    }

    #[test]
    fn memberof_is_added_where_it_is_not_known() {
        let cn = "( 2.5.4.3 NAME ( 'cn' 'commonName' ) DESC 'the memberOf of none' SUP name )";
        let altered = types(&[cn]).expect("it is added");
        let values = altered.values("attributeTypes");
        assert_eq!(values.len(), 2);
        let added = String::from_utf8_lossy(&values[1]);
        assert!(added.starts_with("( 1.2.840.113556.1.2.102 NAME 'memberOf' "), "{added}");
        for known in [
            "( 1.2.840.113556.1.2.102 NAME 'memberOf' )",
            "( 1.2.840.113556.1.2.102 NAME 'isIn' )",
            "( 1.2.3 NAME ( 'x' 'MEMBEROF' ) )",
        ] {
            assert_eq!(types(&[cn, known]), None, "{known}");
        }
        assert_eq!(types(&[]), None, "types alone");
    }

    proptest! {
        #[test]
        fn any_bytes_are_altered_or_left(bytes: Vec<u8>) {
            let _ = may_be_read_by(&bytes);
            let _ = with_member_of(&bytes, Usage::User);
        }
    }
}
