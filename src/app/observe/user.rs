//! Looks for a user by upstream id, and whether an attribute may be read at all.

use crate::app::ports::{LookupError, Lookups};
use crate::domain::identity;
use crate::domain::observation::{Observed, ObservedEntry, UnknownReason};
use crate::domain::policy::{DirectoryPolicy, UserType};
use crate::domain::record::UpstreamId;
use crate::domain::sid::{OBJECT_SID, Sid, sid_of};
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::proto::oid;
use crate::proto::search::{Entry, Scope, Search};

/// The entry that bears an upstream id, wherever it is under the directory's suffixes; known to be
/// gone only if every search ended well and other users can be seen: an account that sees nobody
/// any more would take everybody for gone (rule K5).
pub async fn user_of_id<L: Lookups>(
    lookups: &L,
    policy: &DirectoryPolicy,
    id: &UpstreamId,
    attributes: &[String],
) -> Observed<Option<ObservedEntry>> {
    match find(lookups, policy, id, attributes).await {
        Ok(found) => Observed::Known(found),
        Err(reason) => Observed::Unknown(reason),
    }
}

async fn find<L: Lookups>(
    lookups: &L,
    policy: &DirectoryPolicy,
    id: &UpstreamId,
    attributes: &[String],
) -> Result<Option<ObservedEntry>, UnknownReason> {
    let filter = identity::bears_id(id);
    let mut found: Vec<Entry> = Vec::new();
    for suffix in &policy.suffixes {
        let search = subtree(suffix.as_str(), filter.clone(), attributes.to_vec(), 0);
        found.extend(lookups.search(search).await.map_err(LookupError::reason)?);
    }
    // Suffixes that lie within one another show an entry twice.
    found.dedup_by(|left, right| left.dn == right.dn);
    let mut bearers = Vec::new();
    for entry in found {
        let bears = identity::upstream_id(&entry)?;
        if bears == *id {
            bearers.push(ObservedEntry { upstream_id: bears, entry });
        }
    }
    match (bearers.pop(), bearers.is_empty()) {
        (Some(entry), true) => Ok(Some(entry)),
        (Some(_), false) => Err(UnknownReason::NotOneEntry),
        (None, _) if sees_users(lookups, policy).await? => Ok(None),
        (None, _) => Err(UnknownReason::Visibility),
    }
}

/// The name of the entry that bears a security identifier, if it is exactly one.
pub async fn entry_of_sid<L: Lookups>(
    lookups: &L,
    policy: &DirectoryPolicy,
    sid: &Sid,
) -> Observed<Option<DistinguishedName>> {
    let mut found: Vec<DistinguishedName> = Vec::new();
    for suffix in &policy.suffixes {
        let filter = Filter::equal(OBJECT_SID, sid.as_bytes());
        let mut search = subtree(suffix.as_str(), filter, vec![OBJECT_SID.to_owned()], 0);
        // Who has such identifiers is Active Directory, which refers to its other parts.
        search.controls.push((oid::DOMAIN_SCOPE.to_vec(), Vec::new()));
        let entries = match lookups.search(search).await {
            Ok(entries) => entries,
            Err(error) => return Observed::Unknown(error.reason()),
        };
        for entry in entries.iter().filter(|entry| sid_of(entry).as_ref() == Some(sid)) {
            match DistinguishedName::parse(&entry.dn) {
                // Suffixes that lie within one another show an entry twice.
                Ok(name) if found.contains(&name) => {}
                Ok(name) => found.push(name),
                Err(_) => return Observed::Unknown(UnknownReason::Malformed),
            }
        }
    }
    match (found.pop(), found.is_empty()) {
        (name, true) => Observed::Known(name),
        (_, false) => Observed::Unknown(UnknownReason::NotOneEntry),
    }
}

/// Whether the service account sees any user at this time.
async fn sees_users<L: Lookups>(
    lookups: &L,
    policy: &DirectoryPolicy,
) -> Result<bool, UnknownReason> {
    for user_type in &policy.user_types {
        let base = user_type.base.as_str();
        let search = subtree(base, user_type.filter.clone(), vec!["1.1".to_owned()], 1);
        if !lookups.search(search).await.map_err(LookupError::reason)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the service account is seen to be able to read an attribute: somebody of the user type
/// shows it.
pub async fn is_readable<L: Lookups>(lookups: &L, user_type: &UserType, attribute: &str) -> bool {
    let filter = Filter::And(vec![user_type.filter.clone(), Filter::Present(attribute.to_owned())]);
    let search = subtree(user_type.base.as_str(), filter, vec![attribute.to_owned()], 1);
    let shown = lookups.search(search).await.unwrap_or_default();
    shown.iter().any(|entry| !entry.values(attribute).is_empty())
}

fn subtree(base: &str, filter: Filter, attributes: Vec<String>, size_limit: u32) -> Search {
    Search {
        base: base.to_owned(),
        scope: Scope::Subtree,
        filter,
        attributes,
        size_limit,
        time_limit: 0,
        controls: Vec::new(),
    }
}
