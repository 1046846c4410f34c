//! Why a user is in a group or is not: right for every user and group of random directories, held
//! against their edges, and the misses in the order in which they decide.

use super::graph::{Graph, any_graph, group, id};
use super::scene::{BEFORE, NOW, Scene, key, membership};
use bindgate::domain::explain::{
    Cut, Explanation, Miss, NotFollowed, Question, Today, cut, explain, nearest,
};
use bindgate::domain::observation::{Closure, Observed, UnknownReason};
use bindgate::domain::policy::{GroupPattern, GroupSync, Switch};
use bindgate::domain::record::{InactiveReason, Membership, Provenance, Record, UpstreamId};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The number of a group by its id.
fn number(id: &UpstreamId) -> usize {
    99_999 - id.as_str().trim_start_matches("id-").parse::<usize>().expect("an id of ours")
}

/// Whether the first group of a way holds the user, and each other the one before.
fn holds(graph: &Graph, way: &[UpstreamId], at: usize) -> bool {
    let group = number(&way[at]);
    match at {
        0 => graph.direct.contains(&group),
        _ => graph.holds[group].contains(&number(&way[at - 1])),
    }
}

/// The ways by which somebody else, whom these groups hold, is in a group.
fn ways_of(graph: &Graph, direct: &BTreeSet<usize>, of: usize) -> Vec<Vec<UpstreamId>> {
    let other = Graph { direct: direct.clone(), holds: graph.holds.clone() };
    let closure = other.closure();
    closure.get(&id(of)).map(|seen| seen.route.path.to_vec()).into_iter().collect()
}

/// Ann, who has signed on with these groups.
fn record(closure: &Closure) -> Record {
    let mut scene = Scene { groups: Observed::Known(closure.clone()), ..Scene::first() };
    scene.settle(BEFORE);
    scene.record.expect("a sign-on makes a record")
}

fn ask(record: Option<&Record>, scene: &Scene, of: usize, ways: &[Vec<UpstreamId>]) -> Explanation {
    explain(&Question {
        group: &id(of),
        named: Some(&group(of)),
        record,
        user_type: Some(&scene.user_type),
        switch: scene.switch,
        groups: &scene.groups,
        ways,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn explain_is_right_for_every_user_and_group_of_a_random_directory(
        graph in any_graph(),
        others in prop::collection::vec(prop::collection::btree_set(0_usize..9, 0..3), 0..4),
    ) {
        let closure = graph.closure();
        let record = record(&closure);
        let scene = Scene { groups: Observed::Known(closure.clone()), ..Scene::first() };
        for of in 0..graph.holds.len() {
            let others = others.iter().map(|direct| {
                direct.iter().copied().filter(|number| *number < graph.holds.len()).collect()
            });
            let ways: Vec<_> = others.flat_map(|direct| ways_of(&graph, &direct, of)).collect();
            let told = ask(Some(&record), &scene, of, &ways);
            prop_assert_eq!(told.is_member, graph.depths().contains_key(&of));
            if told.is_member {
                prop_assert!(told.misses.is_empty());
                prop_assert_eq!(told.grounds.len(), 1);
                let way = &told.grounds[0].route.path;
                prop_assert_eq!(&told.grounds[0].today, &Today::Confirmed);
                prop_assert_eq!(way.last(), Some(&id(of)));
                prop_assert!((0..way.len()).all(|at| holds(&graph, way, at)));
                continue;
            }
            let [miss] = told.misses.as_slice() else { panic!("one miss: {told:?}") };
            let Miss::Cut(cut) = miss else {
                prop_assert!(ways.is_empty(), "{:?}", told);
                prop_assert_eq!(miss, &Miss::NoWay);
                continue;
            };
            prop_assert!(ways.contains(&cut.way));
            prop_assert!(!holds(&graph, &cut.way, cut.holds), "it is cut where it is said to be");
            prop_assert!(cut.way[..cut.holds].iter().all(|id| closure.contains_key(id)));
            let beyond = cut.holds + 1..cut.way.len();
            prop_assert!(beyond.clone().all(|at| holds(&graph, &cut.way, at)), "only there");
            let least = ways.iter().map(|way| {
                way.iter().filter(|id| !closure.contains_key(*id)).count()
            });
            prop_assert_eq!(Some(beyond.len() + 1), least.min());
        }
    }

    #[test]
    fn a_way_that_led_there_is_cut_where_an_edge_is_gone(
        graph in any_graph(),
        gone in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
        direct in prop::collection::btree_set(0_usize..9, 0..3),
    ) {
        let before = graph.closure();
        let record = record(&before);
        let mut now = graph.clone();
        for (group, member) in gone {
            let group = group.index(now.holds.len());
            let members: Vec<_> = now.holds[group].iter().copied().collect();
            match members.is_empty() {
                true => drop(now.direct.remove(&group)),
                false => drop(now.holds[group].remove(&members[member.index(members.len())])),
            }
        }
        now.direct.retain(|number| !direct.contains(number));
        let scene = Scene { groups: Observed::Known(now.closure()), ..Scene::first() };
        for id in before.keys() {
            let told = ask(Some(&record), &scene, number(id), &[]);
            prop_assert!(told.is_member, "the record says so until the next sign-on");
            let ground = &told.grounds[0];
            match &ground.today {
                Today::Confirmed => prop_assert!(now.depths().contains_key(&number(id))),
                Today::Gone(Some(cut)) => {
                    prop_assert!(!now.depths().contains_key(&number(id)));
                    prop_assert_eq!(&*cut.way, &*ground.route.path);
                    prop_assert!(!holds(&now, &cut.way, cut.holds));
                    let depths = now.depths();
                    let before = &cut.way[..cut.holds];
                    prop_assert!(before.iter().all(|id| depths.contains_key(&number(id))));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn of_several_ways_the_one_that_lacks_least_is_told() {
    let graph = Graph::new(&[0], &[(1, 0)]);
    let closure = graph.closure();
    let way = |numbers: &[usize]| numbers.iter().map(|n| id(*n)).collect::<Vec<_>>();
    let ways = [way(&[5, 9]), way(&[0, 1, 7, 8, 9]), way(&[0, 1, 9]), way(&[1, 6, 9])];
    let told = nearest(&ways, &closure).expect("they are all cut");
    assert_eq!(told, Cut { way: way(&[0, 1, 9]), holds: 2 });
    assert_eq!(nearest(&[], &closure), None);
    assert_eq!(cut(&way(&[0, 1]), &closure), None, "it is not cut");
}

/// The misses of a group that the directory says, or not, for a record that does not have it.
#[track_caller]
fn check(change: impl FnOnce(&mut Scene, &mut Record), expected: &[Miss]) {
    let mut record = record(&Closure::new());
    let closure = Graph::new(&[1], &[]).closure();
    let mut scene = Scene { groups: Observed::Known(closure), ..Scene::first() };
    change(&mut scene, &mut record);
    let told = ask(Some(&record), &scene, 1, &[]);
    assert_eq!(told.misses, expected);
    assert!(!told.is_member);
}

#[test]
fn each_reason_for_a_no_is_told_in_the_order_in_which_they_decide() {
    let route = || Graph::new(&[1], &[]).closure()[&id(1)].route.clone();
    check(|_, _| {}, &[Miss::NotYet(route())]);
    let rule = "n?".replace('?', "*");
    let ignore = |scene: &mut Scene| {
        scene.user_type.ignored_groups = vec![GroupPattern::new("n*")];
    };
    check(|scene, _| ignore(scene), &[Miss::Ignored(rule.clone())]);
    let off = |scene: &mut Scene, _: &mut Record| scene.switch = Switch::Off;
    check(off, &[Miss::NotFollowed(NotFollowed::SwitchedOff)]);
    for (groups, why) in [
        (GroupSync::FirstSignOn, NotFollowed::FirstSignOnOnly),
        (GroupSync::Never, NotFollowed::Never),
    ] {
        check(|scene, _| scene.user_type.groups = groups, &[Miss::NotFollowed(why)]);
    }
    let unknown = |scene: &mut Scene, _: &mut Record| {
        scene.groups = Observed::Unknown(UnknownReason::Timeout);
    };
    check(unknown, &[Miss::Unknown(UnknownReason::Timeout)]);
    check(|scene, _| scene.groups = Observed::Known(Closure::new()), &[Miss::NoWay]);
    let until = Some(NOW);
    check(
        |_, record| {
            record.inactive = [InactiveReason::Admin, InactiveReason::Missing].into();
            let denial = Membership { until, ..membership(1) };
            record.memberships.insert(key(1, Provenance::PinDeny), denial);
            let waiting = Membership { in_review: true, ..membership(1) };
            record.memberships.insert(key(1, Provenance::Local), waiting);
            record.memberships.insert(key(1, Provenance::Managed), membership(1));
        },
        &[
            Miss::Inactive([InactiveReason::Admin, InactiveReason::Missing].into()),
            Miss::Denied { since: BEFORE, until },
            Miss::InReview(Provenance::Local),
        ],
    );
    let scene = Scene { groups: Observed::Known(Closure::new()), ..Scene::first() };
    assert_eq!(ask(None, &scene, 1, &[]).misses, [Miss::NoRecord, Miss::NoWay]);
}

#[test]
fn what_is_given_by_others_than_the_directory_is_a_ground_of_its_own() {
    let mut record = record(&Graph::new(&[1], &[]).closure());
    for provenance in [Provenance::Local, Provenance::Default, Provenance::PinAllow] {
        record.memberships.insert(key(1, provenance), membership(1));
    }
    let scene = Scene { groups: Observed::Unknown(UnknownReason::Busy), ..Scene::first() };
    let told = ask(Some(&record), &scene, 1, &[]);
    let grounds: Vec<_> = told.grounds.iter().map(|g| (g.provenance, g.today.clone())).collect();
    let own = |provenance| (provenance, Today::NotItsOwn);
    assert_eq!(
        grounds,
        [
            (Provenance::Managed, Today::Unknown(UnknownReason::Busy)),
            own(Provenance::Local),
            own(Provenance::Default),
            own(Provenance::PinAllow),
        ]
    );
    assert!(told.is_member && told.misses.is_empty());
}
