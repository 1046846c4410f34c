//! The memberships that the directory and the configuration say.

use super::{Plan, Question};
use crate::domain::change::Change;
use crate::domain::observation::{Closure, Observed};
use crate::domain::policy::UserType;
use crate::domain::record::{
    Group, Membership, MembershipKey, Provenance, Record, Route, UpstreamId,
};
use crate::domain::time::Timestamp;
use std::collections::BTreeMap;

/// How much of the closure is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// Only what is not in it any more.
    Removals,
}

type Kept<'a> = BTreeMap<&'a UpstreamId, &'a Membership>;

/// Makes the managed memberships exactly the closure, if that is known; ignored groups aside, which
/// are neither added nor removed (S5.6). If it is not known, what was seen is added where the
/// configuration says so (S3.2).
pub(super) fn plan_managed(
    plan: &mut Plan,
    question: &Question<'_>,
    user_type: &UserType,
    extent: Extent,
) {
    let kept: Kept<'_> =
        question.record.into_iter().flat_map(Record::managed_memberships).collect();
    let closure = match &question.observation.groups {
        Observed::Known(closure) => {
            let gone = kept.keys().filter(|id| !closure.contains_key(**id));
            let gone = gone.filter(|id| !is_ignored(question, user_type, id));
            plan.changes.extend(gone.map(|id| Change::MembershipRemoved { key: managed(id) }));
            closure
        }
        Observed::Unknown(_) if user_type.add_from_partial && extent == Extent::Whole => {
            return plan_seen(plan, question, user_type, &kept);
        }
        Observed::Unknown(_) => return,
    };
    if extent == Extent::Removals {
        return;
    }
    plan.skipped = skipped(closure, &kept, question, user_type);
    let arrivals = arrivals(closure, &kept, user_type, question.now);
    let is_skipped = |change: &Change| match change {
        Change::MembershipAdded { key, .. } => plan.skipped.iter().any(|g| g.id == key.group),
        _ => false,
    };
    let taken: Vec<Change> = arrivals.filter(|change| !is_skipped(change)).collect();
    plan.changes.extend(taken);
    let groups = closure.values().map(|seen| &seen.group);
    let groups = groups.filter(|group| !question.groups.holds(group) && !user_type.ignores(group));
    let groups = groups.filter(|group| !plan.skipped.contains(group));
    plan.groups = groups.cloned().collect();
}

/// Groups that would be new to the gateway, where none is to be made (S5.5).
fn skipped(
    closure: &Closure,
    kept: &Kept<'_>,
    question: &Question<'_>,
    user_type: &UserType,
) -> Vec<Group> {
    if user_type.create_groups.is_on() {
        return Vec::new();
    }
    let groups = closure.values().map(|seen| &seen.group);
    let news = groups.filter(|group| {
        !kept.contains_key(&group.id)
            && question.groups.group(&group.id).is_none()
            && !user_type.ignores(group)
    });
    news.cloned().collect()
}

/// Adds what was seen of a closure that is not whole.
fn plan_seen(plan: &mut Plan, question: &Question<'_>, user_type: &UserType, kept: &Kept<'_>) {
    let seen = &question.observation.seen;
    plan.skipped = skipped(seen, kept, question, user_type);
    let added = arrivals(seen, kept, user_type, question.now);
    for change in added {
        let Change::MembershipAdded { key, .. } = &change else { continue };
        if plan.skipped.iter().any(|group| group.id == key.group) {
            continue;
        }
        let group = seen.get(&key.group).map(|seen| &seen.group);
        plan.groups.extend(group.filter(|group| !question.groups.holds(group)).cloned());
        plan.changes.push(change);
    }
}

fn is_ignored(question: &Question<'_>, user_type: &UserType, id: &UpstreamId) -> bool {
    if user_type.ignored_groups.is_empty() {
        return false;
    }
    let unnamed = || Group { id: id.clone(), dn: String::new(), name: String::new() };
    user_type.ignores(&question.groups.group(id).unwrap_or_else(unnamed))
}

/// Memberships that begin, and those that hold in another way than before.
fn arrivals<'a>(
    closure: &'a Closure,
    kept: &'a Kept<'a>,
    user_type: &'a UserType,
    now: Timestamp,
) -> impl Iterator<Item = Change> + 'a {
    let heeded = closure.iter().filter(|(_, seen)| !user_type.ignores(&seen.group));
    heeded.filter_map(move |(id, seen)| {
        let route = seen.route.clone();
        match kept.get(id) {
            None => {
                let membership = Membership::new(route, now);
                Some(Change::MembershipAdded { key: managed(id), membership })
            }
            Some(membership) if membership.route != route => {
                Some(Change::MembershipRerouted { key: managed(id), route })
            }
            Some(_) => None,
        }
    })
}

fn managed(group: &UpstreamId) -> MembershipKey {
    MembershipKey { group: group.clone(), provenance: Provenance::Managed }
}

/// Gives what the configuration gives (S3.5). It is never taken away here.
pub(super) fn plan_assigned(plan: &mut Plan, question: &Question<'_>) {
    let at_first = question.assigned.at_first.iter().filter(|_| question.record.is_none());
    let mut given: BTreeMap<&UpstreamId, &Group> = BTreeMap::new();
    given.extend(at_first.chain(&question.assigned.always).map(|group| (&group.id, group)));
    for (id, group) in given {
        let key = MembershipKey { group: id.clone(), provenance: Provenance::Default };
        if question.record.is_some_and(|record| record.memberships.contains_key(&key)) {
            continue;
        }
        let route = Route { path: [id.clone()].into(), direct: true };
        let membership = Membership::new(route, question.now);
        plan.changes.push(Change::MembershipAdded { key, membership });
        if !question.groups.holds(group) && !plan.groups.contains(group) {
            plan.groups.push(group.clone());
        }
    }
}
