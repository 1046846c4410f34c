//! Random sequences of changes: after each of them the graph is what its entries say.

use crate::model::{Entry, Model, WIDE, dn, group, id, key, keys, known, limited, members, user};
use crate::support::counts::{counted, seed};
use crate::support::dice::Dice;
use bindgate::domain::membership::MemberKey;
use bindgate::domain::membership::graph::{ClosureLimits, Graph, Scratch};
use bindgate::domain::observation::{Closure, Observed};
use bindgate::domain::record::{Era, UpstreamId};
use bindgate::proto::dn::NormalizedDn;
use std::collections::HashMap;

/// Ids and names, few enough to meet.
const IDS: usize = 10;
const NAMES: usize = 9;
const STEPS: usize = 60;

/// A graph and the model that it is held against, with what fingerprints were seen.
struct Pair {
    graph: Graph,
    model: Model,
    scratch: Scratch,
    fingerprints: HashMap<u128, Closure>,
    closures: HashMap<String, u128>,
    /// What a user's closure was when it was last looked at, and in which era.
    eras: HashMap<(UpstreamId, NormalizedDn), (Era, u128)>,
}

impl Pair {
    fn new(seed: u64) -> Self {
        Self {
            graph: Graph::new((seed, !seed)),
            model: Model::default(),
            scratch: Scratch::default(),
            fingerprints: HashMap::new(),
            closures: HashMap::new(),
            eras: HashMap::new(),
        }
    }

    fn put(&mut self, entry: Entry) {
        entry.put_into(&mut self.graph);
        self.model.put(entry);
    }

    /// Something happens.
    fn step(&mut self, dice: &mut Dice) {
        let number = dice.below(IDS);
        match dice.below(20) {
            0..9 => {
                let members = members(dice, NAMES);
                self.put(Entry::Group(group(number, dice.below(NAMES), members)));
            }
            9..11 => self.change_members(dice),
            11..13 => self.rename(dice),
            13..16 => {
                let uids = (0..dice.below(3)).map(|at| format!("u{at}")).collect();
                let digest = u128::from(dice.number()) << 64 | u128::from(dice.number());
                self.put(Entry::User(user(number, dice.below(NAMES), digest, uids)));
            }
            16..18 => {
                assert_eq!(self.graph.remove(&id(number)), self.model.remove(&id(number)));
            }
            18 => self.refresh(dice),
            _ => {
                self.graph.mark_present(&id(number));
                self.model.mark_present(&id(number));
            }
        }
    }

    /// A group that is there gets one member more, or one less.
    fn change_members(&mut self, dice: &mut Dice) {
        let groups: Vec<_> = self.model.groups().cloned().collect();
        if groups.is_empty() {
            return;
        }
        let mut entry = dice.one_of(&groups).clone();
        let mut members = keys(&entry);
        if members.is_empty() || dice.once_in(2) {
            members.push(key(dice.below(NAMES)));
        } else {
            members.swap_remove(dice.below(members.len()));
        }
        entry.members = members.into_iter().collect();
        self.put(Entry::Group(entry));
    }

    /// A group that is there gets another name, perhaps one that somebody has.
    fn rename(&mut self, dice: &mut Dice) {
        let groups: Vec<_> = self.model.groups().cloned().collect();
        if groups.is_empty() {
            return;
        }
        let mut entry = dice.one_of(&groups).clone();
        let named = dn(dice.below(NAMES));
        entry.dn = named.normalized().clone();
        entry.group.dn = named.to_string();
        entry.group.name = format!("n{}", dice.below(3));
        self.put(Entry::Group(entry));
    }

    /// A present phase that sees about half, with an end or without one.
    fn refresh(&mut self, dice: &mut Dice) {
        self.graph.begin_present();
        self.model.begin_present();
        for number in 0..IDS {
            if dice.once_in(2) {
                self.graph.mark_present(&id(number));
                self.model.mark_present(&id(number));
            }
        }
        assert_eq!(self.graph.unmarked(), self.model.unmarked());
        if dice.once_in(2) {
            assert_eq!(self.graph.sweep(), self.model.sweep());
        }
    }

    /// Everything that can be asked of the graph.
    fn compare(&mut self, dice: &mut Dice) {
        assert_eq!(self.graph.counts(), self.model.counts());
        assert_eq!(self.graph.unmarked(), self.model.unmarked());
        assert_eq!(self.graph.names(), self.model.names(), "names that nobody refers to");
        for number in 0..IDS {
            assert_eq!(self.graph.group(&id(number)), self.model.group(&id(number)));
        }
        for name in 0..NAMES {
            self.compare_user(dn(name).normalized());
            self.compare_closures(&[key(name)], dice);
        }
        let uid = MemberKey::Uid(format!("u{}", dice.below(3)));
        self.compare_closures(&[key(dice.below(NAMES)), uid, key(NAMES)], dice);
        self.compare_closures(&[], dice);
        if self.model.is_settled() {
            self.compare_with_walk(dice);
        }
    }

    fn compare_user(&mut self, dn: &NormalizedDn) {
        let (found, expected) = (self.graph.user(dn), self.model.user(dn));
        assert_eq!(found.is_some(), expected.is_some());
        let (Some(found), Some(expected)) = (found, expected) else { return };
        assert_eq!((&found.id, found.digest), (&expected.id, expected.digest));
        assert_eq!(self.graph.uids(found.at), expected.uids);
        let uids = expected.uids.iter().filter_map(|uid| MemberKey::uid(uid));
        let keys: Vec<_> = std::iter::once(MemberKey::Dn(dn.clone())).chain(uids).collect();
        let by_place = self.graph.fingerprint_at(found.at, WIDE, &mut self.scratch);
        assert_eq!(by_place, self.graph.fingerprint(&keys, WIDE));
        let now = (self.graph.era(), known(by_place));
        let before = self.eras.insert((found.id, dn.clone()), now).unwrap_or(now);
        assert!(before == now || before.0 < now.0, "another closure in the same era");
    }

    fn compare_closures(&mut self, of: &[MemberKey], dice: &mut Dice) {
        let expected = self.model.closure(of);
        let limits = ClosureLimits { max_depth: dice.below(6), max_groups: dice.below(8) };
        assert_eq!(self.graph.closure(of, limits), limited(expected.clone(), limits));
        assert_eq!(known(self.graph.closure(of, WIDE)), expected);
        self.compare_steps(of, &expected);
        let fingerprint = known(self.graph.fingerprint(of, WIDE));
        assert_eq!(known(self.graph.fingerprint_in(of, WIDE, &mut self.scratch)), fingerprint);
        let text = format!("{expected:?}");
        assert_eq!(*self.closures.entry(text).or_insert(fingerprint), fingerprint, "{expected:?}");
        let known = self.fingerprints.entry(fingerprint).or_insert_with(|| expected.clone());
        assert_eq!(*known, expected, "two closures of one fingerprint");
    }

    /// What is told without making a closure of it.
    fn compare_steps(&mut self, of: &[MemberKey], expected: &Closure) {
        let reached = known(self.graph.reach_in(of, WIDE, &mut self.scratch));
        assert_eq!(reached.len(), expected.len());
        for step in reached {
            let depth = expected[&self.graph.id_of(step.group).unwrap()].route.depth();
            assert_eq!(step.depth as usize, depth);
            let below = step.below.map(|below| reached[below as usize].depth);
            assert_eq!(below.unwrap_or(0) + 1, step.depth);
        }
    }

    fn compare_with_walk(&self, dice: &mut Dice) {
        let name = dice.below(NAMES);
        let limits = ClosureLimits { max_depth: dice.below(6), max_groups: dice.below(8) };
        for limits in [WIDE, limits] {
            let found = self.model.walk(&dn(name), limits);
            assert_eq!(self.graph.closure(&[key(name)], limits), found);
        }
    }

    /// A graph that was built in one go says the same, fingerprints included.
    fn compare_with_a_new_one(&self) {
        let mut anew = Graph::new(self.graph.seed());
        self.model.entries().for_each(|entry| entry.put_into(&mut anew));
        assert_eq!(anew.counts(), self.graph.counts());
        assert_eq!(anew.names(), self.graph.names());
        for name in 0..NAMES {
            let of = [key(name)];
            assert_eq!(anew.closure(&of, WIDE), self.graph.closure(&of, WIDE));
            assert_eq!(anew.fingerprint(&of, WIDE), self.graph.fingerprint(&of, WIDE));
        }
    }
}

#[test]
fn after_any_changes_the_graph_says_what_a_fixpoint_over_its_entries_says() {
    let seed = seed();
    for round in 0..counted(40, 400) {
        let mut dice = Dice::new(seed.wrapping_add(round));
        let mut pair = Pair::new(seed ^ round);
        for _ in 0..STEPS {
            pair.step(&mut dice);
            pair.compare(&mut dice);
        }
        pair.compare_with_a_new_one();
    }
}

#[test]
fn an_era_ends_with_what_a_closure_shows_and_with_nothing_else() {
    let mut pair = Pair::new(seed());
    pair.put(Entry::Group(group(0, 0, vec![key(1)])));
    pair.put(Entry::User(user(1, 1, 7, vec!["u1".to_owned()])));
    let mut ends = |entry: Entry| {
        let before = pair.graph.era();
        pair.put(entry);
        pair.graph.era() != before
    };
    assert!(!ends(Entry::User(user(1, 1, 8, vec!["u1".to_owned()]))), "another digest");
    assert!(!ends(Entry::User(user(2, 2, 7, Vec::new()))), "another user");
    assert!(!ends(Entry::Group(group(0, 0, vec![key(1)]))), "the same group once more");
    assert!(ends(Entry::Group(group(0, 0, vec![key(1), key(2)]))), "a member more");
    assert!(ends(Entry::Group(group(3, 3, vec![key(0)]))), "a group more");
    assert!(ends(Entry::Group(group(3, 4, vec![key(0)]))), "another name");
    assert!(ends(Entry::User(user(1, 1, 8, Vec::new()))), "a name less for a user");
    assert!(ends(Entry::User(user(2, 0, 7, Vec::new()))), "a user with a group's name");
    let mut other = Graph::new(pair.graph.seed());
    other.succeed(&pair.graph);
    assert!(other.era() > pair.graph.era(), "a graph in its place");
}

#[test]
fn whatever_order_a_directory_that_holds_still_is_told_in_the_graph_is_the_same() {
    let seed = seed();
    for round in 0..counted(100, 1000) {
        let mut dice = Dice::new(seed.wrapping_add(round));
        let mut entries: Vec<Entry> = (0..IDS)
            .map(|number| match dice.below(4) {
                0 => Entry::User(user(number, number, 1, Vec::new())),
                _ => Entry::Group(group(number, number, members(&mut dice, IDS + 2))),
            })
            .collect();
        let told = |entries: &[Entry]| {
            let mut graph = Graph::new((seed, round));
            entries.iter().for_each(|entry| entry.put_into(&mut graph));
            let of = |name| [key(name)];
            let asked = (0..IDS).map(|name| known(graph.fingerprint(&of(name), WIDE)));
            (asked.collect::<Vec<_>>(), graph.counts(), graph.names())
        };
        let first = told(&entries);
        for at in (1..entries.len()).rev() {
            entries.swap(at, dice.below(at + 1));
        }
        assert_eq!(told(&entries), first);
    }
}

#[test]
fn an_empty_graph_knows_that_nobody_is_in_any_group() {
    let graph = Graph::new((1, 2));
    assert_eq!(graph.closure(&[key(0)], WIDE), Observed::Known(Closure::new()));
    assert_eq!(graph.names(), 0);
}

#[test]
fn nothing_is_left_of_a_graph_whose_entries_are_all_gone() {
    let seed = seed();
    for round in 0..counted(50, 500) {
        let mut dice = Dice::new(seed.wrapping_add(round));
        let mut pair = Pair::new(round);
        for _ in 0..STEPS {
            pair.step(&mut dice);
        }
        pair.graph.begin_present();
        pair.graph.sweep();
        assert_eq!(pair.graph.counts(), Default::default());
        assert_eq!(pair.graph.names(), 0);
    }
}
