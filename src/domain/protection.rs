//! Protected groups (S7.3): synchronisation never leaves one without anybody, since the last of the
//! administrators would be shut out. What would do so is taken out of the plan, until somebody else
//! is in the group.

use super::change::{Change, apply};
use super::plan::Plan;
use super::record::{Record, UpstreamId};
use std::collections::BTreeSet;

/// The groups that the user of a record is in effectively, and would not be any more after a plan.
pub fn lost(record: &Record, plan: &Plan) -> BTreeSet<UpstreamId> {
    let after = apply(Some(record.clone()), &plan.changes).ok().flatten();
    let kept = after.as_ref().map(Record::effective_groups).unwrap_or_default();
    let groups = record.effective_groups().into_iter();
    groups.filter(|group| !kept.contains(group)).cloned().collect()
}

/// Takes out of a plan what would take the user out of these groups, in whichever way.
pub fn hold(record: &Record, plan: &mut Plan, groups: &BTreeSet<UpstreamId>) {
    plan.changes.retain(|change| match change {
        Change::MembershipRemoved { key } | Change::MembershipReview { key, in_review: true } => {
            !groups.contains(&key.group)
        }
        _ => true,
    });
    if lost(record, plan).iter().any(|group| groups.contains(group)) {
        plan.changes.retain(|change| !matches!(change, Change::Deactivated { .. }));
    }
}
