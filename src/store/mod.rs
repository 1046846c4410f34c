//! The records on disk.

use std::path::PathBuf;
use std::time::Duration;

/// What the store is configured with: the section `[store]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The folder of the embedded store (`url = "file:…"`).
    pub folder: PathBuf,
    /// The most commits that wait for the disk (`max_waiting`).
    pub max_waiting: usize,
    /// How often marks (last sign-ons) that changed without a commit are written (`mark_interval`).
    pub mark_interval: Duration,
    /// How many audit rows are kept (`max_audit_rows`).
    pub max_audit_rows: u64,
}
