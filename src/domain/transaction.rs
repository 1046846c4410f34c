//! Transactions (RFC 5805): the end of one names updates by their messageIDs, which differ on the two
//! sides of a gateway. So the pairs of those in a transaction are kept until it ends.

use crate::proto::ber::{self, BerError, INTEGER, Reader, SEQUENCE};
use crate::proto::control::Control;
use crate::proto::envelope::{ClientMessageId, MessageId, UpstreamMessageId};
use crate::proto::extended::{ExtendedRequest, ExtendedResponse};
use crate::proto::oid;

/// What a request is to the transaction of its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It begins one.
    Start,
    /// It is an update of it.
    Update,
    /// It ends it.
    End,
}

/// The role of an extended request, given its content.
pub fn role_of_extended(content: &[u8]) -> Option<Role> {
    match ExtendedRequest::decode(content).ok()?.name {
        oid::START_TRANSACTION => Some(Role::Start),
        oid::END_TRANSACTION => Some(Role::End),
        _ => None,
    }
}

/// The role of an update, given its controls.
pub fn role_of_update(controls: Option<&[u8]>) -> Option<Role> {
    let mut reader = Reader::new(controls?);
    std::iter::from_fn(|| Control::read(&mut reader).ok())
        .any(|control| control.oid == oid::TRANSACTION)
        .then_some(Role::Update)
}

/// The updates of a client's transaction so far.
#[derive(Debug, Default)]
pub struct Updates {
    sent: Vec<(UpstreamMessageId, ClientMessageId)>,
}

impl Updates {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.sent.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// Another one was sent.
    pub fn sent(&mut self, upstream: UpstreamMessageId, client: ClientMessageId) {
        self.sent.push((upstream, client));
    }

    /// The transaction has ended, or its connection has.
    pub fn forget(&mut self) {
        self.sent = Vec::new();
    }

    /// The content of the response to the end of the transaction, with the client's messageIDs.
    /// Of a messageID that is none of the transaction's nothing is known: it stays.
    pub fn renumbered(&self, content: &[u8]) -> Option<Vec<u8>> {
        let response = ExtendedResponse::decode(content).ok()?;
        let value = self.value(response.value?).ok()?;
        let mut out = Vec::with_capacity(content.len() + 16);
        ExtendedResponse { value: Some(&value), ..response }.write_fields(&mut out);
        Some(out)
    }

    fn value(&self, value: &[u8]) -> Result<Vec<u8>, BerError> {
        let mut fields = Reader::new(Reader::new(value).expect(SEQUENCE)?);
        let mut content = Vec::new();
        if let Some(id) = fields.optional(INTEGER)? {
            self.write_id(&mut content, id.content);
        }
        if let Some(updates) = fields.optional(SEQUENCE)? {
            let mut updates = Reader::new(updates.content);
            let mut list = Vec::new();
            while !updates.is_empty() {
                let mut update = Reader::new(updates.expect(SEQUENCE)?);
                let mut fields = Vec::new();
                self.write_id(&mut fields, update.expect(INTEGER)?);
                fields.extend_from_slice(update.take_rest());
                ber::write_element(&mut list, SEQUENCE, &fields);
            }
            ber::write_element(&mut content, SEQUENCE, &list);
        }
        content.extend_from_slice(fields.take_rest());
        let mut out = Vec::new();
        ber::write_element(&mut out, SEQUENCE, &content);
        Ok(out)
    }

    fn write_id(&self, out: &mut Vec<u8>, content: &[u8]) {
        let upstream = ber::integer(content).ok().and_then(MessageId::new).map(UpstreamMessageId);
        let known = self.sent.iter().find(|(id, _)| Some(*id) == upstream);
        match known {
            Some((_, client)) => ber::write_integer(out, INTEGER, i64::from(client.0.get())),
            None => ber::write_element(out, INTEGER, content),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::result::{LdapResult, ResultCode};
    use proptest::prelude::*;

    fn id(number: i64) -> MessageId {
        MessageId::new(number).expect("it is in range")
    }

    fn updates() -> Updates {
        let mut updates = Updates::default();
        updates.sent(UpstreamMessageId(id(7)), ClientMessageId(id(300)));
        updates.sent(UpstreamMessageId(id(8)), ClientMessageId(id(1)));
        updates
    }

    fn response(value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let result = LdapResult::new(ResultCode::NO_SUCH_OBJECT, "");
        ExtendedResponse { result, name: None, value: Some(value) }.write_fields(&mut out);
        out
    }

    #[track_caller]
    fn check(value: &[u8], expected: &[u8]) {
        assert_eq!(updates().renumbered(&response(value)), Some(response(expected)));
    }

    #[test]
    fn the_updates_are_named_by_the_clients_messageids() {
        check(&[0x30, 3, 2, 1, 7], &[0x30, 4, 2, 2, 1, 44]);
        check(&[0x30, 3, 2, 1, 9], &[0x30, 3, 2, 1, 9]);
        check(&[0x30, 0], &[0x30, 0]);
        check(
            &[0x30, 11, 0x30, 9, 0x30, 7, 2, 1, 8, 0x30, 2, 4, 0],
            &[0x30, 11, 0x30, 9, 0x30, 7, 2, 1, 1, 0x30, 2, 4, 0],
        );
    }

    #[test]
    fn a_response_that_cannot_be_read_stays_as_it_is() {
        assert_eq!(updates().renumbered(&response(b"x")), None);
        assert_eq!(updates().renumbered(b"\x0a\x01"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = updates().renumbered(&response(&bytes));
            let _ = (role_of_extended(&bytes), role_of_update(Some(&bytes)));
        }
    }
}
