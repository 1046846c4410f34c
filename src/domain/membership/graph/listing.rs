//! What a group's new list of members changes in its old one.
//!
//! A directory tells the whole list whenever one member comes or goes, in the order in which it keeps
//! it; so the two lists mostly begin alike and end alike. That much is read along and not looked up.

use super::names::Names;
use hashbrown::HashTable;
use std::collections::BTreeSet;

/// A list that is so long has its names' hashes beside it: to look for each of them among all names
/// is what takes the time of a change.
const ECHOED: usize = 512;

/// Half of the hash of each name of a long list, in the list's order; nothing beside a short one.
/// That half a keyed hash is alike at the same place of two lists whose names differ is less likely
/// than that the memory fails.
pub(super) type Echo = Box<[u64]>;

/// The members as they are from now on, and what differs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// The numbers of all names, each once, in the directory's order.
    pub(super) all: Vec<u32>,
    pub(super) comes: Vec<u32>,
    pub(super) goes: Vec<u32>,
    /// How many at the beginning, and at the end, are as they were.
    kept: (usize, usize),
}

impl Listing {
    /// Holds the names that a group lists now, as hashes, against the numbers that it has listed,
    /// with their echo. What comes is made known to `names`; it has to be listed, or it stays.
    pub(super) fn new(names: &mut Names, old: &[u32], echo: &[u64], new: &[[u64; 2]]) -> Self {
        let (head, tail) = match echo.len() == old.len() {
            true => alike(echo, new, |echo, new| *echo == new[0]),
            false => alike(old, new, |old, new| names.hash_at(*old) == *new),
        };
        let (old_rest, new_rest) = (&old[head..], &new[head..]);
        let (old_middle, old_tail) = old_rest.split_at(old_rest.len() - tail);
        let new_middle = &new_rest[..new_rest.len() - tail];

        let mut middle = Self::of_middle(names, old_middle, new_middle);
        middle.forget_repeated(&[&old[..head], old_tail]);
        let all = [&old[..head], &middle.all, old_tail].concat();
        Self { all, kept: (head, tail), ..middle }
    }

    /// The echo of the list as it is from now on; `old` is that of the list before.
    pub(super) fn echo(&self, names: &Names, old: &[u64]) -> Echo {
        if self.all.len() < ECHOED {
            return Echo::default();
        }
        let (head, tail) = if old.is_empty() { (0, 0) } else { self.kept };
        let new = &self.all[head..self.all.len() - tail];
        let new = new.iter().map(|name| names.hash_at(*name)[0]);
        let (before, behind) = (&old[..head], &old[old.len() - tail..]);
        before.iter().copied().chain(new).chain(behind.iter().copied()).collect()
    }

    /// What is between the parts that are alike; the few names there are looked up.
    fn of_middle(names: &mut Names, old: &[u32], new: &[[u64; 2]]) -> Self {
        let mut known = HashTable::with_capacity(old.len());
        for (position, name) in old.iter().enumerate() {
            let hash = names.hash_at(*name);
            known.insert_unique(hash[0], (hash, position), |(hash, _)| hash[0]);
        }
        let mut stays = vec![false; old.len()];
        let mut listing = Self { all: Vec::with_capacity(new.len()), ..Self::default() };
        for hash in new {
            let found = known.find(hash[0], |(known, _)| known == hash);
            if let Some((_, position)) = found {
                if !std::mem::replace(&mut stays[*position], true) {
                    listing.all.push(old[*position]);
                }
                continue;
            }
            let name = names.intern(*hash).0;
            listing.all.push(name);
            listing.comes.push(name);
        }
        let goes = old.iter().zip(stays).filter(|(_, stays)| !stays);
        listing.goes = goes.map(|(name, _)| *name).collect();
        listing
    }

    /// A name that is said twice, or is there already, does not come again.
    fn forget_repeated(&mut self, kept: &[&[u32]]) {
        if self.comes.is_empty() {
            return;
        }
        let mut sorted = self.comes.clone();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            let mut all = BTreeSet::new();
            self.all.retain(|name| all.insert(*name));
            let mut comes = BTreeSet::new();
            self.comes.retain(|name| comes.insert(*name));
        }
        let there = kept.iter().copied().flatten();
        let repeated: BTreeSet<u32> =
            there.filter(|name| sorted.binary_search(name).is_ok()).copied().collect();
        if !repeated.is_empty() {
            self.comes.retain(|name| !repeated.contains(name));
            self.all.retain(|name| !repeated.contains(name));
        }
    }
}

/// How many of two lists are alike at their beginning, and of the rest at their end.
fn alike<A, B>(old: &[A], new: &[B], is: impl Fn(&A, &B) -> bool) -> (usize, usize) {
    let head = old.iter().zip(new).take_while(|(old, new)| is(old, new)).count();
    let ends = old[head..].iter().rev().zip(new[head..].iter().rev());
    (head, ends.take_while(|(old, new)| is(old, new)).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lists may say a name twice; the numbers stand for names that need not be known.
    #[track_caller]
    fn check(old: &[u8], new: &[u8]) {
        // Without an echo names may be alike by half.
        check_by(|name| [u64::from(name % 4), u64::from(name)], Echoed::No, old, new);
        check_by(|name| [u64::from(name), u64::from(name % 4)], Echoed::Yes, old, new);
    }

    #[derive(PartialEq, Eq)]
    enum Echoed {
        No,
        Yes,
    }

    #[track_caller]
    fn check_by(hash: fn(u8) -> [u64; 2], echoed: Echoed, old: &[u8], new: &[u8]) {
        let mut names = Names::new((1, 2));
        let mut number = |name: &u8| names.intern(hash(*name)).0;
        let old: Vec<u32> = distinct(old).iter().map(&mut number).collect();
        let hashes: Vec<_> = new.iter().map(|name| hash(*name)).collect();
        let halves = old.iter().filter(|_| echoed == Echoed::Yes);
        let echo: Vec<u64> = halves.map(|name| names.hash_at(*name)[0]).collect();

        let listing = Listing::new(&mut names, &old, &echo, &hashes);

        let mut number = |name: &u8| names.intern(hash(*name)).0;
        let new: Vec<u32> = distinct(new).iter().map(&mut number).collect();
        let set = |numbers: &[u32]| numbers.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(set(&listing.all), set(&new), "{listing:?}");
        assert_eq!(listing.all.len(), new.len(), "each once: {listing:?}");
        assert_eq!(set(&listing.comes), &set(&new) - &set(&old));
        assert_eq!(listing.comes.len(), set(&listing.comes).len());
        assert_eq!(set(&listing.goes), &set(&old) - &set(&new));
        assert_eq!(listing.goes.len(), set(&listing.goes).len());
    }

    fn distinct(names: &[u8]) -> Vec<u8> {
        let mut seen = BTreeSet::new();
        names.iter().copied().filter(|name| seen.insert(*name)).collect()
    }

    #[test]
    fn what_comes_and_what_goes_is_found_at_the_ends_in_the_middle_and_out_of_order() {
        check(&[], &[]);
        check(&[], &[1, 2]);
        check(&[1, 2], &[]);
        check(&[1, 2, 3], &[1, 2, 3, 4]);
        check(&[1, 2, 3], &[0, 1, 2, 3]);
        check(&[1, 2, 3], &[1, 3]);
        check(&[1, 2, 3], &[3, 2, 1]);
        check(&[1, 2, 3], &[1, 9, 3]);
    }

    #[test]
    fn a_long_list_has_an_echo_that_follows_it_and_a_short_one_has_none() {
        let mut names = Names::new((1, 2));
        let (mut list, mut echo) = (Vec::new(), Echo::default());
        let long: Vec<u64> = (0..ECHOED as u64 + 2).collect();
        let less = [&long[..7], &long[8..]].concat();
        let other = [&less[1..], &[4711]].concat();
        for (wanted, has_echo) in [
            (&long[2..3], false),
            (&long, true),
            (&less, true),
            (&other, true),
            (&long[2..], true),
            (&long[3..], false),
            (&less, true),
        ] {
            let hashes: Vec<_> = wanted.iter().map(|name| [*name, *name]).collect();
            let listing = Listing::new(&mut names, &list, &echo, &hashes);
            echo = listing.echo(&names, &echo);
            list = listing.all;
            assert_eq!(&*echo, if has_echo { wanted } else { &[] });
        }
    }

    #[test]
    fn a_name_that_is_said_twice_is_there_once() {
        check(&[1, 2], &[1, 2, 1]);
        check(&[1, 2], &[2, 1, 2]);
        check(&[1, 2], &[1, 1, 2]);
        check(&[], &[5, 5]);
        check(&[1, 2, 3], &[1, 3, 2, 3]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_list_is_held_against_any_other(
            old in prop::collection::vec(0_u8..12, 0..12),
            new in prop::collection::vec(0_u8..12, 0..12),
        ) {
            check(&old, &new);
        }

        #[test]
        fn a_long_list_of_which_a_little_changes_is_held_against_itself(
            old in prop::collection::vec(any::<u8>(), 0..100),
            taken in any::<prop::sample::Index>(),
            added in (any::<prop::sample::Index>(), any::<u8>()),
        ) {
            let mut new = old.clone();
            if !new.is_empty() {
                new.remove(taken.index(new.len()));
            }
            new.insert(added.0.index(new.len() + 1), added.1);
            check(&old, &new);
        }
    }
}
