//! The records: what sign-ons read and write, and what administration does with them.

use crate::app::audit::{AuditFilter, AuditOrder};
use crate::app::events::AuditEntry;
use crate::app::tokens::{self, Token};
use crate::domain::change::Change;
use crate::domain::policy::Switch;
use crate::domain::recollection::Recollection;
use crate::domain::record::{Group, Mark, Record, Seen, Times, UpstreamId, UserKey};
use crate::domain::time::Timestamp;
use crate::proto::dn::NormalizedDn;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use thiserror::Error;

/// Why the store did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The record is at another version than the commit was made for.
    #[error("record changed meanwhile")]
    Conflict,
    /// The changes do not fit the record.
    #[error(transparent)]
    Misfit(#[from] crate::domain::change::Misfit),
    /// The queue of commits is full.
    #[error("store is overloaded")]
    Overloaded,
    /// The disk is full, read-only or broken.
    #[error("store failed: {0}")]
    Failed(String),
    /// The store is shut.
    #[error("store is closed")]
    Closed,
}

/// What one sign-on writes, all or nothing.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Whose record.
    pub key: UserKey,
    /// The version that the changes were made for; `None` if there was no record.
    pub base_version: Option<u64>,
    /// The changes.
    pub changes: Vec<Change>,
    /// Groups to be kept first.
    pub groups: Vec<Group>,
    /// What the sign-on moved.
    pub mark: Mark,
    /// The row of the audit.
    pub audit: AuditEntry,
    /// What is kept of the observation in the place of what is; `None` leaves that.
    pub observed: Option<Recollection>,
}

/// What is taken over from another gateway, all or nothing.
#[derive(Debug, Clone)]
pub struct Import {
    /// Groups with their directories.
    pub groups: Vec<(Arc<str>, Group)>,
    /// Switches: directory, user type, value.
    pub switches: Vec<(String, String, StoredSwitch)>,
    /// Records, whose versions do not count, with their marks.
    pub users: Vec<(Record, Mark)>,
    /// The row of the audit.
    pub audit: AuditEntry,
}

/// A record with what every sign-on moves.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The record.
    pub record: Arc<Record>,
    /// What every sign-on moves.
    pub mark: Mark,
}

/// Where the value of a switch comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredSwitch {
    /// The value.
    pub value: Switch,
    /// Since when.
    pub set_at: Timestamp,
}

/// The records as the sign-on path uses them: reads answer at once, from memory.
pub trait Records: Clone + Send + Sync + 'static {
    /// The record of a user.
    fn find(&self, key: &UserKey) -> Option<Stored>;
    /// A group that is kept.
    fn group(&self, directory: &str, id: &UpstreamId) -> Option<Arc<Group>>;
    /// The run-time value of a user type's switch, if one is stored.
    fn switch(&self, directory: &str, user_type: &str) -> Option<StoredSwitch>;
    /// The records of a directory's user type that have this name, in any case.
    fn named(&self, directory: &str, user_type: &str, name: &str) -> Vec<Stored>;
    /// The records of a directory that have this DN, in any spelling.
    fn located(&self, directory: &str, dn: &NormalizedDn) -> Vec<Stored>;
    /// Whether an admin or a policy has made any record of a directory inactive.
    fn has_barred(&self, directory: &str) -> bool;
    /// Whether any record of a directory is inactive, whatever the reason; where that is not known,
    /// it may be.
    fn has_inactive(&self, _directory: &str) -> bool {
        true
    }
    /// The users of a directory whose records have a group, or any if none is named, from anybody but
    /// the directory; `None` if they are more than `most`.
    fn given(
        &self,
        directory: &str,
        group: Option<&UpstreamId>,
        most: usize,
    ) -> Option<Vec<UpstreamId>>;
    /// Moves a mark in memory; it reaches the disk with the next commit or within a bounded time.
    fn mark(&self, key: &UserKey, mark: Mark);
    /// Moves the times of a mark in memory, never back, if what it has seen is this; whether it is.
    fn renew(&self, key: &UserKey, seen: &Seen, times: Times) -> bool;
    /// Writes a commit; the answer comes once it is on disk.
    fn commit(
        &self,
        commit: Commit,
    ) -> impl Future<Output = Result<Arc<Record>, StoreError>> + Send;
    /// Keeps what was observed of a user who has a record, unless that is what is kept, without waiting for
    /// it. Where there is no room it is lost, and comes with the next observation.
    fn remember(&self, _key: &UserKey, _of: Recollection) {}
    /// Adds a row to the audit without waiting for it; one for which there is no room is lost, and
    /// counted. Where nothing is kept, nothing is done.
    fn remark(&self, _audit: AuditEntry) {}
    /// How many users are effectively in a group. Where that is not known, many.
    fn counted_in(&self, _directory: &str, _group: &UpstreamId) -> usize {
        usize::MAX
    }
}

/// Who is told of each change of records and groups that is on disk, before it is answered. What is told
/// twice is told as it is then.
pub trait RecordsFollower: Send + Sync {
    /// A record is this now.
    fn record(&self, record: &Arc<Record>);
    /// A record is gone.
    fn record_gone(&self, key: &UserKey);
    /// A group is this now.
    fn group(&self, directory: &Arc<str>, group: &Arc<Group>);
    /// A group is gone.
    fn group_gone(&self, directory: &str, id: &UpstreamId);
}

/// A page of a listing, ordered by record id.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What to ask the next page with.
    pub next: Option<String>,
}

/// The records as administration uses them.
pub trait Catalogue: Records {
    /// A page of records after `cursor`, at most `limit` of them.
    fn list(&self, cursor: Option<&str>, limit: usize) -> Page<Stored>;
    /// Shows all records, in no order. `look` must not ask for anything else that is kept.
    fn visit(&self, look: &mut dyn FnMut(&Stored));
    /// The records of that name (compared without regard to case), in one user type or in all.
    fn by_name(&self, user_type: Option<&str>, name: &str) -> Vec<Stored>;
    /// The records of that DN, in any spelling.
    fn by_dn(&self, dn: &NormalizedDn) -> Vec<Stored>;
    /// The records of that upstream id, in any directory.
    fn by_upstream_id(&self, id: &str) -> Vec<Stored>;
    /// The record of that id.
    fn by_record_id(&self, id: &str) -> Option<Stored>;
    /// Sets or, with `None`, clears a switch's run-time value together with its audit row; the
    /// answer comes once it is on disk.
    fn set_switch(
        &self,
        directory: &str,
        user_type: &str,
        value: Option<Switch>,
        audit: AuditEntry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Deletes a record that is at this version; the answer comes once that is on disk.
    fn delete(
        &self,
        key: &UserKey,
        version: u64,
        audit: AuditEntry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Adds a row to the audit, and, if a directory is named, forgets with it how far that was seen
    /// to have got; the answer comes once it is on disk.
    fn note(
        &self,
        forgotten: Option<&str>,
        audit: AuditEntry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// All groups that are kept, with their directories, in no order.
    fn groups(&self) -> Vec<(Arc<str>, Arc<Group>)>;
    /// Up to this many users of whose memberships one has come to its end by `now`.
    fn ended(&self, now: Timestamp, limit: usize) -> Vec<UserKey>;
    /// Erases a record, and from the audit whose it was; the answer comes once that is on disk.
    fn forget(
        &self,
        key: &UserKey,
        audit: AuditEntry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Keeps a group, or, where there is none, takes the one of that id away.
    fn set_group(
        &self,
        directory: &str,
        id: &UpstreamId,
        group: Option<Group>,
        audit: AuditEntry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// All tokens of administration that are kept.
    fn tokens(&self) -> tokens::Kept;
    /// Keeps a token, or, where there is none, takes the one of that name away; the answer comes once
    /// that is on disk.
    fn set_token(
        &self,
        name: &str,
        token: Option<Token>,
        audit: AuditEntry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// What is kept of the last complete observations of these users.
    fn recollections(
        &self,
        _keys: Vec<UserKey>,
    ) -> impl Future<Output = Result<HashMap<UserKey, Recollection>, StoreError>> + Send {
        async { Ok(HashMap::new()) }
    }
    /// The newest audit rows before `cursor`, newest first.
    fn audit(
        &self,
        cursor: Option<i64>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<AuditEntry>, StoreError>> + Send {
        self.audit_rows(AuditFilter::default(), AuditOrder::Before(cursor), limit)
    }
    /// A page of those audit rows, in that order.
    fn audit_rows(
        &self,
        filter: AuditFilter,
        order: AuditOrder,
        limit: usize,
    ) -> impl Future<Output = Result<Page<AuditEntry>, StoreError>> + Send;
    /// Tells the number of the newest audit row whenever there is one.
    fn newest_audit(&self) -> tokio::sync::watch::Receiver<i64>;
    /// Whether the last write reached the disk.
    fn is_healthy(&self) -> bool;
    /// The run-time values of all switches: directory, user type, value.
    fn switches(&self) -> Vec<(String, String, StoredSwitch)> {
        Vec::new()
    }
    /// Takes over what comes from another gateway, in place of what is here under the same ids; the
    /// answer comes once it is on disk.
    fn import(&self, _import: Import) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Err(StoreError::Failed("nothing can be imported here".to_owned())) }
    }
    /// All that is on disk as it is at one moment, in a file of its own. Blocks.
    fn back_up(&self) -> Result<std::fs::File, StoreError> {
        Err(StoreError::Failed("this store cannot be backed up".to_owned()))
    }
}
