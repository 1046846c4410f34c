//! What is stored of a user, in the place of what the next sign-on would read: the last complete
//! observation or, without one, what the record holds.

use super::{Setting, Subject, Unsure, last_type};
use crate::domain::matching::{Truth, evaluate};
use crate::domain::observation::{Closure, Observed, ObservedGroup, UnknownReason};
use crate::domain::plan::asks_for_groups;
use crate::domain::policy::{DirectoryPolicy, GroupPolicy, GroupSync, Switch, UserType};
use crate::domain::recollection::{Recollection, nameless};
use crate::domain::record::{GroupsOutcome, InactiveReason, Record, UpstreamId};
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::proto::search::{Attribute, Entry};
use std::collections::BTreeSet;

/// What is known of a user under a policy, and what of it cannot be told.
pub(super) struct Memory<'a> {
    record: &'a Record,
    recollection: Option<&'a Recollection>,
    outcome: &'a GroupsOutcome,
    policy: &'a DirectoryPolicy,
    setting: &'a Setting<'a>,
    /// The user type that took the entry last, as it was.
    last: Option<&'a UserType>,
    entry: Entry,
    unsure: &'a mut BTreeSet<Unsure>,
}

impl<'a> Memory<'a> {
    pub(super) fn new(
        subject: &Subject<'a>,
        policy: &'a DirectoryPolicy,
        setting: &'a Setting<'a>,
        unsure: &'a mut BTreeSet<Unsure>,
    ) -> Self {
        let Subject { record, recollection, outcome } = *subject;
        let last = last_type(record, setting.old);
        let entry = match recollection {
            Some(recollection) => recollection.entry(),
            None => of_record(record, last),
        };
        Self { record, recollection, outcome, policy, setting, last, entry, unsure }
    }

    /// The entry, with whatever was put in the place of what is not known.
    pub(super) fn entry(self) -> Entry {
        self.entry
    }

    /// The user type that takes the entry, without what it asks for and is not known.
    pub(super) fn user_type(&mut self) -> Option<UserType> {
        let mut user_type = self.taker()?.clone();
        self.settle_name(&mut user_type);
        self.settle_disabled(&mut user_type);
        self.settle_attributes(&user_type);
        Some(user_type)
    }

    /// Whether it is known which values an attribute has, if any.
    fn knows(&self, name: &str) -> bool {
        !self.entry.values(name).is_empty()
            || self.recollection.is_some_and(|recollection| recollection.knows(name))
    }

    /// The user type that takes the entry under the policy. Where a filter cannot be decided that comes
    /// first, the record's own type is taken to stay, and it is told.
    fn taker(&mut self) -> Option<&'a UserType> {
        let dn = DistinguishedName::parse(&self.entry.dn).ok()?;
        if dn == self.policy.service_account {
            return None;
        }
        for user_type in &self.policy.user_types {
            if !dn.is_within(&user_type.base) {
                continue;
            }
            match self.decided(user_type) {
                Some(true) => return Some(user_type),
                Some(false) => {}
                None => drop(self.unsure.insert(Unsure::Filter(user_type.name.to_string()))),
            }
        }
        // Nothing is known to take it: that it is out of scope counts only if nothing may.
        let is_own = |user_type: &&UserType| user_type.name == self.record.user_type;
        let own = self.policy.user_types.iter().find(is_own);
        own.filter(|user_type| self.unsure.contains(&Unsure::Filter(user_type.name.to_string())))
    }

    /// Whether a user type takes an entry that lies below its base; `None` if that depends on what is not
    /// known.
    fn decided(&self, user_type: &UserType) -> Option<bool> {
        let filter = &user_type.filter;
        let is_as_before = self
            .last
            .is_some_and(|last| last.name == user_type.name && last.filter == user_type.filter);
        let asked = filter.attributes();
        if self.recollection.is_some() && asked.iter().all(|name| self.knows(name)) {
            return Some(evaluate(filter, &self.entry) == Truth::True);
        }
        if is_as_before {
            return Some(!self.record.inactive.contains(&InactiveReason::Scope));
        }
        let is_any = *filter == Filter::any_entry();
        let is_known = is_any || asked.iter().all(|name| self.knows(name));
        is_known.then(|| evaluate(filter, &self.entry) == Truth::True)
    }

    fn settle_name(&mut self, user_type: &mut UserType) {
        if self.knows(&user_type.username) {
            return;
        }
        let is_same = self.last.is_some_and(|last| {
            last.username.eq_ignore_ascii_case(&user_type.username)
                && rule_text(last) == rule_text(user_type)
        });
        if !is_same {
            self.unsure.insert(Unsure::UserName);
        }
        // The name stays as it is.
        user_type.name_rule = None;
        let name = self.record.collision.as_ref().unwrap_or(&self.record.name);
        let values = vec![name.clone().into_bytes()];
        self.entry.attributes.push(Attribute { name: user_type.username.clone(), values });
    }

    fn settle_disabled(&mut self, user_type: &mut UserType) {
        let Some(filter) = &user_type.disabled else { return };
        let is_known =
            self.recollection.is_some() && filter.attributes().iter().all(|name| self.knows(name));
        if is_known {
            return;
        }
        if self.last.and_then(|last| last.disabled.as_ref()) != Some(filter) {
            self.unsure.insert(Unsure::Disabled);
        }
        user_type.disabled = None;
    }

    fn settle_attributes(&mut self, user_type: &UserType) {
        let was_mapped = |upstream: &str| {
            self.last.is_some_and(|last| {
                last.attributes.iter().any(|known| known.upstream.eq_ignore_ascii_case(upstream))
            })
        };
        let names = user_type.attributes.iter().map(|mapping| &mapping.upstream);
        // What was mapped and is not there has no values.
        let news = names.filter(|name| !self.knows(name) && !was_mapped(name));
        let news: Vec<Unsure> = news.map(|name| Unsure::Attribute(name.clone())).collect();
        self.unsure.extend(news);
    }

    /// The user's groups, as far as the sign-on would ask for them.
    pub(super) fn groups(
        &mut self,
        user_type: Option<&UserType>,
        switch: Switch,
    ) -> Observed<Closure> {
        let unasked = Observed::Unknown(UnknownReason::NotAsked);
        let (Some(user_type), Some(groups)) = (user_type, &self.policy.groups) else {
            return unasked;
        };
        match self.recollection {
            Some(recollection) => {
                if !asks_for_groups(user_type, switch, Some(self.record)) {
                    return unasked;
                }
                self.groups_seen(recollection, user_type, groups)
            }
            None if follows(user_type, switch) => self.groups_recorded(user_type),
            None => unasked,
        }
    }

    /// The closure as it was seen.
    fn groups_seen(
        &mut self,
        recollection: &Recollection,
        user_type: &UserType,
        groups: &GroupPolicy,
    ) -> Observed<Closure> {
        let before = self.setting.old.and_then(|old| old.groups.as_ref());
        let is_elsewhere = before.map(search) != Some(search(groups));
        // What was not complete by the old bounds may be by the new ones.
        let was_complete = matches!(
            self.outcome,
            GroupsOutcome::Known | GroupsOutcome::Unknown(UnknownReason::NotAsked)
        );
        let is_bounded_otherwise = before.map(bounds) != Some(bounds(groups));
        let (Some(closure), false, false) =
            (&recollection.groups, is_elsewhere, is_bounded_otherwise && !was_complete)
        else {
            self.unsure.insert(Unsure::Groups);
            return Observed::Unknown(UnknownReason::NotAsked);
        };
        if closure.len() > groups.max_groups_per_user {
            return Observed::Unknown(UnknownReason::TooManyGroups);
        }
        let depth = closure.values().map(|seen| seen.route.depth()).max().unwrap_or(0);
        if depth >= groups.max_depth {
            return Observed::Unknown(UnknownReason::DepthLimit);
        }
        let mut closure = closure.clone();
        for (id, seen) in &mut closure {
            if !seen.group.dn.is_empty() {
                continue;
            }
            match self.setting.groups.group(id) {
                Some(kept) => seen.group = kept,
                None if user_type.ignored_groups.is_empty() => {}
                None => drop(self.unsure.insert(Unsure::Ignored)),
            }
        }
        // Whether a group is ignored may depend on what it is called.
        let is_called_otherwise =
            before.is_some_and(|before| before.name_attribute != groups.name_attribute);
        if is_called_otherwise && !user_type.ignored_groups.is_empty() {
            self.unsure.insert(Unsure::Ignored);
        }
        Observed::Known(closure)
    }

    /// The closure that the record holds, if it is what the directory said last and would say again.
    fn groups_recorded(&mut self, user_type: &UserType) -> Observed<Closure> {
        let followed = self.last.is_some_and(|last| {
            let of_type = || (self.setting.switch)(&last.name).unwrap_or(last.update_on_sign_on);
            follows(last, self.record.switch.unwrap_or_else(of_type))
        });
        let of = |policy: Option<&DirectoryPolicy>| policy?.groups.as_ref().map(search);
        if !followed || of(self.setting.old) != of(Some(self.policy)) {
            self.unsure.insert(Unsure::Groups);
            return Observed::Unknown(UnknownReason::NotAsked);
        }
        let ignored = self.last.map(|last| &last.ignored_groups);
        let is_ignored = |pattern| user_type.ignored_groups.contains(pattern);
        if ignored.is_some_and(|patterns| !patterns.iter().all(is_ignored)) {
            self.unsure.insert(Unsure::Ignored);
        }
        let groups = self.setting.groups;
        let seen = self.record.managed_memberships().map(|(id, row): (&UpstreamId, _)| {
            let group = groups.group(id).unwrap_or_else(|| nameless(id));
            let seen = ObservedGroup { group, route: row.route.clone(), members: BTreeSet::new() };
            (id.clone(), seen)
        });
        Observed::Known(seen.collect())
    }
}

fn follows(user_type: &UserType, switch: Switch) -> bool {
    user_type.groups == GroupSync::Always && switch.is_on()
}

/// The entry as far as the record holds it. A record that the directory has made inactive stays so.
fn of_record(record: &Record, last: Option<&UserType>) -> Entry {
    let mut attributes: Vec<Attribute> = Vec::new();
    let mut put = |name: &str, values: Vec<Vec<u8>>| {
        if !attributes.iter().any(|known| known.name.eq_ignore_ascii_case(name)) {
            attributes.push(Attribute { name: name.to_owned(), values });
        }
    };
    for mapping in last.into_iter().flat_map(|user_type| &user_type.attributes) {
        if let Some(values) = record.attributes.get(&mapping.local) {
            put(&mapping.upstream, values.clone());
        }
    }
    if let Some(user_type) = last.filter(|user_type| user_type.name_rule.is_none()) {
        let name = record.collision.as_ref().unwrap_or(&record.name);
        put(&user_type.username, vec![name.clone().into_bytes()]);
    }
    if record.inactive.contains(&InactiveReason::Upstream) {
        put("nsAccountLock", vec![b"TRUE".to_vec()]);
    }
    Entry { dn: record.dn.clone(), attributes }
}

fn rule_text(user_type: &UserType) -> String {
    format!("{:?}", user_type.name_rule)
}

/// Where and how groups are looked for.
fn search(groups: &GroupPolicy) -> String {
    format!("{:?} {:?} {:?}", groups.base, groups.filter, groups.member_attributes)
}

/// What makes a closure unknown that is too large.
fn bounds(groups: &GroupPolicy) -> (usize, usize) {
    (groups.max_depth, groups.max_groups_per_user)
}
