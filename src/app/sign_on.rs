//! A sign-on: observe, plan, commit. Once per user at a time, never older than the sign-ons it
//! serves, detached from the client's connection.

use super::events::{AuditEntry, Event, SignOnOutcome};
use super::flights::{Deserted, Flights, Ride};
use super::observe;
use super::ports::{Clock, Commit, Events, Ports, Records, StoreError, Stored};
use super::switches;
use crate::domain::identity;
use crate::domain::observation::{Observation, Observed, ObservedEntry, UnknownReason};
use crate::domain::plan::{KnownGroups, Plan, Question, plan};
use crate::domain::policy::{DirectoryPolicy, GroupSync, OnUnknown, Switch, UserType};
use crate::domain::record::{Group, GroupsOutcome, Mark, UpstreamId, UserKey};
use crate::domain::session::Refusal;
use crate::domain::time::Timestamp;
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::result::ResultCode;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// When the answer to a bind goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// After the record is up to date and on disk.
    BeforeReply,
    /// As soon as the identity is settled.
    AfterReply,
}

/// How sign-ons are handled: the section `[sign_on]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Whether sign-ons are synchronised at all; off is a plain relay (`enabled`).
    pub enabled: bool,
    /// When the answer goes out.
    pub sync: SyncMode,
    /// How long a bind's answer may wait for the record.
    pub budget: Duration,
}

/// How often a commit that met a newer record is planned anew.
const MAX_REPLANS: usize = 3;

/// What a sign-on says about the bind's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The directory's success goes out.
    Admit,
    /// This goes out in its place.
    Refuse(Refusal),
}

const UNKNOWN_DENIED: Verdict =
    Verdict::Refuse(Refusal::new(ResultCode::UNAVAILABLE, "the sign-on could not be synchronised"));

type FlightKey = (usize, NormalizedDn);

/// The user's entry as read for one or several sign-ons.
#[derive(Clone)]
struct EntryRead {
    sent_at: Timestamp,
    entry: Arc<Observed<ObservedEntry>>,
}

/// What a passenger brings to a flight.
struct Luggage {
    /// The attempt's number: a greater one began later, so its read was sent after the requests of
    /// all lesser ones had come, whichever bind the directory answers first.
    begun: u64,
    name: Arc<str>,
    dn: DistinguishedName,
    read: Ride<EntryRead>,
}

impl PartialEq for Luggage {
    fn eq(&self, other: &Self) -> bool {
        self.begun == other.begun
    }
}

impl PartialOrd for Luggage {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.begun.cmp(&other.begun))
    }
}

struct Directory {
    policy: Arc<DirectoryPolicy>,
    attributes: Vec<String>,
}

struct Shared<P: Ports> {
    config: Config,
    directories: Vec<Directory>,
    records: P::Records,
    clock: P::Clock,
    events: P::Events,
    begun: AtomicU64,
    reads: Arc<Flights<FlightKey, (), EntryRead>>,
    flights: Arc<Flights<FlightKey, Luggage, Verdict>>,
}

/// The sign-ons of all directories; a handle uses its worker's connections for what it reads.
pub struct SignOns<P: Ports> {
    shared: Arc<Shared<P>>,
    lookups: Arc<[P::Lookups]>,
}

impl<P: Ports> Clone for SignOns<P> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), lookups: self.lookups.clone() }
    }
}

impl<P: Ports> SignOns<P> {
    /// For how many users a flight is under way, those included whose binds were answered before
    /// its end.
    pub fn under_way(&self) -> usize {
        self.shared.flights.len()
    }

    /// Sign-ons to these directories; `lookups` holds one for each of them.
    pub fn new(
        config: Config,
        directories: &[Arc<DirectoryPolicy>],
        lookups: Vec<P::Lookups>,
        records: P::Records,
        clock: P::Clock,
        events: P::Events,
    ) -> Self {
        let directories = directories
            .iter()
            .map(|policy| Directory {
                attributes: identity::attributes_to_read(policy),
                policy: policy.clone(),
            })
            .collect();
        let (reads, flights) = (Flights::new(Deserted::Skip), Flights::new(Deserted::Fly));
        let begun = AtomicU64::new(0);
        let shared = Shared { config, directories, records, clock, events, begun, reads, flights };
        Self { shared: Arc::new(shared), lookups: lookups.into() }
    }

    /// The same sign-ons, read over another worker's connections.
    pub fn over(&self, lookups: Vec<P::Lookups>) -> Self {
        Self { shared: self.shared.clone(), lookups: lookups.into() }
    }

    /// How long a bind's answer may wait for the record.
    pub fn budget(&self) -> Duration {
        self.shared.config.budget
    }

    /// A whole BindRequest was received: the read of the user's entry goes out while the directory
    /// looks at the password. `None` if a success would not be a sign-on: synchronisation is off,
    /// the directory has no user types, the name is no DN, or it is the service account's.
    pub fn begin(&self, directory: usize, name: &[u8]) -> Option<Attempt<P>> {
        let policy = &self.shared.directories.get(directory)?.policy;
        if !self.shared.config.enabled || policy.user_types.is_empty() {
            return None;
        }
        let dn = DistinguishedName::from_bytes(name).ok()?;
        if dn.is_root() || dn == policy.service_account {
            return None;
        }
        let name: Arc<str> = Arc::from(dn.as_str());
        let key = (directory, dn.normalized().clone());
        // Numbered before the read is asked for: see `Luggage::begun`.
        let begun = self.shared.begun.fetch_add(1, Ordering::SeqCst);
        let read = self.read(key.clone(), name.clone());
        Some(Attempt { sign_ons: self.clone(), key, luggage: Luggage { begun, name, dn, read } })
    }

    fn read(&self, key: FlightKey, name: Arc<str>) -> Ride<EntryRead> {
        let (shared, lookups, directory) = (self.shared.clone(), self.lookups.clone(), key.0);
        let fly =
            move |()| read_entry::<P>(shared.clone(), lookups.clone(), directory, name.clone());
        self.shared.reads.join(key, (), fly, spawn)
    }

    fn fly(&self, key: FlightKey, luggage: Luggage) -> Ride<Verdict> {
        let (shared, lookups, directory) = (self.shared.clone(), self.lookups.clone(), key.0);
        let fly = move |luggage| {
            let flight = Flight::<P> {
                shared: shared.clone(),
                lookups: lookups.clone(),
                directory,
                started: Instant::now(),
            };
            flight.run(luggage)
        };
        self.shared.flights.join(key, luggage, fly, spawn)
    }
}

fn spawn(future: Pin<Box<dyn Future<Output = ()> + Send>>) {
    tokio::spawn(future);
}

async fn read_entry<P: Ports>(
    shared: Arc<Shared<P>>,
    lookups: Arc<[P::Lookups]>,
    directory: usize,
    name: Arc<str>,
) -> EntryRead {
    let sent_at = shared.clock.now();
    let attributes = &shared.directories[directory].attributes;
    let entry = observe::entry(&lookups[directory], &name, attributes).await;
    EntryRead { sent_at, entry: Arc::new(entry) }
}

/// A bind under way that may become a sign-on. Dropping it means that the bind failed.
pub struct Attempt<P: Ports> {
    sign_ons: SignOns<P>,
    key: FlightKey,
    luggage: Luggage,
}

impl<P: Ports> Attempt<P> {
    /// The bind succeeded: the sign-on joins a flight none of whose reads has been sent yet.
    pub fn succeeded(self) -> Gate {
        let policy = &self.sign_ons.shared.directories[self.key.0].policy;
        let overdue = unknown_verdict(policy, &self.luggage.dn);
        let read = self.luggage.read.clone();
        let flight = self.sign_ons.fly(self.key, self.luggage);
        match self.sign_ons.shared.config.sync {
            SyncMode::BeforeReply => Gate { wait: Wait::Record(flight), overdue },
            SyncMode::AfterReply => Gate { wait: Wait::Identity(read), overdue },
        }
    }
}

enum Wait {
    Record(Ride<Verdict>),
    Identity(Ride<EntryRead>),
}

/// The wait between the directory's success and the answer to the client.
pub struct Gate {
    wait: Wait,
    overdue: Verdict,
}

impl Gate {
    /// The verdict when the budget has run out: the observation is unknown.
    pub fn overdue(&self) -> Verdict {
        self.overdue
    }
}

impl Future for Gate {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        let overdue = self.overdue;
        match &mut self.wait {
            Wait::Record(ride) => Pin::new(ride).poll(cx).map(|v| v.unwrap_or(overdue)),
            Wait::Identity(ride) => Pin::new(ride).poll(cx).map(|read| match read {
                Some(EntryRead { entry, .. }) if matches!(*entry, Observed::Known(_)) => {
                    Verdict::Admit
                }
                _ => overdue,
            }),
        }
    }
}

/// What an unknown entry means for the answer: denied if it may belong to a user type that says so.
fn unknown_verdict(policy: &DirectoryPolicy, dn: &DistinguishedName) -> Verdict {
    let denies = |user_type: &UserType| {
        user_type.on_unknown == OnUnknown::Deny && dn.is_within(&user_type.base)
    };
    if policy.user_types.iter().any(denies) { UNKNOWN_DENIED } else { Verdict::Admit }
}

/// One flight: it serves every sign-on that joined before its first read.
struct Flight<P: Ports> {
    shared: Arc<Shared<P>>,
    lookups: Arc<[P::Lookups]>,
    directory: usize,
    started: Instant,
}

/// What a flight did.
struct Report {
    outcome: SignOnOutcome,
    added: usize,
    removed: usize,
}

impl Report {
    fn plain(outcome: SignOnOutcome) -> Self {
        Self { outcome, added: 0, removed: 0 }
    }
}

impl<P: Ports> Flight<P> {
    async fn run(self, luggage: Luggage) -> Verdict {
        let (read, entry) = match self.settle_entry(&luggage).await {
            Ok(settled) => settled,
            // No user type could take it, whatever a read would show: the directory's root DN,
            // which has no entry, or an account elsewhere that the service account may not see.
            Err(_) if !self.may_be_a_user(&luggage.dn) => {
                self.emit(None, &luggage.name, &Report::plain(SignOnOutcome::NotAUser));
                return Verdict::Admit;
            }
            Err(reason) => {
                let report = Report::plain(SignOnOutcome::Unknown(reason));
                self.emit(None, &luggage.name, &report);
                return unknown_verdict(self.policy(), &luggage.dn);
            }
        };
        let policy = self.policy().clone();
        let Some(user_type) = identity::user_type(&policy, &entry.entry) else {
            self.emit(None, &entry.entry.dn, &Report::plain(SignOnOutcome::NotAUser));
            return Verdict::Admit;
        };
        let report = self.synchronise(user_type, read.sent_at, &entry).await;
        self.emit(Some(user_type), &entry.entry.dn, &report);
        match (report.outcome, user_type.on_unknown) {
            (SignOnOutcome::Unknown(_), OnUnknown::Deny) => UNKNOWN_DENIED,
            _ => Verdict::Admit,
        }
    }

    /// The entry that was read while the bind was under way; if that read contradicts the bind's
    /// success or failed, it is read again, and only the second read counts.
    async fn settle_entry(
        &self,
        luggage: &Luggage,
    ) -> Result<(EntryRead, ObservedEntry), UnknownReason> {
        let first = luggage.read.clone().await;
        let read = match first {
            Some(read) if matches!(*read.entry, Observed::Known(_)) => read,
            _ => {
                let (shared, lookups) = (self.shared.clone(), self.lookups.clone());
                read_entry::<P>(shared, lookups, self.directory, luggage.name.clone()).await
            }
        };
        let entry = (*read.entry).clone();
        match entry {
            Observed::Known(entry) => Ok((read, entry)),
            Observed::Unknown(reason) => Err(reason),
        }
    }

    /// Whether the base of some user type holds the name.
    fn may_be_a_user(&self, dn: &DistinguishedName) -> bool {
        self.policy().user_types.iter().any(|user_type| dn.is_within(&user_type.base))
    }

    fn policy(&self) -> &Arc<DirectoryPolicy> {
        &self.shared.directories[self.directory].policy
    }

    async fn synchronise(
        &self,
        user_type: &UserType,
        sent_at: Timestamp,
        entry: &ObservedEntry,
    ) -> Report {
        let policy = self.policy();
        let key =
            UserKey { directory: policy.name.clone(), upstream_id: entry.upstream_id.clone() };
        let switch = switches::effective(&self.shared.records, &policy.name, user_type);
        let stored = self.shared.records.find(&key);
        if let (Some(stored), Switch::Off) = (&stored, switch) {
            let mark = Mark { last_sign_on: self.shared.clock.now(), ..stored.mark.clone() };
            self.shared.records.mark(&key, mark);
            return Report::plain(SignOnOutcome::SwitchedOff);
        }
        let groups = self.observe_groups(user_type, stored.is_some(), entry).await;
        let observation = Observation { sent_at, user: entry.clone(), groups };
        self.bring_up_to_date(user_type, switch, &key, &observation).await
    }

    async fn observe_groups(
        &self,
        user_type: &UserType,
        has_record: bool,
        entry: &ObservedEntry,
    ) -> Observed<crate::domain::observation::Closure> {
        let wanted = match user_type.groups {
            GroupSync::Always => true,
            GroupSync::FirstSignOn => !has_record,
            GroupSync::Never => false,
        };
        let Some(groups) = self.policy().groups.as_ref().filter(|_| wanted) else {
            return Observed::Unknown(UnknownReason::NotAsked);
        };
        match DistinguishedName::parse(&entry.entry.dn) {
            Ok(dn) => observe::groups(&self.lookups[self.directory], groups, &dn).await,
            Err(_) => Observed::Unknown(UnknownReason::Malformed),
        }
    }

    async fn bring_up_to_date(
        &self,
        user_type: &UserType,
        switch: Switch,
        key: &UserKey,
        observation: &Observation,
    ) -> Report {
        let new_id = self.shared.clock.new_record_id();
        for _ in 0..=MAX_REPLANS {
            let stored = self.shared.records.find(key);
            let now = self.shared.clock.now();
            let planned = plan(&Question {
                record: stored.as_ref().map(|stored| &*stored.record),
                key,
                observation,
                user_type,
                update_on_sign_on: switch,
                groups: &KeptGroups { records: &self.shared.records, directory: &key.directory },
                new_id: &new_id,
                now,
            });
            let Ok(plan) = planned else {
                return Report::plain(SignOnOutcome::NotProvisioned);
            };
            let mark = mark(stored.as_ref(), observation, now);
            if plan.is_empty() {
                self.shared.records.mark(key, mark);
                return Report::plain(settled(observation, SignOnOutcome::Unchanged));
            }
            let (added, removed) = (plan.added(), plan.removed());
            match self.commit(key, stored.as_ref(), plan, mark).await {
                Ok(made) => {
                    return Report { outcome: settled(observation, made), added, removed };
                }
                Err(StoreError::Conflict) => {}
                Err(_) => break,
            }
        }
        Report::plain(SignOnOutcome::Unknown(UnknownReason::Store))
    }

    async fn commit(
        &self,
        key: &UserKey,
        stored: Option<&Stored>,
        plan: Plan,
        mark: Mark,
    ) -> Result<SignOnOutcome, StoreError> {
        let (action, made) = match stored {
            None => ("created", SignOnOutcome::Created),
            Some(_) => ("changed", SignOnOutcome::Changed),
        };
        let audit = AuditEntry {
            sequence: 0,
            at: mark.last_sign_on,
            cause: "sign-on",
            actor: String::new(),
            action,
            user: Some(key.clone()),
            detail: plan.describe(),
        };
        let commit = Commit {
            key: key.clone(),
            base_version: stored.map(|stored| stored.record.version),
            changes: plan.changes,
            groups: plan.groups,
            mark,
            audit,
        };
        self.shared.records.commit(commit).await.map(|_| made)
    }

    fn emit(&self, user_type: Option<&UserType>, user: &str, report: &Report) {
        self.shared.events.emit(&Event::SignOn {
            directory: &self.policy().name,
            user_type: user_type.map(|user_type| &*user_type.name),
            user,
            outcome: report.outcome,
            added: report.added,
            removed: report.removed,
            elapsed: self.started.elapsed(),
        });
    }
}

/// An observation whose groups were asked for and are unknown is reported as such, whatever else
/// was written.
fn settled(observation: &Observation, otherwise: SignOnOutcome) -> SignOnOutcome {
    match observation.groups {
        Observed::Unknown(UnknownReason::NotAsked) | Observed::Known(_) => otherwise,
        Observed::Unknown(reason) => SignOnOutcome::Unknown(reason),
    }
}

fn mark(stored: Option<&Stored>, observation: &Observation, now: Timestamp) -> Mark {
    let before = stored.map(|stored| stored.mark.clone());
    match observation.groups {
        Observed::Known(_) => Mark {
            last_sign_on: now,
            observed_at: Some(observation.sent_at),
            groups: GroupsOutcome::Known,
        },
        Observed::Unknown(UnknownReason::NotAsked) => Mark {
            last_sign_on: now,
            observed_at: Some(observation.sent_at),
            groups: before
                .map_or(GroupsOutcome::Unknown(UnknownReason::NotAsked), |mark| mark.groups),
        },
        Observed::Unknown(reason) => Mark {
            last_sign_on: now,
            observed_at: before.and_then(|mark| mark.observed_at),
            groups: GroupsOutcome::Unknown(reason),
        },
    }
}

struct KeptGroups<'a, R> {
    records: &'a R,
    directory: &'a str,
}

impl<R: Records> KnownGroups for KeptGroups<'_, R> {
    fn holds(&self, group: &Group) -> bool {
        self.records.group(self.directory, &group.id).is_some_and(|kept| *kept == *group)
    }

    fn contains(&self, id: &UpstreamId) -> bool {
        self.records.group(self.directory, id).is_some()
    }
}
