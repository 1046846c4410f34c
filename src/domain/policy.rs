//! What the configuration says about the users of a directory.

use super::membership::MemberAttribute;
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use std::sync::Arc;

/// When the directory's groups are taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupSync {
    /// At every sign-on.
    Always,
    /// When the record is made, and not later.
    FirstSignOn,
    /// Not at all.
    Never,
}

/// What happens to a bind whose observation is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnknown {
    /// The answer stays as it is.
    Keep,
    /// The answer is unavailable.
    Deny,
}

/// How groups are flattened for those who read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flatten {
    /// The groups that hold the user.
    Direct,
    /// All groups of the closure.
    Ancestors,
    /// Up to this many levels above the direct group.
    Depth(usize),
    /// Groups of the closure below which no other group of it lies.
    Leaf,
    /// The groups that a mapping names.
    Mapped,
}

/// Whether a stored run-time value stands over the file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// Records follow the directory at every sign-on.
    On,
    /// Records are made at the first sign-on and then left alone.
    Off,
}

impl Switch {
    /// `On` for true.
    pub fn from_bool(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }

    /// Whether this is `On`.
    pub fn is_on(self) -> bool {
        self == Self::On
    }
}

/// An attribute that a record keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeMapping {
    /// The name in the record.
    pub local: String,
    /// The attribute description in the directory.
    pub upstream: String,
}

/// Which entries are users of one kind, and what applies to them.
#[derive(Debug, Clone)]
pub struct UserType {
    /// The name, unique in its directory.
    pub name: Arc<str>,
    /// Entries at or below this are candidates.
    pub base: DistinguishedName,
    /// Entries that match this are taken.
    pub filter: Filter,
    /// The attribute that holds the user name.
    pub username: String,
    /// The attributes that a record keeps.
    pub attributes: Vec<AttributeMapping>,
    /// The file's value of the switch.
    pub update_on_sign_on: Switch,
    /// When groups are taken over.
    pub groups: GroupSync,
    /// What happens to a bind whose observation is unknown.
    pub on_unknown: OnUnknown,
    /// Whether a first sign-on makes a record.
    pub create: bool,
}

/// What a live copy of a directory holds, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaPolicy {
    /// Groups, and users unless they are more than this.
    Auto(usize),
    /// Groups alone.
    Groups,
    /// Groups and users.
    GroupsAndUsers,
}

/// How the groups of a user are asked for, as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolve {
    /// As the directory does it best.
    Auto,
    /// In a live copy, and by the member walk while that is not fresh.
    Replica,
    /// By the member walk.
    Walk,
    /// By `memberOf`.
    MemberOf,
}

/// A user whose groups are known, and who is looked at from time to time (rule K5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// The user.
    pub user: DistinguishedName,
    /// Groups that the user is in; without any, one group is enough.
    pub groups: Vec<DistinguishedName>,
    /// How long one look counts.
    pub interval: std::time::Duration,
}

/// How the groups of a directory are found.
#[derive(Debug, Clone)]
pub struct GroupPolicy {
    /// Where the groups are.
    pub base: DistinguishedName,
    /// Which entries there are groups.
    pub filter: Filter,
    /// The attributes that name the members; at least one.
    pub member_attributes: Vec<MemberAttribute>,
    /// The attribute that holds a group's name.
    pub name_attribute: String,
    /// The most levels that a walk follows; what lies beyond makes it unknown.
    pub max_depth: usize,
    /// The most groups of one user; more makes the observation unknown.
    pub max_groups_per_user: usize,
    /// The most bytes of one search's filter in a walk.
    pub max_filter_size: usize,
    /// How groups are flattened for readers.
    pub flatten: Flatten,
    /// How they are asked for.
    pub resolve: Resolve,
    /// Who shows that the service account still sees groups.
    pub canary: Option<Canary>,
    /// What is held in memory; `None` for nothing.
    pub replica: Option<ReplicaPolicy>,
    /// The longest wait before a live copy is tried again.
    pub max_replica_pause: std::time::Duration,
    /// The most names in a live copy: of groups, of users, and of members that are neither.
    pub max_replica_names: usize,
}

/// One directory as the rules see it.
#[derive(Debug, Clone)]
pub struct DirectoryPolicy {
    /// The configured name.
    pub name: Arc<str>,
    /// The suffixes that lead here.
    pub suffixes: Vec<DistinguishedName>,
    /// Where names that no suffix holds go.
    pub is_default: bool,
    /// The service account's DN: it is never a user.
    pub service_account: DistinguishedName,
    /// How groups are found; `None` if the directory has no group section.
    pub groups: Option<GroupPolicy>,
    /// The user types, in order: the first that matches an entry wins.
    pub user_types: Vec<UserType>,
}
