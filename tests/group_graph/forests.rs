//! Larger random graphs against petgraph: depths, cycles, and what each mode of flattening shows.

use crate::model::{Entry, Model, WIDE, dn, group, id, key, known};
use crate::support::counts::{counted, seed};
use crate::support::dice::Dice;
use bindgate::domain::membership::flatten;
use bindgate::domain::membership::graph::Graph;
use bindgate::domain::observation::Closure;
use bindgate::domain::policy::Flatten;
use bindgate::domain::record::UpstreamId;
use petgraph::algo::{dijkstra, tarjan_scc};
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet};

/// Members that groups list, by number: below `groups` they are groups, above they are users.
struct Forest {
    groups: usize,
    members: Vec<BTreeSet<usize>>,
}

impl Forest {
    /// Mostly a hierarchy, with diamonds, cycles, groups that hold themselves, and members that
    /// nobody is.
    fn random(dice: &mut Dice) -> Self {
        let groups = 1 + dice.below(200);
        let mut forest = Self { groups, members: vec![BTreeSet::new(); groups] };
        for member in 0..groups {
            for _ in 0..dice.below(3) {
                let holder = if dice.once_in(10) { groups } else { member.max(1) };
                forest.members[dice.below(holder)].insert(member);
            }
        }
        for user in groups..groups + 20 {
            for _ in 0..dice.below(6) {
                forest.members[dice.below(groups)].insert(user);
            }
        }
        forest
    }

    fn entry(&self, number: usize) -> Entry {
        Entry::Group(group(
            number,
            number,
            self.members[number].iter().map(|at| key(*at)).collect(),
        ))
    }

    /// Some groups list others than before, or go and come again.
    fn change(&mut self, graph: &mut Graph, dice: &mut Dice) {
        for _ in 0..dice.below(30) {
            let number = dice.below(self.groups);
            match dice.below(3) {
                0 => drop(self.members[number].pop_first()),
                1 => drop(self.members[number].insert(dice.below(self.groups + 20))),
                _ => assert!(graph.remove(&id(number))),
            }
            self.entry(number).put_into(graph);
        }
    }

    /// The same for petgraph: edges lead from a member to who holds it.
    fn petgraph(&self) -> DiGraph<(), ()> {
        let mut graph = DiGraph::new();
        for _ in 0..self.groups + 20 {
            graph.add_node(());
        }
        for (holder, members) in self.members.iter().enumerate() {
            for member in members {
                graph.add_edge(NodeIndex::new(*member), NodeIndex::new(holder), ());
            }
        }
        graph
    }
}

/// Holds one user's closure against petgraph's view of the same.
fn compare(closure: &Closure, graph: &DiGraph<(), ()>, user: usize) {
    let mut depths = dijkstra(graph, NodeIndex::new(user), None, |_| 1_usize);
    depths.remove(&NodeIndex::new(user));
    let expected: BTreeMap<UpstreamId, usize> =
        depths.iter().map(|(node, depth)| (id(node.index()), *depth)).collect();
    let found: BTreeMap<UpstreamId, usize> =
        closure.iter().map(|(id, seen)| (id.clone(), seen.route.depth())).collect();
    assert_eq!(found, expected);

    let shown = |mode| flatten(closure, mode, &BTreeSet::new());
    let within = |least: usize| {
        expected.iter().filter(|(_, depth)| **depth <= least).map(|(id, _)| id.clone()).collect()
    };
    assert_eq!(shown(Flatten::Direct), within(1));
    assert_eq!(shown(Flatten::Ancestors), within(usize::MAX));
    assert_eq!(shown(Flatten::Depth(1)), within(2));
    let inside: BTreeSet<NodeIndex> = depths.into_keys().collect();
    assert_eq!(shown(Flatten::Leaf), leaves(graph, &inside));
}

/// The groups of every cycle, or group alone, into which no edge leads from others of the closure.
fn leaves(graph: &DiGraph<(), ()>, inside: &BTreeSet<NodeIndex>) -> BTreeSet<UpstreamId> {
    let part = graph.filter_map(|at, _| inside.contains(&at).then_some(at), |_, _| Some(()));
    let leads_in = |cycle: &Vec<NodeIndex>| {
        let mut below = cycle
            .iter()
            .flat_map(|node| part.neighbors_directed(*node, petgraph::Direction::Incoming));
        below.any(|node| !cycle.contains(&node))
    };
    let lowest = tarjan_scc(&part).into_iter().filter(|cycle| !leads_in(cycle));
    lowest.flatten().map(|node| id(part[node].index())).collect()
}

#[test]
fn s6_2_closures_and_their_flattening_are_what_petgraph_says_also_after_changes() {
    let seed = seed();
    for round in 0..counted(30, 300) {
        let mut dice = Dice::new(seed.wrapping_add(round));
        let mut forest = Forest::random(&mut dice);
        let mut graph = Graph::new((round, seed));
        (0..forest.groups).for_each(|number| forest.entry(number).put_into(&mut graph));
        for _ in 0..3 {
            let others = forest.petgraph();
            for user in forest.groups..forest.groups + 20 {
                compare(&known(graph.closure(&[key(user)], WIDE)), &others, user);
            }
            forest.change(&mut graph, &mut dice);
        }
    }
}

#[test]
fn s6_6_the_graph_and_the_member_walk_give_the_same_closure_with_the_same_ways() {
    let seed = seed();
    for round in 0..counted(10, 100) {
        let mut dice = Dice::new(seed.wrapping_add(round));
        let forest = Forest::random(&mut dice);
        let mut graph = Graph::new((round, seed));
        let mut model = Model::default();
        for entry in (0..forest.groups).map(|number| forest.entry(number)) {
            entry.put_into(&mut graph);
            model.put(entry);
        }
        for user in forest.groups..forest.groups + 5 {
            assert_eq!(graph.closure(&[key(user)], WIDE), model.walk(&dn(user), WIDE));
        }
    }
}
