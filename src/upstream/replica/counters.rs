//! The live copy in numbers.

use crate::domain::membership::graph::Counts;
use crate::domain::time::Timestamp;
use metrics::{Counter, Gauge, counter, gauge};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::SystemTime;

/// Handles of one copy's metrics.
pub(super) struct ReplicaCounters {
    pub(super) complete: Gauge,
    pub(super) held: Gauge,
    pub(super) saved: Gauge,
    groups: Gauge,
    users: Gauge,
    heard: Gauge,
    /// The same in microseconds; 0 if nothing was heard.
    heard_at: AtomicI64,
    pub(super) loads: Counter,
    pub(super) resumes: Counter,
    pub(super) refreshes: Counter,
    pub(super) connects: Counter,
    pub(super) polls: Counter,
    pub(super) changes: Counter,
    pub(super) too_large: Counter,
    pub(super) lists: Counter,
    pub(super) watched: Gauge,
    pub(super) notices: Counter,
    pub(super) warmed: Counter,
}

impl ReplicaCounters {
    pub(super) fn new(directory: &str) -> Self {
        let name = || directory.to_owned();
        Self {
            complete: gauge!("bindgate_replica_complete", "directory" => name()),
            held: gauge!("bindgate_replica_held", "directory" => name()),
            saved: gauge!("bindgate_replica_saved", "directory" => name()),
            groups: gauge!("bindgate_replica_groups", "directory" => name()),
            users: gauge!("bindgate_replica_users", "directory" => name()),
            heard: gauge!("bindgate_replica_heard_timestamp_seconds", "directory" => name()),
            heard_at: AtomicI64::new(0),
            loads: counter!("bindgate_replica_loads_total", "directory" => name()),
            resumes: counter!("bindgate_replica_resumes_total", "directory" => name()),
            refreshes: counter!("bindgate_replica_refreshes_total", "directory" => name()),
            connects: counter!("bindgate_replica_connects_total", "directory" => name()),
            polls: counter!("bindgate_replica_polls_total", "directory" => name()),
            changes: counter!("bindgate_replica_changes_total", "directory" => name()),
            too_large: counter!("bindgate_replica_too_large_total", "directory" => name()),
            lists: counter!("bindgate_replica_lists_total", "directory" => name()),
            watched: gauge!("bindgate_replica_watched", "directory" => name()),
            notices: counter!("bindgate_replica_notices_total", "directory" => name()),
            warmed: counter!("bindgate_replica_warmed_total", "directory" => name()),
        }
    }

    /// Notes how much there is, and that something was heard.
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 groups")]
    pub(super) fn show(&self, counts: Counts) {
        self.groups.set(counts.groups as f64);
        self.users.set(counts.users as f64);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.heard.set(now.as_secs_f64());
        self.heard_at.store(i64::try_from(now.as_micros()).unwrap_or(i64::MAX), Relaxed);
    }

    /// When something was last heard.
    pub(super) fn heard_at(&self) -> Option<Timestamp> {
        Some(self.heard_at.load(Relaxed)).filter(|at| *at > 0).map(Timestamp)
    }
}
