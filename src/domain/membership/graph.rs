//! The group graph of a directory: which entry is in which groups, directly and by way of others.
//!
//! A group lists names; which entry a name belongs to is looked at when a closure is asked for. So
//! a member that has no entry (yet) is a name that nobody has, a renamed group is another name,
//! and whatever order changes come in, the graph is what the entries say.

use super::entry::{GroupEntry, MemberKey, UserEntry};
use super::names::{EntryIndex, NameIndex, Names};
use crate::domain::observation::{Closure, Observed, ObservedGroup, UnknownReason};
use crate::domain::record::{Group, Route, UpstreamId};
use crate::proto::dn::NormalizedDn;
use crate::proto::sync::uuid_text;
use hashbrown::HashTable;
use std::collections::BTreeSet;

/// The bounds of a closure; what lies beyond makes it unknown, never shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosureLimits {
    /// The most levels to look at: the last has to show nothing new.
    pub max_depth: usize,
    /// The most groups.
    pub max_groups: usize,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Groups.
    pub groups: usize,
    /// Users.
    pub users: usize,
    /// Members that groups list.
    pub memberships: usize,
}

/// A user that the graph knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownUser {
    /// The upstream id.
    pub id: UpstreamId,
    /// The digest that came with the entry.
    pub digest: u128,
    /// The values of `uid` that groups may name it by.
    pub uids: Vec<String>,
}

/// An upstream id in few bytes: most of them are UUIDs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Id {
    Uuid([u8; 16]),
    Text(Box<str>),
}

#[derive(Debug, Clone)]
struct GroupData {
    dn: Box<str>,
    name: Box<str>,
    /// Sorted, each once.
    members: Box<[NameIndex]>,
    /// A hash of id, DN and name.
    hash: [u64; 2],
}

#[derive(Debug, Clone)]
enum Kind {
    Group(Box<GroupData>),
    User { digest: [u64; 2], uids: Option<Box<[Box<str>]>> },
}

#[derive(Debug, Clone)]
struct Slot {
    id: Id,
    name: NameIndex,
    /// The present phase in which it was seen last.
    seen: u32,
    kind: Kind,
}

/// The graph.
#[derive(Debug, Clone)]
pub struct Graph {
    names: Names,
    slots: Vec<Option<Slot>>,
    free: Vec<EntryIndex>,
    ids: HashTable<u32>,
    counts: Counts,
    phase: u32,
}

/// A group of a closure: how it was reached.
#[derive(Debug, Clone, Copy)]
struct Reached {
    group: EntryIndex,
    depth: u32,
    /// The position in the closure of the group below; none if it holds the user.
    via: Option<u32>,
    direct: bool,
}

impl Graph {
    /// An empty graph. `seed` keys the hashes of names; it should be random.
    pub fn new(seed: (u64, u64)) -> Self {
        Self {
            names: Names::new(seed),
            slots: Vec::new(),
            free: Vec::new(),
            ids: HashTable::new(),
            counts: Counts::default(),
            phase: 0,
        }
    }

    /// What the hashes are keyed by.
    pub fn seed(&self) -> (u64, u64) {
        self.names.seed()
    }

    /// Adds a group, or puts it in the place of the entry that has its id.
    pub fn put_group(&mut self, entry: &GroupEntry) {
        let mut members: Vec<NameIndex> = Vec::with_capacity(entry.members.len());
        let at = self.place(&entry.group.id, &entry.dn, |kind| matches!(kind, Kind::Group(_)));
        members.extend(entry.members.iter().map(|key| self.names.intern(key)));
        members.sort_unstable();
        members.dedup();
        let old = match self.slots[at.0 as usize].as_mut().map(|slot| &mut slot.kind) {
            Some(Kind::Group(data)) => std::mem::take(&mut data.members),
            _ => Box::default(),
        };
        self.list_members(at, &old, &members);
        let Group { id, dn, name } = &entry.group;
        let parts = [id.as_str().as_bytes(), dn.as_bytes(), name.as_bytes()];
        let data = GroupData {
            dn: dn.as_str().into(),
            name: name.as_str().into(),
            members: members.into(),
            hash: self.names.hash(2, &parts),
        };
        self.fill(at, Kind::Group(Box::new(data)));
    }

    /// Adds a user, or puts it in the place of the entry that has its id.
    pub fn put_user(&mut self, entry: &UserEntry) {
        let at = self.place(&entry.id, &entry.dn, |kind| matches!(kind, Kind::User { .. }));
        let uids = entry.uids.iter().map(|uid| uid.as_str().into());
        let uids: Option<Box<[Box<str>]>> = (!entry.uids.is_empty()).then(|| uids.collect());
        self.fill(at, Kind::User { digest: halves(entry.digest), uids });
    }

    /// Removes the group or user of that id; whether there was one.
    pub fn remove(&mut self, id: &UpstreamId) -> bool {
        let found = self.find(&Id::of(id));
        found.map(|at| self.remove_at(at)).is_some()
    }

    /// The user that has a name.
    pub fn user(&self, dn: &NormalizedDn) -> Option<KnownUser> {
        let name = self.names.find(&MemberKey::Dn(dn.clone()))?;
        let slot = self.slot(self.names.at(name).owner?)?;
        let Kind::User { digest, uids } = &slot.kind else { return None };
        let uids = uids.iter().flatten().map(|uid| uid.clone().into_string()).collect();
        Some(KnownUser { id: slot.id.upstream_id(), digest: whole(*digest), uids })
    }

    /// The group of that id.
    pub fn group(&self, id: &UpstreamId) -> Option<Group> {
        let slot = self.slot(self.find(&Id::of(id))?)?;
        slot.group()
    }

    /// How much there is.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many names are known: of entries, and of members that have none.
    pub fn names(&self) -> usize {
        self.names.len()
    }

    /// From here on it is noted what is seen: see [`Graph::sweep`].
    pub fn begin_present(&mut self) {
        self.phase = self.phase.wrapping_add(1);
    }

    /// The entry of that id is there; whoever is put is there too.
    pub fn mark_present(&mut self, id: &UpstreamId) {
        let phase = self.phase;
        if let Some(at) = self.find(&Id::of(id))
            && let Some(slot) = &mut self.slots[at.0 as usize]
        {
            slot.seen = phase;
        }
    }

    /// Whether a group or user of that id is there.
    pub fn has(&self, id: &UpstreamId) -> bool {
        self.find(&Id::of(id)).is_some()
    }

    /// The ids of what was not seen since the phase began.
    pub fn unmarked_ids(&self) -> Vec<UpstreamId> {
        let unseen = self.slots.iter().flatten().filter(|slot| slot.seen != self.phase);
        unseen.map(|slot| slot.id.upstream_id()).collect()
    }

    /// What a sweep would take away.
    pub fn unmarked(&self) -> Counts {
        let unseen = self.slots.iter().flatten().filter(|slot| slot.seen != self.phase);
        let mut counts = Counts::default();
        unseen.for_each(|slot| counts.add(&slot.kind));
        counts
    }

    /// Removes whatever was not seen since the phase began.
    pub fn sweep(&mut self) -> Counts {
        let unmarked = self.unmarked();
        for at in 0..self.slots.len() {
            if self.slots[at].as_ref().is_some_and(|slot| slot.seen != self.phase) {
                self.remove_at(EntryIndex(at as u32));
            }
        }
        unmarked
    }

    /// All groups of whoever has these names, with the shortest way to each: of several the one
    /// whose ids come first.
    pub fn closure(&self, of: &[MemberKey], limits: ClosureLimits) -> Observed<Closure> {
        let reached = match self.reach(of, limits) {
            Ok(reached) => reached,
            Err(reason) => return Observed::Unknown(reason),
        };
        let mut closure = Closure::new();
        for group in &reached {
            let Some(data) = self.slot(group.group).and_then(Slot::group) else { continue };
            let route = Route { path: self.path(&reached, group), direct: group.direct };
            let members = BTreeSet::new();
            closure.insert(data.id.clone(), ObservedGroup { group: data, route, members });
        }
        self.each_edge(&reached, |above, below| {
            let above = self.id_of(above);
            if let Some(seen) = above.and_then(|id| closure.get_mut(&id)) {
                seen.members.extend(self.id_of(below));
            }
        });
        Observed::Known(closure)
    }

    /// A number that is another as soon as anything is that [`Graph::closure`] shows.
    pub fn fingerprint(&self, of: &[MemberKey], limits: ClosureLimits) -> Observed<u128> {
        let reached = match self.reach(of, limits) {
            Ok(reached) => reached,
            Err(reason) => return Observed::Unknown(reason),
        };
        let mut sum = 0_u128;
        for group in &reached {
            let how = [group.depth.to_be_bytes(), u32::from(group.direct).to_be_bytes()].concat();
            sum = sum.wrapping_add(self.mixed(&self.hash_of(group.group), &how));
        }
        self.each_edge(&reached, |above, below| {
            let (above, below) = (self.hash_of(above), self.hash_of(below));
            sum = sum.wrapping_add(self.mixed(&above, &below));
        });
        Observed::Known(sum)
    }

    /// Level by level, each in the order of the ways that lead there, so that the first way that
    /// is found is the one that counts.
    fn reach(
        &self,
        of: &[MemberKey],
        limits: ClosureLimits,
    ) -> Result<Vec<Reached>, UnknownReason> {
        if limits.max_depth == 0 {
            return Err(UnknownReason::DepthLimit);
        }
        let mut reached: Vec<Reached> = Vec::new();
        let mut positions = Positions::default();
        let direct = of.iter().filter_map(|key| self.names.find(key));
        for name in direct {
            for group in &self.names.at(name).groups {
                if positions.note(*group) {
                    reached.push(Reached { group: *group, depth: 1, via: None, direct: true });
                }
            }
        }
        let mut level = 0..reached.len();
        while !level.is_empty() {
            if reached.len() > limits.max_groups {
                return Err(UnknownReason::TooManyGroups);
            }
            if reached[level.start].depth as usize >= limits.max_depth {
                return Err(UnknownReason::DepthLimit);
            }
            reached[level.clone()].sort_by(|left, right| {
                let ids = || self.slot_id(left.group).cmp(&self.slot_id(right.group));
                left.via.cmp(&right.via).then_with(ids)
            });
            for at in level.clone() {
                let below = reached[at];
                for group in self.groups_of(below.group) {
                    if positions.note(*group) {
                        let (depth, via) = (below.depth + 1, Some(at as u32));
                        reached.push(Reached { group: *group, depth, via, direct: false });
                    }
                }
            }
            level = level.end..reached.len();
        }
        Ok(reached)
    }

    /// Every pair of groups of a closure of which the first lists the second.
    fn each_edge(&self, reached: &[Reached], mut edge: impl FnMut(EntryIndex, EntryIndex)) {
        for below in reached {
            self.groups_of(below.group).iter().for_each(|above| edge(*above, below.group));
        }
    }

    /// The groups that list an entry; none if another entry has its name now.
    fn groups_of(&self, entry: EntryIndex) -> &[EntryIndex] {
        let Some(slot) = self.slot(entry) else { return &[] };
        let name = self.names.at(slot.name);
        if name.owner == Some(entry) { &name.groups } else { &[] }
    }

    fn path(&self, reached: &[Reached], group: &Reached) -> Vec<UpstreamId> {
        let mut path = Vec::with_capacity(group.depth as usize);
        let mut at = Some(group);
        while let Some(step) = at {
            path.extend(self.id_of(step.group));
            at = step.via.map(|via| &reached[via as usize]);
        }
        path.reverse();
        path
    }

    /// The slot for an id, which claims that name. A kind that does not fit is removed before.
    fn place(
        &mut self,
        id: &UpstreamId,
        dn: &NormalizedDn,
        fits: impl FnOnce(&Kind) -> bool,
    ) -> EntryIndex {
        let id = Id::of(id);
        let known = self.find(&id);
        let name = self.names.intern(&MemberKey::Dn(dn.clone()));
        if let Some(at) = known
            && let Some(slot) = &mut self.slots[at.0 as usize]
            && fits(&slot.kind)
        {
            let old = std::mem::replace(&mut slot.name, name);
            // Claimed before the old one is left: they may be one and the same.
            self.names.claim(name, at);
            self.leave_name(old, name, at);
            return at;
        }
        // Claimed at once, so that the removal does not take the name away.
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            EntryIndex((self.slots.len() - 1) as u32)
        });
        self.names.claim(name, at);
        if let Some(known) = known {
            self.remove_at(known);
        }
        let kind = Kind::User { digest: [0; 2], uids: None };
        self.counts.add(&kind);
        let hash = self.hash_id(&id);
        self.slots[at.0 as usize] = Some(Slot { id, name, seen: self.phase, kind });
        let (slots, names) = (&self.slots, &self.names);
        self.ids.insert_unique(hash, at.0, |at| hash_slot(names, slots, *at));
        at
    }

    /// Leaves a name for another, or gives back the second claim on the same.
    fn leave_name(&mut self, old: NameIndex, new: NameIndex, at: EntryIndex) {
        self.names.leave(old, at);
        if old == new {
            self.names.own(new, at);
        }
    }

    fn fill(&mut self, at: EntryIndex, kind: Kind) {
        let phase = self.phase;
        if let Some(slot) = &mut self.slots[at.0 as usize] {
            self.counts.subtract(&slot.kind);
            self.counts.add(&kind);
            slot.kind = kind;
            slot.seen = phase;
        }
    }

    /// Brings the names up to date with a group's members, both lists sorted.
    fn list_members(&mut self, at: EntryIndex, old: &[NameIndex], new: &[NameIndex]) {
        // What comes is listed before what goes is let go of: a name must not fall in between.
        for name in new.iter().filter(|name| old.binary_search(name).is_err()) {
            self.names.list(*name, at);
        }
        for name in old.iter().filter(|name| new.binary_search(name).is_err()) {
            self.names.unlist(*name, at);
        }
        self.counts.memberships -= old.len();
    }

    fn remove_at(&mut self, at: EntryIndex) {
        let Some(slot) = self.slots[at.0 as usize].take() else { return };
        let hash = self.hash_id(&slot.id);
        if let Ok(found) = self.ids.find_entry(hash, |found| *found == at.0) {
            found.remove();
        }
        self.counts.subtract(&slot.kind);
        if let Kind::Group(data) = slot.kind {
            data.members.iter().for_each(|name| self.names.unlist(*name, at));
        }
        self.names.leave(slot.name, at);
        self.free.push(at);
    }

    fn find(&self, id: &Id) -> Option<EntryIndex> {
        let is_it = |at: &u32| self.slots[*at as usize].as_ref().is_some_and(|slot| slot.id == *id);
        self.ids.find(self.hash_id(id), is_it).map(|at| EntryIndex(*at))
    }

    fn hash_id(&self, id: &Id) -> u64 {
        hash_id(&self.names, id)
    }

    fn slot(&self, at: EntryIndex) -> Option<&Slot> {
        self.slots[at.0 as usize].as_ref()
    }

    fn slot_id(&self, at: EntryIndex) -> Option<&Id> {
        self.slot(at).map(|slot| &slot.id)
    }

    fn id_of(&self, at: EntryIndex) -> Option<UpstreamId> {
        self.slot_id(at).map(Id::upstream_id)
    }

    fn hash_of(&self, at: EntryIndex) -> [u8; 16] {
        match self.slot(at).map(|slot| &slot.kind) {
            Some(Kind::Group(data)) => whole(data.hash).to_be_bytes(),
            _ => [0; 16],
        }
    }

    fn mixed(&self, left: &[u8], right: &[u8]) -> u128 {
        whole(self.names.hash(5, &[left, right]))
    }
}

impl Slot {
    fn group(&self) -> Option<Group> {
        let Kind::Group(data) = &self.kind else { return None };
        let (dn, name) = (data.dn.to_string(), data.name.to_string());
        Some(Group { id: self.id.upstream_id(), dn, name })
    }
}

impl Counts {
    fn add(&mut self, kind: &Kind) {
        match kind {
            Kind::Group(data) => {
                self.groups += 1;
                self.memberships += data.members.len();
            }
            Kind::User { .. } => self.users += 1,
        }
    }

    fn subtract(&mut self, kind: &Kind) {
        match kind {
            Kind::Group(data) => {
                self.groups -= 1;
                self.memberships -= data.members.len();
            }
            Kind::User { .. } => self.users -= 1,
        }
    }
}

impl Id {
    fn of(id: &UpstreamId) -> Self {
        let text = id.as_str();
        let uuid = uuid(text).filter(|bytes| uuid_text(*bytes) == text);
        uuid.map_or_else(|| Self::Text(text.into()), Self::Uuid)
    }

    fn upstream_id(&self) -> UpstreamId {
        match self {
            Self::Uuid(bytes) => UpstreamId::new(&uuid_text(*bytes)),
            Self::Text(text) => UpstreamId::new(text),
        }
    }
}

/// The sixteen bytes of a UUID in its usual form.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut bytes = [0; 16];
    if text.len() != 36 || digits.len() != 32 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn hash_id(names: &Names, id: &Id) -> u64 {
    match id {
        Id::Uuid(bytes) => names.hash(3, &[bytes])[0],
        Id::Text(text) => names.hash(4, &[text.as_bytes()])[0],
    }
}

fn hash_slot(names: &Names, slots: &[Option<Slot>], at: u32) -> u64 {
    slots[at as usize].as_ref().map_or(0, |slot| hash_id(names, &slot.id))
}

/// The entries that a closure has reached.
#[derive(Default)]
struct Positions(std::collections::HashSet<u32, Spread>);

impl Positions {
    /// Notes an entry; whether it is new.
    fn note(&mut self, entry: EntryIndex) -> bool {
        self.0.insert(entry.0)
    }
}

/// Hashes small numbers, which no peer chooses.
#[derive(Debug, Clone, Copy, Default)]
struct Spread(u64);

impl std::hash::BuildHasher for Spread {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        *self
    }
}

impl std::hash::Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0.rotate_left(7) ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

fn halves(number: u128) -> [u64; 2] {
    [(number >> 64) as u64, number as u64]
}

fn whole(halves: [u64; 2]) -> u128 {
    u128::from(halves[0]) << 64 | u128::from(halves[1])
}
