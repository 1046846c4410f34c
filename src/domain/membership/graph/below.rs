//! The graph from above: who stands under a name, what is above that, and who is below a group.

use super::closure::{ClosureLimits, GroupNumber, Reached, Scratch};
use super::ids::Kind;
use super::names::NameNumber;
use super::{Graph, GroupSlot, UserPlace};
use crate::domain::membership::entry::MemberKey;
use crate::domain::observation::{Closure, Observed};
use crate::domain::record::{Group, UpstreamId};
use crate::proto::dn::NormalizedDn;
use std::collections::BTreeSet;

/// The groups right below one and right above it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beside {
    /// Those that it lists.
    pub below: Vec<Group>,
    /// Those that list it.
    pub above: Vec<Group>,
}

/// Somebody in a graph, until the graph changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    name: NameNumber,
    kind: Kind,
}

impl Graph {
    /// Who has a name: a user or a group.
    pub fn stands_at(&self, dn: &NormalizedDn) -> Option<Place> {
        let name = self.names.find_dn(dn)?;
        let kind = self.names.owner(name).kind()?;
        Some(Place { name, kind })
    }

    /// Who has an upstream id.
    pub fn stands_as(&self, id: &UpstreamId) -> Option<Place> {
        let kind = self.find(&super::Id::of(id))?;
        let name = match kind {
            Kind::Group(at) => self.groups.get(at)?.name,
            Kind::User(at) => self.users.get(at)?.name,
        };
        Some(Place { name, kind })
    }

    /// The upstream id of somebody.
    pub fn id_at(&self, place: Place) -> Option<UpstreamId> {
        super::id_of(&self.groups, &self.users, place.kind).map(super::Id::upstream_id)
    }

    /// The group that has a name.
    pub fn group_named(&self, dn: &NormalizedDn) -> Option<GroupNumber> {
        match self.stands_at(dn)?.kind {
            Kind::Group(at) => Some(GroupNumber::at(at)),
            Kind::User(_) => None,
        }
    }

    /// The group of that id.
    pub fn group_as(&self, id: &UpstreamId) -> Option<GroupNumber> {
        match self.find(&super::Id::of(id))? {
            Kind::Group(at) => Some(GroupNumber::at(at)),
            Kind::User(_) => None,
        }
    }

    /// The group that somebody is.
    pub fn group_at(&self, place: Place) -> Option<GroupNumber> {
        match place.kind {
            Kind::Group(at) => Some(GroupNumber::at(at)),
            Kind::User(_) => None,
        }
    }

    /// The users whom groups call like that, by a value of `uid`.
    pub fn users_called(&self, key: &MemberKey) -> Vec<Place> {
        let MemberKey::Uid(wanted) = key else { return Vec::new() };
        let is_meant = |uid: &str| {
            uid == wanted || (uid.contains(' ') && MemberKey::uid(uid).as_ref() == Some(key))
        };
        let users = self.uids.iter().filter(|(_, uids)| uids.iter().any(|uid| is_meant(uid)));
        let place = |at: u32| {
            let name = self.users.get(at)?.name;
            Some(Place { name, kind: Kind::User(at) })
        };
        users.filter_map(|(at, _)| place(*at)).collect()
    }

    /// Those of the values of `uid` that some user has.
    pub fn users_by_uid<'k>(
        &self,
        keys: impl Iterator<Item = &'k MemberKey>,
    ) -> BTreeSet<MemberKey> {
        let wanted: BTreeSet<&MemberKey> =
            keys.filter(|key| matches!(key, MemberKey::Uid(_))).collect();
        if wanted.is_empty() {
            return BTreeSet::new();
        }
        let all = self.uids.values().flatten().filter_map(|uid| MemberKey::uid(uid));
        all.filter(|key| wanted.contains(key)).collect()
    }

    /// The values of `uid` of somebody; `None` if that is no user.
    pub fn uids_at(&self, place: Place) -> Option<Vec<String>> {
        match place.kind {
            Kind::User(at) => Some(self.uids(UserPlace { name: place.name, place: at })),
            Kind::Group(_) => None,
        }
    }

    /// The groups that list somebody by that name.
    pub fn listed_by(&self, key: &MemberKey) -> Vec<Place> {
        let mut found = Vec::new();
        if let Some(name) = self.names.find(key) {
            self.names.lists().each(self.names.listing(name), |group| {
                found.extend(self.place_of(GroupNumber::at(group)));
            });
        }
        found
    }

    /// Where a group stands.
    pub fn place_of(&self, group: GroupNumber) -> Option<Place> {
        let name = self.groups.get(group.place())?.name;
        Some(Place { name, kind: Kind::Group(group.place()) })
    }

    /// A group in full.
    pub fn group_of(&self, group: GroupNumber) -> Option<Group> {
        self.groups.get(group.place()).map(GroupSlot::group)
    }

    /// The groups that a group lists, and those that list it.
    pub fn beside(&self, group: GroupNumber) -> Beside {
        let mut beside = Beside::default();
        if let Some(slot) = self.groups.get(group.place()) {
            for name in slot.members.iter() {
                if let Some(Kind::Group(at)) = self.names.owner(NameNumber(name)).kind() {
                    beside.below.extend(self.group_of(GroupNumber::at(at)));
                }
            }
            self.each_above(group, |at| beside.above.extend(self.group_of(GroupNumber::at(at))));
        }
        beside
    }

    /// All groups above somebody, as [`Graph::reach_in`] has them.
    pub fn reach_at<'s>(
        &self,
        place: Place,
        limits: ClosureLimits,
        scratch: &'s mut Scratch,
    ) -> Observed<&'s [Reached]> {
        self.reach_of(self.names_of(place), limits, scratch)
    }

    /// All groups above somebody, as [`Graph::closure`] has them.
    pub fn closure_at(&self, place: Place, limits: ClosureLimits) -> Observed<Closure> {
        self.closure_of(self.names_of(place), limits)
    }

    fn names_of(&self, place: Place) -> impl Iterator<Item = NameNumber> {
        let uids = match place.kind {
            Kind::User(at) => self.uids(UserPlace { name: place.name, place: at }),
            Kind::Group(_) => Vec::new(),
        };
        let uids: Vec<NameNumber> =
            uids.iter().filter_map(|uid| self.names.find_uid(uid)).collect();
        std::iter::once(place.name).chain(uids)
    }

    /// Everybody below some groups, users and groups, each once; `None` if they are more than `most`.
    pub fn places_below(&self, groups: &[GroupNumber], most: usize) -> Option<BTreeSet<Place>> {
        let mut open: Vec<u32> = groups.iter().map(|group| group.place()).collect();
        let mut opened: BTreeSet<u32> = open.iter().copied().collect();
        let mut found = BTreeSet::new();
        let mut nameless = BTreeSet::new();
        while let Some(at) = open.pop() {
            let Some(slot) = self.groups.get(at) else { continue };
            for name in slot.members.iter() {
                let Some(kind) = self.names.owner(NameNumber(name)).kind() else {
                    nameless.insert(name);
                    continue;
                };
                if let Kind::Group(member) = kind
                    && opened.insert(member)
                {
                    open.push(member);
                }
                found.insert(Place { name: NameNumber(name), kind });
                if found.len() > most {
                    return None;
                }
            }
        }
        found.extend(self.called(&nameless));
        (found.len() <= most).then_some(found)
    }

    /// Everybody whom any group lists; `None` if they are more than `most`.
    pub fn all_places_below(&self, most: usize) -> Option<BTreeSet<Place>> {
        let groups: Vec<GroupNumber> =
            self.groups.iter_places().map(|(at, _)| GroupNumber::at(at)).collect();
        self.places_below(&groups, most)
    }

    /// The users whom groups call by these names, which are no entry's: by a value of `uid`.
    fn called(&self, names: &BTreeSet<u32>) -> Vec<Place> {
        if names.is_empty() {
            return Vec::new();
        }
        let is_meant =
            |uid: &str| self.names.find_uid(uid).is_some_and(|name| names.contains(&name.0));
        let users = self.uids.iter().filter(|(_, uids)| uids.iter().any(|uid| is_meant(uid)));
        let place = |at: u32| {
            let name = self.users.get(at)?.name;
            Some(Place { name, kind: Kind::User(at) })
        };
        users.filter_map(|(at, _)| place(*at)).collect()
    }
}
