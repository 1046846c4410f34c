//! The names in the graph: a DN, or a user's uid, becomes a small number.
//!
//! A name is found by a keyed 128-bit hash, and its text is not kept: of a million users the names
//! would be most of the graph. That two names collide is less likely than that the memory fails,
//! and whoever chooses names does not know the key.

use super::entry::MemberKey;
use hashbrown::HashTable;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

/// A name's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NameIndex(pub(super) u32);

/// A group's or a user's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct EntryIndex(pub(super) u32);

/// One name.
#[derive(Debug, Clone, Default)]
pub(super) struct Name {
    hash: [u64; 2],
    /// The groups that list it as a member.
    pub(super) groups: Vec<EntryIndex>,
    /// The entry that has it now: of two for a moment, the one that came last.
    pub(super) owner: Option<EntryIndex>,
    /// How many entries say that it is theirs.
    claims: u32,
}

/// All names that some entry has or some group lists.
#[derive(Debug, Clone)]
pub(super) struct Names {
    seed: (u64, u64),
    names: Vec<Name>,
    free: Vec<NameIndex>,
    table: HashTable<u32>,
}

impl Names {
    pub(super) fn new(seed: (u64, u64)) -> Self {
        Self { seed, names: Vec::new(), free: Vec::new(), table: HashTable::new() }
    }

    pub(super) fn seed(&self) -> (u64, u64) {
        self.seed
    }

    /// A keyed hash of some bytes in a name space of their own.
    pub(super) fn hash(&self, space: u8, parts: &[&[u8]]) -> [u64; 2] {
        let mut hasher = SipHasher13::new_with_keys(self.seed.0, self.seed.1);
        hasher.write_u8(space);
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        let hash = hasher.finish128();
        [hash.h1, hash.h2]
    }

    fn hash_of(&self, key: &MemberKey) -> [u64; 2] {
        match key {
            MemberKey::Dn(dn) => self.hash(0, &[dn.as_str().as_bytes()]),
            MemberKey::Uid(uid) => self.hash(1, &[uid.as_bytes()]),
        }
    }

    /// The number of a name that is known.
    pub(super) fn find(&self, key: &MemberKey) -> Option<NameIndex> {
        let hash = self.hash_of(key);
        let found = self.table.find(hash[0], |at| self.names[*at as usize].hash == hash);
        found.map(|at| NameIndex(*at))
    }

    /// The number of a name, which is made known. It has to be claimed or listed, or it stays.
    pub(super) fn intern(&mut self, key: &MemberKey) -> NameIndex {
        let hash = self.hash_of(key);
        let names = &self.names;
        if let Some(at) = self.table.find(hash[0], |at| names[*at as usize].hash == hash) {
            return NameIndex(*at);
        }
        let name = Name { hash, ..Name::default() };
        let at = match self.free.pop() {
            Some(at) => {
                self.names[at.0 as usize] = name;
                at
            }
            None => {
                self.names.push(name);
                NameIndex((self.names.len() - 1) as u32)
            }
        };
        let names = &self.names;
        self.table.insert_unique(hash[0], at.0, |at| names[*at as usize].hash[0]);
        at
    }

    pub(super) fn at(&self, name: NameIndex) -> &Name {
        &self.names[name.0 as usize]
    }

    /// An entry says that the name is its own.
    pub(super) fn claim(&mut self, name: NameIndex, entry: EntryIndex) {
        let name = &mut self.names[name.0 as usize];
        name.claims += 1;
        name.owner = Some(entry);
    }

    /// An entry leaves its name.
    pub(super) fn leave(&mut self, at: NameIndex, entry: EntryIndex) {
        let name = &mut self.names[at.0 as usize];
        name.claims -= 1;
        if name.owner == Some(entry) {
            name.owner = None;
        }
        self.let_go(at);
    }

    /// The name belongs to an entry that has claimed it.
    pub(super) fn own(&mut self, name: NameIndex, entry: EntryIndex) {
        self.names[name.0 as usize].owner = Some(entry);
    }

    /// A group lists the name.
    pub(super) fn list(&mut self, name: NameIndex, group: EntryIndex) {
        self.names[name.0 as usize].groups.push(group);
    }

    /// A group does not list the name any more.
    pub(super) fn unlist(&mut self, at: NameIndex, group: EntryIndex) {
        let groups = &mut self.names[at.0 as usize].groups;
        if let Some(position) = groups.iter().position(|listed| *listed == group) {
            groups.swap_remove(position);
        }
        self.let_go(at);
    }

    /// Forgets a name that nobody has and nobody lists.
    fn let_go(&mut self, at: NameIndex) {
        let name = &mut self.names[at.0 as usize];
        if name.claims > 0 || !name.groups.is_empty() {
            return;
        }
        let hash = name.hash;
        *name = Name::default();
        if let Ok(found) = self.table.find_entry(hash[0], |found| *found == at.0) {
            found.remove();
        }
        self.free.push(at);
    }

    /// How many names are known.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}
