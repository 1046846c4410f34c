//! How a lease is asked back: a cell that session and pool share, so that neither takes a lock
//! while nobody waits.
//!
//! The session marks itself recallable, then looks whether somebody waits; the pool notes that
//! somebody waits, then looks who is recallable. Both in sequentially consistent order, so at least
//! one of them sees the other.
//!
//! How many are recallable is counted for each worker apart, so that workers do not fight for a
//! cache line at every bind; the pool looks for one only if the sum says that there is one.

use crate::app::ports::Purpose;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst,
};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

const BUSY: u8 = 0;
const RECALLABLE: u8 = 1;
const RECALLED: u8 = 2;

/// One place's cell: it serves one lease after another.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: AtomicU8,
    since: AtomicU32,
    worker: AtomicUsize,
    /// Whether the lease belongs to a session that only binds.
    binding: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Bell {
    /// A lease begins on a worker, to bind or not; only under the pool's lock.
    pub(super) fn begin(&self, worker: usize, purpose: Purpose, demand: &Demand) {
        self.worker.store(worker, Relaxed);
        if purpose == Purpose::Bind {
            self.binding.store(true, SeqCst);
            demand.binding.fetch_add(1, SeqCst);
        }
    }

    /// The session does more than bind from now on, or the lease has ended. Gives whether it only
    /// bound until now.
    pub(super) fn no_longer_only_binds(&self, demand: &Demand) -> bool {
        let did = self.binding.swap(false, SeqCst);
        demand.binding.fetch_sub(usize::from(did), SeqCst);
        did
    }

    /// The lease may be asked back from now on.
    pub(super) fn allow(&self, demand: &Demand) {
        self.since.store(demand.recalls(), Relaxed);
        let shard = demand.recallable(self.worker.load(Relaxed));
        shard.fetch_add(1, SeqCst);
        // A recall that is under way stays.
        if self.state.compare_exchange(BUSY, RECALLABLE, SeqCst, SeqCst).is_err() {
            shard.fetch_sub(1, SeqCst);
        }
    }

    /// The lease may not be asked back any more. Gives whether it already was.
    pub(super) fn forbid(&self, demand: &Demand) -> bool {
        // A stranger never makes a busy one recallable.
        if self.state.load(Relaxed) == BUSY {
            return false;
        }
        let before = self.state.swap(BUSY, SeqCst);
        if before == RECALLABLE {
            demand.recallable(self.worker.load(Relaxed)).fetch_sub(1, SeqCst);
        }
        before == RECALLED
    }

    /// Asks the lease back, if that is allowed; only under the pool's lock.
    pub(super) fn recall(&self, demand: &Demand) -> bool {
        let is_recalled = self.state.compare_exchange(RECALLABLE, RECALLED, SeqCst, SeqCst).is_ok();
        if is_recalled {
            demand.recallable(self.worker.load(Relaxed)).fetch_sub(1, SeqCst);
        }
        is_recalled
    }

    /// Wakes whoever watches.
    pub(super) fn ring(&self) {
        if let Some(waker) = &*self.waker.lock().unwrap_or_else(PoisonError::into_inner) {
            waker.wake_by_ref();
        }
    }

    /// Who is to be woken.
    pub(super) fn watch(&self, waker: Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
    }

    /// Nobody is to be woken any more. Not under the pool's lock: a waker may hold leases.
    pub(super) fn unwatch(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(waker);
    }

    /// Whether the lease is asked back.
    pub(super) fn is_recalled(&self) -> bool {
        self.state.load(SeqCst) == RECALLED
    }

    /// Since when the lease is recallable, if it is.
    pub(super) fn recallable_since(&self) -> Option<u32> {
        (self.state.load(SeqCst) == RECALLABLE).then(|| self.since.load(Relaxed))
    }
}

/// A worker's own cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(AtomicUsize);

/// What all sessions may look at without the pool's lock.
#[derive(Debug)]
pub(super) struct Demand {
    shards: Vec<Shard>,
    wanted: AtomicUsize,
    waiting: AtomicUsize,
    total: AtomicUsize,
    binding: AtomicUsize,
    recalls: AtomicU32,
}

impl Demand {
    /// Nobody wants anything, of so many workers.
    pub(super) fn new(workers: usize) -> Self {
        Self {
            shards: (0..workers.max(1)).map(|_| Shard::default()).collect(),
            wanted: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            total: AtomicUsize::new(0),
            binding: AtomicUsize::new(0),
            recalls: AtomicU32::new(0),
        }
    }

    /// Whether some lease may be asked back, or is about to become so.
    pub(super) fn is_any_recallable(&self) -> bool {
        self.shards.iter().any(|shard| shard.0.load(SeqCst) > 0)
    }

    /// How many wait for whom neither a connection is being made nor a lease asked back.
    pub(super) fn wanted(&self) -> usize {
        self.wanted.load(SeqCst)
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// How many leases were asked back: a clock that stands still while nobody waits.
    pub(super) fn recalls(&self) -> u32 {
        self.recalls.load(Relaxed)
    }

    /// How many leases sessions have that only bind.
    pub(super) fn binding(&self) -> usize {
        self.binding.load(SeqCst)
    }

    /// How many connections there were at the last change, those being made included.
    pub(super) fn total(&self) -> usize {
        self.total.load(Relaxed)
    }

    /// The pool's news; only under its lock.
    pub(super) fn publish(&self, wanted: usize, waiting: usize, total: usize) {
        self.total.store(total, Relaxed);
        self.wanted.store(wanted, SeqCst);
        self.waiting.store(waiting, Relaxed);
    }

    /// How many leases of a worker may be asked back.
    fn recallable(&self, worker: usize) -> &AtomicUsize {
        &self.shards[worker % self.shards.len()].0
    }

    /// One more lease was asked back; only under the pool's lock.
    pub(super) fn count_recall(&self) {
        self.recalls.fetch_add(1, Relaxed);
    }
}
