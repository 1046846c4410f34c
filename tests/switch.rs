//! The switch: update on sign-on, per user type and per user, at run time (rule S5.8); what admins
//! change by hand, and the reasons why (S7).
//!
//! Goal: switched off, a sign-on of a known user changes nothing, whatever happened upstream;
//! switched on again, the next one does; what was set by command outlives the process and stands
//! in the audit. Method: an operator's commands against a running gateway, sign-ons in between.

mod support;

#[path = "switch/audit.rs"]
mod audit;
#[path = "switch/foresight.rs"]
mod foresight;
#[path = "switch/linking.rs"]
mod linking;
#[path = "switch/local.rs"]
mod local;

use serde_json::{Value, json};
use support::gateway::Gateway;
use support::pdu::Change;
use support::slapd::Slapd;
use support::tree;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";

#[track_caller]
fn set(gateway: &Gateway, value: &str) {
    let assignment = format!("update-on-sign-on={value}");
    gateway.command(&["user-type", "set", "staff", &assignment]).expect_code(0);
}

#[track_caller]
fn listed(gateway: &Gateway) -> Value {
    let out = gateway.command(&["user-type", "list", "--json"]).expect_code(0);
    let list: Value = serde_json::from_str(&out).expect("it is JSON");
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    list["items"][0].clone()
}

#[track_caller]
fn expect_switch(gateway: &Gateway, on: bool, source: &str) {
    let item = listed(gateway);
    assert_eq!(item["name"], "staff");
    assert_eq!(item["update_on_sign_on"], json!(on));
    assert_eq!(item["source"], source);
    let table = gateway.command(&["user-type", "list"]).expect_code(0);
    assert!(table.contains("staff") && table.contains(if on { "on" } else { "off" }), "{table}");
    assert!(table.contains(source), "{table}");
}

#[track_caller]
fn expect_groups_after_sign_on(gateway: &Gateway, expected: &[&str]) {
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), expected);
}

#[test]
fn off_keeps_the_record_as_it_is_and_on_lets_it_follow_again() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut admin = slapd.admin();
    expect_switch(&gateway, true, "file");
    expect_groups_after_sign_on(&gateway, &["A", "B"]);
    admin.leave(&tree::group("B"), ANN);
    expect_groups_after_sign_on(&gateway, &[]);

    set(&gateway, "off");
    expect_switch(&gateway, false, "stored");
    admin.join(&tree::group("B"), ANN);
    expect_groups_after_sign_on(&gateway, &[]);

    set(&gateway, "on");
    expect_switch(&gateway, true, "stored");
    expect_groups_after_sign_on(&gateway, &["A", "B"]);
}

#[test]
fn off_still_makes_a_record_at_the_first_sign_on() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    set(&gateway, "off");
    expect_groups_after_sign_on(&gateway, &["A", "B"]);
    slapd.admin().leave(&tree::group("B"), ANN);
    expect_groups_after_sign_on(&gateway, &["A", "B"]);
}

#[test]
fn what_was_set_survives_a_restart_and_stands_over_the_file_until_it_is_default_again() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    expect_groups_after_sign_on(&gateway, &["A", "B"]);
    set(&gateway, "off");
    gateway.stop();
    gateway.restart(|_| {});
    expect_switch(&gateway, false, "stored");
    slapd.admin().leave(&tree::group("B"), ANN);
    expect_groups_after_sign_on(&gateway, &["A", "B"]);

    set(&gateway, "default");
    expect_switch(&gateway, true, "file");
    expect_groups_after_sign_on(&gateway, &[]);

    gateway.stop();
    gateway.restart(|settings| settings.set_user_type("update_on_sign_on", "false"));
    expect_switch(&gateway, false, "file");
    slapd.admin().join(&tree::group("B"), ANN);
    expect_groups_after_sign_on(&gateway, &[]);
    set(&gateway, "on");
    expect_groups_after_sign_on(&gateway, &["A", "B"]);
}

#[test]
fn a_change_of_the_switch_is_audited_with_who_old_and_new() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    set(&gateway, "off");
    let audit = gateway.audit();
    assert_eq!(audit.len(), 1, "{audit:?}");
    let row = &audit[0];
    assert_eq!(row["cause"], "admin");
    assert_eq!(row["action"], "switch-changed");
    assert!(!row["actor"].as_str().unwrap_or_default().is_empty(), "{row}");
    let detail = row["detail"].as_str().expect("a row has its detail");
    assert!(detail.contains("staff") && detail.contains("on") && detail.contains("off"), "{row}");
    set(&gateway, "on");
    assert_eq!(gateway.audit().len(), 2);
}

#[test]
fn wrong_commands_change_nothing_and_say_why() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let check = |args: &[&str], code: i32| {
        let said = gateway.command(args);
        assert_eq!(said.code, code, "{args:?}: {}{}", said.out, said.err);
        assert!(!said.err.is_empty(), "{args:?} says why");
    };
    check(&["user-type", "set", "nobody", "update-on-sign-on=off"], 1);
    check(&["user-type", "set", "staff", "update-on-sign-on=maybe"], 64);
    check(&["user-type", "set", "staff", "colour=red"], 64);
    check(&["user", "show", "nobody"], 1);
    check(&["no-such-command"], 64);
    expect_switch(&gateway, true, "file");
    assert!(gateway.audit().is_empty());

    gateway.folder().write("admin.token", "0123456789abcdef0123456789abcdef\n");
    check(&["user-type", "set", "staff", "update-on-sign-on=off"], 77);
    check(&["user", "list"], 77);
}

/// Without groups to ask for, the entry alone says whether there is something to do: what it showed
/// while the record did not follow is no measure for later.
#[test]
fn s5_8_what_was_let_pass_while_off_is_done_when_on_also_where_no_groups_are_kept() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set_user_type("groups", "\"never\"");
        settings.set_user_type("attributes", "{ mail = \"mail\" }");
        settings.set("[directory.groups]", "replica", "\"groups-and-users\"");
    });
    gateway.comes_to_have_a_copy();
    let mails = |gateway: &Gateway| gateway.user("ann")["attributes"]["mail"].clone();
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    set(&gateway, "off");
    let new = "ann.new@example.com";
    slapd.admin().modify(ANN, Change::Replace, "mail", &[new.as_bytes()]);
    for _ in 0..3 {
        assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
        assert_ne!(mails(&gateway), json!([new]), "it does not follow");
    }
    set(&gateway, "on");
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(mails(&gateway), json!([new]));
}
