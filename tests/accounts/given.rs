//! What the configuration gives and leaves alone: groups, and attributes by their rules.

use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::pdu::Change;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{self, PEOPLE, SERVICE};
use crate::{ANN, effective, expect};

#[test]
fn s3_5_groups_that_the_configuration_gives_are_there_after_every_sign_on() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        let all = "cn=everybody,ou=own,dc=example,dc=com";
        let top = tree::group("TOP");
        settings.set_user_type("always_groups", format!("[\"{all}\", \"{top}\"]"));
        settings.set_user_type("default_groups", format!("[\"{}\"]", tree::group("self")));
        settings.set_user_type("ignored_groups", "[\"a\"]");
    });
    let expected = ["B", "everybody", "self", "top"];
    for _ in 0..2 {
        assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
        expect(&gateway, "ann", &[], &expected);
    }
    assert_eq!(gateway.managed_groups("ann"), ["B"], "what is ignored is not taken over");
    slapd.admin().leave(&tree::group("B"), ANN);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    expect(&gateway, "ann", &[], &expected[1..]);
    let top = gateway.user("ann");
    let rows = top["memberships"].as_array().expect("a user has memberships");
    let top = rows.iter().find(|row| row["group"]["name"] == "top").expect("it is there");
    assert!(top["group"]["id"].as_str().is_some_and(|id| !id.starts_with("own:")), "{top}");
}

#[test]
fn s3_2_what_a_limit_let_through_is_added_where_that_is_wanted_and_nothing_goes() {
    let slapd = Slapd::with(&Options { service_size_limit: Some(2), ..Options::default() });
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[directory.groups]", "resolve", "\"walk\"");
        settings.set_user_type("add_from_partial", "true");
    });
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let mut admin = slapd.admin();
    admin.leave(&tree::group("B"), ANN);
    admin.join(&tree::group("bottom"), ANN);
    // The second level, of those who hold bottom, is three then: more than the account gets.
    admin.join(&tree::group("self"), &tree::group("bottom"));
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    expect(&gateway, "ann", &[], &["A", "B", "bottom"]);
    assert_eq!(gateway.user("ann")["observation"]["groups"]["unknown"], "size-limit");
}

#[test]
fn s3_4_an_attribute_is_cleared_only_where_the_account_can_read_it() {
    let mut slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        let phone = "{ from = \"telephoneNumber\", absent = \"clear\" }";
        settings.set_user_type("attributes", format!("{{ mail = \"mail\", phone = {phone} }}"));
    });
    let has = |name: &str| !gateway.user("ann")["attributes"][name].is_null();
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert!(has("phone") && has("mail"));
    // The account loses the right to read it: that is no answer.
    let hidden = format!(
        "access to dn.subtree=\"{PEOPLE}\" attrs=telephoneNumber by dn.exact=\"{SERVICE}\" none by * break"
    );
    let sign_on = || {
        eventually("the directory is back", || (gateway.sign_on(ANN, "pw-ann") == 0).then_some(()));
    };
    slapd.reconfigure(&Options { access_lines: vec![hidden], ..Options::default() });
    sign_on();
    assert!(has("phone"), "what may not be read is not gone");
    slapd.reconfigure(&Options::default());
    for attribute in ["telephoneNumber", "mail"] {
        slapd.admin().modify(ANN, Change::Replace, attribute, &[]);
    }
    // A sign-on that is answered while the gateway's own connections are not back yet learns nothing.
    eventually("others show that it may be read", || {
        sign_on();
        (!has("phone")).then_some(())
    });
    assert!(has("mail"), "the default keeps it");
    assert_eq!(effective(&gateway.user("ann")), ["A", "B"]);
}

#[test]
fn s5_5_a_group_that_is_not_kept_is_skipped_until_an_admin_keeps_it_or_groups_may_be_made() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set_user_type("create_groups", "false");
    });
    for _ in 0..2 {
        assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
        expect(&gateway, "ann", &[], &[]);
    }
    gateway.comes_to_count("bindgate_groups_skipped_total 4");
    let skipped = eventually("the audit names them", || {
        let audit = gateway.json("/api/v1/audit?action=group-skipped&user=ann");
        Some(audit["items"].as_array()?.first()?["detail"].as_str()?.to_owned())
    });
    assert!(
        skipped.contains(&tree::group("A")) && skipped.contains(&tree::group("B")),
        "{skipped}"
    );
    let keep = format!("dn:{}", tree::group("A"));
    gateway.command(&["group", "create", &keep]).expect_code(0);
    gateway.command(&["group", "create", &keep]).expect_code(64);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    expect(&gateway, "ann", &[], &["A"]);
    gateway.stop();
    gateway.restart(|settings| settings.set_user_type("create_groups", "true"));
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    expect(&gateway, "ann", &[], &["A", "B"]);
}

#[test]
fn s5_7_a_name_by_rule_makes_the_record_and_who_has_none_is_answered_as_configured() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set_user_type("username", "\"mail\"");
        settings.set_user_type("username_pattern", "\"(a.+)@example\\\\.com\"");
        settings.set_user_type("username_template", "\"$1.corp\"");
        settings.set_user_type("on_unprovisioned", "\"refuse\"");
    });
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.user("ann.corp")["dn"], ANN);
    let bob = tree::person("bob");
    assert_eq!(gateway.sign_on(&bob, "pw-bob"), 49, "his name does not match");
    assert!(!gateway.knows("bob.corp") && !gateway.knows(&format!("dn:{bob}")));
    eventually("the audit tells of it", || {
        let audit = gateway.json("/api/v1/audit?action=not-provisioned");
        (!audit["items"].as_array()?.is_empty()).then_some(())
    });
    slapd.admin().modify(&bob, Change::Replace, "mail", &[b"abob@example.com"]);
    assert_eq!(gateway.sign_on(&bob, "pw-bob"), 0);
    slapd.admin().modify(&bob, Change::Add, "mail", &[b"acab@example.com"]);
    assert_eq!(gateway.sign_on(&bob, "pw-bob"), 49, "two values are none");
}

#[test]
fn s5_3_with_create_off_an_unknown_user_is_admitted_or_refused_as_configured_and_nothing_is_written()
 {
    let slapd = Slapd::start();
    let check = |sync: &'static str, answer: &'static str, code: u32| {
        let gateway = Gateway::configured(slapd.port(), |settings, _| {
            settings.set_user_type("create", "false");
            settings.set_user_type("on_unprovisioned", format!("\"{answer}\""));
            settings.set("[sign_on]", "sync", format!("\"{sync}\""));
        });
        assert_eq!(gateway.sign_on(ANN, "pw-ann"), code, "{sync} {answer}");
        assert!(!gateway.knows("ann"));
        assert_eq!(gateway.sign_on(ANN, "wrong"), 49);
    };
    check("before-reply", "admit", 0);
    check("before-reply", "refuse", 49);
    check("after-reply", "refuse", 49);
}
