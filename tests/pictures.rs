//! Pictures: what is on them is what was asked for, whatever that is.
//!
//! Method: every picture is read by an XML reader that shares nothing with what wrote it, and its
//! boxes and steps are compared with what the rows say. Records are made up at random, cycles and
//! hostile names included.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "pictures/plots.rs"]
mod plots;
#[path = "pictures/random.rs"]
mod random;
#[path = "pictures/seen.rs"]
mod seen;

use bindgate::console::picture::{
    MAX_BESIDE, MAX_GROUPS, Name, Neighbours, Paths, Row, STYLE, neighbours, paths,
};
use bindgate::domain::record::{Provenance, UpstreamId};
use seen::Seen;

fn id(name: &str) -> UpstreamId {
    UpstreamId::new(name)
}

fn name(text: &str) -> Name {
    Name {
        text: text.to_owned(),
        title: format!("cn={text},dc=example"),
        link: Some(format!("/console/groups/{text}")),
    }
}

/// A picture of rows such as `managed a b` (in `b` by way of `a`), and of which group is in which.
fn picture(rows: &[&str], nested: &[(&str, &str)]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let mut words = row.split(' ');
            let provenance = Provenance::from_name(words.next().unwrap()).unwrap();
            (provenance, words.map(id).collect::<Vec<_>>())
        })
        .collect();
    let rows: Vec<_> = rows
        .iter()
        .map(|(provenance, path)| Row {
            provenance: *provenance,
            counts: true,
            direct: path.len() == 1,
            path,
        })
        .collect();
    let nested: Vec<_> = nested.iter().map(|(member, group)| (id(member), id(group))).collect();
    let named = |id: &UpstreamId| name(id.as_str());
    paths(&Paths { user: name("ann"), rows: &rows, nested: &nested, name: &named })
}

#[track_caller]
fn check(rows: &[&str], nested: &[(&str, &str)], boxes: &[&str], steps: &[&str]) {
    let seen = Seen::read(&picture(rows, nested));
    assert_eq!(seen.boxes(), boxes);
    assert_eq!(seen.steps(), steps);
}

#[test]
fn a_user_without_groups_stands_alone() {
    check(&[], &[], &["ann"], &[]);
    assert!(picture(&[], &[]).contains("ann is in no group."));
}

#[test]
fn every_way_is_drawn_step_by_step_and_each_step_once() {
    check(
        &["managed a", "managed a b", "managed a b c", "managed a b d"],
        &[],
        &["a", "ann", "b", "c", "d"],
        &["a is in b", "ann is in a: directory", "b is in c", "b is in d"],
    );
}

#[test]
fn who_says_so_is_told_by_words_and_by_the_kind_of_line() {
    check(
        &["managed a", "pin-allow a", "local b", "default c", "pin-deny d"],
        &[],
        &["a", "ann", "b", "c", "d"],
        &[
            "ann is in a: directory",
            "ann is in a: pinned in",
            "ann is in b: local",
            "ann is in c: default",
            "ann is kept out of d by a pin",
        ],
    );
    let seen = Seen::read(&picture(&["managed a", "pin-allow a", "pin-deny d"], &[]));
    assert_eq!(seen.legend(), ["directory", "pinned in", "pinned out"]);
    assert_eq!(seen.below("a"), "directory, pinned in");
    assert_eq!(seen.below("d"), "pinned out");
}

#[test]
fn a_cycle_is_drawn_and_said_to_be_one() {
    let rows = ["managed a", "managed a b"];
    let nested = [("a", "b"), ("b", "a"), ("b", "b")];
    check(
        &rows,
        &nested,
        &["a", "ann", "b"],
        &["a is in b", "ann is in a: directory", "b is in a", "b is in itself"],
    );
    let seen = Seen::read(&picture(&rows, &nested));
    assert_eq!(seen.cycle_steps(), ["b is in a", "b is in itself"]);
    assert_eq!(seen.legend(), ["directory", "closes a cycle"]);
}

#[test]
fn a_group_that_no_row_is_about_is_there_and_does_not_look_like_one_that_counts() {
    let seen = Seen::read(&picture(&["managed a b"], &[]));
    assert_eq!(seen.below("a"), "not taken over");
    assert_eq!(seen.below("b"), "directory");
}

#[test]
fn what_is_nested_beyond_the_user_is_not_on_the_picture() {
    check(
        &["managed a"],
        &[("x", "y"), ("y", "a"), ("a", "b")],
        &["a", "ann", "b"],
        &["a is in b", "ann is in a: directory"],
    );
}

#[test]
fn of_too_many_groups_the_nearest_are_drawn_and_it_is_said_how_many_are_not() {
    let chains = (0..100).map(|n| format!("managed near{n:03} far{n:03}")).collect::<Vec<_>>();
    let near = (0..40).map(|n| format!("managed near{n:03}")).collect::<Vec<_>>();
    let rows: Vec<_> = near.iter().chain(&chains[..40]).map(String::as_str).collect();
    let text = picture(&rows, &[]);
    let seen = Seen::read(&text);
    assert_eq!(seen.boxes().len(), MAX_GROUPS + 1);
    assert_eq!(seen.boxes().iter().filter(|name| name.starts_with("near")).count(), 40);
    assert_eq!(seen.left_out(), "Not drawn: 20 groups. The nearest are.");
}

#[test]
fn however_tangled_the_groups_are_the_picture_stays_small() {
    let names: Vec<_> = (0..200).map(|n| format!("group {n:03} {}", "long ".repeat(60))).collect();
    let each: Vec<_> = names.iter().map(|name| id(name)).collect();
    let rows: Vec<_> = each
        .iter()
        .map(|group| Row {
            provenance: Provenance::Managed,
            counts: true,
            direct: true,
            path: std::slice::from_ref(group),
        })
        .collect();
    let nested: Vec<_> = each
        .iter()
        .flat_map(|member| each.iter().map(move |group| (member.clone(), group.clone())))
        .collect();
    let named = |id: &UpstreamId| Name {
        link: Some("/console/groups/0123".to_owned()),
        ..name(id.as_str())
    };
    let text = paths(&Paths { user: name("ann"), rows: &rows, nested: &nested, name: &named });
    let seen = Seen::read(&text);
    assert_eq!(seen.boxes().len(), MAX_GROUPS + 1);
    assert!(seen.left_out().contains("140 groups and "), "{}", seen.left_out());
    assert!(text.len() < 100_000, "{} bytes", text.len());
}

#[test]
fn boxes_lead_to_their_pages_and_titles_tell_the_whole_name() {
    let long = "a name that is far too long for a box";
    let row = [id(long)];
    let row = Row { provenance: Provenance::Managed, counts: true, direct: true, path: &row };
    let named = |_: &UpstreamId| Name { link: None, ..name(long) };
    let text = paths(&Paths { user: name("ann"), rows: &[row], nested: &[], name: &named });
    let seen = Seen::read(&text);
    assert_eq!(seen.boxes(), ["a name that is far t…", "ann"]);
    assert!(
        text.contains(&format!("<title>{long}\u{a0}– cn={long},dc=example (directory)</title>"))
    );
    assert_eq!(seen.links(), ["/console/groups/ann"]);
}

#[test]
fn a_group_stands_between_its_children_and_its_parents() {
    let all = |names: &[&str]| names.iter().map(|text| name(text)).collect::<Vec<_>>();
    let of = |parents: &[&str], children: &[&str]| {
        let picture =
            Neighbours { group: name("g"), parents: all(parents), children: all(children) };
        Seen::read(&neighbours(&picture))
    };
    let seen = of(&["p", "q"], &["c"]);
    assert_eq!(seen.boxes(), ["c", "g", "p", "q"]);
    assert_eq!(seen.steps(), ["c is in g", "g is in p", "g is in q"]);
    assert!(seen.is_left_of("c", "g") && seen.is_left_of("g", "p") && seen.is_left_of("g", "q"));
    assert_eq!(of(&[], &[]).boxes(), ["g"]);
    let many: Vec<_> = (0..100).map(|n| format!("c{n:02}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let seen = of(&[], &many);
    assert_eq!(seen.boxes().len(), MAX_BESIDE + 1);
    assert!(
        seen.left_out().starts_with("Not drawn: 75 more that are in it"),
        "{}",
        seen.left_out()
    );
}

#[test]
fn every_class_that_stands_for_who_says_so_has_a_look_of_its_own() {
    let mut looks = Vec::new();
    for provenance in Provenance::ALL.iter().filter(|one| **one != Provenance::Managed) {
        let start = format!(".picture .{} path:not(.head)", provenance.name());
        let look = STYLE.lines().find(|line| line.starts_with(&start));
        looks.push(look.unwrap_or_else(|| panic!("no {start:?}")).split('{').nth(1).unwrap());
    }
    looks.push(STYLE.lines().find(|line| line.starts_with(".picture .cycle path")).unwrap());
    let count = looks.len();
    looks.sort_unstable();
    looks.dedup();
    assert_eq!(looks.len(), count);
}
