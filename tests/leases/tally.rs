//! What happened, for all who take part.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// The most breaches that are kept.
const KEPT: usize = 20;

/// Counts and breaches, shared by the directory and the clients.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<Counts>);

/// How often what happened.
#[derive(Default)]
pub(crate) struct Counts {
    breaches: Mutex<Vec<String>>,
    /// Binds that were answered with success.
    pub(crate) bound: AtomicU64,
    /// Binds that were answered with something else.
    pub(crate) refused: AtomicU64,
    /// Searches that were answered.
    pub(crate) searches: AtomicU64,
    /// Pages behind a first one.
    pub(crate) pages: AtomicU64,
    /// Operations that were abandoned or cancelled.
    pub(crate) abandoned: AtomicU64,
    /// Visits that the gateway ended, with a notice.
    pub(crate) cut: AtomicU64,
    /// Visits that the client ended in the middle of something.
    pub(crate) left: AtomicU64,
    /// Operations that the directory saw from clients.
    pub(crate) seen: AtomicU64,
    /// Operations that it saw by proxied authorisation.
    pub(crate) proxied: AtomicU64,
    /// Those of them that it denied: sessions that went on by proxy then end.
    pub(crate) denied: AtomicU64,
}

impl std::ops::Deref for Tally {
    type Target = Counts;

    fn deref(&self) -> &Counts {
        &self.0
    }
}

/// Adds one.
pub(crate) fn add(count: &AtomicU64) {
    count.fetch_add(1, SeqCst);
}

impl Tally {
    /// Notes that a rule was broken.
    pub(crate) fn breach(&self, text: String) {
        let mut breaches = self.breaches.lock().unwrap();
        if breaches.len() < KEPT {
            breaches.push(text);
        }
    }

    /// Panics if a rule was broken.
    #[track_caller]
    pub(crate) fn expect_sound(&self) {
        let breaches = self.breaches.lock().unwrap();
        assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
    }

    /// Panics if so many clients did too little for the run to mean anything.
    #[track_caller]
    pub(crate) fn expect_tried(&self, clients: u64) {
        let enough = |count: &AtomicU64, least: u64| count.load(SeqCst) >= least;
        let tried = enough(&self.bound, clients)
            && enough(&self.searches, clients)
            && enough(&self.seen, clients)
            && enough(&self.refused, clients / 4)
            && enough(&self.pages, clients / 10)
            && enough(&self.abandoned, clients / 10)
            && enough(&self.cut, clients / 20)
            && enough(&self.left, clients / 20);
        assert!(tried, "too little was tried: {self}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            ("bound", &self.bound),
            ("refused", &self.refused),
            ("searches", &self.searches),
            ("pages", &self.pages),
            ("abandoned", &self.abandoned),
            ("cut", &self.cut),
            ("left", &self.left),
            ("seen", &self.seen),
            ("proxied", &self.proxied),
            ("denied", &self.denied),
        ];
        counts.iter().try_for_each(|(name, count)| write!(f, "{name} {} ", count.load(SeqCst)))
    }
}
