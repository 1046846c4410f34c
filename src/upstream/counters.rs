//! The directory's side in numbers: metric handles, registered once.

use metrics::{Counter, Gauge, counter, gauge};

/// Handles of one directory's metrics.
pub(super) struct Counters {
    /// Exclusive connections, those being made included.
    pub(super) connections: Gauge,
    /// Clients that wait for one.
    pub(super) waiting: Gauge,
    /// Leases that began.
    pub(super) leases: Counter,
    /// Leases that were asked back.
    pub(super) recalls: Counter,
    /// Warm connections found dead.
    pub(super) dead: Counter,
    /// Connections made, shared ones included.
    pub(super) connects: Counter,
    /// Connections that could not be made.
    pub(super) connect_failures: Counter,
    /// The gateway's own searches.
    pub(super) searches: Counter,
    /// Those that had no complete answer.
    pub(super) search_failures: Counter,
    /// Searches sent again because a connection was found dead.
    pub(super) retries: Counter,
}

impl Counters {
    /// Registers the metrics of a directory.
    pub(super) fn new(directory: &str) -> Self {
        let name = || directory.to_owned();
        Self {
            connections: gauge!("bindgate_upstream_connections", "directory" => name()),
            waiting: gauge!("bindgate_upstream_waiting", "directory" => name()),
            leases: counter!("bindgate_upstream_leases_total", "directory" => name()),
            recalls: counter!("bindgate_upstream_recalls_total", "directory" => name()),
            dead: counter!("bindgate_upstream_dead_total", "directory" => name()),
            connects: counter!("bindgate_upstream_connects_total", "directory" => name()),
            connect_failures: counter!(
                "bindgate_upstream_connect_failures_total", "directory" => name()
            ),
            searches: counter!("bindgate_upstream_searches_total", "directory" => name()),
            search_failures: counter!(
                "bindgate_upstream_search_failures_total", "directory" => name()
            ),
            retries: counter!("bindgate_upstream_search_retries_total", "directory" => name()),
        }
    }
}
