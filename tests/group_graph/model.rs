//! The model: entries in a list, and everything asked of them by looking at all of them.

use crate::support::dice::Dice;
use bindgate::domain::membership::graph::{ClosureLimits, Counts, Graph};
use bindgate::domain::membership::{GroupEntry, Member, MemberKey, MemberName, UserEntry};
use bindgate::domain::observation::{Closure, Observed, ObservedGroup, UnknownReason};
use bindgate::domain::record::{Group, Route, UpstreamId};
use bindgate::domain::walk::{FoundGroup, Step, Walk, WalkLimits};
use bindgate::proto::dn::{DistinguishedName, NormalizedDn};
use std::collections::{BTreeMap, BTreeSet};

/// Enough for everything.
pub(crate) const WIDE: ClosureLimits = ClosureLimits { max_depth: 1000, max_groups: 100_000 };

/// An entry of the directory.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Group(GroupEntry),
    User(UserEntry),
}

impl Entry {
    fn id(&self) -> &UpstreamId {
        match self {
            Self::Group(group) => &group.group.id,
            Self::User(user) => &user.id,
        }
    }

    fn dn(&self) -> &NormalizedDn {
        match self {
            Self::Group(group) => &group.dn,
            Self::User(user) => &user.dn,
        }
    }

    pub(crate) fn put_into(&self, graph: &mut Graph) {
        match self {
            Self::Group(group) => graph.put_group(group),
            Self::User(user) => graph.put_user(user),
        }
    }
}

/// All entries, those put last at the end, and whether a present phase has seen them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    entries: Vec<(Entry, bool)>,
}

impl Model {
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(|(entry, _)| entry)
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = &GroupEntry> {
        self.entries().filter_map(|entry| match entry {
            Entry::Group(group) => Some(group),
            Entry::User(_) => None,
        })
    }

    pub(crate) fn put(&mut self, entry: Entry) {
        self.remove(entry.id());
        self.entries.push((entry, true));
    }

    pub(crate) fn remove(&mut self, id: &UpstreamId) -> bool {
        let before = self.entries.len();
        self.entries.retain(|(entry, _)| entry.id() != id);
        self.entries.len() < before
    }

    pub(crate) fn begin_present(&mut self) {
        self.entries.iter_mut().for_each(|(_, seen)| *seen = false);
    }

    pub(crate) fn mark_present(&mut self, id: &UpstreamId) {
        let marked = self.entries.iter_mut().filter(|(entry, _)| entry.id() == id);
        marked.for_each(|(_, seen)| *seen = true);
    }

    pub(crate) fn unmarked(&self) -> Counts {
        count(self.entries.iter().filter(|(_, seen)| !seen).map(|(entry, _)| entry))
    }

    pub(crate) fn sweep(&mut self) -> Counts {
        let gone = self.unmarked();
        self.entries.retain(|(_, seen)| *seen);
        gone
    }

    pub(crate) fn counts(&self) -> Counts {
        count(self.entries())
    }

    /// How many names entries have or groups list.
    pub(crate) fn names(&self) -> usize {
        let own = self.entries().map(|entry| MemberKey::Dn(entry.dn().clone()));
        let listed = self.groups().flat_map(keys);
        own.chain(listed).collect::<BTreeSet<_>>().len()
    }

    pub(crate) fn group(&self, id: &UpstreamId) -> Option<Group> {
        self.groups().map(|entry| &entry.group).find(|group| group.id == *id).cloned()
    }

    pub(crate) fn user(&self, dn: &NormalizedDn) -> Option<&UserEntry> {
        match self.owner(dn)? {
            Entry::Group(_) => None,
            Entry::User(user) => Some(user),
        }
    }

    /// Whether no name is claimed twice, as in a directory that holds still.
    pub(crate) fn is_settled(&self) -> bool {
        let names: BTreeSet<_> = self.entries().map(Entry::dn).collect();
        names.len() == self.entries.len()
    }

    /// The entry that has a name: of several the one that was put last.
    fn owner(&self, dn: &NormalizedDn) -> Option<&Entry> {
        self.entries.iter().rev().map(|(entry, _)| entry).find(|entry| entry.dn() == dn)
    }

    /// Whether `above` lists `below`, which has the name that it goes by.
    fn lists(&self, above: &GroupEntry, below: &GroupEntry) -> bool {
        let owner = self.owner(&below.dn).map(Entry::id);
        owner == Some(&below.group.id) && names(above, &MemberKey::Dn(below.dn.clone()))
    }

    /// The oracle: rounds over all groups until a round adds nothing.
    pub(crate) fn closure(&self, of: &[MemberKey]) -> Closure {
        let mut closure = Closure::new();
        for round in 1.. {
            let mut news: BTreeMap<UpstreamId, ObservedGroup> = BTreeMap::new();
            for entry in self.groups().filter(|entry| !closure.contains_key(&entry.group.id)) {
                let Some(mut path) = self.way_to(entry, of, round, &closure) else { continue };
                let id = &entry.group.id;
                path.push(id.clone());
                let route = Route { path: path.into(), direct: round == 1 };
                let group = entry.group.clone();
                news.insert(id.clone(), ObservedGroup { group, route, members: BTreeSet::new() });
            }
            if news.is_empty() {
                break;
            }
            closure.extend(news);
        }
        let inside: Vec<&GroupEntry> =
            self.groups().filter(|entry| closure.contains_key(&entry.group.id)).collect();
        for above in &inside {
            let below = inside.iter().filter(|below| self.lists(above, below));
            let members = below.map(|below| below.group.id.clone()).collect();
            closure.get_mut(&above.group.id).unwrap().members = members;
        }
        closure
    }

    /// The first of the ways that lead to a group from what the rounds before have found.
    fn way_to(
        &self,
        entry: &GroupEntry,
        of: &[MemberKey],
        round: usize,
        found: &Closure,
    ) -> Option<Vec<UpstreamId>> {
        if round == 1 {
            return of.iter().any(|key| names(entry, key)).then(Vec::new);
        }
        let below = self.groups().filter(|below| self.lists(entry, below));
        let ways = below.filter_map(|below| found.get(&below.group.id));
        ways.map(|seen| seen.route.path.to_vec()).min()
    }

    /// What the member walk finds in the same directory.
    pub(crate) fn walk(
        &self,
        user: &DistinguishedName,
        limits: ClosureLimits,
    ) -> Observed<Closure> {
        let ClosureLimits { max_depth, max_groups } = limits;
        let mut walk = Walk::new(
            &Member::by_dn(user.clone()),
            WalkLimits { max_depth, max_groups, batch: 3, bytes: usize::MAX },
        );
        loop {
            match walk.step() {
                Step::Done(outcome) => return outcome,
                Step::Ask(asked) => {
                    let asked: Vec<_> = asked.iter().flat_map(Member::keys).collect();
                    let names_one = |entry: &&GroupEntry| asked.iter().any(|key| names(entry, key));
                    walk.feed(self.groups().filter(names_one).map(found).collect());
                }
            }
        }
    }
}

fn found(entry: &GroupEntry) -> FoundGroup {
    FoundGroup {
        group: entry.group.clone(),
        dn: DistinguishedName::parse(&entry.group.dn).unwrap(),
        members: keys(entry),
    }
}

fn names(entry: &GroupEntry, key: &MemberKey) -> bool {
    entry.members.iter().any(|name| name == key.name())
}

/// Whom a group lists, each as it would be looked for.
pub(crate) fn keys(entry: &GroupEntry) -> Vec<MemberKey> {
    let key = |name: MemberName<'_>| match name {
        MemberName::Dn(text) => {
            MemberKey::Dn(DistinguishedName::parse(text).unwrap().normalized().clone())
        }
        MemberName::Uid(text) => MemberKey::Uid(text.to_owned()),
    };
    entry.members.iter().map(key).collect()
}

fn count<'a>(entries: impl Iterator<Item = &'a Entry>) -> Counts {
    let mut counts = Counts::default();
    for entry in entries {
        match entry {
            Entry::Group(group) => {
                counts.groups += 1;
                counts.memberships += group.members.iter().collect::<BTreeSet<_>>().len();
            }
            Entry::User(_) => counts.users += 1,
        }
    }
    counts
}

/// What limits make of a closure: levels are found one after the other, and the first limit that is
/// hit is told.
pub(crate) fn limited(closure: Closure, limits: ClosureLimits) -> Observed<Closure> {
    let depths = || closure.values().map(|seen| seen.route.depth());
    if limits.max_depth == 0 {
        return Observed::Unknown(UnknownReason::DepthLimit);
    }
    for level in 1..=depths().max().unwrap_or(0) {
        if depths().filter(|depth| *depth <= level).count() > limits.max_groups {
            return Observed::Unknown(UnknownReason::TooManyGroups);
        }
        if level >= limits.max_depth {
            return Observed::Unknown(UnknownReason::DepthLimit);
        }
    }
    Observed::Known(closure)
}

pub(crate) fn known<T>(observed: Observed<T>) -> T {
    match observed {
        Observed::Known(value) => value,
        Observed::Unknown(reason) => panic!("unknown: {reason}"),
    }
}

/// Some ids are UUIDs, some only look like it, some are other text that sorts between them.
pub(crate) fn id(number: usize) -> UpstreamId {
    UpstreamId::new(&match number % 4 {
        0 | 1 => format!("{:08x}-0000-4000-8000-00000000abcd", 0x9000_0000_u32 - number as u32),
        2 => format!("{:08X}-0000-4000-8000-00000000ABCD", 0x8FFF_FFFF_u32 - number as u32),
        _ => format!("8fffffe{number}"),
    })
}

/// A name that groups and users may have.
pub(crate) fn dn(number: usize) -> DistinguishedName {
    DistinguishedName::parse(&format!("cn=N{number},dc=example,dc=com")).unwrap()
}

pub(crate) fn key(number: usize) -> MemberKey {
    MemberKey::Dn(dn(number).normalized().clone())
}

/// The group of a number with a name of its own and these members.
pub(crate) fn group(number: usize, name: usize, members: Vec<MemberKey>) -> GroupEntry {
    let named = dn(name);
    let group = Group { id: id(number), dn: named.to_string(), name: format!("n{}", number % 2) };
    let members = members.into_iter().collect();
    GroupEntry { group, dn: named.normalized().clone(), members }
}

/// The user of a number.
pub(crate) fn user(number: usize, name: usize, digest: u128, uids: Vec<String>) -> UserEntry {
    UserEntry { id: id(number), dn: dn(name).normalized().clone(), uids, digest }
}

/// Some member values; a few of them twice.
pub(crate) fn members(dice: &mut Dice, names: usize) -> Vec<MemberKey> {
    let member = |dice: &mut Dice| match dice.below(8) {
        0 => MemberKey::Uid(format!("u{}", dice.below(3))),
        1 => MemberKey::Uid(format!("U{}", dice.below(3))),
        _ => key(dice.below(names)),
    };
    (0..dice.below(6)).map(|_| member(dice)).collect()
}
