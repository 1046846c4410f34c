//! One shared connection as the books know it.

use super::ids::Ids;
use super::outgoing::Outgoing;
use crate::proto::ber;
use crate::proto::envelope::{CONTROLS, MessageId, write_with_body};
use crate::proto::op::Operation;
use std::task::Waker;

/// The most bytes that wait to be sent on one connection; with more, it takes no new operations.
const MAX_UNSENT: usize = 64 * 1024;
/// The most abandoned operations that may still be answered; with more, a connection is retired.
const MAX_ABANDONED: usize = 1024;
/// The room that envelope, tags and lengths take around what is sent.
pub(super) const ENVELOPE_ROOM: usize = 32;

/// One connection: what is under way on it, and what it has to send.
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) ids: Ids,
    pub(super) outgoing: Outgoing,
    pub(super) waker: Option<Waker>,
    /// The client whose full inbox stops it.
    pub(super) stalled_by: Option<u64>,
    /// How many of its places are promised to clients that wait.
    pub(super) promised: usize,
    pub(super) is_retiring: bool,
    pub(super) has_answered: bool,
}

impl Line {
    /// One that was just made; `last` is the messageID that was used last on it.
    pub(super) fn new(number: u64, last: MessageId) -> Self {
        Self {
            number,
            ids: Ids::new(last),
            outgoing: Outgoing::default(),
            waker: None,
            stalled_by: None,
            promised: 0,
            is_retiring: false,
            has_answered: false,
        }
    }

    /// Whether the server does not take what waits to be sent.
    pub(super) fn is_choked(&self) -> bool {
        self.outgoing.rest().len() >= MAX_UNSENT
    }

    /// Whether it takes another operation, of `most`.
    pub(super) fn has_room(&self, most: usize) -> bool {
        !self.is_retiring
            && self.stalled_by.is_none()
            && self.ids.outstanding() + self.promised < most
            && !self.is_choked()
    }

    /// RFC 4511 section 4.11: no answer comes, or what was under way already.
    pub(super) fn abandon(&mut self, id: MessageId, seat: u64, controls: Option<&[u8]>) {
        let is_bind = self.ids.is_bind(id);
        if !self.ids.abandon(id, seat) {
            return;
        }
        self.is_retiring |= self.ids.abandoned() >= MAX_ABANDONED;
        if is_bind {
            // It cannot be abandoned (RFC 4511 section 4.11); its answer is swallowed.
            return;
        }
        let own = self.ids.next();
        let mut body = Vec::with_capacity(ENVELOPE_ROOM + controls.map_or(0, <[u8]>::len));
        ber::write_integer(&mut body, Operation::AbandonRequest.tag(), i64::from(id.get()));
        if let Some(controls) = controls {
            ber::write_element(&mut body, CONTROLS, controls);
        }
        write_with_body(own, &body, self.outgoing.append(body.len() + ENVELOPE_ROOM));
    }
}
