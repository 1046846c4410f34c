//! A session's half of its upstream connection: what was sent on it, and what it may carry.

use super::buffer::{Content, Inbound, Outbound};
use crate::app::ports::{Fitness, Link};
use crate::proto::envelope::{MessageId, UpstreamMessageId, write_with_body};

/// As whom the directory sees the connection, as far as this session can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was never bound: anonymous.
    NeverBound,
    /// The last bind on it succeeded, for this very session.
    Bound,
    /// It may be anybody: bound by an earlier session, or by a bind that failed or has not been
    /// answered. Nothing but a bind is sent on it.
    Stranger,
}

/// A leased connection with what this session has under way on it.
pub(super) struct Upstream<L: Link> {
    link: L,
    /// Which directory it leads to.
    pub(super) directory: usize,
    /// As whom the directory sees it.
    pub(super) standing: Standing,
    /// Responses that are not whole yet.
    pub(super) inbound: Inbound,
    /// Requests that are not sent yet.
    pub(super) outbound: Outbound,
    /// Whether this session has sent nothing but binds on it.
    pub(super) only_binds: bool,
    last_id: MessageId,
    /// Whether something was sent whose answer may come late, or that leaves state behind.
    tainted: bool,
}

impl<L: Link> Upstream<L> {
    /// A connection that was just leased.
    pub(super) fn new(link: L, directory: usize, standing: Standing) -> Self {
        Self {
            link,
            directory,
            standing,
            inbound: Inbound::new(Content::Responses),
            outbound: Outbound::new(Content::Requests),
            only_binds: true,
            last_id: MessageId::UNSOLICITED,
            tainted: false,
        }
    }

    /// The connection itself.
    pub(super) fn link(&mut self) -> &mut L {
        &mut self.link
    }

    /// The connection and what waits to be sent on it.
    pub(super) fn sending(&mut self) -> (&mut L, &mut Outbound) {
        (&mut self.link, &mut self.outbound)
    }

    /// Queues a message under the next messageID.
    pub(super) fn send(&mut self, body: &[u8]) -> UpstreamMessageId {
        self.last_id = self.last_id.next();
        write_with_body(self.last_id, body, self.outbound.append(body.len() + ENVELOPE_ROOM));
        UpstreamMessageId(self.last_id)
    }

    /// Whether a message of that id was ever sent here.
    pub(super) fn has_sent(&self, id: UpstreamMessageId) -> bool {
        id.0 <= self.last_id && id.0 != MessageId::UNSOLICITED
    }

    /// Notes that the connection must not go back to the pool.
    pub(super) fn taint(&mut self) {
        self.tainted = true;
    }

    /// Whether it must not go back to the pool.
    pub(super) fn is_tainted(&self) -> bool {
        self.tainted
    }

    /// Gives the connection back, or closes it if it is in doubt.
    pub(super) fn leave(self) {
        let in_doubt = self.tainted || !self.outbound.is_done() || !self.inbound.bytes().is_empty();
        if in_doubt {
            return;
        }
        self.link.give_back(match self.standing {
            Standing::NeverBound => Fitness::Anonymous,
            Standing::Bound | Standing::Stranger => Fitness::Binds,
        });
    }
}

/// The most bytes that an envelope takes around its body: tag, length and messageID.
pub(super) const ENVELOPE_ROOM: usize = 16;
