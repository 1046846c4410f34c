//! Deactivation, reactivation, and who is gone (S4): reasons add up, and nobody comes back with what
//! the directory did not confirm.

use super::graph::{group, id, ids};
use super::scene::{ANN, BEFORE, NOW, Scene, direct, key, membership};
use bindgate::domain::change::{Change, apply};
use bindgate::domain::observation::{Closure, Observed, UnknownReason};
use bindgate::domain::plan::{Cause, NoPlan, Reactivation, missing};
use bindgate::domain::policy::{GroupSync, OnReactivateLocal, Switch};
use bindgate::domain::record::{InactiveReason, Provenance, Record, UpstreamId};
use bindgate::domain::time::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;

const UNKNOWN: Observed<Closure> = Observed::Unknown(UnknownReason::Timeout);
const DISABLED: (&str, &[&str]) = ("nsAccountLock", &["true"]);

fn record(scene: &Scene) -> &Record {
    scene.record.as_ref().expect("the scene has a record")
}

fn managed(scene: &Scene) -> BTreeSet<UpstreamId> {
    record(scene).managed_memberships().map(|(group, _)| group.clone()).collect()
}

fn effective(scene: &Scene) -> BTreeSet<UpstreamId> {
    record(scene).effective_groups().into_iter().cloned().collect()
}

fn reasons(scene: &Scene) -> Vec<InactiveReason> {
    record(scene).inactive.iter().copied().collect()
}

/// Ann, in these groups, whom the directory has disabled since.
fn disabled(numbers: &[usize]) -> Scene {
    let mut scene = Scene::later(numbers);
    scene.set(DISABLED.0, DISABLED.1);
    scene.groups = Observed::Unknown(UnknownReason::NotAsked);
    scene.settle(BEFORE);
    assert_eq!(reasons(&scene), [InactiveReason::Upstream]);
    scene
}

fn enable(scene: &mut Scene, groups: Observed<Closure>) {
    scene.set(DISABLED.0, &[]);
    scene.groups = groups;
}

#[test]
fn s4_3_a_disabled_account_has_no_effective_groups_and_keeps_its_memberships() {
    let scene = disabled(&[1, 2]);
    assert_eq!((managed(&scene), effective(&scene)), (ids(&[1, 2]), ids(&[])));
    assert!(scene.plan().unwrap().is_empty(), "the same again changes nothing");
}

#[test]
fn s4_4_who_is_taken_back_has_exactly_the_groups_that_the_directory_gives_now() {
    let mut scene = disabled(&[1]);
    enable(&mut scene, direct(&[2]));
    assert_eq!(scene.plan().unwrap().reactivation, Reactivation::Done);
    scene.settle(NOW);
    assert_eq!((managed(&scene), effective(&scene)), (ids(&[2]), ids(&[2])));
    assert!(record(&scene).is_active());
}

#[test]
fn s4_4_without_known_groups_nobody_is_taken_back_and_nothing_goes() {
    let mut scene = disabled(&[1]);
    enable(&mut scene, UNKNOWN);
    let plan = scene.plan().unwrap();
    assert_eq!(plan.reactivation, Reactivation::Held(UnknownReason::Timeout));
    assert!(plan.is_empty(), "{plan:?}");
    enable(&mut scene, direct(&[]));
    scene.settle(NOW);
    assert_eq!((managed(&scene), effective(&scene)), (ids(&[]), ids(&[])));
}

/// What is left of groups 1 and 2 when the directory gives 2 and 3 to somebody who is taken back.
#[track_caller]
fn check_return(switch: Switch, groups: GroupSync, expected: &[usize]) {
    let mut scene = disabled(&[1, 2]);
    enable(&mut scene, direct(&[2, 3]));
    (scene.switch, scene.user_type.groups) = (switch, groups);
    scene.settle(NOW);
    assert_eq!(effective(&scene), ids(expected), "{switch:?} {groups:?}");
    assert!(scene.plan().unwrap().is_empty());
}

#[test]
fn s4_4_a_record_that_does_not_follow_keeps_only_what_the_directory_confirms() {
    check_return(Switch::On, GroupSync::Always, &[2, 3]);
    check_return(Switch::Off, GroupSync::Always, &[2]);
    check_return(Switch::On, GroupSync::FirstSignOn, &[2]);
    check_return(Switch::On, GroupSync::Never, &[2]);
}

#[test]
fn s4_1_reasons_add_up_and_only_who_set_one_lifts_it() {
    let mut scene = disabled(&[1]);
    let mut inactive = record(&scene).clone();
    inactive.inactive.insert(InactiveReason::Admin);
    scene.record = Some(inactive);
    enable(&mut scene, direct(&[2]));
    scene.settle(NOW);
    assert_eq!(reasons(&scene), [InactiveReason::Admin], "the directory lifts its own");
    assert!(effective(&scene).is_empty() && record(&scene).is_barred());
    scene.set(DISABLED.0, DISABLED.1);
    scene.settle(NOW);
    assert_eq!(reasons(&scene), [InactiveReason::Upstream, InactiveReason::Admin]);
}

#[test]
fn s4_2_what_cannot_be_read_changes_no_state() {
    let mut scene = Scene::later(&[1]);
    scene.set("userAccountControl", &["odd"]);
    assert!(scene.plan().unwrap().is_empty());
    let mut scene = disabled(&[1]);
    enable(&mut scene, direct(&[1]));
    scene.set("userAccountControl", &["odd"]);
    let plan = scene.plan().unwrap();
    assert_eq!(plan.reactivation, Reactivation::Held(UnknownReason::Malformed));
    assert!(plan.is_empty());
}

#[test]
fn s4_2_an_account_that_is_locked_for_a_while_is_not_disabled() {
    let mut scene = Scene::later(&[1]);
    scene.set("pwdAccountLockedTime", &["20260101000000Z"]);
    assert!(scene.plan().unwrap().is_empty());
}

/// What becomes of a local membership: whether it is there, and whether it counts.
#[track_caller]
fn check_local(rule: OnReactivateLocal, is_there: bool, counts: bool) {
    let mut scene = disabled(&[1]);
    let mut edited = record(&scene).clone();
    edited.memberships.insert(key(5, Provenance::Local), membership(5));
    edited.memberships.insert(key(6, Provenance::PinAllow), membership(6));
    scene.record = Some(edited);
    enable(&mut scene, direct(&[2]));
    scene.user_type.on_reactivate_local = rule;
    scene.settle(NOW);
    let after = record(&scene);
    assert_eq!(after.memberships.contains_key(&key(5, Provenance::Local)), is_there, "{rule:?}");
    assert_eq!(effective(&scene).contains(&id(5)), counts, "{rule:?}");
    assert!(effective(&scene).contains(&id(6)), "a pin stays");
    assert!(scene.plan().unwrap().is_empty(), "{rule:?}");
}

#[test]
fn s4_5_local_memberships_are_kept_dropped_or_wait_for_an_admin() {
    check_local(OnReactivateLocal::Keep, true, true);
    check_local(OnReactivateLocal::Drop, false, false);
    check_local(OnReactivateLocal::Review, true, false);
}

#[test]
fn s4_7_an_entry_that_no_type_takes_any_more_is_out_of_scope_until_one_does() {
    let mut scene = Scene::later(&[1]);
    scene.in_scope = false;
    scene.groups = Observed::Unknown(UnknownReason::NotAsked);
    scene.settle(NOW);
    assert_eq!(reasons(&scene), [InactiveReason::Scope]);
    assert_eq!((managed(&scene), effective(&scene)), (ids(&[1]), ids(&[])));
    assert!(scene.plan().unwrap().is_empty());
    scene.in_scope = true;
    scene.groups = direct(&[2]);
    scene.settle(NOW);
    assert_eq!((reasons(&scene), effective(&scene)), (vec![], ids(&[2])));
    scene.record = None;
    scene.in_scope = false;
    assert_eq!(scene.plan(), Err(NoPlan::NotAUser));
}

#[test]
fn s4_6_who_is_gone_is_missing_then_parked_and_comes_back_with_known_groups_alone() {
    let mut scene = Scene::later(&[1]);
    scene.user_type.missing.grace = Duration::from_micros(500);
    let parking = group(7);
    let step = |scene: &mut Scene, now: i64| {
        let plan = missing(record(scene), Some(&scene.user_type), Some(&parking), Timestamp(now));
        let changes = plan.changes.len();
        scene.record = apply(scene.record.take(), &plan.changes).unwrap();
        changes
    };
    assert_eq!(step(&mut scene, 2000), 1);
    assert_eq!(reasons(&scene), [InactiveReason::Missing]);
    assert_eq!(record(&scene).missing_since, Some(Timestamp(2000)));
    assert_eq!(step(&mut scene, 2499), 0, "its time is not over");
    assert_eq!(step(&mut scene, 2500), 1);
    assert_eq!(step(&mut scene, 9000), 0);
    let parked = key(7, Provenance::Default);
    assert!(record(&scene).memberships.contains_key(&parked));
    assert!(effective(&scene).is_empty() && managed(&scene) == ids(&[1]));

    scene.assigned.parking = Some(parking.clone());
    scene.groups = direct(&[2]);
    scene.settle(Timestamp(10_000));
    assert!(record(&scene).is_active() && record(&scene).missing_since.is_none());
    assert_eq!(effective(&scene), ids(&[2]));
    assert!(!record(&scene).memberships.contains_key(&parked));
}

#[test]
fn s4_9_a_look_of_the_gateways_own_lets_go_but_takes_nobody_back_and_makes_nobody() {
    let mut scene = Scene::later(&[1]);
    scene.cause = Cause::Reconciliation;
    scene.groups = direct(&[2]);
    scene.settle(NOW);
    assert_eq!(effective(&scene), ids(&[2]), "whoever is active follows");
    scene.set(DISABLED.0, DISABLED.1);
    scene.settle(NOW);
    assert_eq!(reasons(&scene), [InactiveReason::Upstream]);
    enable(&mut scene, direct(&[3]));
    assert!(scene.plan().unwrap().is_empty());
    scene.record = None;
    assert_eq!(scene.plan(), Err(NoPlan::NotCreated));
}

#[test]
fn s4_11_a_name_that_another_has_is_not_taken_over() {
    let mut scene = Scene::later(&[1]);
    scene.set("uid", &["bob"]);
    scene.taken.0.insert("bob".to_owned());
    assert_eq!(scene.changes(), [Change::Collided(Some("bob".to_owned()))]);
    scene.settle(NOW);
    assert_eq!(scene.changes(), []);
    assert_eq!(record(&scene).name, "ann");
    scene.taken.0.clear();
    scene.settle(NOW);
    assert_eq!((record(&scene).name.as_str(), &record(&scene).collision), ("bob", &None));
}

#[test]
fn s4_11_a_new_user_whose_name_another_has_gets_a_name_of_its_own() {
    let mut scene = Scene::first();
    scene.taken.0.insert("ann".to_owned());
    scene.settle(BEFORE);
    assert_eq!(record(&scene).name, "ann (ann-id)");
    assert_eq!(record(&scene).collision.as_deref(), Some("ann"));
    assert_eq!(scene.changes(), []);
    scene.taken.0.clear();
    scene.settle(NOW);
    assert_eq!((record(&scene).name.as_str(), &record(&scene).collision), ("ann", &None));
}

#[test]
fn s4_11_who_comes_back_does_not_get_a_name_that_another_has_since() {
    let mut scene = Scene::later(&[]);
    let gone = missing(record(&scene), None, None, NOW);
    scene.record = apply(scene.record.take(), &gone.changes).unwrap();
    scene.taken.0.insert("ann".to_owned());
    scene.settle(NOW);
    assert_eq!(record(&scene).name, "ann (ann-id)");
    assert_eq!(scene.changes(), []);
}

#[test]
fn an_account_that_is_disabled_counts_as_such_without_a_name() {
    let mut scene = Scene::later(&[1]);
    scene.set("uid", &["ann", "two"]);
    assert_eq!(scene.plan(), Err(NoPlan::NoUserName));
    scene.set(DISABLED.0, DISABLED.1);
    scene.settle(NOW);
    assert_eq!(reasons(&scene), [InactiveReason::Upstream]);
    enable(&mut scene, direct(&[1]));
    assert_eq!(scene.plan(), Err(NoPlan::NoUserName), "and without one nobody is taken back");
}

#[test]
fn a_first_sign_on_of_a_disabled_account_makes_an_inactive_record() {
    let mut scene = Scene::first();
    scene.set(DISABLED.0, DISABLED.1);
    scene.groups = direct(&[1]);
    scene.settle(BEFORE);
    assert_eq!((reasons(&scene), managed(&scene)), (vec![InactiveReason::Upstream], ids(&[])));
    assert_eq!(record(&scene).dn, ANN);
}

#[test]
fn reads_that_are_older_than_what_the_record_knows_change_nothing() {
    let mut scene = Scene::later(&[1]);
    scene.groups = direct(&[]);
    scene.observed_at = Some(Timestamp(NOW.0));
    scene.settle(BEFORE);
    assert_eq!(managed(&scene), ids(&[]), "the clock was set back: what it says is all there is");
    let mut scene = Scene::later(&[1]);
    scene.groups = direct(&[]);
    let plan = scene.plan_of(BEFORE, Some(Timestamp(BEFORE.0 + 1)), NOW).unwrap();
    assert!(plan.is_empty());
    let plan = scene.plan_of(BEFORE, Some(BEFORE), NOW).unwrap();
    assert_eq!(plan.removed(), 1);
}

#[test]
fn s4_6_who_is_gone_for_too_long_is_deleted_only_where_that_is_configured() {
    use bindgate::domain::plan::is_to_be_deleted;
    use bindgate::domain::policy::{AfterGrace, UserType};
    let check = |expected: bool, seconds: i64, change: &dyn Fn(&mut Record, &mut UserType)| {
        let mut record = Scene::later(&[1]).record.unwrap();
        let mut staff = crate::scene::staff();
        record.inactive.insert(InactiveReason::Missing);
        record.missing_since = Some(NOW);
        staff.missing.then = AfterGrace::Delete;
        staff.missing.grace = std::time::Duration::from_secs(10);
        change(&mut record, &mut staff);
        let now = Timestamp(NOW.0 + seconds * 1_000_000);
        assert_eq!(is_to_be_deleted(&record, &staff, now), expected);
    };
    check(true, 10, &|_, _| ());
    check(false, 9, &|_, _| ());
    check(false, 10, &|_, staff| staff.missing.then = AfterGrace::Keep);
    let by_default = UserType::new("staff", crate::scene::staff().base).missing;
    check(false, 10, &|_, staff| staff.missing = by_default.clone());
    check(false, 10, &|record, _| {
        record.inactive.clear();
    });
    for reason in [InactiveReason::Admin, InactiveReason::Policy] {
        check(false, 10, &|record, _| {
            record.inactive.insert(reason);
        });
    }
    check(true, 10, &|record, _| {
        record.inactive.insert(InactiveReason::Upstream);
    });
}
