//! What the graph is made of: groups and users as the directory gives them.

use crate::domain::record::{Group, UpstreamId};
use crate::proto::dn::NormalizedDn;

/// What a member value names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemberKey {
    /// An entry, by its DN.
    Dn(NormalizedDn),
    /// A user, by a value of `uid`. The case counts: memberUid compares that way (RFC 2307).
    Uid(String),
}

/// A group, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupEntry {
    /// The group.
    pub group: Group,
    /// Its DN.
    pub dn: NormalizedDn,
    /// Whom it holds directly, in any order.
    pub members: Vec<MemberKey>,
}

/// A user, as far as a live copy keeps one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserEntry {
    /// The upstream id.
    pub id: UpstreamId,
    /// The DN.
    pub dn: NormalizedDn,
    /// The values of `uid` that groups may name it by; none where they name DNs alone.
    pub uids: Vec<String>,
    /// The digest of what a record takes from the entry.
    pub digest: u128,
}
