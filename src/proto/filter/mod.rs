//! Search filters (RFC 4511 section 4.5.1.7, RFC 4515, RFC 4526).

mod scan;
mod text;
mod wire;

use super::ber::BerError;
use std::collections::HashSet;
use std::fmt;
use thiserror::Error;

/// Why text is no filter, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a filter: {reason} at byte {at}")]
pub struct FilterError {
    /// What is wrong.
    pub reason: String,
    /// The byte at which it is.
    pub at: usize,
}

/// The bounds of a filter. A filter without others in it has depth 1 and one component; each part of
/// a substrings assertion counts as a component too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterLimits {
    /// The deepest nesting.
    pub depth: usize,
    /// The most components in all.
    pub components: usize,
}

/// A filter as a tree; attribute descriptions keep their spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// True if all are; with none in it, the absolute true filter.
    And(Vec<Filter>),
    /// True if one is; with none in it, the absolute false filter.
    Or(Vec<Filter>),
    /// True if the other is false; undefined if that is undefined.
    Not(Box<Filter>),
    /// A value is equal.
    Equal(String, Vec<u8>),
    /// A value has these parts in this order.
    Substrings {
        /// The attribute description.
        attribute: String,
        /// What the value begins with.
        initial: Option<Vec<u8>>,
        /// What stands in between, in order.
        any: Vec<Vec<u8>>,
        /// What the value ends with.
        last: Option<Vec<u8>>,
    },
    /// A value is greater or equal.
    GreaterOrEqual(String, Vec<u8>),
    /// A value is less or equal.
    LessOrEqual(String, Vec<u8>),
    /// The attribute has a value.
    Present(String),
    /// A value is about equal.
    Approximate(String, Vec<u8>),
    /// A matching rule holds.
    Extensible {
        /// The rule, if one is named.
        rule: Option<String>,
        /// The attribute description, if one is named.
        attribute: Option<String>,
        /// The value to match.
        value: Vec<u8>,
        /// Whether the entry's DN counts as attributes too.
        dn_attributes: bool,
    },
}

impl FilterLimits {
    /// The greatest depth that is ever followed, whatever is asked for. It bounds the recursion of
    /// decoding, and thereby of encoding, writing, evaluating and dropping what was decoded.
    pub const MAX_DEPTH: usize = 128;
}

impl Default for FilterLimits {
    /// Depth 64 and 10 000 components: what a filter's string form may have.
    fn default() -> Self {
        Self { depth: 64, components: 10_000 }
    }
}

impl Filter {
    /// Reads a filter from the wire: one element with its tag and length. Attribute descriptions
    /// may be any UTF-8, as the protocol has it; what is no description matches as Undefined.
    pub fn decode(bytes: &[u8], limits: FilterLimits) -> Result<Self, BerError> {
        wire::decode(bytes, limits)
    }

    /// Looks whether a filter on the wire keeps to the limits, without decoding it: its cost is one
    /// pass over its headers, and no memory. [`BerError::TooDeep`] and [`BerError::TooMany`] say
    /// which limit it breaks; other errors, that its nesting is malformed.
    pub fn check(bytes: &[u8], limits: FilterLimits) -> Result<(), BerError> {
        scan::check(bytes, limits)
    }

    /// Appends this filter as the wire has it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        wire::encode(self, out);
    }

    /// Reads a filter's string form (RFC 4515), within the default [`FilterLimits`].
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        text::parse(text, FilterLimits::default())
    }

    /// `(attribute=value)`.
    pub fn equal(attribute: &str, value: impl Into<Vec<u8>>) -> Self {
        Self::Equal(attribute.to_owned(), value.into())
    }

    /// `(objectClass=*)`: every entry.
    pub fn any_entry() -> Self {
        Self::Present("objectClass".to_owned())
    }

    /// Every attribute description that the filter mentions, in the order of their first mention,
    /// once each without regard to case.
    pub fn attributes(&self) -> Vec<&str> {
        let mut seen = HashSet::new();
        let mut names = Vec::new();
        let mut open = vec![self];
        while let Some(filter) = open.pop() {
            let name = match filter {
                Self::And(filters) | Self::Or(filters) => {
                    open.extend(filters.iter().rev());
                    None
                }
                Self::Not(inner) => {
                    open.push(inner);
                    None
                }
                Self::Equal(name, _)
                | Self::GreaterOrEqual(name, _)
                | Self::LessOrEqual(name, _)
                | Self::Approximate(name, _)
                | Self::Present(name)
                | Self::Substrings { attribute: name, .. } => Some(name.as_str()),
                Self::Extensible { attribute, .. } => attribute.as_deref(),
            };
            names.extend(name.filter(|name| seen.insert(name.to_ascii_lowercase())));
        }
        names
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(self, f)
    }
}

#[cfg(test)]
mod tests;
