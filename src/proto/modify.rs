//! Modify, add, compare and modify DN requests, as far as the sample directory needs them
//! (RFC 4511 sections 4.6, 4.7 and 4.10).

use super::ber::{BerError, Reader, SEQUENCE, SET};

/// What one change of a modify does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModifyKind {
    /// Adds values.
    Add,
    /// Takes the values away, or the attribute if no value is named.
    Delete,
    /// Puts the values in the place of those that are there.
    Replace,
}

/// One change of a modify, borrowed from its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modification<'a> {
    /// What it does.
    pub kind: ModifyKind,
    /// The attribute description.
    pub attribute: &'a [u8],
    /// The values it is about.
    pub values: Vec<&'a [u8]>,
}

/// A modify request, borrowed from its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModifyRequest<'a> {
    /// The entry to change.
    pub dn: &'a [u8],
    /// The changes, in order.
    pub changes: Vec<Modification<'a>>,
}

impl<'a> ModifyRequest<'a> {
    /// Decodes the content of a modify request.
    pub fn decode(content: &'a [u8]) -> Result<Self, BerError> {
        let mut reader = Reader::new(content);
        let dn = reader.octets()?;
        let mut list = Reader::new(reader.expect(SEQUENCE)?);
        let mut changes = Vec::new();
        while !list.is_empty() {
            let mut change = Reader::new(list.expect(SEQUENCE)?);
            let kind = match change.enumerated()? {
                0 => ModifyKind::Add,
                1 => ModifyKind::Delete,
                2 => ModifyKind::Replace,
                _ => return Err(BerError::BadInteger),
            };
            let mut fields = Reader::new(change.expect(SEQUENCE)?);
            let attribute = fields.octets()?;
            let mut set = Reader::new(fields.expect(SET)?);
            let mut values = Vec::new();
            while !set.is_empty() {
                values.push(set.octets()?);
            }
            changes.push(Modification { kind, attribute, values });
        }
        Ok(Self { dn, changes })
    }
}

/// A compare request, borrowed from its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompareRequest<'a> {
    /// The entry to look at.
    pub dn: &'a [u8],
    /// The attribute description.
    pub attribute: &'a [u8],
    /// The value to look for.
    pub value: &'a [u8],
}

impl<'a> CompareRequest<'a> {
    /// Decodes the content of a compare request.
    pub fn decode(content: &'a [u8]) -> Result<Self, BerError> {
        let mut reader = Reader::new(content);
        let dn = reader.octets()?;
        let mut assertion = Reader::new(reader.expect(SEQUENCE)?);
        Ok(Self { dn, attribute: assertion.octets()?, value: assertion.octets()? })
    }
}
