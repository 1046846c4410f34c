//! The effective groups of an entry: what the directory says, and what the record adds and takes
//! away (rule S10.1).

use crate::app::ports::Records;
use crate::app::switches;
use crate::domain::membership::flatten_kept;
use crate::domain::policy::{DirectoryPolicy, Flatten, GroupSync, UserType};
use crate::domain::record::{Group, Provenance, Record, UpstreamId, UserKey};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a record means for the groups that are shown.
#[derive(Debug)]
pub(super) enum Overlay {
    /// Nothing: the directory's groups are shown, but for ignored ones.
    Nothing,
    /// No groups are shown.
    Suspended,
    /// Some more, and some not.
    Changed {
        /// Groups beside the directory's.
        more: Vec<Group>,
        /// Groups that are not shown.
        less: BTreeSet<UpstreamId>,
        /// Those that the directory said once, where they count in the place of what it says now.
        frozen: Option<Vec<Group>>,
    },
}

/// What the record of the user of that id means, if there is one.
pub(super) fn overlay(
    records: &impl Records,
    policy: &DirectoryPolicy,
    id: &UpstreamId,
    flatten: Flatten,
) -> (Overlay, Option<Arc<str>>) {
    let key = UserKey { directory: policy.name.clone(), upstream_id: id.clone() };
    let Some(stored) = records.find(&key) else { return (Overlay::Nothing, None) };
    let record = &*stored.record;
    let kind = Some(record.user_type.clone());
    if !record.is_active() {
        return (Overlay::Suspended, kind);
    }
    let user_type = policy.user_types.iter().find(|kind| kind.name == record.user_type);
    let is_frozen = user_type.is_some_and(|user_type| !follows(records, policy, user_type, record));
    let is_plain = record.memberships.keys().all(|key| key.provenance == Provenance::Managed);
    if is_plain && !is_frozen {
        return (Overlay::Nothing, kind);
    }
    let group = |id: &UpstreamId| records.group(&policy.name, id).map(|group| (*group).clone());
    let is_given = |provenance| provenance != Provenance::Managed;
    let given = record.effective_memberships().filter(|(key, _)| is_given(key.provenance));
    let more: BTreeSet<&UpstreamId> = given.map(|(key, _)| &key.group).collect();
    let denied = record.memberships.keys().filter(|key| key.provenance == Provenance::PinDeny);
    let frozen =
        is_frozen.then(|| flatten_kept(record, flatten).into_iter().filter_map(group).collect());
    let changed = Overlay::Changed {
        more: more.into_iter().filter_map(group).collect(),
        less: denied.map(|key| key.group.clone()).collect(),
        frozen,
    };
    (changed, kind)
}

/// Whether a record of a user type follows the directory's groups.
fn follows(
    records: &impl Records,
    policy: &DirectoryPolicy,
    user_type: &UserType,
    record: &Record,
) -> bool {
    user_type.groups == GroupSync::Always
        && switches::effective(records, &policy.name, user_type, Some(record)).is_on()
}
