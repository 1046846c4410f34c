//! Brings one record up to date with what was learnt: plans, and commits what has to be written.

use super::Shared;
use crate::app::breaker::Breaker;
use crate::app::events::{AuditEntry, GroupSource, SignOnOutcome};
use crate::app::ports::{Clock, Commit, Events, Ports, Records, StoreError, Stored};
use crate::domain::change::Change;
use crate::domain::mass_change::{Judgement, Loss};
use crate::domain::observation::{Observation, Observed, UnknownReason};
use crate::domain::plan::{
    Assigned, Cause, KnownGroups, Names, NoPlan, Plan, Question, Reactivation, missing, plan,
};
use crate::domain::policy::{Switch, UserType};
use crate::domain::record::{
    Group, GroupsOutcome, InactiveReason, Mark, MembershipKey, Provenance, Record, RecordId,
    UpstreamId, UserKey,
};
use crate::domain::time::Timestamp;
use std::sync::Arc;

/// How often a commit that met a newer record is planned anew.
const MAX_REPLANS: usize = 3;

/// What was done.
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

/// What became of a record.
pub(super) struct Done {
    pub(super) report: Report,
    /// The record as it is now, unless that is not known to be on disk.
    pub(super) record: Option<Arc<Record>>,
    pub(super) reactivation: Reactivation,
}

impl Done {
    fn failed() -> Self {
        let report = Report::plain(SignOnOutcome::Unknown(UnknownReason::Store));
        Self { report, record: None, reactivation: Reactivation::None }
    }
}

/// Whose record, and by which rules.
pub(super) struct Update<'a, E> {
    pub(super) key: &'a UserKey,
    pub(super) user_type: Option<&'a UserType>,
    pub(super) switch: Switch,
    pub(super) assigned: &'a Assigned,
    pub(super) cause: Cause,
    /// What holds losses of many users at once.
    pub(super) breaker: Option<&'a Breaker<E>>,
}

impl<E: Events> Update<'_, E> {
    /// Plans and commits.
    pub(super) async fn bring<P: Ports>(
        &self,
        shared: &Shared<P>,
        observation: &Observation,
    ) -> Done {
        let new_id = shared.clock.new_record_id();
        let mut held = None;
        for _ in 0..=MAX_REPLANS {
            let stored = shared.records.find(self.key);
            let now = shared.clock.now();
            let planned = self.plan(shared, stored.as_ref(), observation, &new_id, now);
            let mut plan = match planned {
                Ok(plan) => plan,
                Err(reason) => return refused(reason),
            };
            let mut observation = observation;
            if self.is_held(shared, stored.as_ref(), &plan, observation).await {
                observation = held.get_or_insert_with(|| as_held(observation));
                plan = match self.plan(shared, stored.as_ref(), observation, &new_id, now) {
                    Ok(plan) => plan,
                    Err(reason) => return refused(reason),
                };
            }
            let mark = mark(stored.as_ref(), observation, self.cause, now);
            match self.write(shared, stored.as_ref(), plan, mark, observation).await {
                Ok(done) => return done,
                Err(StoreError::Conflict) => {}
                Err(_) => break,
            }
        }
        Done::failed()
    }

    fn plan<P: Ports>(
        &self,
        shared: &Shared<P>,
        stored: Option<&Stored>,
        observation: &Observation,
        new_id: &RecordId,
        now: Timestamp,
    ) -> Result<Plan, NoPlan> {
        plan(&Question {
            record: stored.map(|stored| &*stored.record),
            key: self.key,
            observation,
            observed_at: stored.and_then(|stored| stored.mark.observed_at),
            user_type: self.user_type,
            update_on_sign_on: self.switch,
            groups: &KeptGroups { records: &shared.records, directory: &self.key.directory },
            names: &TakenNames {
                records: &shared.records,
                user_type: self.user_type,
                key: self.key,
            },
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

    /// Writes a plan, or notes that there was nothing to write.
    async fn write<P: Ports>(
        &self,
        shared: &Shared<P>,
        stored: Option<&Stored>,
        plan: Plan,
        mark: Mark,
        observation: &Observation,
    ) -> Result<Done, StoreError> {
        let reactivation = plan.reactivation;
        if plan.is_empty() {
            shared.records.mark(self.key, mark);
            let quiet = match (stored, self.switch) {
                (Some(_), Switch::Off) => SignOnOutcome::SwitchedOff,
                _ => SignOnOutcome::Unchanged,
            };
            let report = Report::plain(settled(observation, reactivation, quiet));
            let record = stored.map(|stored| stored.record.clone());
            return Ok(Done { report, record, reactivation });
        }
        let (added, removed) = (plan.added(), plan.removed());
        let made = match stored {
            None => SignOnOutcome::Created,
            Some(_) => SignOnOutcome::Changed,
        };
        let record = self.commit(shared, stored, plan, mark).await?;
        let plain = Report::plain(settled(observation, reactivation, made));
        let report = Report { added, removed, ..plain };
        Ok(Done { report, record: Some(record), reactivation })
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
            let plan = missing(&stored.record, self.user_type, parking, now);
            let mark = Mark { observed_at: Some(sent_at), seen: None, ..stored.mark.clone() };
            if plan.is_empty() {
                shared.records.mark(self.key, mark);
                return Report::plain(SignOnOutcome::Unchanged);
            }
            match self.commit(shared, Some(&stored), plan, mark).await {
                Ok(_) => return Report::plain(SignOnOutcome::Changed),
                Err(StoreError::Conflict) => {}
                Err(_) => break,
            }
        }
        Report::plain(SignOnOutcome::Unknown(UnknownReason::Store))
    }

    async fn commit<P: Ports>(
        &self,
        shared: &Shared<P>,
        stored: Option<&Stored>,
        plan: Plan,
        mark: Mark,
    ) -> Result<Arc<Record>, StoreError> {
        let audit = AuditEntry {
            sequence: 0,
            at: shared.clock.now(),
            cause: match self.cause {
                Cause::SignOn => "sign-on",
                Cause::Reconciliation => "reconcile",
            },
            actor: String::new(),
            action: if stored.is_none() { "created" } else { "changed" },
            user: Some(self.key.clone()),
            detail: plan.describe(),
        };
        let commit = Commit {
            key: self.key.clone(),
            base_version: stored.map(|stored| stored.record.version),
            changes: plan.changes,
            groups: plan.groups,
            mark,
            audit,
        };
        shared.records.commit(commit).await
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

fn refused(reason: NoPlan) -> Done {
    let outcome = match reason {
        NoPlan::NotAUser => SignOnOutcome::NotAUser,
        NoPlan::NoUserName | NoPlan::NotCreated => SignOnOutcome::NotProvisioned,
    };
    Done { report: Report::plain(outcome), record: None, reactivation: Reactivation::None }
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
}

impl<R: Records> Names for TakenNames<'_, R> {
    fn is_taken(&self, name: &str) -> bool {
        let (Some(user_type), key) = (self.user_type, self.key) else { return false };
        let holders = self.records.named(&key.directory, &user_type.name, name);
        holders.iter().any(|holder| is_in_the_way(&holder.record, key))
    }
}

/// Whether a record is another's, who is not missing.
pub(super) fn is_in_the_way(record: &Record, key: &UserKey) -> bool {
    record.key != *key && !record.inactive.contains(&InactiveReason::Missing)
}
