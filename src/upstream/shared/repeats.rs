//! Operations that were under way on a connection that was found dead before a byte of their
//! answers: what leaves the directory as it was is sent once more, on another connection. Its
//! client does not notice, and goes on to know it by the name that it got first.

use super::ids::Asked;
use crate::app::ports::SharedId;
use crate::proto::op::Operation;
use std::collections::VecDeque;
use zeroize::Zeroizing;

/// The most bytes of a request that is kept for being sent again. A longer one is answered as lost.
const MAX_KEPT: usize = 16 * 1024;

/// A request that is kept, wiped when it is not needed any more: a compare may hold a password.
pub(super) type Kept = Zeroizing<Box<[u8]>>;

/// A request to keep, if it may be sent again: it changes nothing, and is not too long.
pub(super) fn keep(operation: Operation, body: &[u8]) -> Option<Kept> {
    let changes_nothing = matches!(operation, Operation::SearchRequest | Operation::CompareRequest);
    (changes_nothing && body.len() <= MAX_KEPT).then(|| Zeroizing::new(body.into()))
}

/// An operation that waits for a place on another connection.
pub(super) struct Repeat {
    seat: u64,
    operation: Operation,
    name: SharedId,
    /// The request.
    pub(super) body: Kept,
}

impl Repeat {
    /// Whose it is when it is sent again, which it is no third time.
    pub(super) fn asked(&self) -> Asked {
        let Self { seat, operation, name, .. } = *self;
        Asked { seat, operation, known_as: Some(name), kept: None }
    }
}

/// All that wait. No more than were under way on the connections that were lost.
#[derive(Default)]
pub(super) struct Repeats {
    waiting: VecDeque<Repeat>,
    sent: u64,
}

impl Repeats {
    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// One more waits, if its request was kept; else its seat and name come back.
    pub(super) fn add(&mut self, name: SharedId, asked: Asked) -> Result<(), (u64, SharedId)> {
        let Asked { seat, operation, known_as, kept } = asked;
        let name = known_as.unwrap_or(name);
        let body = kept.ok_or((seat, name))?;
        self.waiting.push_back(Repeat { seat, operation, name, body });
        Ok(())
    }

    /// The first, which is sent now.
    pub(super) fn next(&mut self) -> Option<Repeat> {
        let next = self.waiting.pop_front()?;
        self.sent += 1;
        Some(next)
    }

    /// A client does not want an operation any more.
    pub(super) fn drop_one(&mut self, seat: u64, name: SharedId) {
        self.waiting.retain(|repeat| repeat.seat != seat || repeat.name != name);
    }

    /// A client wants none of its operations any more.
    pub(super) fn drop_all(&mut self, seat: u64) {
        self.waiting.retain(|repeat| repeat.seat != seat);
    }

    /// None will be sent: whose they were, and their names.
    pub(super) fn give_up(&mut self) -> Vec<(u64, SharedId)> {
        self.waiting.drain(..).map(|repeat| (repeat.seat, repeat.name)).collect()
    }

    /// How many were sent since this was asked last.
    pub(super) fn take_sent(&mut self) -> u64 {
        std::mem::take(&mut self.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_or_is_long_is_not_kept() {
        let (short, long) = ([7; 9], vec![7; MAX_KEPT + 1]);
        for tag in 0x40..=0x7f {
            let operation = Operation::from_tag(tag);
            let harmless = matches!(tag, 0x63 | 0x6e);
            assert_eq!(keep(operation, &short).is_some(), harmless, "{operation:?}");
            assert!(keep(operation, &long).is_none(), "{operation:?}");
        }
    }
}
