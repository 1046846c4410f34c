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

/// The messageIDs of a connection: they go on where the lease before ended.
#[derive(Debug, Clone, Copy)]
struct Numbering {
    last: MessageId,
    /// The last one of the leases before.
    before: MessageId,
}

impl Numbering {
    fn after(last: MessageId) -> Self {
        Self { last, before: last }
    }

    fn next(&mut self) -> UpstreamMessageId {
        self.last = self.last.next();
        UpstreamMessageId(self.last)
    }

    fn skip(&mut self, is_taken: impl Fn(UpstreamMessageId) -> bool) {
        let goes_round = self.last < self.before || self.last == MessageId::MAX;
        while goes_round && is_taken(UpstreamMessageId(self.last.next())) {
            self.last = self.last.next();
        }
    }

    fn has_used(self, id: UpstreamMessageId) -> bool {
        id.0 <= self.last && id.0 != MessageId::UNSOLICITED
    }
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
    /// Whether a step of a SASL bind was sent on it. A server may keep something of an exchange:
    /// slapd 2.5 takes who binds next, by ANONYMOUS, for the one who failed by SCRAM. So it serves
    /// that exchange and what follows its success, and no other bind.
    saw_sasl: bool,
    ids: Numbering,
    /// Whether something was sent whose answer may come late, or that leaves state behind.
    tainted: bool,
}

impl<L: Link> Upstream<L> {
    /// A connection that was just leased.
    pub(super) fn new(link: L, directory: usize, standing: Standing) -> Self {
        let ids = Numbering::after(link.last_id());
        Self {
            link,
            directory,
            standing,
            inbound: Inbound::new(Content::Responses),
            outbound: Outbound::new(Content::Requests),
            only_binds: true,
            saw_sasl: false,
            ids,
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
        let id = self.ids.next();
        write_with_body(id.0, body, self.outbound.append(body.len() + ENVELOPE_ROOM));
        id
    }

    /// Passes the next messageID over for as long as it is taken: once the numbers have gone round,
    /// an operation that has been under way ever since may still bear it.
    pub(super) fn skip_ids(&mut self, is_taken: impl Fn(UpstreamMessageId) -> bool) {
        self.ids.skip(is_taken);
    }

    /// Whether a message of that id was sent here, by this session or by one before: an answer
    /// to it comes late. After the numbers have gone round, only those since then are known.
    pub(super) fn has_sent(&self, id: UpstreamMessageId) -> bool {
        self.ids.has_used(id)
    }

    /// Notes that the connection must not go back to the pool.
    pub(super) fn taint(&mut self) {
        self.tainted = true;
    }

    /// Notes that a step of a SASL bind is sent on it.
    pub(super) fn carries_sasl(&mut self) {
        self.saw_sasl = true;
        self.tainted = true;
    }

    /// Whether another bind may be sent on it.
    pub(super) fn takes_a_bind(&self) -> bool {
        !self.saw_sasl
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
        let fitness = match self.standing {
            Standing::NeverBound => Fitness::Anonymous,
            Standing::Bound | Standing::Stranger => Fitness::Binds,
        };
        self.link.give_back(fitness, self.ids.last);
    }

    /// Closes the connection: a bind was not answered in time.
    pub(super) fn leave_silent(self) {
        self.link.close_as_silent();
    }
}

/// The most bytes that an envelope takes around its body: tag, length and messageID.
pub(super) const ENVELOPE_ROOM: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> UpstreamMessageId {
        UpstreamMessageId(MessageId::new(i64::from(number)).expect("it is in range"))
    }

    #[test]
    fn messageids_go_on_wrap_to_1_and_pass_over_what_is_still_under_way() {
        let mut ids = Numbering::after(id(6).0);
        ids.skip(|_| panic!("nothing is compared before the numbers have gone round"));
        assert_eq!(ids.next(), id(7));
        assert!(ids.has_used(id(1)) && ids.has_used(id(7)));
        assert!(!ids.has_used(id(8)) && !ids.has_used(id(0)));
        let mut ids = Numbering { last: MessageId::MAX, before: id(6).0 };
        ids.skip(|taken| taken == id(1) || taken == id(2));
        assert_eq!(ids.next(), id(3));
        ids.skip(|taken| taken == id(4));
        assert_eq!(ids.next(), id(5));
    }
}
