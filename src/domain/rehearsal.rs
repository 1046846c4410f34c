//! What another configuration would change of a record, from what is stored of its user: the plan of
//! the next sign-on under the one and the other, and the difference.
//!
//! What the last complete observation said is kept beside the record (`recollection`): as if it came once
//! more. Without it there is what the record holds: mapped attributes, user name, DN, and the closure of
//! groups. What a new rule asks beyond that cannot be told without reading the directory, and is named;
//! it is never guessed.

mod stored;

use super::change::Change;
use super::change::apply;
use super::observation::{Closure, Observation, Observed, ObservedEntry};
use super::plan::{Assigned, Cause, KnownGroups, Names, NoPlan, Question, doubtful, plan};
use super::policy::{DirectoryPolicy, Flatten, GroupSync, Switch, UserType};
use super::recollection::Recollection;
use super::record::{Group, GroupsOutcome, InactiveReason, Record, RecordId, UpstreamId};
use super::time::Timestamp;
use super::view::sight::{Shown, served};
use crate::proto::dn::DistinguishedName;
use std::collections::BTreeSet;
use stored::Memory;

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
    /// Groups that were ignored so far, so they are not stored, or not how they are called.
    Ignored,
    /// Whether the service account may read this attribute, which the entry did not show and which would
    /// go then.
    Readable(String),
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
    /// Groups that would be shown by default that are not, by how groups are flattened.
    pub shown: BTreeSet<UpstreamId>,
    /// Groups that would not be shown any more, by how groups are flattened.
    pub unshown: BTreeSet<UpstreamId>,
    /// The next sign-on would have no user name, so nothing would be written.
    pub is_nameless: bool,
    /// The record's directory would not be configured any more.
    pub is_left_alone: bool,
}

impl Outlook {
    /// Whether the other configuration makes no difference that is known or possible.
    pub fn is_empty(&self) -> bool {
        !self.is_certain() && self.unsure.is_empty()
    }

    /// Whether it makes a difference that is known.
    pub fn is_certain(&self) -> bool {
        !self.changes.is_empty()
            || !self.spared.is_empty()
            || !self.shown.is_empty()
            || !self.unshown.is_empty()
            || self.is_nameless
            || self.is_left_alone
    }
}

/// What is stored of a user.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The record.
    pub record: &'a Record,
    /// What is kept of the last complete observation, if anything is.
    pub recollection: Option<&'a Recollection>,
    /// What the last observation said of the groups.
    pub outcome: &'a GroupsOutcome,
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
pub fn rehearse(subject: &Subject<'_>, setting: &Setting<'_>) -> Outlook {
    let mut outlook = Outlook::default();
    let Some(new) = setting.new else {
        outlook.is_left_alone = setting.old.is_some();
        return outlook;
    };
    if subject.record.inactive.contains(&InactiveReason::Missing) {
        return outlook;
    }
    let before = setting.old.map(|old| next_under(subject, old, setting, &mut BTreeSet::new()));
    let before = before.unwrap_or_default();
    let after = next_under(subject, new, setting, &mut outlook.unsure);
    let beside = |one: &Next, other: &Next| -> Vec<Change> {
        one.changes.iter().filter(|change| !other.changes.contains(change)).cloned().collect()
    };
    outlook.changes = beside(&after, &before);
    outlook.spared = beside(&before, &after);
    outlook.is_nameless = after.is_nameless && !before.is_nameless;
    if before.flatten != after.flatten {
        outlook.shown = after.shown.difference(&before.shown).cloned().collect();
        outlook.unshown = before.shown.difference(&after.shown).cloned().collect();
    }
    outlook
}

/// The next sign-on under a configuration.
#[derive(Default)]
struct Next {
    changes: Vec<Change>,
    is_nameless: bool,
    flatten: Option<Flatten>,
    /// The groups that whoever has no view is shown then.
    shown: BTreeSet<UpstreamId>,
}

/// The type that the record is of under a policy.
fn last_type<'p>(record: &Record, policy: Option<&'p DirectoryPolicy>) -> Option<&'p UserType> {
    policy?.user_types.iter().find(|user_type| user_type.name == record.user_type)
}

fn next_under(
    subject: &Subject<'_>,
    policy: &DirectoryPolicy,
    setting: &Setting<'_>,
    unsure: &mut BTreeSet<Unsure>,
) -> Next {
    let record = subject.record;
    let mut memory = Memory::new(subject, policy, setting, unsure);
    let user_type = memory.user_type();
    let switch = user_type.as_ref().map_or(Switch::On, |user_type| {
        let of_type = || (setting.switch)(&user_type.name).unwrap_or(user_type.update_on_sign_on);
        record.switch.unwrap_or_else(of_type)
    });
    let groups = memory.groups(user_type.as_ref(), switch);
    let entry = memory.entry();
    let assigned = assigned(record, policy, user_type.as_ref(), setting, unsure);
    if let (Some(user_type), true) = (&user_type, switch.is_on()) {
        let is_new = |name: &&str| {
            let last = last_type(record, setting.old);
            last.is_none_or(|last| !doubtful(&last.attributes, &entry, record).contains(name))
        };
        let names = doubtful(&user_type.attributes, &entry, record);
        let news = names.iter().filter(|name| subject.recollection.is_some() && is_new(name));
        unsure.extend(news.map(|name| Unsure::Readable((*name).to_owned())));
    }
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
    let is_nameless = planned == Err(NoPlan::NoUserName);
    if is_nameless && subject.recollection.is_none() {
        unsure.insert(Unsure::UserName);
    }
    let changes = planned.map(|plan| plan.changes).unwrap_or_default();
    let flatten = policy.groups.as_ref().map(|groups| groups.flatten);
    let mut next = Next { changes, is_nameless, flatten, shown: BTreeSet::new() };
    let after = apply(Some(record.clone()), &next.changes).ok().flatten();
    if let (Some(after), Some(mode)) = (after, flatten) {
        next.shown = shown(&after, user_type.as_ref(), switch, &observation.groups, mode);
    }
    next
}

/// The groups of a record that whoever has no view is shown; without a name there nothing is mapped.
fn shown(
    record: &Record,
    user_type: Option<&UserType>,
    switch: Switch,
    groups: &Observed<Closure>,
    mode: Flatten,
) -> BTreeSet<UpstreamId> {
    if mode == Flatten::Mapped {
        return BTreeSet::new();
    }
    let is_followed =
        |user_type: &UserType| user_type.groups == GroupSync::Always && switch.is_on();
    let follows = user_type.is_none_or(is_followed);
    let looked_at =
        |follows| served(&Shown { record, user_type, follows, entry: None, groups }, mode);
    match (looked_at(follows), looked_at(false)) {
        (Observed::Known(shown), _) | (Observed::Unknown(_), Observed::Known(shown)) => shown,
        (Observed::Unknown(_), Observed::Unknown(_)) => BTreeSet::new(),
    }
}

/// Names are not compared: who else would be called how is told by that record.
struct Nobody;

impl Names for Nobody {
    fn is_taken(&self, _: &str) -> bool {
        false
    }
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
            Self::Readable(name) => format!(
                "attribute {name:?}: the entry does not show it, and it goes if it may be read"
            ),
            Self::Disabled => {
                "whether the account is disabled: disabled_filter asks for what is not stored"
                    .to_owned()
            }
            Self::Given(name) => format!("group {name:?}, which is given and nobody has yet"),
        }
    }
}
