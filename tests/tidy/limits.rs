//! The rule about `docs/limits.md`: every limit that can be configured has a row, and every row an
//! effect, something that counts it, and tests that exist.

use super::conformance::{is_test, quoted};
use super::source::Source;
use std::collections::BTreeSet;

/// A key of the configuration: section and name.
type Key = (String, String);

/// What is wrong with the page, one line a breach; `reference` is the configuration with all keys.
pub(crate) fn breaches(page: &str, reference: &str, sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    let (known, mut told) = (keys(reference), BTreeSet::new());
    for line in page.lines() {
        let Some(row) = line.strip_prefix("| `").and_then(|row| row.strip_suffix('|')) else {
            continue;
        };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [limit, effect, counted, evidence] = cells[..] else {
            found.push(format!("a row has {} cells: {row}", cells.len()));
            continue;
        };
        told.extend(named(limit));
        if effect.is_empty() || counted.is_empty() || counted.starts_with("not ") {
            found.push(format!("no effect, or nothing that counts it: {limit}"));
        }
        if quoted(evidence).next().is_none() {
            found.push(format!("no test: {limit}"));
        }
        let none = quoted(evidence).filter(|name| !is_test(name, sources));
        found.extend(none.map(|name| format!("{name} is no test: {limit}")));
    }
    let unknown = told.iter().filter(|key| !known.contains(key));
    found.extend(unknown.map(|(section, key)| format!("there is no key {section} {key}")));
    let silent = known.iter().filter(|key| is_limit(&key.1) && !told.contains(key));
    found.extend(silent.map(|(section, key)| format!("no row for {section} {key}")));
    found
}

fn is_limit(key: &str) -> bool {
    // How many spare connections are made is no bound of what anybody may do.
    (key.starts_with("max_") && key != "max_ahead") || key.ends_with("_timeout") || key == "budget"
}

/// The keys of a first cell, whose first quotation mark is gone: `[section] key`, `key`, ….
fn named(cell: &str) -> Vec<Key> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for text in cell.split('`').step_by(2) {
        let key = match text.split_once("] ") {
            Some((header, key)) => {
                section = header.trim_matches(['[', ']']).to_owned();
                key
            }
            None => text,
        };
        keys.push((section.clone(), key.to_owned()));
    }
    keys
}

/// All keys of a configuration file, those that are commented out included.
fn keys(reference: &str) -> BTreeSet<Key> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in reference.lines() {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.trim_start_matches(['#', ' ']).split_once(" = ") {
            keys.insert((section.clone(), key.to_owned()));
        }
    }
    keys
}
