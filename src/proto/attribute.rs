//! Attribute descriptions (RFC 4512 section 2.5): a type and its options.

use thiserror::Error;

/// Why text is no attribute description.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not an attribute description: {0}")]
pub struct AttributeError(pub String);

/// An attribute description, compared without regard to case and to the order of options.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributeDescription {
    normalized: String,
}

impl AttributeDescription {
    /// Reads a description.
    pub fn parse(_text: &str) -> Result<Self, AttributeError> {
        todo!()
    }

    /// The type in lower case; well-known OIDs are turned into names.
    pub fn attribute_type(&self) -> &str {
        todo!()
    }

    /// Type and options in lower case, options sorted.
    pub fn as_str(&self) -> &str {
        &self.normalized
    }
}
