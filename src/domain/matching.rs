//! Whether an entry matches a filter, decided here and not by the directory (RFC 4511 section
//! 4.5.1.7): three-valued logic, matching rules by attribute (RFC 4517, RFC 4518).

use crate::proto::filter::Filter;
use crate::proto::search::Entry;

/// The value of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It matches.
    True,
    /// It does not.
    False,
    /// It cannot be told, which is not the same as `False` below a NOT.
    Undefined,
}

/// Evaluates a filter on an entry.
pub fn evaluate(_filter: &Filter, _entry: &Entry) -> Truth {
    todo!()
}

/// Whether two values of an attribute are equal by its matching rule.
pub fn values_equal(_attribute: &str, _left: &[u8], _right: &[u8]) -> bool {
    todo!()
}
