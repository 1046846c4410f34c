//! A worker's idle connections.

use crate::app::ports::{Fitness, Purpose};
use std::collections::VecDeque;
use tokio::time::Instant;

/// One worker's idle connections, the most recently used last.
#[derive(Debug)]
pub(super) struct Shelf<C> {
    /// Good for binds alone.
    pub(super) bound: VecDeque<Idle<C>>,
    /// Never bound.
    pub(super) fresh: VecDeque<Idle<C>>,
}

/// A connection that nobody has, and since when.
#[derive(Debug)]
pub(super) struct Idle<C> {
    pub(super) conn: C,
    pub(super) since: Instant,
}

/// From which end of a shelf one is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    UsedLast,
    IdleLongest,
}

impl<C> Shelf<C> {
    /// Nothing is idle.
    pub(super) fn new() -> Self {
        Self { bound: VecDeque::new(), fresh: VecDeque::new() }
    }

    /// Where connections of that kind lie.
    pub(super) fn list(&mut self, fitness: Fitness) -> &mut VecDeque<Idle<C>> {
        match fitness {
            Fitness::Binds => &mut self.bound,
            Fitness::Anonymous => &mut self.fresh,
        }
    }

    /// The worker's own are taken from the end that was used last. Others lose their longest idle.
    /// Binds take bound ones first: those that never were serve both purposes.
    pub(super) fn take(&mut self, purpose: Purpose, from: End) -> Option<(C, Fitness)> {
        let bound = match purpose {
            Purpose::Bind => from.take(&mut self.bound).map(|conn| (conn, Fitness::Binds)),
            Purpose::Anonymous => None,
        };
        bound.or_else(|| Some((from.take(&mut self.fresh)?, Fitness::Anonymous)))
    }
}

impl End {
    fn take<C>(self, list: &mut VecDeque<Idle<C>>) -> Option<C> {
        let idle = match self {
            Self::UsedLast => list.pop_back(),
            Self::IdleLongest => list.pop_front(),
        };
        idle.map(|idle| idle.conn)
    }
}
