//! Handles of all metrics, registered once: an event finds its handle by position, not by name.

use super::accounts::OfAccounts;
use super::binds::OfBinds;
use super::joined::Joined;
use super::table::{self, BUCKETS, Kind, METRICS, Metric};
use super::tally;
use crate::app::events::{
    BindSpent, Closed, GroupSource, Handshake, SignOnOutcome, TlsVersion, Unidentified,
};
use crate::app::oversight::HeldKind;
use crate::domain::observation::UnknownReason;
use crate::domain::referral::Settled;
use crate::domain::replication::Decision;
use crate::proto::op::Operation;
use crate::proto::result::ResultCode;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

/// The most limits that get a label of their own; the code has about a dozen.
const MAX_LIMITS: usize = 64;
/// The most servers of one directory whose state is kept.
const MAX_SERVERS: usize = 64;

const OPERATIONS: [Operation; 9] = [
    Operation::SearchRequest,
    Operation::CompareRequest,
    Operation::AddRequest,
    Operation::ModifyRequest,
    Operation::DelRequest,
    Operation::ModifyDnRequest,
    Operation::ExtendedRequest,
    Operation::AbandonRequest,
    Operation::UnbindRequest,
];

const CLOSED: [Closed; 10] = [
    Closed::Unbind,
    Closed::ByClient,
    Closed::ProtocolError,
    Closed::Limit(""),
    Closed::Idle,
    Closed::UpstreamLost,
    Closed::Tls,
    Closed::ProxyHeader,
    Closed::Ended,
    Closed::Shutdown,
];

pub(super) const OUTCOMES: [SignOnOutcome; 9] = [
    SignOnOutcome::Unchanged,
    SignOnOutcome::Created,
    SignOnOutcome::Changed,
    SignOnOutcome::Recent,
    SignOnOutcome::SwitchedOff,
    SignOnOutcome::NotAUser,
    SignOnOutcome::NotProvisioned,
    SignOnOutcome::Refused,
    SignOnOutcome::Unknown(UnknownReason::Timeout),
];

fn outcome_index(outcome: SignOnOutcome) -> Option<usize> {
    let kind = std::mem::discriminant(&outcome);
    OUTCOMES.iter().position(|known| std::mem::discriminant(known) == kind)
}

/// Every reason of an unknown observation.
pub(super) const REASONS: [UnknownReason; UnknownReason::ALL.len()] = UnknownReason::ALL;

/// The position of a reason in [`REASONS`].
pub(super) fn reason_index(reason: UnknownReason) -> usize {
    let same =
        |known: &UnknownReason| std::mem::discriminant(known) == std::mem::discriminant(&reason);
    REASONS.iter().position(same).unwrap_or(REASONS.len() - 1)
}

/// How an operation ended, as far as a label tells.
#[derive(Clone, Copy)]
enum ResultClass {
    Ok,
    Refused,
    Failed,
}

impl ResultClass {
    const ALL: [Self; 3] = [Self::Ok, Self::Refused, Self::Failed];

    fn of(code: ResultCode) -> Self {
        match code {
            ResultCode::SUCCESS
            | ResultCode::COMPARE_FALSE
            | ResultCode::COMPARE_TRUE
            | ResultCode::REFERRAL
            | ResultCode::SASL_BIND_IN_PROGRESS => Self::Ok,
            ResultCode::OPERATIONS_ERROR
            | ResultCode::TIME_LIMIT_EXCEEDED
            | ResultCode::ADMIN_LIMIT_EXCEEDED
            | ResultCode::BUSY
            | ResultCode::UNAVAILABLE
            | ResultCode::OTHER => Self::Failed,
            _ => Self::Refused,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// A recorder with the gateway's histograms' buckets. It is not installed globally: every gateway
/// of a process counts for itself.
pub(super) fn recorder() -> PrometheusRecorder {
    let mut builder = PrometheusBuilder::new();
    let apart = [table::BIND_SECONDS, table::BIND_PART_SECONDS];
    let recorded = |metric: &&Metric| !apart.contains(metric);
    for metric in METRICS.iter().filter(recorded).filter(|metric| metric.kind == Kind::Histogram) {
        let matcher = Matcher::Full(metric.name.to_owned());
        builder = builder
            .set_buckets_for_metric(matcher, &BUCKETS)
            .expect("the list of buckets is a constant and not empty");
    }
    let recorder = builder.build_recorder();
    for metric in METRICS.iter().filter(recorded) {
        let name = KeyName::from_const_str(metric.name);
        match metric.kind {
            Kind::Counter => recorder.describe_counter(name, None, metric.help.into()),
            Kind::Gauge => recorder.describe_gauge(name, None, metric.help.into()),
            Kind::Histogram => recorder.describe_histogram(name, None, metric.help.into()),
        }
    }
    recorder
}

const METADATA: Metadata<'static> =
    Metadata::new("bindgate", metrics::Level::INFO, Some("bindgate"));

fn key(metric: Metric, values: &[&str]) -> Key {
    debug_assert_eq!(metric.labels.len(), values.len());
    let label = |(name, value): (&&'static str, &&str)| Label::new(*name, (*value).to_owned());
    Key::from_parts(metric.name, metric.labels.iter().zip(values).map(label).collect::<Vec<_>>())
}

pub(super) fn counter(recorder: &PrometheusRecorder, metric: Metric, values: &[&str]) -> Counter {
    recorder.register_counter(&key(metric, values), &METADATA)
}

fn gauge(recorder: &PrometheusRecorder, metric: Metric, values: &[&str], value: f64) -> Gauge {
    let gauge = recorder.register_gauge(&key(metric, values), &METADATA);
    gauge.set(value);
    gauge
}

/// The handles of one directory.
pub(super) struct PerDirectory {
    name: Box<str>,
    binds: OfBinds,
    /// Lines about unknown sign-ons, by reason.
    pub(super) unknown: [Joined; REASONS.len()],
    sign_ons: [Counter; OUTCOMES.len()],
    sources: [Counter; GroupSource::ALL.len()],
    missed: Counter,
    given_up: Gauge,
    mass_changes: Counter,
    last_groups: Counter,
    users_held: Gauge,
    confirmed: Counter,
    rejected: Counter,
    behind: Gauge,
    rollbacks: Counter,
    retries: Counter,
    skipped: Counter,
    odd: Counter,
    unidentified: [Counter; Unidentified::ALL.len()],
    referrals: [Counter; Settled::ALL.len()],
    up: Gauge,
    servers_down: Gauge,
    down: Mutex<BTreeSet<Box<str>>>,
}

impl PerDirectory {
    fn new(recorder: &PrometheusRecorder, name: &str) -> Self {
        Self {
            name: name.into(),
            binds: OfBinds::new(recorder, name),
            unknown: Default::default(),
            sign_ons: OUTCOMES
                .map(|outcome| counter(recorder, table::SIGN_ONS_TOTAL, &[name, outcome.name()])),
            sources: GroupSource::ALL
                .map(|source| counter(recorder, table::GROUP_READS_TOTAL, &[name, source.name()])),
            missed: counter(recorder, table::REPLICA_MISSES_TOTAL, &[name]),
            given_up: gauge(recorder, table::REPLICA_GIVEN_UP, &[name], 0.0),
            mass_changes: counter(
                recorder,
                table::CHANGES_HELD_TOTAL,
                &[name, HeldKind::MassChange.name()],
            ),
            last_groups: counter(
                recorder,
                table::CHANGES_HELD_TOTAL,
                &[name, HeldKind::LastGroups.name()],
            ),
            users_held: gauge(recorder, table::USERS_HELD, &[name], 0.0),
            confirmed: counter(
                recorder,
                table::HELD_DECISIONS_TOTAL,
                &[name, Decision::Confirmed.name()],
            ),
            rejected: counter(
                recorder,
                table::HELD_DECISIONS_TOTAL,
                &[name, Decision::Rejected.name()],
            ),
            behind: gauge(recorder, table::DIRECTORY_BEHIND, &[name], 0.0),
            rollbacks: counter(recorder, table::ROLLBACKS_ACCEPTED_TOTAL, &[name]),
            retries: counter(recorder, table::UPSTREAM_RETRIES_TOTAL, &[name]),
            skipped: counter(recorder, table::UPSTREAM_SKIPPED_TOTAL, &[name]),
            odd: counter(recorder, table::UPSTREAM_ODD_TOTAL, &[name]),
            unidentified: Unidentified::ALL.map(|reason| {
                counter(recorder, table::SIGN_ON_UNIDENTIFIED_TOTAL, &[name, reason.name()])
            }),
            referrals: Settled::ALL
                .map(|settled| counter(recorder, table::REFERRALS_TOTAL, &[name, settled.name()])),
            up: gauge(recorder, table::UPSTREAM_UP, &[name], 1.0),
            servers_down: gauge(recorder, table::UPSTREAM_SERVERS_DOWN, &[name], 0.0),
            down: Mutex::default(),
        }
    }

    pub(super) fn signed_on(&self, outcome: SignOnOutcome, source: GroupSource) {
        self.sources[source as usize].increment(1);
        if let Some(index) = outcome_index(outcome) {
            self.sign_ons[index].increment(1);
        }
    }

    pub(super) fn missed(&self) {
        self.missed.increment(1);
    }

    pub(super) fn given_up(&self, is_so: bool) {
        self.given_up.set(if is_so { 1.0 } else { 0.0 });
    }

    pub(super) fn decided(&self, decision: Decision) {
        match decision {
            Decision::Confirmed => self.confirmed.increment(1),
            Decision::Rejected => self.rejected.increment(1),
            Decision::Open => {}
        }
    }

    pub(super) fn change_held(&self, kind: HeldKind) {
        match kind {
            HeldKind::MassChange => self.mass_changes.increment(1),
            HeldKind::LastGroups => self.last_groups.increment(1),
            // That is told by the copy's own gauge.
            HeldKind::GroupLoss => {}
        }
    }

    pub(super) fn users_held(&self, users: usize) {
        // exact: far fewer than a float can count
        self.users_held.set(f64::from(u32::try_from(users).unwrap_or(u32::MAX)));
    }

    pub(super) fn behind(&self, is_so: bool) {
        self.behind.set(if is_so { 1.0 } else { 0.0 });
    }

    pub(super) fn rollback_accepted(&self) {
        self.rollbacks.increment(1);
    }

    pub(super) fn retried(&self) {
        self.retries.increment(1);
    }

    pub(super) fn skipped(&self) {
        self.skipped.increment(1);
    }

    pub(super) fn unidentified(&self, reason: Unidentified) {
        self.unidentified[reason as usize].increment(1);
    }

    pub(super) fn referred(&self, settled: Settled) {
        self.referrals[settled as usize].increment(1);
    }

    pub(super) fn odd(&self) {
        self.odd.increment(1);
    }

    /// Notes that a server is down; whether that is news.
    pub(super) fn server_down(&self, url: &str) -> bool {
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = down.len() < MAX_SERVERS && down.insert(url.into());
        self.show(down.len());
        is_new
    }

    /// Notes that a server answers; whether that is news.
    pub(super) fn server_up(&self, url: &str) -> bool {
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        let was_down = down.remove(url);
        self.show(down.len());
        was_down
    }

    fn show(&self, down: usize) {
        self.up.set(if down == 0 { 1.0 } else { 0.0 });
        // exact: at most MAX_SERVERS
        self.servers_down.set(f64::from(u32::try_from(down).unwrap_or(u32::MAX)));
    }
}

/// The handles of TLS.
pub(super) struct OfTls {
    pub(super) handshakes: [[Counter; Handshake::ALL.len()]; TlsVersion::ALL.len()],
    pub(super) reloaded: Counter,
    pub(super) refused: Counter,
}

impl OfTls {
    fn new(recorder: &PrometheusRecorder) -> Self {
        let by_handshake = |version: TlsVersion| {
            Handshake::ALL.map(|handshake| {
                let labels = [version.name(), handshake.name()];
                counter(recorder, table::TLS_HANDSHAKES_TOTAL, &labels)
            })
        };
        Self {
            handshakes: TlsVersion::ALL.map(by_handshake),
            reloaded: counter(recorder, table::TLS_RELOADS_TOTAL, &["changed"]),
            refused: counter(recorder, table::TLS_RELOADS_TOTAL, &["refused"]),
        }
    }
}

/// All handles.
pub(super) struct Instruments {
    pub(super) recorder: PrometheusRecorder,
    pub(super) connections_total: Counter,
    pub(super) connections: Gauge,
    closed: [Counter; CLOSED.len()],
    /// Of binds that never were a directory's.
    binds: OfBinds,
    operations: [[Counter; ResultClass::ALL.len()]; OPERATIONS.len()],
    operations_other: [Counter; ResultClass::ALL.len()],
    /// The directories of the start, and last one for names that are not configured.
    directories: Vec<PerDirectory>,
    /// Those that reloads have added.
    more: Added,
    unknown: [Counter; REASONS.len()],
    pub(super) sign_on_seconds: Histogram,
    pub(super) added: Counter,
    pub(super) removed: Counter,
    pub(super) switch_changes: Counter,
    pub(super) last_members_held: Counter,
    pub(super) groups_skipped: Counter,
    reconciled: [Counter; OUTCOMES.len()],
    pub(super) deleted: Counter,
    waiting: Gauge,
    gone_through: Counter,
    limits: RwLock<Vec<(&'static str, Counter)>>,
    limits_other: Counter,
    pub(super) throttles: Counter,
    pub(super) throttled: Gauge,
    pub(super) accounts: OfAccounts,
    pub(super) tls: OfTls,
    pub(super) reloads: OfReloads,
    pub(super) phase: Gauge,
    pub(super) store_healthy: Gauge,
    pub(super) admin_refused: Counter,
}

/// Directories that come one after another and stay: found without a lock.
#[derive(Default)]
struct Added(OnceLock<Box<(PerDirectory, Added)>>);

impl Added {
    fn find(&self, name: &str) -> Option<&PerDirectory> {
        let mut at = self;
        while let Some(node) = at.0.get() {
            if &*node.0.name == name {
                return Some(&node.0);
            }
            at = &node.1;
        }
        None
    }

    fn each<'a>(&'a self, mut each: impl FnMut(&'a PerDirectory)) {
        let mut at = self;
        while let Some(node) = at.0.get() {
            each(&node.0);
            at = &node.1;
        }
    }

    fn add(&self, recorder: &PrometheusRecorder, name: &str) {
        let mut at = self;
        loop {
            let new = || Box::new((PerDirectory::new(recorder, name), Self::default()));
            let node = at.0.get_or_init(new);
            if &*node.0.name == name {
                return;
            }
            at = &node.1;
        }
    }
}

/// What became of changes of the configuration.
pub(super) struct OfReloads {
    pub(super) changed: Counter,
    pub(super) refused: Counter,
}

impl OfReloads {
    fn new(r: &PrometheusRecorder) -> Self {
        let of = |outcome| counter(r, table::CONFIG_RELOADS_TOTAL, &[outcome]);
        Self { changed: of("changed"), refused: of("refused") }
    }
}

impl Instruments {
    pub(super) fn new(recorder: PrometheusRecorder, directories: &[&str]) -> Self {
        let r = &recorder;
        let histogram = |metric| r.register_histogram(&key(metric, &[]), &METADATA);
        let by_class = |operation: &str| {
            ResultClass::ALL
                .map(|class| counter(r, table::OPERATIONS_TOTAL, &[operation, class.name()]))
        };
        let names = directories.iter().copied().chain(["other"]);
        Self {
            connections_total: counter(r, table::CONNECTIONS_TOTAL, &[]),
            connections: gauge(r, table::CONNECTIONS, &[], 0.0),
            closed: CLOSED.map(|reason| counter(r, table::CLOSED_TOTAL, &[reason.name()])),
            binds: OfBinds::new(r, ""),
            operations: OPERATIONS.map(|operation| by_class(operation.log_name())),
            operations_other: by_class("other"),
            directories: names.map(|name| PerDirectory::new(r, name)).collect(),
            more: Added::default(),
            unknown: REASONS
                .map(|reason| counter(r, table::SIGN_ON_UNKNOWN_TOTAL, &[reason.name()])),
            sign_on_seconds: histogram(table::SIGN_ON_SECONDS),
            added: counter(r, table::MEMBERSHIPS_ADDED_TOTAL, &[]),
            removed: counter(r, table::MEMBERSHIPS_REMOVED_TOTAL, &[]),
            switch_changes: counter(r, table::SWITCH_CHANGES_TOTAL, &[]),
            groups_skipped: counter(r, table::GROUPS_SKIPPED_TOTAL, &[]),
            last_members_held: counter(r, table::LAST_MEMBERS_HELD_TOTAL, &[]),
            reconciled: OUTCOMES
                .map(|outcome| counter(r, table::RECONCILED_TOTAL, &[outcome.name()])),
            deleted: counter(r, table::RECORDS_DELETED_TOTAL, &[]),
            waiting: gauge(r, table::RECONCILE_WAITING, &[], 0.0),
            gone_through: counter(r, table::RECONCILE_RECORDS_TOTAL, &[]),
            limits: RwLock::default(),
            limits_other: counter(r, table::LIMIT_HITS_TOTAL, &["other"]),
            throttles: counter(r, table::THROTTLES_TOTAL, &[]),
            throttled: gauge(r, table::THROTTLED_SOURCES, &[], 0.0),
            accounts: OfAccounts::new(|result| counter(r, table::ACCOUNT_BINDS_TOTAL, &[result])),
            tls: OfTls::new(r),
            reloads: OfReloads::new(r),
            phase: gauge(r, table::PHASE, &[], 0.0),
            store_healthy: gauge(r, table::STORE_HEALTHY, &[], 1.0),
            admin_refused: counter(r, table::ADMIN_REFUSED_TOTAL, &[]),
            recorder,
        }
    }

    /// A look of the gateway's own at a user.
    pub(super) fn looked_at(&self, outcome: SignOnOutcome, added: usize, removed: usize) {
        if let Some(index) = outcome_index(outcome) {
            self.reconciled[index].increment(1);
        }
        self.added.increment(added as u64);
        self.removed.increment(removed as u64);
    }

    /// So many wait for such a look.
    pub(super) fn waits(&self, users: usize) {
        // exact: far fewer than a float can count
        self.waiting.set(f64::from(u32::try_from(users).unwrap_or(u32::MAX)));
    }

    /// A round in which somebody was looked at went through so many records.
    pub(super) fn gone_through(&self, records: usize) {
        self.gone_through.increment(records as u64);
    }

    pub(super) fn closed(&self, reason: Closed) {
        let same =
            |known: &Closed| std::mem::discriminant(known) == std::mem::discriminant(&reason);
        if let Some(index) = CLOSED.iter().position(same) {
            self.closed[index].increment(1);
        }
    }

    /// A bind of a directory, or of none: then the name is empty.
    pub(super) fn bound(
        &self,
        worker: usize,
        directory: &str,
        code: ResultCode,
        elapsed: Duration,
        spent: BindSpent,
    ) {
        let binds = match directory {
            "" => &self.binds,
            _ => &self.directory(directory).binds,
        };
        binds.count(worker, code, elapsed, spent);
    }

    /// Brings the counters up to what was counted apart from them.
    pub(super) fn sum_up(&self) {
        self.all_binds(|_, binds| binds.sum_up());
    }

    /// Appends the metrics that are kept here, in Prometheus' text format.
    pub(super) fn render(&self, out: &mut String) {
        let mut tallies = Vec::new();
        self.all_binds(|directory, binds| tallies.push((directory, binds.tally())));
        tally::render(&tallies, out);
    }

    fn all_binds<'a>(&'a self, mut each: impl FnMut(&'a str, &'a OfBinds)) {
        each("", &self.binds);
        for directory in &self.directories {
            each(&directory.name, &directory.binds);
        }
        self.more.each(|directory| each(&directory.name, &directory.binds));
    }

    pub(super) fn answered(&self, operation: Operation, code: ResultCode) {
        let index = OPERATIONS.iter().position(|known| *known == operation);
        let by_class = index.map_or(&self.operations_other, |index| &self.operations[index]);
        by_class[ResultClass::of(code) as usize].increment(1);
    }

    pub(super) fn unknown(&self, reason: UnknownReason) {
        self.unknown[reason_index(reason)].increment(1);
    }

    /// A directory's; one that is not configured shares the last.
    pub(super) fn directory(&self, name: &str) -> &PerDirectory {
        let others = self.directories.len() - 1;
        let known = self.directories[..others].iter().find(|directory| &*directory.name == name);
        known.or_else(|| self.more.find(name)).unwrap_or(&self.directories[others])
    }

    /// A directory is configured from now on, whatever it was.
    pub(super) fn add_directory(&self, name: &str) {
        if !self.directories.iter().any(|directory| &*directory.name == name) {
            self.more.add(&self.recorder, name);
        }
    }

    /// Counts a limit; the first hit of each registers its handle.
    pub(super) fn limit(&self, limit: &'static str) {
        let known = self.limits.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = known.iter().find(|(name, _)| *name == limit) {
            return counter.increment(1);
        }
        drop(known);
        let mut known = self.limits.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_LIMITS {
            return self.limits_other.increment(1);
        }
        // a second thread that came here too gets the same counter from the registry
        let handle = counter(&self.recorder, table::LIMIT_HITS_TOTAL, &[limit]);
        handle.increment(1);
        if !known.iter().any(|(name, _)| *name == limit) {
            known.push((limit, handle));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_and_outcome_has_a_place_of_its_own() {
        for (index, reason) in REASONS.into_iter().enumerate() {
            assert_eq!(reason_index(reason), index);
            assert!(UnknownReason::from_name(reason.name()).is_some());
        }
        let names: BTreeSet<_> = REASONS.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), REASONS.len());
    }
}
