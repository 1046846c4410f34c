//! A live copy of a directory's groups and users, kept by content synchronisation (RFC 4533).
//!
//! One search is under way on a connection of its own, on a thread of its own. The copy is
//! complete from the end of a refresh until the connection is lost; in between nobody reads it, so
//! a refresh may change it step by step.

mod above;
mod census;
mod counters;
mod follower;
mod look;
mod recorder;
mod root;
mod session;
mod sight;
mod wire;

use crate::app::ports::{Coverage, Gone, Marker, Replica};
use crate::app::saved::ReplicaStore;
use crate::domain::csn::CsnSet;
use crate::domain::membership::graph::{Counts, Graph};
use crate::domain::policy::{DirectoryPolicy, ReplicaPolicy};
use crate::domain::replication::Guard;
use crate::proto::filter::Filter;
use crate::proto::search::{Entry, Scope, Search};
use counters::ReplicaCounters;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use tokio::sync::{Notify, watch};

pub(super) use follower::follow;
pub(super) use sight::sight;

/// The attribute that says how far a naming context has got.
const CONTEXT_CSN: &str = "contextCSN";

impl Marker for CsnSet {
    fn covers(&self, other: &Self) -> bool {
        Self::covers(self, other)
    }

    fn advance(&mut self, other: &Self) {
        Self::advance(self, other);
    }
}

/// The bounds of a live copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaLimits {
    /// The most bytes of one message.
    pub message: usize,
    /// How long the directory may take to answer what is answered at once.
    pub patience: Duration,
    /// The longest wait before a further try after the copy was lost; the first is short, and
    /// each is twice the one before (`max_replica_pause`).
    pub longest_pause: Duration,
    /// The most names: of groups, of users, and of members that are neither
    /// (`max_replica_names`).
    pub names: usize,
}

/// How far a copy has got, and whether it may be read.
#[derive(Debug, Clone, Default)]
struct Standing {
    coverage: Option<Coverage>,
    /// Whether a refresh has ended on the connection that there is.
    is_complete: bool,
    /// Whether a loss of groups waits to be confirmed or to pass.
    is_held: bool,
    arrived: Option<CsnSet>,
    /// How many refreshes have ended: each answers the poll that asked for it.
    polls: u64,
}

/// A handle to the live copy of one directory.
#[derive(Clone)]
pub struct LiveCopy {
    shared: Arc<Common>,
}

/// What the follower and the readers share.
struct Common {
    policy: Arc<DirectoryPolicy>,
    kept: ReplicaPolicy,
    limits: ReplicaLimits,
    graph: RwLock<Graph>,
    standing: watch::Sender<Standing>,
    /// Where the directory says how far it has got; known once it was asked.
    context: RwLock<Option<Arc<str>>>,
    /// Somebody wants a poll.
    wanted: Notify,
    /// Somebody has confirmed what is held.
    confirmed: Notify,
    guard: Mutex<Guard>,
    archive: Option<Arc<dyn ReplicaStore>>,
    counters: ReplicaCounters,
}

impl LiveCopy {
    /// An empty copy of a directory, which nobody follows yet. It is saved in `archive`, if there is
    /// one, and begins with what was saved there.
    pub fn new(
        policy: Arc<DirectoryPolicy>,
        kept: ReplicaPolicy,
        limits: ReplicaLimits,
        archive: Option<Arc<dyn ReplicaStore>>,
    ) -> Self {
        let random = || RandomState::new().hash_one(0);
        let counters = ReplicaCounters::new(&policy.name);
        let shared = Common {
            policy,
            kept,
            limits,
            graph: RwLock::new(Graph::new((random(), random()))),
            standing: watch::Sender::new(Standing::default()),
            context: RwLock::new(None),
            wanted: Notify::new(),
            confirmed: Notify::new(),
            guard: Mutex::default(),
            archive,
            counters,
        };
        Self { shared: Arc::new(shared) }
    }

    /// How much the copy holds.
    pub fn counts(&self) -> Counts {
        self.shared.graph().counts()
    }

    /// Whether a loss of groups is held; until it is confirmed or passes, the copy is not complete.
    pub fn is_held(&self) -> bool {
        self.shared.standing.borrow().is_held
    }

    /// Says that the loss of groups that is held is so. `false` if none is.
    pub fn confirm(&self) -> bool {
        let is_held = self.shared.guard().confirm();
        if is_held {
            self.shared.confirmed.notify_one();
        }
        is_held
    }
}

impl Common {
    fn graph(&self) -> RwLockReadGuard<'_, Graph> {
        self.graph.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Graph> {
        self.graph.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn guard(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn context(&self) -> Option<Arc<str>> {
        self.context.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_context(&self, context: Option<Arc<str>>) {
        *self.context.write().unwrap_or_else(PoisonError::into_inner) = context;
    }
}

impl Replica for LiveCopy {
    type Marker = CsnSet;

    fn coverage(&self) -> Option<Coverage> {
        self.shared.standing.borrow().coverage
    }

    fn is_held(&self) -> bool {
        Self::is_held(self)
    }

    fn can_be_asked_for(&self) -> bool {
        self.shared.context.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn question(&self) -> Option<Search> {
        Some(Search {
            base: self.shared.context()?.to_string(),
            scope: Scope::Base,
            filter: Filter::any_entry(),
            attributes: vec![CONTEXT_CSN.to_owned()],
            size_limit: 0,
            time_limit: 0,
            controls: Vec::new(),
        })
    }

    fn marker(&self, answer: &[Entry]) -> Option<CsnSet> {
        let [entry] = answer else { return None };
        CsnSet::from_values(entry.values(CONTEXT_CSN).iter().map(Vec::as_slice))
    }

    fn has(&self, marker: &CsnSet) -> bool {
        let standing = self.shared.standing.borrow();
        let arrived = standing.arrived.as_ref().filter(|_| standing.coverage.is_some());
        arrived.is_some_and(|arrived| arrived.covers(marker))
    }

    async fn arrived(&self, marker: &CsnSet) -> Result<(), Gone> {
        let mut standing = self.shared.standing.subscribe();
        let is_there = |standing: &Standing| {
            standing.coverage.is_none()
                || standing.arrived.as_ref().is_some_and(|arrived| arrived.covers(marker))
        };
        let reached = standing.wait_for(is_there).await.map_err(|_| Gone)?;
        reached.coverage.map(|_| ()).ok_or(Gone)
    }

    async fn poll(&self) -> Result<(), Gone> {
        let mut standing = self.shared.standing.subscribe();
        let before = standing.borrow().polls;
        self.shared.wanted.notify_one();
        let is_over = |standing: &Standing| standing.coverage.is_none() || standing.polls > before;
        let polled = standing.wait_for(is_over).await.map_err(|_| Gone)?;
        polled.coverage.map(|_| ()).ok_or(Gone)
    }

    fn read<T>(&self, look: impl FnOnce(&Graph) -> T) -> T {
        look(&self.shared.graph())
    }
}
