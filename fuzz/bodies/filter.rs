//! Filters, as the wire has them and as text.

use bindgate::proto::attribute::AttributeDescription;
use bindgate::proto::filter::{Filter, FilterLimits};

/// A filter from the wire: written and read again it is the same, also as text.
pub(crate) fn wire(data: &[u8]) {
    let limits = FilterLimits::default();
    let Ok(filter) = Filter::decode(data, limits) else { return };
    assert_eq!(decoded(&filter), filter);
    let names = filter.attributes();
    assert!(names.len() <= data.len());
    // A range option is a description's too, but its equals sign ends the name in a filter's text.
    let is_name = |name: &&str| AttributeDescription::parse(name).is_ok() && !name.contains('=');
    let sound = names.iter().all(is_name);
    let text = filter.to_string();
    match Filter::parse(&text) {
        // What is no name is written so that it is none; a matching rule has its own rules.
        Ok(read) => assert_eq!(read, filter, "{text}"),
        Err(_) => assert!(!sound || has_rule(&filter), "{text} is not read back"),
    }
}

/// A filter as text: written and read again it is the same, also over the wire.
pub(crate) fn text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(filter) = Filter::parse(text) else { return };
    assert_eq!(decoded(&filter), filter);
    let again = filter.to_string();
    assert_eq!(Filter::parse(&again).as_ref(), Ok(&filter), "{again}");
}

fn decoded(filter: &Filter) -> Filter {
    let mut out = Vec::new();
    filter.encode(&mut out);
    Filter::decode(&out, FilterLimits::default()).expect("a written filter is read back")
}

/// Whether an extensible match is in it, whose rule may be any text or missing.
fn has_rule(filter: &Filter) -> bool {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().any(has_rule),
        Filter::Not(part) => has_rule(part),
        Filter::Extensible { .. } => true,
        _ => false,
    }
}
