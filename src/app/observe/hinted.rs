//! The member walk with a hint: names of groups that the directory gives at once, without ways.
//!
//! Whatever the hint says, the members among the user and these groups are asked for together, and a
//! group that comes up only then is asked for like in any walk. So the closure is that of the walk,
//! also where a hint leaves groups out (tokenGroups those for distribution, the in-chain rule those
//! above the primary group) or is out of date; it takes three searches where the walk takes one a
//! level.

use super::member_of::{listed, within};
use super::members::holding;
use super::{BATCH, Found, batches, limits, read};
use crate::app::ports::{LookupError, Lookups};
use crate::domain::membership::{Member, MemberKey, MemberRule};
use crate::domain::observation::{Closure, Observed, UnknownReason};
use crate::domain::policy::GroupPolicy;
use crate::domain::sid::{OBJECT_SID, OWN_TOKEN, Sid};
use crate::domain::walk::{FoundGroup, Step, Walk};
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::proto::oid;
use crate::proto::search::{Scope, Search};
use std::collections::BTreeSet;

/// What names of groups are asked for by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hint {
    /// `memberOf` of the user, where it lists nested groups too.
    MemberOf,
    /// The identifiers in the user's `tokenGroups`.
    TokenGroups,
    /// The rule that follows members up the chain of groups.
    InChain,
}

/// All groups of a user.
pub(super) async fn closure<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    user: &Member,
    hint: Hint,
) -> Observed<Closure> {
    let names = match hint {
        Hint::MemberOf => listed(lookups, user).await.map(|names| within(policy, names)),
        // A hint that cannot be had is none: the walk does without.
        Hint::TokenGroups => Ok(by_token(lookups, policy, user).await.unwrap_or_default()),
        Hint::InChain => Ok(in_chain(lookups, policy, user).await.unwrap_or_default()),
    };
    let closure = match names {
        Ok(names) => walk_with_hint(lookups, policy, user, names).await,
        Err(reason) => Err(reason),
    };
    closure.unwrap_or_else(|reason| Found::unknown(reason).closure)
}

/// The groups whose identifiers stand in the user's `tokenGroups`, as far as they are groups under
/// the base.
async fn by_token<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    user: &Member,
) -> Result<Vec<DistinguishedName>, UnknownReason> {
    let sids = token_of(lookups, &user.dn).await?;
    let each: usize = 64;
    let batch = (policy.max_filter_size / each).clamp(1, BATCH);
    let mut names = Vec::new();
    for some in sids.chunks(batch) {
        let wanted = some.iter().map(|sid| Filter::equal(OBJECT_SID, sid.as_bytes()));
        names.extend(groups_with(lookups, policy, Filter::Or(wanted.collect())).await?);
    }
    Ok(names)
}

/// The identifiers of the groups that the directory counts somebody to.
pub(super) async fn token_of<L: Lookups>(
    lookups: &L,
    dn: &DistinguishedName,
) -> Result<Vec<Sid>, UnknownReason> {
    let entry = read(lookups, dn.as_str(), vec![OWN_TOKEN.to_owned()]).await?;
    let sids = entry.values(OWN_TOKEN).iter().map(|value| Sid::from_bytes(value));
    sids.collect::<Option<_>>().ok_or(UnknownReason::Malformed)
}

/// The groups that the directory finds up the chain of groups from somebody.
pub(super) async fn in_chain<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    user: &Member,
) -> Result<Vec<DistinguishedName>, UnknownReason> {
    let by_name = policy.member_attributes.iter().filter(|of| of.rule == MemberRule::Name);
    let parts = by_name.map(|attribute| Filter::Extensible {
        rule: Some(String::from_utf8_lossy(oid::IN_CHAIN).into_owned()),
        attribute: Some(attribute.name.clone()),
        value: user.dn.as_str().as_bytes().to_vec(),
        dn_attributes: false,
    });
    groups_with(lookups, policy, Filter::Or(parts.collect())).await
}

/// The names of the groups of which something holds.
async fn groups_with<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    what: Filter,
) -> Result<Vec<DistinguishedName>, UnknownReason> {
    let search = Search {
        base: policy.base.as_str().to_owned(),
        scope: Scope::Subtree,
        filter: Filter::And(vec![policy.filter.clone(), what]),
        attributes: vec!["1.1".to_owned()],
        size_limit: 0,
        time_limit: 0,
        controls: Vec::new(),
    };
    let entries = lookups.search(search).await.map_err(LookupError::reason)?;
    let names = entries.iter().map(|entry| DistinguishedName::parse(&entry.dn));
    names.collect::<Result<_, _>>().map_err(|_| UnknownReason::Malformed)
}

async fn walk_with_hint<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    user: &Member,
    groups: Vec<DistinguishedName>,
) -> Result<Observed<Closure>, UnknownReason> {
    if groups.len() > policy.max_groups_per_user {
        return Err(UnknownReason::TooManyGroups);
    }
    let hinted: Vec<Member> =
        std::iter::once(user.clone()).chain(groups.into_iter().map(Member::by_dn)).collect();
    let mut found = Vec::new();
    for batch in batches(policy, &hinted) {
        found.extend(holding(lookups, policy, batch).await?);
    }
    let keys: BTreeSet<MemberKey> = hinted.iter().flat_map(Member::keys).collect();
    // A group that does not say whom it holds can be placed by a walk alone.
    let is_placed = |group: &FoundGroup| group.members.iter().any(|key| keys.contains(key));
    if !found.iter().all(is_placed) {
        return Ok(super::walk(lookups, policy, user).await.closure);
    }
    let mut walk = Walk::new(user, limits(policy));
    loop {
        let asked = match walk.step() {
            Step::Ask(asked) => asked,
            Step::Done(closure) => return Ok(closure),
        };
        let wanted: BTreeSet<MemberKey> = asked.iter().flat_map(Member::keys).collect();
        if !wanted.is_subset(&keys) {
            walk.feed(holding(lookups, policy, &asked).await?);
            continue;
        }
        let holds = |group: &&FoundGroup| group.members.iter().any(|key| wanted.contains(key));
        walk.feed(found.iter().filter(holds).cloned().collect());
    }
}
