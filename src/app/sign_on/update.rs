//! Brings one record up to date with what was learnt: plans, and commits what has to be written.

use super::Shared;
use super::traced;
use crate::app::audit::outcome;
use crate::app::breaker::Breaker;
use crate::app::events::{AuditEntry, Event, GroupSource, SignOnOutcome};
use crate::app::ports::{Clock, Commit, Events, Ports, Records, StoreError, Stored};
use crate::app::protection::Held;
use crate::app::trace::Span;
use crate::domain::change::Change;
use crate::domain::mass_change::{Judgement, Loss};
use crate::domain::observation::{Observation, Observed, UnknownReason};
use crate::domain::plan::{
    Assigned, Cause, KnownGroups, Names, NoPlan, Plan, Question, Reactivation, missing, plan,
};
use crate::domain::policy::{Switch, UserType};
use crate::domain::recollection::Recollection;
use crate::domain::record::{
    Group, GroupsOutcome, InactiveReason, Mark, MembershipKey, Provenance, Record, RecordId,
    UpstreamId, UserKey,
};
use crate::domain::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many groups are named that were skipped.
const MAX_NAMED: usize = 20;

/// How often a commit that met a newer record is planned anew.
const MAX_REPLANS: usize = 3;

/// What was done.
pub(super) struct Report {
    pub(super) outcome: SignOnOutcome,
    pub(super) added: usize,
    pub(super) removed: usize,
    pub(super) source: GroupSource,
    /// The view that decided whether the record follows, if it was one.
    pub(super) view: Option<Arc<str>>,
}

impl Report {
    pub(super) fn plain(outcome: SignOnOutcome) -> Self {
        let source = GroupSource::Nowhere;
        Self { outcome, added: 0, removed: 0, source, view: None }
    }
}

/// What became of a record.
pub(super) struct Done {
    pub(super) report: Report,
    /// The record as it is now, unless that is not known to be on disk.
    pub(super) record: Option<Arc<Record>>,
    pub(super) reactivation: Reactivation,
    /// How much was left out that a later sign-on may do, though nothing of the user has changed: groups
    /// that are not kept, and protected ones.
    pub(super) left_out: usize,
}

impl Done {
    fn failed() -> Self {
        let report = Report::plain(SignOnOutcome::Unknown(UnknownReason::Store));
        Self { report, record: None, reactivation: Reactivation::None, left_out: 0 }
    }
}

/// The records of others of the directory as they will be by then, where that is not as they are kept.
pub(super) type Ahead = BTreeMap<UserKey, Option<Record>>;

/// Whose record, and by which rules.
pub(super) struct Update<'a, E> {
    pub(super) key: &'a UserKey,
    pub(super) user_type: Option<&'a UserType>,
    pub(super) switch: Switch,
    pub(super) assigned: &'a Assigned,
    /// The attributes of which values are kept.
    pub(super) kept: &'a BTreeSet<String>,
    /// Whether the record follows as it does at a sign-on by no client application of its own.
    pub(super) is_plain: bool,
    pub(super) cause: Cause,
    /// The view that decided what the switch is, if it was one.
    pub(super) view: Option<&'a str>,
    /// What holds losses of many users at once.
    pub(super) breaker: Option<&'a Breaker<E>>,
    /// What planning and committing are a part of, if that is traced.
    pub(super) span: &'a Span,
}

impl<E: Events> Update<'_, E> {
    /// Plans and commits.
    pub(super) async fn bring<P: Ports>(
        &self,
        shared: &Shared<P>,
        observation: &Observation,
    ) -> Done {
        let new_id = shared.clock.new_record_id();
        let (ahead, mut doubted) = (Ahead::new(), None);
        for _ in 0..=MAX_REPLANS {
            let stored = shared.records.find(self.key);
            let now = shared.clock.now();
            let planned = |observation: &Observation| {
                self.plan(&shared.records, stored.as_ref(), observation, &ahead, (&new_id, now))
            };
            let mut observation = observation;
            let mut span = self.span.child("plan");
            let mut plan = match planned(observation) {
                Ok(plan) => plan,
                Err(reason) => return refused(shared, self, reason),
            };
            if self.is_held(shared, stored.as_ref(), &plan, observation).await {
                observation = doubted.get_or_insert_with(|| as_held(observation));
                plan = match planned(observation) {
                    Ok(plan) => plan,
                    Err(reason) => return refused(shared, self, reason),
                };
            }
            let held = self.hold(shared, stored.as_ref(), &mut plan).await;
            self.tell_skipped(shared, &plan);
            traced::plan(&mut span, &plan);
            drop(span);
            let mark = mark(stored.as_ref(), observation, self.cause, now);
            match self.write(shared, stored.as_ref(), plan, mark, observation).await {
                Ok(done) => {
                    let left_out = done.left_out + held.groups.len();
                    return Done { left_out, ..done };
                }
                Err(StoreError::Conflict) => {}
                Err(_) => break,
            }
        }
        Done::failed()
    }

    /// Plans, and writes nothing; others are as they will be `ahead` of it.
    pub(super) fn plan<R: Records>(
        &self,
        records: &R,
        stored: Option<&Stored>,
        observation: &Observation,
        ahead: &Ahead,
        (new_id, now): (&RecordId, Timestamp),
    ) -> Result<Plan, NoPlan> {
        plan(&Question {
            record: stored.map(|stored| &*stored.record),
            key: self.key,
            observation,
            observed_at: stored.and_then(|stored| stored.mark.observed_at),
            user_type: self.user_type,
            update_on_sign_on: self.switch,
            groups: &KeptGroups { records, directory: &self.key.directory },
            names: &TakenNames { records, user_type: self.user_type, key: self.key, ahead },
            assigned: self.assigned,
            cause: self.cause,
            new_id,
            now,
        })
    }

    /// Whether what the plan takes from the user is held (S3.8).
    async fn is_held<P: Ports>(
        &self,
        shared: &Shared<P>,
        stored: Option<&Stored>,
        plan: &Plan,
        observation: &Observation,
    ) -> bool {
        let (Some(breaker), Some(stored)) = (self.breaker, stored) else { return false };
        let user = &self.key.upstream_id;
        match losses(&stored.record, plan) {
            Some((groups, is_all)) => {
                let loss = Loss { user: user.clone(), groups, is_all, cause: self.cause };
                breaker.judge(&loss, &shared.clock).await == Judgement::Hold
            }
            None => {
                match (&observation.groups, self.cause) {
                    (Observed::Known(_), Cause::Reconciliation) => breaker.unharmed(),
                    (Observed::Known(_) | Observed::Unknown(UnknownReason::NotAsked), _) => {}
                    // Nothing is known of what was held.
                    (Observed::Unknown(_), _) => return false,
                }
                breaker.let_go(user).await;
                false
            }
        }
    }

    /// Holds back what would leave a protected group without anybody, and tells of it.
    async fn hold<'s, P: Ports>(
        &self,
        shared: &'s Shared<P>,
        stored: Option<&Stored>,
        plan: &mut Plan,
    ) -> Held<'s> {
        let held = shared.turns.hold(&shared.records, self.user_type, stored, plan).await;
        for group in &held.groups {
            let (directory, user) = (&self.key.directory, self.key.upstream_id.as_str());
            shared.events.emit(&Event::LastMemberHeld { directory, user, group: group.as_str() });
        }
        if !held.groups.is_empty() {
            shared.remark(self.key, "held", |row| held.row(row), self.cause);
        }
        held
    }

    /// Tells of groups that are not taken over since they are not kept (S5.5).
    fn tell_skipped<P: Ports>(&self, shared: &Shared<P>, plan: &Plan) {
        if plan.skipped.is_empty() {
            return;
        }
        let directory = &self.key.directory;
        for group in &plan.skipped {
            shared.events.emit(&Event::GroupSkipped { directory, group: &group.dn });
        }
        let names: Vec<_> =
            plan.skipped.iter().take(MAX_NAMED).map(|group| format!("{:?}", group.dn)).collect();
        let count = plan.skipped.len();
        let detail = format!("{count} groups are not kept and were skipped: {}", names.join(", "));
        shared.remark(self.key, "group-skipped", |row| row.saying(detail), self.cause);
    }

    /// Writes a plan, or notes that there was nothing to write.
    async fn write<P: Ports>(
        &self,
        shared: &Shared<P>,
        stored: Option<&Stored>,
        plan: Plan,
        mark: Mark,
        observation: &Observation,
    ) -> Result<Done, StoreError> {
        let (reactivation, left_out) = (plan.reactivation, plan.skipped.len());
        // Else two applications would write what the other has asked for, in turn.
        let observed = (self.is_plain || stored.is_none())
            .then(|| self.recollection(shared, &plan, &mark, observation))
            .flatten();
        if plan.is_empty() {
            shared.records.mark(self.key, mark);
            if let Some(observed) = observed {
                shared.records.remember(self.key, observed);
            }
            let quiet = match (stored, self.switch) {
                (Some(_), Switch::Off) => SignOnOutcome::SwitchedOff,
                _ => SignOnOutcome::Unchanged,
            };
            let report = Report::plain(settled(observation, reactivation, quiet));
            let record = stored.map(|stored| stored.record.clone());
            return Ok(Done { report, record, reactivation, left_out });
        }
        let (added, removed) = (plan.added(), plan.removed());
        let made = match stored {
            None => SignOnOutcome::Created,
            Some(_) => SignOnOutcome::Changed,
        };
        let outcome = outcome(&observation.groups);
        let record = self.commit(shared, stored, plan, (mark, observed), outcome).await?;
        let plain = Report::plain(settled(observation, reactivation, made));
        let report = Report { added, removed, ..plain };
        Ok(Done { report, record: Some(record), reactivation, left_out })
    }

    /// What is kept of an observation that is complete and not older than what the record knows.
    fn recollection<P: Ports>(
        &self,
        shared: &Shared<P>,
        plan: &Plan,
        mark: &Mark,
        observation: &Observation,
    ) -> Option<Recollection> {
        if mark.observed_at != Some(observation.sent_at) {
            return None;
        }
        let kept = KeptGroups { records: &shared.records, directory: &self.key.directory };
        let has_name = |group: &Group| kept.holds(group) || plan.groups.contains(group);
        Recollection::of(observation, self.kept, has_name)
    }

    /// Notes that the user's entry is known to be gone (S4.6).
    pub(super) async fn note_missing<P: Ports>(
        &self,
        shared: &Shared<P>,
        sent_at: Timestamp,
    ) -> Report {
        for _ in 0..=MAX_REPLANS {
            let Some(stored) = shared.records.find(self.key) else { break };
            if let Some(breaker) = self.breaker {
                breaker.let_go(&self.key.upstream_id).await;
            }
            if stored.mark.observed_at.is_some_and(|last| last > sent_at) {
                // Somebody saw the entry since.
                return Report::plain(SignOnOutcome::Unchanged);
            }
            let now = shared.clock.now();
            let parking = self.assigned.parking.as_ref();
            let mut plan = missing(&stored.record, self.user_type, parking, now);
            let _held = self.hold(shared, Some(&stored), &mut plan).await;
            let mark = Mark { observed_at: Some(sent_at), seen: None, ..stored.mark.clone() };
            if plan.is_empty() {
                shared.records.mark(self.key, mark);
                return Report::plain(SignOnOutcome::Unchanged);
            }
            match self.commit(shared, Some(&stored), plan, (mark, None), None).await {
                Ok(_) => return Report::plain(SignOnOutcome::Changed),
                Err(StoreError::Conflict) => {}
                Err(_) => break,
            }
        }
        Report::plain(SignOnOutcome::Unknown(UnknownReason::Store))
    }

    /// What is done, and by which client application's leave.
    fn describe(&self, plan: &Plan) -> String {
        let said = plan.describe();
        match self.view {
            Some(view) => {
                let switch = if self.switch.is_on() { "on" } else { "off" };
                format!("{said}\nupdate on sign-on is {switch} by view {view}")
            }
            None => said,
        }
    }

    async fn commit<P: Ports>(
        &self,
        shared: &Shared<P>,
        stored: Option<&Stored>,
        plan: Plan,
        (mark, observed): (Mark, Option<Recollection>),
        outcome: Option<String>,
    ) -> Result<Arc<Record>, StoreError> {
        let action = if stored.is_none() { "created" } else { "changed" };
        let record = stored.map(|stored| &*stored.record);
        let audit = AuditEntry::new(shared.clock.now(), cause_name(self.cause), "", action)
            .about(self.key)
            .saying(self.describe(&plan))
            .changing(record, &plan.changes);
        let audit = AuditEntry { outcome, ..audit };
        let commit = Commit {
            key: self.key.clone(),
            base_version: stored.map(|stored| stored.record.version),
            changes: plan.changes,
            groups: plan.groups,
            mark,
            audit,
            observed,
        };
        let mut span = self.span.child("commit");
        let committed = shared.records.commit(commit).await;
        traced::commit(&mut span, committed.as_ref().err());
        committed
    }
}

/// The managed groups that a plan takes from a user whose record is active, with the time since when
/// she is in them, and whether none is left; `None` if it takes none. Whoever is taken back loses
/// what she had before: that is never held (S4.4).
fn losses(record: &Record, plan: &Plan) -> Option<(Vec<(UpstreamId, Timestamp)>, bool)> {
    if plan.reactivation != Reactivation::None {
        return None;
    }
    let is_managed = |key: &MembershipKey| key.provenance == Provenance::Managed;
    let lost: Vec<_> = plan
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::MembershipRemoved { key } if is_managed(key) => {
                Some((key.group.clone(), record.memberships.get(key)?.since))
            }
            _ => None,
        })
        .collect();
    let gains =
        |change: &Change| matches!(change, Change::MembershipAdded { key, .. } if is_managed(key));
    let is_all =
        lost.len() == record.managed_memberships().count() && !plan.changes.iter().any(gains);
    (!lost.is_empty()).then_some((lost, is_all))
}

/// The observation, of which no loss of groups is believed.
fn as_held(observation: &Observation) -> Observation {
    let seen = match &observation.groups {
        Observed::Known(closure) => closure.clone(),
        Observed::Unknown(_) => observation.seen.clone(),
    };
    let groups = Observed::Unknown(UnknownReason::Held);
    Observation { groups, seen, ..observation.clone() }
}

/// What stands in the audit as the cause.
pub(super) fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::SignOn => "sign-on",
        Cause::Reconciliation => "reconcile",
    }
}

fn refused<P: Ports, E: Events>(
    shared: &Shared<P>,
    update: &Update<'_, E>,
    reason: NoPlan,
) -> Done {
    let outcome = match reason {
        NoPlan::NotAUser => SignOnOutcome::NotAUser,
        NoPlan::NoUserName | NoPlan::NotCreated => SignOnOutcome::NotProvisioned,
    };
    if outcome == SignOnOutcome::NotProvisioned {
        let said = |row: AuditEntry| row.saying(reason.to_string());
        shared.remark(update.key, "not-provisioned", said, update.cause);
    }
    Done { report: Report::plain(outcome), ..Done::failed() }
}

/// An observation whose groups were asked for and are unknown is reported as such, whatever else
/// was written; and so is a user who could not be taken back.
fn settled(
    observation: &Observation,
    reactivation: Reactivation,
    otherwise: SignOnOutcome,
) -> SignOnOutcome {
    match (reactivation, &observation.groups) {
        (Reactivation::Held(reason), _) => SignOnOutcome::Unknown(reason),
        (_, Observed::Unknown(UnknownReason::NotAsked) | Observed::Known(_)) => otherwise,
        (_, Observed::Unknown(reason)) => SignOnOutcome::Unknown(*reason),
    }
}

/// What the look moves. The time of what is known never runs back, but where the clock did.
fn mark(stored: Option<&Stored>, observation: &Observation, cause: Cause, now: Timestamp) -> Mark {
    let before = stored.map(|stored| &stored.mark);
    let last = before.and_then(|mark| mark.observed_at).filter(|last| *last <= now);
    let known_at = Some(observation.sent_at).max(last);
    let (observed_at, groups) = match observation.groups {
        Observed::Known(_) => (known_at, GroupsOutcome::Known),
        Observed::Unknown(UnknownReason::NotAsked) => {
            let unasked = GroupsOutcome::Unknown(UnknownReason::NotAsked);
            (known_at, before.map_or(unasked, |mark| mark.groups.clone()))
        }
        Observed::Unknown(reason) => (last, GroupsOutcome::Unknown(reason)),
    };
    let last_sign_on = match (cause, before) {
        (Cause::Reconciliation, Some(mark)) => mark.last_sign_on,
        _ => now,
    };
    Mark { last_sign_on, observed_at, groups, seen: None }
}

struct KeptGroups<'a, R> {
    records: &'a R,
    directory: &'a str,
}

impl<R: Records> KnownGroups for KeptGroups<'_, R> {
    fn holds(&self, group: &Group) -> bool {
        self.records.group(self.directory, &group.id).is_some_and(|kept| *kept == *group)
    }

    fn group(&self, id: &UpstreamId) -> Option<Group> {
        self.records.group(self.directory, id).map(|group| (*group).clone())
    }
}

struct TakenNames<'a, R> {
    records: &'a R,
    user_type: Option<&'a UserType>,
    key: &'a UserKey,
    ahead: &'a Ahead,
}

impl<R: Records> Names for TakenNames<'_, R> {
    fn is_taken(&self, name: &str) -> bool {
        let (Some(user_type), key) = (self.user_type, self.key) else { return false };
        let holders = self.records.named(&key.directory, &user_type.name, name);
        let is_as_kept = |holder: &&Stored| !self.ahead.contains_key(&holder.record.key);
        let kept = holders.iter().filter(is_as_kept).map(|holder| &*holder.record);
        let bears = |record: &&Record| {
            record.user_type == user_type.name && record.name.to_lowercase() == name.to_lowercase()
        };
        let mut others = kept.chain(self.ahead.values().flatten().filter(bears));
        others.any(|record| is_in_the_way(record, key))
    }
}

/// Whether a record is another's, who is not missing.
pub(super) fn is_in_the_way(record: &Record, key: &UserKey) -> bool {
    record.key != *key && !record.inactive.contains(&InactiveReason::Missing)
}
