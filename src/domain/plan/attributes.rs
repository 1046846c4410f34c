//! The attributes of a record, each by its own rule (S3.4).

use super::Plan;
use crate::domain::change::Change;
use crate::domain::observation::Observation;
use crate::domain::policy::{Absent, AttributeMapping, AttributeUpdate, UserType};
use crate::domain::record::{Attributes, Record};
use crate::proto::search::Entry;
use std::collections::BTreeMap;

/// The local name of the attribute that is shown as the name for people.
const DISPLAY_NAME: &str = "display_name";

/// The attribute that stands in for it.
const COMMON_NAME: &str = "cn";

/// Plans attributes and the name for people.
pub(super) fn plan_attributes(
    plan: &mut Plan,
    user_type: &UserType,
    observation: &Observation,
    record: Option<&Record>,
) {
    let mappings = &user_type.attributes;
    let mut attributes = record.map(|record| record.attributes.clone()).unwrap_or_default();
    let found = returned(mappings, &observation.user.entry);
    let gone = cleared(mappings, &found, &attributes, observation);
    for name in gone {
        attributes.remove(&name);
        plan.changes.push(Change::AttributeSet { name, values: Vec::new() });
    }
    for (name, (update, values)) in found {
        let kept = attributes.get(name);
        let is_taken_over = match update {
            AttributeUpdate::Overwrite => kept.is_none_or(|kept| sorted(kept) != values),
            AttributeUpdate::FillIfEmpty => kept.is_none(),
            AttributeUpdate::FirstSignOn => record.is_none(),
            AttributeUpdate::Never => false,
        };
        if is_taken_over {
            attributes.insert(name.to_owned(), values.clone());
            plan.changes.push(Change::AttributeSet { name: name.to_owned(), values });
        }
    }
    let name = display_name(mappings, &attributes);
    if record.and_then(|record| record.display_name.as_ref()) != name.as_ref() {
        plan.changes.push(Change::DisplayNamed(name));
    }
}

/// The mapped attributes that the entry returned. Of two mappings to one local name the first whose
/// attribute is there counts.
fn returned<'a>(
    mappings: &'a [AttributeMapping],
    entry: &Entry,
) -> BTreeMap<&'a str, (AttributeUpdate, Vec<Vec<u8>>)> {
    let mut found = BTreeMap::new();
    for mapping in mappings {
        let values = entry.values(&mapping.upstream);
        if !values.is_empty() {
            let found = found.entry(mapping.local.as_str());
            found.or_insert_with(|| (mapping.update, sorted(values)));
        }
    }
    found
}

/// The attributes that go: all mappings to them say so, and the service account was seen to be able
/// to read each. One that may not be read looks like one that is not there.
fn cleared(
    mappings: &[AttributeMapping],
    found: &BTreeMap<&str, (AttributeUpdate, Vec<Vec<u8>>)>,
    kept: &Attributes,
    observation: &Observation,
) -> Vec<String> {
    let is_cleared = |name: &&String| {
        let mut of = mappings.iter().filter(|mapping| mapping.local == **name).peekable();
        of.peek().is_some() && of.all(|mapping| clears(mapping, observation))
    };
    let absent = kept.keys().filter(|name| !found.contains_key(name.as_str()));
    absent.filter(is_cleared).cloned().collect()
}

fn clears(mapping: &AttributeMapping, observation: &Observation) -> bool {
    mapping.absent == Absent::Clear
        && mapping.update == AttributeUpdate::Overwrite
        && observation.readable.contains(&mapping.upstream.to_ascii_lowercase())
}

/// The attributes in the directory that would go from the record if it were certain that they may
/// be read.
pub fn doubtful<'a>(
    mappings: &'a [AttributeMapping],
    entry: &Entry,
    record: &Record,
) -> Vec<&'a str> {
    let wanted = mappings.iter().filter(|mapping| {
        mapping.absent == Absent::Clear
            && mapping.update == AttributeUpdate::Overwrite
            && record.attributes.contains_key(&mapping.local)
            && entry.values(&mapping.upstream).is_empty()
    });
    wanted.map(|mapping| mapping.upstream.as_str()).collect()
}

/// The name for people, from what the record will hold. Of several values the least: any other
/// choice would have to trust an order that the directory need not repeat.
fn display_name(mappings: &[AttributeMapping], attributes: &Attributes) -> Option<String> {
    let named = mappings.iter().filter(|mapping| mapping.local == DISPLAY_NAME);
    let common =
        mappings.iter().filter(|mapping| mapping.upstream.eq_ignore_ascii_case(COMMON_NAME));
    named.chain(common).find_map(|mapping| {
        let values = attributes.get(&mapping.local)?.iter();
        let texts = values.filter_map(|value| std::str::from_utf8(value).ok());
        texts.filter(|text| !text.trim().is_empty()).min().map(str::to_owned)
    })
}

fn sorted(values: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted
}
