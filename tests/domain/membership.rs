//! Flattening a closure on reading.

use super::graph::{Graph, any_graph, group, id, ids};
use bindgate::domain::membership::flatten;
use bindgate::domain::observation::{Closure, ObservedGroup};
use bindgate::domain::policy::Flatten;
use bindgate::domain::record::{Route, UpstreamId};
use proptest::prelude::*;
use std::collections::BTreeSet;

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;
const D: usize = 3;

#[track_caller]
fn check(direct: &[usize], edges: &[(usize, usize)], mode: Flatten, expected: &[usize]) {
    let closure = Graph::new(direct, edges).closure();
    assert_eq!(flatten(&closure, mode, &ids(&[A, D])), ids(expected));
}

#[test]
fn s6_2_a_contains_b_contains_the_user() {
    let nested: &[(usize, usize)] = &[(A, B)];
    check(&[B], nested, Flatten::Direct, &[B]);
    check(&[B], nested, Flatten::Ancestors, &[A, B]);
    check(&[B], nested, Flatten::Depth(0), &[B]);
    check(&[B], nested, Flatten::Depth(1), &[A, B]);
    check(&[B], nested, Flatten::Leaf, &[B]);
    check(&[B], nested, Flatten::Mapped, &[A]);
}

#[test]
fn s6_2_a_user_in_both_a_and_b_is_direct_in_both_but_only_b_is_a_leaf() {
    check(&[A, B], &[(A, B)], Flatten::Direct, &[A, B]);
    check(&[A, B], &[(A, B)], Flatten::Depth(0), &[A, B]);
    check(&[A, B], &[(A, B)], Flatten::Leaf, &[B]);
}

#[test]
fn s6_2_depth_counts_levels_above_the_direct_group() {
    let chain: &[(usize, usize)] = &[(B, A), (C, B), (D, C)];
    check(&[A], chain, Flatten::Depth(2), &[A, B, C]);
    check(&[A], chain, Flatten::Depth(usize::MAX), &[A, B, C, D]);
}

#[test]
fn s6_2_groups_of_one_cycle_count_as_one_leaf() {
    let cycle: &[(usize, usize)] = &[(A, B), (B, A), (C, A)];
    check(&[B], cycle, Flatten::Leaf, &[A, B]);
    check(&[B], &[(B, B), (C, B)], Flatten::Leaf, &[B]);
    check(&[B, D], &[(A, B), (B, A), (B, D)], Flatten::Leaf, &[D]);
}

#[test]
fn s6_2_mapped_shows_no_group_outside_the_closure() {
    check(&[B], &[], Flatten::Mapped, &[]);
}

#[test]
fn a_chain_as_long_as_the_limit_of_groups_is_flattened() {
    let length = 10_000;
    let seen = |number: usize| {
        let route = Route { path: [id(number)].into(), direct: number == 0 };
        let members = number.checked_sub(1).map(id).into_iter().collect();
        (id(number), ObservedGroup { group: group(number), route, members })
    };
    let closure: Closure = (0..length).map(seen).collect();
    assert_eq!(flatten(&closure, Flatten::Leaf, &BTreeSet::new()), ids(&[0]));
}

/// The oracle: a group is a leaf if every group that can be reached below it reaches it too.
fn naive_leaves(closure: &Closure) -> BTreeSet<UpstreamId> {
    let below = |from: &UpstreamId| {
        let mut reached = closure[from].members.clone();
        for _ in 0..closure.len() {
            let next: Vec<_> = reached.iter().flat_map(|id| closure[id].members.clone()).collect();
            reached.extend(next);
        }
        reached
    };
    closure
        .keys()
        .filter(|id| below(id).iter().all(|low| below(low).contains(*id)))
        .cloned()
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s6_2_leaves_are_those_that_reachability_says(graph in any_graph()) {
        let closure = graph.closure();
        let leaves = flatten(&closure, Flatten::Leaf, &BTreeSet::new());
        prop_assert_eq!(leaves.is_empty(), closure.is_empty());
        prop_assert_eq!(leaves, naive_leaves(&closure));
    }

    #[test]
    fn s6_2_depths_widen_from_direct_to_ancestors(graph in any_graph()) {
        let closure = graph.closure();
        let shown = |mode| flatten(&closure, mode, &BTreeSet::new());
        prop_assert_eq!(shown(Flatten::Depth(0)), shown(Flatten::Direct));
        prop_assert_eq!(shown(Flatten::Depth(closure.len())), shown(Flatten::Ancestors));
        for above in 0..closure.len() {
            prop_assert!(shown(Flatten::Depth(above)).is_subset(&shown(Flatten::Depth(above + 1))));
        }
    }
}
