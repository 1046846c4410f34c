//! What an admin does to one record: shuts its user out, lets the user in again, pins and local
//! memberships, a name for people, the record's own switch. Each is one audited commit, on disk when
//! it is answered.

use super::events::AuditEntry;
use super::ports::{Catalogue, Clock, Commit, Records, StoreError, Stored};
use crate::domain::change::Change;
use crate::domain::policy::Switch;
use crate::domain::record::{
    Group, InactiveReason, Mark, Membership, MembershipKey, Provenance, Record, Route, UpstreamId,
    UserKey,
};
use crate::domain::time::Timestamp;
use std::sync::Arc;
use thiserror::Error;

/// How often an edit that met a newer record is made anew.
pub(super) const MAX_RETRIES: usize = 8;
/// How many records are gone through at once for memberships that have ended.
const ENDED_AT_ONCE: usize = 256;

/// What a pin says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pin {
    /// The user is in the group, whatever the directory says.
    Allow,
    /// The user is not.
    Deny,
}

impl Pin {
    fn provenance(self) -> Provenance {
        match self {
            Self::Allow => Provenance::PinAllow,
            Self::Deny => Provenance::PinDeny,
        }
    }
}

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// The user's binds are refused from now on, and the user has no groups.
    Disable,
    /// An admin's reason does not hold any more; others may.
    Enable,
    /// A local membership counts again.
    Confirm(MembershipKey),
    /// A group is pinned, in place of what was pinned of it before.
    Pin {
        /// The group.
        group: Group,
        /// What is said of it.
        pin: Pin,
        /// When that ends by itself.
        until: Option<Timestamp>,
    },
    /// Nothing is pinned of a group any more.
    Unpin(UpstreamId),
    /// The user is in a group, beside what the directory says.
    Join(Group),
    /// The user is taken out of a group: out of what the directory, an admin or the configuration
    /// gave. What is pinned stays.
    Leave(UpstreamId),
    /// This is shown as the name for people in place of the directory's.
    Name(Option<String>),
    /// Whether this record follows the directory, in place of what its user type says.
    Switch(Option<Switch>),
}

impl Edit {
    /// What the audit calls it.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Disable => "disabled",
            Self::Enable => "enabled",
            Self::Confirm(_) => "confirmed",
            Self::Pin { .. } => "pinned",
            Self::Unpin(_) => "unpinned",
            Self::Join(_) => "joined",
            Self::Leave(_) => "left",
            Self::Name(_) => "named",
            Self::Switch(_) => "switch-changed",
        }
    }

    /// The group that has to be kept for it.
    fn group(&self) -> Option<&Group> {
        match self {
            Self::Pin { group, .. } | Self::Join(group) => Some(group),
            _ => None,
        }
    }
}

/// Why an edit was not made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// There is no such record.
    #[error("there is no such record")]
    NotFound,
    /// There is no such local membership in review.
    #[error("there is no such membership in review")]
    NotInReview,
    /// Nothing is pinned of the group.
    #[error("nothing is pinned of this group")]
    NotPinned,
    /// The user is not in the group.
    #[error("the user is not in this group, or only by a pin")]
    NotMember,
    /// A time that has passed.
    #[error("the pin would have ended already")]
    Past,
    /// The store did not take it; nothing has changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A record before and after an edit.
#[derive(Debug, Clone)]
pub struct Edited {
    /// As it was.
    pub before: Arc<Record>,
    /// As it is on disk; the same if there was nothing to change.
    pub after: Arc<Record>,
}

/// Makes an edit in the name of `who`; gives the record as it is then. What changes nothing is not
/// written.
pub async fn edit(
    records: &impl Records,
    clock: &impl Clock,
    key: &UserKey,
    edit: &Edit,
    who: &str,
) -> Result<Arc<Record>, EditError> {
    make(records, clock, key, edit, who).await.map(|edited| edited.after)
}

/// The same, with the record as it was.
pub async fn make(
    records: &impl Records,
    clock: &impl Clock,
    key: &UserKey,
    edit: &Edit,
    who: &str,
) -> Result<Edited, EditError> {
    for _ in 0..=MAX_RETRIES {
        let stored = records.find(key).ok_or(EditError::NotFound)?;
        let now = clock.now();
        let changes = changes(&stored.record, edit, now)?;
        if changes.is_empty() {
            return Ok(Edited { before: stored.record.clone(), after: stored.record });
        }
        let row = AuditEntry::new(now, "admin", who, edit.action());
        let mut commit = commit(&stored, changes, row);
        let is_news = |group: &&Group| {
            records.group(&key.directory, &group.id).is_none_or(|kept| *kept != **group)
        };
        commit.groups = edit.group().filter(is_news).cloned().into_iter().collect();
        match records.commit(commit).await {
            Err(StoreError::Conflict) => {}
            written => return Ok(Edited { before: stored.record, after: written? }),
        }
    }
    Err(StoreError::Conflict.into())
}

/// Erases a record in the name of `who`, and from the audit whose the rows about it were; the row
/// that is left names nobody.
pub async fn forget(
    catalogue: &impl Catalogue,
    clock: &impl Clock,
    key: &UserKey,
    who: &str,
) -> Result<(), EditError> {
    for _ in 0..=MAX_RETRIES {
        catalogue.find(key).ok_or(EditError::NotFound)?;
        let row = AuditEntry::new(clock.now(), "admin", who, "forgotten");
        match catalogue.forget(key, row.saying("a record was erased")).await {
            Err(StoreError::Conflict) => {}
            written => return Ok(written?),
        }
    }
    Err(StoreError::Conflict.into())
}

/// Takes away what has come to its end; how many records that changed.
pub async fn end_due(catalogue: &impl Catalogue, clock: &impl Clock) -> Result<usize, StoreError> {
    let now = clock.now();
    let mut changed = 0;
    for key in catalogue.ended(now, ENDED_AT_ONCE) {
        let Some(stored) = catalogue.find(&key) else { continue };
        let rows = stored.record.memberships.iter();
        let is_over = |until: Option<Timestamp>| until.is_some_and(|until| until <= now);
        let over = rows.filter(|(_, membership)| is_over(membership.until));
        let removed = |key: &MembershipKey| Change::MembershipRemoved { key: key.clone() };
        let changes: Vec<_> = over.map(|(key, _)| removed(key)).collect();
        if changes.is_empty() {
            continue;
        }
        let row = AuditEntry::new(now, "expiry", "", "expired");
        match catalogue.commit(commit(&stored, changes, row)).await {
            Ok(_) => changed += 1,
            // Somebody else changed it: it is looked at again next time.
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(changed)
}

fn changes(record: &Record, edit: &Edit, now: Timestamp) -> Result<Vec<Change>, EditError> {
    let reason = InactiveReason::Admin;
    let is_disabled = record.inactive.contains(&reason);
    Ok(match edit {
        Edit::Disable if !is_disabled => vec![Change::Deactivated { reason, at: now }],
        Edit::Enable if is_disabled => vec![Change::ReasonLifted(reason)],
        Edit::Disable | Edit::Enable => Vec::new(),
        Edit::Confirm(key) => {
            let membership = record.memberships.get(key);
            let is_local = key.provenance == Provenance::Local;
            if !is_local || membership.is_none_or(|membership| !membership.in_review) {
                return Err(EditError::NotInReview);
            }
            vec![Change::MembershipReview { key: key.clone(), in_review: false }]
        }
        Edit::Pin { group, pin, until } => pinned(record, group, *pin, *until, now)?,
        Edit::Unpin(group) => {
            let pins = [Provenance::PinAllow, Provenance::PinDeny];
            some_of(record, group, &pins).ok_or(EditError::NotPinned)?
        }
        Edit::Join(group) => joined(record, group, now),
        Edit::Leave(group) => {
            let rows = [Provenance::Managed, Provenance::Local, Provenance::Default];
            some_of(record, group, &rows).ok_or(EditError::NotMember)?
        }
        Edit::Name(name) if record.local_name == *name => Vec::new(),
        Edit::Name(name) => vec![Change::LocallyNamed(name.clone())],
        Edit::Switch(value) if record.switch == *value => Vec::new(),
        Edit::Switch(value) => vec![Change::SwitchSet(*value)],
    })
}

/// A pin in place of those that there are of the group.
fn pinned(
    record: &Record,
    group: &Group,
    pin: Pin,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Vec<Change>, EditError> {
    if until.is_some_and(|until| until <= now) {
        return Err(EditError::Past);
    }
    let key = MembershipKey { group: group.id.clone(), provenance: pin.provenance() };
    let pins = [Provenance::PinAllow, Provenance::PinDeny];
    let others = pins.into_iter().filter(|other| *other != key.provenance);
    let mut changes = some_of(record, &group.id, &others.collect::<Vec<_>>()).unwrap_or_default();
    let before = record.memberships.get(&key);
    if before.is_some_and(|before| before.until == until) {
        return Ok(changes);
    }
    changes.extend(before.map(|_| Change::MembershipRemoved { key: key.clone() }));
    let since = before.map_or(now, |before| before.since);
    let membership = Membership { until, ..Membership::new(own_route(group), since) };
    changes.push(Change::MembershipAdded { key, membership });
    Ok(changes)
}

fn joined(record: &Record, group: &Group, now: Timestamp) -> Vec<Change> {
    let key = MembershipKey { group: group.id.clone(), provenance: Provenance::Local };
    match record.memberships.get(&key) {
        None => {
            let membership = Membership::new(own_route(group), now);
            vec![Change::MembershipAdded { key, membership }]
        }
        Some(membership) if membership.in_review => {
            vec![Change::MembershipReview { key, in_review: false }]
        }
        Some(_) => Vec::new(),
    }
}

/// What takes a group's rows of these provenances away; `None` if there is none.
fn some_of(record: &Record, group: &UpstreamId, of: &[Provenance]) -> Option<Vec<Change>> {
    let key =
        |provenance: &Provenance| MembershipKey { group: group.clone(), provenance: *provenance };
    let there = of.iter().map(key).filter(|key| record.memberships.contains_key(key));
    let changes: Vec<_> = there.map(|key| Change::MembershipRemoved { key }).collect();
    (!changes.is_empty()).then_some(changes)
}

fn own_route(group: &Group) -> Route {
    Route { path: [group.id.clone()].into(), direct: true }
}

pub(super) fn commit(stored: &Stored, changes: Vec<Change>, row: AuditEntry) -> Commit {
    let detail: Vec<String> = changes.iter().map(Change::to_string).collect();
    let audit = row
        .about(&stored.record.key)
        .saying(detail.join("\n"))
        .changing(Some(&stored.record), &changes);
    Commit {
        key: stored.record.key.clone(),
        base_version: Some(stored.record.version),
        changes,
        groups: Vec::new(),
        mark: Mark { seen: None, ..stored.mark.clone() },
        audit,
        observed: None,
    }
}
