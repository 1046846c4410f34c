//! Accounts that the directory disables, and takes back.

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Change};
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{self, GROUPS};
use crate::{ANN, expect};

/// A gateway for which whoever has left is disabled: a directory that lets such a one bind.
fn gateway(slapd: &Slapd) -> Gateway {
    Gateway::configured(slapd.port(), |settings, _| {
        settings.set_user_type("disabled_filter", "\"(employeeType=left)\"");
    })
}

fn disable(slapd: &Slapd) {
    slapd.admin().modify(ANN, Change::Replace, "employeeType", &[b"left"]);
}

fn enable(slapd: &Slapd) {
    slapd.admin().modify(ANN, Change::Replace, "employeeType", &[]);
}

#[test]
fn s4_4_deactivated_with_p_and_reactivated_with_only_q_never_shows_p() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    expect(&gateway, "ann", &[], &["A", "B"]);
    disable(&slapd);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0, "the directory lets her in");
    expect(&gateway, "ann", &["upstream"], &[]);
    assert_eq!(gateway.managed_groups("ann"), ["A", "B"], "they are suspended");

    slapd.admin().leave(&tree::group("B"), ANN);
    slapd.admin().join(&tree::group("left"), ANN);
    assert_eq!(slapd.admin().code(&pdu::modify_dn(GROUPS, "ou=moved", None)), 0);
    enable(&slapd);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 52, "her groups are unknown");
    expect(&gateway, "ann", &["upstream"], &[]);

    let moved = "ou=moved,dc=example,dc=com";
    assert_eq!(slapd.admin().code(&pdu::modify_dn(moved, "ou=groups", None)), 0);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    // The groups' own names for their members did not move with them.
    expect(&gateway, "ann", &[], &["left", "top"]);
    assert_eq!(gateway.managed_groups("ann"), ["left", "top"]);
}

#[test]
fn s4_4_where_it_is_configured_unknown_groups_let_a_returning_user_in_without_any() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set_user_type("disabled_filter", "\"(employeeType=left)\"");
        settings.set_user_type("on_unknown_reactivation", "\"without-groups\"");
    });
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    disable(&slapd);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    enable(&slapd);
    assert_eq!(slapd.admin().code(&pdu::modify_dn(GROUPS, "ou=moved", None)), 0);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    expect(&gateway, "ann", &["upstream"], &[]);
}

#[test]
fn s4_2_an_account_that_openldap_locks_for_good_is_disabled_when_it_is_seen() {
    let policy = "cn=policy,dc=example,dc=com";
    let slapd = Slapd::with(&Options {
        global_lines: vec!["moduleload ppolicy".to_owned()],
        database_lines: vec!["overlay ppolicy".to_owned(), format!("ppolicy_default {policy}")],
        ..Options::default()
    });
    let attributes: [(&str, &[&str]); 3] = [
        ("objectClass", &["device", "pwdPolicy"]),
        ("pwdAttribute", &["userPassword"]),
        ("pwdLockout", &["TRUE"]),
    ];
    assert_eq!(slapd.admin().code(&pdu::add(policy, &attributes)), 0);
    let gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    expect(&gateway, "ann", &[], &["A", "B"]);
    slapd.admin().modify(ANN, Change::Replace, "pwdAccountLockedTime", &[b"000001010000Z"]);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 49, "the directory's answer");
    // Somebody takes her name, so the gateway looks where she is.
    let bee = "cn=Bee,ou=people,dc=example,dc=com";
    let taken: [(&str, &[&str]); 4] = [
        ("objectClass", &["inetOrgPerson"]),
        ("uid", &["ann"]),
        ("sn", &["Bee"]),
        ("userPassword", &["pw-bee"]),
    ];
    assert_eq!(slapd.admin().code(&pdu::add(bee, &taken)), 0);
    assert_eq!(gateway.sign_on(bee, "pw-bee"), 0);
    expect(&gateway, &format!("dn:{ANN}"), &["upstream"], &[]);

    slapd.admin().leave(&tree::group("B"), ANN);
    slapd.admin().modify(ANN, Change::Replace, "pwdAccountLockedTime", &[]);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    expect(&gateway, &format!("dn:{ANN}"), &[], &[]);
}

#[test]
fn s4_5_a_local_group_stays_in_review_when_the_directory_takes_the_user_back() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    gateway.command(&["group", "create", "Extra"]).expect_code(0);
    let said = gateway.command(&["user", "join", "ann", "Extra"]).expect_code(0);
    assert!(said.contains("it waits for an admin"), "{said}");
    expect(&gateway, "ann", &[], &["A", "B", "Extra"]);
    disable(&slapd);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    expect(&gateway, "ann", &["upstream"], &[]);
    enable(&slapd);
    for _ in 0..2 {
        assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
        expect(&gateway, "ann", &[], &["A", "B"]);
    }
    let ann = gateway.user("ann");
    let rows = ann["memberships"].as_array().expect("a user has memberships");
    let extra = rows.iter().find(|row| row["group"]["name"] == "Extra").expect("it is there");
    assert_eq!((&extra["in_review"], &extra["provenance"]), (&true.into(), &"local".into()));
    let changed = gateway.audit();
    assert!(changed.iter().any(|row| row["detail"].to_string().contains("in review")));
    gateway.command(&["user", "confirm", "ann", "Extra"]).expect_code(0);
    expect(&gateway, "ann", &[], &["A", "B", "Extra"]);
}
