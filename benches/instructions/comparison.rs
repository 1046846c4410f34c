//! The committed counts, and what is said when a new count differs from them.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// How much a count may grow before it has to be looked at, in per cent.
pub(crate) const TOLERANCE: f64 = 3.0;

/// What one repetition of a scenario takes.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Count {
    /// Instructions.
    pub(crate) instructions: f64,
    /// Calls that ask for memory. Kept as information; not compared.
    pub(crate) allocations: f64,
}

/// Counts by scenario.
pub(crate) type Counts = BTreeMap<String, Count>;

/// A difference between what is committed and what was counted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Finding {
    /// More than the tolerance allows.
    Grown { name: String, committed: f64, counted: f64 },
    /// So much less that a later growth would be hidden.
    Shrunk { name: String, committed: f64, counted: f64 },
    /// Counted, but not in the file.
    Uncommitted(String),
    /// In the file, but no scenario any more.
    Uncounted(String),
}

impl Finding {
    /// Whether the change must not be taken as it is.
    pub(crate) fn is_fault(&self) -> bool {
        !matches!(self, Self::Shrunk { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grown { name, committed, counted } => {
                let percent = growth(*committed, *counted);
                write!(f, "{name} grew by {percent:.1} %: {committed:.1} -> {counted:.1}")
            }
            Self::Shrunk { name, committed, counted } => {
                let percent = -growth(*committed, *counted);
                write!(f, "{name} shrank by {percent:.1} %: {committed:.1} -> {counted:.1}")?;
                write!(f, "; update the file (--write)")
            }
            Self::Uncommitted(name) => write!(f, "{name} is not in the file (--write)"),
            Self::Uncounted(name) => write!(f, "{name} is in the file, but is not counted"),
        }
    }
}

/// Every difference that is worth a word.
pub(crate) fn compare(committed: &Counts, counted: &Counts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, count) in counted {
        let (name, counted) = (name.clone(), count.instructions);
        let Some(committed) = committed.get(&name).map(|count| count.instructions) else {
            findings.push(Finding::Uncommitted(name));
            continue;
        };
        let percent = growth(committed, counted);
        if percent < -TOLERANCE {
            findings.push(Finding::Shrunk { name, committed, counted });
        } else if percent > TOLERANCE || percent.is_nan() {
            findings.push(Finding::Grown { name, committed, counted });
        }
    }
    let gone = committed.keys().filter(|name| !counted.contains_key(*name));
    findings.extend(gone.cloned().map(Finding::Uncounted));
    findings
}

fn growth(committed: f64, counted: f64) -> f64 {
    (counted / committed - 1.0) * 100.0
}

/// Reads the committed file.
pub(crate) fn read(text: &str) -> Result<Counts, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}

/// The committed file with these counts, in this order.
pub(crate) fn write<'a>(counts: impl Iterator<Item = (&'a str, Count)>) -> String {
    let mut text = String::from(HEADER);
    for (name, count) in counts {
        let Count { instructions, allocations } = count;
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n[{name}]\ninstructions = {instructions:.1}\nallocations = {allocations:.3}\n"
        );
    }
    text
}

const HEADER: &str = "\
# What one repetition takes: instructions, and calls that ask for memory.
# Written by `scripts/instruction-counts --write`, which belongs into the commit that changes a
# count on purpose. What is counted, and how: docs/instructions.md.
";
