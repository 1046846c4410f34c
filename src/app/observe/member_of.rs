//! Groups by `memberOf`, as the directory keeps it or computes it.
//!
//! The walk ends with the closure of the member walk on the same data (for `memberOf` that lists
//! nested groups too see [`super::hinted`]). Whether a directory's `memberOf` can be used at all is found out by [`super::probe`], and what it does not list is
//! asked for by members before anything is taken away (see [`super::Finder`]).

use super::members::{found_group, holding, naming_attributes};
use super::{base_search, limits, ranges, read, read_each};
use crate::app::ports::{LookupError, Lookups};
use crate::domain::membership::{Member, MemberKey, MemberRule};
use crate::domain::observation::{Closure, Observed, UnknownReason};
use crate::domain::policy::GroupPolicy;
use crate::domain::walk::{FoundGroup, Step, Walk};
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::result::ResultCode;
use crate::proto::search::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// The attribute that lists the groups that an entry is in.
pub(super) const MEMBER_OF: &str = "memberOf";

/// The walk by `memberOf` where it lists the groups that hold an entry directly: that of the user,
/// then that of those groups, level by level.
pub(super) async fn walk<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    user: &Member,
) -> Observed<Closure> {
    let mut walk = Walk::new(user, limits(policy));
    let mut library = Library::default();
    loop {
        let asked = match walk.step() {
            Step::Ask(asked) => asked,
            Step::Done(closure) => return closure,
        };
        match library.holding(lookups, policy, &asked).await {
            Ok(found) => walk.feed(found),
            Err(reason) => return Observed::Unknown(reason),
        }
    }
}

/// What was read so far.
#[derive(Default)]
struct Library {
    /// The groups that hold each entry that was read.
    above: BTreeMap<NormalizedDn, Vec<DistinguishedName>>,
    /// Each name that was read: the group, or nothing if it is none.
    groups: BTreeMap<NormalizedDn, Option<FoundGroup>>,
}

/// What a name that `memberOf` lists leads to.
enum Shelf {
    Group(Box<FoundGroup>, Vec<DistinguishedName>),
    /// An entry that is no group, or that nobody is shown.
    NoGroup,
    /// Nothing is there.
    Gone,
}

impl Library {
    /// The groups that hold one of `asked`, by what they list.
    async fn holding<L: Lookups>(
        &mut self,
        lookups: &L,
        policy: &GroupPolicy,
        asked: &[Member],
    ) -> Result<Vec<FoundGroup>, UnknownReason> {
        let mut members: BTreeMap<NormalizedDn, Vec<MemberKey>> = BTreeMap::new();
        let mut unread = BTreeMap::new();
        for member in asked {
            for group in self.above(lookups, policy, member).await? {
                let name = group.normalized();
                let own = MemberKey::Dn(member.dn.normalized().clone());
                members.entry(name.clone()).or_default().push(own);
                if !self.groups.contains_key(name) {
                    unread.insert(name.clone(), group);
                }
            }
        }
        let known = self.groups.values().flatten().count();
        if known.saturating_add(unread.len()) > policy.max_groups_per_user {
            return Err(UnknownReason::TooManyGroups);
        }
        let names: Vec<DistinguishedName> = unread.into_values().collect();
        let gone = self.read_groups(lookups, policy, &names).await?;
        confirm(lookups, policy, asked, &gone).await?;
        let found = members.into_iter().filter_map(|(name, members)| {
            let group = self.groups.get(&name)?.clone()?;
            Some(FoundGroup { members, ..group })
        });
        let mut found: Vec<FoundGroup> = found.collect();
        found.extend(by_uid(lookups, policy, asked).await?);
        Ok(found)
    }

    async fn above<L: Lookups>(
        &mut self,
        lookups: &L,
        policy: &GroupPolicy,
        member: &Member,
    ) -> Result<Vec<DistinguishedName>, UnknownReason> {
        if let Some(above) = self.above.get(member.dn.normalized()) {
            return Ok(above.clone());
        }
        let above = within(policy, listed(lookups, member).await?);
        self.above.insert(member.dn.normalized().clone(), above.clone());
        Ok(above)
    }

    /// Reads groups, some at a time; gives those names where nothing is.
    async fn read_groups<L: Lookups>(
        &mut self,
        lookups: &L,
        policy: &GroupPolicy,
        names: &[DistinguishedName],
    ) -> Result<BTreeSet<NormalizedDn>, UnknownReason> {
        let shelves = read_each(names, |name| {
            let (lookups, policy) = (lookups.clone(), policy.clone());
            async move { Ok((shelf(&lookups, &policy, &name).await?, name)) }
        });
        let mut gone = BTreeSet::new();
        for (shelf, name) in shelves.await? {
            let name = name.normalized().clone();
            let group = match shelf {
                Shelf::Group(group, above) => {
                    self.above.insert(name.clone(), within(policy, above));
                    Some(*group)
                }
                Shelf::NoGroup => None,
                Shelf::Gone => {
                    gone.insert(name.clone());
                    None
                }
            };
            self.groups.insert(name, group);
        }
        Ok(gone)
    }
}

/// The groups that name one of `asked` by uid: no directory lists those in `memberOf`.
async fn by_uid<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    asked: &[Member],
) -> Result<Vec<FoundGroup>, UnknownReason> {
    let mut policy = policy.clone();
    policy.member_attributes.retain(|attribute| attribute.rule == MemberRule::Uid);
    let mut found = Vec::new();
    for member in asked.iter().filter(|member| !member.uids.is_empty()) {
        found.extend(holding(lookups, &policy, std::slice::from_ref(member)).await?);
    }
    Ok(found)
}

/// A name that leads nowhere is a leftover if it is still listed; else the group was renamed
/// between two reads, and what was put together from both is not to be trusted.
async fn confirm<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    asked: &[Member],
    gone: &BTreeSet<NormalizedDn>,
) -> Result<(), UnknownReason> {
    if gone.is_empty() {
        return Ok(());
    }
    let mut still = BTreeSet::new();
    for member in asked {
        let above = within(policy, listed(lookups, member).await?);
        still.extend(above.iter().map(|group| group.normalized().clone()));
    }
    if gone.is_subset(&still) { Ok(()) } else { Err(UnknownReason::Inconsistent) }
}

/// Reads a group with what it is in.
async fn shelf<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    name: &DistinguishedName,
) -> Result<Shelf, UnknownReason> {
    let mut attributes = naming_attributes(policy);
    attributes.push(MEMBER_OF.to_owned());
    let search = base_search(name.as_str(), policy.filter.clone(), attributes);
    let mut entries = match lookups.search(search).await {
        Ok(entries) => entries,
        Err(LookupError::Result(ResultCode::NO_SUCH_OBJECT)) => return Ok(Shelf::Gone),
        Err(error) => return Err(error.reason()),
    };
    match entries.as_mut_slice() {
        [] => Ok(Shelf::NoGroup),
        [entry] => {
            let above = names_listed(lookups, entry).await?;
            Ok(Shelf::Group(Box::new(found_group(policy, entry)?), above))
        }
        _ => Err(UnknownReason::NotOneEntry),
    }
}

/// What an entry's `memberOf` lists now.
pub(super) async fn listed<L: Lookups>(
    lookups: &L,
    member: &Member,
) -> Result<Vec<DistinguishedName>, UnknownReason> {
    let mut entry = read(lookups, member.dn.as_str(), vec![MEMBER_OF.to_owned()]).await?;
    names_listed(lookups, &mut entry).await
}

/// The names that an entry lists; the whole list, if the entry shows a part of it.
async fn names_listed<L: Lookups>(
    lookups: &L,
    entry: &mut Entry,
) -> Result<Vec<DistinguishedName>, UnknownReason> {
    ranges::complete(lookups, entry, MEMBER_OF).await?;
    let parsed = entry.values(MEMBER_OF).iter().map(|value| DistinguishedName::from_bytes(value));
    parsed.collect::<Result<_, _>>().map_err(|_| UnknownReason::Malformed)
}

/// Those that are under the groups' base.
pub(super) fn within(
    policy: &GroupPolicy,
    mut names: Vec<DistinguishedName>,
) -> Vec<DistinguishedName> {
    names.retain(|name| name.is_within(&policy.base));
    names
}
