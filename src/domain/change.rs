//! The only way a record changes: in memory, in the store's replay, in tests.
//!
//! What a change says of itself never holds an attribute's value: it goes into the audit.

use super::policy::Switch;
use super::record::{
    Attributes, InactiveReason, Membership, MembershipKey, Memberships, Record, RecordId, Route,
    UserKey,
};
use super::time::Timestamp;
use std::collections::BTreeSet;
use std::fmt;
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
        /// The values, sorted: they are a set, whose order a directory need not repeat (RFC 4511
        /// section 4.1.7).
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
    /// A membership does not count until an admin confirms it, or was confirmed.
    MembershipReview {
        /// Which.
        key: MembershipKey,
        /// Whether it is in review now.
        in_review: bool,
    },
    /// Something makes the record inactive, beside what already does.
    Deactivated {
        /// What.
        reason: InactiveReason,
        /// Since when.
        at: Timestamp,
    },
    /// What made the record inactive does not hold any more; other reasons may.
    ReasonLifted(InactiveReason),
    /// The user name that the directory gives is another record's; `None` if it is not any more.
    Collided(Option<String>),
    /// An admin gave a name for people, or took it back.
    LocallyNamed(Option<String>),
    /// An admin said whether this record follows the directory, or took that back.
    SwitchSet(Option<Switch>),
}

/// A change that does not fit the record: a fault of ours, never of a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("change does not fit the record: {0}")]
pub struct Misfit(pub &'static str);

/// Applies changes one after another; none of them touches the version.
///
/// No record and no changes give no record. The first change that does not fit ends it: the caller
/// then keeps what it had, for nothing is applied by halves.
pub fn apply(record: Option<Record>, changes: &[Change]) -> Result<Option<Record>, Misfit> {
    changes.iter().try_fold(record, apply_one)
}

impl fmt::Display for Change {
    /// One line for the audit: names are quoted with everything odd escaped, attribute values and
    /// the name for people are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created { user_type, name, dn, .. } => {
                write!(f, "created as {user_type:?}: name {name:?}, dn {dn:?}")
            }
            Self::TypeChanged(user_type) => write!(f, "user type is {user_type:?}"),
            Self::Renamed(name) => write!(f, "name is {name:?}"),
            Self::Moved(dn) => write!(f, "dn is {dn:?}"),
            Self::DisplayNamed(Some(_)) => f.write_str("display name set"),
            Self::DisplayNamed(None) => f.write_str("display name taken away"),
            Self::AttributeSet { name, values } if values.is_empty() => {
                write!(f, "attribute {name:?} taken away")
            }
            Self::AttributeSet { name, values } => {
                write!(f, "attribute {name:?} set, values: {}", values.len())
            }
            Self::MembershipAdded { key, membership } => {
                write!(f, "added to {key} at depth {}", membership.route.depth())?;
                membership.until.map_or(Ok(()), |_| f.write_str(", for a time"))
            }
            Self::MembershipRerouted { key, route } => {
                write!(f, "another way to {key}, at depth {}", route.depth())
            }
            Self::MembershipRemoved { key } => write!(f, "removed from {key}"),
            Self::MembershipReview { key, in_review: true } => write!(f, "in review: {key}"),
            Self::MembershipReview { key, in_review: false } => write!(f, "confirmed: {key}"),
            Self::Deactivated { reason, .. } => write!(f, "inactive by {}", reason.name()),
            Self::ReasonLifted(reason) => write!(f, "no longer inactive by {}", reason.name()),
            Self::Collided(Some(name)) => write!(f, "name {name:?} is another record's"),
            Self::Collided(None) => f.write_str("no collision of names any more"),
            Self::LocallyNamed(Some(_)) => f.write_str("local display name set"),
            Self::LocallyNamed(None) => f.write_str("local display name taken away"),
            Self::SwitchSet(value) => write!(f, "update-on-sign-on is {}", switch_name(*value)),
        }
    }
}

impl fmt::Display for MembershipKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group {:?} ({})", self.group.as_str(), self.provenance.name())
    }
}

/// A switch that may be set: `on`, `off` or `default`.
pub fn switch_name(value: Option<Switch>) -> &'static str {
    match value {
        Some(Switch::On) => "on",
        Some(Switch::Off) => "off",
        None => "default",
    }
}

fn apply_one(record: Option<Record>, change: &Change) -> Result<Option<Record>, Misfit> {
    let Some(mut record) = record else {
        return create(change).map(Some);
    };
    match change {
        Change::Created { .. } => return Err(Misfit("the record is there already")),
        Change::TypeChanged(user_type) => record.user_type = user_type.clone(),
        Change::Renamed(name) => record.name.clone_from(name),
        Change::Moved(dn) => record.dn.clone_from(dn),
        Change::DisplayNamed(name) => record.display_name.clone_from(name),
        Change::AttributeSet { name, values } => set_attribute(&mut record, name, values)?,
        Change::MembershipAdded { key, membership } => {
            if record.memberships.insert(key.clone(), membership.clone()).is_some() {
                return Err(Misfit("the membership is there already"));
            }
        }
        Change::MembershipRerouted { key, route } => {
            let membership = record.memberships.get_mut(key);
            membership.ok_or(Misfit("no membership to reroute"))?.route = route.clone();
        }
        Change::MembershipRemoved { key } => {
            record.memberships.remove(key).ok_or(Misfit("no membership to remove"))?;
        }
        Change::MembershipReview { key, in_review } => {
            let membership = record.memberships.get_mut(key);
            membership.ok_or(Misfit("no membership to review"))?.in_review = *in_review;
        }
        Change::Deactivated { reason, at } => deactivate(&mut record, *reason, *at)?,
        Change::ReasonLifted(reason) => lift(&mut record, *reason)?,
        Change::Collided(name) => record.collision.clone_from(name),
        Change::LocallyNamed(name) => record.local_name.clone_from(name),
        Change::SwitchSet(value) => record.switch = *value,
    }
    Ok(Some(record))
}

fn create(change: &Change) -> Result<Record, Misfit> {
    let Change::Created { id, key, user_type, name, dn, at } = change else {
        return Err(Misfit("there is no record yet"));
    };
    Ok(Record {
        id: id.clone(),
        key: key.clone(),
        user_type: user_type.clone(),
        name: name.clone(),
        dn: dn.clone(),
        display_name: None,
        local_name: None,
        switch: None,
        attributes: Attributes::new(),
        inactive: BTreeSet::new(),
        missing_since: None,
        collision: None,
        memberships: Memberships::new(),
        created_at: *at,
        version: 0,
    })
}

fn deactivate(record: &mut Record, reason: InactiveReason, at: Timestamp) -> Result<(), Misfit> {
    if !record.inactive.insert(reason) {
        return Err(Misfit("the reason is there already"));
    }
    if reason == InactiveReason::Missing {
        record.missing_since = Some(at);
    }
    Ok(())
}

fn lift(record: &mut Record, reason: InactiveReason) -> Result<(), Misfit> {
    if !record.inactive.remove(&reason) {
        return Err(Misfit("no reason to lift"));
    }
    if reason == InactiveReason::Missing {
        record.missing_since = None;
    }
    Ok(())
}

fn set_attribute(record: &mut Record, name: &str, values: &[Vec<u8>]) -> Result<(), Misfit> {
    if values.is_empty() {
        record.attributes.remove(name).ok_or(Misfit("no attribute to take away"))?;
    } else {
        record.attributes.insert(name.to_owned(), values.to_vec());
    }
    Ok(())
}
