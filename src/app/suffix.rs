//! The records' own suffix: kept as the records are, and read by whom may read it.
//!
//! The store tells of each change behind its commit and before it is answered: a search that follows
//! a sign-on sees what that wrote. The directory is asked nothing, so that whoever is bound is
//! answered also while it is down.

use super::ports::RecordsFollower;
use crate::domain::policy::DirectoryPolicy;
use crate::domain::record::{Group, Record, UpstreamId, UserKey};
use crate::domain::session::{BoundName, Session};
use crate::domain::suffix::{Layout, Model, Policy};
use crate::domain::time::Timestamp;
use crate::proto::dn::DistinguishedName;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The suffix.
pub struct Suffix {
    policy: Policy,
    model: RwLock<Model>,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Suffix {
    /// One without anybody; `now` says what time it is.
    pub fn new(
        policy: Policy,
        directories: &[Arc<DirectoryPolicy>],
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        let model = RwLock::new(Model::new(&policy, directories, now()));
        Self { policy, model, now: Box::new(now) }
    }

    /// What applies.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The names.
    pub fn layout(&self) -> &Layout {
        &self.policy.layout
    }

    /// Everybody who is in it. Whoever holds this keeps the store from its next commit, so it is held
    /// for one step of a search at most.
    pub fn model(&self) -> RwLockReadGuard<'_, Model> {
        self.model.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a session may read the suffix (rule S10.4): as a reader, or as a user who is in a group
    /// of readers at this moment. Nobody may who is not bound, or whose record is inactive.
    pub fn may_read(&self, session: &Session) -> bool {
        let Session::Bound(BoundName(name)) = session else { return false };
        let Ok(name) = DistinguishedName::from_bytes(name) else { return false };
        let (readers, model) = (&self.policy.readers, self.model());
        let is_named = readers.contains(&name) && model.is_active(&name);
        !name.is_root() && (is_named || model.is_in_one(&name, readers))
    }

    /// The name in its directory of whoever is called so here.
    pub fn upstream_name(&self, name: &[u8]) -> Option<String> {
        let name = DistinguishedName::from_bytes(name).ok()?;
        if !name.is_within(self.layout().suffix()) {
            return None;
        }
        self.model().upstream_name(&name).map(str::to_owned)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Model> {
        self.model.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RecordsFollower for Suffix {
    fn record(&self, record: &Arc<Record>) {
        let now = (self.now)();
        self.change().put_record(record.clone(), now);
    }

    fn record_gone(&self, key: &UserKey) {
        let now = (self.now)();
        self.change().remove_record(key, now);
    }

    fn group(&self, directory: &Arc<str>, group: &Arc<Group>) {
        let now = (self.now)();
        self.change().put_group(directory, group.clone(), now);
    }

    fn group_gone(&self, directory: &str, id: &UpstreamId) {
        self.change().remove_group(directory, id);
    }
}

impl fmt::Debug for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suffix").field("policy", &self.policy).finish_non_exhaustive()
    }
}
