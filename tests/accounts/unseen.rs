//! Users who do not sign on are looked at all the same (S4.9).

use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Change};
use crate::support::slapd::Slapd;
use crate::support::tree;
use crate::{ANN, effective, expect};

/// A gateway that looks at users after so long, by a live copy or without one.
fn gateway(slapd: &Slapd, after: &'static str, replica: &'static str) -> Gateway {
    Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[reconcile]", "enabled", "true");
        settings.set("[reconcile]", "after", format!("\"{after}\""));
        settings.set("[reconcile]", "per_second", "100");
        settings.set("[directory.groups]", "replica", format!("\"{replica}\""));
        settings.set_user_type("disabled_filter", "\"(employeeType=left)\"");
        settings.set_user_type("missing_grace", "\"1s\"");
        let parking = "cn=gone,ou=own,dc=example,dc=com";
        settings.set_user_type("parking_group", format!("\"{parking}\""));
    })
}

/// Waits until a user's record says this.
#[track_caller]
fn wait_for(gateway: &Gateway, uid: &str, reasons: &[&str], groups: &[&str]) {
    eventually("the record follows without a sign-on", || {
        let user = gateway.user(uid);
        let is_so = user["state"]["reasons"] == serde_json::json!(reasons);
        (is_so && effective(&user) == groups).then_some(())
    });
}

#[track_caller]
fn check(after: &'static str, replica: &'static str) {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd, after, replica);
    for uid in ["ann", "bob", "carol"] {
        assert_eq!(gateway.sign_on(&tree::person(uid), tree::password(uid)), 0);
    }
    let last = gateway.user("ann")["last_sign_on"].clone();
    let mut admin = slapd.admin();
    admin.leave(&tree::group("B"), ANN);
    admin.join(&tree::group("left"), ANN);
    wait_for(&gateway, "ann", &[], &["left", "top"]);
    assert_eq!(gateway.user("ann")["last_sign_on"], last, "she has not signed on");
    admin.modify(ANN, Change::Replace, "employeeType", &[b"left"]);
    wait_for(&gateway, "ann", &["upstream"], &[]);
    assert_eq!(admin.code(&pdu::delete(&tree::person("bob"))), 0);
    wait_for(&gateway, "bob", &["missing"], &[]);
    expect(&gateway, "carol", &[], &["bottom", "left", "right", "top"]);
    // Enabled again, she has to show it.
    admin.modify(ANN, Change::Replace, "employeeType", &[]);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    expect(&gateway, "ann", &[], &["left", "top"]);
    let rows = gateway.audit();
    assert!(rows.iter().any(|row| row["cause"] == "reconcile"), "{rows:?}");
}

#[test]
fn s4_9_who_was_not_observed_for_a_while_is_looked_at() {
    check("1s", "none");
}

#[test]
fn s4_4_what_the_live_copy_shows_moves_a_record_without_a_sign_on() {
    check("365d", "groups-and-users");
}

/// After a start it is not known what any record was brought up to date with: all are looked at.
#[test]
fn s4_9_no_more_wait_to_be_looked_at_than_have_room_and_the_others_have_their_turn_later() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    let people = ["ann", "bob", "carol", "dave"];
    for uid in people {
        assert_eq!(gateway.sign_on(&tree::person(uid), tree::password(uid)), 0);
        slapd.admin().join(&tree::group("left"), &tree::person(uid));
    }
    gateway.stop();
    gateway.restart(|settings| {
        settings.set("[reconcile]", "enabled", "true");
        settings.set("[reconcile]", "max_waiting", "1");
    });
    for uid in people {
        eventually("everybody has a turn", || {
            gateway.managed_groups(uid).contains(&"left".to_owned()).then_some(())
        });
    }
    // The last look is counted after its record can be seen.
    gateway.comes_to_count("bindgate_reconcile_waiting 0");
    gateway.comes_to_count("bindgate_reconciled_total{outcome=\"changed\"} 4");
    let metrics = gateway.metrics();
    let hits = metrics.lines().find(|line| line.contains("reconcile.max_waiting"));
    assert!(hits.is_some_and(|line| !line.ends_with(" 0")), "{metrics}");
}

#[test]
fn s4_6_who_is_missing_for_too_long_is_deleted_where_that_is_configured() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[reconcile]", "enabled", "true");
        settings.set("[reconcile]", "after", "\"1s\"");
        settings.set("[directory.groups]", "replica", "\"none\"");
        settings.set_user_type("missing_grace", "\"1s\"");
        settings.set_user_type("after_grace", "\"delete\"");
    });
    for uid in ["ann", "bob"] {
        assert_eq!(gateway.sign_on(&tree::person(uid), tree::password(uid)), 0);
    }
    assert_eq!(slapd.admin().code(&pdu::delete(ANN)), 0);
    eventually("her record is deleted", || (!gateway.knows("ann")).then_some(()));
    gateway.comes_to_count("bindgate_records_deleted_total 1");
    let rows = gateway.audit();
    let deleted = rows.iter().find(|row| row["action"] == "deleted").expect("it is audited");
    assert_eq!((&deleted["cause"], &deleted["actor"]), (&"reconcile".into(), &"".into()));
    gateway.stop();
    gateway.restart(|_| {});
    assert!(!gateway.knows("ann") && gateway.knows("bob"));
    expect(&gateway, "bob", &[], &["loop-one", "loop-two"]);
}

#[test]
fn s4_6_who_is_missing_for_too_long_is_parked() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd, "1s", "none");
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(slapd.admin().code(&pdu::delete(ANN)), 0);
    eventually("she is put into the group of those who are gone", || {
        let user = gateway.user("ann");
        let rows = user["memberships"].as_array().cloned().unwrap_or_default();
        rows.iter().any(|row| row["group"]["name"] == "gone").then_some(())
    });
    expect(&gateway, "ann", &["missing"], &[]);
}
