//! What a directory offers for finding groups: asked, not guessed.
//!
//! The running gateway and `check --online` ask by the same code, so that what is printed is what
//! is done.

use super::member_of::{MEMBER_OF, listed, within};
use super::members::{holding, naming_attributes};
use super::{base_search, hinted, read};
use crate::app::ports::{LookupError, Lookups};
use crate::domain::kind::{self, Kind};
use crate::domain::membership::extended::has_tombstone_name;
use crate::domain::membership::{self, Member, MemberAttribute, MemberKey, MemberRule};
use crate::domain::numbering::{self, Numbering};
use crate::domain::observation::UnknownReason;
use crate::domain::offer;
use crate::domain::policy::{GroupPolicy, Resolve};
use crate::domain::sid::{OBJECT_SID, sid_of};
use crate::domain::strategy::{Facts, Listing, MemberOf, attribute_names};
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::filter::Filter;
use crate::proto::oid;
use crate::proto::paged::Page;
use crate::proto::search::{Entry, Scope, Search};
use std::collections::BTreeSet;

/// How many groups are looked at for each attribute that names members.
const GROUPS: u32 = 10;
/// How many members of each are looked at.
const MEMBERS: usize = 2;
/// With how many of them the in-chain rule is tried, which may take long where groups are large.
const TRIES: usize = 3;

/// Finds out what a directory offers.
pub async fn facts<L: Lookups>(lookups: &L, policy: &GroupPolicy) -> Result<Facts, UnknownReason> {
    let root = root(lookups).await?;
    let schema = schema(lookups, &root).await;
    let sample = sample(lookups, policy).await?;
    let member_of = match &schema {
        // Nobody asks.
        _ if policy.resolve != Resolve::MemberOf => MemberOf::NothingToTry,
        Some(known) if !known.contains(&MEMBER_OF.to_ascii_lowercase()) => MemberOf::NotInSchema,
        _ => member_of(lookups, policy, &sample).await?,
    };
    let kind = Kind::of_root(&root);
    let numbering = numbering::numbering(&root, &policy.base);
    let sees_deleted = match &numbering {
        Ok((Numbering::ActiveDirectory, context)) => sees_deleted(lookups, context).await,
        _ => false,
    };
    let in_chain = in_chain(lookups, policy, kind, &sample).await?;
    let token_groups = token_groups(lookups, policy, kind, &sample).await;
    Ok(Facts {
        vendor: name_of(&root),
        kind,
        in_chain,
        token_groups,
        controls: texts(&root, "supportedControl"),
        has_marker: has_marker(lookups, policy, &root).await,
        numbering: numbering.map(|(numbering, _)| numbering),
        sees_deleted,
        schema,
        sees_groups: !sample.is_empty(),
        has_bits: sample.iter().any(|entry| has_bits(policy, entry)),
        member_of,
    })
}

/// What a directory calls itself, perhaps nothing, and its kind. To have asked shows that it can be reached.
pub async fn vendor<L: Lookups>(lookups: &L) -> Result<(String, Kind), UnknownReason> {
    let root = root(lookups).await?;
    Ok((name_of(&root), Kind::of_root(&root)))
}

/// The same with the root DSE, of which `more` is read too.
pub async fn root_and_name<L: Lookups>(
    lookups: &L,
    more: &[&str],
) -> Result<(String, Entry), UnknownReason> {
    let names = kind::ATTRIBUTES.iter().chain(more).map(|name| (*name).to_owned());
    let root = read(lookups, "", names.collect()).await?;
    Ok((name_of(&root), root))
}

/// The root DSE (RFC 4512 5.1).
async fn root<L: Lookups>(lookups: &L) -> Result<Entry, UnknownReason> {
    let names = ["namingContexts", "supportedControl", "subschemaSubentry"].into_iter();
    let names = names.chain(kind::ATTRIBUTES).chain(numbering::ATTRIBUTES);
    read(lookups, "", names.map(str::to_owned).collect()).await
}

fn texts(entry: &Entry, attribute: &str) -> BTreeSet<String> {
    let values = entry.values(attribute).iter().filter_map(|value| std::str::from_utf8(value).ok());
    values.map(str::to_owned).collect()
}

fn name_of(root: &Entry) -> String {
    if texts(root, "objectClass").contains("OpenLDAProotDSE") {
        return "OpenLDAP".to_owned();
    }
    let parts = ["vendorName", "vendorVersion"].map(|name| root.text(name));
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The names of all attribute types, in lower case; `None` if the schema cannot be read.
async fn schema<L: Lookups>(lookups: &L, root: &Entry) -> Option<BTreeSet<String>> {
    let filter = Filter::equal("objectClass", "subschema");
    let search =
        base_search(root.text("subschemaSubentry")?, filter, vec!["attributeTypes".to_owned()]);
    let entries = lookups.search(search).await.ok()?;
    let [entry] = entries.as_slice() else { return None };
    let types = texts(entry, "attributeTypes");
    let names = types.iter().flat_map(|text| attribute_names(text));
    Some(names.map(str::to_ascii_lowercase).collect())
}

/// Whether the naming context that holds the groups says how far the directory has got.
async fn has_marker<L: Lookups>(lookups: &L, policy: &GroupPolicy, root: &Entry) -> bool {
    let Some(context) = offer::naming_context(root, &policy.base) else { return false };
    let entry = read(lookups, context.as_str(), vec!["contextCSN".to_owned()]).await;
    entry.is_ok_and(|entry| !entry.values("contextCSN").is_empty())
}

/// Whether the account sees objects of Active Directory that are gone. That it sees where they are
/// kept proves nothing: one of them has to be seen.
async fn sees_deleted<L: Lookups>(lookups: &L, context: &DistinguishedName) -> bool {
    let page = Page { size: 2, cookie: &[] }.encode();
    let search = Search {
        base: context.as_str().to_owned(),
        scope: Scope::Subtree,
        filter: Filter::equal("isDeleted", "TRUE"),
        attributes: vec!["isDeleted".to_owned()],
        size_limit: 0,
        time_limit: 0,
        controls: vec![
            (oid::SHOW_DELETED.to_vec(), Vec::new()),
            (oid::PAGED_RESULTS.to_vec(), page),
        ],
    };
    let found = lookups.search(search).await.unwrap_or_default();
    found.iter().any(|entry| has_tombstone_name(&entry.dn))
}

/// The naming context that holds a name; `None` if the directory names none that does.
pub async fn naming_context<L: Lookups>(
    lookups: &L,
    name: &DistinguishedName,
) -> Result<Option<DistinguishedName>, UnknownReason> {
    // What tells the kind is noted by those who read for it, on the way.
    let names = kind::ATTRIBUTES.into_iter().chain(["namingContexts"]);
    let root = read(lookups, "", names.map(str::to_owned).collect()).await?;
    Ok(offer::naming_context(&root, name))
}

fn has_bits(policy: &GroupPolicy, group: &Entry) -> bool {
    let by_name_and_uid = |attribute: &&MemberAttribute| attribute.rule == MemberRule::NameAndUid;
    let mut attributes = policy.member_attributes.iter().filter(by_name_and_uid);
    attributes.any(|attribute| {
        group.values(&attribute.name).iter().any(|value| membership::has_bits(value))
    })
}

/// Some groups with their members, of those that name members by each attribute.
async fn sample<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
) -> Result<Vec<Entry>, UnknownReason> {
    let mut sample = Vec::new();
    for attribute in &policy.member_attributes {
        let held = Filter::Present(attribute.name.clone());
        let mut attributes = naming_attributes(policy);
        attributes.push(attribute.name.clone());
        let search = Search {
            base: policy.base.as_str().to_owned(),
            scope: Scope::Subtree,
            filter: Filter::And(vec![policy.filter.clone(), held]),
            attributes,
            size_limit: GROUPS,
            time_limit: 0,
            controls: Vec::new(),
        };
        sample.extend(lookups.search(search).await.map_err(LookupError::reason)?);
    }
    Ok(sample)
}

/// Whether the in-chain rule lists what it should, where it is asked for and a directory may know it.
async fn in_chain<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    kind: Kind,
    sample: &[Entry],
) -> Result<Listing, UnknownReason> {
    let may_know = matches!(kind, Kind::ActiveDirectory | Kind::Ds389);
    if policy.resolve != Resolve::InChain || !may_know {
        return Ok(Listing::NotTried);
    }
    let mut verdict = Listing::NothingToTry;
    for (group, member) in pairs(policy, sample).into_iter().take(TRIES) {
        verdict = try_in_chain(lookups, policy, &group, &member).await?;
        if verdict == Listing::Silent {
            break;
        }
    }
    Ok(verdict)
}

/// The same of `tokenGroups`: of members that are accounts, and groups that are not for distribution.
async fn token_groups<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    kind: Kind,
    sample: &[Entry],
) -> Listing {
    if policy.resolve != Resolve::TokenGroups || kind != Kind::ActiveDirectory {
        return Listing::NotTried;
    }
    let mut verdict = Listing::NothingToTry;
    for (group, member) in pairs(policy, sample) {
        verdict = try_token(lookups, &group, &member).await.unwrap_or(verdict);
        if verdict == Listing::Works {
            break;
        }
    }
    verdict
}

/// Groups of the sample, each with some members.
fn pairs(policy: &GroupPolicy, sample: &[Entry]) -> Vec<(DistinguishedName, Member)> {
    let mut pairs = Vec::new();
    for entry in sample {
        let Ok(group) = DistinguishedName::parse(&entry.dn) else { continue };
        let members = membership::members(&policy.member_attributes, entry);
        let names = members.into_iter().filter_map(|key| match key {
            MemberKey::Dn(dn) => DistinguishedName::parse(dn.as_str()).ok(),
            MemberKey::Uid(_) => None,
        });
        pairs.extend(names.take(MEMBERS).map(|name| (group.clone(), Member::by_dn(name))));
    }
    pairs
}

async fn try_in_chain<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    group: &DistinguishedName,
    member: &Member,
) -> Result<Listing, UnknownReason> {
    let Ok(found) = hinted::in_chain(lookups, policy, member).await else {
        return Ok(Listing::Silent);
    };
    let found = names(&found);
    let higher = above(lookups, policy, &Member::by_dn(group.clone())).await?;
    let lists = found.contains(group.normalized()) && higher.is_subset(&found);
    Ok(if lists { Listing::Works } else { Listing::Silent })
}

/// Whether a member's token holds the group; `None` if nobody could have one.
async fn try_token<L: Lookups>(
    lookups: &L,
    group: &DistinguishedName,
    member: &Member,
) -> Option<Listing> {
    let entry = read(lookups, group.as_str(), vec![OBJECT_SID.to_owned()]).await.ok()?;
    let sid = sid_of(&entry)?;
    let entry = read(lookups, member.dn.as_str(), vec![OBJECT_SID.to_owned()]).await.ok()?;
    sid_of(&entry)?;
    let token = hinted::token_of(lookups, &member.dn).await.unwrap_or_default();
    Some(if token.contains(&sid) { Listing::Works } else { Listing::Silent })
}

/// Whether `memberOf` is kept, can be read, and lists the groups that hold an entry directly.
async fn member_of<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    sample: &[Entry],
) -> Result<MemberOf, UnknownReason> {
    let mut verdict = None;
    for (group, member) in pairs(policy, sample) {
        match judge(lookups, policy, &group, &member).await? {
            None => {}
            Some(MemberOf::Silent) => return Ok(MemberOf::Silent),
            Some(seen) => verdict = Some(stronger(verdict, seen)),
        }
    }
    Ok(verdict.unwrap_or(MemberOf::NothingToTry))
}

/// Of two members the one that says more: what is listed beyond its groups says most.
fn stronger(before: Option<MemberOf>, now: MemberOf) -> MemberOf {
    match (before, now) {
        (Some(MemberOf::Computed), _) | (_, MemberOf::Computed) => MemberOf::Computed,
        (Some(MemberOf::Direct), _) => MemberOf::Direct,
        _ => now,
    }
}

/// What the `memberOf` of one member of a group shows; `None` if the member has no entry.
async fn judge<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    group: &DistinguishedName,
    member: &Member,
) -> Result<Option<MemberOf>, UnknownReason> {
    let own = match listed(lookups, member).await {
        Ok(own) => names(&within(policy, own)),
        Err(UnknownReason::NotOneEntry) => return Ok(None),
        Err(reason) => return Err(reason),
    };
    if !own.contains(group.normalized()) {
        return Ok(Some(MemberOf::Silent));
    }
    let direct = above(lookups, policy, member).await?;
    if !own.is_subset(&direct) {
        return Ok(Some(MemberOf::Computed));
    }
    // A group one level up that the member does not list, and the group in between does.
    let group = Member::by_dn(group.clone());
    let higher = above(lookups, policy, &group).await?;
    if higher.is_subset(&direct) {
        return Ok(Some(MemberOf::Unproven));
    }
    let listed_above = names(&within(policy, listed(lookups, &group).await?));
    Ok(Some(match higher.is_subset(&listed_above) {
        true => MemberOf::Direct,
        false => MemberOf::Silent,
    }))
}

/// The groups that hold somebody directly, by their members.
async fn above<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    member: &Member,
) -> Result<BTreeSet<NormalizedDn>, UnknownReason> {
    let found = holding(lookups, policy, std::slice::from_ref(member)).await?;
    Ok(found.into_iter().map(|group| group.dn.normalized().clone()).collect())
}

fn names(list: &[DistinguishedName]) -> BTreeSet<NormalizedDn> {
    list.iter().map(|name| name.normalized().clone()).collect()
}
