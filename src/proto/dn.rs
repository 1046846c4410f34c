//! Distinguished names (RFC 4514) and when two of them are the same.

use thiserror::Error;

/// Why text is no distinguished name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a distinguished name: {0}")]
pub struct DnError(pub String);

/// A distinguished name: the spelling it came in, and the form in which equal names are equal.
#[derive(Debug, Clone)]
pub struct DistinguishedName {
    text: String,
    normalized: NormalizedDn,
}

/// A distinguished name in the one form that all its spellings share.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NormalizedDn(String);

impl NormalizedDn {
    /// The normal form as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DistinguishedName {
    /// Reads a name; the empty one is the root.
    pub fn parse(_text: &str) -> Result<Self, DnError> {
        todo!()
    }

    /// Reads a name from the wire.
    pub fn from_bytes(_bytes: &[u8]) -> Result<Self, DnError> {
        todo!()
    }

    /// The spelling that the name came in.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form in which equal names are equal.
    pub fn normalized(&self) -> &NormalizedDn {
        &self.normalized
    }

    /// Whether this is the empty name.
    pub fn is_root(&self) -> bool {
        todo!()
    }

    /// Whether this name is `base`, or lies below it.
    pub fn is_within(&self, _base: &Self) -> bool {
        todo!()
    }

    /// The name one level up; `None` at the root.
    pub fn parent(&self) -> Option<Self> {
        todo!()
    }
}

impl PartialEq for DistinguishedName {
    fn eq(&self, other: &Self) -> bool {
        self.normalized == other.normalized
    }
}

impl Eq for DistinguishedName {}
