//! Observation, record, policy and time in; the changes that bring the record up to date out.

use super::change::Change;
use super::observation::Observation;
use super::policy::{Switch, UserType};
use super::record::{Group, Record, RecordId, UpstreamId, UserKey};
use super::time::Timestamp;

/// What the gateway already keeps of the directory's groups.
pub trait KnownGroups {
    /// Whether exactly this group, with this DN and name, is kept.
    fn holds(&self, group: &Group) -> bool;
    /// Whether a group of this id is kept, whatever its name.
    fn contains(&self, id: &UpstreamId) -> bool;
}

/// All that a plan depends on.
pub struct Question<'a> {
    /// The record, if there is one.
    pub record: Option<&'a Record>,
    /// Whose it is or will be.
    pub key: &'a UserKey,
    /// What was learnt.
    pub observation: &'a Observation,
    /// The user type that takes the entry.
    pub user_type: &'a UserType,
    /// The switch as it stands now: run-time value over file.
    pub update_on_sign_on: Switch,
    /// The groups that are kept already.
    pub groups: &'a dyn KnownGroups,
    /// The id to give to a new record.
    pub new_id: &'a RecordId,
    /// Now.
    pub now: Timestamp,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The record's changes, in order; empty if it is up to date.
    pub changes: Vec<Change>,
    /// Groups that are new, renamed or moved.
    pub groups: Vec<Group>,
}

impl Plan {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.groups.is_empty()
    }
}

/// Why a user who signed on gets no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// The user name's attribute has no value, several, or one that is not text.
    #[error("the entry has no single user name")]
    NoUserName,
    /// `create` is off and there is no record.
    #[error("records are not made for this user type")]
    NotCreated,
}

/// The changes that bring the record up to date: a total, pure function.
pub fn plan(_question: &Question<'_>) -> Result<Plan, NoPlan> {
    todo!()
}
