//! Controls (RFC 4511 section 4.1.11), read one after another from an envelope.

use super::ber::{self, BOOLEAN, BerError, OCTET_STRING, Reader, SEQUENCE};

/// A control, borrowed from its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control<'a> {
    /// The control's OID.
    pub oid: &'a [u8],
    /// Whether the operation must not be done without it; absent means no.
    pub critical: bool,
    /// Its value.
    pub value: Option<&'a [u8]>,
}

impl<'a> Control<'a> {
    /// Reads the next control.
    pub fn read(reader: &mut Reader<'a>) -> Result<Self, BerError> {
        let mut fields = Reader::new(reader.expect(SEQUENCE)?);
        let oid = fields.octets()?;
        let critical = match fields.optional(BOOLEAN)? {
            Some(element) => ber::boolean(element.content)?,
            None => false,
        };
        let value = fields.optional(OCTET_STRING)?.map(|element| element.content);
        Ok(Self { oid, critical, value })
    }

    /// All controls of an envelope, at most `limit` of them.
    pub fn decode_all(content: &'a [u8], limit: usize) -> Result<Vec<Self>, BerError> {
        let mut reader = Reader::new(content);
        let mut controls = Vec::new();
        while !reader.is_empty() {
            if controls.len() == limit {
                return Err(BerError::TooMany);
            }
            controls.push(Self::read(&mut reader)?);
        }
        Ok(controls)
    }

    /// Appends this control.
    pub fn write(&self, out: &mut Vec<u8>) {
        ber::write_nested(out, SEQUENCE, |out| {
            ber::write_element(out, OCTET_STRING, self.oid);
            if self.critical {
                ber::write_boolean(out, BOOLEAN, true);
            }
            if let Some(value) = self.value {
                ber::write_element(out, OCTET_STRING, value);
            }
        });
    }
}
