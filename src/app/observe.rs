//! What one sign-on learns from the directory: the user's entry, and the groups by a walk.

use super::ports::{LookupError, Lookups};
use crate::domain::identity;
use crate::domain::membership::MemberKey;
use crate::domain::membership::graph::ClosureLimits;
use crate::domain::observation::{Closure, Observed, ObservedEntry, UnknownReason};
use crate::domain::policy::GroupPolicy;
use crate::domain::record::Group;
use crate::domain::walk::{FoundGroup, Step, Walk, WalkLimits};
use crate::proto::ber::{self, SEQUENCE};
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::filter::Filter;
use crate::proto::oid;
use crate::proto::result::ResultCode;
use crate::proto::search::{Entry, Scope, Search};

/// How many groups one search of a walk asks about at most.
pub const BATCH: usize = 128;

/// Reads an entry by its DN, with `(objectClass=*)`: the policy is decided here, on what was read.
pub async fn entry<L: Lookups>(
    lookups: &L,
    name: &str,
    attributes: &[String],
) -> Observed<ObservedEntry> {
    let search = Search {
        base: name.to_owned(),
        scope: Scope::Base,
        filter: Filter::any_entry(),
        attributes: attributes.to_vec(),
        size_limit: 0,
        time_limit: 0,
        controls: Vec::new(),
    };
    let mut entries = match lookups.search(search).await {
        Ok(entries) => entries,
        // The bind succeeded, so the entry was there: a read that does not see it proves nothing.
        Err(LookupError::Result(ResultCode::NO_SUCH_OBJECT)) => {
            return Observed::Unknown(UnknownReason::NotOneEntry);
        }
        Err(error) => return Observed::Unknown(error.reason()),
    };
    let (Some(entry), true) = (entries.pop(), entries.is_empty()) else {
        return Observed::Unknown(UnknownReason::NotOneEntry);
    };
    match identity::upstream_id(&entry) {
        Ok(upstream_id) => Observed::Known(ObservedEntry { upstream_id, entry }),
        Err(reason) => Observed::Unknown(reason),
    }
}

/// The bounds of a closure in a live copy: the same as those of a walk.
pub fn closure_limits(policy: &GroupPolicy) -> ClosureLimits {
    ClosureLimits { max_depth: policy.max_depth, max_groups: policy.max_groups_per_user }
}

/// What groups may name a user by.
pub fn keys(dn: &NormalizedDn, uids: &[String]) -> Vec<MemberKey> {
    let uids = uids.iter().map(|uid| MemberKey::Uid(uid.clone()));
    std::iter::once(MemberKey::Dn(dn.clone())).chain(uids).collect()
}

/// Finds all groups of a user, direct and nested: one search a level and batch.
pub async fn groups<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    user: &DistinguishedName,
) -> Observed<Closure> {
    let limits = WalkLimits {
        max_depth: policy.max_depth,
        max_groups: policy.max_groups_per_user,
        batch: BATCH,
    };
    let mut walk = Walk::new(user, limits);
    loop {
        let asked = match walk.step() {
            Step::Ask(asked) => asked,
            Step::Done(closure) => return closure,
        };
        match ask(lookups, policy, &asked).await {
            Ok(found) => walk.feed(found),
            Err(reason) => return Observed::Unknown(reason),
        }
    }
}

async fn ask<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    asked: &[DistinguishedName],
) -> Result<Vec<FoundGroup>, UnknownReason> {
    let search = member_search(policy, asked);
    let entries = lookups.search(search).await.map_err(LookupError::reason)?;
    entries.iter().map(|entry| found_group(policy, asked, entry)).collect()
}

/// Every group that has one of `asked` as a member. If there are several, the members come back
/// too, to tell which; a server that knows matched values (RFC 3876) leaves the others out.
fn member_search(policy: &GroupPolicy, asked: &[DistinguishedName]) -> Search {
    let member = |dn: &DistinguishedName| Filter::equal(&policy.member_attribute, dn.as_str());
    let members: Vec<Filter> = asked.iter().map(member).collect();
    let mut attributes: Vec<String> =
        identity::ID_ATTRIBUTES.iter().map(|name| (*name).to_owned()).collect();
    attributes.push(policy.name_attribute.clone());
    let mut controls = Vec::new();
    if asked.len() > 1 {
        attributes.push(policy.member_attribute.clone());
        // The control trims every attribute (RFC 3876 section 2): ids and name are asked for too.
        let mut wanted = members.clone();
        wanted
            .extend(identity::ID_ATTRIBUTES.iter().map(|name| Filter::Present((*name).to_owned())));
        wanted.push(Filter::Present(policy.name_attribute.clone()));
        controls.push((oid::MATCHED_VALUES.to_vec(), matched_values(&wanted)));
    }
    let mut alternatives = members;
    let any_member = match alternatives.pop() {
        Some(only) if alternatives.is_empty() => only,
        Some(last) => {
            alternatives.push(last);
            Filter::Or(alternatives)
        }
        None => Filter::Or(Vec::new()),
    };
    Search {
        base: policy.base.as_str().to_owned(),
        scope: Scope::Subtree,
        filter: Filter::And(vec![policy.filter.clone(), any_member]),
        attributes,
        size_limit: 0,
        time_limit: 0,
        controls,
    }
}

/// The value of the matched values control (RFC 3876 section 2): a sequence of simple filters.
fn matched_values(members: &[Filter]) -> Vec<u8> {
    let mut value = Vec::new();
    ber::write_nested(&mut value, SEQUENCE, |out| {
        members.iter().for_each(|member| member.encode(out));
    });
    value
}

fn found_group(
    policy: &GroupPolicy,
    asked: &[DistinguishedName],
    entry: &Entry,
) -> Result<FoundGroup, UnknownReason> {
    let id = identity::upstream_id(entry)?;
    let dn = DistinguishedName::parse(&entry.dn).map_err(|_| UnknownReason::Malformed)?;
    let name = entry.text(&policy.name_attribute).unwrap_or(&entry.dn).to_owned();
    let members = match asked {
        [only] => vec![only.normalized().clone()],
        _ => members_of(policy, entry),
    };
    let group = Group { id, dn: entry.dn.clone(), name };
    Ok(FoundGroup { group, dn, members })
}

/// The members that are names; a value that is none (a placeholder) cannot be one that was asked.
fn members_of(policy: &GroupPolicy, entry: &Entry) -> Vec<NormalizedDn> {
    entry
        .values(&policy.member_attribute)
        .iter()
        .filter_map(|value| DistinguishedName::from_bytes(value).ok())
        .map(|dn| dn.normalized().clone())
        .collect()
}
