//! The table of metrics: every name, its labels, and one sentence for the person who reads it.
//!
//! Labels take their values from the configuration and from fixed lists, never from a peer.

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Seconds, in buckets.
    Histogram,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name as Prometheus sees it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

pub use crate::app::figures::BUCKETS;

macro_rules! metrics_table {
    ($($name:ident: $kind:ident $text:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(super) const $name: Metric =
            Metric { name: $text, kind: Kind::$kind, labels: &[$($label),*], help: $help };)*

        /// Every metric of a gateway.
        pub const METRICS: &[Metric] = &[$($name),*];
    };
}

metrics_table! {
    CONNECTIONS_TOTAL: Counter "bindgate_connections_total" []
        "Client connections that were accepted.";
    CONNECTIONS: Gauge "bindgate_connections" []
        "Client connections that are open.";
    CLOSED_TOTAL: Counter "bindgate_closed_total" ["reason"]
        "Client connections that ended, by reason.";
    BINDS_TOTAL: Counter "bindgate_binds_total" ["directory", "result"]
        "Binds that were answered, by directory (none: accounts of the gateway's own, and what was refused as no bind) and result code; codes outside the fixed list are \"other\".";
    ACCOUNT_BINDS_TOTAL: Counter "bindgate_account_binds_total" ["result"]
        "Binds as accounts of the gateway's own, by result: success, or why not.";
    BIND_SECONDS: Histogram "bindgate_bind_seconds" ["directory"]
        "Time from a whole bind request to its answer, record included.";
    BIND_PART_SECONDS: Histogram "bindgate_bind_part_seconds" ["directory", "part"]
        "The same time by where it went: `upstream` (from the request on the directory's connection to its answer), `sign_on` (from there until the record was up to date), `gateway` (all the rest, waits for a connection among it).";
    OPERATIONS_TOTAL: Counter "bindgate_operations_total" ["operation", "result"]
        "Other operations that were answered: ok, refused (the client's affair), or failed.";
    TRACE_SPANS_TOTAL: Counter "bindgate_trace_spans_total" ["outcome"]
        "Spans of traced binds that were sent, refused by their receiver, or found no room to wait in.";
    SIGN_ONS_TOTAL: Counter "bindgate_sign_ons_total" ["directory", "outcome"]
        "Sign-ons, by what they did to the record.";
    SIGN_ON_UNKNOWN_TOTAL: Counter "bindgate_sign_on_unknown_total" ["reason"]
        "Sign-ons whose observation was unknown, so that no membership was touched, by reason.";
    GROUP_READS_TOTAL: Counter "bindgate_group_reads_total" ["directory", "source"]
        "Sign-ons by where the groups were read: in the replica, in the directory, or nowhere.";
    REPLICA_MISSES_TOTAL: Counter "bindgate_replica_misses_total" ["directory"]
        "Questions for which the replica was not up to date in time, so that the directory was asked.";
    REPLICA_GIVEN_UP: Gauge "bindgate_replica_given_up" ["directory"]
        "1 while the replica is not waited for because it was late too often, else 0.";
    REPLICA_COMPLETE: Gauge "bindgate_replica_complete" ["directory"]
        "1 while the replica is complete and followed live, else 0.";
    REPLICA_HELD: Gauge "bindgate_replica_held" ["directory"]
        "1 while a refresh is held that would take away most of the groups, else 0.";
    HELD_DECISIONS_TOTAL: Counter "bindgate_held_decisions_total" ["directory", "decision"]
        "Losses of groups that were held and somebody has confirmed or rejected.";
    CHANGES_HELD_TOTAL: Counter "bindgate_changes_held_total" ["directory", "kind"]
        "Times that losses of groups began to be held: of many users at once, or all of one user.";
    USERS_HELD: Gauge "bindgate_users_held" ["directory"]
        "Users whose losses of groups are held until somebody confirms or rejects them, or they pass.";
    DIRECTORY_BEHIND: Gauge "bindgate_directory_behind" ["directory"]
        "1 while sign-ons are unknown because the directory is behind what was seen of it, else 0.";
    ROLLBACKS_ACCEPTED_TOTAL: Counter "bindgate_rollbacks_accepted_total" ["directory"]
        "Times that somebody accepted that the directory was set back.";
    REPLICA_SAVED: Gauge "bindgate_replica_saved" ["directory"]
        "1 while all that the replica holds is saved for the next start, else 0.";
    REPLICA_GROUPS: Gauge "bindgate_replica_groups" ["directory"]
        "Groups in the replica.";
    REPLICA_USERS: Gauge "bindgate_replica_users" ["directory"]
        "Users in the replica.";
    REPLICA_HEARD: Gauge "bindgate_replica_heard_timestamp_seconds" ["directory"]
        "When something was last heard for the replica, in seconds since 1970.";
    REPLICA_LOADS_TOTAL: Counter "bindgate_replica_loads_total" ["directory"]
        "Times that the replica was asked for from the beginning.";
    REPLICA_RESUMES_TOTAL: Counter "bindgate_replica_resumes_total" ["directory"]
        "Times that the replica began with what was saved before the start.";
    REPLICA_REFRESHES_TOTAL: Counter "bindgate_replica_refreshes_total" ["directory"]
        "Times that the replica became up to date, polls included.";
    REPLICA_CONNECTS_TOTAL: Counter "bindgate_replica_connects_total" ["directory"]
        "Connections that were made for the replica.";
    REPLICA_POLLS_TOTAL: Counter "bindgate_replica_polls_total" ["directory"]
        "Times that changes were asked for because they had not come by themselves.";
    REPLICA_TOO_LARGE_TOTAL: Counter "bindgate_replica_too_large_total" ["directory"]
        "Times that the replica was given up because of `max_replica_names`.";
    REPLICA_CHANGES_TOTAL: Counter "bindgate_replica_changes_total" ["directory"]
        "Entries that were put into the replica or removed from it.";
    REPLICA_LISTS_TOTAL: Counter "bindgate_replica_lists_total" ["directory"]
        "Times that the ids of all groups were listed, since one of them may have been gone.";
    REPLICA_WATCHED: Gauge "bindgate_replica_watched" ["directory"]
        "1 while the directory tells of changes by itself (notification, persistent search), else 0.";
    REPLICA_NOTICES_TOTAL: Counter "bindgate_replica_notices_total" ["directory"]
        "Changes of which the directory told by itself.";
    REPLICA_WARMED_TOTAL: Counter "bindgate_replica_warmed_total" ["directory"]
        "Changes that the replica had before anybody asked, since the directory had told of them.";
    SIGN_ON_SECONDS: Histogram "bindgate_sign_on_seconds" []
        "Time of a sign-on's flight: reads, plan and commit.";
    MEMBERSHIPS_ADDED_TOTAL: Counter "bindgate_memberships_added_total" []
        "Memberships that began.";
    MEMBERSHIPS_REMOVED_TOTAL: Counter "bindgate_memberships_removed_total" []
        "Memberships that ended.";
    RECONCILED_TOTAL: Counter "bindgate_reconciled_total" ["outcome"]
        "Looks at users that did not sign on, by what they did to the record.";
    RECORDS_DELETED_TOTAL: Counter "bindgate_records_deleted_total" []
        "Records that were deleted because their users were missing for too long.";
    RECONCILE_WAITING: Gauge "bindgate_reconcile_waiting" []
        "Users who wait to be looked at by the gateway itself.";
    RECONCILE_RECORDS_TOTAL: Counter "bindgate_reconcile_records_total" []
        "Records that rounds went through in which somebody was looked at.";
    LAST_MEMBERS_HELD_TOTAL: Counter "bindgate_last_members_held_total" []
        "Groups that a sign-on would have left without anybody, though they are protected.";
    GROUPS_SKIPPED_TOTAL: Counter "bindgate_groups_skipped_total" []
        "Groups that sign-ons left out since they are not kept and none is to be made.";
    SWITCH_CHANGES_TOTAL: Counter "bindgate_switch_changes_total" []
        "Changes of a switch at run time.";
    LIMIT_HITS_TOTAL: Counter "bindgate_limit_hits_total" ["limit"]
        "Times that a limit was hit, by its configuration key.";
    THROTTLES_TOTAL: Counter "bindgate_throttles_total" []
        "Times that a source began to be held back because it keeps failing.";
    THROTTLED_SOURCES: Gauge "bindgate_throttled_sources" []
        "Sources that are held back because they keep failing.";
    UPSTREAM_RETRIES_TOTAL: Counter "bindgate_upstream_retries_total" ["directory"]
        "Operations that were sent again because a connection was found dead.";
    UPSTREAM_SKIPPED_TOTAL: Counter "bindgate_upstream_skipped_total" ["directory"]
        "Responses of an unknown type that were skipped.";
    UPSTREAM_ODD_TOTAL: Counter "bindgate_upstream_odd_total" ["directory"]
        "Clients' connections to the directory that were closed over what is no answer.";
    SIGN_ON_UNIDENTIFIED_TOTAL: Counter "bindgate_sign_on_unidentified_total" ["directory", "reason"]
        "SASL binds that succeeded and were not synchronised: the directory names no entry, or does not say who it is.";
    REFERRALS_TOTAL: Counter "bindgate_referrals_total" ["directory", "outcome"]
        "References to other servers that a directory gave: stripped, passed, or rewritten to lead here.";
    UPSTREAM_UP: Gauge "bindgate_upstream_up" ["directory"]
        "1 while no server of the directory is known to be down, else 0.";
    UPSTREAM_SERVERS_DOWN: Gauge "bindgate_upstream_servers_down" ["directory"]
        "Servers of the directory that are known to be down.";
    UPSTREAM_CONNECTIONS: Gauge "bindgate_upstream_connections" ["directory"]
        "Exclusive connections to the directory, those being made included.";
    UPSTREAM_WAITING: Gauge "bindgate_upstream_waiting" ["directory"]
        "Clients that wait for an exclusive connection.";
    UPSTREAM_LEASES_TOTAL: Counter "bindgate_upstream_leases_total" ["directory"]
        "Leases of exclusive connections that began.";
    UPSTREAM_RECALLS_TOTAL: Counter "bindgate_upstream_recalls_total" ["directory"]
        "Leases that were asked back for a bind that waited.";
    UPSTREAM_DEAD_TOTAL: Counter "bindgate_upstream_dead_total" ["directory"]
        "Warm connections that were found dead.";
    UPSTREAM_CONNECTS_TOTAL: Counter "bindgate_upstream_connects_total" ["directory"]
        "Connections that were made, shared ones included.";
    UPSTREAM_CONNECT_FAILURES_TOTAL: Counter "bindgate_upstream_connect_failures_total" ["directory"]
        "Connections that could not be made.";
    UPSTREAM_SEARCHES_TOTAL: Counter "bindgate_upstream_searches_total" ["directory"]
        "Searches that the gateway asked for itself.";
    UPSTREAM_SEARCH_FAILURES_TOTAL: Counter "bindgate_upstream_search_failures_total" ["directory"]
        "Searches of the gateway's own that had no complete answer.";
    UPSTREAM_SEARCH_RETRIES_TOTAL: Counter "bindgate_upstream_search_retries_total" ["directory"]
        "Searches that were sent again because a connection was found dead.";
    UPSTREAM_SHARED_CONNECTIONS: Gauge "bindgate_upstream_shared_connections" ["directory", "kind"]
        "Connections that clients share: anonymous (never bound), proxied (bound as the service account), apart (the same, of one session that was bound by certificate) and fast-bind.";
    UPSTREAM_PROXIED_SESSIONS_TOTAL: Counter "bindgate_upstream_proxied_sessions_total" ["directory"]
        "Sessions that lent their connection and went on by proxied authorisation.";
    UPSTREAM_FAST_BIND_PROBES_TOTAL: Counter "bindgate_upstream_fast_bind_probes_total" ["directory", "outcome"]
        "Looks at the root DSE whether the directory has fast binds: named, missing, or failed.";
    UPSTREAM_PROXY_PROBES_TOTAL: Counter "bindgate_upstream_proxy_probes_total" ["directory", "outcome"]
        "Probes whether the directory grants proxied authorisation: granted, refused, or failed.";
    TLS_HANDSHAKES_TOTAL: Counter "bindgate_tls_handshakes_total" ["version", "handshake"]
        "TLS handshakes of clients that succeeded: full, or resumed by a ticket.";
    TLS_RELOADS_TOTAL: Counter "bindgate_tls_reloads_total" ["outcome"]
        "Changes of the certificate files of [listen.tls] and [admin.tls]: taken over, or refused so that the old ones stayed.";
    CONFIG_RELOADS_TOTAL: Counter "bindgate_config_reloads_total" ["outcome"]
        "Changes of the configuration file: taken over, or refused so that the old one stayed.";
    PHASE: Gauge "bindgate_phase" []
        "0 while the gateway serves, 1 while it drains, 2 while it ends.";
    STORE_HEALTHY: Gauge "bindgate_store_healthy" []
        "1 while the last write reached the disk, else 0.";
    ADMIN_REFUSED_TOTAL: Counter "bindgate_admin_refused_total" []
        "Requests to the admin API without a valid token.";
}
