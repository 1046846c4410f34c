//! The groups of an entry where no live copy says them: the directory is asked, as at a sign-on.

use super::effective::{Overlay, overlay};
use super::members::{Held, Holding};
use super::{Asked, Seen, Serving, Truths, Wanted};
use crate::app::observe;
use crate::app::ports::{LookupError, Lookups, Ports, Records};
use crate::app::sign_on::own_id;
use crate::domain::identity;
use crate::domain::matching::{Truth, evaluate};
use crate::domain::membership::{MemberKey, flatten};
use crate::domain::observation::{Closure, Observed, ObservedEntry, UnknownReason};
use crate::domain::policy::{GroupPolicy, UserType};
use crate::domain::record::{Group, UpstreamId, UserKey};
use crate::domain::serving::filter::{Item, Parsed, Reach, Said};
use crate::domain::serving::plan::{self, Demands, Listed};
use crate::domain::sid::{PRIMARY_GROUP_ID, Sid};
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::filter::Filter;
use crate::proto::search::{Scope, Search};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The groups of an entry.
#[derive(Debug, Default)]
struct Groups {
    shown: Vec<Group>,
    /// All that are above the entry in the directory.
    above: Vec<Group>,
}

/// An entry that is a user or a group.
struct Somebody {
    groups: Groups,
    /// Its name, if it is a group.
    as_group: Option<(DistinguishedName, UpstreamId)>,
    /// What groups may name it by beside its name.
    uids: Vec<String>,
}

/// For each item, if it is on members, the groups of those whom it names; `None` if nothing is known
/// of them.
type Holders = Vec<Option<Vec<Groups>>>;

impl<P: Ports> Serving<P> {
    /// How a search is asked.
    pub(super) async fn ask_upstream(
        &self,
        parsed: &Arc<Parsed>,
        demands: Demands,
        most: usize,
    ) -> Asked {
        let Ok(holders) = self.holders(parsed.items()).await else { return Asked::Unknown };
        let is_known = |at: usize| holders.get(at).is_some_and(Option::is_some);
        let unlisted = plan::of_others(parsed.items(), is_known);
        // Whether anybody has to be named is seen first: to find out whom takes long.
        let mut is_listed = false;
        let plan = plan::plan(parsed, demands, &unlisted, &mut || {
            is_listed = true;
            Listed::Nameless
        });
        if !is_listed {
            return Asked::By(plan);
        }
        match self.list(parsed.items(), &holders, most).await {
            Ok(listed) => {
                let plan = plan::plan(parsed, demands, &unlisted, &mut || listed.clone());
                Asked::By(plan)
            }
            Err(_) => Asked::Unknown,
        }
    }

    pub(super) async fn look_upstream(&self, dn: &DistinguishedName, wanted: &Wanted) -> Seen {
        let somebody = match self.read(dn).await {
            Ok(somebody) => somebody,
            Err(reason) => return Seen::Unknown(reason),
        };
        if let Some(check) = &wanted.check {
            match self.said(check.items(), somebody.as_ref()).await {
                Ok(said) if check.passes(&said) => {}
                Ok(_) => return Seen::Unmatched,
                Err(reason) => return Seen::Unknown(reason),
            }
        }
        let Some(Somebody { groups, .. }) = somebody else { return Seen::Stranger };
        let mut values: Vec<String> = Vec::new();
        if let Some(policy) = self.groups().filter(|_| wanted.values) {
            let lens = self.lens(policy);
            values.extend(groups.shown.into_iter().map(|group| lens.called(group.dn)));
            values.sort_unstable();
            values.dedup();
        }
        Seen::Shown(values)
    }

    pub(super) async fn tell_upstream(&self, dn: &DistinguishedName, items: &[Item]) -> Truths {
        let somebody = match self.read(dn).await {
            Ok(somebody) => somebody,
            // Whether there is such an entry is the directory's to say.
            Err(UnknownReason::NotOneEntry) => None,
            Err(_) => return Truths::Unknown,
        };
        match self.said(items, somebody.as_ref()).await {
            Ok(said) if somebody.is_none() => Truths::Stranger(said),
            Ok(said) => Truths::Known(said),
            Err(_) => Truths::Unknown,
        }
    }

    /// What items say of an entry.
    async fn said(
        &self,
        items: &[Item],
        somebody: Option<&Somebody>,
    ) -> Result<Said, UnknownReason> {
        let group = somebody.and_then(|somebody| somebody.as_group.as_ref());
        // Nobody but a group holds anybody.
        let holders = match group {
            Some(_) => self.holders(items).await?,
            None => items.iter().map(|_| None).collect(),
        };
        let one = |(item, holders): (&Item, &Option<Vec<Groups>>)| match (item, somebody) {
            (Item::Holds(_, reach), _) => {
                let ((dn, id), holders) = (group?, holders.as_ref()?);
                let holds = |of: &Groups| of.hold(dn.normalized(), Some(id), *reach);
                Some(Truth::from_bool(holders.iter().any(holds)))
            }
            (Item::Undefined, _) => Some(Truth::Undefined),
            (Item::In(..) | Item::Any, None) => Some(Truth::False),
            (item, Some(somebody)) => Some(somebody.groups.truth(item)),
        };
        Ok(items.iter().zip(&holders).map(one).collect())
    }

    async fn holders(&self, items: &[Item]) -> Result<Holders, UnknownReason> {
        let mut holders = Vec::with_capacity(items.len());
        for item in items {
            let Item::Holds(key, _) = item else {
                holders.push(None);
                continue;
            };
            let mut all = Vec::new();
            for dn in self.called(key).await? {
                match self.read(&dn).await {
                    Ok(Some(somebody)) => all.push(somebody.groups),
                    Ok(None) | Err(UnknownReason::NotOneEntry) => {}
                    Err(reason) => return Err(reason),
                }
            }
            holders.push((!all.is_empty()).then_some(all));
        }
        Ok(holders)
    }

    /// Everybody of whom the items say something else than of most.
    async fn list(
        &self,
        items: &[Item],
        holders: &Holders,
        most: usize,
    ) -> Result<Listed, UnknownReason> {
        let mut names = BTreeSet::new();
        for (item, holders) in items.iter().zip(holders) {
            match item {
                Item::Any => return Ok(Listed::Nameless),
                Item::Undefined => {}
                Item::In(dn, _) => {
                    let Ok(dn) = DistinguishedName::parse(dn.as_str()) else {
                        return Err(UnknownReason::Malformed);
                    };
                    match self.below(&dn, most).await? {
                        Some(below) => names.extend(below),
                        None => return Ok(Listed::TooMany),
                    }
                }
                Item::Holds(_, reach) => {
                    let reached = holders.iter().flatten().flat_map(|of| of.reached(*reach));
                    names.extend(reached.map(|group| group.dn.clone()));
                }
            }
            if names.len() > most {
                return Ok(Listed::TooMany);
            }
        }
        Ok(Listed::Called(names.into_iter().collect()))
    }

    /// Whom a group names like that.
    async fn called(&self, key: &MemberKey) -> Result<Vec<DistinguishedName>, UnknownReason> {
        let uid = match key {
            MemberKey::Dn(dn) => {
                return Ok(DistinguishedName::parse(dn.as_str()).into_iter().collect());
            }
            MemberKey::Uid(uid) => uid,
        };
        let mut found = Vec::new();
        for user_type in &self.policy.user_types {
            let called = Filter::equal("uid", uid.as_str());
            let filter = Filter::And(vec![called, user_type.filter.clone()]);
            found.extend(self.names_below(&user_type.base, filter).await?);
        }
        Ok(found.iter().filter_map(|dn| DistinguishedName::parse(dn).ok()).collect())
    }

    /// The users whose primary group bears an identifier: it does not list them.
    async fn with_primary_group(
        &self,
        sid: Option<&Sid>,
    ) -> Result<Vec<DistinguishedName>, UnknownReason> {
        let mut found: Vec<String> = Vec::new();
        let Some(last) = sid.and_then(Sid::last) else { return Ok(Vec::new()) };
        for user_type in &self.policy.user_types {
            let has_it = Filter::equal(PRIMARY_GROUP_ID, last.to_string());
            let filter = Filter::And(vec![has_it, user_type.filter.clone()]);
            found.extend(self.names_below(&user_type.base, filter).await?);
        }
        Ok(found.iter().filter_map(|dn| DistinguishedName::parse(dn).ok()).collect())
    }

    /// The names of the entries of these ids.
    pub(super) async fn find_names(
        &self,
        ids: &[UpstreamId],
    ) -> Result<Vec<String>, UnknownReason> {
        let mut found = BTreeSet::new();
        for suffix in &self.policy.suffixes {
            // Suffixes that lie within one another show an entry twice.
            found.extend(self.names_below(suffix, plan::any_of(ids)).await?);
        }
        Ok(found.into_iter().collect())
    }

    async fn names_below(
        &self,
        base: &DistinguishedName,
        filter: Filter,
    ) -> Result<Vec<String>, UnknownReason> {
        let search = Search {
            base: base.as_str().to_owned(),
            scope: Scope::Subtree,
            filter,
            attributes: vec!["1.1".to_owned()],
            size_limit: 0,
            time_limit: 0,
            controls: Vec::new(),
        };
        let found = self.lookups.search(search).await.map_err(LookupError::reason)?;
        Ok(found.into_iter().map(|entry| entry.dn).collect())
    }

    /// Whether somebody is known whom a group names like that.
    pub(super) async fn is_somebody(&self, key: &MemberKey) -> Result<bool, UnknownReason> {
        for dn in self.called(key).await? {
            match self.read(&dn).await {
                Ok(None) | Err(UnknownReason::NotOneEntry) => {}
                Ok(Some(_)) => return Ok(true),
                Err(reason) => return Err(reason),
            }
        }
        Ok(false)
    }

    /// The users whom a group holds.
    pub(super) async fn holding_upstream(
        &self,
        dn: &DistinguishedName,
        most: usize,
    ) -> Result<Holding, UnknownReason> {
        let Some(Somebody { as_group: Some((_, id)), .. }) = self.read(dn).await? else {
            return Ok(Holding::NoGroup);
        };
        let Some(below) = self.below(dn, most).await? else { return Ok(Holding::TooMany) };
        let mut held = Held::default();
        for name in below {
            let somebody = match DistinguishedName::parse(&name) {
                Ok(name) => self.read(&name).await,
                Err(_) => return Err(UnknownReason::Malformed),
            };
            match somebody {
                Ok(Some(Somebody { groups, as_group: None, uids })) => {
                    if groups.hold(dn.normalized(), Some(&id), Reach::Shown) {
                        held.names.push(name);
                        held.uids.extend(uids);
                    }
                }
                Ok(_) | Err(UnknownReason::NotOneEntry) => {}
                Err(reason) => return Err(reason),
            }
        }
        Ok(Holding::Users(held))
    }

    /// The names of everybody below a group, users and groups; `None` if they are more than `most`.
    /// Of a group that is none of the directory's nobody is.
    async fn below(
        &self,
        group: &DistinguishedName,
        most: usize,
    ) -> Result<Option<Vec<String>>, UnknownReason> {
        let Some(policy) = self.groups() else { return Ok(Some(Vec::new())) };
        let mut found: BTreeMap<NormalizedDn, String> = BTreeMap::new();
        let mut open = vec![group.clone()];
        let mut opened = BTreeSet::from([group.normalized().clone()]);
        while let Some(at) = open.pop() {
            // Elsewhere is no group of the directory, if anything.
            if !at.is_within(&policy.base) {
                continue;
            }
            let Some(lists) = observe::members_at(&self.lookups, policy, &at).await? else {
                continue;
            };
            let mut held = self.with_primary_group(lists.sid.as_ref()).await?;
            for key in lists.members {
                held.extend(self.called(&key).await?);
            }
            for dn in held {
                if dn.is_within(&policy.base) && opened.insert(dn.normalized().clone()) {
                    open.push(dn.clone());
                }
                found.insert(dn.normalized().clone(), dn.as_str().to_owned());
                if found.len() > most {
                    return Ok(None);
                }
            }
        }
        let given = self.records.given(&self.policy.name, None, most);
        let Some(given) = given else { return Ok(None) };
        for id in given {
            let key = UserKey { directory: self.policy.name.clone(), upstream_id: id };
            if let Some(stored) = self.records.find(&key)
                && let Ok(dn) = DistinguishedName::parse(&stored.record.dn)
            {
                found.insert(dn.normalized().clone(), dn.as_str().to_owned());
            }
        }
        Ok((found.len() <= most).then(|| found.into_values().collect()))
    }

    /// An entry with its groups; `None` if it is neither a user nor a group.
    async fn read(&self, dn: &DistinguishedName) -> Result<Option<Somebody>, UnknownReason> {
        let Some(policy) = self.groups() else { return Ok(None) };
        let entry = match observe::entry(&self.lookups, dn.as_str(), &self.attributes).await {
            Observed::Known(entry) => entry,
            Observed::Unknown(reason) => return Err(reason),
        };
        let user_type = identity::user_type(&self.policy, &entry.entry);
        let is_group = user_type.is_none() && is_group(policy, dn, &entry);
        if user_type.is_none() && !is_group {
            return Ok(None);
        }
        let mut groups = self.groups_of(policy, dn, &entry, user_type).await?;
        let lens = self.lens(policy);
        if !lens.is_clear() {
            groups.shown.retain(|group| lens.shows(&group.dn));
            groups.above.retain(|group| lens.shows(&group.dn));
        }
        let as_group = is_group.then(|| (dn.clone(), entry.upstream_id.clone()));
        let uids = identity::uids(policy, &entry.entry);
        Ok(Some(Somebody { groups, as_group, uids }))
    }

    async fn groups_of(
        &self,
        policy: &GroupPolicy,
        dn: &DistinguishedName,
        entry: &ObservedEntry,
        user_type: Option<&UserType>,
    ) -> Result<Groups, UnknownReason> {
        let mode = self.lens(policy).mode();
        let (overlay, _) = overlay(&self.records, &self.policy, &entry.upstream_id, mode);
        let (more, less) = match overlay {
            Overlay::Suspended => return Ok(Groups::default()),
            Overlay::Nothing => (Vec::new(), BTreeSet::new()),
            Overlay::Changed { more, less, frozen: None } => (more, less),
            Overlay::Changed { more, less, frozen: Some(frozen) } => {
                let kept = frozen.into_iter().filter(|group| !less.contains(&group.id));
                return Ok(Groups {
                    shown: more.into_iter().chain(kept).collect(),
                    above: Vec::new(),
                });
            }
        };
        let closure = self.walk(policy, dn, entry).await?;
        let is_kept = |group: &Group| {
            let is_ignored = user_type.is_some_and(|user_type| user_type.ignores(group));
            !less.contains(&group.id) && !is_ignored
        };
        let shown = flatten(&closure, mode, &BTreeSet::new());
        let shown = shown.iter().filter_map(|id| closure.get(id)).map(|seen| &seen.group);
        let shown: Vec<Group> = shown.filter(|group| is_kept(group)).cloned().collect();
        let above = closure.values().map(|seen| &seen.group).filter(|group| is_kept(group));
        let above = above.chain(&more).cloned().collect();
        Ok(Groups { shown: shown.into_iter().chain(more).collect(), above })
    }

    async fn walk(
        &self,
        policy: &GroupPolicy,
        dn: &DistinguishedName,
        entry: &ObservedEntry,
    ) -> Result<Closure, UnknownReason> {
        let member = identity::member(policy, dn.clone(), &entry.entry)?;
        let upstream_id = entry.upstream_id.clone();
        let key = UserKey { directory: self.policy.name.clone(), upstream_id };
        let stored = self.records.find(&key);
        let held: BTreeSet<UpstreamId> = stored
            .iter()
            .flat_map(|stored| stored.record.managed_memberships().map(|(id, _)| id.clone()))
            .collect();
        match self.finder.groups(&self.lookups, policy, &member, &held, None).await.closure {
            Observed::Known(closure) => Ok(closure),
            Observed::Unknown(reason) => Err(reason),
        }
    }
}

fn is_group(policy: &GroupPolicy, dn: &DistinguishedName, entry: &ObservedEntry) -> bool {
    dn.is_within(&policy.base) && evaluate(&policy.filter, &entry.entry) == Truth::True
}

impl Groups {
    fn truth(&self, item: &Item) -> Truth {
        match item {
            Item::Undefined | Item::Holds(..) => Truth::Undefined,
            Item::Any => Truth::from_bool(!self.shown.is_empty()),
            Item::In(dn, reach) => Truth::from_bool(self.hold(dn, None, *reach)),
        }
    }

    fn reached(&self, reach: Reach) -> impl Iterator<Item = &Group> {
        let above = self.above.iter().filter(move |_| reach == Reach::Chain);
        self.shown.iter().chain(above)
    }

    /// Whether a group of that name, or that id, is among them.
    fn hold(&self, dn: &NormalizedDn, id: Option<&UpstreamId>, reach: Reach) -> bool {
        let own = own_id(dn);
        self.reached(reach).any(|group| {
            let name = || DistinguishedName::parse(&group.dn);
            Some(&group.id) == id
                || group.id == own
                || name().is_ok_and(|name| name.normalized() == dn)
        })
    }
}
