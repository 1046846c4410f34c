//! Applying changes: what fits, what does not, and what a change says of itself.

use super::scene::{ANN, BEFORE, NOW, Scene, ann, key, membership};
use bindgate::domain::change::{Change, Misfit, apply};
use bindgate::domain::record::{Provenance, Record, RecordId, Route};
use proptest::prelude::*;
use std::sync::Arc;

fn created() -> Change {
    Change::Created {
        id: RecordId(Arc::from("rec-1")),
        key: ann(),
        user_type: Arc::from("staff"),
        name: "ann".to_owned(),
        dn: ANN.to_owned(),
        at: NOW,
    }
}

fn set(name: &str, values: &[&str]) -> Change {
    let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
    Change::AttributeSet { name: name.to_owned(), values }
}

fn record() -> Record {
    let mut record = Scene::later(&[1]).record.expect("the sign-on made a record");
    record.version = 7;
    record
}

#[track_caller]
fn check_misfit(record: Option<Record>, change: Change, expected: &'static str) {
    assert_eq!(apply(record, &[change]), Err(Misfit(expected)));
}

#[test]
fn no_record_and_no_changes_give_no_record() {
    assert_eq!(apply(None, &[]), Ok(None));
}

#[test]
fn a_record_comes_into_being_active_and_bare_at_version_0() {
    let record = apply(None, &[created()]).unwrap().unwrap();
    assert_eq!((record.name.as_str(), record.dn.as_str()), ("ann", ANN));
    assert_eq!((record.created_at, record.version, &record.key), (NOW, 0, &ann()));
    assert!(record.is_active() && record.memberships.is_empty() && record.attributes.is_empty());
    assert_eq!((record.display_name, record.missing_since), (None, None));
}

#[test]
fn what_does_not_fit_is_refused() {
    let managed = key(1, Provenance::Managed);
    let absent = key(2, Provenance::Managed);
    let route = Route { path: [].into(), direct: false };
    let added = Change::MembershipAdded { key: managed.clone(), membership: membership(1) };
    check_misfit(None, Change::Renamed("bob".to_owned()), "there is no record yet");
    check_misfit(Some(record()), created(), "the record is there already");
    check_misfit(Some(record()), added, "the membership is there already");
    check_misfit(
        Some(record()),
        Change::MembershipRemoved { key: absent.clone() },
        "no membership to remove",
    );
    check_misfit(
        Some(record()),
        Change::MembershipRerouted { key: absent, route },
        "no membership to reroute",
    );
    check_misfit(Some(record()), set("phone", &[]), "no attribute to take away");
}

#[test]
fn every_other_change_moves_what_it_names_and_never_the_version() {
    let managed = key(1, Provenance::Managed);
    let route = Route { path: [].into(), direct: false };
    let before = record();
    let mut expected = before.clone();
    expected.user_type = Arc::from("guests");
    expected.name = "anna".to_owned();
    expected.dn = "uid=anna,dc=example,dc=com".to_owned();
    expected.display_name = None;
    expected.attributes.remove("cn");
    expected.attributes.insert("mail".to_owned(), vec![b"a@x".to_vec(), b"b@x".to_vec()]);
    expected.memberships.get_mut(&managed).unwrap().route = route.clone();
    expected.memberships.insert(key(2, Provenance::Local), membership(2));
    let changes = [
        Change::TypeChanged(Arc::from("guests")),
        Change::Renamed("anna".to_owned()),
        Change::Moved("uid=anna,dc=example,dc=com".to_owned()),
        Change::DisplayNamed(None),
        set("cn", &[]),
        set("mail", &["a@x", "b@x"]),
        Change::MembershipRerouted { key: managed.clone(), route },
        Change::MembershipAdded { key: key(2, Provenance::Local), membership: membership(2) },
    ];
    assert_eq!(apply(Some(before.clone()), &changes), Ok(Some(expected.clone())));
    assert_eq!((expected.version, expected.memberships[&managed].since), (7, BEFORE));
    let removed = Change::MembershipRemoved { key: managed.clone() };
    expected.memberships.remove(&managed);
    let all = [&changes[..], &[removed]].concat();
    assert_eq!(apply(Some(before), &all), Ok(Some(expected)));
}

#[track_caller]
fn check_text(change: Change, expected: &str) {
    assert_eq!(change.to_string(), expected);
}

#[test]
fn a_change_tells_what_happened_without_attribute_values() {
    check_text(created(), &format!("created as \"staff\": name \"ann\", dn \"{ANN}\""));
    check_text(set("mail", &["secret"]), "attribute \"mail\" set, values: 1");
    check_text(set("mail", &[]), "attribute \"mail\" taken away");
    check_text(Change::DisplayNamed(Some("secret".to_owned())), "display name set");
    check_text(
        Change::MembershipAdded { key: key(1, Provenance::Managed), membership: membership(1) },
        "added to group \"id-99998\" (managed) at depth 1",
    );
    check_text(
        Change::MembershipRemoved { key: key(1, Provenance::PinDeny) },
        "removed from group \"id-99998\" (pin-deny)",
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_change_is_one_line_whatever_names_a_directory_gives(name in "\\PC*|[\\x00-\\x20\u{85}\u{2028}]*") {
        let moved = Change::Moved(name.clone()).to_string();
        let set = Change::AttributeSet { name, values: Vec::new() }.to_string();
        for text in [moved, set] {
            prop_assert!(!text.contains(|c: char| c.is_control() || c == '\u{2028}'), "{text}");
        }
    }
}
