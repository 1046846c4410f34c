//! Keeps a plan from leaving a protected group without anybody (S7.3). Plans that would take
//! somebody out of one wait for each other, so that not two take out the last two.

use super::audit::AuditEntry;
use super::ports::{Records, Stored};
use crate::domain::plan::Plan;
use crate::domain::policy::UserType;
use crate::domain::protection;
use crate::domain::record::{Group, UpstreamId};
use std::collections::BTreeSet;
use tokio::sync::{Mutex, MutexGuard};

/// The turn of those who would take somebody out of a protected group.
#[derive(Default)]
pub(super) struct Turns(Mutex<()>);

/// What was held back, and the turn, which is to be kept until the rest is on disk.
pub(super) struct Held<'t> {
    /// The groups that would have nobody any more.
    pub(super) groups: BTreeSet<UpstreamId>,
    _turn: Option<MutexGuard<'t, ()>>,
}

impl Turns {
    /// Takes out of a plan what would leave a group without anybody that the user type protects.
    pub(super) async fn hold<R: Records>(
        &self,
        records: &R,
        user_type: Option<&UserType>,
        stored: Option<&Stored>,
        plan: &mut Plan,
    ) -> Held<'_> {
        let nothing = Held { groups: BTreeSet::new(), _turn: None };
        let Some((stored, user_type)) = stored.zip(user_type) else { return nothing };
        if user_type.protected_groups.is_empty() || plan.changes.is_empty() {
            return nothing;
        }
        let directory = &stored.record.key.directory;
        let mut lost = protection::lost(&stored.record, plan);
        lost.retain(|id| is_protected(records, directory, user_type, id));
        if lost.is_empty() {
            return nothing;
        }
        let turn = self.0.lock().await;
        lost.retain(|id| records.counted_in(directory, id) <= 1);
        protection::hold(&stored.record, plan, &lost);
        Held { groups: lost, _turn: Some(turn) }
    }
}

fn is_protected(
    records: &impl Records,
    directory: &str,
    user_type: &UserType,
    id: &UpstreamId,
) -> bool {
    let unnamed = || Group { id: id.clone(), dn: String::new(), name: String::new() };
    let group = records.group(directory, id).map_or_else(unnamed, |group| (*group).clone());
    user_type.protects(&group)
}

impl Held<'_> {
    /// What the audit says of it.
    pub(super) fn row(&self, row: AuditEntry) -> AuditEntry {
        let names: Vec<_> =
            self.groups.iter().map(|id| format!("group {:?}", id.as_str())).collect();
        row.saying(format!("nobody else is in the protected {}", names.join(", ")))
    }
}

/// Takes out of a plan that is not carried out what would be held, and says which groups would have
/// nobody any more.
pub(super) fn would_hold<R: Records>(
    records: &R,
    user_type: Option<&UserType>,
    stored: Option<&Stored>,
    plan: &mut Plan,
) -> BTreeSet<UpstreamId> {
    let Some((stored, user_type)) = stored.zip(user_type) else { return BTreeSet::new() };
    let directory = &stored.record.key.directory;
    let mut lost = protection::lost(&stored.record, plan);
    lost.retain(|id| is_protected(records, directory, user_type, id));
    lost.retain(|id| records.counted_in(directory, id) <= 1);
    if !lost.is_empty() {
        protection::hold(&stored.record, plan, &lost);
    }
    lost
}
