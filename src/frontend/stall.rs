//! A client with as many operations outstanding as it may have: its next request waits, and it is
//! not read beyond what is kept from it. What of that abandons an operation is done all the same,
//! for it may be what makes room.

use super::connection::Connection;
use crate::app::events::Event;
use crate::app::ports::{Events, Ports};
use crate::domain::secret::wipe;
use crate::domain::session::abandoned_id;
use crate::proto::envelope::{ClientMessageId, Envelope, MessageId};
use crate::proto::framing::{Frame, frame};
use crate::proto::op::Operation;
use std::collections::HashMap;
use std::ops::Range;
use tokio::io::{AsyncRead, AsyncWrite};

/// The wait of a client.
#[derive(Debug, Default)]
pub(super) struct Stall {
    /// Whether the first of the requests that are kept waits for an operation to end.
    is_on: bool,
    /// Whether it was counted; once for all that a client sent without waiting for answers.
    is_counted: bool,
    /// How many of the bytes that are kept were looked through for abandons.
    seen: usize,
}

impl Stall {
    /// Whether the next request waits for an operation to end, whichever it is.
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// The next request waits for an operation that is served here.
    pub(super) fn wait(&mut self) {
        self.is_on = true;
    }

    /// Requests are looked at: the first may have to wait for something else, or not at all.
    pub(super) fn end(&mut self) {
        self.is_on = false;
    }

    /// The requests that are kept were gone on with: so many bytes were used, so many are left.
    pub(super) fn moved_on(&mut self, used: usize, left: usize) {
        self.seen = self.seen.saturating_sub(used);
        self.is_counted &= left > 0;
    }
}

/// What is found among the requests that are kept.
struct Found {
    /// Where abandons are.
    abandons: Vec<Range<usize>>,
    /// How far whole requests go that nothing else has to be done before.
    end: usize,
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// The next request waits for an operation to end.
    pub(super) fn begin_stall(&mut self) {
        self.stall.is_on = true;
        if !self.stall.is_counted {
            self.stall.is_counted = true;
            let limit = self.outstanding_limit().key;
            self.gateway.events().emit(&Event::LimitHit { limit, peer: Some(self.peer) });
        }
    }

    /// Does what abandons ask for that are among the requests that are kept.
    pub(super) fn look_for_abandons(&mut self) {
        if !(self.held && self.stall.is_on) {
            return;
        }
        let mut bytes = self.inbound.take();
        let found = find_abandons(&bytes, self.stall.seen, self.config.max_message_size);
        self.stall.seen = found.end;
        if found.abandons.is_empty() {
            return self.inbound.put_back(bytes, 0);
        }
        let mut gone = HashMap::new();
        for place in &found.abandons {
            let Ok(request) = Envelope::parse(&bytes[place.clone()]) else { continue };
            let Some(id) = abandoned_id(request.content) else { continue };
            match self.outstanding.by_client(id) {
                Some(_) => self.abandon(&request, id),
                None if self.in_suffix.abandon(id) => {}
                None => drop(gone.insert(id, place.start)),
            }
            self.requests += 1;
        }
        let kept = without(&bytes, &found, &gone);
        self.stall.seen = kept.len() - (bytes.len() - found.end);
        wipe(&mut bytes);
        self.inbound.put_back(kept, 0);
        self.expect(0);
        self.held = false;
        self.stall.is_on = false;
    }
}

/// Looks through whole requests from `seen` on, up to a bind or an unbind: what is behind those
/// waits for them.
fn find_abandons(bytes: &[u8], seen: usize, limit: usize) -> Found {
    let mut found = Found { abandons: Vec::new(), end: seen };
    while let Ok(Frame::Whole(length)) = frame(&bytes[found.end..], limit) {
        let place = found.end..found.end + length;
        let Ok(request) = Envelope::parse(&bytes[place.clone()]) else { break };
        let is_sound =
            request.id != MessageId::UNSOLICITED && abandoned_id(request.content).is_some();
        match request.operation {
            Operation::BindRequest | Operation::UnbindRequest => break,
            Operation::AbandonRequest if is_sound => found.abandons.push(place.clone()),
            _ => {}
        }
        found.end = place.end;
    }
    found
}

/// The requests without the abandons, and without those that one behind them abandons.
fn without(bytes: &[u8], found: &Found, gone: &HashMap<ClientMessageId, usize>) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut abandons = found.abandons.iter().peekable();
    let mut at = 0;
    while at < found.end {
        let Ok(Frame::Whole(length)) = frame(&bytes[at..found.end], usize::MAX) else { break };
        let pdu = &bytes[at..at + length];
        let is_abandon = abandons.next_if(|place| place.start == at).is_some();
        let id = Envelope::parse(pdu).map_or(MessageId::UNSOLICITED, |request| request.id);
        let is_gone = gone.get(&ClientMessageId(id)).is_some_and(|abandon| at < *abandon);
        if !is_abandon && !is_gone {
            kept.extend_from_slice(pdu);
        }
        at += length;
    }
    kept.extend_from_slice(&bytes[at..]);
    kept
}
