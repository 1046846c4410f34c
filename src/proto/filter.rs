//! Search filters (RFC 4511 section 4.5.1.7, RFC 4515, RFC 4526).

use super::ber::BerError;
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

/// The bounds of a filter from the wire.
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

impl Filter {
    /// Reads a filter from the wire: one element with its tag and length.
    pub fn decode(_bytes: &[u8], _limits: FilterLimits) -> Result<Self, BerError> {
        todo!()
    }

    /// Appends this filter as the wire has it.
    pub fn encode(&self, _out: &mut Vec<u8>) {
        todo!()
    }

    /// Reads a filter's string form (RFC 4515).
    pub fn parse(_text: &str) -> Result<Self, FilterError> {
        todo!()
    }

    /// `(attribute=value)`.
    pub fn equal(attribute: &str, value: impl Into<Vec<u8>>) -> Self {
        Self::Equal(attribute.to_owned(), value.into())
    }

    /// `(objectClass=*)`: every entry.
    pub fn any_entry() -> Self {
        Self::Present("objectClass".to_owned())
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}
