//! What one sign-on learns from the directory: the user's entry, and the groups by a strategy.

mod around;
mod canary;
mod finder;
mod hinted;
mod joined;
mod kept;
mod member_of;
mod members;
mod probe;
mod ranges;
#[cfg(test)]
mod tests;
mod user;

pub use around::{Around, around};
pub use canary::hear_canary_in;
pub use finder::Finder;
pub use members::{group_at, members_at};
pub use probe::{facts, naming_context, root_and_name, vendor};
pub use ranges::complete as complete_list;
pub use user::{entry_of_sid, is_readable, user_of_id};

use super::ports::{LookupError, Lookups};
use crate::domain::identity;
use crate::domain::membership::graph::ClosureLimits;
use crate::domain::membership::{Member, MemberKey};
use crate::domain::observation::{Closure, Observed, ObservedEntry, UnknownReason};
use crate::domain::policy::GroupPolicy;
use crate::domain::walk::{FoundGroup, Step, Walk, WalkLimits};
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::filter::Filter;
use crate::proto::result::ResultCode;
use crate::proto::search::{Entry, Scope, Search};
use joined::Joined;
use kept::Kept;
use std::future::Future;
use tokio::task::JoinSet;

/// How many members one search of a walk asks about at most.
pub const BATCH: usize = 128;

/// A search that reads one entry.
fn base_search(name: &str, filter: Filter, attributes: Vec<String>) -> Search {
    Search {
        base: name.to_owned(),
        scope: Scope::Base,
        filter,
        attributes,
        size_limit: 0,
        time_limit: 0,
        controls: Vec::new(),
    }
}

/// Reads an entry by its DN, with `(objectClass=*)`: the policy is decided here, on what was read.
pub async fn entry<L: Lookups>(
    lookups: &L,
    name: &str,
    attributes: &[String],
) -> Observed<ObservedEntry> {
    let entry = match read(lookups, name, attributes.to_vec()).await {
        Ok(entry) => entry,
        Err(reason) => return Observed::Unknown(reason),
    };
    match identity::upstream_id(&entry) {
        Ok(upstream_id) => Observed::Known(ObservedEntry { upstream_id, entry }),
        Err(reason) => Observed::Unknown(reason),
    }
}

/// How many entries are read at once.
const READS_AT_ONCE: usize = 16;

/// What `read` gives for each of the names, in any order: some at a time, until one fails.
async fn read_each<T, Fut>(
    names: &[DistinguishedName],
    read: impl Fn(DistinguishedName) -> Fut,
) -> Result<Vec<T>, UnknownReason>
where
    T: Send + 'static,
    Fut: Future<Output = Result<T, UnknownReason>> + Send + 'static,
{
    let mut found = Vec::with_capacity(names.len());
    for some in names.chunks(READS_AT_ONCE) {
        let mut reads = JoinSet::new();
        some.iter().for_each(|name| drop(reads.spawn(read(name.clone()))));
        while let Some(read) = reads.join_next().await {
            found.push(read.map_err(|_| UnknownReason::Disconnected)??);
        }
    }
    Ok(found)
}

/// Reads an entry that has to be there.
async fn read<L: Lookups>(
    lookups: &L,
    name: &str,
    attributes: Vec<String>,
) -> Result<Entry, UnknownReason> {
    let search = base_search(name, Filter::any_entry(), attributes);
    let mut entries = match lookups.search(search).await {
        Ok(entries) => entries,
        // The bind succeeded, so the entry was there: a read that does not see it proves nothing.
        Err(LookupError::Result(ResultCode::NO_SUCH_OBJECT)) => {
            return Err(UnknownReason::NotOneEntry);
        }
        Err(error) => return Err(error.reason()),
    };
    match (entries.pop(), entries.is_empty()) {
        (Some(entry), true) => Ok(entry),
        _ => Err(UnknownReason::NotOneEntry),
    }
}

/// The bounds of a closure in a live copy: the same as those of a walk.
pub fn closure_limits(policy: &GroupPolicy) -> ClosureLimits {
    ClosureLimits { max_depth: policy.max_depth, max_groups: policy.max_groups_per_user }
}

/// What groups may name a user by.
pub fn keys(dn: &NormalizedDn, uids: &[String]) -> Vec<MemberKey> {
    let uids = uids.iter().filter_map(|uid| MemberKey::uid(uid));
    std::iter::once(MemberKey::Dn(dn.clone())).chain(uids).collect()
}

/// A user's groups as a look found them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// All of them, or why they are not all there.
    pub closure: Observed<Closure>,
    /// If they are not: those that were seen all the same.
    pub seen: Closure,
}

impl Found {
    /// Nothing was seen, for this reason.
    pub fn unknown(reason: UnknownReason) -> Self {
        Self { closure: Observed::Unknown(reason), seen: Closure::new() }
    }
}

impl From<Observed<Closure>> for Found {
    fn from(closure: Observed<Closure>) -> Self {
        Self { closure, seen: Closure::new() }
    }
}

/// Finds all groups of a user, direct and nested, by the member walk: one search a level and batch.
pub async fn walk<L: Lookups>(lookups: &L, policy: &GroupPolicy, user: &Member) -> Found {
    walk_among(lookups, policy, user, Others::NONE).await
}

/// What a walk shares with others.
#[derive(Clone, Copy)]
struct Others<'a> {
    /// Its questions about groups.
    joined: Option<&'a Joined>,
    /// What others found in the same era.
    kept: Option<(&'a Kept, u64)>,
}

impl Others<'_> {
    const NONE: Self = Self { joined: None, kept: None };
}

/// The same; what it asks about groups goes together with what other walks ask, and is not asked where
/// it is known.
async fn walk_among<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    user: &Member,
    others: Others<'_>,
) -> Found {
    let _walking = others.joined.map(Joined::begin);
    let mut walk = Walk::new(user, limits(policy));
    loop {
        let asked = match walk.step() {
            Step::Ask(asked) => asked,
            Step::Done(Observed::Known(closure)) => return Observed::Known(closure).into(),
            Step::Done(unknown) => return Found { closure: unknown, seen: walk.seen() },
        };
        let is_about_groups = walk.asks_about_groups();
        match holding(lookups, policy, &asked, is_about_groups, others).await {
            Ok(found) => walk.feed(found),
            Err(reason) => walk.fail(reason),
        }
    }
}

/// All groups that hold one of `asked` directly.
async fn holding<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    asked: &[Member],
    is_about_groups: bool,
    others: Others<'_>,
) -> Result<Vec<FoundGroup>, UnknownReason> {
    let joined = others.joined.filter(|_| is_about_groups);
    let Some((kept, era)) = others.kept else {
        return search(lookups, policy, asked, joined).await;
    };
    let known = kept.known(era, asked);
    if known.missing.is_empty() {
        return Ok(known.groups);
    }
    let found = search(lookups, policy, &known.missing, joined).await?;
    kept.keep(era, policy.max_kept_lookups, &known.missing, &found);
    // Not joined: one that does not tell whom it holds has to be seen not to.
    Ok([known.groups, found].concat())
}

async fn search<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    asked: &[Member],
    joined: Option<&Joined>,
) -> Result<Vec<FoundGroup>, UnknownReason> {
    if let Some(joined) = joined
        && let Some(found) = joined.holding(lookups, policy, asked).await
    {
        return Ok(found);
    }
    members::holding(lookups, policy, asked).await
}

/// The bounds of a walk. A member's name stands in the filter once for each attribute.
fn limits(policy: &GroupPolicy) -> WalkLimits {
    WalkLimits {
        max_depth: policy.max_depth,
        max_groups: policy.max_groups_per_user,
        batch: BATCH,
        bytes: policy.max_filter_size / policy.member_attributes.len().max(1),
    }
}

/// Members in parts that one search may ask about.
fn batches<'a>(policy: &GroupPolicy, members: &'a [Member]) -> Vec<&'a [Member]> {
    let most = limits(policy).bytes;
    let mut parts = Vec::new();
    let mut rest = members;
    while !rest.is_empty() {
        let mut bytes = 0_usize;
        let fits = |member: &&Member| {
            bytes = bytes.saturating_add(member.bytes());
            bytes <= most
        };
        let fitting = rest.iter().take(BATCH).take_while(fits).count().max(1);
        let (part, behind) = rest.split_at(fitting);
        parts.push(part);
        rest = behind;
    }
    parts
}

/// Whether the service account sees any group under the base at this time (rule K5).
///
/// One entry is asked for. A directory that says there would have been more has shown that one.
pub async fn groups_visible<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
) -> Result<bool, UnknownReason> {
    let search = Search {
        base: policy.base.as_str().to_owned(),
        scope: Scope::Subtree,
        filter: policy.filter.clone(),
        attributes: vec!["1.1".to_owned()],
        size_limit: 1,
        time_limit: 0,
        controls: Vec::new(),
    };
    let entries = lookups.search(search).await.map_err(LookupError::reason)?;
    Ok(!entries.is_empty())
}
