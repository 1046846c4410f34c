//! What the ledger is asked and what it says: its limits, who asks, and what is to be done.

use super::bell::Bell;
use super::queue::Place;
use crate::app::ports::{Fitness, Purpose};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The pool's limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The most connections.
    pub(super) max: usize,
    /// The most that are being made at a time.
    pub(super) max_connecting: usize,
    /// How many spare ones are kept.
    pub(super) min: usize,
    /// How many spare ones are made at most when demand grows.
    pub(super) max_ahead: usize,
    /// The most that clients without a bind have.
    pub(super) max_anonymous: usize,
    /// How many sessions that only bind have before those who wait to bind take turns on these.
    pub(super) max_binding: usize,
    /// The most that wait.
    pub(super) max_waiting: usize,
    /// The most of one source that wait.
    pub(super) max_waiting_per_source: usize,
    /// How long a spare one above the minimum is kept.
    pub(super) idle_timeout: Duration,
}

/// Somebody who asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    /// On which worker.
    pub(super) worker: usize,
    /// What for.
    pub(super) purpose: Purpose,
    /// From where.
    pub(super) source: IpAddr,
    /// Which connections will do.
    pub(super) wanted: Wanted,
}

/// Which connections will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Any that serves the purpose.
    Any,
    /// None that lies idle: one that is made or comes back just now.
    Fresh,
}

/// Who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WaiterId {
    pub(super) purpose: Purpose,
    pub(super) place: Place,
}

/// A connection that is leased out from now on.
#[derive(Debug)]
pub(super) struct Grant<C> {
    /// The connection.
    pub(super) conn: C,
    /// What it is good for.
    pub(super) fitness: Fitness,
    /// The worker whose runtime it is registered with.
    pub(super) home: usize,
    /// The lease's place.
    pub(super) slot: usize,
    /// The lease's cell.
    pub(super) bell: Arc<Bell>,
}

/// A connection to be made; it is counted already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    /// On which worker's runtime.
    pub(super) worker: usize,
}

/// What is to be done; at most one thing of each kind.
#[derive(Debug)]
pub(super) struct Then<C, W> {
    /// Hand a connection to one who waits.
    pub(super) deliver: Option<(W, Grant<C>)>,
    /// Close a connection.
    pub(super) close: Option<C>,
    /// Make one.
    pub(super) make: Option<Order>,
    /// Tell one who waits that there will be none.
    pub(super) fail: Option<W>,
    /// Wake a session that is asked for its connection.
    pub(super) ring: Option<Arc<Bell>>,
}

impl<C, W> Default for Then<C, W> {
    fn default() -> Self {
        Self { deliver: None, close: None, make: None, fail: None, ring: None }
    }
}

/// Why one may not even wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too many do.
    Full,
    /// Too many of the same source do.
    SourceFull,
    /// The pool is closed.
    Closed,
}
