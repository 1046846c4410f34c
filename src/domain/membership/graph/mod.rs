//! The group graph of a directory: which entry is in which groups, directly and by way of others.
//!
//! A group lists names; which entry a name belongs to is looked at when a closure is asked for. So
//! a member that has no entry (yet) is a name that nobody has, a renamed group is another name,
//! and whatever order changes come in, the graph is what the entries say.
//!
//! Nothing is kept that follows from the entries, neither closures nor cycles. A cycle costs a
//! closure one look at a mark; to know the strongly connected components would save that look, and
//! would have to be worked out anew when a membership goes, over all that hangs together with it.

mod below;
mod closure;
mod ids;
mod listing;
mod lists;
mod marks;
mod names;
mod packed;
mod slots;

pub use below::{Beside, Place};
pub use closure::{ClosureLimits, GroupNumber, Reached, Scratch};

use super::entry::{GroupEntry, UserEntry};
use super::members::Members;
use crate::domain::record::{Era, Group, UpstreamId};
use crate::proto::dn::NormalizedDn;
use hashbrown::HashTable;
use ids::{EntryNumber, Id, Kind};
use listing::{Echo, Listing};
use lists::List;
use names::{NameNumber, Names, Space};
use packed::Packed;
use slots::Slots;
use std::collections::BTreeMap;

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

/// Who has come to a graph: another after every name that somebody took or left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Arrivals(u64);

impl Arrivals {
    /// Those, and one more.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// A user that the graph knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownUser {
    /// Where it stands.
    pub at: UserPlace,
    /// The upstream id.
    pub id: UpstreamId,
    /// The digest that came with the entry.
    pub digest: u128,
}

/// Where a user stands in a graph, until the graph changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserPlace {
    name: NameNumber,
    place: u32,
}

#[derive(Debug, Clone)]
struct GroupSlot {
    id: Id,
    name: NameNumber,
    dn: Box<str>,
    label: Box<str>,
    members: Packed,
    echo: Echo,
}

#[derive(Debug, Clone)]
struct UserSlot {
    id: Id,
    name: NameNumber,
    digest: [u64; 2],
}

/// The graph.
#[derive(Debug, Clone)]
pub struct Graph {
    names: Names,
    groups: Slots<GroupSlot>,
    /// For each place of `groups` the groups that list it, which is all that a closure looks at:
    /// what `names` has of its name, or nothing while another entry has that name.
    above: Vec<List>,
    /// For each place of `groups` a hash of id, DN and name.
    hashes: Vec<[u64; 2]>,
    users: Slots<UserSlot>,
    /// Of the users that have some.
    uids: BTreeMap<u32, Box<[Box<str>]>>,
    /// Entry numbers by upstream id.
    ids: HashTable<EntryNumber>,
    memberships: usize,
    /// Another after every change of a closure.
    era: Era,
    arrivals: Arrivals,
}

impl Graph {
    /// An empty graph. `seed` keys the hashes of names; it should be random.
    pub fn new(seed: (u64, u64)) -> Self {
        Self {
            names: Names::new(seed),
            groups: Slots::default(),
            above: Vec::new(),
            hashes: Vec::new(),
            users: Slots::default(),
            uids: BTreeMap::new(),
            ids: HashTable::new(),
            memberships: 0,
            era: Era::default(),
            arrivals: Arrivals::default(),
        }
    }

    /// What the hashes are keyed by.
    pub fn seed(&self) -> (u64, u64) {
        self.names.seed()
    }

    /// While this is the same, every closure of every user is as it was.
    pub fn era(&self) -> Era {
        self.era
    }

    /// While these are the same, every name is whose it was.
    pub fn arrivals(&self) -> Arrivals {
        self.arrivals
    }

    /// This graph takes the place of another: no era of the one is an era of the other, nor are their
    /// arrivals.
    pub fn succeed(&mut self, other: &Self) {
        self.era = self.era.max(other.era).next();
        self.arrivals = self.arrivals.max(other.arrivals).next();
    }

    /// Adds a group, or puts it in the place of the entry that has its id.
    pub fn put_group(&mut self, entry: &GroupEntry) {
        let Group { id, dn, name } = &entry.group;
        let at = self.group_place(id, &entry.dn);
        self.list_members(at, &entry.members);
        let hash = self.names.hash(Space::Group, &spelled(&entry.group));
        if std::mem::replace(&mut self.hashes[at as usize], hash) != hash {
            self.era = self.era.next();
        }
        if let Some(slot) = self.groups.get_mut(at) {
            if *slot.dn != **dn {
                slot.dn = dn.as_str().into();
            }
            if *slot.label != **name {
                slot.label = name.as_str().into();
            }
        }
    }

    /// Adds a user, or puts it in the place of the entry that has its id.
    pub fn put_user(&mut self, entry: &UserEntry) {
        let at = self.user_place(&entry.id, &entry.dn);
        if let Some(slot) = self.users.get_mut(at) {
            slot.digest = halves(entry.digest);
        }
        let before = self.uids.get(&at).map(|uids| &**uids).unwrap_or_default();
        if before.iter().map(|uid| &**uid).eq(entry.uids.iter().map(String::as_str)) {
            return;
        }
        self.era = self.era.next();
        if entry.uids.is_empty() {
            self.uids.remove(&at);
        } else {
            let uids = entry.uids.iter().map(|uid| uid.as_str().into());
            self.uids.insert(at, uids.collect());
        }
    }

    /// Removes the group or user of that id; whether there was one.
    pub fn remove(&mut self, id: &UpstreamId) -> bool {
        let known = self.find(&Id::of(id));
        known.map(|kind| self.remove_at(kind)).is_some()
    }

    /// The user that has a name.
    pub fn user(&self, dn: &NormalizedDn) -> Option<KnownUser> {
        let name = self.names.find_dn(dn)?;
        let Kind::User(place) = self.names.owner(name).kind()? else { return None };
        let slot = self.users.get(place)?;
        let at = UserPlace { name, place };
        Some(KnownUser { at, id: slot.id.upstream_id(), digest: whole(slot.digest) })
    }

    /// The values of `uid` that groups may name a user by.
    pub fn uids(&self, user: UserPlace) -> Vec<String> {
        let uids = self.uids.get(&user.place).into_iter().flatten();
        uids.map(|uid| uid.clone().into_string()).collect()
    }

    /// The group of that id.
    pub fn group(&self, id: &UpstreamId) -> Option<Group> {
        let Kind::Group(at) = self.find(&Id::of(id))? else { return None };
        self.groups.get(at).map(GroupSlot::group)
    }

    /// Some groups, at most so many, of those whose ids are wanted.
    pub fn some_groups(&self, most: usize, wanted: impl Fn(&UpstreamId) -> bool) -> Vec<Group> {
        let groups = self.groups.iter().map(GroupSlot::group);
        groups.filter(|group| wanted(&group.id)).take(most).collect()
    }

    /// Whether a group or user of that id is there.
    pub fn has(&self, id: &UpstreamId) -> bool {
        self.find(&Id::of(id)).is_some()
    }

    /// The ids of what was not seen since the phase began.
    pub fn unmarked_ids(&self) -> Vec<UpstreamId> {
        let groups = self.groups.unseen().map(|(_, slot)| slot.id.upstream_id());
        groups.chain(self.users.unseen().map(|(_, slot)| slot.id.upstream_id())).collect()
    }

    /// How much there is.
    pub fn counts(&self) -> Counts {
        let (groups, users) = (self.groups.len(), self.users.len());
        Counts { groups, users, memberships: self.memberships }
    }

    /// How many names are known: of entries, and of members that have none.
    pub fn names(&self) -> usize {
        self.names.len()
    }

    /// From here on it is noted what is seen: see [`Graph::sweep`].
    pub fn begin_present(&mut self) {
        self.groups.begin_present();
        self.users.begin_present();
    }

    /// The entry of that id is there; whoever is put is there too.
    pub fn mark_present(&mut self, id: &UpstreamId) {
        if let Some(kind) = self.find(&Id::of(id)) {
            self.mark(kind);
        }
    }

    /// What a sweep would take away.
    pub fn unmarked(&self) -> Counts {
        let mut counts = Counts { users: self.users.unseen().count(), ..Counts::default() };
        for (_, slot) in self.groups.unseen() {
            counts.groups += 1;
            counts.memberships += slot.members.len();
        }
        counts
    }

    /// Removes whatever was not seen since the phase began.
    pub fn sweep(&mut self) -> Counts {
        let unmarked = self.unmarked();
        let groups = self.groups.unseen().map(|(at, _)| Kind::Group(at));
        let users = self.users.unseen().map(|(at, _)| Kind::User(at));
        let unseen: Vec<Kind> = groups.chain(users).collect();
        unseen.into_iter().for_each(|kind| self.remove_at(kind));
        unmarked
    }

    /// The place of a group of that id, which has that name from now on.
    fn group_place(&mut self, id: &UpstreamId, dn: &NormalizedDn) -> u32 {
        let id = Id::of(id);
        let known = self.find(&id);
        let name = self.names.intern_dn(dn);
        if let Some(Kind::Group(at)) = known
            && let Some(slot) = self.groups.get_mut(at)
        {
            let old = std::mem::replace(&mut slot.name, name);
            self.rename(Kind::Group(at), old, name);
            return at;
        }
        let hash = self.hash_id(&id);
        let (dn, label, members, echo) = Default::default();
        let at = self.groups.insert(GroupSlot { id, name, dn, label, members, echo });
        if self.above.len() == at as usize {
            self.above.push(List::default());
            self.hashes.push([0; 2]);
        }
        self.settle(Kind::Group(at), name, hash, known);
        at
    }

    /// The place of a user of that id, which has that name from now on.
    fn user_place(&mut self, id: &UpstreamId, dn: &NormalizedDn) -> u32 {
        let id = Id::of(id);
        let known = self.find(&id);
        let name = self.names.intern_dn(dn);
        if let Some(Kind::User(at)) = known
            && let Some(slot) = self.users.get_mut(at)
        {
            let old = std::mem::replace(&mut slot.name, name);
            self.rename(Kind::User(at), old, name);
            return at;
        }
        let hash = self.hash_id(&id);
        let at = self.users.insert(UserSlot { id, name, digest: [0; 2] });
        self.settle(Kind::User(at), name, hash, known);
        at
    }

    /// An entry that was there is seen again, perhaps by another name.
    fn rename(&mut self, kind: Kind, old: NameNumber, new: NameNumber) {
        self.mark(kind);
        self.claim(new, kind);
        if old != new {
            self.leave(old, kind);
        }
    }

    /// A new entry takes its name, and the place of an entry of the other kind that has its id.
    fn settle(&mut self, kind: Kind, name: NameNumber, hash: u64, replaced: Option<Kind>) {
        // The name first: nothing may be forgotten that is still needed.
        self.claim(name, kind);
        if let Some(replaced) = replaced {
            self.remove_at(replaced);
        }
        let Self { ids, names, groups, users, .. } = self;
        ids.insert_unique(hash, EntryNumber::new(kind), |number| {
            number
                .kind()
                .and_then(|kind| id_of(groups, users, kind))
                .map_or(0, |id| hash_id(names, id))
        });
    }

    fn remove_at(&mut self, kind: Kind) {
        if let Some(id) = id_of(&self.groups, &self.users, kind) {
            let number = EntryNumber::new(kind);
            let hash = hash_id(&self.names, id);
            if let Ok(found) = self.ids.find_entry(hash, |found| *found == number) {
                found.remove();
            }
        }
        match kind {
            Kind::Group(at) => {
                self.list_members(at, &Members::default());
                if let Some(slot) = self.groups.remove(at) {
                    self.hold(at, List::default());
                    self.era = self.era.next();
                    self.leave(slot.name, kind);
                }
            }
            Kind::User(at) => {
                if self.uids.remove(&at).is_some() {
                    self.era = self.era.next();
                }
                if let Some(slot) = self.users.remove(at) {
                    self.leave(slot.name, kind);
                }
            }
        }
    }

    /// Gives a group these members; only what differs is touched.
    fn list_members(&mut self, group: u32, members: &Members) {
        let Some(slot) = self.groups.get_mut(group) else { return };
        let old: Vec<u32> = slot.members.iter().collect();
        let new: Vec<_> = members.iter().map(|name| self.names.hash_of(name)).collect();
        let listing = Listing::new(&mut self.names, &old, &slot.echo, &new);
        if listing.all != old {
            slot.members = Packed::new(&listing.all);
            slot.echo = listing.echo(&self.names, &slot.echo);
        }
        let Listing { comes, goes, .. } = listing;
        self.memberships = self.memberships + comes.len() - goes.len();
        if !comes.is_empty() || !goes.is_empty() {
            self.era = self.era.next();
        }
        for name in comes.into_iter().map(NameNumber) {
            self.names.list(name, group);
            self.follow(name);
        }
        for name in goes.into_iter().map(NameNumber) {
            self.names.unlist(name, group);
            self.follow(name);
        }
    }

    fn claim(&mut self, name: NameNumber, kind: Kind) {
        let entry = EntryNumber::new(kind);
        let before = self.names.claim(name, entry);
        if before != entry {
            self.arrivals = self.arrivals.next();
        }
        if let Some(Kind::Group(before)) = before.kind() {
            self.hold(before, List::default());
        }
        self.follow(name);
    }

    fn leave(&mut self, name: NameNumber, kind: Kind) {
        self.names.leave(name, EntryNumber::new(kind));
        self.arrivals = self.arrivals.next();
        self.follow(name);
    }

    /// The group that has a name is listed by whoever lists the name.
    fn follow(&mut self, name: NameNumber) {
        if let Some(Kind::Group(at)) = self.names.owner(name).kind() {
            self.hold(at, self.names.listing(name));
        }
    }

    /// A group is listed by these.
    fn hold(&mut self, group: u32, above: List) {
        if std::mem::replace(&mut self.above[group as usize], above) != above {
            self.era = self.era.next();
        }
    }

    fn mark(&mut self, kind: Kind) {
        match kind {
            Kind::Group(at) => self.groups.mark(at),
            Kind::User(at) => self.users.mark(at),
        }
    }

    fn find(&self, id: &Id) -> Option<Kind> {
        let is_it = |number: &EntryNumber| {
            number.kind().and_then(|kind| id_of(&self.groups, &self.users, kind)) == Some(id)
        };
        self.ids.find(self.hash_id(id), is_it)?.kind()
    }

    fn hash_id(&self, id: &Id) -> u64 {
        hash_id(&self.names, id)
    }
}

impl GroupSlot {
    fn group(&self) -> Group {
        let (dn, name) = (self.dn.to_string(), self.label.to_string());
        Group { id: self.id.upstream_id(), dn, name }
    }
}

fn id_of<'a>(
    groups: &'a Slots<GroupSlot>,
    users: &'a Slots<UserSlot>,
    kind: Kind,
) -> Option<&'a Id> {
    match kind {
        Kind::Group(at) => groups.get(at).map(|slot| &slot.id),
        Kind::User(at) => users.get(at).map(|slot| &slot.id),
    }
}

fn hash_id(names: &Names, id: &Id) -> u64 {
    match id {
        Id::Uuid(bytes) => names.hash(Space::Uuid, bytes)[0],
        Id::Text(text) => names.hash(Space::Id, text.as_bytes())[0],
    }
}

/// A group in one piece, in which no two groups are alike.
fn spelled(group: &Group) -> Vec<u8> {
    let Group { id, dn, name } = group;
    let mut bytes = Vec::with_capacity(16 + id.as_str().len() + dn.len() + name.len());
    for part in [id.as_str(), dn] {
        bytes.extend_from_slice(&(part.len() as u64).to_ne_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes.extend_from_slice(name.as_bytes());
    bytes
}

fn halves(number: u128) -> [u64; 2] {
    [(number >> 64) as u64, number as u64]
}

fn whole(halves: [u64; 2]) -> u128 {
    u128::from(halves[0]) << 64 | u128::from(halves[1])
}
