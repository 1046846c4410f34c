//! The names in the graph: a DN, or a user's uid, becomes a small number.
//!
//! A name is found by a keyed 128-bit hash, and its text is not kept: of a million users the names
//! would be most of the graph. That two names collide is less likely than that the memory fails,
//! and whoever chooses names does not know the key.

use super::ids::EntryNumber;
use super::lists::{List, Lists};
use crate::domain::membership::{MemberKey, MemberName};
use crate::proto::dn::NormalizedDn;
use hashbrown::HashTable;
use siphasher::sip128::SipHasher13;
use std::collections::BTreeMap;

/// A name's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NameNumber(pub(super) u32);

/// What a hash is of: the same bytes hash otherwise in another space.
#[derive(Debug, Clone, Copy)]
pub(super) enum Space {
    /// A DN.
    Dn,
    /// A user's uid.
    Uid,
    /// An upstream id that is a UUID.
    Uuid,
    /// Any other upstream id.
    Id,
    /// What a closure shows of a group.
    Group,
    /// How a group stands in a closure.
    Place,
}

/// All names that some entry has or some group lists. What there is of each name stands in columns
/// of its own, since each is looked at alone, and often.
#[derive(Debug, Clone)]
pub(super) struct Names {
    seed: (u64, u64),
    hashes: Vec<[u64; 2]>,
    /// The groups that list it as a member.
    listed: Vec<List>,
    /// The entry that has it now: of two for a moment, the one that came last.
    owners: Vec<EntryNumber>,
    /// Who else says that it is theirs, the last one last. In a directory that holds still there
    /// is nobody.
    rivals: BTreeMap<NameNumber, Vec<EntryNumber>>,
    lists: Lists,
    free: Vec<NameNumber>,
    table: HashTable<u32>,
}

impl Names {
    pub(super) fn new(seed: (u64, u64)) -> Self {
        Self {
            seed,
            hashes: Vec::new(),
            listed: Vec::new(),
            owners: Vec::new(),
            rivals: BTreeMap::new(),
            lists: Lists::default(),
            free: Vec::new(),
            table: HashTable::new(),
        }
    }

    pub(super) fn seed(&self) -> (u64, u64) {
        self.seed
    }

    /// A keyed hash of some bytes in a name space of their own.
    pub(super) fn hash(&self, space: Space, bytes: &[u8]) -> [u64; 2] {
        let hash = SipHasher13::new_with_keys(self.seed.0 ^ space as u64, self.seed.1).hash(bytes);
        [hash.h1, hash.h2]
    }

    /// The hash of a name, of whichever kind.
    pub(super) fn hash_of(&self, name: MemberName<'_>) -> [u64; 2] {
        match name {
            MemberName::Dn(dn) => self.hash(Space::Dn, dn.as_bytes()),
            MemberName::Uid(uid) => self.hash(Space::Uid, uid.as_bytes()),
        }
    }

    fn hash_of_dn(&self, dn: &NormalizedDn) -> [u64; 2] {
        self.hash(Space::Dn, dn.as_str().as_bytes())
    }

    /// The number of a name that is known.
    pub(super) fn find(&self, key: &MemberKey) -> Option<NameNumber> {
        self.find_hash(self.hash_of(key.name()))
    }

    /// The number of a DN that is known.
    pub(super) fn find_dn(&self, dn: &NormalizedDn) -> Option<NameNumber> {
        self.find_hash(self.hash_of_dn(dn))
    }

    /// The number of a uid that is known, as groups may name it.
    pub(super) fn find_uid(&self, uid: &str) -> Option<NameNumber> {
        self.find(&MemberKey::uid(uid)?)
    }

    fn find_hash(&self, hash: [u64; 2]) -> Option<NameNumber> {
        let found = self.table.find(hash[0], |at| self.hashes[*at as usize] == hash);
        found.map(|at| NameNumber(*at))
    }

    /// The number of a DN, which is made known. It has to be claimed, or it stays.
    pub(super) fn intern_dn(&mut self, dn: &NormalizedDn) -> NameNumber {
        self.intern(self.hash_of_dn(dn))
    }

    /// The number of a name by its hash, which is made known. It has to be listed, or it stays.
    pub(super) fn intern(&mut self, hash: [u64; 2]) -> NameNumber {
        if let Some(known) = self.find_hash(hash) {
            return known;
        }
        let name = self.free.pop().unwrap_or_else(|| {
            self.hashes.push([0; 2]);
            self.listed.push(List::default());
            self.owners.push(EntryNumber::NONE);
            NameNumber((self.hashes.len() - 1) as u32)
        });
        self.hashes[name.0 as usize] = hash;
        let hashes = &self.hashes;
        self.table.insert_unique(hash[0], name.0, |at| hashes[*at as usize][0]);
        name
    }

    /// The hash of the name that has a number.
    pub(super) fn hash_at(&self, name: u32) -> [u64; 2] {
        self.hashes[name as usize]
    }

    /// The entry that has a name.
    pub(super) fn owner(&self, name: NameNumber) -> EntryNumber {
        self.owners[name.0 as usize]
    }

    /// The groups that list a name.
    pub(super) fn listing(&self, name: NameNumber) -> List {
        self.listed[name.0 as usize]
    }

    /// What is in lists.
    pub(super) fn lists(&self) -> &Lists {
        &self.lists
    }

    /// An entry says that the name is its own; returns who had it until now.
    pub(super) fn claim(&mut self, name: NameNumber, entry: EntryNumber) -> EntryNumber {
        let owner = std::mem::replace(&mut self.owners[name.0 as usize], entry);
        if owner != entry && owner != EntryNumber::NONE {
            let rivals = self.rivals.entry(name).or_default();
            rivals.retain(|rival| *rival != entry);
            rivals.push(owner);
        }
        owner
    }

    /// An entry that has claimed a name leaves it to whoever else has claimed it.
    pub(super) fn leave(&mut self, name: NameNumber, entry: EntryNumber) {
        if let Some(rivals) = self.rivals.get_mut(&name) {
            if self.owners[name.0 as usize] == entry {
                self.owners[name.0 as usize] = rivals.pop().unwrap_or(EntryNumber::NONE);
            } else {
                rivals.retain(|rival| *rival != entry);
            }
            if rivals.is_empty() {
                self.rivals.remove(&name);
            }
        } else {
            self.owners[name.0 as usize] = EntryNumber::NONE;
            self.let_go(name);
        }
    }

    /// A group lists the name.
    pub(super) fn list(&mut self, name: NameNumber, group: u32) {
        self.lists.push(&mut self.listed[name.0 as usize], group);
    }

    /// A group does not list the name any more.
    pub(super) fn unlist(&mut self, name: NameNumber, group: u32) {
        self.lists.remove(&mut self.listed[name.0 as usize], group);
        self.let_go(name);
    }

    /// Forgets a name that nobody has and nobody lists.
    fn let_go(&mut self, name: NameNumber) {
        let at = name.0 as usize;
        if self.owners[at] != EntryNumber::NONE || !self.listed[at].is_empty() {
            return;
        }
        if let Ok(found) = self.table.find_entry(self.hashes[at][0], |found| *found == name.0) {
            found.remove();
        }
        self.free.push(name);
    }

    /// How many names are known.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}
