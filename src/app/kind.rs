//! What kind of directory one is, once that is known.

use crate::domain::kind::Kind;
use std::sync::{Arc, OnceLock};

/// The kind of one directory: as configured, or as its root DSE was first seen to say.
#[derive(Debug, Clone, Default)]
pub struct KnownKind(Arc<OnceLock<Kind>>);

impl KnownKind {
    /// A kind that is known from the start.
    pub fn of(kind: Kind) -> Self {
        let known = Self::default();
        known.learn(kind);
        known
    }

    /// Takes the kind for this one, unless it is known already.
    pub fn learn(&self, kind: Kind) {
        // Whoever came first has said it.
        let _ = self.0.set(kind);
    }

    /// The kind, if it is known.
    pub fn get(&self) -> Option<Kind> {
        self.0.get().copied()
    }

    /// Whether it is known to be one of which this holds.
    pub fn is(&self, what: impl FnOnce(Kind) -> bool) -> bool {
        self.get().is_some_and(what)
    }
}
