//! The member walk against a naive fixpoint, on random graphs.

use super::graph::{Graph, Members, WIDE, any_graph, dn, group, id, key, user};
use bindgate::domain::observation::{Closure, Observed, UnknownReason};
use bindgate::domain::record::UpstreamId;
use bindgate::domain::walk::{FoundGroup, Step, Walk, WalkLimits};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Holds a closure against the oracle: groups, depths, paths, directness and edges.
fn assert_whole(graph: &Graph, closure: &Closure) {
    let depths = graph.depths();
    let expected: BTreeSet<UpstreamId> = depths.keys().map(|number| id(*number)).collect();
    assert_eq!(closure.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for (number, depth) in &depths {
        let seen = &closure[&id(*number)];
        assert_eq!(seen.group, group(*number));
        assert_eq!(seen.route.depth(), *depth);
        assert_eq!(seen.route.direct, graph.direct.contains(number));
        assert_eq!(*seen.route.path, *graph.least_path(*number));
        let below = graph.holds[*number].iter().filter(|member| depths.contains_key(member));
        assert_eq!(seen.members, below.map(|member| id(*member)).collect());
    }
}

fn known(outcome: Observed<Closure>) -> Closure {
    match outcome {
        Observed::Known(closure) => closure,
        Observed::Unknown(reason) => panic!("walk gave up: {reason}"),
    }
}

fn any_answer() -> impl Strategy<Value = Vec<FoundGroup>> {
    let found = (0_usize..6, 0_usize..6, prop::collection::vec(0_usize..6, 0..4));
    let found = found.prop_map(|(owner, named, members)| FoundGroup {
        group: group(owner),
        dn: dn(&group(named).dn),
        members: members.iter().map(|m| key(&group(*m).dn)).collect(),
    });
    prop::collection::vec(found, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s6_5_walk_finds_what_a_naive_fixpoint_finds_with_least_depths_and_valid_paths(
        graph in any_graph(),
        batch in 0_usize..10,
        bytes in 0_usize..400,
    ) {
        let outcome = graph.walk(WalkLimits { batch, bytes, ..WIDE }, Members::Shown);
        assert_whole(&graph, &known(outcome));
    }

    #[test]
    fn groups_whose_members_are_hidden_are_placed_all_the_same(
        graph in any_graph(),
        batch in 1_usize..10,
    ) {
        let outcome = graph.walk(WalkLimits { batch, ..WIDE }, Members::Hidden);
        assert_whole(&graph, &known(outcome));
    }

    #[test]
    fn a_depth_limit_gives_the_whole_closure_or_none(
        graph in any_graph(),
        max_depth in 0_usize..8,
        batch in 1_usize..4,
    ) {
        let outcome = graph.walk(WalkLimits { max_depth, batch, ..WIDE }, Members::Shown);
        // The level above the deepest group has to be asked for, to see that it is empty.
        let needed = graph.depths().into_values().max().unwrap_or(0) + 1;
        if needed <= max_depth {
            assert_whole(&graph, &known(outcome));
        } else {
            prop_assert_eq!(outcome, Observed::Unknown(UnknownReason::DepthLimit));
        }
    }

    #[test]
    fn s6_7_a_group_limit_gives_the_whole_closure_or_none(
        graph in any_graph(),
        max_groups in 0_usize..8,
        batch in 1_usize..4,
    ) {
        let outcome = graph.walk(WalkLimits { max_groups, batch, ..WIDE }, Members::Shown);
        if graph.depths().len() <= max_groups {
            assert_whole(&graph, &known(outcome));
        } else {
            prop_assert_eq!(outcome, Observed::Unknown(UnknownReason::TooManyGroups));
        }
    }

    #[test]
    fn a_walk_ends_on_any_answers_and_holds_no_more_than_its_limit(
        answers in prop::collection::vec((any_answer(), any::<bool>()), 0..40),
    ) {
        let limits = WalkLimits { max_depth: 5, max_groups: 4, batch: 2, bytes: usize::MAX };
        let mut walk = Walk::new(&user(), limits);
        for (answer, asks_first) in answers {
            if asks_first {
                let asked = walk.step();
                prop_assert_eq!(&asked, &walk.step());
                if let Step::Done(Observed::Known(closure)) = asked {
                    prop_assert!(closure.len() <= limits.max_groups);
                }
            }
            walk.feed(answer);
        }
        // Without further answers to its questions it runs dry.
        for _ in 0..100 {
            match walk.step() {
                Step::Done(_) => return Ok(()),
                Step::Ask(_) => walk.feed(Vec::new()),
            }
        }
        prop_assert!(false, "the walk goes on");
    }
}
