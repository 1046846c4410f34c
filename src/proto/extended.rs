//! Extended requests and responses (RFC 4511 section 4.12).

use super::ber::{self, BerError, Reader};
use super::envelope::{MessageId, write_message};
use super::op::Operation;
use super::result::LdapResult;

const REQUEST_NAME: u8 = 0x80;
const REQUEST_VALUE: u8 = 0x81;
const RESPONSE_NAME: u8 = 0x8a;
const RESPONSE_VALUE: u8 = 0x8b;

/// An extended request, borrowed from its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedRequest<'a> {
    /// The operation's OID.
    pub name: &'a [u8],
    /// Its value.
    pub value: Option<&'a [u8]>,
}

impl<'a> ExtendedRequest<'a> {
    /// Decodes the content of an extended request.
    pub fn decode(content: &'a [u8]) -> Result<Self, BerError> {
        let mut reader = Reader::new(content);
        let name = reader.expect(REQUEST_NAME)?;
        let value = reader.optional(REQUEST_VALUE)?.map(|element| element.content);
        Ok(Self { name, value })
    }

    /// Appends a whole message with this request.
    pub fn write(&self, out: &mut Vec<u8>, id: MessageId) {
        write_message(out, id, Operation::ExtendedRequest.tag(), |out| self.write_fields(out));
    }

    /// Appends this request without an envelope.
    pub fn write_body(&self, out: &mut Vec<u8>) {
        let tag = Operation::ExtendedRequest.tag();
        ber::write_nested(out, tag, |out| self.write_fields(out));
    }

    fn write_fields(&self, out: &mut Vec<u8>) {
        ber::write_element(out, REQUEST_NAME, self.name);
        if let Some(value) = self.value {
            ber::write_element(out, REQUEST_VALUE, value);
        }
    }
}

/// An extended response, borrowed from its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedResponse<'a> {
    /// The result.
    pub result: LdapResult<'a>,
    /// The response's OID.
    pub name: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
}

impl<'a> ExtendedResponse<'a> {
    /// Decodes the content of an extended response.
    pub fn decode(content: &'a [u8]) -> Result<Self, BerError> {
        let mut reader = Reader::new(content);
        let result = LdapResult::read(&mut reader)?;
        let (mut name, mut value) = (None, None);
        while !reader.is_empty() {
            let element = reader.element()?;
            match element.tag {
                RESPONSE_NAME => name = name.or(Some(element.content)),
                RESPONSE_VALUE => value = value.or(Some(element.content)),
                // Fields of extensions that are unknown here are skipped (RFC 4511 section 4).
                _ => {}
            }
        }
        Ok(Self { result, name, value })
    }

    /// Appends a whole message with this response.
    pub fn write(&self, out: &mut Vec<u8>, id: MessageId) {
        write_message(out, id, Operation::ExtendedResponse.tag(), |out| self.write_fields(out));
    }

    /// Appends the fields of this response.
    pub fn write_fields(&self, out: &mut Vec<u8>) {
        self.result.write_fields(out);
        if let Some(name) = self.name {
            ber::write_element(out, RESPONSE_NAME, name);
        }
        if let Some(value) = self.value {
            ber::write_element(out, RESPONSE_VALUE, value);
        }
    }
}
