//! Bind requests and responses (RFC 4511 section 4.2).

use super::ber::{self, BerError, INTEGER, OCTET_STRING, Reader, SEQUENCE};
use super::envelope::{MessageId, write_message};
use super::op::Operation;
use super::result::LdapResult;

const SIMPLE: u8 = 0x80;
const SASL: u8 = 0xa3;
const SERVER_SASL_CREDENTIALS: u8 = 0x87;

/// A bind request, borrowed from its message. It has no `Debug`: it holds a password.
#[derive(Clone, Copy)]
pub struct BindRequest<'a> {
    /// The protocol version; 3 is the only one that is served.
    pub version: i64,
    /// The name to bind as: a DN, or what the directory takes in its place.
    pub name: &'a [u8],
    /// How the client proves that it is who it says.
    pub authentication: Authentication<'a>,
}

/// The authentication choice of a bind. It has no `Debug`: it holds a password.
#[derive(Clone, Copy)]
pub enum Authentication<'a> {
    /// A password in clear.
    Simple(&'a [u8]),
    /// One step of a SASL exchange.
    Sasl {
        /// The mechanism's name.
        mechanism: &'a [u8],
        /// The client's credentials; absent and empty are different things (RFC 4513 section 5.2).
        credentials: Option<&'a [u8]>,
    },
    /// A choice that RFC 4511 does not define.
    Unknown(u8),
}

impl<'a> BindRequest<'a> {
    /// Decodes the content of a bind request.
    pub fn decode(content: &'a [u8]) -> Result<Self, BerError> {
        let mut reader = Reader::new(content);
        let version = reader.integer()?;
        let name = reader.octets()?;
        let choice = reader.element()?;
        let authentication = match choice.tag {
            SIMPLE => Authentication::Simple(choice.content),
            SASL => {
                let mut sasl = Reader::new(choice.content);
                let mechanism = sasl.octets()?;
                let credentials = sasl.optional(OCTET_STRING)?.map(|element| element.content);
                Authentication::Sasl { mechanism, credentials }
            }
            other => Authentication::Unknown(other),
        };
        Ok(Self { version, name, authentication })
    }
}

/// The most bytes that a simple bind takes beside its name and password.
const SIMPLE_OVERHEAD: usize = 64;

/// Appends a simple bind. All room is made before the password is written: `out` does not move
/// afterwards, so that wiping it wipes every copy.
pub fn write_simple(out: &mut Vec<u8>, id: MessageId, name: &[u8], password: &[u8]) {
    out.reserve(name.len() + password.len() + SIMPLE_OVERHEAD);
    write_message(out, id, Operation::BindRequest.tag(), |out| {
        ber::write_integer(out, INTEGER, 3);
        ber::write_element(out, OCTET_STRING, name);
        ber::write_element(out, SIMPLE, password);
    });
}

/// Appends a whole message: a bind request like this one, with the body `body`, under another name.
/// All room is made first: `out` does not move afterwards, so that wiping it wipes every copy.
pub fn write_renamed(
    out: &mut Vec<u8>,
    id: MessageId,
    body: &[u8],
    name: &[u8],
) -> Result<(), BerError> {
    let mut reader = Reader::new(body);
    let operation = reader.element()?;
    let mut fields = Reader::new(operation.content);
    let version = fields.integer()?;
    fields.octets()?;
    let (credentials, behind) = (fields.take_rest(), reader.take_rest());
    let integer_size = |value: i64| {
        let mut written = Vec::new();
        ber::write_integer(&mut written, INTEGER, value);
        written.len()
    };
    let element_size = |content: usize| 1 + ber::length_of_length(content) + content;
    let content = integer_size(version) + element_size(name.len()) + credentials.len();
    let message = integer_size(i64::from(id.get())) + element_size(content) + behind.len();
    out.reserve(element_size(message));
    out.push(SEQUENCE);
    ber::write_length(out, message);
    ber::write_integer(out, INTEGER, i64::from(id.get()));
    out.push(operation.tag);
    ber::write_length(out, content);
    ber::write_integer(out, INTEGER, version);
    ber::write_element(out, OCTET_STRING, name);
    out.extend_from_slice(credentials);
    out.extend_from_slice(behind);
    Ok(())
}

/// A bind response, borrowed from its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindResponse<'a> {
    /// The result.
    pub result: LdapResult<'a>,
    /// The server's SASL credentials.
    pub sasl_credentials: Option<&'a [u8]>,
}

impl<'a> BindResponse<'a> {
    /// Decodes the content of a bind response.
    pub fn decode(content: &'a [u8]) -> Result<Self, BerError> {
        let mut reader = Reader::new(content);
        let result = LdapResult::read(&mut reader)?;
        let sasl_credentials =
            reader.optional(SERVER_SASL_CREDENTIALS)?.map(|element| element.content);
        Ok(Self { result, sasl_credentials })
    }
}

/// The body of a bind response, operation and controls, with other SASL credentials.
pub fn with_credentials(body: &[u8], credentials: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(body);
    let operation = reader.element().ok()?;
    let mut fields = Reader::new(operation.content);
    let result = LdapResult::read(&mut fields).ok()?;
    fields.optional(SERVER_SASL_CREDENTIALS).ok()?;
    let mut out = Vec::with_capacity(body.len() + 16);
    ber::write_nested(&mut out, operation.tag, |out| {
        result.write_fields(out);
        ber::write_element(out, SERVER_SASL_CREDENTIALS, credentials);
        out.extend_from_slice(fields.take_rest());
    });
    out.extend_from_slice(reader.take_rest());
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::envelope::Envelope;

    #[test]
    fn a_response_with_other_credentials_keeps_the_rest() {
        let body = [0x61, 12, 10, 1, 14, 4, 0, 4, 0, 0x87, 1, b'x', 0x99, 0, 0xa0, 0];
        let expected = [0x61, 13, 10, 1, 14, 4, 0, 4, 0, 0x87, 2, b'y', b'z', 0x99, 0, 0xa0, 0];
        assert_eq!(with_credentials(&body, b"yz"), Some(expected.to_vec()));
        assert_eq!(with_credentials(&body[..5], b"yz"), None);
    }

    #[test]
    fn a_bind_under_another_name_keeps_the_rest_and_does_not_move_the_buffer() {
        for length in [0, 1, 60, 127, 128, 255, 256, 65_536] {
            let (name, password) = (vec![b'n'; length], vec![b'p'; 200]);
            let mut bind = Vec::new();
            write_simple(&mut bind, MessageId::MAX, b"uid=ann,dc=x", &password);
            let envelope = Envelope::parse(&bind).expect("it was just written");
            let body = [envelope.body, &[0xa0, 0]].concat();
            let mut out = Vec::new();
            let exact = write_renamed(&mut out, envelope.id, &body, &name);
            let room = out.capacity();
            assert!(exact.is_ok() && room >= out.len() && out.len() + 16 > room, "{length}");
            let renamed = Envelope::parse(&out).expect("it was just written");
            assert_eq!((renamed.id, renamed.controls), (envelope.id, Some(&[][..])));
            let Ok(bind) = BindRequest::decode(renamed.content) else {
                panic!("a name of {length} bytes is not read back");
            };
            assert!(bind.version == 3 && bind.name == name);
            assert!(matches!(bind.authentication, Authentication::Simple(p) if p == password));
        }
        assert!(write_renamed(&mut Vec::new(), MessageId::MAX, b"\x60\x01", b"n").is_err());
    }

    #[test]
    fn a_password_is_written_without_moving_the_buffer() {
        for length in [0, 1, 127, 128, 255, 256, 65_536] {
            let (name, password) = (vec![b'n'; length], vec![b'p'; length]);
            let mut out = Vec::new();
            write_simple(&mut out, MessageId::MAX, &name, &password);
            assert!(out.len() <= 2 * length + SIMPLE_OVERHEAD);
            let envelope = Envelope::parse(&out).expect("it was just written");
            let Ok(bind) = BindRequest::decode(envelope.content) else {
                panic!("a bind of {length} bytes is not read back");
            };
            assert!(bind.version == 3 && bind.name == name);
            assert!(matches!(bind.authentication, Authentication::Simple(p) if p == password));
        }
    }
}
