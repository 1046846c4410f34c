//! Whether a directory has Active Directory's fast bind (1.2.840.113556.1.4.1781): found out by its
//! root DSE, taken back by a connection on which it was refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What is known of one directory; for all its workers. Nothing at first.
#[derive(Debug, Clone, Default)]
pub struct FastBinds(Arc<AtomicBool>);

impl FastBinds {
    /// Whether it has them.
    pub fn is_served(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// Its root DSE was read: whether it names them.
    pub fn learn(&self, is_named: bool) {
        self.0.store(is_named, Relaxed);
    }
}
