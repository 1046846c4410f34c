//! Linking (S7.4): an admin says that two records are of one person, whose account was moved to another
//! directory or made anew. What an admin gave the one goes to the other; equal names alone never do
//! that.

use super::change::Change;
use super::record::{
    InactiveReason, Membership, MembershipKey, Provenance, Record, Route, UpstreamId,
};
use super::time::Timestamp;

/// What a link does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Linking {
    /// What changes of the record that stays.
    pub changes: Vec<Change>,
    /// Of which groups an admin had said something that cannot be taken over, since the other
    /// directory has no such group.
    pub unmatched: Vec<MembershipKey>,
}

/// What of `from` goes over to `to`: an admin's disablement, local memberships, pins, the name for
/// people and the record's own switch, each unless `to` has its own. `counterpart` leads from a group
/// of the one's directory to that of the other's.
///
/// What the directory or the configuration says of the one is not taken over.
pub fn link(
    from: &Record,
    to: &Record,
    now: Timestamp,
    counterpart: impl Fn(&UpstreamId) -> Option<UpstreamId>,
) -> Linking {
    let mut linking = Linking::default();
    let reason = InactiveReason::Admin;
    if from.inactive.contains(&reason) && !to.inactive.contains(&reason) {
        linking.changes.push(Change::Deactivated { reason, at: now });
    }
    if let (Some(name), None) = (&from.local_name, &to.local_name) {
        linking.changes.push(Change::LocallyNamed(Some(name.clone())));
    }
    if let (Some(switch), None) = (from.switch, to.switch) {
        linking.changes.push(Change::SwitchSet(Some(switch)));
    }
    for (key, membership) in &from.memberships {
        if !is_an_admins(key.provenance) || membership.until.is_some_and(|until| until <= now) {
            continue;
        }
        match counterpart(&key.group) {
            Some(group) => linking.changes.extend(taken_over(to, group, key, membership)),
            None => linking.unmatched.push(key.clone()),
        }
    }
    linking
}

fn is_an_admins(provenance: Provenance) -> bool {
    match provenance {
        Provenance::Local | Provenance::PinAllow | Provenance::PinDeny => true,
        Provenance::Managed | Provenance::Default => false,
    }
}

/// What adds a row, unless there is one that says as much or says otherwise.
fn taken_over(
    to: &Record,
    group: UpstreamId,
    key: &MembershipKey,
    membership: &Membership,
) -> Option<Change> {
    let says = |provenance| {
        let key = MembershipKey { group: group.clone(), provenance };
        to.memberships.contains_key(&key)
    };
    let is_said = match key.provenance {
        Provenance::PinAllow | Provenance::PinDeny => {
            says(Provenance::PinAllow) || says(Provenance::PinDeny)
        }
        other => says(other),
    };
    let route = Route { path: [group.clone()].into(), direct: true };
    let membership = Membership { route, ..membership.clone() };
    let key = MembershipKey { group: group.clone(), provenance: key.provenance };
    (!is_said).then_some(Change::MembershipAdded { key, membership })
}
