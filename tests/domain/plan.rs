//! What a sign-on changes, rule by rule.

use super::graph::{Graph, group, id, ids};
use super::scene::{ANN, BEFORE, NOW, Scene, ann, direct, key};
use bindgate::domain::change::Change;
use bindgate::domain::observation::{Closure, Observed, UnknownReason};
use bindgate::domain::plan::{MAX_DESCRIBED, NoPlan};
use bindgate::domain::policy::{AttributeMapping, GroupSync, Switch};
use bindgate::domain::record::{Provenance, Record, UpstreamId};
use std::collections::BTreeSet;
use std::sync::Arc;

const UNKNOWN: Observed<Closure> = Observed::Unknown(UnknownReason::Timeout);

/// Applies the scene's plan.
#[track_caller]
fn after(scene: &Scene) -> Record {
    let mut scene = scene.clone();
    scene.settle(NOW);
    scene.record.expect("the scene has a record")
}

fn managed(record: &Record) -> BTreeSet<UpstreamId> {
    record.managed_memberships().map(|(group, _)| group.clone()).collect()
}

/// A record with group 1 at most, a directory that says group 2: what becomes of both.
///
/// `expected` is the managed groups after a sign-on with `[group 2]`, with none, and with unknown.
#[track_caller]
fn check_switches(exists: bool, switch: Switch, groups: GroupSync, expected: [&[usize]; 3]) {
    let observations = [direct(&[2]), direct(&[]), UNKNOWN];
    for (observation, expected) in observations.into_iter().zip(expected) {
        let mut scene = if exists { Scene::later(&[1]) } else { Scene::first() };
        (scene.switch, scene.user_type.groups, scene.groups) = (switch, groups, observation);
        let plan = scene.plan().expect("there is a plan");
        let creates = plan.changes.iter().any(|change| matches!(change, Change::Created { .. }));
        assert_eq!(creates, !exists);
        let kept: Vec<_> = plan.groups.iter().map(|group| group.id.clone()).collect();
        assert_eq!(kept.contains(&id(2)), expected.contains(&2), "groups to be kept: {kept:?}");
        assert_eq!(managed(&after(&scene)), ids(expected), "with {:?}", scene.groups);
    }
}

#[test]
fn s5_1_switch_policy_record_and_observation_decide_together_what_is_managed() {
    use GroupSync::{Always, FirstSignOn, Never};
    for switch in [Switch::On, Switch::Off] {
        check_switches(false, switch, Always, [&[2], &[], &[]]);
        check_switches(false, switch, FirstSignOn, [&[2], &[], &[]]);
        check_switches(false, switch, Never, [&[], &[], &[]]);
    }
    check_switches(true, Switch::On, Always, [&[2], &[], &[1]]);
    check_switches(true, Switch::On, FirstSignOn, [&[1], &[1], &[1]]);
    check_switches(true, Switch::On, Never, [&[1], &[1], &[1]]);
    for groups in [Always, FirstSignOn, Never] {
        check_switches(true, Switch::Off, groups, [&[1], &[1], &[1]]);
    }
}

#[test]
fn a_first_sign_on_makes_the_record_with_name_attributes_and_groups() {
    let mut scene = Scene::first();
    scene.groups = Observed::Known(Graph::new(&[1], &[(2, 1)]).closure());
    let plan = scene.plan().unwrap();
    assert_eq!((plan.added(), plan.removed()), (2, 0));
    assert_eq!(plan.groups, [group(2), group(1)]);
    let record = after(&scene);
    assert_eq!((record.key.clone(), record.name.as_str(), record.dn.as_str()), (ann(), "ann", ANN));
    assert_eq!(record.display_name.as_deref(), Some("Ann Example"));
    assert_eq!(record.attributes[&"mail".to_owned()], [b"ann@example.com"]);
    let top = &record.memberships[&key(2, Provenance::Managed)];
    assert_eq!((&*top.route.path, top.route.direct, top.since), (&[id(1), id(2)][..], false, NOW));
}

#[test]
fn s3_1_known_and_empty_takes_every_managed_membership_away() {
    let mut scene = Scene::later(&[1, 2]);
    scene.groups = direct(&[]);
    let plan = scene.plan().unwrap();
    assert_eq!((plan.added(), plan.removed()), (0, 2));
    assert!(managed(&after(&scene)).is_empty());
}

#[test]
fn s3_1_known_and_empty_leaves_local_default_and_pinned_memberships() {
    let mut scene = Scene::later(&[1]);
    let record = scene.record.as_mut().unwrap();
    let row = record.memberships[&key(1, Provenance::Managed)].clone();
    for provenance in Provenance::ALL {
        record.memberships.insert(key(1, provenance), row.clone());
    }
    scene.groups = direct(&[]);
    let removed = Change::MembershipRemoved { key: key(1, Provenance::Managed) };
    assert_eq!(scene.changes(), [removed]);
}

#[test]
fn s3_2_unknown_groups_change_no_membership_while_attributes_follow() {
    let mut scene = Scene::later(&[1, 2]);
    scene.groups = UNKNOWN;
    scene.set("mail", &["new@example.com"]);
    let plan = scene.plan().unwrap();
    assert_eq!((plan.changes.len(), plan.added(), plan.removed()), (1, 0, 0));
    assert!(plan.groups.is_empty());
    assert_eq!(managed(&after(&scene)), ids(&[1, 2]));
}

#[test]
fn s3_4_an_attribute_that_the_entry_did_not_return_stays() {
    let mut scene = Scene::later(&[]);
    for name in ["mail", "cn"] {
        scene.set(name, &[]);
    }
    assert_eq!(scene.changes(), []);
}

#[test]
fn s3_7_the_same_observation_again_writes_nothing() {
    let scene = Scene::later(&[1, 2]);
    assert!(scene.plan().unwrap().is_empty());
}

#[test]
fn values_in_another_order_are_no_change() {
    let mut scene = Scene::first();
    scene.set("mail", &["b@x", "a@x", "c@x"]);
    scene.settle(BEFORE);
    scene.set("mail", &["c@x", "a@x", "b@x"]);
    assert_eq!(scene.changes(), []);
    scene.set("mail", &["c@x", "a@x"]);
    assert_eq!(scene.changes().len(), 1);
}

#[test]
fn an_attribute_is_found_without_regard_to_case() {
    let mut scene = Scene::first();
    scene.set("mail", &[]);
    scene.set("MAIL", &["a@x"]);
    assert_eq!(after(&scene).attributes[&"mail".to_owned()], [b"a@x"]);
}

#[test]
fn of_two_mappings_to_one_name_the_first_that_is_there_counts() {
    let mut scene = Scene::first();
    let second = AttributeMapping::new("mail", "uid");
    scene.user_type.attributes.push(second);
    assert_eq!(after(&scene).attributes[&"mail".to_owned()], [b"ann@example.com"]);
    scene.set("mail", &[]);
    assert_eq!(after(&scene).attributes[&"mail".to_owned()], [b"ann"]);
}

#[track_caller]
fn check_display_name(attributes: &[(&str, &[&str])], expected: Option<&str>) {
    let mut scene = Scene::first();
    scene.set("cn", &[]);
    for (name, values) in attributes {
        scene.set(name, values);
    }
    assert_eq!(after(&scene).display_name.as_deref(), expected);
}

#[test]
fn the_name_for_people_is_the_display_name_else_the_common_name_else_none() {
    check_display_name(&[("displayName", &["Annie"]), ("cn", &["Ann"])], Some("Annie"));
    check_display_name(&[("displayName", &[" "]), ("cn", &["Ann"])], Some("Ann"));
    check_display_name(&[("cn", &["Ann B", "Ann A"])], Some("Ann A"));
    check_display_name(&[], None);
}

#[test]
fn s4_10_a_renamed_group_keeps_its_memberships_and_is_kept_with_its_new_name() {
    let mut scene = Scene::later(&[1]);
    let Observed::Known(closure) = &mut scene.groups else { unreachable!() };
    let renamed = &mut closure.get_mut(&id(1)).unwrap().group;
    renamed.dn = "cn=other,dc=example,dc=com".to_owned();
    let renamed = renamed.clone();
    let plan = scene.plan().unwrap();
    assert_eq!((plan.changes, plan.groups), (vec![], vec![renamed]));
}

#[test]
fn s4_11_a_renamed_and_moved_user_keeps_record_and_memberships() {
    let mut scene = Scene::later(&[1]);
    scene.set("uid", &["anna"]);
    scene.entry.dn = "uid=anna,ou=people,dc=example,dc=com".to_owned();
    let moved = Change::Moved(scene.entry.dn.clone());
    assert_eq!(scene.changes(), [Change::Renamed("anna".to_owned()), moved]);
}

#[test]
fn another_spelling_of_the_dn_is_no_move() {
    let mut scene = Scene::later(&[]);
    scene.entry.dn = "UID=Ann, OU=People, DC=example, DC=com".to_owned();
    assert_eq!(scene.changes(), []);
}

#[test]
fn a_dn_that_cannot_be_read_is_compared_as_text() {
    let mut scene = Scene::later(&[]);
    scene.entry.dn = "no dn".to_owned();
    assert_eq!(scene.changes(), [Change::Moved("no dn".to_owned())]);
    scene.settle(NOW);
    assert_eq!(scene.changes(), []);
}

#[test]
fn another_user_type_takes_the_record_over_in_place() {
    let mut scene = Scene::later(&[1]);
    scene.user_type.name = Arc::from("guests");
    assert_eq!(scene.changes(), [Change::TypeChanged(Arc::from("guests"))]);
}

#[test]
fn another_way_to_a_group_keeps_since_when_it_holds() {
    let mut scene = Scene::later(&[1, 2]);
    scene.groups = Observed::Known(Graph::new(&[1], &[(2, 1)]).closure());
    let plan = scene.plan().unwrap();
    assert_eq!((plan.changes.len(), plan.added(), plan.removed()), (1, 0, 0));
    let row = &after(&scene).memberships[&key(2, Provenance::Managed)];
    assert_eq!((row.route.depth(), row.route.direct, row.since), (2, false, BEFORE));
}

#[test]
fn s5_2_the_switch_off_leaves_the_record_alone_whatever_changed() {
    let mut scene = Scene::later(&[1]);
    scene.groups = direct(&[2]);
    scene.set("mail", &["new@example.com"]);
    scene.set("uid", &["anna", "two"]);
    scene.user_type.name = Arc::from("guests");
    scene.switch = Switch::Off;
    assert!(scene.plan().unwrap().is_empty());
}

#[test]
fn s5_2_groups_that_were_unknown_when_the_record_was_made_are_not_learnt_with_the_switch_off() {
    let mut scene = Scene::first();
    (scene.switch, scene.groups) = (Switch::Off, UNKNOWN);
    scene.settle(BEFORE);
    scene.groups = direct(&[1]);
    assert!(scene.plan().unwrap().is_empty());
    scene.switch = Switch::On;
    assert_eq!(scene.plan().unwrap().added(), 1);
}

#[test]
fn s5_3_create_off_and_an_unknown_user_writes_nothing() {
    let mut scene = Scene::first();
    scene.user_type.create = false;
    assert_eq!(scene.plan(), Err(NoPlan::NotCreated));
    let mut scene = Scene::later(&[]);
    scene.user_type.create = false;
    scene.groups = direct(&[1]);
    assert_eq!(scene.plan().unwrap().added(), 1);
}

#[test]
fn s5_4_groups_at_the_first_sign_on_only_are_taken_then_and_untouched_later() {
    let mut scene = Scene::first();
    scene.user_type.groups = GroupSync::FirstSignOn;
    scene.groups = direct(&[1]);
    scene.settle(BEFORE);
    scene.groups = direct(&[2]);
    assert!(scene.plan().unwrap().is_empty());
    assert_eq!(managed(&after(&scene)), ids(&[1]));
}

#[track_caller]
fn check_name(values: &[&[u8]], expected: Option<&str>) {
    let mut scenes = [Scene::first(), Scene::later(&[1])];
    for scene in &mut scenes {
        scene.set("uid", &["x"]);
        let last = scene.entry.attributes.last_mut().expect("uid was set");
        last.values = values.iter().map(|value| value.to_vec()).collect();
        match expected {
            Some(name) => assert_eq!(after(scene).name, name),
            None => assert_eq!(scene.plan(), Err(NoPlan::NoUserName)),
        }
    }
}

#[test]
fn s5_7_a_user_name_is_exactly_one_value_of_text() {
    check_name(&[b"ann"], Some("ann"));
    check_name(&["änn".as_bytes()], Some("änn"));
    check_name(&[], None);
    check_name(&[b"ann", b"anna"], None);
    check_name(&[b""], None);
    check_name(&[b" "], None);
    check_name(&[b"\xff\xfe"], None);
}

#[test]
fn s7_2_a_denied_group_is_managed_all_the_same_and_its_denial_stays() {
    let mut scene = Scene::later(&[1]);
    let record = scene.record.as_mut().unwrap();
    let row = record.memberships.remove(&key(1, Provenance::Managed)).unwrap();
    record.memberships.insert(key(1, Provenance::PinDeny), row);
    let record = after(&scene);
    assert_eq!(managed(&record), ids(&[1]));
    assert!(record.effective_groups().is_empty());
}

#[test]
fn a_plan_is_told_line_by_line_without_attribute_values() {
    let mut scene = Scene::later(&[1]);
    scene.groups = direct(&[2]);
    scene.set("mail", &["hidden@example.com"]);
    let lines = [
        "attribute \"mail\" set, values: 1",
        "removed from group \"id-99998\" (managed)",
        "added to group \"id-99997\" (managed) at depth 1",
        "group \"id-99997\" is \"n0\", dn \"cn=n0,ou=s2,dc=example,dc=com\"",
    ];
    assert_eq!(scene.plan().unwrap().describe(), lines.join("\n"));
}

#[test]
fn a_long_plan_is_told_in_part_and_counted() {
    let mut scene = Scene::later(&[]);
    let many: Vec<usize> = (0..MAX_DESCRIBED).collect();
    scene.groups = direct(&many);
    let text = scene.plan().unwrap().describe();
    assert_eq!(text.lines().count(), MAX_DESCRIBED + 1);
    assert!(text.ends_with(&format!("and {MAX_DESCRIBED} more")));
}
