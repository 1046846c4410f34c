//! Every combination of the switches that means something (S5.1), against an oracle that says in a
//! few lines what each of them is for; names by rule (S5.7); patterns of groups (S5.6).

use super::graph::{Graph, group, id};
use super::scene::{BEFORE, NOW, Scene};
use bindgate::domain::change::apply;
use bindgate::domain::name_rule::NameRule;
use bindgate::domain::observation::Observed;
use bindgate::domain::plan::{Assigned, NoPlan, user_name};
use bindgate::domain::policy::{GroupPattern, GroupSync, Switch};
use bindgate::domain::record::{Provenance, Record};
use std::collections::BTreeSet;

const BOTH: [bool; 2] = [true, false];
const SYNCS: [GroupSync; 3] = [GroupSync::Always, GroupSync::FirstSignOn, GroupSync::Never];

/// A group that the directory says and the gateway keeps already, one that it does not keep, one that
/// is ignored; one that is given at first, one always.
const KEPT: usize = 1;
const NEW: usize = 2;
const IGNORED: usize = 4;
const FIRST: usize = 6;
const ALWAYS: usize = 8;

#[derive(Debug, Clone, Copy)]
struct Settings {
    create: bool,
    sync: GroupSync,
    update: bool,
    attributes: bool,
    create_groups: bool,
    ignored: bool,
    first: bool,
    always: bool,
}

fn every_combination() -> Vec<Settings> {
    let mut all = Vec::new();
    for number in 0..128_u32 {
        let bit = |place: u32| BOTH[usize::from(number >> place & 1 == 1)];
        for sync in SYNCS {
            all.push(Settings {
                create: bit(0),
                sync,
                update: bit(1),
                attributes: bit(2),
                create_groups: bit(3),
                ignored: bit(4),
                first: bit(5),
                always: bit(6),
            });
        }
    }
    all
}

impl Settings {
    fn scene(&self, record: Option<Record>) -> Scene {
        let mut scene = Scene { record, ..Scene::first() };
        let closure = Graph::new(&[KEPT, NEW, IGNORED], &[]).closure();
        scene.groups = Observed::Known(closure);
        scene.held.0.insert(id(KEPT), group(KEPT));
        scene.switch = Switch::from_bool(self.update);
        let user_type = &mut scene.user_type;
        user_type.create = self.create;
        user_type.groups = self.sync;
        user_type.update_attributes = Switch::from_bool(self.attributes);
        user_type.create_groups = Switch::from_bool(self.create_groups);
        if self.ignored {
            user_type.ignored_groups = vec![GroupPattern::new(id(IGNORED).as_str())];
        }
        let given = |is_given: bool, number| is_given.then(|| group(number)).into_iter().collect();
        scene.assigned = Assigned {
            at_first: given(self.first, FIRST),
            always: given(self.always, ALWAYS),
            parking: None,
        };
        scene
    }

    /// What the directory's groups become for a record that follows.
    fn managed(&self) -> BTreeSet<usize> {
        let mut managed = BTreeSet::from([KEPT]);
        if self.create_groups {
            managed.insert(NEW);
        }
        if self.create_groups && !self.ignored {
            managed.insert(IGNORED);
        }
        managed
    }
}

fn numbers(record: &Record, of: Provenance) -> BTreeSet<usize> {
    let rows = record.memberships.keys().filter(|key| key.provenance == of);
    let number = |id: &str| 99_999 - id.trim_start_matches("id-").parse::<usize>().expect("ours");
    rows.map(|key| number(key.group.as_str())).collect()
}

fn mail(record: &Record) -> Option<&[u8]> {
    record.attributes.get("mail")?.first().map(Vec::as_slice)
}

#[test]
fn s5_1_every_combination_of_the_switches_does_at_a_first_sign_on_what_each_is_for() {
    for settings in every_combination() {
        let scene = settings.scene(None);
        let plan = scene.plan();
        if !settings.create {
            assert_eq!(plan, Err(NoPlan::NotCreated), "{settings:?}");
            continue;
        }
        let plan = plan.expect("there is a plan");
        let record = apply(None, &plan.changes).expect("it fits").expect("it is made");
        let managed = match settings.sync {
            GroupSync::Never => BTreeSet::new(),
            GroupSync::Always | GroupSync::FirstSignOn => settings.managed(),
        };
        assert_eq!(numbers(&record, Provenance::Managed), managed, "{settings:?}");
        let mut given = BTreeSet::new();
        given.extend(settings.first.then_some(FIRST));
        given.extend(settings.always.then_some(ALWAYS));
        assert_eq!(numbers(&record, Provenance::Default), given, "{settings:?}");
        assert_eq!(mail(&record), Some(&b"ann@example.com"[..]), "{settings:?}");
        let skips = settings.sync != GroupSync::Never && !settings.create_groups;
        let skipped: BTreeSet<_> = plan.skipped.iter().map(|group| group.id.clone()).collect();
        let expected = [Some(NEW), (!settings.ignored).then_some(IGNORED)];
        let expected = expected.into_iter().flatten().filter(|_| skips).map(id).collect();
        assert_eq!(skipped, expected, "{settings:?}");
    }
}

#[test]
fn s5_1_every_combination_of_the_switches_does_at_a_later_sign_on_what_each_is_for() {
    for settings in every_combination() {
        let mut before = Scene::later(&[KEPT, 3]);
        before.held.0.insert(id(KEPT), group(KEPT));
        let mut scene = settings.scene(before.record.clone());
        scene.set("mail", &["new@example.com"]);
        let plan = scene.plan().expect("there is a plan");
        let record = apply(before.record.clone(), &plan.changes).expect("it fits").expect("one");
        let follows = settings.update && settings.sync == GroupSync::Always;
        let managed = if follows { settings.managed() } else { [KEPT, 3].into() };
        assert_eq!(numbers(&record, Provenance::Managed), managed, "{settings:?}");
        let always: BTreeSet<_> = settings.always.then_some(ALWAYS).into_iter().collect();
        assert_eq!(numbers(&record, Provenance::Default), always, "{settings:?}");
        let is_new = settings.update && settings.attributes;
        let expected: &[u8] = if is_new { b"new@example.com" } else { b"ann@example.com" };
        assert_eq!(mail(&record), Some(expected), "{settings:?}");
        assert_eq!(record.name, "ann");
    }
}

#[test]
fn s5_5_groups_that_are_not_kept_are_skipped_and_named_until_they_may_be_made() {
    let mut scene = Scene::later(&[]);
    scene.groups = Observed::Known(Graph::new(&[1, 2], &[(3, 1)]).closure());
    scene.held.0.insert(id(3), group(3));
    scene.user_type.create_groups = Switch::Off;
    let plan = scene.plan().expect("there is a plan");
    let skipped: Vec<_> = plan.skipped.iter().map(|group| group.id.clone()).collect();
    assert_eq!(skipped, [id(2), id(1)], "3 is above one of them and is kept");
    scene.settle(NOW);
    assert_eq!(numbers(scene.record.as_ref().expect("one"), Provenance::Managed), [3].into());
    assert!(scene.plan().expect("there is a plan").is_empty(), "it writes nothing again");
    scene.user_type.create_groups = Switch::On;
    scene.settle(NOW);
    let record = scene.record.as_ref().expect("one");
    assert_eq!(numbers(record, Provenance::Managed), [1, 2, 3].into());
    // What is had already stays, also where nothing new is made.
    scene.user_type.create_groups = Switch::Off;
    scene.held.0.clear();
    scene.held.0.insert(id(3), group(3));
    assert!(scene.plan().expect("there is a plan").changes.is_empty());
    assert!(BEFORE < NOW);
}

#[track_caller]
fn check_name(pattern: Option<&str>, template: Option<&str>, value: &str, expected: Option<&str>) {
    let rule = NameRule::new(pattern, template).expect("it is a rule");
    assert_eq!(rule.apply(value).as_deref(), expected, "{pattern:?} {template:?} {value:?}");
}

#[test]
fn s5_7_a_user_name_is_made_by_a_regular_expression_or_a_template() {
    let mail = Some(r"(.+)@example\.com");
    check_name(mail, None, "ann@example.com", Some("ann"));
    check_name(mail, None, "ann@example.org", None);
    check_name(mail, None, "x ann@example.com.evil", None);
    check_name(mail, Some("$1@corp"), "ann@example.com", Some("ann@corp"));
    check_name(
        Some(r"(?<first>\w+)\.(?<last>\w+)"),
        Some("${last}_$first"),
        "ann.b",
        Some("b_ann"),
    );
    check_name(None, Some("x-$0"), "ann", Some("x-ann"));
    check_name(None, Some("$0"), "two\nlines", Some("two\nlines"));
    check_name(Some("[a-z]+"), None, "ann", Some("ann"));
    check_name(Some("(a*)b"), None, "b", None);
    assert!(NameRule::new(Some("("), None).is_err());
    let dangling = |pattern, template| {
        NameRule::new(pattern, Some(template)).expect("it is a rule").dangling()
    };
    assert_eq!(dangling(mail, "$2"), Some("2".to_owned()));
    assert_eq!(dangling(mail, "$1x"), Some("1x".to_owned()));
    assert_eq!(dangling(mail, "${1}x $$9"), None);
    assert_eq!(dangling(None, "$0"), None);
}

#[test]
fn s5_7_a_name_that_does_not_match_the_rule_makes_no_record() {
    let mut scene = Scene::first();
    scene.user_type.name_rule = Some(NameRule::new(Some("b.*"), None).expect("it is a rule"));
    assert_eq!(scene.plan(), Err(NoPlan::NoUserName));
    scene.set("uid", &["bea"]);
    assert_eq!(user_name(&scene.user_type, &scene.entry), Ok("bea".to_owned()));
    scene.set("uid", &["bea", "bob"]);
    assert_eq!(scene.plan(), Err(NoPlan::NoUserName), "two values are none");
}

#[test]
fn s5_6_a_group_is_named_exactly_by_a_glob_or_by_a_regular_expression() {
    let check = |pattern: &str, number: usize, names: bool| {
        let read = GroupPattern::read(pattern).expect("it is a pattern");
        assert_eq!(read.names(&group(number)), names, "{pattern} {number}");
        assert_eq!(read.text(), pattern);
    };
    check("N1", 1, true);
    check("N1", 2, false);
    check("cn=n1, OU=S1,dc=example,dc=com", 1, true);
    check("*ou=s1,*", 1, true);
    check("*ou=s1,*", 11, false);
    check("/^n[01]$/", 1, true);
    check("/OU=S[2-9],/", 3, true);
    check("/OU=S[2-9],/", 1, false);
    check("/^id-/", 1, true);
    check("/", 1, false);
    check("//", 1, false);
    assert!(GroupPattern::read("/(/").is_err());
    assert_eq!(GroupPattern::read("/x/").ok(), Some(GroupPattern::new("/x/")), "told by its text");
}
