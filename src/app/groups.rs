//! Groups as an administrator looks at them: who is in one and why, by which ways one is reached, and
//! groups of the gateway's own.

use super::audit::{AuditEntry, AuditFilter, AuditOrder};
use super::ports::{Catalogue, Clock, StoreError, Stored};
use crate::domain::record::{Group, MembershipKey, Provenance, Record, UpstreamId, UserKey};
use crate::domain::time::Timestamp;
use crate::proto::dn::DistinguishedName;
use std::collections::BTreeSet;
use std::sync::Arc;
use thiserror::Error;

/// How many records are gone through before others have their turn.
const AT_ONCE: usize = 500;
/// The most ways to a group that are looked at.
const MAX_WAYS: usize = 64;
/// How many rows of the audit about a user are looked at for the way that once led to a group.
const MAX_ROWS: usize = 200;
/// What stands before the id of a group of the gateway's own.
pub const OWN: &str = "own:";

/// A group that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The directory.
    pub directory: Arc<str>,
    /// The group.
    pub group: Arc<Group>,
    /// How many are in it effectively.
    pub members: usize,
}

impl Listed {
    /// Whether it is one of the gateway's own.
    pub fn is_own(&self) -> bool {
        self.group.id.as_str().starts_with(OWN)
    }
}

/// Why a group was not made or taken away.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GroupError {
    /// A name that cannot be one.
    #[error("{0:?} cannot be a group's name")]
    BadName(String),
    /// It is there already.
    #[error("there is a group {0:?} already")]
    Exists(String),
    /// It is the directory's.
    #[error("{0:?} is a group of the directory")]
    NotOwn(String),
    /// Somebody has a row of it.
    #[error("there are still {0} users with a membership or a pin of it")]
    InUse(usize),
    /// The store did not take it; nothing has changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All groups that are kept, ordered by directory, name and id.
pub fn list(catalogue: &impl Catalogue) -> Vec<Listed> {
    let mut all: Vec<_> =
        catalogue.groups().into_iter().map(|row| listed(catalogue, row)).collect();
    all.sort_by_cached_key(|listed| {
        let group = &listed.group;
        (listed.directory.clone(), group.name.to_lowercase(), group.id.clone())
    });
    all
}

fn listed(catalogue: &impl Catalogue, (directory, group): (Arc<str>, Arc<Group>)) -> Listed {
    let members = catalogue.counted_in(&directory, &group.id);
    Listed { directory, group, members }
}

/// The groups that a reference leads to: a name, `DIRECTORY/NAME`, `dn:DN` or `id:UPSTREAM-ID`; of
/// one directory or of all.
pub fn resolve(
    catalogue: &impl Catalogue,
    directory: Option<&str>,
    reference: &str,
) -> Vec<Listed> {
    let is_named = |name: &str, group: &Group| group.name.to_lowercase() == name.to_lowercase();
    let dn = reference.strip_prefix("dn:").map(DistinguishedName::parse);
    let id = reference.strip_prefix("id:");
    let fits = |of: &str, group: &Group| match (&dn, id) {
        (Some(dn), _) => {
            dn.as_ref().is_ok_and(|dn| DistinguishedName::parse(&group.dn).as_ref() == Ok(dn))
        }
        (None, Some(id)) => group.id.as_str() == id,
        (None, None) => {
            let part = reference.strip_prefix(of).and_then(|rest| rest.strip_prefix('/'));
            is_named(reference, group) || part.is_some_and(|name| is_named(name, group))
        }
    };
    let mut found = list(catalogue);
    found.retain(|listed| {
        directory.is_none_or(|name| name == &*listed.directory)
            && fits(&listed.directory, &listed.group)
    });
    found
}

/// A user with the rows that there are of a group.
#[derive(Debug, Clone)]
pub struct Member {
    /// The user.
    pub stored: Stored,
    /// The rows.
    pub rows: Vec<MembershipKey>,
}

/// Those who have a row of a group, ordered by record id: a page after `cursor`.
pub async fn members(
    catalogue: &impl Catalogue,
    directory: &str,
    group: &UpstreamId,
    cursor: Option<&str>,
    limit: usize,
) -> (Vec<Member>, Option<String>) {
    let mut found = Vec::new();
    let mut cursor = cursor.map(str::to_owned);
    loop {
        let page = catalogue.list(cursor.as_deref(), AT_ONCE);
        for stored in page.items {
            let rows = rows_of(&stored.record, directory, group);
            if rows.is_empty() {
                continue;
            }
            if found.len() == limit {
                let last: Option<&Member> = found.last();
                let next = last.map(|member| member.stored.record.id.0.to_string());
                return (found, next);
            }
            found.push(Member { stored, rows });
        }
        cursor = page.next;
        if cursor.is_none() {
            return (found, None);
        }
        tokio::task::yield_now().await;
    }
}

fn rows_of(record: &Record, directory: &str, group: &UpstreamId) -> Vec<MembershipKey> {
    if *record.key.directory != *directory {
        return Vec::new();
    }
    let key = |provenance| MembershipKey { group: group.clone(), provenance };
    let keys = Provenance::ALL.into_iter().map(key);
    keys.filter(|key| record.memberships.contains_key(key)).collect()
}

/// When a user was in a group last, by what the directory said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// When that ended.
    pub at: Timestamp,
    /// Why: the cause of the row.
    pub cause: &'static str,
    /// The way that led there.
    pub way: Vec<UpstreamId>,
}

/// What is known of how one comes into a group.
#[derive(Debug, Clone, Default)]
pub struct Ways {
    /// When the user was in it last.
    pub left: Option<Left>,
    /// Ways that lead there, the user's own first.
    pub all: Vec<Vec<UpstreamId>>,
}

/// Ways by which somebody is in a group from the directory, or by which this user once was.
pub async fn ways(
    catalogue: &impl Catalogue,
    user: &UserKey,
    group: &UpstreamId,
) -> Result<Ways, StoreError> {
    let mut ways = BTreeSet::new();
    let filter = AuditFilter { user: Some(user.clone()), ..AuditFilter::default() };
    let rows = catalogue.audit_rows(filter, AuditOrder::Before(None), MAX_ROWS).await?;
    let left = rows.items.iter().find_map(|row| {
        let way = row.steps.iter().rev().find_map(|step| step.ended(group))?;
        Some(Left { at: row.at, cause: row.cause, way })
    });
    let own: Vec<_> = left.iter().map(|left| left.way.clone()).collect();
    let managed = MembershipKey { group: group.clone(), provenance: Provenance::Managed };
    let mut cursor: Option<String> = None;
    loop {
        let page = catalogue.list(cursor.as_deref(), AT_ONCE);
        for stored in &page.items {
            if stored.record.key.directory != user.directory || stored.record.key == *user {
                continue;
            }
            if let Some(row) = stored.record.memberships.get(&managed) {
                ways.insert(row.route.path.clone());
            }
        }
        cursor = page.next;
        if cursor.is_none() || ways.len() >= MAX_WAYS {
            let ways = ways.iter().map(|way| way.to_vec());
            let all = own.into_iter().chain(ways).take(MAX_WAYS).collect();
            return Ok(Ways { left, all });
        }
        tokio::task::yield_now().await;
    }
}

/// Makes a group of the gateway's own in the name of `who`.
pub async fn create(
    catalogue: &impl Catalogue,
    clock: &impl Clock,
    directory: &str,
    name: &str,
    who: &str,
) -> Result<Listed, GroupError> {
    let group = own(name).ok_or_else(|| GroupError::BadName(name.to_owned()))?;
    if catalogue.group(directory, &group.id).is_some() {
        return Err(GroupError::Exists(name.to_owned()));
    }
    let row = AuditEntry::new(clock.now(), "admin", who, "group-created");
    let audit = row.saying(format!("{directory}: group {name:?}, id {:?}", group.id.as_str()));
    catalogue.set_group(directory, &group.id, Some(group.clone()), audit).await?;
    Ok(listed(catalogue, (Arc::from(directory), Arc::new(group))))
}

/// Keeps a group of the directory in the name of `who`, so that sign-ons take it over also where they
/// make none.
pub async fn keep(
    catalogue: &impl Catalogue,
    clock: &impl Clock,
    directory: &str,
    group: Group,
    who: &str,
) -> Result<Listed, GroupError> {
    if catalogue.group(directory, &group.id).is_some() {
        return Err(GroupError::Exists(group.dn));
    }
    let row = AuditEntry::new(clock.now(), "admin", who, "group-created");
    let audit =
        row.saying(format!("{directory}: group {:?} is kept, dn {:?}", group.name, group.dn));
    catalogue.set_group(directory, &group.id, Some(group.clone()), audit).await?;
    Ok(listed(catalogue, (Arc::from(directory), Arc::new(group))))
}

/// Takes a group of the gateway's own away in the name of `who`, if nobody has a row of it.
pub async fn delete(
    catalogue: &impl Catalogue,
    clock: &impl Clock,
    listed: &Listed,
    who: &str,
) -> Result<(), GroupError> {
    let Listed { directory, group, .. } = listed;
    if !listed.is_own() {
        return Err(GroupError::NotOwn(group.name.clone()));
    }
    let (members, more) = members(catalogue, directory, &group.id, None, AT_ONCE).await;
    if !members.is_empty() {
        return Err(GroupError::InUse(members.len() + usize::from(more.is_some())));
    }
    let row = AuditEntry::new(clock.now(), "admin", who, "group-deleted");
    let audit = row.saying(format!("{directory}: group {:?}", group.name));
    Ok(catalogue.set_group(directory, &group.id, None, audit).await?)
}

/// A group of the gateway's own of that name: the same that a configuration means by `cn=NAME`.
fn own(name: &str) -> Option<Group> {
    if name.trim() != name || name.is_empty() || name.len() > 256 || name.contains('\0') {
        return None;
    }
    let escaped: String = name.chars().map(escape).collect();
    let dn = DistinguishedName::parse(&format!("cn={escaped}")).ok()?;
    let id = UpstreamId::new(&format!("{OWN}{}", dn.normalized().as_str()));
    Some(Group { id, dn: dn.as_str().to_owned(), name: name.to_owned() })
}

/// A character of an attribute value in a DN (RFC 4514 section 2.4).
fn escape(c: char) -> String {
    match c {
        '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' | '#' => format!("\\{c}"),
        other => other.to_string(),
    }
}
