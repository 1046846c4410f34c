//! Linking two records as one person's (S7.4): an admin's act, never the gateway's own.

use super::edits::{MAX_RETRIES, commit};
use super::events::AuditEntry;
use super::ports::{Catalogue, Clock, StoreError};
use crate::domain::linking::link;
use crate::domain::record::{MembershipKey, Record, UpstreamId, UserKey};
use std::collections::HashMap;
use std::sync::Arc;
use thiserror::Error;

/// What to do where the other directory has no group that an admin had said something of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmatched {
    /// Nothing is linked.
    Refuse,
    /// It goes with the record that goes.
    Drop,
}

/// What a link did.
#[derive(Debug, Clone)]
pub struct Linked {
    /// The record that stays, as it was.
    pub before: Arc<Record>,
    /// As it is now.
    pub after: Arc<Record>,
    /// What was not taken over: the groups' names.
    pub dropped: Vec<String>,
}

/// Why nothing was linked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LinkError {
    /// One of the two is not there.
    #[error("there is no such record")]
    NotFound,
    /// They are one.
    #[error("a record cannot be linked with itself")]
    Same,
    /// Groups without a counterpart.
    #[error("in {directory} there is no group called {}", .groups.join(", "))]
    Unmatched {
        /// The directory of the record that stays.
        directory: String,
        /// The groups' names.
        groups: Vec<String>,
    },
    /// The store did not take it. What an admin gave may have gone over already; the record that is
    /// to go is there still, and the same again does the rest.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes what an admin gave `from` over to `to`, and deletes `from`, in the name of `who`. Groups of
/// two directories are each other's counterparts if they have one name.
pub async fn make(
    catalogue: &impl Catalogue,
    clock: &impl Clock,
    from: &UserKey,
    to: &UserKey,
    unmatched: Unmatched,
    who: &str,
) -> Result<Linked, LinkError> {
    if from == to {
        return Err(LinkError::Same);
    }
    let mut first = None;
    for _ in 0..=MAX_RETRIES {
        let goes = catalogue.find(from).ok_or(LinkError::NotFound)?;
        let stays = catalogue.find(to).ok_or(LinkError::NotFound)?;
        let before = first.get_or_insert_with(|| stays.record.clone()).clone();
        let now = clock.now();
        let groups = Counterparts::new(catalogue, from, to);
        let linking = link(&goes.record, &stays.record, now, |group| groups.of(group));
        let dropped = groups.names(&linking.unmatched);
        if unmatched == Unmatched::Refuse && !dropped.is_empty() {
            let directory = to.directory.to_string();
            return Err(LinkError::Unmatched { directory, groups: dropped });
        }
        if !linking.changes.is_empty() {
            let row = AuditEntry::new(now, "admin", who, "linked");
            match catalogue.commit(commit(&stays, linking.changes, row)).await {
                Err(StoreError::Conflict) => continue,
                written => drop(written?),
            }
        }
        // Only now: whatever fails before it, nothing that an admin gave is lost.
        let row = AuditEntry::new(now, "admin", who, "deleted").about(from);
        let row = row.saying(format!("linked to {} in {}", to.upstream_id, to.directory));
        match catalogue.delete(from, goes.record.version, row).await {
            Err(StoreError::Conflict) => {}
            written => {
                written?;
                let after = catalogue.find(to).map_or(stays.record, |stored| stored.record);
                return Ok(Linked { before, after, dropped });
            }
        }
    }
    Err(StoreError::Conflict.into())
}

/// Which group of one directory is which of another.
struct Counterparts {
    is_one_directory: bool,
    names: HashMap<UpstreamId, String>,
    by_name: HashMap<String, UpstreamId>,
}

impl Counterparts {
    fn new(catalogue: &impl Catalogue, from: &UserKey, to: &UserKey) -> Self {
        let mut all = Self {
            is_one_directory: from.directory == to.directory,
            names: HashMap::new(),
            by_name: HashMap::new(),
        };
        for (directory, group) in catalogue.groups() {
            if directory == to.directory {
                all.by_name.insert(group.name.to_lowercase(), group.id.clone());
            }
            if directory == from.directory {
                all.names.insert(group.id.clone(), group.name.clone());
            }
        }
        all
    }

    fn of(&self, group: &UpstreamId) -> Option<UpstreamId> {
        if self.is_one_directory {
            return Some(group.clone());
        }
        let name = self.names.get(group)?;
        self.by_name.get(&name.to_lowercase()).cloned()
    }

    fn names(&self, rows: &[MembershipKey]) -> Vec<String> {
        let name = |row: &MembershipKey| {
            self.names.get(&row.group).cloned().unwrap_or_else(|| row.group.to_string())
        };
        let mut names: Vec<String> = rows.iter().map(name).collect();
        names.sort();
        names.dedup();
        names
    }
}
