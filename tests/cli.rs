//! Goal: scripts can rely on exit codes and on JSON, and a person on what is printed. Method: the
//! built binary against an admin server on loopback.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "admin/fake.rs"]
mod fake;
#[path = "admin/people.rs"]
mod people;
#[path = "admin/watched.rs"]
mod watched;

use bindgate::domain::policy::Switch;
use fake::{Gateway, TOKEN};
use people::{ann, bob, group, person, stored};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, Output};

/// A token file of this test's own that goes away with it.
struct TokenFile(PathBuf);

impl TokenFile {
    fn new(name: &str, token: &str) -> Self {
        let file = format!("bindgate-cli-{}-{name}.token", std::process::id());
        let path = std::env::temp_dir().join(file);
        std::fs::write(&path, token).unwrap();
        Self(path)
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The binary, with nothing of the surrounding environment that it would listen to.
fn bindgate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bindgate"));
    for name in ["BINDGATE_CONFIG", "BINDGATE_ADMIN_URL", "BINDGATE_ADMIN_TOKEN_FILE"] {
        command.env_remove(name);
    }
    // a proxy would see the token
    command.env("HTTP_PROXY", "http://127.0.0.1:9").env("http_proxy", "http://127.0.0.1:9");
    command.args(arguments);
    command
}

fn ask(url: &str, token: &TokenFile, arguments: &[&str]) -> Output {
    let mut command = bindgate(arguments);
    command.env("BINDGATE_ADMIN_URL", url).env("BINDGATE_ADMIN_TOKEN_FILE", &token.0);
    command.output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn check_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}{}", out(output), err(output));
}

fn gateway_with_people() -> Gateway {
    let gateway = Gateway::start();
    gateway.keep(ann());
    gateway.keep(bob());
    gateway.keep(stored(person("r3", "lab", "robots", "ann")));
    let groups = ["A", "B"].map(|name| (group(name).id.clone(), group(name)));
    gateway.shelves.groups.lock().unwrap().extend(groups);
    gateway
}

#[test]
fn help_and_version_end_with_0_and_a_wrong_command_line_with_64() {
    for arguments in [&["--help"][..], &["--version"], &["user", "show", "--help"]] {
        let output = bindgate(arguments).output().unwrap();
        check_code(&output, 0);
        assert!(out(&output).contains("bindgate") && err(&output).is_empty());
    }
    for arguments in [
        &[][..],
        &["no-such-command"],
        &["user"],
        &["user", "show"],
        &["user", "show", ""],
        &["user", "list", "--limit", "0"],
        &["user-type", "set", "staff"],
        &["user-type", "set", "", "update-on-sign-on=on"],
        &["user-type", "set", "staff", "update-on-sign-on=maybe"],
        &["demo", "--twice"],
        &["held"],
        &["held", "confirm"],
        &["held", "confirm", ""],
        &["held", "confirm", "a", "b"],
        &["directory", "accept-rollback"],
    ] {
        let output = bindgate(arguments).output().unwrap();
        check_code(&output, 64);
        assert!(out(&output).is_empty() && !err(&output).is_empty(), "{arguments:?}");
    }
}

#[test]
fn with_json_a_usage_error_is_json_too() {
    let output = bindgate(&["user", "show", "--json"]).output().unwrap();
    check_code(&output, 64);
    let value: Value = serde_json::from_str(&err(&output)).unwrap();
    assert_eq!(value["error"], "usage");
}

#[test]
fn a_configuration_that_cannot_be_read_ends_with_64() {
    for command in [&["run"][..], &["check"], &["user", "list"]] {
        let mut command = bindgate(command);
        let output = command.args(["--config", "/nonexistent/bindgate.toml"]).output().unwrap();
        check_code(&output, 64);
    }
}

#[test]
fn a_user_is_shown_to_a_person_with_the_path_to_each_group() {
    let (gateway, token) = (gateway_with_people(), TokenFile::new("show", TOKEN));
    let output = ask(&gateway.url(), &token, &["user", "show", "staff/ann"]);
    check_code(&output, 0);
    let text = out(&output);
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    for line in [
        "ann (staff in corp)",
        "uid=ann,ou=people,dc=example,dc=com",
        "-> cn=B,ou=groups,dc=example,dc=com",
        "-> cn=A,ou=groups,dc=example,dc=com",
    ] {
        assert!(lines.contains(&line), "no {line:?} in\n{text}");
    }
}

#[test]
fn with_json_a_program_gets_what_the_gateway_said() {
    let (gateway, token) = (gateway_with_people(), TokenFile::new("json", TOKEN));
    let output = ask(&gateway.url(), &token, &["user", "show", "bob", "--json"]);
    check_code(&output, 0);
    let user: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(user["upstream_id"], "up-r2");
    let output = ask(&gateway.url(), &token, &["user", "list", "--json", "--limit", "1"]);
    check_code(&output, 0);
    let page: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next"]), (1, &json!("r1")));
}

#[test]
fn users_are_listed_in_a_table() {
    let (gateway, token) = (gateway_with_people(), TokenFile::new("list", TOKEN));
    let output = ask(&gateway.url(), &token, &["user", "list", "--name", "bob"]);
    check_code(&output, 0);
    let text = out(&output);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("inactive: admin"), "{text}");
}

#[test]
fn users_are_listed_by_each_filter_and_in_each_order() {
    let (gateway, token) = (gateway_with_people(), TokenFile::new("filters", TOKEN));
    let listed = |flags: &[&str]| {
        let output = ask(&gateway.url(), &token, &[&["user", "list", "--json"], flags].concat());
        check_code(&output, 0);
        let page: Value = serde_json::from_str(&out(&output)).unwrap();
        let items = page["items"].as_array().unwrap().clone();
        items.iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = listed(&["--sort", "name"]);
    assert!(all.len() > 1 && all.is_sorted(), "{all:?}");
    let mut turned = listed(&["--sort", "name", "--descending"]);
    turned.reverse();
    assert_eq!(turned, all);
    assert_eq!(listed(&["--text", "BO"]), ["bob"]);
    let [active, inactive] = ["yes", "no"].map(|word| listed(&["--active", word]));
    assert_eq!(inactive, ["bob"]);
    assert_eq!(active.len() + 1, all.len());
    let [known, unknown] = ["yes", "no"].map(|word| listed(&["--known", word]));
    assert_eq!(known.len() + unknown.len(), all.len());
    for (filter, value) in [("--directory", "none"), ("--user-type", "none")] {
        assert!(listed(&[filter, value]).is_empty(), "{filter}");
    }
    let flags = ["user", "list", "--group", "no-such-group"];
    check_code(&ask(&gateway.url(), &token, &flags), 1);
    for sort in ["id", "display-name", "last-sign-on", "observed-at"] {
        assert_eq!(listed(&["--sort", sort]).len(), all.len(), "{sort}");
    }
    check_code(&ask(&gateway.url(), &token, &["user", "list", "--active", "perhaps"]), 64);
}

#[test]
fn nobody_is_found_with_1_and_an_ambiguous_name_ends_with_64_and_its_candidates() {
    let (gateway, token) = (gateway_with_people(), TokenFile::new("refs", TOKEN));
    check_code(&ask(&gateway.url(), &token, &["user", "show", "nobody"]), 1);
    check_code(&ask(&gateway.url(), &token, &["user", "show", "id:../../audit?x#y"]), 1);
    let output = ask(&gateway.url(), &token, &["user", "show", "ann"]);
    check_code(&output, 64);
    assert!(err(&output).contains("rec:r1") && err(&output).contains("rec:r3"));
    let output = ask(&gateway.url(), &token, &["user", "show", "ann", "--json"]);
    check_code(&output, 64);
    let value: Value = serde_json::from_str(&err(&output)).unwrap();
    assert_eq!(value["error"], "ambiguous");
    assert_eq!(value["candidates"][1]["id"], "r3");
}

#[test]
fn a_switch_is_set_by_command_and_shown_with_its_source() {
    let (gateway, token) = (Gateway::start(), TokenFile::new("switch", TOKEN));
    let set = |name: &str, setting: &str| {
        ask(&gateway.url(), &token, &["user-type", "set", name, setting])
    };
    let output = set("corp/staff", "update-on-sign-on=off");
    check_code(&output, 0);
    assert_eq!(out(&output), "corp/staff: update-on-sign-on is off (stored)\n");
    let key = ("corp".to_owned(), "staff".to_owned());
    assert_eq!(gateway.shelves.switches.lock().unwrap()[&key].value, Switch::Off);
    let listed = ask(&gateway.url(), &token, &["user-type", "list"]);
    check_code(&listed, 0);
    assert_eq!(out(&listed).lines().filter(|line| line.contains("stored")).count(), 1);
    let output = set("corp/staff", "update-on-sign-on=default");
    assert_eq!(out(&output), "corp/staff: update-on-sign-on is on (file)\n");
    assert_eq!(gateway.changes.lock().unwrap().len(), 2);
    check_code(&set("nobody", "update-on-sign-on=on"), 1);
    let output = set("staff", "update-on-sign-on=on");
    check_code(&output, 64);
    assert!(err(&output).contains("lab/staff"));
}

#[test]
fn a_held_loss_is_listed_rejected_and_confirmed_by_command() {
    let (gateway, token) = (Gateway::start(), TokenFile::new("held", TOKEN));
    let held = |arguments: &[&str]| ask(&gateway.url(), &token, &[&["held"], arguments].concat());
    let output = held(&["list"]);
    check_code(&output, 0);
    assert_eq!(out(&output).lines().count(), 1, "a header and nothing else");
    gateway.watched.hold();
    let text = out(&held(&["list"]));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    for word in ["00c0ffee", "corp", "open", "7 of 10 groups", "cn=A,dc=x"] {
        assert!(lines[1].contains(word), "no {word:?} in\n{text}");
    }
    assert!(lines[2].contains("cn=B\\x1b,dc=x"), "{text}");
    for (what, said) in [("reject", "rejected"), ("confirm", "confirmed")] {
        let output = held(&[what, "00c0ffee"]);
        check_code(&output, 0);
        let told = format!("00c0ffee: {said}, 7 of 10 groups of corp are gone; ");
        assert!(out(&output).starts_with(&told), "{}", out(&output));
    }
    check_code(&held(&["confirm", "00c0ffee"]), 1);
    check_code(&held(&["reject", "../users"]), 1);
    let output = held(&["list", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&out(&output)).unwrap()["items"], json!([]));
}

#[test]
fn directories_are_listed_and_a_rollback_is_accepted_by_command() {
    let (gateway, token) = (Gateway::start(), TokenFile::new("directory", TOKEN));
    let directory =
        |arguments: &[&str]| ask(&gateway.url(), &token, &[&["directory"], arguments].concat());
    gateway.watched.show(Some("5"), true);
    let output = directory(&["list"]);
    check_code(&output, 0);
    let text = out(&output);
    assert_eq!(text.lines().count(), 4, "two servers and a warning take two lines\n{text}");
    assert!(text.contains("yes") && text.contains("ldap://b:389 down"), "{text}");
    let output = directory(&["accept-rollback", "corp"]);
    check_code(&output, 0);
    assert_eq!(out(&output), "corp: accepted; it was seen at 7 and shows 5\n");
    let output = directory(&["accept-rollback", "nobody", "--json"]);
    check_code(&output, 1);
    assert_eq!(serde_json::from_str::<Value>(&err(&output)).unwrap()["error"], "not-found");
    let output = directory(&["list", "--json"]);
    let value: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(value["items"][0]["servers"][1]["state"], "down");
}

#[test]
fn a_wrong_token_ends_with_77_and_is_not_shown() {
    let gateway = Gateway::start();
    let token = TokenFile::new("wrong", "a-token-that-is-wrong-enough");
    let output = ask(&gateway.url(), &token, &["user", "list"]);
    check_code(&output, 77);
    assert!(!err(&output).contains("wrong-enough"));
}

#[test]
fn a_gateway_that_cannot_be_reached_ends_with_69() {
    let token = TokenFile::new("gone", TOKEN);
    let url = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let output = ask(&url, &token, &["user", "list", "--json"]);
    check_code(&output, 69);
    let value: Value = serde_json::from_str(&err(&output)).unwrap();
    assert_eq!(value["error"], "unreachable");
    check_code(&ask("https://127.0.0.1:1", &token, &["user", "list"]), 69);
    check_code(&ask("ldap://127.0.0.1:1", &token, &["user", "list"]), 64);
    let missing = TokenFile("/nonexistent/admin.token".into());
    check_code(&ask(&url, &missing, &["user", "list"]), 69);
}

/// Who may use the token but not read the password file could use no command, and neither could
/// anybody while another section of the file was being edited.
#[test]
fn the_commands_need_only_the_admin_part_of_the_configuration() {
    let (gateway, token) = (gateway_with_people(), TokenFile::new("part", TOKEN));
    let file = token.0.with_extension("toml");
    let address = gateway.url().replace("http://", "");
    let ask_with = |rest: &str| {
        let token = token.0.display();
        let text = format!("[admin]\nlisten = \"{address}\"\ntoken_file = \"{token}\"\n{rest}");
        std::fs::write(&file, text).unwrap();
        bindgate(&["user", "list"]).arg("--config").arg(&file).output().unwrap()
    };
    let unreadable = r#"[[directory]]
name = "corp"
urls = ["ldap://127.0.0.1:1"]
suffixes = ["dc=example,dc=com"]
service_account = { dn = "cn=x", password_file = "/nonexistent/password" }
"#;
    for rest in ["", unreadable, "[listen]\nldap = [\"nowhere\"]\n"] {
        let output = ask_with(rest);
        check_code(&output, 0);
        assert!(out(&output).contains("ann"));
    }
    for (rest, told) in [("mistake = 1\n", "mistake"), ("[admn]\n", "admn"), ("[", "no TOML")] {
        let output = ask_with(rest);
        check_code(&output, 64);
        assert!(err(&output).contains(told), "{}", err(&output));
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn edits_say_what_the_next_sign_on_does_and_end_with_the_documented_codes() {
    let (gateway, token) = (gateway_with_people(), TokenFile::new("edits", TOKEN));
    let twin = std::sync::Arc::new(bindgate::domain::record::Group {
        id: bindgate::domain::record::UpstreamId::new("twin"),
        ..(*group("A")).clone()
    });
    gateway.shelves.groups.lock().unwrap().insert(twin.id.clone(), twin);
    let user = |arguments: &[&str]| ask(&gateway.url(), &token, &[&["user"], arguments].concat());
    let check = |arguments: &[&str], code: i32, told: &str| {
        let output = user(arguments);
        check_code(&output, code);
        let said = out(&output) + &err(&output);
        assert!(said.contains(told), "{arguments:?}: {said}");
    };
    check(&["disable", "bob"], 0, "bob is disabled already; sign-ons are refused");
    check(&["enable", "bob"], 0, "bob is not disabled by an admin; the next sign-on is answered");
    check(&["pin", "staff/ann", "B", "deny"], 0, "ann is pinned out of B; no sign-on changes it");
    check(&["pin", "staff/ann", "B", "allow", "--until", "1h"], 0, "before its end, 2");
    check(&["unpin", "staff/ann", "B"], 0, "no sign-on changes it");
    check(&["unpin", "staff/ann", "B"], 1, "nothing is pinned");
    check(&["leave", "staff/ann", "B"], 0, "adds it again");
    check(&["name", "bob", "Bob\u{1b}"], 0, "bob is shown as Bob\\x1b;");
    check(&["set", "bob", "update-on-sign-on=off"], 0, "leave the record as it is");
    check(&["sync", "bob"], 0, "bob was looked at: unknown (unreachable)");
    check(&["preview", "bob"], 69, "could not tell: unreachable");
    check(&["explain", "bob"], 0, "not known: unreachable");
    check(&["pin", "ann", "B", "deny"], 64, "rec:r3");
    check(&["pin", "staff/ann", "A", "deny"], 64, "id:twin  corp/A");
    check(&["pin", "nobody", "B", "deny"], 1, "no user");
    check(&["pin", "bob", "nothing", "deny"], 1, "found by dn:DN");
    check(&["pin", "bob", "dn:not a dn", "deny"], 64, "is no DN");
    check(&["pin", "bob", "dn:cn=x", "deny"], 1, "no group");
    check(&["pin", "bob", "B", "maybe"], 64, "maybe");
    check(&["pin", "bob", "B", "deny", "--until", "tomorrow"], 64, "--until");
    check(&["pin", "bob", "B", "deny", "--until", "2020-01-01T00:00:00Z"], 64, "ended already");
    check(&["confirm", "bob", "B"], 1, "in review");
    check(&["forget", "bob"], 0, "bob is forgotten; the next sign-on makes a new record");
    check(&["show", "bob"], 1, "no user");
    let output = user(&["disable", "nobody", "--json"]);
    let value: Value = serde_json::from_str(&err(&output)).unwrap();
    assert_eq!(value["error"], "not-found");
}

#[test]
fn groups_and_the_audit_are_listed_by_command() {
    let (gateway, token) = (gateway_with_people(), TokenFile::new("groups", TOKEN));
    let run = |arguments: &[&str]| ask(&gateway.url(), &token, arguments);
    let output = run(&["group", "create", "on call", "--directory", "corp"]);
    check_code(&output, 0);
    assert_eq!(
        out(&output),
        "on call is a group of the gateway's own in corp: id:own:cn=on call\n"
    );
    for (arguments, code) in [
        (&["group", "create", "on call", "--directory", "corp"][..], 64),
        (&["group", "create", "other"], 64),
        (&["group", "create", "other", "--directory", "nowhere"], 1),
        (&["group", "create", " blank", "--directory", "corp"], 64),
        (&["group", "delete", "B"], 64),
        (&["group", "show", "nothing"], 1),
    ] {
        check_code(&run(arguments), code);
    }
    let text = out(&run(&["group", "list"]));
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.contains("own") && text.contains("directory"), "{text}");
    let text = out(&run(&["group", "show", "corp/B"]));
    assert!(text.contains("staff/ann\n  managed, since 2026-01-01T00:00:00Z"), "{text}");
    check_code(&run(&["group", "delete", "on call"]), 0);
    let text = out(&run(&["audit"]));
    assert!(text.contains("group-created") && text.contains("group-deleted"), "{text}");
    let output = run(&["audit", "--action", "group-deleted", "--json"]);
    let value: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(value["items"].as_array().unwrap().len(), 1);
    for arguments in [&["audit", "--limit", "0"][..], &["audit", "--since", "x"], &["group"]] {
        check_code(&run(arguments), 64);
    }
}

#[test]
fn tokens_are_made_listed_and_revoked_by_command_and_allow_what_their_role_does() {
    let (gateway, token) = (gateway_with_people(), TokenFile::new("tokens", TOKEN));
    let run = |arguments: &[&str]| ask(&gateway.url(), &token, arguments);
    let made = run(&["token", "create", "--role", "read", "--name", "ci"]);
    check_code(&made, 0);
    let bearer = out(&made);
    assert!(bearer.starts_with("bgt_") && bearer.lines().count() == 1, "{bearer}");
    let reader = TokenFile::new("reader", bearer.trim());
    check_code(&ask(&gateway.url(), &reader, &["user", "show", "bob"]), 0);
    let refused = ask(&gateway.url(), &reader, &["user", "enable", "bob"]);
    check_code(&refused, 77);
    assert!(err(&refused).contains("operate"), "{}", err(&refused));
    let listed = out(&run(&["token", "list"]));
    assert!(listed.contains("ci") && listed.contains("read"), "{listed}");
    let late = ["token", "create", "--role", "admin", "--name", "late", "--json", "--expires"];
    let made = run(&[&late[..], &["2100-01-01T00:00:00Z"]].concat());
    let value: Value = serde_json::from_str(&out(&made)).unwrap();
    assert_eq!((&value["name"], &value["role"]), (&json!("late"), &json!("admin")));
    assert_eq!(value["expires_at"], "2100-01-01T00:00:00Z");
    check_code(&run(&[&late[..], &["soon"]].concat()), 64);
    check_code(&run(&["token", "create", "--role", "read", "--name", "ci"]), 64);
    check_code(&run(&["token", "revoke", "ci"]), 0);
    check_code(&ask(&gateway.url(), &reader, &["user", "show", "bob"]), 77);
    check_code(&run(&["token", "revoke", "ci"]), 1);
}

#[test]
fn sessions_are_listed_and_ended_by_command() {
    let (gateway, token) = (gateway_with_people(), TokenFile::new("sessions", TOKEN));
    *gateway.watched.connected.lock().unwrap() = vec![4, 5];
    let run = |arguments: &[&str]| ask(&gateway.url(), &token, arguments);
    let listed = out(&run(&["session", "list"]));
    assert!(listed.contains("uid=ann,dc=x") && listed.contains("10.0.0.7:4000"), "{listed}");
    assert_eq!(listed.lines().count(), 3);
    let ended = run(&["session", "end", "4"]);
    check_code(&ended, 0);
    assert!(out(&ended).contains("uid=ann,dc=x"), "{}", out(&ended));
    check_code(&run(&["session", "end", "4"]), 1);
    let value: Value = serde_json::from_str(&out(&run(&["session", "list", "--json"]))).unwrap();
    assert_eq!(value["items"].as_array().unwrap().len(), 1);
}
