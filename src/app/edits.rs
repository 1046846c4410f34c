//! What an admin does to one record: shuts its user out, lets the user in again, and confirms local
//! memberships that wait for a review. Each is one audited commit, on disk when it is answered.

use super::events::AuditEntry;
use super::ports::{Clock, Commit, Records, StoreError, Stored};
use crate::domain::change::Change;
use crate::domain::record::{InactiveReason, Mark, MembershipKey, Provenance, Record, UserKey};
use std::sync::Arc;
use thiserror::Error;

/// How often an edit that met a newer record is made anew.
const MAX_RETRIES: usize = 8;

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// The user's binds are refused from now on, and the user has no groups.
    Disable,
    /// An admin's reason does not hold any more; others may.
    Enable,
    /// A local membership counts again.
    Confirm(MembershipKey),
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
    /// The store did not take it; nothing has changed.
    #[error(transparent)]
    Store(#[from] StoreError),
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
    for _ in 0..=MAX_RETRIES {
        let stored = records.find(key).ok_or(EditError::NotFound)?;
        let changes = changes(&stored.record, edit, clock)?;
        if changes.is_empty() {
            return Ok(stored.record);
        }
        match records.commit(commit(&stored, changes, edit, clock, who)).await {
            Err(StoreError::Conflict) => {}
            written => return Ok(written?),
        }
    }
    Err(StoreError::Conflict.into())
}

fn changes(record: &Record, edit: &Edit, clock: &impl Clock) -> Result<Vec<Change>, EditError> {
    let reason = InactiveReason::Admin;
    let is_disabled = record.inactive.contains(&reason);
    Ok(match edit {
        Edit::Disable if !is_disabled => vec![Change::Deactivated { reason, at: clock.now() }],
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
    })
}

fn commit(
    stored: &Stored,
    changes: Vec<Change>,
    edit: &Edit,
    clock: &impl Clock,
    who: &str,
) -> Commit {
    let detail: Vec<String> = changes.iter().map(Change::to_string).collect();
    let audit = AuditEntry {
        sequence: 0,
        at: clock.now(),
        cause: "admin",
        actor: who.to_owned(),
        action: match edit {
            Edit::Disable => "disabled",
            Edit::Enable => "enabled",
            Edit::Confirm(_) => "confirmed",
        },
        user: Some(stored.record.key.clone()),
        detail: detail.join("\n"),
    };
    Commit {
        key: stored.record.key.clone(),
        base_version: Some(stored.record.version),
        changes,
        groups: Vec::new(),
        mark: Mark { seen: None, ..stored.mark.clone() },
        audit,
    }
}
