//! Whether a client application is shown that a user is in a group, and by which name: what a search
//! of the user's entry then says (semantics section 10), told without asking.

use super::{Kind, View, VisibleTo};
use crate::domain::matching::{Truth, evaluate};
use crate::domain::membership::{flatten, flatten_kept};
use crate::domain::observation::{Closure, Observed, UnknownReason};
use crate::domain::policy::{Flatten, Switch, UserType};
use crate::domain::record::{Group, Provenance, Record, UpstreamId};
use crate::domain::serving::{Inactive, MEMBER_OF, ServePolicy};
use crate::proto::dn::DistinguishedName;
use crate::proto::search::Entry;
use std::collections::BTreeSet;

/// How a sign-on of a user by a client application is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Treatment {
    /// Whether the user's sign-on may be one by it at all: it may be for others by name.
    pub may_take: bool,
    /// Whether binds are served there.
    pub binds: bool,
    /// Whether the record follows the directory at such a sign-on.
    pub switch: Switch,
    /// Whether that is otherwise than by none.
    pub is_otherwise: bool,
}

/// How a view treats the sign-on of a user of that name, when it says this of following the directory,
/// the user type that, and the user's record perhaps something of its own (rule S5.8).
pub fn treatment(
    view: &View,
    name: &str,
    (says, of_type, own): (Option<Switch>, Switch, Option<Switch>),
) -> Treatment {
    let is_named = !view.matching.bind_dns.is_empty();
    let name = DistinguishedName::parse(name);
    let may_take = name.map_or(!is_named, |name| view.matching.may_take(&name));
    // Whoever binds is in the view of a name only behind that.
    let binds = view.serves(Kind::Bind) || is_named;
    let switch = own.or(says).unwrap_or(of_type);
    let plain = own.unwrap_or(of_type);
    Treatment { may_take, binds, switch, is_otherwise: may_take && (!binds || switch != plain) }
}

/// Who looks.
#[derive(Clone, Copy)]
pub struct Looker<'a> {
    /// By which view; `None` is by none.
    pub view: Option<&'a View>,
    /// What is added in the user's directory.
    pub serve: &'a ServePolicy,
    /// How groups are flattened there; `None` if it has none.
    pub flatten: Option<Flatten>,
}

/// Whom is looked at.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The record.
    pub record: &'a Record,
    /// The user type that took the entry last, if it is still configured.
    pub user_type: Option<&'a UserType>,
    /// Whether the record follows the directory's groups.
    pub follows: bool,
    /// The entry as it was read, with the attributes that were asked for; `None` if it was not.
    pub entry: Option<(&'a Entry, &'a [String])>,
    /// What the directory says of the user's groups now.
    pub groups: &'a Observed<Closure>,
}

/// What a search says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// That the user is in the group, which is called so.
    Shown(String),
    /// Nothing of it.
    Hidden(Hidden),
    /// What it says cannot be told from here.
    Unsure(Doubt),
}

/// Why a search does not say that a user is in a group; what decides first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// No searches are served.
    Searches,
    /// The user's entry is not below a base of the view.
    Base,
    /// The user's entry does not match the view's filter.
    Filter,
    /// The record is inactive, and those are not shown.
    Inactive,
    /// The attribute that lists groups is not shown.
    Attribute,
    /// The user is not in it.
    NotIn,
    /// The way in which groups are flattened leaves it out.
    Flattened(Flatten),
    /// It is not below a base of groups.
    GroupBase,
    /// It does not match the filter of groups.
    GroupFilter,
    /// Only groups are shown that have a name in the view.
    Unmapped,
}

/// Why it cannot be told what a search says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The directory's own values are shown.
    AsDirectory,
    /// The view's filter asks for attributes of the entry that are not read.
    Filter,
    /// It is not known which groups the user has.
    Groups(UnknownReason),
}

/// What searches of a user's entry say, for whoever looks.
pub struct Eye<'a> {
    view: Option<&'a View>,
    shown: Shown<'a>,
    flatten: Flatten,
    /// What is said of every group.
    decided: Option<Sight>,
    /// The groups that the user has, and those of them that the mode shows.
    groups: Observed<(BTreeSet<UpstreamId>, BTreeSet<UpstreamId>)>,
}

impl<'a> Eye<'a> {
    /// Of one who looks, on one user.
    pub fn new(looker: &Looker<'a>, shown: &Shown<'a>) -> Self {
        let flatten = looker.view.and_then(|view| view.flatten).or(looker.flatten);
        let flatten = flatten.unwrap_or(Flatten::Ancestors);
        let groups = match (served(shown, Flatten::Ancestors), served(shown, mode(flatten))) {
            (Observed::Known(all), Observed::Known(some)) => Observed::Known((all, some)),
            (Observed::Unknown(reason), _) | (_, Observed::Unknown(reason)) => {
                Observed::Unknown(reason)
            }
        };
        let decided = of_entry(looker, shown).or_else(|| of_values(looker));
        Self { view: looker.view, shown: *shown, flatten, decided, groups }
    }

    /// What a search of the user's entry says of a group.
    pub fn sees(&self, group: &Group) -> Sight {
        if let Some(decided) = &self.decided {
            return decided.clone();
        }
        let (all, of_mode) = match &self.groups {
            Observed::Known(known) => known,
            Observed::Unknown(reason) => return Sight::Unsure(Doubt::Groups(*reason)),
        };
        if !all.contains(&group.id) {
            return Sight::Hidden(Hidden::NotIn);
        }
        if !of_mode.contains(&group.id) {
            return Sight::Hidden(Hidden::Flattened(self.flatten));
        }
        let dn = &as_seen(&self.shown, group).dn;
        match self.view {
            Some(view) => by_name(view, self.flatten, dn),
            // Without a view nothing has a name there.
            None if self.flatten == Flatten::Mapped => Sight::Hidden(Hidden::Unmapped),
            None => Sight::Shown(dn.clone()),
        }
    }
}

/// The mode by which groups are found. Whatever is mapped is found anywhere above.
fn mode(flatten: Flatten) -> Flatten {
    if flatten == Flatten::Mapped { Flatten::Ancestors } else { flatten }
}

/// What is decided by the user's entry.
fn of_entry(looker: &Looker<'_>, shown: &Shown<'_>) -> Option<Sight> {
    let record = shown.record;
    if let Some(view) = looker.view {
        if view.bind_only || !view.serves(Kind::Search) {
            return Some(Sight::Hidden(Hidden::Searches));
        }
        let dn = shown.entry.map_or(&record.dn, |(entry, _)| &entry.dn);
        if !view.shows_entry(dn.as_bytes()) {
            return Some(Sight::Hidden(Hidden::Base));
        }
        if let Some(filter) = &view.filter {
            let is_read = |name: &&str, read: &[String]| {
                read.iter().any(|known| known.eq_ignore_ascii_case(name))
            };
            let known = shown
                .entry
                .filter(|(_, read)| filter.attributes().iter().all(|name| is_read(name, read)));
            match known.map(|(entry, _)| evaluate(filter, entry)) {
                None => return Some(Sight::Unsure(Doubt::Filter)),
                Some(Truth::True) => {}
                Some(Truth::False | Truth::Undefined) => {
                    return Some(Sight::Hidden(Hidden::Filter));
                }
            }
        }
    }
    let inactive = looker.view.and_then(|view| view.inactive).unwrap_or(looker.serve.inactive);
    let is_hidden = looker.flatten.is_some() && inactive == Inactive::Hide && !record.is_active();
    is_hidden.then_some(Sight::Hidden(Hidden::Inactive))
}

/// What is decided by how groups are listed at all.
fn of_values(looker: &Looker<'_>) -> Option<Sight> {
    let view = looker.view;
    if view.is_some_and(|view| !view.shows_attribute(MEMBER_OF.as_bytes())) {
        return Some(Sight::Hidden(Hidden::Attribute));
    }
    let is_for_nobody = view.is_some_and(
        |view| matches!(&view.visible_to, VisibleTo::Named(names) if names.is_empty()),
    );
    let is_served = looker.serve.member_of && looker.flatten.is_some() && !is_for_nobody;
    (!is_served).then_some(Sight::Unsure(Doubt::AsDirectory))
}

/// What is decided by what the group is called.
fn by_name(view: &View, flatten: Flatten, dn: &str) -> Sight {
    let groups = &view.groups;
    if !groups.is_below_base(dn) {
        Sight::Hidden(Hidden::GroupBase)
    } else if !groups.shows(dn) {
        Sight::Hidden(Hidden::GroupFilter)
    } else if flatten == Flatten::Mapped && !groups.renames(dn) {
        Sight::Hidden(Hidden::Unmapped)
    } else {
        Sight::Shown(groups.called(dn.to_owned()))
    }
}

/// The group as the directory shows it now, if it does.
fn as_seen<'a>(shown: &Shown<'a>, group: &'a Group) -> &'a Group {
    match shown.groups {
        Observed::Known(closure) => closure.get(&group.id).map_or(group, |seen| &seen.group),
        Observed::Unknown(_) => group,
    }
}

/// The groups that are shown of a user (rule S10.1).
pub fn served(shown: &Shown<'_>, mode: Flatten) -> Observed<BTreeSet<UpstreamId>> {
    let record = shown.record;
    if !record.is_active() {
        return Observed::Known(BTreeSet::new());
    }
    let of_directory = match (shown.follows, shown.groups) {
        (false, _) => flatten_kept(record, mode).into_iter().cloned().collect(),
        (true, Observed::Unknown(reason)) => return Observed::Unknown(*reason),
        (true, Observed::Known(closure)) => {
            let mut ids = flatten(closure, mode, &BTreeSet::new());
            let is_ignored = |id: &UpstreamId| {
                let group = closure.get(id).map(|seen| &seen.group);
                shown.user_type.zip(group).is_some_and(|(of, group)| of.ignores(group))
            };
            ids.retain(|id| !is_ignored(id));
            ids
        }
    };
    let denied: BTreeSet<&UpstreamId> = record
        .memberships
        .keys()
        .filter(|key| key.provenance == Provenance::PinDeny)
        .map(|key| &key.group)
        .collect();
    let given = record.effective_memberships().map(|(key, _)| key);
    let given = given.filter(|key| key.provenance != Provenance::Managed);
    let kept = of_directory.into_iter().filter(|id| !denied.contains(id));
    Observed::Known(kept.chain(given.map(|key| key.group.clone())).collect())
}

impl Hidden {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Searches => "searches",
            Self::Base => "base",
            Self::Filter => "filter",
            Self::Inactive => "inactive",
            Self::Attribute => "attributes",
            Self::NotIn => "not-in",
            Self::Flattened(_) => "flatten",
            Self::GroupBase => "group-base",
            Self::GroupFilter => "group-filter",
            Self::Unmapped => "unmapped",
        }
    }

    /// The same for a person.
    pub fn text(self) -> String {
        match self {
            Self::Searches => "no searches are served".to_owned(),
            Self::Base => "the user's entry is not below its base".to_owned(),
            Self::Filter => "the user's entry does not match its filter".to_owned(),
            Self::Inactive => "the record is inactive, and those are hidden".to_owned(),
            Self::Attribute => "memberOf is not among its attributes".to_owned(),
            Self::NotIn => "the user is not in the group".to_owned(),
            Self::Flattened(mode) => format!("it is not shown with flatten {}", mode.name()),
            Self::GroupBase => "the group is not below its group_base".to_owned(),
            Self::GroupFilter => "the group's name does not match its group_filter".to_owned(),
            Self::Unmapped => "flatten is mapped, and the group has no name there".to_owned(),
        }
    }
}

impl Doubt {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsDirectory => "as-the-directory",
            Self::Filter => "filter-unread",
            Self::Groups(_) => "unknown",
        }
    }

    /// The same for a person.
    pub fn text(self) -> String {
        match self {
            Self::AsDirectory => "the directory's own memberOf is passed on".to_owned(),
            Self::Filter => "its filter asks for attributes that are not read".to_owned(),
            Self::Groups(reason) => format!("it is not known what the directory says: {reason}"),
        }
    }
}
