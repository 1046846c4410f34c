//! The operations of one client that have been relayed and not been answered: one object each,
//! found by either side's messageID.

use super::serving::Served;
use crate::app::ports::SharedId;
use crate::proto::envelope::{ClientMessageId, UpstreamMessageId};
use crate::proto::op::Operation;
use tokio::time::Instant;

/// Where an operation is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// On the client's own connection, under this messageID.
    Own(UpstreamMessageId),
    /// On one that is shared.
    Shared(SharedId),
    /// Nowhere: the gateway finds something out for it. The number is the operation's.
    Here(u64),
}

/// An operation under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Relayed {
    /// The client's messageID.
    pub(super) client: ClientMessageId,
    /// Where it is under way, and as what.
    pub(super) way: Way,
    /// Whether the request bore controls.
    pub(super) has_controls: bool,
    /// Whether it asks for a page of a result.
    pub(super) is_paged: bool,
    /// Whether it ends a transaction.
    pub(super) ends_transaction: bool,
    /// The request.
    pub(super) operation: Operation,
    /// Its number on the connection.
    pub(super) number: u64,
    /// Entries and references so far.
    pub(super) entries: u64,
    /// The operation that this one cancels, if it is a Cancel.
    pub(super) cancels: Option<Way>,
    /// When the whole request had been received.
    pub(super) started: Instant,
}

/// All of a client's operations under way; there are few, so they are searched in order.
#[derive(Default)]
pub(super) struct Outstanding {
    relayed: Vec<Relayed>,
    /// The searches among them whose answers are altered by who is in which groups.
    served: Vec<(Way, Served)>,
    /// The reads of the root DSE among them, with what the client asked.
    roots: Vec<(Way, Vec<u8>)>,
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

    /// Notes that an operation reads the root DSE by this search.
    pub(super) fn note_root(&mut self, way: Way, search: &[u8]) {
        self.roots.push((way, search.to_vec()));
    }

    /// The search by which an operation reads the root DSE, if it does.
    pub(super) fn root(&self, way: Way) -> Option<&[u8]> {
        self.roots.iter().find(|(of, _)| *of == way).map(|(_, search)| &search[..])
    }

    /// Notes how the answers of a search are altered.
    pub(super) fn note_served(&mut self, way: Way, served: Served) {
        self.served.push((way, served));
    }

    /// Whether the answers of any search are altered.
    pub(super) fn serves(&self) -> bool {
        !self.served.is_empty()
    }

    /// How the answers of a search are altered, if they are.
    pub(super) fn served(&mut self, way: Way) -> Option<&mut Served> {
        self.served.iter_mut().find(|(of, _)| *of == way).map(|(_, served)| served)
    }

    /// The searches for which something is found out.
    pub(super) fn found_out(&mut self) -> impl Iterator<Item = (Way, &mut Served)> {
        let here = self.served.iter_mut().filter(|(way, _)| matches!(way, Way::Here(_)));
        here.map(|(way, served)| (*way, served))
    }

    /// Takes out how the answers of a search are altered.
    pub(super) fn take_served(&mut self, way: Way) -> Option<Served> {
        let at = self.served.iter().position(|(of, _)| *of == way)?;
        Some(self.served.swap_remove(at).1)
    }

    /// A search goes on as another operation upstream.
    pub(super) fn redirect(&mut self, from: Way, to: Way) {
        for operation in self.relayed.iter_mut().filter(|operation| operation.way == from) {
            operation.way = to;
        }
        for (of, _) in self.served.iter_mut().filter(|(of, _)| *of == from) {
            *of = to;
        }
    }

    /// Notes that an operation of the client cancels another.
    pub(super) fn note_cancel(&mut self, id: ClientMessageId, target: Way) {
        if let Some(cancel) = self.relayed.iter_mut().find(|operation| operation.client == id) {
            cancel.cancels = Some(target);
        }
    }

    pub(super) fn by_upstream(&mut self, id: UpstreamMessageId) -> Option<&mut Relayed> {
        self.by_way(Way::Own(id))
    }

    pub(super) fn by_way(&mut self, way: Way) -> Option<&mut Relayed> {
        self.relayed.iter_mut().find(|operation| operation.way == way)
    }

    pub(super) fn is_upstream(&self, id: UpstreamMessageId) -> bool {
        self.relayed.iter().any(|operation| operation.way == Way::Own(id))
    }

    pub(super) fn by_client(&self, id: ClientMessageId) -> Option<&Relayed> {
        self.relayed.iter().find(|operation| operation.client == id)
    }

    /// How many ask for a page of a result.
    pub(super) fn paged(&self) -> usize {
        self.relayed.iter().filter(|operation| operation.is_paged).count()
    }

    /// When the oldest of them came.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.relayed.iter().map(|operation| operation.started).min()
    }

    /// Those that came at `moment` or before; all of them if there is none. Oldest first.
    pub(super) fn come_before(&self, moment: Option<Instant>) -> Vec<Relayed> {
        let old = |operation: &&Relayed| moment.is_none_or(|moment| operation.started <= moment);
        let mut old: Vec<_> = self.relayed.iter().filter(old).copied().collect();
        old.sort_by_key(|operation| operation.number);
        old
    }

    pub(super) fn finish_way(&mut self, way: Way) -> Option<Relayed> {
        let index = self.relayed.iter().position(|operation| operation.way == way)?;
        self.roots.retain(|(of, _)| *of != way);
        self.served.retain(|(of, _)| *of != way);
        Some(self.relayed.swap_remove(index))
    }

    /// Takes all operations out, oldest first.
    pub(super) fn drain(&mut self) -> Vec<Relayed> {
        self.roots.clear();
        self.served.clear();
        let mut relayed = std::mem::take(&mut self.relayed);
        relayed.sort_by_key(|operation| operation.number);
        relayed
    }
}
