//! The groups of an entry where no live copy says them: the directory is asked, as at a sign-on.

use super::effective::{Overlay, overlay};
use super::{Seen, Serving, Truths, Wanted, stranger};
use crate::app::observe;
use crate::app::ports::{Ports, Records};
use crate::app::sign_on::own_id;
use crate::domain::identity;
use crate::domain::matching::{Truth, evaluate};
use crate::domain::membership::{Member, flatten};
use crate::domain::observation::{Closure, Observed, ObservedEntry, UnknownReason};
use crate::domain::policy::{GroupPolicy, UserType};
use crate::domain::record::{Group, UpstreamId, UserKey};
use crate::domain::serving::filter::{Item, Reach, truth};
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use std::collections::BTreeSet;

/// The groups of an entry.
#[derive(Debug, Default)]
struct Groups {
    shown: Vec<Group>,
    /// All that are above the entry in the directory.
    above: Vec<Group>,
}

impl<P: Ports> Serving<P> {
    pub(super) async fn look_upstream(&self, dn: &DistinguishedName, wanted: &Wanted) -> Seen {
        let groups = match self.read(dn).await {
            Ok(Some(groups)) => groups,
            Ok(None) => return stranger(wanted),
            Err(reason) => return Seen::Unknown(reason),
        };
        let Some(policy) = self.groups() else { return stranger(wanted) };
        if let Some(check) = &wanted.check
            && truth(check, &mut |item| groups.truth(item)) != Truth::True
        {
            return Seen::Unmatched;
        }
        let mut values: Vec<String> = Vec::new();
        if wanted.values {
            let lens = self.lens(policy);
            values.extend(groups.shown.into_iter().map(|group| lens.called(group.dn)));
            values.sort_unstable();
            values.dedup();
        }
        Seen::Shown(values)
    }

    pub(super) async fn tell_upstream(&self, dn: &DistinguishedName, items: &[Item]) -> Truths {
        match self.read(dn).await {
            Ok(Some(groups)) => {
                Truths::Known(items.iter().map(|item| groups.truth(item)).collect())
            }
            // Whether there is such an entry is the directory's to say.
            Ok(None) | Err(UnknownReason::NotOneEntry) => Truths::Stranger,
            Err(_) => Truths::Unknown,
        }
    }

    /// The groups of an entry; `None` if it is neither a user nor a group.
    async fn read(&self, dn: &DistinguishedName) -> Result<Option<Groups>, UnknownReason> {
        let Some(policy) = self.groups() else { return Ok(None) };
        let entry = match observe::entry(&self.lookups, dn.as_str(), &self.attributes).await {
            Observed::Known(entry) => entry,
            Observed::Unknown(reason) => return Err(reason),
        };
        let user_type = identity::user_type(&self.policy, &entry.entry);
        if user_type.is_none() && !is_group(policy, dn, &entry) {
            return Ok(None);
        }
        let mut groups = self.groups_of(policy, dn, &entry, user_type).await?;
        let lens = self.lens(policy);
        if !lens.is_clear() {
            groups.shown.retain(|group| lens.shows(&group.dn));
            groups.above.retain(|group| lens.shows(&group.dn));
        }
        Ok(Some(groups))
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
        let uids = identity::uids(policy, &entry.entry);
        let member = Member { uids, ..Member::by_dn(dn.clone()) };
        let upstream_id = entry.upstream_id.clone();
        let key = UserKey { directory: self.policy.name.clone(), upstream_id };
        let stored = self.records.find(&key);
        let held: BTreeSet<UpstreamId> = stored
            .iter()
            .flat_map(|stored| stored.record.managed_memberships().map(|(id, _)| id.clone()))
            .collect();
        match self.finder.groups(&self.lookups, policy, &member, &held).await.closure {
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
            Item::Undefined => Truth::Undefined,
            Item::Any => Truth::from_bool(!self.shown.is_empty()),
            Item::In(dn, Reach::Shown) => Truth::from_bool(holds(&self.shown, dn)),
            Item::In(dn, Reach::Chain) => {
                Truth::from_bool(holds(&self.above, dn) || holds(&self.shown, dn))
            }
        }
    }
}

fn holds(groups: &[Group], dn: &NormalizedDn) -> bool {
    let own = own_id(dn);
    let is_it = |group: &Group| {
        let name = || DistinguishedName::parse(&group.dn);
        group.id == own || name().is_ok_and(|name| name.normalized() == dn)
    };
    groups.iter().any(is_it)
}
