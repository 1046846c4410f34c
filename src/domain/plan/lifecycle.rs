//! Why a record is active or not (S4): reasons add up, and what is read in the directory sets and
//! lifts those that it sets, never those of an admin or a policy.

use super::{Cause, Plan, Question, Reactivation};
use crate::domain::activation::standing;
use crate::domain::change::Change;
use crate::domain::observation::{Observed, UnknownReason};
use crate::domain::policy::{AfterGrace, OnReactivateLocal, UserType};
use crate::domain::record::{
    Group, InactiveReason, Membership, MembershipKey, Provenance, Record, Route,
};
use crate::domain::time::Timestamp;
use std::collections::BTreeSet;

/// How the directory takes the account after this observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// As one that may be used, as before.
    Active,
    /// As one that may be used again.
    Reactivated,
    /// As one that may not be used; memberships are left as they are.
    Inactive,
}

/// Plans the reasons that follow from the entry; says how the account stands then.
///
/// Whoever is taken back needs known groups: until then everything stays as it is, and what the
/// user had before does not count (S4.4). A look of the gateway's own takes nobody back: an
/// attribute that the service account may not read any more would look like an account that was
/// enabled, and only a bind shows that it was.
pub(super) fn plan_reasons(
    plan: &mut Plan,
    question: &Question<'_>,
    record: Option<&Record>,
) -> Course {
    let none = BTreeSet::new();
    let current = record.map_or(&none, |record| &record.inactive);
    let is_suspended = record.is_some_and(Record::is_suspended);
    let filter = question.user_type.and_then(|user_type| user_type.disabled.as_ref());
    let told = standing(&question.observation.user.entry, filter, question.now);
    if let (Observed::Unknown(reason), true, Some(_)) = (&told, is_suspended, question.user_type) {
        plan.reactivation = Reactivation::Held(*reason);
        return Course::Inactive;
    }
    let mut holding = BTreeSet::new();
    let is_disabled = match told {
        Observed::Known(standing) => standing.is_disabled(),
        Observed::Unknown(_) => current.contains(&InactiveReason::Upstream),
    };
    if is_disabled {
        holding.insert(InactiveReason::Upstream);
    }
    if question.user_type.is_none() {
        holding.insert(InactiveReason::Scope);
    }
    let begins = holding.difference(current);
    let at = question.now;
    plan.changes.extend(begins.map(|reason| Change::Deactivated { reason: *reason, at }));
    let over: Vec<InactiveReason> =
        current.difference(&holding).copied().filter(|reason| reason.is_observed()).collect();
    let lifts = over.iter().map(|reason| Change::ReasonLifted(*reason));
    if !holding.is_empty() {
        plan.changes.extend(lifts);
        return Course::Inactive;
    }
    let (Some(record), Some(user_type), true) = (record, question.user_type, is_suspended) else {
        return Course::Active;
    };
    if question.cause == Cause::Reconciliation {
        return Course::Inactive;
    }
    match question.observation.groups {
        Observed::Known(_) | Observed::Unknown(UnknownReason::NotAsked) => {}
        Observed::Unknown(reason) => {
            plan.reactivation = Reactivation::Held(reason);
            return Course::Inactive;
        }
    }
    plan.reactivation = Reactivation::Done;
    plan.changes.extend(lifts);
    plan.changes.extend(local_ends(record, user_type.on_reactivate_local));
    plan.changes.extend(leaves_parking(record, question.assigned.parking.as_ref()));
    Course::Reactivated
}

/// What becomes of memberships that an admin gave before the directory let the user go (S4.5).
fn local_ends(record: &Record, rule: OnReactivateLocal) -> Vec<Change> {
    let rows = record.memberships.iter();
    let local = rows.filter(|(key, _)| key.provenance == Provenance::Local);
    let ends = local.filter_map(|(key, membership)| match rule {
        OnReactivateLocal::Keep => None,
        OnReactivateLocal::Drop => Some(Change::MembershipRemoved { key: key.clone() }),
        OnReactivateLocal::Review if membership.in_review => None,
        OnReactivateLocal::Review => {
            Some(Change::MembershipReview { key: key.clone(), in_review: true })
        }
    });
    ends.collect()
}

fn leaves_parking(record: &Record, parking: Option<&Group>) -> Option<Change> {
    let key = parked(parking?);
    record.memberships.contains_key(&key).then_some(Change::MembershipRemoved { key })
}

fn parked(group: &Group) -> MembershipKey {
    MembershipKey { group: group.id.clone(), provenance: Provenance::Default }
}

/// The changes of a record whose entry is known to be gone (S4.6): missing from now on; after the
/// grace period in the group of deprovisioned users, if there is one.
pub fn missing(
    record: &Record,
    user_type: Option<&UserType>,
    parking: Option<&Group>,
    now: Timestamp,
) -> Plan {
    let mut plan = Plan::default();
    if !record.inactive.contains(&InactiveReason::Missing) {
        plan.changes.push(Change::Deactivated { reason: InactiveReason::Missing, at: now });
    }
    let since = record.missing_since.unwrap_or(now);
    let is_over = is_over(since, user_type, now);
    let Some(group) = parking.filter(|_| is_over) else { return plan };
    let key = parked(group);
    if !record.memberships.contains_key(&key) {
        let route = Route { path: [group.id.clone()].into(), direct: true };
        plan.changes.push(Change::MembershipAdded { key, membership: Membership::new(route, now) });
        plan.groups.push(group.clone());
    }
    plan
}

/// Whether a user has been missing for longer than the user type gives.
fn is_over(since: Timestamp, user_type: Option<&UserType>, now: Timestamp) -> bool {
    let grace = user_type.map_or(i64::MAX, |user_type| {
        i64::try_from(user_type.missing.grace.as_micros()).unwrap_or(i64::MAX)
    });
    since.0.saturating_add(grace) <= now.0
}

/// Whether a record whose entry was just seen to be gone is to be deleted (S4.6): where that is
/// configured, after the grace period. One that an admin or a policy has shut out stays: the entry
/// may come back from a backup, and the user with it.
pub fn is_to_be_deleted(record: &Record, user_type: &UserType, now: Timestamp) -> bool {
    user_type.missing.then == AfterGrace::Delete
        && !record.is_barred()
        && record.inactive.contains(&InactiveReason::Missing)
        && record.missing_since.is_some_and(|since| is_over(since, Some(user_type), now))
}
