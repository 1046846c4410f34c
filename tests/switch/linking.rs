//! Linking two records as one person's: an admin's act alone (S7.4).

use crate::ANN;
use crate::local::effective;
use crate::support::gateway::Gateway;
use crate::support::slapd::Slapd;
use serde_json::Value;

/// The record of ann in a directory, as a reference.
#[track_caller]
fn record(gateway: &Gateway, directory: &str) -> String {
    let listed = gateway.json("/api/v1/users?name=ann");
    let items = listed["items"].as_array().expect("a list has items");
    let found = items.iter().find(|user| user["directory"] == directory);
    let found = found.unwrap_or_else(|| panic!("ann is not in {directory}: {listed}"));
    format!("rec:{}", found["id"].as_str().expect("a user has an id"))
}

/// The same directory under another name is another source: whoever signs on there is a new user,
/// although name and upstream id are equal, until an admin says otherwise.
#[test]
fn s7_4_records_of_two_directories_are_linked_by_an_admin_alone() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    let sign_on = |gateway: &Gateway| assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let run = |gateway: &Gateway, args: &[&str]| gateway.command(args).expect_code(0);
    sign_on(&gateway);
    run(&gateway, &["group", "create", "guests"]);
    run(&gateway, &["user", "join", "ann", "guests"]);
    run(&gateway, &["user", "pin", "ann", "A", "deny"]);
    run(&gateway, &["user", "name", "ann", "Ann of old"]);
    assert_eq!(effective(&gateway, "ann"), ["B", "guests"]);
    gateway.stop();
    gateway.restart(|settings| settings.set("[[directory]]", "name", "\"branch\""));

    sign_on(&gateway);
    let (old, new) = (record(&gateway, "corp"), record(&gateway, "branch"));
    assert_eq!(effective(&gateway, &new), ["A", "B"], "equal names take nothing over");
    gateway.command(&["user", "link", &new, &new]).expect_code(64);
    gateway.command(&["user", "link", &old, "nobody"]).expect_code(1);
    let refused = gateway.command(&["user", "link", &old, &new]);
    assert!(refused.err.contains("in branch there is no group called guests"), "{}", refused.err);
    assert_ne!(refused.code, 0);
    assert_eq!(effective(&gateway, &new), ["A", "B"], "nothing was linked");
    assert_eq!(effective(&gateway, &old), ["B", "guests"]);

    run(&gateway, &["group", "create", "guests", "--directory", "branch"]);
    let said = run(&gateway, &["user", "link", &old, &new, "--json"]);
    let said: Value = serde_json::from_str(&said).expect("it is JSON");
    assert_eq!((&said["changed"], &said["dropped"]), (&true.into(), &Value::Array(Vec::new())));
    for _ in 0..2 {
        assert_eq!(effective(&gateway, "ann"), ["B", "guests"], "there is one ann");
        assert_eq!(gateway.user("ann")["display_name"], "Ann of old");
        sign_on(&gateway);
    }
    let rows = gateway.audit();
    let row =
        |action: &str| rows.iter().find(|row| row["action"] == action).expect("it is audited");
    assert_eq!(row("linked")["cause"], "admin");
    assert!(row("deleted")["detail"].as_str().unwrap_or_default().starts_with("linked to "));
}

#[test]
fn s7_4_what_has_no_counterpart_goes_with_the_record_if_an_admin_says_so() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    for args in [&["group", "create", "guests"][..], &["user", "join", "ann", "guests"]] {
        gateway.command(args).expect_code(0);
    }
    gateway.command(&["user", "disable", "ann"]).expect_code(0);
    gateway.stop();
    gateway.restart(|settings| settings.set("[[directory]]", "name", "\"branch\""));
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0, "this one is not shut out");
    let (old, new) = (record(&gateway, "corp"), record(&gateway, "branch"));
    let said = gateway.command(&["user", "link", &old, &new, "--drop-unmatched"]).expect_code(0);
    assert!(said.contains("not taken over: guests"), "{said}");
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 49, "now she is");
}
