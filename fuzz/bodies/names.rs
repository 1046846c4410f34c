//! Distinguished names and attribute descriptions: equal ones have one normal form, which is its
//! own.

use bindgate::proto::attribute::AttributeDescription;
use bindgate::proto::dn::{DistinguishedName, escape_value};

/// A name; and the same bytes as a value in one.
pub(crate) fn dn(data: &[u8]) {
    as_value(data);
    let Ok(name) = DistinguishedName::from_bytes(data) else { return };
    let normalized = name.normalized();
    let again = DistinguishedName::parse(normalized.as_str());
    match again {
        Ok(again) => {
            assert_eq!(again.normalized(), normalized, "{name}");
            assert_eq!(again, name);
        }
        // Hex pairs may make it longer than a name may be.
        Err(error) => assert!(normalized.as_str().len() > 8192, "{error}: {normalized:?}"),
    }
    assert_eq!(name.is_root(), name.parent().is_none());
    if let Some(parent) = name.parent() {
        assert!(name.is_within(&parent) && !parent.is_within(&name), "{name}");
        let read = DistinguishedName::parse(parent.as_str()).expect("a parent's spelling is read");
        assert_eq!(read, parent, "{name}");
    }
    assert!(name.named_values().iter().all(|part| !part.attribute_type.is_empty()));
}

fn as_value(value: &[u8]) {
    if value.len() > 2000 {
        return;
    }
    let text = format!("cn={}", escape_value(value));
    let name = DistinguishedName::parse(&text).expect("an escaped value can stand in a name");
    let values = name.named_values();
    assert_eq!(values.len(), 1, "{text}");
    assert_eq!(values[0].value, value, "{text}");
}

/// An attribute description.
pub(crate) fn attribute(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(description) = AttributeDescription::parse(text) else { return };
    assert_eq!(AttributeDescription::parse(description.as_str()).as_ref(), Ok(&description));
    assert!(description.covers(&description), "{text}");
}
