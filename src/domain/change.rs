//! The only way a record changes: in memory, in the store's replay, in tests.

use super::record::{Membership, MembershipKey, Record, RecordId, Route, UserKey};
use super::time::Timestamp;
use std::sync::Arc;

/// One step from a record to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The record comes into being: active, without attributes and memberships, version 0.
    Created {
        /// The new record's id.
        id: RecordId,
        /// Whose it is.
        key: UserKey,
        /// The user type that took the entry.
        user_type: Arc<str>,
        /// The user name.
        name: String,
        /// The DN.
        dn: String,
        /// When.
        at: Timestamp,
    },
    /// Another user type takes the entry now.
    TypeChanged(Arc<str>),
    /// The user name is another.
    Renamed(String),
    /// The DN is another.
    Moved(String),
    /// The name for people is another.
    DisplayNamed(Option<String>),
    /// An attribute has these values now; an empty list takes the attribute away.
    AttributeSet {
        /// The local name.
        name: String,
        /// The values, in the directory's order.
        values: Vec<Vec<u8>>,
    },
    /// A membership begins.
    MembershipAdded {
        /// Which.
        key: MembershipKey,
        /// What is kept of it.
        membership: Membership,
    },
    /// A membership's way is another; since when it holds stays.
    MembershipRerouted {
        /// Which.
        key: MembershipKey,
        /// The way now.
        route: Route,
    },
    /// A membership ends.
    MembershipRemoved {
        /// Which.
        key: MembershipKey,
    },
}

/// A change that does not fit the record: a fault of ours, never of a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("change does not fit the record: {0}")]
pub struct Misfit(pub &'static str);

/// Applies changes one after another; none of them touches the version.
pub fn apply(_record: Option<Record>, _changes: &[Change]) -> Result<Option<Record>, Misfit> {
    todo!()
}
