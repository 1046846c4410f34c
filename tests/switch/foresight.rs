//! Why a user is in a group or is not, and what the next sign-on would do, on a real directory.

use crate::ANN;
use crate::local::effective;
use crate::support::gateway::Gateway;
use crate::support::pdu::Change;
use crate::support::slapd::Slapd;
use crate::support::tree::{self, GROUPS};
use serde_json::{Value, json};

#[track_caller]
fn ask(gateway: &Gateway, args: &[&str]) -> Value {
    let json: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&gateway.command(&json).expect_code(0)).expect("it is JSON")
}

#[track_caller]
fn explain(gateway: &Gateway, group: &str) -> Value {
    let answer = ask(gateway, &["user", "explain", "ann", group]);
    assert_eq!(answer["items"].as_array().map(Vec::len), Some(1), "{answer}");
    answer["items"][0].clone()
}

#[test]
fn a_yes_has_its_path_and_a_no_its_nearest_miss() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    for user in ["ann", "carol"] {
        assert_eq!(gateway.sign_on(&tree::person(user), tree::password(user)), 0);
    }
    let a = explain(&gateway, "A");
    assert_eq!(a["member"], true);
    let path = json!([ANN, tree::group("B"), tree::group("A")]);
    assert_eq!(a["because"][0]["path"], path);
    assert_eq!(a["because"][0]["directory_says"], "confirmed");

    let top = explain(&gateway, "top");
    assert_eq!(top["member"], false);
    let miss = &top["why_not"][0];
    assert_eq!(miss["what"], "cut", "{top}");
    assert_eq!((&miss["member"], &miss["group"]), (&json!(ANN), &json!(tree::group("bottom"))));

    // The way that led her there is cut in the middle.
    slapd.admin().leave(&tree::group("A"), &tree::group("B"));
    let a = explain(&gateway, "A");
    assert_eq!((&a["member"], &a["because"][0]["directory_says"]), (&json!(true), &json!("gone")));
    assert_eq!(a["because"][0]["cut"]["member"], tree::group("B"));
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let a = explain(&gateway, "A");
    let miss = &a["why_not"][0];
    assert_eq!((&a["member"], &miss["what"], &miss["path"]), (&json!(false), &json!("cut"), &path));
    assert_eq!((&miss["member"], &miss["group"]), (&path[1], &path[2]));
    assert_eq!((&a["left"]["path"], &a["left"]["cause"]), (&path, &json!("sign-on")));
    assert!(a["left"]["at"].is_string());

    gateway.command(&["user", "pin", "ann", "B", "deny"]).expect_code(0);
    assert_eq!(explain(&gateway, "B")["why_not"][0]["what"], "pin-deny");
    gateway.command(&["user", "disable", "ann"]).expect_code(0);
    assert_eq!(explain(&gateway, "B")["why_not"][0]["what"], "inactive");
    let text = gateway.command(&["user", "explain", "ann"]).expect_code(0);
    assert!(text.contains("ann is not in B") && text.contains("no, because"), "{text}");
    gateway.command(&["user", "explain", "ann", "nothing"]).expect_code(1);
    gateway.command(&["user", "explain", "nobody", "A"]).expect_code(1);
}

#[test]
fn a_directory_that_cannot_be_read_explains_by_what_is_not_known() {
    let mut slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    slapd.kill();
    let answer = ask(&gateway, &["user", "explain", "ann", "A"]);
    assert!(answer["observation"]["groups"]["unknown"].is_string(), "{answer}");
    assert_eq!(answer["items"][0]["member"], true, "as the record says");
    gateway.command(&["user", "preview", "ann"]).expect_code(69);
}

#[test]
fn a_preview_says_what_the_next_sign_on_then_does_and_writes_nothing() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let unseen = format!("dn:{ANN}");
    let preview = ask(&gateway, &["user", "preview", &unseen]);
    assert_eq!(preview["outcome"], "created", "{preview}");
    assert!(!gateway.knows("ann"), "nothing was written");
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let preview = ask(&gateway, &["user", "preview", "ann"]);
    assert_eq!((&preview["outcome"], &preview["changes"]), (&json!("unchanged"), &json!([])));

    slapd.admin().leave(&tree::group("A"), &tree::group("B"));
    slapd.admin().join(&tree::group("top"), ANN);
    slapd.admin().modify(ANN, Change::Replace, "mail", &[b"new@example.com"]);
    let rows = gateway.audit().len();
    let preview = ask(&gateway, &["user", "preview", "ann"]);
    let told = |what: &str| {
        let changes = preview["changes"].as_array().expect("it has changes");
        let of = changes.iter().filter(|change| change["what"] == what);
        of.map(|change| change["group"]["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(preview["outcome"], "changed");
    assert_eq!((told("joined"), told("left")), (vec![json!("top")], vec![json!("A")]));
    assert_eq!(told("attribute").len(), 1);
    assert!(!preview.to_string().contains("new@example.com"), "no value is told");
    assert_eq!(effective(&gateway, "ann"), ["A", "B"]);
    assert_eq!(gateway.audit().len(), rows);

    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(effective(&gateway, "ann"), ["B", "top"]);
    let done = &gateway.audit()[0];
    let changes = done["changes"].as_array().expect("the audit tells each");
    assert_eq!(changes.len(), preview["changes"].as_array().expect("a list").len());
    assert_eq!(done["observation"], "known");

    gateway.command(&["user", "disable", "ann"]).expect_code(0);
    assert_eq!(ask(&gateway, &["user", "preview", "ann"])["bind"], "refused");
    let text = gateway.command(&["user", "preview", "ann"]).expect_code(0);
    assert!(text.contains("the bind would be refused"), "{text}");
    gateway.command(&["user", "preview", "nobody"]).expect_code(1);
    gateway
        .command(&["user", "preview", "dn:uid=nobody,ou=people,dc=example,dc=com"])
        .expect_code(1);
}

#[test]
fn a_look_at_once_brings_the_record_up_to_date_without_a_sign_on() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    slapd.admin().leave(&tree::group("B"), ANN);
    assert_eq!(ask(&gateway, &["user", "sync", "ann"])["outcome"], "changed");
    assert_eq!(effective(&gateway, "ann"), [""; 0]);
    assert_eq!(gateway.audit()[0]["cause"], "reconcile");
    let said = gateway.command(&["user", "sync", "ann"]).expect_code(0);
    assert_eq!(said, "ann was looked at: unchanged\n");
    assert!(gateway.json("/api/v1/groups")["items"].to_string().contains(GROUPS));
}

#[test]
fn a_changed_configuration_is_told_for_all_users_before_it_is_loaded() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    for user in ["ann", "bob"] {
        assert_eq!(gateway.sign_on(&tree::person(user), tree::password(user)), 0);
    }
    let rows = gateway.audit().len();
    let running = gateway.folder().file("bindgate.toml");
    let text = std::fs::read_to_string(&running).expect("it is ours");
    let running = running.display().to_string();
    let same = ask(&gateway, &["check", "--config", &running, "--preview"]);
    assert_eq!(
        (&same["records"], &same["changed"], &same["unsure"]),
        (&json!(2), &json!(0), &json!(0))
    );

    let section = "[[directory.user_type]]";
    let given = format!("{section}\nalways_groups = [\"cn=everybody\"]\nignored_groups = [\"A\"]");
    let changed = gateway.folder().write("changed.toml", text.replace(section, &given));
    let changed = changed.display().to_string();
    let told = ask(&gateway, &["check", "--config", &changed, "--preview"]);
    assert_eq!((&told["changed"], &told["unsure"]), (&json!(2), &json!(0)), "{told}");
    let change = &told["items"][0]["changes"][0];
    assert_eq!((&change["what"], &change["provenance"]), (&json!("joined"), &json!("default")));
    let report = gateway.command(&["check", "--config", &changed, "--preview"]).expect_code(0);
    assert!(report.contains("changed.toml: ok"), "{report}");
    assert!(report.contains("staff/ann\n  + joins"), "{report}");
    assert_eq!(gateway.audit().len(), rows, "nothing was written");
    assert_eq!(effective(&gateway, "ann"), ["A", "B"]);

    let broken = gateway.folder().write("broken.toml", text + "\ncolour = 1\n");
    let broken = broken.display().to_string();
    gateway.command(&["check", "--config", &broken, "--preview"]).expect_code(64);
}
