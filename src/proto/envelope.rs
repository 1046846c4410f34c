//! The LDAPMessage envelope (RFC 4511 section 4.1.1): peeled, never decoded further.
//!
//! A message is split into messageID, operation and controls; it is relayed with another messageID
//! and otherwise byte for byte.

use super::ber::{self, BerError, INTEGER, Reader, SEQUENCE};
use super::op::Operation;
use thiserror::Error;

/// The tag of an envelope's controls.
pub const CONTROLS: u8 = 0xa0;

/// A messageID: 0 (unsolicited notifications) to 2^31-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct MessageId(u32);

impl MessageId {
    /// Reserved for unsolicited notifications (RFC 4511 section 4.1.1.1).
    pub const UNSOLICITED: Self = Self(0);
    /// The greatest messageID.
    pub const MAX: Self = Self(i32::MAX as u32);

    /// A messageID, if `value` is in range.
    pub fn new(value: i64) -> Option<Self> {
        u32::try_from(value).ok().filter(|value| *value <= Self::MAX.0).map(Self)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The messageID after this one; 1 follows the greatest, so that 0 is never reached.
    pub const fn next(self) -> Self {
        if self.0 >= Self::MAX.0 { Self(1) } else { Self(self.0 + 1) }
    }
}

/// A messageID that a client chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientMessageId(pub MessageId);

/// A messageID that the gateway chose on an upstream connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamMessageId(pub MessageId);

/// A message, split but not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The messageID.
    pub id: MessageId,
    /// Which operation it holds.
    pub operation: Operation,
    /// The operation's content, without tag and length.
    pub content: &'a [u8],
    /// The operation with tag and length, followed by the controls and whatever else the sequence
    /// holds: what a relay repeats.
    pub body: &'a [u8],
    /// The content of the controls element, if there is one.
    pub controls: Option<&'a [u8]>,
}

/// Why bytes are not an LDAPMessage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// Not the BER that LDAP allows.
    #[error(transparent)]
    Ber(#[from] BerError),
    /// A messageID below 0 or above 2^31-1.
    #[error("message id is out of range")]
    BadMessageId,
}

impl<'a> Envelope<'a> {
    /// Splits one whole message, as [`super::framing::frame`] found it.
    pub fn parse(pdu: &'a [u8]) -> Result<Self, EnvelopeError> {
        let mut reader = Reader::new(Reader::new(pdu).expect(SEQUENCE)?);
        let id = ber::integer(reader.expect(INTEGER)?).ok().and_then(MessageId::new);
        let id = id.ok_or(EnvelopeError::BadMessageId)?;
        let mut rest = reader.clone();
        let op = reader.element()?;
        let controls = reader.optional(CONTROLS)?.map(|element| element.content);
        // What follows the controls is ignored by the extensibility rules of section 4, and relayed.
        let body = rest.take_rest();
        Ok(Self { id, operation: Operation::from_tag(op.tag), content: op.content, body, controls })
    }

    /// Appends this message under another messageID; operation and controls stay as they are.
    pub fn write_as(&self, id: MessageId, out: &mut Vec<u8>) {
        write_with_body(id, self.body, out);
    }
}

/// Appends a message made of `id` and `body`: an operation and, if any, its controls.
pub fn write_with_body(id: MessageId, body: &[u8], out: &mut Vec<u8>) {
    let id_bytes = id.get().to_be_bytes();
    let mut skip = id_bytes.iter().take_while(|byte| **byte == 0).count().min(3);
    if id_bytes[skip] & 0x80 != 0 {
        skip -= 1;
    }
    let digits = &id_bytes[skip..];
    out.push(SEQUENCE);
    ber::write_length(out, 2 + digits.len() + body.len());
    out.extend_from_slice(&[INTEGER, digits.len() as u8]);
    out.extend_from_slice(digits);
    out.extend_from_slice(body);
}

/// Appends a message whose operation, under `tag`, is written by `fill`: straight into `out`, since
/// a buffer in between would keep a copy of what may be a password.
pub fn write_message(out: &mut Vec<u8>, id: MessageId, tag: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    ber::write_nested(out, SEQUENCE, |out| {
        ber::write_integer(out, INTEGER, i64::from(id.get()));
        ber::write_nested(out, tag, fill);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(pdu: &[u8], expected: Result<(u32, Operation), EnvelopeError>) {
        let got = Envelope::parse(pdu).map(|e| (e.id.get(), e.operation));
        assert_eq!(got, expected, "{pdu:02x?}");
    }

    #[test]
    fn a_message_is_split_into_id_operation_and_controls() {
        check(&[0x30, 5, 2, 1, 7, 0x42, 0], Ok((7, Operation::UnbindRequest)));
        check(&[0x30, 5, 2, 1, 0x80, 0x42, 0], Err(EnvelopeError::BadMessageId));
        check(&[0x30, 9, 2, 5, 0, 0x80, 0, 0, 0, 0x42, 0], Err(EnvelopeError::BadMessageId));
        check(&[0x30, 3, 2, 1, 7], Err(EnvelopeError::Ber(BerError::Truncated)));
        check(&[0x30, 0], Err(EnvelopeError::Ber(BerError::Truncated)));
        let with_controls = [0x30, 7, 2, 1, 7, 0x42, 0, 0xa0, 0];
        let envelope = Envelope::parse(&with_controls).expect("it is well formed");
        assert_eq!(envelope.controls, Some(&[][..]));
        assert_eq!(envelope.body, &[0x42, 0, 0xa0, 0]);
    }

    #[test]
    fn message_ids_wrap_past_the_greatest_to_one() {
        assert_eq!(MessageId::MAX.next().get(), 1);
        assert_eq!(MessageId::UNSOLICITED.next().get(), 1);
    }

    proptest! {
        #[test]
        fn a_renumbered_message_differs_in_its_id_alone(id in 0u32..=0x7fff_ffff, body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut op = Vec::new();
            ber::write_element(&mut op, 0x64, &body);
            let mut out = Vec::new();
            let id = MessageId::new(i64::from(id)).expect("it is in range");
            write_with_body(id, &op, &mut out);
            let mut straight = Vec::new();
            write_message(&mut straight, id, 0x64, |out| out.extend_from_slice(&body));
            prop_assert_eq!(&straight, &out);
            let back = Envelope::parse(&out).expect("it was just written");
            prop_assert_eq!(back.id, id);
            prop_assert_eq!(back.body, &op[..]);
        }

        #[test]
        fn any_bytes_are_split_or_refused(bytes: Vec<u8>) {
            let _ = Envelope::parse(&bytes);
        }
    }
}
