//! One worker: a thread with a runtime of its own, its listeners and its connections.

use super::Config;
use super::clock::SystemClock;
use super::running::{Records, Upstream, Wiring};
use crate::app::gateway::Gateway;
use crate::app::reconcile;
use crate::frontend::{Address, Drain, Keeping, Listeners, Phase, Served};
use crate::telemetry::Telemetry;
use arc_swap::ArcSwap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// How long clients have for their last bytes once a drain has run out of time.
const LAST_BYTES: Duration = Duration::from_secs(2);

/// How often a worker shows that it is not stuck.
const BEAT: Duration = Duration::from_millis(200);

/// What a worker serves with from now on.
pub(super) struct Next {
    pub(super) served: Arc<Served<Wiring>>,
    /// Directories whose connections nobody has started here yet.
    pub(super) fresh: Vec<Upstream>,
    /// Directories of which it is to be found out whether they have fast binds.
    pub(super) seeking: Vec<Upstream>,
    /// What is listened on from now on beside what there is, and what no longer.
    pub(super) listeners: Option<Listeners>,
    pub(super) closing: Vec<Address>,
    /// On one worker: what looks at users who do not sign on.
    pub(super) reconcile: Option<Reconciliation>,
}

/// Where a worker is told what comes next.
pub(super) struct Door {
    current: Arc<ArcSwap<Served<Wiring>>>,
    next: mpsc::Sender<Next>,
    beats: Arc<AtomicU64>,
}

impl Door {
    /// How often the worker has shown that it is not stuck.
    pub(super) fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Gives the worker something else to serve with; what it served with until now, if it takes it.
    pub(super) async fn exchange(&self, next: Next) -> Option<Weak<Gateway<Wiring>>> {
        let before = Arc::downgrade(&self.current.load().gateway);
        self.next.send(next).await.ok().map(|()| before)
    }
}

/// One worker.
pub(super) struct Worker {
    index: usize,
    first: Next,
    current: Arc<ArcSwap<Served<Wiring>>>,
    waiting: mpsc::Receiver<Next>,
    beats: Arc<AtomicU64>,
    drain: Drain,
}

/// What is handed to the reconciliation beside the worker's connections.
pub(super) struct Reconciliation {
    config: reconcile::Config,
    records: Records,
    events: Telemetry,
}

pub(super) fn reconciliation(
    config: &Config,
    store: &Records,
    telemetry: &Telemetry,
) -> Reconciliation {
    let enabled = config.reconcile.enabled && config.sign_on.enabled;
    let config = reconcile::Config { enabled, ..config.reconcile };
    Reconciliation { config, records: store.clone(), events: telemetry.clone() }
}

impl Worker {
    /// One that is not served yet, and where it is told what comes next.
    pub(super) fn new(index: usize, first: Next, drain: Drain) -> (Door, Self) {
        let current = Arc::new(ArcSwap::new(first.served.clone()));
        let (next, waiting) = mpsc::channel(1);
        let beats = Arc::<AtomicU64>::default();
        let door = Door { current: current.clone(), next, beats: beats.clone() };
        (door, Self { index, first, current, waiting, beats, drain })
    }

    pub(super) async fn serve(self) {
        let Self { index, mut first, current, mut waiting, beats, drain } = self;
        let listeners = first.listeners.take();
        let mut reconciling = begin(index, first);
        let mut keeping = open(index, listeners, &current, &drain);
        let ending = drain.reached(Phase::Ending);
        tokio::pin!(ending);
        let mut beat = tokio::time::interval(BEAT);
        loop {
            let mut next = tokio::select! {
                biased;
                () = &mut ending => break,
                Some(next) = waiting.recv() => next,
                _ = beat.tick() => {
                    beats.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
            };
            let served = next.served.clone();
            let (listeners, closing) = (next.listeners.take(), std::mem::take(&mut next.closing));
            let looks = begin(index, next);
            current.swap(served).hand_over_to(&current);
            keeping.extend(open(index, listeners, &current, &drain));
            keeping.retain(|kept| !closing.contains(&kept.address));
            std::mem::replace(&mut reconciling, looks).iter().for_each(AbortHandle::abort);
        }
        let _ = tokio::time::timeout(LAST_BYTES, drain.emptied()).await;
    }
}

/// Begins to accept clients.
fn open(
    index: usize,
    listeners: Option<Listeners>,
    current: &Arc<ArcSwap<Served<Wiring>>>,
    drain: &Drain,
) -> Vec<Keeping> {
    let opened = listeners.map(|listeners| listeners.serve(current, drain)).transpose();
    opened.map(Option::unwrap_or_default).unwrap_or_else(|error| {
        tracing::error!(target: "bindgate", "worker {index}: {error}");
        Vec::new()
    })
}

/// Starts what is fresh of it.
fn begin(index: usize, next: Next) -> Option<AbortHandle> {
    next.fresh.iter().for_each(|upstream| upstream.start(index));
    if index == 0 {
        next.seeking.iter().for_each(|upstream| upstream.seek_fast_binds(index));
    }
    let Reconciliation { config, records, events } = next.reconcile?;
    let (sign_ons, clock) = (next.served.gateway.sign_ons().clone(), SystemClock::default());
    let looking = reconcile::run(sign_ons, records, clock, events, config);
    Some(tokio::spawn(looking).abort_handle())
}
