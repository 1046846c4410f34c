//! How a lease is asked back: a cell that session and pool share, so that neither takes a lock
//! while nobody waits.
//!
//! The session marks itself recallable, then looks whether somebody waits; the pool notes that
//! somebody waits, then looks who is recallable. Both in sequentially consistent order, so at least
//! one of them sees the other.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

const BUSY: u8 = 0;
const RECALLABLE: u8 = 1;
const RECALLED: u8 = 2;

/// One lease's cell.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: AtomicU8,
    since: AtomicU32,
    waker: Mutex<Option<Waker>>,
}

impl Bell {
    /// The lease may be asked back from now on; `now` is the pool's count of recalls, as a clock.
    pub(super) fn allow(&self, now: u32) {
        self.since.store(now, Relaxed);
        // A recall that is under way stays.
        let _ = self.state.compare_exchange(BUSY, RECALLABLE, SeqCst, SeqCst);
    }

    /// The lease may not be asked back any more. Gives whether it already was.
    pub(super) fn forbid(&self) -> bool {
        self.state.swap(BUSY, SeqCst) == RECALLED
    }

    /// Asks the lease back, if that is allowed; only under the pool's lock.
    pub(super) fn recall(&self) -> bool {
        self.state.compare_exchange(RECALLABLE, RECALLED, SeqCst, SeqCst).is_ok()
    }

    /// Wakes whoever watches.
    pub(super) fn ring(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Who is to be woken.
    pub(super) fn watch(&self, waker: Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
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

/// What all sessions may look at without the pool's lock.
#[derive(Debug, Default)]
pub(super) struct Demand {
    wanted: AtomicUsize,
    waiting: AtomicUsize,
    total: AtomicUsize,
    recalls: AtomicU32,
}

impl Demand {
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

    /// One more lease was asked back; only under the pool's lock.
    pub(super) fn count_recall(&self) {
        self.recalls.fetch_add(1, Relaxed);
    }
}
