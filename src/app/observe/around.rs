//! The groups right around one, where no live copy has them: read from the directory for somebody who
//! looks, within bounds.

use super::member_of::MEMBER_OF;
use super::members::{found_group, group_at, holding, members_at, naming_attributes};
use super::read_each;
use crate::app::ports::{LookupError, Lookups};
use crate::domain::membership::graph::Beside;
use crate::domain::membership::{Member, MemberKey};
use crate::domain::observation::UnknownReason;
use crate::domain::policy::GroupPolicy;
use crate::domain::record::Group;
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::proto::search::{Scope, Search};

/// The most members of a group that are looked at one by one; of one that lists more, those are asked
/// for whose `memberOf` says that they are in it.
const MAX_LOOKED_AT: usize = 200;

/// The groups right around one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Around {
    /// They.
    pub beside: Beside,
    /// Whether those below are all that there are: `memberOf` may not list every one.
    pub is_complete: bool,
}

/// The groups that the group of that name lists, and those that list it, as the directory says now.
pub async fn around<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    name: &DistinguishedName,
) -> Result<Around, UnknownReason> {
    let above = holding(lookups, policy, &[Member::by_dn(name.clone())]).await?;
    let above = above.into_iter().map(|found| found.group).collect();
    let lists = members_at(lookups, policy, name).await?.ok_or(UnknownReason::NotOneEntry)?;
    let named = lists.members.iter().filter_map(|member| match member {
        MemberKey::Dn(member) => DistinguishedName::parse(member.as_str()).ok(),
        MemberKey::Uid(_) => None,
    });
    // What lies elsewhere is no group.
    let named: Vec<_> = named.filter(|member| member.is_within(&policy.base)).collect();
    let is_complete = named.len() <= MAX_LOOKED_AT;
    let below = match is_complete {
        true => groups_of(lookups, policy, &named).await?,
        false => saying_so(lookups, policy, name).await?,
    };
    Ok(Around { beside: Beside { below, above }, is_complete })
}

/// Those of the names that are groups'.
async fn groups_of<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    names: &[DistinguishedName],
) -> Result<Vec<Group>, UnknownReason> {
    let found = read_each(names, |name| {
        let (lookups, policy) = (lookups.clone(), policy.clone());
        async move {
            match group_at(&lookups, &policy, &name).await {
                Err(reason) if is_no_group(reason) => Ok(None),
                found => found.map(Some),
            }
        }
    });
    Ok(found.await?.into_iter().flatten().collect())
}

/// Whether a name leads to no group, or to none that the gateway may read.
fn is_no_group(reason: UnknownReason) -> bool {
    matches!(reason, UnknownReason::NotOneEntry | UnknownReason::NoSuchBase)
}

/// The groups whose `memberOf` says that they are in that one.
async fn saying_so<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    name: &DistinguishedName,
) -> Result<Vec<Group>, UnknownReason> {
    let is_in = Filter::equal(MEMBER_OF, name.as_str());
    let search = Search {
        base: policy.base.as_str().to_owned(),
        scope: Scope::Subtree,
        filter: Filter::And(vec![policy.filter.clone(), is_in]),
        attributes: naming_attributes(policy),
        size_limit: 0,
        time_limit: 0,
        controls: Vec::new(),
    };
    let entries = lookups.search(search).await.map_err(LookupError::reason)?;
    entries.iter().map(|entry| Ok(found_group(policy, entry)?.group)).collect()
}
