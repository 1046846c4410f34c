//! A client's transaction (RFC 5805) on its own connection: which updates it holds.

use super::connection::Connection;
use crate::app::ports::Ports;
use crate::domain::transaction::{Role, role_of_extended, role_of_update};
use crate::proto::ber::{self, Reader};
use crate::proto::envelope::{ClientMessageId, Envelope, UpstreamMessageId};
use crate::proto::op::Operation;
use tokio::io::{AsyncRead, AsyncWrite};

/// What a request is to its client's transaction.
pub(super) fn role(request: &Envelope<'_>) -> Option<Role> {
    match request.operation {
        Operation::ExtendedRequest => {
            role_of_extended(request.content).or_else(|| role_of_update(request.controls))
        }
        _ => role_of_update(request.controls),
    }
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// Whether the client's transaction is as large as one may be, and this would be part of it.
    pub(super) fn exceeds_transaction(&self, request: &Envelope<'_>) -> bool {
        self.updates.len() >= self.config.max_transaction && role(request) == Some(Role::Update)
    }

    /// A request was sent.
    pub(super) fn note_transaction(&mut self, request: &Envelope<'_>, id: UpstreamMessageId) {
        match role(request) {
            Some(Role::Start) => self.updates.forget(),
            Some(Role::Update) => self.updates.sent(id, ClientMessageId(request.id)),
            Some(Role::End) | None => {}
        }
    }

    /// The body of the response to the end of a transaction, with the client's messageIDs; `None`
    /// if it passes as it is. The transaction is over.
    pub(super) fn end_transaction(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        let mut reader = Reader::new(body);
        let operation = reader.element().ok()?;
        let content = self.updates.renumbered(operation.content);
        self.updates.forget();
        let mut out = Vec::with_capacity(body.len() + 16);
        ber::write_element(&mut out, operation.tag, &content?);
        out.extend_from_slice(reader.take_rest());
        Some(out)
    }
}
