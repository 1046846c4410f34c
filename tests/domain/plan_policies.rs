//! What the configuration says of attributes and groups, rule by rule.

use super::graph::{group, id, ids};
use super::scene::{BEFORE, NOW, Scene, direct, key};
use bindgate::domain::change::Change;
use bindgate::domain::observation::{Observed, UnknownReason};
use bindgate::domain::plan::doubtful;
use bindgate::domain::policy::{Absent, AttributeUpdate, GroupPattern, GroupSync, Switch};
use bindgate::domain::record::{Provenance, Record, UpstreamId};
use std::collections::BTreeSet;

fn record(scene: &Scene) -> &Record {
    scene.record.as_ref().expect("the scene has a record")
}

fn managed(scene: &Scene) -> BTreeSet<UpstreamId> {
    record(scene).managed_memberships().map(|(group, _)| group.clone()).collect()
}

fn mail(scene: &Scene) -> Option<&str> {
    let values = record(scene).attributes.get("mail")?;
    std::str::from_utf8(values.first()?).ok()
}

fn rule(scene: &mut Scene, update: AttributeUpdate, absent: Absent) {
    let mail = scene.user_type.attributes.iter_mut().find(|a| a.local == "mail").unwrap();
    (mail.update, mail.absent) = (update, absent);
}

/// What is kept of `mail`: at a first sign-on with a value, at a first one without, and at a later
/// one with another value after either.
#[track_caller]
fn check_update(update: AttributeUpdate, first: Option<&str>, then: [Option<&str>; 2]) {
    for (at_first, expected) in [(true, then[0]), (false, then[1])] {
        let mut scene = Scene::first();
        rule(&mut scene, update, Absent::Keep);
        if !at_first {
            scene.set("mail", &[]);
        }
        scene.settle(BEFORE);
        assert_eq!(mail(&scene), first.filter(|_| at_first), "{update:?}");
        scene.set("mail", &["new@x"]);
        scene.settle(NOW);
        assert_eq!(mail(&scene), expected, "{update:?}, had one: {at_first}");
        assert_eq!(scene.changes(), [], "{update:?}");
    }
}

#[test]
fn s3_4_each_attribute_is_taken_over_by_its_own_rule() {
    let (old, new) = (Some("ann@example.com"), Some("new@x"));
    check_update(AttributeUpdate::Overwrite, old, [new, new]);
    check_update(AttributeUpdate::FillIfEmpty, old, [old, new]);
    check_update(AttributeUpdate::FirstSignOn, old, [old, None]);
    check_update(AttributeUpdate::Never, None, [None, None]);
}

/// Whether `mail` goes when the entry does not have it any more.
#[track_caller]
fn check_absent(update: AttributeUpdate, absent: Absent, is_readable: bool, goes: bool) {
    let mut scene = Scene::later(&[]);
    rule(&mut scene, update, absent);
    scene.set("MAIL", &[]);
    scene.set("mail", &[]);
    if is_readable {
        scene.readable.insert("mail".to_owned());
    }
    scene.settle(NOW);
    assert_eq!(mail(&scene).is_none(), goes, "{update:?} {absent:?} readable: {is_readable}");
    assert_eq!(scene.changes(), []);
}

#[test]
fn s3_4_an_attribute_goes_only_where_it_is_to_and_was_seen_to_be_readable() {
    use AttributeUpdate::{FillIfEmpty, Overwrite};
    check_absent(Overwrite, Absent::Clear, true, true);
    check_absent(Overwrite, Absent::Clear, false, false);
    check_absent(Overwrite, Absent::Keep, true, false);
    check_absent(FillIfEmpty, Absent::Clear, true, false);
    let mut scene = Scene::later(&[]);
    rule(&mut scene, Overwrite, Absent::Clear);
    let asked = |scene: &Scene| {
        doubtful(&scene.user_type.attributes, &scene.entry, record(scene))
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert!(asked(&scene).is_empty(), "it is there");
    scene.set("mail", &[]);
    assert_eq!(asked(&scene), ["mail"]);
}

#[test]
fn s5_1_attributes_are_left_alone_where_they_are_not_to_be_updated() {
    let mut scene = Scene::later(&[1]);
    scene.user_type.update_attributes = Switch::Off;
    scene.set("mail", &["new@x"]);
    scene.groups = direct(&[2]);
    scene.settle(NOW);
    assert_eq!((mail(&scene), managed(&scene)), (Some("ann@example.com"), ids(&[2])));
}

#[test]
fn s3_2_what_was_seen_of_unknown_groups_is_added_where_that_is_wanted() {
    let mut scene = Scene::later(&[1]);
    scene.groups = Observed::Unknown(UnknownReason::SizeLimit);
    let Observed::Known(seen) = direct(&[2]) else { unreachable!() };
    scene.seen = seen;
    assert_eq!(scene.changes(), []);
    scene.user_type.add_from_partial = true;
    let plan = scene.plan().unwrap();
    assert_eq!((plan.added(), plan.removed(), plan.groups), (1, 0, vec![group(2)]));
    scene.settle(NOW);
    assert_eq!(managed(&scene), ids(&[1, 2]));
    assert_eq!(scene.changes(), []);
    scene.user_type.groups = GroupSync::FirstSignOn;
    let Observed::Known(seen) = direct(&[3]) else { unreachable!() };
    scene.seen = seen;
    assert_eq!(scene.changes(), []);
}

#[test]
fn s3_5_always_assigned_groups_are_there_after_every_sign_on_and_no_sign_on_takes_them() {
    let mut scene = Scene::later(&[1]);
    scene.assigned.always = vec![group(5)];
    scene.switch = Switch::Off;
    scene.settle(NOW);
    scene.switch = Switch::On;
    let given = key(5, Provenance::Default);
    assert!(record(&scene).memberships.contains_key(&given));
    assert_eq!(scene.held.0[&id(5)], group(5), "the group is kept");
    assert_eq!(scene.changes(), []);
    scene.groups = direct(&[]);
    scene.assigned.always.clear();
    scene.settle(NOW);
    assert!(record(&scene).is_effective(&given));
}

#[test]
fn s5_1_default_groups_are_given_once_and_not_again() {
    let mut scene = Scene::first();
    scene.assigned.at_first = vec![group(5)];
    scene.assigned.always = vec![group(5), group(6)];
    scene.settle(BEFORE);
    let rows: Vec<_> = record(&scene).memberships.keys().cloned().collect();
    assert_eq!(rows, [key(6, Provenance::Default), key(5, Provenance::Default)]);
    let mut edited = record(&scene).clone();
    edited.memberships.remove(&key(5, Provenance::Default));
    scene.record = Some(edited);
    scene.assigned.always.clear();
    assert_eq!(scene.changes(), []);
}

#[test]
fn s5_6_ignored_groups_are_neither_made_nor_added_nor_removed() {
    let mut scene = Scene::later(&[1]);
    scene.user_type.ignored_groups =
        vec![GroupPattern::new(id(2).as_str()), GroupPattern::new(&group(1).dn.to_uppercase())];
    scene.groups = direct(&[2, 3]);
    let plan = scene.plan().unwrap();
    assert_eq!(plan.groups, [group(3)]);
    scene.settle(NOW);
    assert_eq!(managed(&scene), ids(&[1, 3]));
    assert_eq!(scene.changes(), []);
    scene.user_type.ignored_groups.clear();
    let removed = Change::MembershipRemoved { key: key(1, Provenance::Managed) };
    assert!(scene.changes().contains(&removed), "it is told again once nothing says otherwise");
}
