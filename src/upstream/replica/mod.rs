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
mod numbered;
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
use crate::domain::numbering::{self, NotNumbered, Numbering};
use crate::domain::observation::UnknownReason;
use crate::domain::offer;
use crate::domain::policy::{DirectoryPolicy, ReplicaPolicy};
use crate::domain::replication::{Decision, HowFar, Witnesses};
use crate::proto::filter::Filter;
use crate::proto::search::{Entry, Scope, Search};
use counters::ReplicaCounters;
use holding::Holding;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
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

impl Marker for HowFar {
    fn covers(&self, other: &Self) -> bool {
        Self::covers(self, other)
    }

    fn advance(&mut self, other: &Self) {
        Self::advance(self, other);
    }

    fn text(&self) -> String {
        Self::text(self)
    }

    fn read(text: &str) -> Option<Self> {
        Self::read(text)
    }
}

/// Where a directory says how far it has got.
#[derive(Debug, Clone)]
enum Where {
    /// In the entry of a naming context.
    Context(Arc<str>),
    /// In its root DSE, in its own way.
    Root(Numbering),
}

impl Where {
    /// The search whose answer says how far the directory has got.
    fn question(&self) -> Search {
        let (base, attributes) = match self {
            Self::Context(context) => (context.to_string(), vec![CONTEXT_CSN.to_owned()]),
            Self::Root(numbering) => (String::new(), numbering.asked()),
        };
        Search {
            base,
            scope: Scope::Base,
            filter: Filter::any_entry(),
            attributes,
            size_limit: 0,
            time_limit: 0,
            controls: Vec::new(),
        }
    }

    /// What it says.
    fn marker(&self, entry: &Entry) -> Option<HowFar> {
        match self {
            Self::Context(_) => csns_of(entry),
            Self::Root(numbering) => numbering.claims(entry).map(HowFar::Numbers),
        }
    }
}

fn csns_of(entry: &Entry) -> Option<HowFar> {
    CsnSet::from_values(entry.values(CONTEXT_CSN).iter().map(Vec::as_slice)).map(HowFar::Csns)
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
    arrived: Option<HowFar>,
    /// How far it had got before it was lost.
    seen: Option<HowFar>,
    /// Whether entries showed that the directory was set back.
    went_back: bool,
    /// How many refreshes have ended: each answers the poll that asked for it.
    polls: u64,
    /// The last pull that is answered, and how far the directory said before that it had got; where
    /// the copy asks for changes instead of being told.
    pulled: Option<(u64, HowFar)>,
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
        self.pulled = None;
    }

    /// Whether the copy is complete, and asks for changes instead of being told.
    fn can_be_pulled(&self) -> bool {
        self.coverage.is_some() && self.pulled.is_some()
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
    place: RwLock<Option<Where>>,
    /// How many pulls were asked for.
    asked: AtomicU64,
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
            place: RwLock::new(None),
            asked: AtomicU64::new(0),
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

    fn place(&self) -> Option<Where> {
        self.place.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_place(&self, place: Where) {
        *self.place.write().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }
}

impl Replica for LiveCopy {
    type Marker = HowFar;

    fn coverage(&self) -> Option<Coverage> {
        self.shared.standing.borrow().coverage
    }

    fn is_held(&self) -> bool {
        Self::is_held(self)
    }

    fn can_be_asked_for(&self) -> bool {
        self.shared.place.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn says_what_is_seen(&self) -> bool {
        !matches!(self.shared.place(), Some(Where::Root(numbering)) if numbering.runs_ahead())
    }

    fn question(&self) -> Option<Search> {
        self.shared.place().map(|place| place.question())
    }

    async fn find_question<L: Lookups>(
        &self,
        lookups: &L,
    ) -> Result<Option<Search>, UnknownReason> {
        let Some(groups) = &self.shared.policy.groups else { return Ok(None) };
        let names = offer::ATTRIBUTES.into_iter().chain(numbering::ATTRIBUTES);
        let names: Vec<&str> = names.collect();
        let (_, root) = observe::root_and_name(lookups, &names).await?;
        let place = match numbering::numbering(&root, &groups.base) {
            Ok((numbering, _)) => Some(Where::Root(numbering)),
            Err(NotNumbered::OtherKind) => offer::naming_context(&root, &groups.base)
                .map(|context| Where::Context(context.as_str().into())),
            Err(_) => None,
        };
        if let Some(place @ Where::Root(_)) = &place {
            self.shared.set_place(place.clone());
        }
        Ok(place.map(|place| place.question()))
    }

    fn seen(&self) -> Option<HowFar> {
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

    fn marker(&self, answer: &[Entry]) -> Option<HowFar> {
        let [entry] = answer else { return None };
        match self.shared.place() {
            Some(place) => place.marker(entry),
            None => csns_of(entry),
        }
    }

    async fn pull(&self) -> Option<Result<HowFar, Gone>> {
        let mut standing = self.shared.standing.subscribe();
        if !standing.borrow().can_be_pulled() {
            return None;
        }
        let ticket = self.shared.asked.fetch_add(1, Relaxed) + 1;
        self.shared.wanted.notify_one();
        let is_over = |standing: &Standing| {
            let answered = standing.pulled.as_ref().map(|(answered, _)| *answered);
            !standing.can_be_pulled() || answered.is_some_and(|answered| answered >= ticket)
        };
        let standing = standing.wait_for(is_over).await.ok();
        let pulled = standing.as_ref().filter(|standing| standing.can_be_pulled());
        Some(pulled.and_then(|standing| Some(standing.pulled.as_ref()?.1.clone())).ok_or(Gone))
    }

    fn knows_by_id(&self) -> bool {
        matches!(self.shared.place(), Some(Where::Root(numbering)) if numbering.knows_ids())
    }

    fn has(&self, marker: &HowFar) -> bool {
        let standing = self.shared.standing.borrow();
        let arrived = standing.arrived.as_ref().filter(|_| standing.coverage.is_some());
        arrived.is_some_and(|arrived| arrived.has(marker))
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

    async fn arrived(&self, marker: &HowFar) -> Result<(), Gone> {
        if let Some(pulled) = self.pull().await {
            return pulled?.has(marker).then_some(()).ok_or(Gone);
        }
        let mut standing = self.shared.standing.subscribe();
        let is_there = |standing: &Standing| {
            standing.coverage.is_none()
                || standing.arrived.as_ref().is_some_and(|arrived| arrived.has(marker))
        };
        let reached = standing.wait_for(is_there).await.map_err(|_| Gone)?;
        reached.coverage.map(|_| ()).ok_or(Gone)
    }

    async fn poll(&self) -> Result<(), Gone> {
        if let Some(pulled) = self.pull().await {
            return pulled.map(|_| ());
        }
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
