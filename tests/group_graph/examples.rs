//! What is worth being told as an example.

use crate::model::{Entry, WIDE, group, id, key, known, user};
use bindgate::domain::membership::flatten;
use bindgate::domain::membership::graph::{ClosureLimits, Graph};
use bindgate::domain::observation::{Observed, UnknownReason};
use bindgate::domain::policy::Flatten;
use std::collections::BTreeSet;

/// Whose groups are asked for.
const ANN: usize = 100;

/// A graph of `(group, members)`, each group named as it is numbered.
fn graph(groups: &[(usize, &[usize])]) -> Graph {
    let mut graph = Graph::new((1, 2));
    groups.iter().for_each(|(number, members)| put(&mut graph, *number, *number, members));
    graph
}

fn put(graph: &mut Graph, number: usize, name: usize, members: &[usize]) {
    graph.put_group(&group(number, name, members.iter().map(|member| key(*member)).collect()));
}

/// Ann is in these groups, at these depths.
#[track_caller]
fn check(graph: &Graph, expected: &[(usize, usize)]) {
    let closure = known(graph.closure(&[key(ANN)], WIDE));
    let mut found: Vec<_> =
        closure.iter().map(|(id, seen)| (id.clone(), seen.route.depth())).collect();
    let mut expected: Vec<_> =
        expected.iter().map(|(number, depth)| (id(*number), *depth)).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn s6_3_taking_one_way_of_a_diamond_away_keeps_the_ancestor() {
    let mut graph = graph(&[(1, &[2, 3]), (2, &[ANN]), (3, &[ANN])]);
    check(&graph, &[(1, 2), (2, 1), (3, 1)]);
    put(&mut graph, 2, 2, &[]);
    check(&graph, &[(1, 2), (3, 1)]);
    put(&mut graph, 3, 3, &[]);
    check(&graph, &[]);
}

#[test]
fn s6_3_cycles_and_groups_that_hold_themselves_end() {
    let graph = graph(&[(1, &[3, 1]), (2, &[1, ANN]), (3, &[2])]);
    check(&graph, &[(2, 1), (3, 2), (1, 3)]);
    let closure = known(graph.closure(&[key(ANN)], WIDE));
    assert_eq!(closure[&id(1)].members, BTreeSet::from([id(1), id(3)]));
    let leaves = flatten(&closure, Flatten::Leaf, &BTreeSet::new());
    assert_eq!(leaves, BTreeSet::from([id(1), id(2), id(3)]));
}

#[test]
fn a_member_without_an_entry_counts_as_soon_as_it_has_one() {
    let mut graph = graph(&[(1, &[2])]);
    check(&graph, &[]);
    put(&mut graph, 2, 2, &[ANN]);
    check(&graph, &[(1, 2), (2, 1)]);
    assert!(graph.remove(&id(2)));
    check(&graph, &[]);
}

#[test]
fn a_renamed_group_is_held_by_whoever_lists_its_new_name() {
    let mut graph = graph(&[(1, &[2]), (2, &[ANN]), (3, &[4])]);
    check(&graph, &[(1, 2), (2, 1)]);
    put(&mut graph, 2, 4, &[ANN]);
    check(&graph, &[(3, 2), (2, 1)]);
    put(&mut graph, 1, 1, &[4]);
    check(&graph, &[(1, 2), (3, 2), (2, 1)]);
}

#[test]
fn two_groups_that_swap_their_names_are_never_taken_for_each_other() {
    let mut graph = graph(&[(1, &[2]), (3, &[4]), (2, &[ANN]), (4, &[])]);
    check(&graph, &[(1, 2), (2, 1)]);
    put(&mut graph, 2, 4, &[ANN]);
    put(&mut graph, 4, 2, &[]);
    check(&graph, &[(3, 2), (2, 1)]);
}

/// The name of a group went with the entry that came last, also once that one had gone elsewhere:
/// the group that still had it was then in no other group.
#[test]
fn a_name_falls_back_to_the_entry_that_still_has_it() {
    let mut graph = graph(&[(1, &[2]), (2, &[ANN])]);
    put(&mut graph, 3, 2, &[]);
    check(&graph, &[(2, 1)]);
    put(&mut graph, 3, 3, &[]);
    check(&graph, &[(1, 2), (2, 1)]);
    put(&mut graph, 3, 2, &[]);
    assert!(graph.remove(&id(3)));
    check(&graph, &[(1, 2), (2, 1)]);
}

#[test]
fn removing_the_entry_that_had_a_name_before_does_not_take_it_away() {
    let mut graph = graph(&[(1, &[2]), (2, &[ANN])]);
    put(&mut graph, 3, 2, &[ANN]);
    assert!(graph.remove(&id(2)));
    check(&graph, &[(1, 2), (3, 1)]);
}

#[test]
fn a_group_that_becomes_a_user_is_a_group_no_more() {
    let mut graph = graph(&[(1, &[2]), (2, &[ANN])]);
    graph.put_user(&user(2, 2, 7, Vec::new()));
    check(&graph, &[]);
    assert_eq!(graph.group(&id(2)), None);
    assert_eq!(graph.user(&group(2, 2, Vec::new()).dn).map(|user| user.digest), Some(7));
    put(&mut graph, 2, 2, &[ANN]);
    check(&graph, &[(1, 2), (2, 1)]);
    assert_eq!(graph.counts().users, 0);
}

#[test]
fn nothing_goes_before_a_present_phase_has_its_end() {
    let mut graph = graph(&[(1, &[2]), (2, &[ANN])]);
    graph.begin_present();
    check(&graph, &[(1, 2), (2, 1)]);
    graph.mark_present(&id(2));
    put(&mut graph, 3, 3, &[2]);
    assert_eq!(graph.unmarked().groups, 1);
    check(&graph, &[(1, 2), (3, 2), (2, 1)]);
    assert_eq!(graph.sweep().groups, 1);
    check(&graph, &[(3, 2), (2, 1)]);
}

#[test]
fn s6_7_a_limit_gives_the_whole_closure_or_none() {
    let graph = graph(&[(1, &[2]), (2, &[ANN])]);
    let asked =
        |max_depth, max_groups| graph.closure(&[key(ANN)], ClosureLimits { max_depth, max_groups });
    assert!(matches!(asked(3, 2), Observed::Known(closure) if closure.len() == 2));
    assert_eq!(asked(2, 2), Observed::Unknown(UnknownReason::DepthLimit));
    assert_eq!(asked(3, 1), Observed::Unknown(UnknownReason::TooManyGroups));
}

#[test]
fn a_fingerprint_is_another_after_every_change_that_a_closure_shows_and_no_other() {
    let mut graph = graph(&[(1, &[2, 3]), (2, &[ANN]), (3, &[])]);
    let of = [key(ANN)];
    let mut seen = BTreeSet::from([known(graph.fingerprint(&of, WIDE))]);
    let mut changes = |entry, is_seen: bool| {
        let before = known(graph.fingerprint(&of, WIDE));
        Entry::Group(entry).put_into(&mut graph);
        let after = known(graph.fingerprint(&of, WIDE));
        assert_eq!(before != after, is_seen);
        assert!(!is_seen || seen.insert(after), "a fingerprint came back");
    };
    let ann = || key(ANN);
    // A group that is none of hers, a member that is not her, the same again.
    changes(group(3, 3, vec![key(50)]), false);
    changes(group(2, 2, vec![ann(), key(51)]), false);
    changes(group(2, 2, vec![key(51), ann(), ann()]), false);
    // Deeper, direct, with an edge more, by another name, by another DN.
    changes(group(3, 3, vec![key(2)]), true);
    changes(group(1, 1, vec![key(2), key(3), ann()]), true);
    changes(group(2, 2, vec![ann(), key(3)]), true);
    let mut named = group(1, 1, vec![key(2), key(3), ann()]);
    named.group.name = "another".to_owned();
    changes(named.clone(), true);
    named.group.dn = named.group.dn.to_uppercase();
    changes(named.clone(), true);
}

#[test]
fn a_user_is_found_by_dn_and_by_the_very_spelling_of_a_uid() {
    use bindgate::domain::membership::MemberKey;
    let mut graph = Graph::new((3, 4));
    let uid = |text: &str| MemberKey::Uid(text.to_owned());
    graph.put_group(&group(1, 1, vec![uid("ann")]));
    graph.put_group(&group(2, 2, vec![uid("Ann")]));
    graph.put_group(&group(3, 3, vec![key(2), key(ANN)]));
    let found = known(graph.closure(&[key(ANN), uid("Ann")], WIDE));
    assert_eq!(found.into_keys().collect::<BTreeSet<_>>(), BTreeSet::from([id(2), id(3)]));
}

#[test]
fn right_below_and_right_above_a_group_stand_groups_and_nobody_else() {
    let mut graph = graph(&[(1, &[2, 3, ANN, 77]), (2, &[4]), (3, &[]), (4, &[1, 4])]);
    #[track_caller]
    fn check(graph: &Graph, number: usize, below: &[usize], above: &[usize]) {
        let beside = graph.beside(graph.group_as(&id(number)).expect("it is there"));
        let ids = |groups: &[bindgate::domain::record::Group]| {
            groups.iter().map(|group| group.id.clone()).collect::<BTreeSet<_>>()
        };
        let expected = |numbers: &[usize]| numbers.iter().map(|one| id(*one)).collect();
        assert_eq!((ids(&beside.below), ids(&beside.above)), (expected(below), expected(above)));
    }
    check(&graph, 1, &[2, 3], &[4]);
    check(&graph, 2, &[4], &[1]);
    check(&graph, 3, &[], &[1]);
    check(&graph, 4, &[1, 4], &[2, 4]);
    graph.put_user(&user(ANN, ANN, 7, Vec::new()));
    check(&graph, 1, &[2, 3], &[4]);
    assert!(graph.remove(&id(2)));
    check(&graph, 1, &[3], &[4]);
}
