//! The member walk, by examples.

use super::graph::{Graph, Members, USER, WIDE, dn, group, id, key, user};
use bindgate::domain::membership::{Member, MemberKey};
use bindgate::domain::observation::{Closure, Observed, UnknownReason};
use bindgate::domain::record::{Group, UpstreamId};
use bindgate::domain::walk::{FoundGroup, Step, Walk, WalkLimits};

/// `group depth direct path` of every group, by number.
#[track_caller]
fn check(direct: &[usize], edges: &[(usize, usize)], expected: &[&str]) {
    let number = |id: &UpstreamId| -> usize {
        99_999 - id.as_str()[3..].parse::<usize>().expect("ids here end in a number")
    };
    let closure = Graph::new(direct, edges).closure();
    let mut lines: Vec<String> = closure
        .iter()
        .map(|(id, seen)| {
            let path: Vec<String> =
                seen.route.path.iter().map(|id| number(id).to_string()).collect();
            let kind = if seen.route.direct { "direct" } else { "nested" };
            format!("{} {} {kind} {}", number(id), seen.route.depth(), path.join("-"))
        })
        .collect();
    lines.sort();
    assert_eq!(lines, expected);
}

fn found(group: Group, members: &[&str]) -> FoundGroup {
    let members = members.iter().map(|member| key(member)).collect();
    FoundGroup { dn: dn(&group.dn), group, members }
}

fn end(mut walk: Walk) -> Observed<Closure> {
    loop {
        match walk.step() {
            Step::Done(outcome) => return outcome,
            Step::Ask(_) => walk.feed(Vec::new()),
        }
    }
}

#[test]
fn nobody_holds_the_user_and_that_is_known() {
    check(&[], &[(1, 0)], &[]);
}

#[test]
fn nested_groups_are_found_level_by_level() {
    check(&[0], &[(1, 0), (2, 1)], &["0 1 direct 0", "1 2 nested 0-1", "2 3 nested 0-1-2"]);
}

#[test]
fn s6_3_a_cycle_ends() {
    check(&[0], &[(1, 0), (2, 1), (0, 2)], &["0 1 direct 0", "1 2 nested 0-1", "2 3 nested 0-1-2"]);
}

#[test]
fn s6_3_a_group_that_holds_itself_ends() {
    check(&[0], &[(0, 0), (1, 0), (1, 1)], &["0 1 direct 0", "1 2 nested 0-1"]);
}

#[test]
fn s6_3_a_diamond_gives_its_top_once_and_taking_one_way_away_keeps_it() {
    let left = "1 2 nested 0-1";
    let right = "2 2 nested 0-2";
    // Of the two ways the one whose ids come first: ids run against numbers.
    let both = &["0 1 direct 0", left, right, "3 3 nested 0-2-3"];
    check(&[0], &[(1, 0), (2, 0), (3, 1), (3, 2)], both);
    check(&[0], &[(1, 0), (2, 0), (3, 1)], &["0 1 direct 0", left, right, "3 3 nested 0-1-3"]);
}

#[test]
fn a_direct_member_stays_direct_when_also_reached_through_another_group() {
    check(&[0, 1], &[(1, 0)], &["0 1 direct 0", "1 1 direct 1"]);
}

#[test]
fn s6_4_two_groups_named_alike_stay_two() {
    let closure = Graph::new(&[0, 2], &[]).closure();
    assert_eq!(closure.len(), 2);
    assert_eq!(closure[&id(0)].group.name, closure[&id(2)].group.name);
}

#[test]
fn a_user_entry_that_is_a_group_and_holds_itself_is_a_group_like_others() {
    let mut own = group(0);
    own.dn = USER.to_owned();
    let mut walk = Walk::new(&user(), WIDE);
    walk.step();
    walk.feed(vec![found(own.clone(), &[USER]), found(group(1), &[USER])]);
    walk.step();
    walk.feed(vec![found(own, &[USER]), found(group(1), &[USER])]);
    let Observed::Known(closure) = end(walk) else { panic!("walk gave up") };
    assert_eq!(closure.len(), 2);
    assert!(closure.values().all(|seen| seen.route.direct && seen.route.depth() == 1));
}

#[test]
fn another_spelling_of_a_member_is_the_same_member() {
    let mut walk = Walk::new(&user(), WIDE);
    walk.step();
    walk.feed(vec![found(group(0), &[USER]), found(group(1), &[USER])]);
    walk.step();
    walk.feed(vec![found(group(3), &["CN=N1, OU=S1, DC=Example, DC=Com"])]);
    let Observed::Known(closure) = end(walk) else { panic!("walk gave up") };
    assert_eq!(*closure[&id(3)].route.path, [id(1), id(3)]);
}

#[test]
fn a_group_made_anew_between_two_reads_makes_the_groups_unknown() {
    let mut again = group(3);
    again.dn = group(0).dn;
    let mut walk = Walk::new(&user(), WIDE);
    walk.step();
    walk.feed(vec![found(group(0), &[USER])]);
    walk.step();
    walk.feed(vec![found(again, &[&group(0).dn])]);
    assert_eq!(end(walk), Observed::Unknown(UnknownReason::Inconsistent));
}

#[test]
fn a_group_renamed_between_two_reads_makes_the_groups_unknown() {
    let mut renamed = group(0);
    renamed.dn = group(3).dn;
    let mut walk = Walk::new(&user(), WIDE);
    walk.step();
    walk.feed(vec![found(group(0), &[USER]), found(group(1), &[USER])]);
    walk.step();
    walk.feed(vec![found(renamed, &[&group(1).dn])]);
    assert_eq!(end(walk), Observed::Unknown(UnknownReason::Inconsistent));
}

#[test]
fn s3_2_a_walk_that_was_failed_ends_as_unknown_whatever_it_had_found() {
    let mut walk = Walk::new(&user(), WIDE);
    walk.step();
    walk.feed(vec![found(group(0), &[USER])]);
    walk.step();
    walk.fail(UnknownReason::Disconnected);
    walk.feed(Vec::new());
    assert_eq!(end(walk), Observed::Unknown(UnknownReason::Disconnected));
}

#[test]
fn an_answer_that_nobody_asked_for_is_ignored() {
    let mut walk = Walk::new(&user(), WIDE);
    walk.feed(vec![found(group(0), &[USER])]);
    assert_eq!(end(walk), Observed::Known(Closure::new()));
}

#[test]
fn a_question_is_repeated_until_it_is_answered() {
    let mut walk = Walk::new(&user(), WIDE);
    assert_eq!(walk.step(), Step::Ask(vec![user()]));
    assert_eq!(walk.step(), Step::Ask(vec![user()]));
}

#[test]
fn one_search_serves_as_many_groups_as_a_batch_holds() {
    let graph = Graph::new(&[0, 1, 2, 3, 4], &[]);
    let mut walk = Walk::new(&user(), WalkLimits { batch: 3, ..WIDE });
    let mut sizes = Vec::new();
    while let Step::Ask(asked) = walk.step() {
        sizes.push(asked.len());
        walk.feed(graph.search(&asked, Members::Shown));
    }
    assert_eq!(sizes, [1, 3, 2]);
}

#[test]
fn names_that_are_too_long_together_are_asked_for_in_several_searches() {
    let graph = Graph::new(&[0, 1, 2, 3, 4], &[]);
    let one = user().bytes();
    let sizes = |bytes: usize| {
        let mut walk = Walk::new(&user(), WalkLimits { bytes, ..WIDE });
        let mut sizes = Vec::new();
        while let Step::Ask(asked) = walk.step() {
            sizes.push(asked.len());
            walk.feed(graph.search(&asked, Members::Shown));
        }
        sizes
    };
    assert_eq!(sizes(usize::MAX), [1, 3, 2]);
    assert_eq!(sizes(2 * one), [1, 2, 2, 1]);
    // One name is asked for, however long it is.
    assert_eq!(sizes(0), [1, 1, 1, 1, 1, 1]);
}

#[test]
fn a_user_is_found_by_dn_and_by_uid_and_a_group_by_dn_alone() {
    let ann = Member { uids: vec!["ann".to_owned()], ..user() };
    let mut walk = Walk::new(&ann, WIDE);
    assert_eq!(walk.step(), Step::Ask(vec![ann.clone()]));
    walk.feed(vec![found(group(0), &[USER]), found(group(1), &[USER])]);
    let Step::Ask(asked) = walk.step() else { panic!("walk gave up") };
    assert!(asked.iter().all(|member| member.uids.is_empty()), "{asked:?}");
    assert_eq!(ann.keys(), [key(USER), MemberKey::Uid("ann".to_owned())]);
}
