//! Why a user is in a group, or is not: from the record, the policy, and what the directory says now;
//! the same data as a plan's.
//!
//! For a "no" the nearest miss is told: the pin, the state, the rule that ignores the group, the
//! reason why nothing is known, or the step at which a way is cut that leads others there, or once
//! led the user.

use super::observation::{Closure, Observed, UnknownReason};
use super::policy::{GroupSync, Switch, UserType};
use super::record::{
    Group, InactiveReason, Membership, MembershipKey, Provenance, Record, Route, UpstreamId,
};
use super::time::Timestamp;
use std::collections::BTreeSet;

/// All that an explanation depends on.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The group.
    pub group: &'a UpstreamId,
    /// The same with DN and name, if they are known.
    pub named: Option<&'a Group>,
    /// The user's record, if there is one.
    pub record: Option<&'a Record>,
    /// The user type that takes the entry, or took it last.
    pub user_type: Option<&'a UserType>,
    /// The switch as it stands for this user.
    pub switch: Switch,
    /// What the directory says of the user's groups now.
    pub groups: &'a Observed<Closure>,
    /// Ways by which somebody is or was in the group, from the direct group to this one.
    pub ways: &'a [Vec<UpstreamId>],
}

/// Why, or why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whether the user is in the group effectively.
    pub is_member: bool,
    /// The rows that say so, also those that do not count.
    pub grounds: Vec<Ground>,
    /// Why the user is not in the group, what decides first; empty for a member.
    pub misses: Vec<Miss>,
}

/// A row that says that the user is in the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// Who says so.
    pub provenance: Provenance,
    /// The way to the group.
    pub route: Route,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// Whether it counts.
    pub counts: bool,
    /// What the directory says to it now, of what it once said.
    pub today: Today,
}

/// What the directory says now of a managed membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Today {
    /// It is none of the directory's.
    NotItsOwn,
    /// The same, by the same way or another.
    Confirmed,
    /// The user is not in the group any more: the way is cut here.
    Gone(Option<Cut>),
    /// It cannot be told.
    Unknown(UnknownReason),
}

/// Why a record does not follow the directory's groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotFollowed {
    /// Update on sign-on is off.
    SwitchedOff,
    /// Groups are taken over at the first sign-on only.
    FirstSignOnOnly,
    /// Groups are not taken over.
    Never,
}

/// Why a user is not in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// There is no record.
    NoRecord,
    /// The record is inactive, so it has no groups.
    Inactive(BTreeSet<InactiveReason>),
    /// An admin has denied the group.
    Denied {
        /// Since when.
        since: Timestamp,
        /// Until when.
        until: Option<Timestamp>,
    },
    /// A row waits for an admin.
    InReview(Provenance),
    /// The directory says it, but a rule leaves the group alone.
    Ignored(String),
    /// The directory says it, or may, but the record does not follow.
    NotFollowed(NotFollowed),
    /// The directory says it by now, and the record does not have it yet.
    NotYet(Route),
    /// It is not known what the directory says.
    Unknown(UnknownReason),
    /// The directory does not say it; this is the nearest way.
    Cut(Cut),
    /// The directory does not say it, and nobody is known to be in the group.
    NoWay,
}

/// A way that leads to a group, and where it is cut for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The way, from the direct group to the group.
    pub way: Vec<UpstreamId>,
    /// How many of its groups hold the user: the next one does not hold the last of them, or the
    /// user if there is none.
    pub holds: usize,
}

/// Explains.
pub fn explain(question: &Question<'_>) -> Explanation {
    let grounds = grounds(question);
    let is_member = grounds.iter().any(|ground| ground.counts);
    let misses = if is_member { Vec::new() } else { misses(question, &grounds) };
    Explanation { is_member, grounds, misses }
}

fn grounds(question: &Question<'_>) -> Vec<Ground> {
    let Some(record) = question.record else { return Vec::new() };
    let key = |provenance| MembershipKey { group: question.group.clone(), provenance };
    let said = Provenance::ALL.into_iter().filter(|provenance| *provenance != Provenance::PinDeny);
    let ground = |provenance| {
        let key = key(provenance);
        let Membership { route, since, until, .. } = record.memberships.get(&key)?.clone();
        let counts = record.is_effective(&key);
        let today = today(question, provenance, &route);
        Some(Ground { provenance, route, since, until, counts, today })
    };
    said.filter_map(ground).collect()
}

fn today(question: &Question<'_>, provenance: Provenance, route: &Route) -> Today {
    if provenance != Provenance::Managed {
        return Today::NotItsOwn;
    }
    match question.groups {
        Observed::Unknown(reason) => Today::Unknown(*reason),
        Observed::Known(closure) if closure.contains_key(question.group) => Today::Confirmed,
        Observed::Known(closure) => Today::Gone(cut(&route.path, closure)),
    }
}

fn misses(question: &Question<'_>, grounds: &[Ground]) -> Vec<Miss> {
    let Some(record) = question.record else {
        let mut misses = vec![Miss::NoRecord];
        misses.extend(of_directory(question));
        return misses;
    };
    let mut misses = Vec::new();
    if !record.is_active() {
        misses.push(Miss::Inactive(record.inactive.clone()));
    }
    let row = |provenance| {
        record.memberships.get(&MembershipKey { group: question.group.clone(), provenance })
    };
    if let Some(denial) = row(Provenance::PinDeny) {
        misses.push(Miss::Denied { since: denial.since, until: denial.until });
    }
    let waiting = Provenance::ALL.into_iter().filter(|p| row(*p).is_some_and(|row| row.in_review));
    misses.extend(waiting.map(Miss::InReview));
    if !grounds.iter().any(|ground| ground.provenance == Provenance::Managed) {
        misses.extend(of_directory(question));
    }
    misses
}

/// Why the record has the group not from the directory.
fn of_directory(question: &Question<'_>) -> Option<Miss> {
    let ignored = || {
        let rule = question.user_type?.ignoring(question.named?)?;
        Some(Miss::Ignored(rule.text().to_owned()))
    };
    let not_followed = not_followed(question).map(Miss::NotFollowed);
    Some(match question.groups {
        Observed::Unknown(UnknownReason::NotAsked) => {
            ignored().or(not_followed).unwrap_or(Miss::Unknown(UnknownReason::NotAsked))
        }
        Observed::Unknown(reason) => ignored().unwrap_or(Miss::Unknown(*reason)),
        Observed::Known(closure) => match closure.get(question.group) {
            Some(seen) => {
                ignored().or(not_followed).unwrap_or_else(|| Miss::NotYet(seen.route.clone()))
            }
            None => nearest(question.ways, closure).map_or(Miss::NoWay, Miss::Cut),
        },
    })
}

fn not_followed(question: &Question<'_>) -> Option<NotFollowed> {
    let groups = question.user_type?.groups;
    match (groups, question.record) {
        (GroupSync::Never, _) => Some(NotFollowed::Never),
        (_, None) => None,
        (GroupSync::FirstSignOn, Some(_)) => Some(NotFollowed::FirstSignOnOnly),
        (GroupSync::Always, Some(_)) if !question.switch.is_on() => Some(NotFollowed::SwitchedOff),
        (GroupSync::Always, Some(_)) => None,
    }
}

/// Where a way is cut: at its first group that is not in the user's closure. Every group before holds
/// the user, so what holds no more is that this one holds the one before. `None` if it is not cut.
pub fn cut(way: &[UpstreamId], closure: &Closure) -> Option<Cut> {
    let holds = way.iter().position(|group| !closure.contains_key(group))?;
    Some(Cut { way: way.to_vec(), holds })
}

/// Of several ways the one that lacks the fewest steps; of those the shortest, of those the first.
pub fn nearest(ways: &[Vec<UpstreamId>], closure: &Closure) -> Option<Cut> {
    let cuts = ways.iter().filter_map(|way| cut(way, closure));
    cuts.min_by_key(|cut| (cut.way.len() - cut.holds, cut.way.len()))
}
