//! A live copy of a directory's groups and users, kept by content synchronisation (RFC 4533).
//!
//! One search is under way on a connection of its own, on a thread of its own. The copy is
//! complete from the end of a refresh until the connection is lost; in between nobody reads it, so
//! a refresh may change it step by step.

mod above;
mod census;
mod counters;
mod follower;
mod holding;
mod look;
mod recorder;
mod root;
mod session;
mod sight;
mod testimony;
mod wire;

use crate::app::observe;
use crate::app::oversight::CopyState;
use crate::app::ports::{Coverage, Gone, Lookups, Marker, Replica};
use crate::app::reconcile::Changes;
use crate::app::saved::{HeldLoss, ReplicaStore};
use crate::domain::csn::CsnSet;
use crate::domain::membership::graph::{Counts, Graph};
use crate::domain::observation::UnknownReason;
use crate::domain::policy::{DirectoryPolicy, ReplicaPolicy};
use crate::domain::replication::{Decision, Witnesses};
use crate::proto::filter::Filter;
use crate::proto::search::{Entry, Scope, Search};
use counters::ReplicaCounters;
use holding::Holding;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

pub(super) use follower::follow;
pub(super) use sight::sight;

/// The attribute that says how far a naming context has got.
const CONTEXT_CSN: &str = "contextCSN";

/// How long a copy that was lost and does not become whole again keeps walks from taking anything
/// away.
const MAX_DOUBT: Duration = Duration::from_secs(600);

impl Marker for CsnSet {
    fn covers(&self, other: &Self) -> bool {
        Self::covers(self, other)
    }

    fn advance(&mut self, other: &Self) {
        Self::advance(self, other);
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.cookie()).into_owned()
    }

    fn read(text: &str) -> Option<Self> {
        Self::from_cookie(text.as_bytes())
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
    /// Until when it is not known whether the account still sees the groups that it saw.
    doubtful_until: Option<Instant>,
    /// Whether entries are still to be asked if the directory was set back.
    is_unheard: bool,
    arrived: Option<CsnSet>,
    /// How far it had got before it was lost.
    seen: Option<CsnSet>,
    /// Whether entries showed that the directory was set back.
    went_back: bool,
    /// How many refreshes have ended: each answers the poll that asked for it.
    polls: u64,
}

impl Standing {
    /// The copy is nobody's any more until it is complete again.
    fn lose(&mut self) {
        if self.is_complete {
            self.doubtful_until = Some(Instant::now() + MAX_DOUBT);
            self.is_unheard = true;
        }
        self.coverage = None;
        self.is_complete = false;
    }

    fn is_doubtful(&self) -> bool {
        self.doubtful_until.is_some_and(|until| Instant::now() < until)
    }

    /// Nothing is to be waited for any more.
    fn end_doubt(&mut self) {
        self.doubtful_until = None;
        self.is_unheard = false;
    }
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
    /// Somebody waits for a copy that is lost.
    hurry: Notify,
    /// Somebody has said that the directory was set back: the copy has to be made anew.
    anew: Notify,
    holding: Mutex<Holding>,
    /// What has changed and was not told yet.
    changes: Mutex<Changes>,
    /// Something has.
    changed: Notify,
    /// Entries that were changed last.
    witnesses: Mutex<Witnesses>,
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
        let counters = ReplicaCounters::new(&policy.name);
        let holding = Holding::new(policy.name.clone(), archive.clone());
        let is_held = holding.held().is_some();
        // Until it is known what was saved.
        let doubtful_until = archive.as_ref().map(|_| Instant::now() + MAX_DOUBT);
        let is_unheard = doubtful_until.is_some();
        let standing = Standing { is_held, doubtful_until, is_unheard, ..Standing::default() };
        let shared = Common {
            policy,
            kept,
            limits,
            graph: RwLock::new(Graph::new((random(), random()))),
            standing: watch::Sender::new(standing),
            context: RwLock::new(None),
            wanted: Notify::new(),
            confirmed: Notify::new(),
            hurry: Notify::new(),
            anew: Notify::new(),
            holding: Mutex::new(holding),
            changes: Mutex::default(),
            changed: Notify::new(),
            witnesses: Mutex::default(),
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

    /// The copy as it stands.
    pub fn state(&self) -> CopyState {
        let Counts { groups, users, .. } = self.counts();
        let standing = self.shared.standing.borrow();
        CopyState {
            is_complete: standing.is_complete,
            is_held: standing.is_held,
            coverage: standing.coverage,
            groups,
            users,
            heard_at: self.shared.counters.heard_at(),
        }
    }

    /// The loss that is held.
    pub fn held(&self) -> Option<HeldLoss> {
        self.shared.holding().held().cloned()
    }

    /// Says what the loss of that id is; `None` if it is not held. A loss that is confirmed counts
    /// from the next refresh on, which is asked for now.
    pub fn decide(&self, id: &str, decision: Decision) -> Option<HeldLoss> {
        let decided = self.shared.holding().decide(id, decision);
        if decided.is_some() && decision == Decision::Confirmed {
            self.shared.confirmed.notify_one();
        }
        decided
    }

    /// Waits until the loss of that id is not held any more.
    pub async fn released(&self, id: &str) {
        let mut standing = self.shared.standing.subscribe();
        let is_over = |_: &Standing| self.shared.holding().held().is_none_or(|loss| loss.id != id);
        // An error means that the copy is gone, and what it held with it.
        let _ = standing.wait_for(is_over).await;
    }
}

/// Any number.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}

impl Common {
    fn graph(&self) -> RwLockReadGuard<'_, Graph> {
        self.graph.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Graph> {
        self.graph.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A graph that was made beside the one that there is takes its place.
    fn put_in_place(&self, mut graph: Graph) {
        let mut place = self.change();
        graph.succeed(&place);
        *place = graph;
    }

    fn holding(&self) -> MutexGuard<'_, Holding> {
        self.holding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn witnesses(&self) -> MutexGuard<'_, Witnesses> {
        self.witnesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn context(&self) -> Option<Arc<str>> {
        self.context.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_context(&self, context: Option<Arc<str>>) {
        *self.context.write().unwrap_or_else(PoisonError::into_inner) = context;
    }
}

/// The search whose answer says how far a naming context has got.
fn question_at(context: &str) -> Search {
    Search {
        base: context.to_owned(),
        scope: Scope::Base,
        filter: Filter::any_entry(),
        attributes: vec![CONTEXT_CSN.to_owned()],
        size_limit: 0,
        time_limit: 0,
        controls: Vec::new(),
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
        self.shared.context().map(|context| question_at(&context))
    }

    async fn find_question<L: Lookups>(
        &self,
        lookups: &L,
    ) -> Result<Option<Search>, UnknownReason> {
        let Some(groups) = &self.shared.policy.groups else { return Ok(None) };
        let context = observe::naming_context(lookups, &groups.base).await?;
        Ok(context.map(|context| question_at(context.as_str())))
    }

    fn seen(&self) -> Option<CsnSet> {
        let standing = self.shared.standing.borrow();
        let mut seen = standing.seen.clone();
        match (&mut seen, &standing.arrived) {
            (Some(seen), Some(arrived)) => seen.advance(arrived),
            (None, Some(arrived)) => seen = Some(arrived.clone()),
            _ => {}
        }
        seen
    }

    fn went_back(&self) -> bool {
        self.shared.standing.borrow().went_back
    }

    fn forget_seen(&self) {
        *self.shared.witnesses() = Witnesses::default();
        self.shared.standing.send_modify(|standing| {
            standing.seen = None;
            standing.went_back = false;
            standing.arrived = None;
            standing.lose();
        });
        self.shared.anew.notify_one();
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

    async fn testified(&self) {
        let mut standing = self.shared.standing.subscribe();
        let is_known = |standing: &Standing| !standing.is_unheard || !standing.is_doubtful();
        if !is_known(&standing.borrow()) {
            self.shared.hurry.notify_one();
        }
        // An error means that the copy is gone, and nobody will ask.
        let _ = standing.wait_for(is_known).await;
    }

    async fn vouched(&self) -> Result<(), Gone> {
        let mut standing = self.shared.standing.subscribe();
        let is_known = |standing: &Standing| standing.is_held || !standing.is_doubtful();
        if !is_known(&standing.borrow()) {
            self.shared.hurry.notify_one();
        }
        let known = standing.wait_for(is_known).await.map_err(|_| Gone)?;
        if known.is_held { Err(Gone) } else { Ok(()) }
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

    async fn changed(&self) -> Changes {
        loop {
            self.shared.changed.notified().await;
            let changes = std::mem::take(&mut *self.shared.changes());
            if !changes.is_empty() {
                return changes;
            }
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Graph) -> T) -> T {
        look(&self.shared.graph())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_copy_that_never_becomes_whole_again_casts_doubt_for_a_while_only() {
        let mut standing = Standing { is_complete: true, ..Standing::default() };
        assert!(!standing.is_doubtful());
        standing.lose();
        assert!(standing.is_doubtful() && !standing.is_complete);
        advance(MAX_DOUBT / 2).await;
        // Tries that fail do not make it longer.
        standing.lose();
        advance(MAX_DOUBT / 2).await;
        assert!(!standing.is_doubtful());
    }
}
