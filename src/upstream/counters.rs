//! The directory's side in numbers: metric handles, registered once.

use super::shared::ProbeCounters;
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
    /// Looks whether there are fast binds: where the root DSE names them, where it does not, and
    /// those that had no answer.
    pub(super) fast_binds: [Counter; 3],
    /// Searches sent again because a connection was found dead.
    pub(super) retries: Counter,
}

impl Counters {
    /// Registers the metrics of a directory.
    pub(super) fn new(directory: &str) -> Self {
        let name = || directory.to_owned();
        let fast_binds = |outcome: &'static str| {
            let labels = [("directory", name()), ("outcome", outcome.to_owned())];
            counter!("bindgate_upstream_fast_bind_probes_total", &labels)
        };
        Self {
            fast_binds: ["named", "missing", "failed"].map(fast_binds),
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

/// Handles of one directory's metrics about shared connections.
pub(super) struct SharedCounters {
    /// Shared connections that were never bound.
    pub(super) anonymous: Gauge,
    /// Shared connections that are bound as the service account.
    pub(super) proxied: Gauge,
    /// Connections of sessions that have one for themselves.
    pub(super) apart: Gauge,
    /// Connections for fast binds.
    pub(super) fast: Gauge,
    /// Sessions that went on by proxied authorisation.
    pub(super) sessions: Counter,
}

impl SharedCounters {
    /// Registers the metrics of a directory, those of its probes apart.
    pub(super) fn new(directory: &str) -> (Self, ProbeCounters) {
        let name = || directory.to_owned();
        let connections = |kind: &'static str| {
            let labels = [("directory", name()), ("kind", kind.to_owned())];
            gauge!("bindgate_upstream_shared_connections", &labels)
        };
        let probes = |outcome: &'static str| {
            let labels = [("directory", name()), ("outcome", outcome.to_owned())];
            counter!("bindgate_upstream_proxy_probes_total", &labels)
        };
        let shared = Self {
            anonymous: connections("anonymous"),
            proxied: connections("proxied"),
            apart: connections("apart"),
            fast: connections("fast-bind"),
            sessions: counter!("bindgate_upstream_proxied_sessions_total", "directory" => name()),
        };
        let probes = ProbeCounters {
            granted: probes("granted"),
            refused: probes("refused"),
            failed: probes("failed"),
        };
        (shared, probes)
    }
}
