//! What the audit keeps of a change: before and after, and never a value.

use super::graph::id;
use super::scene::{BEFORE, Scene, ann, key, membership};
use bindgate::domain::change::Change;
use bindgate::domain::policy::Switch;
use bindgate::domain::record::{InactiveReason, Provenance, RecordId, Route};
use bindgate::domain::step::{Step, steps};

#[track_caller]
fn check(change: Change, what: &str, of: Option<&str>, before: &[&str], after: &[&str]) {
    let mut record = Scene::later(&[1]).record.expect("there is a record");
    record.local_name = Some("secret name".to_owned());
    let told = steps(Some(&record), &[change]);
    let [step] = told.as_slice() else { panic!("one step: {told:?}") };
    assert_eq!((step.what.as_str(), step.of.as_deref()), (what, of));
    assert_eq!((step.before.clone(), step.after.clone()), (list(before), list(after)));
    assert!(!format!("{step:?}").contains("secret"), "{step:?}");
}

fn list(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn every_change_is_told_with_before_and_after_and_without_values() {
    let (one, two) = (id(1).to_string(), id(2).to_string());
    let values = vec![b"secret".to_vec(), b"secret too".to_vec()];
    check(Change::Renamed("anna".into()), "name", None, &["ann"], &["anna"]);
    check(Change::TypeChanged("vip".into()), "user-type", None, &["staff"], &["vip"]);
    check(Change::DisplayNamed(None), "display-name", None, &["set"], &[]);
    check(Change::LocallyNamed(Some("secret".into())), "local-name", None, &["set"], &["set"]);
    let set = Change::AttributeSet { name: "mail".into(), values };
    check(set, "attribute", Some("mail"), &["1 values"], &["2 values"]);
    let added =
        Change::MembershipAdded { key: key(2, Provenance::PinDeny), membership: membership(2) };
    check(added, "membership", Some(&two), &[], &[&two]);
    let removed = Change::MembershipRemoved { key: key(1, Provenance::Managed) };
    check(removed, "membership", Some(&one), &[&one], &[]);
    let route = Route { path: [id(2), id(1)].into(), direct: false };
    let rerouted = Change::MembershipRerouted { key: key(1, Provenance::Managed), route };
    check(rerouted, "membership", Some(&one), &[&one], &[&two, &one]);
    let reason = InactiveReason::Admin;
    let inactive = Change::Deactivated { reason, at: BEFORE };
    check(inactive, "state", Some("admin"), &[], &["inactive"]);
    check(Change::Collided(Some("bob".into())), "collision", None, &[], &["bob"]);
    check(Change::SwitchSet(Some(Switch::Off)), "switch", None, &["default"], &["off"]);
}

#[test]
fn steps_follow_one_another_and_end_at_what_does_not_fit() {
    let created = Change::Created {
        id: RecordId("r".into()),
        key: ann(),
        user_type: "staff".into(),
        name: "ann".into(),
        dn: "uid=ann".into(),
        at: BEFORE,
    };
    let renamed = |to: &str| Change::Renamed(to.to_owned());
    let bad = Change::MembershipRemoved { key: key(1, Provenance::Managed) };
    let told = steps(None, &[created, renamed("b"), renamed("c"), bad, renamed("d")]);
    let shown: Vec<_> =
        told.iter().map(|step| (step.before.join(""), step.after.join(""))).collect();
    let pair = |before: &str, after: &str| (before.to_owned(), after.to_owned());
    assert_eq!(shown, [pair("", "r"), pair("ann", "b"), pair("b", "c")]);
    assert_eq!(told[0].ended(&id(1)), None);
    let removed = Step {
        what: "membership".to_owned(),
        of: Some(id(1).to_string()),
        provenance: Some(Provenance::Managed),
        before: vec![id(2).to_string(), id(1).to_string()],
        after: Vec::new(),
    };
    assert_eq!(removed.ended(&id(1)), Some(vec![id(2), id(1)]));
    assert_eq!(removed.ended(&id(2)), None);
}
