//! What an admin changes by hand, and what the next sign-on does to it (S7).

use crate::ANN;
use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Change};
use crate::support::slapd::Slapd;
use crate::support::tree::{self, GROUPS};
use serde_json::Value;

/// The names of the groups that count, sorted.
pub(crate) fn effective(gateway: &Gateway, user: &str) -> Vec<String> {
    let user = gateway.user(user);
    let rows = user["memberships"].as_array().expect("a user has memberships");
    let counting = rows.iter().filter(|row| row["effective"] == true);
    let mut names: Vec<String> =
        counting.map(|row| row["group"]["name"].as_str().unwrap_or("?").to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

/// Runs a command and gives what it says of the next sign-on.
#[track_caller]
fn next(gateway: &Gateway, args: &[&str]) -> String {
    let json: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    let out = gateway.command(&json).expect_code(0);
    let answer: Value = serde_json::from_str(&out).expect("it is JSON");
    assert!(!answer["next_sign_on"]["text"].as_str().unwrap_or_default().is_empty(), "{answer}");
    answer["next_sign_on"]["what"].as_str().expect("it says what").to_owned()
}

#[track_caller]
fn sign_on(gateway: &Gateway) {
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
}

#[test]
fn s7_2_a_pin_deny_outlives_ten_sign_ons_a_rename_and_a_deactivation() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set_user_type("disabled_filter", "\"(employeeType=left)\"");
    });
    sign_on(&gateway);
    assert_eq!(next(&gateway, &["user", "pin", "ann", "A", "deny"]), "stays");
    for _ in 0..10 {
        sign_on(&gateway);
        assert_eq!(effective(&gateway, "ann"), ["B"]);
        assert_eq!(gateway.managed_groups("ann"), ["A", "B"], "the directory says it still");
    }
    let renamed = pdu::modify_dn(&tree::group("A"), "cn=Alpha", None);
    assert_eq!(slapd.admin().code(&renamed), 0);
    sign_on(&gateway);
    assert_eq!(effective(&gateway, "ann"), ["B"]);
    assert_eq!(gateway.managed_groups("ann"), ["Alpha", "B"]);

    slapd.admin().modify(ANN, Change::Replace, "employeeType", &[b"left"]);
    sign_on(&gateway);
    assert_eq!(effective(&gateway, "ann"), [""; 0]);
    slapd.admin().modify(ANN, Change::Replace, "employeeType", &[]);
    sign_on(&gateway);
    assert_eq!(effective(&gateway, "ann"), ["B"], "it outlived the deactivation");

    assert_eq!(next(&gateway, &["user", "unpin", "ann", "Alpha"]), "follows");
    assert_eq!(effective(&gateway, "ann"), ["Alpha", "B"]);
    gateway.command(&["user", "unpin", "ann", "Alpha"]).expect_code(1);
}

#[test]
fn s7_2_what_is_given_by_hand_survives_and_a_plain_removal_comes_back() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    sign_on(&gateway);
    let top = format!("dn:{}", tree::group("top"));
    gateway.command(&["user", "pin", "ann", "top", "allow"]).expect_code(1);
    assert_eq!(next(&gateway, &["user", "pin", "ann", &top, "allow"]), "stays");
    gateway.command(&["group", "create", "on call"]).expect_code(0);
    assert_eq!(next(&gateway, &["user", "join", "ann", "on call"]), "reviewed-on-return");
    let all = ["A", "B", "on call", "top"];
    sign_on(&gateway);
    assert_eq!(effective(&gateway, "ann"), all);

    assert_eq!(next(&gateway, &["user", "leave", "ann", "B"]), "comes-back");
    assert_eq!(effective(&gateway, "ann"), ["A", "on call", "top"]);
    sign_on(&gateway);
    assert_eq!(effective(&gateway, "ann"), all, "as the answer said");

    gateway.command(&["user-type", "set", "staff", "update-on-sign-on=off"]).expect_code(0);
    assert_eq!(next(&gateway, &["user", "leave", "ann", "B"]), "not-followed");
    sign_on(&gateway);
    assert_eq!(effective(&gateway, "ann"), ["A", "on call", "top"], "as the answer said");
    gateway.command(&["user", "leave", "ann", "top"]).expect_code(1);
    gateway.command(&["group", "delete", "on call"]).expect_code(64);
    assert_eq!(next(&gateway, &["user", "leave", "ann", "on call"]), "stays");
    gateway.command(&["group", "delete", "on call"]).expect_code(0);
    assert_eq!(effective(&gateway, "ann"), ["A", "top"]);
}

#[test]
fn s7_2_a_pin_ends_by_itself_when_its_time_has_come() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    sign_on(&gateway);
    let ask = ["user", "pin", "ann", "B", "deny", "--until", "2s"];
    assert_eq!(next(&gateway, &ask), "stays-until");
    assert_eq!(effective(&gateway, "ann"), ["A"]);
    // It is kept over a restart, and ends behind it.
    gateway.stop();
    gateway.restart(|_| {});
    eventually("the pin ends", || (effective(&gateway, "ann") == ["A", "B"]).then_some(()));
    let audit = gateway.audit();
    assert_eq!((&audit[0]["cause"], &audit[0]["action"]), (&"expiry".into(), &"expired".into()));
    gateway
        .command(&["user", "pin", "ann", "B", "deny", "--until", "2020-01-01T00:00:00Z"])
        .expect_code(64);
}

#[test]
fn s7_1_a_local_display_name_survives_synchronisation_and_the_upstream_name_is_shown_beside_it() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    sign_on(&gateway);
    assert_eq!(gateway.user("ann")["display_name"], "Ann Example");
    assert_eq!(next(&gateway, &["user", "name", "ann", "Dr. Ann"]), "stays");
    slapd.admin().modify(ANN, Change::Replace, "cn", &[b"Ann Other"]);
    sign_on(&gateway);
    let ann = gateway.user("ann");
    assert_eq!(ann["display_name"], "Dr. Ann");
    assert_eq!(ann["upstream_display_name"], "Ann Other");
    let text = gateway.command(&["user", "show", "ann"]).expect_code(0);
    assert!(text.contains("Dr. Ann") && text.contains("Ann Other"), "{text}");
    gateway.command(&["user", "name", "ann"]).expect_code(0);
    let ann = gateway.user("ann");
    assert_eq!(ann["display_name"], "Ann Other");
    assert!(ann.get("upstream_display_name").is_none());
}

#[test]
fn s7_3_no_sign_on_leaves_a_protected_group_without_anybody() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set_user_type("protected_groups", "[\"B\"]");
        settings.set_user_type("disabled_filter", "\"(employeeType=left)\"");
    });
    let bob = tree::person("bob");
    slapd.admin().join(&tree::group("B"), &bob);
    sign_on(&gateway);
    assert_eq!(gateway.sign_on(&bob, "pw-bob"), 0);
    slapd.admin().leave(&tree::group("B"), &bob);
    slapd.admin().leave(&tree::group("B"), ANN);
    assert_eq!(gateway.sign_on(&bob, "pw-bob"), 0);
    assert!(!effective(&gateway, "bob").contains(&"B".to_owned()), "ann is in it");
    for _ in 0..2 {
        sign_on(&gateway);
        assert_eq!(effective(&gateway, "ann"), ["B"], "she is the last; A is not protected");
    }
    eventually("the audit tells of it", || {
        let audit = gateway.json("/api/v1/audit?action=held");
        (!audit["items"].as_array()?.is_empty()).then_some(())
    });
    assert!(gateway.metrics().lines().any(|line| {
        line.strip_prefix("bindgate_groups_protected_total ").is_some_and(|count| count != "0")
    }));
    slapd.admin().join(&tree::group("B"), &bob);
    assert_eq!(gateway.sign_on(&bob, "pw-bob"), 0);
    sign_on(&gateway);
    assert_eq!(effective(&gateway, "ann"), [""; 0], "somebody else is in it now");

    // A deactivation is a removal too.
    slapd.admin().modify(&bob, Change::Replace, "employeeType", &[b"left"]);
    assert_eq!(gateway.sign_on(&bob, "pw-bob"), 0);
    assert!(effective(&gateway, "bob").contains(&"B".to_owned()), "he stays active for it");
    slapd.admin().join(&tree::group("B"), ANN);
    sign_on(&gateway);
    assert_eq!(gateway.sign_on(&bob, "pw-bob"), 0);
    assert_eq!(effective(&gateway, "bob"), [""; 0]);
}

#[test]
fn s4_1_disable_and_enable_say_what_the_next_sign_on_meets() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    sign_on(&gateway);
    assert_eq!(next(&gateway, &["user", "disable", "staff/ann"]), "refused");
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 49);
    assert_eq!(next(&gateway, &["user", "enable", &format!("dn:{ANN}")]), "signs-on");
    sign_on(&gateway);
    eventually("the refusal is audited", || {
        let audit = gateway.json("/api/v1/audit?action=refused&user=ann");
        (audit["items"].as_array()?.len() == 1).then_some(())
    });
}

#[test]
fn s5_8_a_switch_of_one_user_stands_over_that_of_the_user_type() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    let bob = tree::person("bob");
    sign_on(&gateway);
    assert_eq!(gateway.sign_on(&bob, "pw-bob"), 0);
    assert_eq!(next(&gateway, &["user", "set", "ann", "update-on-sign-on=off"]), "left-alone");
    gateway.stop();
    gateway.restart(|_| {});
    for user in [ANN, &bob] {
        slapd.admin().join(&tree::group("bottom"), user);
    }
    sign_on(&gateway);
    assert_eq!(gateway.sign_on(&bob, "pw-bob"), 0);
    assert_eq!(effective(&gateway, "ann"), ["A", "B"]);
    assert!(effective(&gateway, "bob").contains(&"bottom".to_owned()), "he follows");
    assert_eq!(gateway.user("ann")["update_on_sign_on"], false);
    let row = &gateway.json("/api/v1/audit?action=switch-changed&user=ann")["items"][0];
    assert_eq!(row["changes"][0]["before"][0], "default", "{row}");
    assert_eq!(row["changes"][0]["after"][0], "off");

    gateway.command(&["user-type", "set", "staff", "update-on-sign-on=off"]).expect_code(0);
    assert_eq!(next(&gateway, &["user", "set", "ann", "update-on-sign-on=on"]), "follows");
    sign_on(&gateway);
    assert!(effective(&gateway, "ann").contains(&"bottom".to_owned()));
    assert_eq!(next(&gateway, &["user", "set", "ann", "update-on-sign-on=default"]), "left-alone");
}

#[test]
fn who_is_forgotten_is_nowhere_in_the_store_and_the_audit_names_nobody() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    sign_on(&gateway);
    gateway.command(&["user", "pin", "ann", "A", "deny"]).expect_code(0);
    let ann = gateway.user("ann");
    let before = gateway.audit().len();
    assert_eq!(next(&gateway, &["user", "forget", "ann"]), "made-anew");
    gateway.command(&["user", "show", "ann"]).expect_code(1);
    let audit = gateway.audit();
    assert_eq!(audit.len(), before + 1);
    assert_eq!(audit[0]["action"], "forgotten");
    assert!(audit.iter().all(|row| row["user"].is_null()), "{audit:?}");
    let upstream_id = ann["upstream_id"].as_str().expect("she has an id").to_owned();
    let told = serde_json::to_string(&audit).expect("it is JSON");
    assert!(!told.contains("uid=ann") && !told.contains(&upstream_id), "{told}");
    gateway.stop();
    let files = std::fs::read_dir(gateway.store()).expect("the store has a folder");
    for file in files.map(|file| file.expect("it is read").path()) {
        let bytes = std::fs::read(&file).expect("it is ours");
        let holds = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        let is_records = file
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("bindgate.sqlite"));
        for trace in ["uid=ann,ou=people", "Ann Example", &upstream_id] {
            assert!(!is_records || !holds(trace), "{trace} is in {}", file.display());
        }
    }
    gateway.restart(|_| {});
    sign_on(&gateway);
    let anew = gateway.user("ann");
    assert_ne!(anew["id"], ann["id"]);
    assert_eq!(effective(&gateway, "ann"), ["A", "B"], "nothing is left of the pin");
}

#[test]
fn groups_are_listed_and_shown_with_who_is_in_them_and_why() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    sign_on(&gateway);
    assert_eq!(gateway.sign_on(&tree::person("carol"), "pw-carol"), 0);
    gateway.command(&["user", "pin", "carol", "A", "allow"]).expect_code(0);
    let list = gateway.json("/api/v1/groups");
    let found = list["items"].as_array().expect("a list has items");
    let members: Vec<_> = found
        .iter()
        .map(|group| format!("{} {}", group["name"].as_str().unwrap_or("?"), group["members"]))
        .collect();
    let all = ["A 2", "B 1", "bottom 1", "left 1", "right 1", "top 1"];
    assert_eq!(members, all);
    let text = gateway.command(&["group", "show", "A"]).expect_code(0);
    for line in [
        "staff/ann".to_owned(),
        format!("{ANN} -> cn=B,{GROUPS} -> cn=A,{GROUPS}"),
        format!("{} -> cn=A,{GROUPS}", tree::person("carol")),
        "pin-allow".to_owned(),
    ] {
        assert!(text.contains(&line), "no {line:?} in\n{text}");
    }
    gateway.command(&["group", "show", "nothing"]).expect_code(1);
    gateway.command(&["group", "show", &format!("dn:{}", tree::group("top"))]).expect_code(0);
}
