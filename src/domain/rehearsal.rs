//! What another configuration would change of a record, from what is stored of its user: the plan of
//! the next sign-on under the one and the other, and the difference.
//!
//! A record holds what the old configuration had it keep: mapped attributes, user name, DN, and the
//! closure of groups. What a new rule asks beyond that cannot be told without reading the directory,
//! and is named; it is never guessed.

use super::change::Change;
use super::matching::{Truth, evaluate};
use super::observation::UnknownReason;
use super::observation::{Closure, Observation, Observed, ObservedEntry, ObservedGroup};
use super::plan::{Assigned, Cause, KnownGroups, Names, NoPlan, Question, plan};
use super::policy::{DirectoryPolicy, GroupPolicy, GroupSync, Switch, UserType};
use super::record::{Group, InactiveReason, Record, RecordId, UpstreamId};
use super::time::Timestamp;
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::proto::search::{Attribute, Entry};
use std::collections::BTreeSet;

/// Something that cannot be told without reading the directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsure {
    /// Whether this user type takes the entry: its filter asks for what is not stored.
    Filter(String),
    /// The user name: it is made of what is not stored.
    UserName,
    /// This attribute of the directory, which was not kept so far.
    Attribute(String),
    /// The groups: they are looked for elsewhere or otherwise, or were not followed so far.
    Groups,
    /// Groups that were ignored so far, so they are not stored.
    Ignored,
    /// Whether the account is disabled: the filter asks for what is not stored.
    Disabled,
    /// A group that the configuration gives, and that nobody has yet.
    Given(String),
}

/// What would change of a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outlook {
    /// Changes of the next sign-on that there would not be otherwise.
    pub changes: Vec<Change>,
    /// Changes of the next sign-on that there would not be any more.
    pub spared: Vec<Change>,
    /// What cannot be told.
    pub unsure: BTreeSet<Unsure>,
    /// The record's directory would not be configured any more.
    pub is_left_alone: bool,
}

impl Outlook {
    /// Whether the other configuration makes no difference that is known or possible.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.spared.is_empty()
            && self.unsure.is_empty()
            && !self.is_left_alone
    }
}

/// What there is beside the record.
pub struct Setting<'a> {
    /// The policy in force.
    pub old: Option<&'a DirectoryPolicy>,
    /// The other one.
    pub new: Option<&'a DirectoryPolicy>,
    /// The switch that was set at run time for a user type, which stands over either file.
    pub switch: &'a dyn Fn(&str) -> Option<Switch>,
    /// The groups that are kept.
    pub groups: &'a dyn KnownGroups,
    /// The group of a name that a configuration gives, if it can be told.
    pub given: &'a dyn Fn(&DirectoryPolicy, &DistinguishedName) -> Option<Group>,
    /// Now.
    pub now: Timestamp,
}

/// The difference between the next sign-ons under two configurations.
pub fn rehearse(record: &Record, setting: &Setting<'_>) -> Outlook {
    let mut outlook = Outlook::default();
    let Some(new) = setting.new else {
        outlook.is_left_alone = setting.old.is_some();
        return outlook;
    };
    if record.inactive.contains(&InactiveReason::Missing) {
        return outlook;
    }
    let before = setting.old.map(|old| changes_under(record, old, setting, &mut BTreeSet::new()));
    let before = before.unwrap_or_default();
    let after = changes_under(record, new, setting, &mut outlook.unsure);
    outlook.changes = after.iter().filter(|change| !before.contains(change)).cloned().collect();
    outlook.spared = before.into_iter().filter(|change| !after.contains(change)).collect();
    outlook
}

/// The type that the record is of under a policy.
fn last_type<'p>(record: &Record, policy: Option<&'p DirectoryPolicy>) -> Option<&'p UserType> {
    policy?.user_types.iter().find(|user_type| user_type.name == record.user_type)
}

fn changes_under(
    record: &Record,
    policy: &DirectoryPolicy,
    setting: &Setting<'_>,
    unsure: &mut BTreeSet<Unsure>,
) -> Vec<Change> {
    let last = last_type(record, setting.old);
    let mut entry = stored_entry(record, last);
    let user_type = taker(record, policy, last, &entry, unsure);
    let mut user_type = user_type.cloned();
    if let Some(user_type) = &mut user_type {
        settle_name(record, user_type, last, &mut entry, unsure);
        settle_disabled(user_type, last, unsure);
        settle_attributes(user_type, last, &entry, unsure);
    }
    let switch = user_type.as_ref().map_or(Switch::On, |user_type| {
        let of_type = || (setting.switch)(&user_type.name).unwrap_or(user_type.update_on_sign_on);
        record.switch.unwrap_or_else(of_type)
    });
    let groups = stored_groups(record, policy, user_type.as_ref(), switch, setting, unsure);
    let assigned = assigned(record, policy, user_type.as_ref(), setting, unsure);
    let observation = Observation {
        sent_at: setting.now,
        user: ObservedEntry { upstream_id: record.key.upstream_id.clone(), entry },
        groups,
        seen: Closure::new(),
        readable: BTreeSet::new(),
    };
    let planned = plan(&Question {
        record: Some(record),
        key: &record.key,
        observation: &observation,
        observed_at: None,
        user_type: user_type.as_ref(),
        update_on_sign_on: switch,
        groups: setting.groups,
        names: &Nobody,
        assigned: &assigned,
        cause: Cause::SignOn,
        new_id: &RecordId("".into()),
        now: setting.now,
    });
    match planned {
        Ok(plan) => plan.changes,
        Err(NoPlan::NoUserName) => {
            unsure.insert(Unsure::UserName);
            Vec::new()
        }
        Err(NoPlan::NotAUser | NoPlan::NotCreated) => Vec::new(),
    }
}

/// Names are not compared: who else would be called how is told by that record.
struct Nobody;

impl Names for Nobody {
    fn is_taken(&self, _: &str) -> bool {
        false
    }
}

/// The entry as far as the record holds it. A record that the directory has made inactive stays so.
fn stored_entry(record: &Record, last: Option<&UserType>) -> Entry {
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

fn knows(entry: &Entry, name: &str) -> bool {
    !entry.values(name).is_empty()
}

/// The user type that takes the entry under a policy. Where a filter cannot be decided that comes
/// first, the record's own type is taken to stay, and it is told.
fn taker<'p>(
    record: &Record,
    policy: &'p DirectoryPolicy,
    last: Option<&UserType>,
    entry: &Entry,
    unsure: &mut BTreeSet<Unsure>,
) -> Option<&'p UserType> {
    let dn = DistinguishedName::parse(&record.dn).ok()?;
    for user_type in &policy.user_types {
        if !dn.is_within(&user_type.base) {
            continue;
        }
        let is_as_before =
            last.is_some_and(|last| last.name == user_type.name && last.filter == user_type.filter);
        if is_as_before {
            let is_out = record.inactive.contains(&InactiveReason::Scope);
            if is_out {
                continue;
            }
            return Some(user_type);
        }
        match decided(&user_type.filter, entry) {
            Some(true) => return Some(user_type),
            Some(false) => {}
            None => drop(unsure.insert(Unsure::Filter(user_type.name.to_string()))),
        }
    }
    // Nothing is known to take it: that it is out of scope counts only if nothing may.
    let own = policy.user_types.iter().find(|user_type| user_type.name == record.user_type);
    own.filter(|user_type| unsure.contains(&Unsure::Filter(user_type.name.to_string())))
}

/// Whether an entry of which only some attributes are known matches; `None` if that depends on others.
fn decided(filter: &Filter, entry: &Entry) -> Option<bool> {
    let is_any = *filter == Filter::any_entry();
    let all_known = filter.attributes().into_iter().all(|name| knows(entry, name));
    (is_any || all_known).then(|| evaluate(filter, entry) == Truth::True)
}

fn settle_name(
    record: &Record,
    user_type: &mut UserType,
    last: Option<&UserType>,
    entry: &mut Entry,
    unsure: &mut BTreeSet<Unsure>,
) {
    if knows(entry, &user_type.username) {
        return;
    }
    let is_same = last.is_some_and(|last| {
        last.username.eq_ignore_ascii_case(&user_type.username)
            && rule_text(last) == rule_text(user_type)
    });
    if !is_same {
        unsure.insert(Unsure::UserName);
    }
    // The name stays as it is.
    user_type.name_rule = None;
    let name = record.collision.as_ref().unwrap_or(&record.name).clone().into_bytes();
    let attribute = Attribute { name: user_type.username.clone(), values: vec![name] };
    entry.attributes.push(attribute);
}

fn rule_text(user_type: &UserType) -> String {
    format!("{:?}", user_type.name_rule)
}

fn settle_disabled(
    user_type: &mut UserType,
    last: Option<&UserType>,
    unsure: &mut BTreeSet<Unsure>,
) {
    let Some(filter) = user_type.disabled.take() else { return };
    if last.and_then(|last| last.disabled.as_ref()) != Some(&filter) {
        unsure.insert(Unsure::Disabled);
    }
}

fn settle_attributes(
    user_type: &UserType,
    last: Option<&UserType>,
    entry: &Entry,
    unsure: &mut BTreeSet<Unsure>,
) {
    let was_mapped = |upstream: &str| {
        last.is_some_and(|last| {
            last.attributes.iter().any(|known| known.upstream.eq_ignore_ascii_case(upstream))
        })
    };
    let news = user_type.attributes.iter().map(|mapping| &mapping.upstream);
    let news = news.filter(|upstream| !was_mapped(upstream) && !knows(entry, upstream));
    unsure.extend(news.map(|upstream| Unsure::Attribute(upstream.clone())));
}

/// Where and how groups are looked for.
fn search(policy: &DirectoryPolicy) -> Option<String> {
    let of = |groups: &GroupPolicy| {
        format!("{:?} {:?} {:?}", groups.base, groups.filter, groups.member_attributes)
    };
    policy.groups.as_ref().map(of)
}

/// The closure that the record holds, if it is what the directory said last and would say again.
fn stored_groups(
    record: &Record,
    policy: &DirectoryPolicy,
    user_type: Option<&UserType>,
    switch: Switch,
    setting: &Setting<'_>,
    unsure: &mut BTreeSet<Unsure>,
) -> Observed<Closure> {
    let unknown = Observed::Unknown(UnknownReason::NotAsked);
    let Some(user_type) = user_type else { return unknown };
    let follows = |user_type: &UserType, switch: Switch| {
        user_type.groups == GroupSync::Always && switch.is_on()
    };
    if !follows(user_type, switch) || policy.groups.is_none() {
        return unknown;
    }
    let last = last_type(record, setting.old);
    let followed = last.is_some_and(|last| {
        let of_type = || (setting.switch)(&last.name).unwrap_or(last.update_on_sign_on);
        follows(last, record.switch.unwrap_or_else(of_type))
    });
    if !followed || setting.old.and_then(search) != search(policy) {
        unsure.insert(Unsure::Groups);
        return unknown;
    }
    let ignored = last.map(|last| &last.ignored_groups);
    let is_ignored = |pattern| user_type.ignored_groups.contains(pattern);
    if ignored.is_some_and(|patterns| !patterns.iter().all(is_ignored)) {
        unsure.insert(Unsure::Ignored);
    }
    let unnamed =
        |id: &UpstreamId| Group { id: id.clone(), dn: String::new(), name: String::new() };
    let seen = record.managed_memberships().map(|(id, row)| {
        let group = setting.groups.group(id).unwrap_or_else(|| unnamed(id));
        let seen = ObservedGroup { group, route: row.route.clone(), members: BTreeSet::new() };
        (id.clone(), seen)
    });
    Observed::Known(seen.collect())
}

fn assigned(
    record: &Record,
    policy: &DirectoryPolicy,
    user_type: Option<&UserType>,
    setting: &Setting<'_>,
    unsure: &mut BTreeSet<Unsure>,
) -> Assigned {
    let mut assigned = Assigned::default();
    if record.inactive.contains(&InactiveReason::Missing) {
        return assigned;
    }
    for name in user_type.into_iter().flat_map(|user_type| &user_type.always_groups) {
        match (setting.given)(policy, name) {
            Some(group) => assigned.always.push(group),
            None => drop(unsure.insert(Unsure::Given(name.as_str().to_owned()))),
        }
    }
    assigned
}

impl Unsure {
    /// The same for a person.
    pub fn text(&self) -> String {
        match self {
            Self::Filter(user_type) => {
                format!(
                    "whether user type {user_type:?} takes the entry: its filter asks for more than is stored"
                )
            }
            Self::UserName => "the user name: it is made of what is not stored".to_owned(),
            Self::Attribute(name) => format!("attribute {name:?}: it was not kept so far"),
            Self::Groups => {
                "groups: they would be looked for otherwise, or were not followed so far".to_owned()
            }
            Self::Ignored => "groups that were ignored so far".to_owned(),
            Self::Disabled => {
                "whether the account is disabled: disabled_filter asks for what is not stored"
                    .to_owned()
            }
            Self::Given(name) => format!("group {name:?}, which is given and nobody has yet"),
        }
    }
}
