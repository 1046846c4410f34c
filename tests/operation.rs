//! Operation: reload, backup and restore, export and import, with sign-ons beside them.
//!
//! Goal: nothing that an operator does drops a session or loses a record. Method: the real gateway
//! before real slapds, its files rewritten behind its back, its commands as an operator types them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "operation/entrance.rs"]
mod entrance;
mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::folder::TestFolder;
use support::gateway::Gateway;
use support::pdu;
use support::settings::quoted;
use support::slapd::Slapd;
use support::tree::{self, PEOPLE, SERVICE, SUFFIX, person};

/// A directory that has the people, beside the one that has all: the longer suffix wins.
fn lab(gateway: &Gateway, slapd: &Slapd) -> String {
    let password = gateway.folder().file("service.password").display().to_string();
    format!(
        "[[directory]]\nname = \"lab\"\nurls = [\"{}\"]\nsuffixes = [\"{PEOPLE}\"]\n\
         service_account = {{ dn = \"{SERVICE}\", password_file = \"{password}\" }}\n\
         [[directory.user_type]]\nname = \"guests\"\nbase = \"{PEOPLE}\"\n\
         filter = \"(objectClass=inetOrgPerson)\"\nusername = \"uid\"\n",
        slapd.url()
    )
}

fn reloads(gateway: &Gateway, outcome: &str, count: u32) {
    let metric = "bindgate_config_reloads_total";
    gateway.comes_to_count(&format!("{metric}{{outcome=\"{outcome}\"}} {count}"));
}

/// Ann signs on; in which directory her record is then, if she has one.
#[track_caller]
fn signs_on(gateway: &Gateway) -> Option<String> {
    assert_eq!(gateway.sign_on(&person("ann"), tree::password("ann")), 0);
    let found = gateway.json("/api/v1/users");
    let items = found["items"].as_array().unwrap().clone();
    items.last().map(|user| user["directory"].as_str().unwrap().to_owned())
}

const NOBODY: &str = "(uid=nobody-at-all)";

#[test]
fn a_policy_is_reloaded_and_sessions_go_on_and_follow_it_when_they_bind_again() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set_user_type("filter", quoted(NOBODY));
    });
    let (mut old, mut idle) = (gateway.connect(), gateway.connect());
    assert_eq!(old.bind(&person("bob"), tree::password("bob")), 0);
    assert!(!gateway.knows("bob"), "no user type takes anybody");
    gateway.rewrite(
        |settings| settings.set_user_type("filter", quoted("(objectClass=inetOrgPerson)")),
        "",
    );
    gateway.hang_up();
    reloads(&gateway, "changed", 1);
    assert!(gateway.log().contains("in force: directory corp"), "{}", gateway.log());
    // Whoever was bound is, with the connection that this session has.
    assert_eq!(old.code(&pdu::Ask::entry(SUFFIX).body()), 0);
    assert_eq!(old.bind(&person("bob"), tree::password("bob")), 0);
    assert_eq!(idle.bind(&person("carol"), tree::password("carol")), 0);
    assert!(gateway.knows("bob") && gateway.knows("carol"));
}

#[test]
fn directories_come_and_go_while_sessions_stay() {
    let (slapd, second) = (Slapd::start(), Slapd::start());
    let mut gateway = Gateway::before(slapd.port());
    let mut bound = gateway.connect();
    assert_eq!(bound.bind(&person("bob"), tree::password("bob")), 0);
    assert_eq!(signs_on(&gateway).as_deref(), Some("corp"));
    let more = lab(&gateway, &second);
    gateway.rewrite(|settings| settings.unset("[[directory]]", "default"), &more);
    gateway.hang_up();
    reloads(&gateway, "changed", 1);
    assert!(gateway.log().contains("directory lab added"), "{}", gateway.log());
    assert_eq!(gateway.sign_on(&person("carol"), tree::password("carol")), 0);
    assert_eq!(gateway.user("carol")["directory"], "lab");
    gateway.comes_to_count("bindgate_sign_ons_total{directory=\"lab\",outcome=\"created\"} 1");
    let directories = gateway.json("/api/v1/directories");
    assert_eq!(directories["items"].as_array().unwrap().len(), 2, "{directories}");
    assert_eq!(bound.code(&pdu::Ask::entry(SUFFIX).body()), 0, "who was bound before is");
    let mut moved = gateway.connect();
    assert_eq!(moved.bind(&person("frank"), tree::password("frank")), 0);
    assert_eq!(gateway.user("frank")["directory"], "lab");
    gateway.rewrite(|_| {}, "");
    gateway.hang_up();
    reloads(&gateway, "changed", 2);
    assert!(gateway.log().contains("directory lab removed"), "{}", gateway.log());
    assert_eq!(gateway.sign_on(&person("dave"), tree::password("dave")), 0);
    assert_eq!(gateway.user("dave")["directory"], "corp");
    assert_eq!(moved.code(&pdu::Ask::entry(PEOPLE).body()), 0, "its directory is gone, it is not");
    assert_eq!(moved.bind(&person("erin"), tree::password("erin")), 0);
    assert_eq!(gateway.user("erin")["directory"], "corp");
    // Nobody is left who was begun with it: its connections are closed.
    support::eventually("no connection to the directory that is gone", || {
        let metrics = gateway.metrics();
        let name = "bindgate_upstream_connections{directory=\"lab\"";
        let mut lines = metrics.lines().filter(|line| line.starts_with(name)).peekable();
        lines.peek()?;
        lines.all(|line| line.ends_with(" 0")).then_some(())
    });
    assert_eq!(bound.code(&pdu::Ask::entry(SUFFIX).body()), 0);
    gateway.stop();
}

#[test]
fn a_file_that_cannot_be_used_changes_nothing_and_what_needs_a_restart_is_told() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    gateway.rewrite(|settings| settings.set_user_type("groups", quoted("sometimes")), "");
    gateway.hang_up();
    reloads(&gateway, "refused", 1);
    assert!(gateway.log().contains("the old one stays in force"), "{}", gateway.log());
    assert_eq!(signs_on(&gateway).as_deref(), Some("corp"));
    gateway.rewrite(
        |settings| {
            settings.set_user_type("groups", quoted("never"));
            settings.set("[store]", "max_waiting", "77");
        },
        "",
    );
    let config = gateway.folder().file("bindgate.toml").display().to_string();
    let told = gateway.command(&["check", "--preview", "--config", &config]).expect_code(0);
    for line in ["a reload puts in force: directory corp\n", "needs a restart: [store]\n"] {
        assert!(told.contains(line), "{told}");
    }
    gateway.hang_up();
    reloads(&gateway, "changed", 1);
    assert!(gateway.log().contains("needs a restart: [store]"), "{}", gateway.log());
}

#[test]
fn a_changed_file_is_taken_up_without_a_signal_and_so_is_the_level_of_the_log() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[log]", "level", quoted("error"));
    });
    assert_eq!(signs_on(&gateway).as_deref(), Some("corp"));
    assert_eq!(gateway.log(), "");
    gateway.rewrite(|settings| settings.set("[log]", "level", quoted("debug")), "");
    reloads(&gateway, "changed", 1);
    assert_eq!(signs_on(&gateway).as_deref(), Some("corp"));
    assert!(gateway.log().contains(" BIND "), "{}", gateway.log());
}

/// People sign on while `act` runs; how often they did.
fn while_people_sign_on(gateway: &Gateway, act: impl FnOnce()) -> usize {
    let (is_over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for uid in ["ann", "bob", "carol"] {
            let (is_over, count) = (&is_over, &count);
            scope.spawn(move || {
                while !is_over.load(Ordering::SeqCst) {
                    assert_eq!(gateway.sign_on(&person(uid), tree::password(uid)), 0);
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        support::eventually("everybody has signed on", || {
            (count.load(Ordering::SeqCst) >= 10).then_some(())
        });
        act();
        is_over.store(true, Ordering::SeqCst);
    });
    count.load(Ordering::SeqCst)
}

#[test]
fn a_reload_drops_nobody_who_signs_on_beside_it() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    for round in 1..=5 {
        let depth = format!("{}", 20 + round);
        gateway.rewrite(|settings| settings.set("[directory.groups]", "max_depth", depth), "");
        let count = while_people_sign_on(&gateway, || {
            gateway.hang_up();
            reloads(&gateway, "changed", round);
        });
        assert!(count > 10);
    }
    gateway.stop();
}

#[test]
fn a_backup_is_made_and_restored_with_sign_ons_beside_it() {
    let (slapd, folder) = (Slapd::start(), TestFolder::new("backup"));
    let mut gateway = Gateway::before(slapd.port());
    let file = folder.file("backup.sqlite").display().to_string();
    while_people_sign_on(&gateway, || {
        gateway.command(&["backup", &file]).expect_code(0);
        assert_eq!(gateway.command(&["backup", &file]).code, 64, "it is there already");
        gateway.command(&["backup", &file, "--force"]).expect_code(0);
    });
    assert_eq!(gateway.audit()[0]["action"], "backed-up");
    let ann = gateway.user("ann");
    gateway.command(&["user", "forget", "ann"]).expect_code(0);
    let config = gateway.folder().file("bindgate.toml").display().to_string();
    let restore = ["restore", &file, "--force", "--config", &config];
    let said = gateway.command(&restore);
    assert_eq!(said.code, 69, "{}", said.err);
    assert!(said.err.contains("in use"), "{}", said.err);
    assert!(!gateway.knows("ann"), "a gateway that runs is left alone");
    gateway.stop();
    assert_eq!(gateway.command(&restore[..2]).code, 64, "no configuration is named");
    let unforced = ["restore", &file, "--config", &config];
    assert_eq!(gateway.command(&unforced).code, 64, "records are there");
    gateway.command(&restore).expect_code(0);
    gateway.restart(|_| {});
    let restored = gateway.user("ann");
    assert_eq!((&restored["id"], &restored["memberships"]), (&ann["id"], &ann["memberships"]));
    assert!(while_people_sign_on(&gateway, || {}) >= 10);
}

#[test]
fn what_one_gateway_exports_another_imports() {
    let (slapd, folder) = (Slapd::start(), TestFolder::new("transfer"));
    let (one, other) = (Gateway::before(slapd.port()), Gateway::before(slapd.port()));
    for uid in ["ann", "bob"] {
        assert_eq!(one.sign_on(&person(uid), tree::password(uid)), 0);
    }
    one.command(&["group", "create", "gateway-own"]).expect_code(0);
    one.command(&["user", "join", "ann", "gateway-own"]).expect_code(0);
    one.command(&["user", "pin", "bob", "B", "deny"]).expect_code(0);
    one.command(&["user-type", "set", "staff", "update-on-sign-on=off"]).expect_code(0);
    // Marks follow sign-ons; after these commands nothing moves.
    for format in ["jsonl", "ldif"] {
        let file = folder.file(format).display().to_string();
        one.command(&["export", &file, "--format", format]).expect_code(0);
        let tried = other.command(&["import", &file, "--dry-run"]).expect_code(0);
        assert!(tried.starts_with("would be imported: 2 users"), "{tried}");
    }
    assert!(!other.knows("ann"), "a dry run keeps nothing");
    let spoilt = std::fs::read_to_string(folder.file("jsonl")).unwrap();
    let spoilt =
        folder.write("spoilt", spoilt.replacen("\"provenance\":\"", "\"provenance\":\"un", 1));
    let said = other.command(&["import", &spoilt.display().to_string()]);
    assert_eq!(said.code, 64, "{}", said.err);
    assert!(said.err.contains("line ") && said.err.contains("provenance"), "{}", said.err);
    assert!(!other.knows("ann") && !other.knows("bob"), "all or nothing");
    let file = folder.file("ldif").display().to_string();
    other.command(&["import", &file]).expect_code(0);
    assert_eq!(other.audit()[0]["action"], "imported");
    for uid in ["ann", "bob"] {
        assert_eq!(other.user(uid), one.user(uid));
    }
    let again = other.command(&["export", "--format", "ldif"]).expect_code(0);
    assert_eq!(again, std::fs::read_to_string(folder.file("ldif")).unwrap());
}
