//! The operations of one client that have been relayed and not been answered: one object each,
//! found by either side's messageID.

use crate::proto::envelope::{ClientMessageId, UpstreamMessageId};
use crate::proto::op::Operation;
use tokio::time::Instant;

/// An operation under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Relayed {
    /// The client's messageID.
    pub(super) client: ClientMessageId,
    /// The messageID upstream.
    pub(super) upstream: UpstreamMessageId,
    /// The request.
    pub(super) operation: Operation,
    /// Its number on the connection.
    pub(super) number: u64,
    /// Entries and references so far.
    pub(super) entries: u64,
    /// When the whole request had been received.
    pub(super) started: Instant,
}

/// All of a client's operations under way; there are few, so they are searched in order.
#[derive(Default)]
pub(super) struct Outstanding {
    relayed: Vec<Relayed>,
}

impl Outstanding {
    pub(super) fn len(&self) -> usize {
        self.relayed.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.relayed.is_empty()
    }

    pub(super) fn push(&mut self, operation: Relayed) {
        self.relayed.push(operation);
    }

    pub(super) fn by_upstream(&mut self, id: UpstreamMessageId) -> Option<&mut Relayed> {
        self.relayed.iter_mut().find(|operation| operation.upstream == id)
    }

    pub(super) fn is_upstream(&self, id: UpstreamMessageId) -> bool {
        self.relayed.iter().any(|operation| operation.upstream == id)
    }

    pub(super) fn by_client(&self, id: ClientMessageId) -> Option<&Relayed> {
        self.relayed.iter().find(|operation| operation.client == id)
    }

    pub(super) fn finish(&mut self, id: UpstreamMessageId) -> Option<Relayed> {
        let index = self.relayed.iter().position(|operation| operation.upstream == id)?;
        Some(self.relayed.swap_remove(index))
    }

    /// Takes all operations out, oldest first.
    pub(super) fn drain(&mut self) -> Vec<Relayed> {
        let mut relayed = std::mem::take(&mut self.relayed);
        relayed.sort_by_key(|operation| operation.number);
        relayed
    }
}
