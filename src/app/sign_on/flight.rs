//! One flight: what is learnt for a sign-on, what is planned, and what is written.
//!
//! Where the live copy is as young as the sign-on and knows users, it is looked at first: if it
//! shows the entry and the groups that the record was brought up to date with, nothing is to be
//! done, and the directory was asked for nothing but how far it has got.

use super::unchanged::asked_for;
use super::{EntryRead, Luggage, Shared, UNKNOWN_DENIED, Verdict, read_entry, unknown_verdict};
use crate::app::barrier::Passage;
use crate::app::events::{AuditEntry, GroupSource, SignOnOutcome};
use crate::app::observe;
use crate::app::ports::{Clock, Commit, Coverage, Ports, Records, StoreError, Stored};
use crate::app::switches;
use crate::domain::digest::digest;
use crate::domain::identity;
use crate::domain::membership::Member;
use crate::domain::membership::graph::Graph;
use crate::domain::observation::{Closure, Observation, Observed, ObservedEntry, UnknownReason};
use crate::domain::plan::{KnownGroups, Plan, Question, plan};
use crate::domain::policy::{DirectoryPolicy, OnUnknown, Switch, UserType};
use crate::domain::record::{Group, GroupsOutcome, Mark, Record, Seen, UpstreamId, UserKey};
use crate::domain::time::Timestamp;
use crate::proto::dn::DistinguishedName;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// How often a commit that met a newer record is planned anew.
const MAX_REPLANS: usize = 3;

/// One flight: it serves every sign-on that joined before its first read.
pub(super) struct Flight<P: Ports> {
    shared: Arc<Shared<P>>,
    lookups: Arc<[P::Lookups]>,
    directory: usize,
    started: Instant,
}

/// What a sign-on did.
pub(super) struct Report {
    pub(super) outcome: SignOnOutcome,
    pub(super) added: usize,
    pub(super) removed: usize,
    pub(super) source: GroupSource,
}

impl Report {
    pub(super) fn plain(outcome: SignOnOutcome) -> Self {
        Self { outcome, added: 0, removed: 0, source: GroupSource::Nowhere }
    }
}

/// A user's groups as one look found them.
struct Groups {
    closure: Observed<Closure>,
    source: GroupSource,
    /// The fingerprint of the closure in the live copy, if they were read there.
    fingerprint: Option<u128>,
}

impl Groups {
    fn unknown(reason: UnknownReason) -> Self {
        let closure = Observed::Unknown(reason);
        Self { closure, source: GroupSource::Nowhere, fingerprint: None }
    }
}

impl<P: Ports> Flight<P> {
    pub(super) fn new(
        shared: Arc<Shared<P>>,
        lookups: Arc<[P::Lookups]>,
        directory: usize,
    ) -> Self {
        Self { shared, lookups, directory, started: Instant::now() }
    }

    pub(super) async fn run(self, mut luggage: Luggage<P>) -> Verdict {
        let passage = self.pass(&mut luggage).await;
        if passage == Passage::Fresh(Coverage::GroupsAndUsers)
            && self.shared.is_up_to_date(self.directory, &luggage, self.started)
        {
            return Verdict::Admit;
        }
        let (sent_at, entry) = match self.settle_entry(&luggage).await {
            Ok(settled) => settled,
            // No user type could take it, whatever a read would show: the directory's root DN,
            // which has no entry, or an account elsewhere that the service account may not see.
            Err(_) if !self.may_be_a_user(&luggage.dn) => {
                self.emit(None, luggage.dn.as_str(), &Report::plain(SignOnOutcome::NotAUser));
                return Verdict::Admit;
            }
            Err(reason) => {
                let report = Report::plain(SignOnOutcome::Unknown(reason));
                self.emit(None, luggage.dn.as_str(), &report);
                return unknown_verdict(self.policy(), &luggage.dn);
            }
        };
        let policy = self.policy().clone();
        let Some(user_type) = identity::user_type(&policy, &entry.entry) else {
            self.emit(None, &entry.entry.dn, &Report::plain(SignOnOutcome::NotAUser));
            return Verdict::Admit;
        };
        let sent_at = sent_at.min(luggage.since);
        let report = self.synchronise(user_type, sent_at, &entry, passage).await;
        self.emit(Some(user_type), &entry.entry.dn, &report);
        match (report.outcome, user_type.on_unknown) {
            (SignOnOutcome::Unknown(_), OnUnknown::Deny) => UNKNOWN_DENIED,
            _ => Verdict::Admit,
        }
    }

    /// Waits for the live copy, if there is one, to be as young as the sign-on.
    async fn pass(&self, luggage: &mut Luggage<P>) -> Passage {
        let barrier = self.shared.directories[self.directory].barrier.as_ref();
        match (barrier, &mut luggage.question) {
            (Some(barrier), Some(question)) => barrier.pass(question).await,
            _ => Passage::Walk,
        }
    }

    /// The entry that was read while the bind was under way; if that read contradicts the bind's
    /// success or failed, or there was none, it is read now, and only that read counts.
    async fn settle_entry(
        &self,
        luggage: &Luggage<P>,
    ) -> Result<(Timestamp, ObservedEntry), UnknownReason> {
        let first = match luggage.read.clone() {
            Some(read) => read.await,
            None => None,
        };
        let read = match first {
            Some(read) if matches!(*read.entry, Observed::Known(_)) => read,
            _ => self.read_entry(luggage).await,
        };
        match (*read.entry).clone() {
            Observed::Known(entry) => Ok((read.sent_at, entry)),
            Observed::Unknown(reason) => Err(reason),
        }
    }

    async fn read_entry(&self, luggage: &Luggage<P>) -> EntryRead {
        let (shared, lookups) = (self.shared.clone(), self.lookups.clone());
        let name = Arc::from(luggage.dn.as_str());
        read_entry::<P>(shared, lookups, self.directory, name).await
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
        passage: Passage,
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
        let groups = self.observe_groups(user_type, stored.as_ref(), entry, passage).await;
        let (source, fingerprint) = (groups.source, groups.fingerprint);
        let observation = Observation { sent_at, user: entry.clone(), groups: groups.closure };
        let (report, record) = self.bring_up_to_date(user_type, switch, &key, &observation).await;
        if let (Some(record), Passage::Fresh(Coverage::GroupsAndUsers)) = (record, passage) {
            self.remember(user_type, &record, &observation, fingerprint);
        }
        Report { source, ..report }
    }

    /// Notes what the record was brought up to date with.
    fn remember(
        &self,
        user_type: &UserType,
        record: &Record,
        observation: &Observation,
        fingerprint: Option<u128>,
    ) {
        let is_whole = asked_for(self.policy(), user_type, true).is_none() || fingerprint.is_some();
        let Some(stored) = self.shared.records.find(&record.key).filter(|_| is_whole) else {
            return;
        };
        let Some(seed) = self.look(Graph::seed) else { return };
        let entry = digest(seed, &observation.user.entry);
        let seen = Some(Seen { entry, groups: fingerprint, version: record.version });
        self.shared.records.mark(&record.key, Mark { seen, ..stored.mark });
    }

    async fn observe_groups(
        &self,
        user_type: &UserType,
        stored: Option<&Stored>,
        entry: &ObservedEntry,
        passage: Passage,
    ) -> Groups {
        let Some(policy) = asked_for(self.policy(), user_type, stored.is_some()) else {
            return Groups::unknown(UnknownReason::NotAsked);
        };
        let Ok(dn) = DistinguishedName::parse(&entry.entry.dn) else {
            return Groups::unknown(UnknownReason::Malformed);
        };
        let user = Member { dn, uids: identity::uids(policy, &entry.entry) };
        let copied = match passage {
            Passage::Fresh(_) => {
                let keys = user.keys();
                let limits = observe::closure_limits(policy);
                self.look(|graph| match observe::hear_canary_in(graph, policy) {
                    Ok(()) => (graph.closure(&keys, limits), graph.fingerprint(&keys, limits)),
                    Err(reason) => (Observed::Unknown(reason), Observed::Unknown(reason)),
                })
            }
            Passage::Behind => return Groups::unknown(UnknownReason::Rollback),
            Passage::Held => return Groups::unknown(UnknownReason::Visibility),
            Passage::Walk => None,
        };
        if let Some((closure, fingerprint)) = copied {
            let fingerprint = match fingerprint {
                Observed::Known(fingerprint) => Some(fingerprint),
                Observed::Unknown(_) => None,
            };
            return Groups { closure, source: GroupSource::Replica, fingerprint };
        }
        let held = stored.map(|stored| managed(&stored.record)).unwrap_or_default();
        let finder = &self.shared.directories[self.directory].finder;
        let closure = finder.groups(&self.lookups[self.directory], policy, &user, &held).await;
        Groups { closure, source: GroupSource::Directory, fingerprint: None }
    }

    /// Plans and commits; gives the record as it is then, unless that failed.
    async fn bring_up_to_date(
        &self,
        user_type: &UserType,
        switch: Switch,
        key: &UserKey,
        observation: &Observation,
    ) -> (Report, Option<Arc<Record>>) {
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
                return (Report::plain(SignOnOutcome::NotProvisioned), None);
            };
            let mark = mark(stored.as_ref(), observation, now);
            if plan.is_empty() {
                self.shared.records.mark(key, mark);
                let report = Report::plain(settled(observation, SignOnOutcome::Unchanged));
                return (report, stored.map(|stored| stored.record));
            }
            let (added, removed) = (plan.added(), plan.removed());
            match self.commit(key, stored.as_ref(), plan, mark).await {
                Ok((made, record)) => {
                    let plain = Report::plain(settled(observation, made));
                    return (Report { added, removed, ..plain }, Some(record));
                }
                Err(StoreError::Conflict) => {}
                Err(_) => break,
            }
        }
        (Report::plain(SignOnOutcome::Unknown(UnknownReason::Store)), None)
    }

    async fn commit(
        &self,
        key: &UserKey,
        stored: Option<&Stored>,
        plan: Plan,
        mark: Mark,
    ) -> Result<(SignOnOutcome, Arc<Record>), StoreError> {
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
        self.shared.records.commit(commit).await.map(|record| (made, record))
    }

    fn look<T>(&self, look: impl FnOnce(&Graph) -> T) -> Option<T> {
        self.shared.look(self.directory, look)
    }

    fn emit(&self, user_type: Option<&UserType>, user: &str, report: &Report) {
        self.shared.emit(self.directory, user_type, user, report, self.started);
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
    let (observed_at, groups) = match observation.groups {
        Observed::Known(_) => (Some(observation.sent_at), GroupsOutcome::Known),
        Observed::Unknown(UnknownReason::NotAsked) => {
            let unasked = GroupsOutcome::Unknown(UnknownReason::NotAsked);
            (Some(observation.sent_at), before.map_or(unasked, |mark| mark.groups))
        }
        Observed::Unknown(reason) => {
            let observed_at = before.and_then(|mark| mark.observed_at);
            (observed_at, GroupsOutcome::Unknown(reason))
        }
    };
    Mark { last_sign_on: now, observed_at, groups, seen: None }
}

/// The groups that a record has from the directory.
fn managed(record: &Record) -> BTreeSet<UpstreamId> {
    record.managed_memberships().map(|(id, _)| id.clone()).collect()
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
