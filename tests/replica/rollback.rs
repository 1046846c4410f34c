//! A directory that is set back to a backup, under a gateway that runs and under one that does not.

use crate::restarts::{extra, metric, wait_for, wait_until_saved};
use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::pdu::Change;
use crate::support::settings::{Settings, quoted};
use crate::support::slapd::{Options, Slapd};
use crate::support::tree;
use serde_json::{Value, json};

const USER: &str = "u000";

/// A directory whose backup is older than a membership that a record has.
struct Stage {
    slapd: Slapd,
    gateway: Gateway,
}

impl Stage {
    fn new(change: impl FnOnce(&mut Settings)) -> Self {
        Self::with(&[], change)
    }

    fn with(database_lines: &[&str], change: impl FnOnce(&mut Settings)) -> Self {
        let database_lines = database_lines.iter().map(|line| (*line).to_owned()).collect();
        let options = Options { extra: extra(), database_lines, ..Options::default() };
        let mut slapd = Slapd::with(&options);
        slapd.back_up("backup");
        let gateway = Gateway::configured(slapd.port(), |settings, _| change(settings));
        slapd.admin().join(&tree::group("g001"), &tree::person(USER));
        let stage = Self { slapd, gateway };
        stage.expect(&["g001"], json!("known"));
        stage
    }

    /// Signs on until this is known; these are the groups then. A server that was down is left alone
    /// for a moment, and a copy that is slow to come back makes groups unknown for another reason.
    #[track_caller]
    fn expect(&self, groups: &[&str], observed: Value) {
        eventually(&format!("this is known: {observed}"), || {
            let code = self.gateway.sign_on(&tree::person(USER), tree::password(USER));
            let now = self.gateway.user(USER)["observation"]["groups"].take();
            let is_doubt = now == json!({ "unknown": "visibility" });
            assert!(code != 0 || is_doubt || now == observed, "{now}, {}", self.gateway.log());
            (code == 0 && now == observed).then_some(())
        });
        assert_eq!(self.gateway.managed_groups(USER), groups);
    }

    #[track_caller]
    fn expect_not_believed(&self) {
        self.expect(&["g001"], json!({ "unknown": "rollback" }));
        assert_eq!(self.behind(), "1");
        assert_eq!(self.listed()["behind"], true, "{}", self.listed());
    }

    #[track_caller]
    fn expect_set_back(&self) {
        self.expect(&[], json!("known"));
        assert_eq!(self.behind(), "0");
        assert_eq!(self.listed()["behind"], false, "{}", self.listed());
    }

    fn behind(&self) -> String {
        let line = "bindgate_directory_behind{directory=\"corp\"} ";
        let text = self.gateway.metrics();
        text.lines().find_map(|found| found.strip_prefix(line)).unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn listed(&self) -> Value {
        let out = self.gateway.command(&["directory", "list", "--json"]).expect_code(0);
        serde_json::from_str::<Value>(&out).unwrap()["items"][0].take()
    }

    #[track_caller]
    fn accept(&self) -> String {
        self.gateway.command(&["directory", "accept-rollback", "corp"]).expect_code(0)
    }
}

#[test]
fn k6_a_backup_that_is_restored_under_a_running_gateway_takes_nothing_away_until_it_is_accepted() {
    let mut stage = Stage::new(|_| {});
    wait_for(&stage.gateway, "complete", 1);
    stage.slapd.set_back("backup");
    // Before the copy is there again, and with one that was made of the backup.
    stage.expect_not_believed();
    wait_for(&stage.gateway, "complete", 1);
    stage.expect_not_believed();
    assert!(stage.accept().starts_with("corp: accepted"));
    stage.expect_set_back();
    let audit = stage.gateway.audit();
    let mut actions: Vec<_> = audit.iter().map(|row| row["action"].as_str().unwrap()).collect();
    // What is unknown is told once a minute, and for each cause.
    actions.dedup();
    assert_eq!(actions, ["changed", "rollback-accepted", "unknown", "created"]);
    assert_eq!((&audit[1]["cause"], &audit[1]["actor"]), (&json!("admin"), &json!("admin")));
    let detail = audit[1]["detail"].as_str().unwrap();
    assert!(detail.starts_with("corp: was seen at rid=") && detail.contains("shows rid="));
}

#[track_caller]
fn check_over_a_restart(end: fn(&mut Gateway), change: impl FnOnce(&mut Settings)) {
    let mut stage = Stage::new(change);
    end(&mut stage.gateway);
    stage.slapd.set_back("backup");
    stage.gateway.restart(|_| {});
    // The first sign-on is answered before there is a copy, the next perhaps not.
    stage.expect_not_believed();
    stage.expect_not_believed();
    assert!(stage.accept().starts_with("corp: accepted"));
    stage.expect_set_back();
    stage.gateway.kill();
    stage.gateway.restart(|_| {});
    stage.expect_set_back();
}

#[test]
fn k6_a_backup_that_was_restored_while_the_gateway_was_stopped_is_noticed() {
    check_over_a_restart(Gateway::stop, |_| {});
}

/// What a removal was based on is on disk with it, so not even a kill makes the gateway forget it.
#[test]
fn k6_a_backup_that_was_restored_while_the_gateway_was_killed_is_noticed() {
    check_over_a_restart(Gateway::kill, |_| {});
}

#[test]
fn k6_a_directory_without_a_replica_is_asked_how_far_it_has_got() {
    check_over_a_restart(Gateway::kill, without_replica);
}

fn without_replica(settings: &mut Settings) {
    settings.set("[directory.groups]", "replica", quoted("none"));
}

#[test]
fn k6_a_directory_that_has_got_farther_than_ever_is_believed_again() {
    let mut stage = Stage::new(without_replica);
    stage.slapd.set_back("backup");
    stage.expect_not_believed();
    let value = [b"written after the backup".as_slice()];
    stage.slapd.admin().modify(&tree::person("u001"), Change::Replace, "description", &value);
    stage.expect_set_back();
}

/// A copy that went on from its cookie was told that the group is there, and not what it has become:
/// its number is lower than the cookie's, so it counted as known.
#[test]
fn k6_accepting_a_backup_has_the_copy_made_anew_where_it_could_go_on_from_its_cookie() {
    let mut stage = Stage::new(|_| {});
    wait_for(&stage.gateway, "complete", 1);
    stage.gateway.freeze();
    stage.slapd.set_back("backup");
    let value = [b"written after the backup".as_slice()];
    stage.slapd.admin().modify(&tree::person("u001"), Change::Replace, "description", &value);
    stage.gateway.thaw();
    wait_for(&stage.gateway, "connects_total", 2);
    wait_for(&stage.gateway, "complete", 1);
    assert_eq!(metric(&stage.gateway, "loads_total"), 1, "it went on from its cookie");
    stage.expect_not_believed();
    assert!(stage.accept().starts_with("corp: accepted"));
    stage.expect_set_back();
    wait_for(&stage.gateway, "complete", 1);
    assert_eq!(metric(&stage.gateway, "loads_total"), 2);
    stage.expect_set_back();
}

/// How far a directory has got is kept without a commit of its own, with the marks of sign-ons.
#[test]
fn k6_what_was_seen_without_a_change_of_any_record_is_kept_after_a_while() {
    let mut stage = Stage::new(|settings| {
        settings.set("[store]", "mark_interval", quoted("1s"));
    });
    let value = [b"of no concern".as_slice()];
    stage.slapd.admin().modify(&tree::person("u001"), Change::Replace, "description", &value);
    stage.expect(&["g001"], json!("known"));
    let shown = stage.listed()["shown"].as_str().unwrap().to_owned();
    eventually("the marker is on disk", || {
        let file =
            rusqlite::Connection::open(stage.gateway.store().join("bindgate.sqlite")).ok()?;
        let sql = "SELECT value FROM meta WHERE key = 'marker/corp'";
        let value: String = file.query_row(sql, [], |row| row.get(0)).ok()?;
        (value == shown).then_some(())
    });
    stage.gateway.kill();
    stage.gateway.restart(|_| {});
    assert_eq!(stage.listed()["seen"], shown);
}

#[test]
fn a_directory_is_listed_and_what_is_not_there_is_not_found() {
    let stage = Stage::new(|_| {});
    wait_for(&stage.gateway, "complete", 1);
    let listed = stage.listed();
    assert_eq!((&listed["name"], &listed["kind"]), (&json!("corp"), &json!("OpenLDAP")));
    let servers = json!([{ "url": stage.slapd.url(), "state": "up" }]);
    assert_eq!(listed["servers"], servers);
    assert_eq!(listed["groups"]["strategy"], "replica");
    assert_eq!(listed["groups"]["reasons"].as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(listed["replica"]["state"], "complete");
    assert_eq!(listed["replica"]["covers"], "groups-and-users");
    assert!(listed["replica"]["groups"].as_u64().unwrap() > 40);
    let text = stage.gateway.command(&["directory", "list"]).expect_code(0);
    assert!(text.contains("corp") && text.contains("RFC 4533"), "{text}");
    let said = stage.gateway.command(&["directory", "accept-rollback", "nobody"]);
    assert_eq!(said.code, 1, "{}", said.err);
}

/// Who writes the lost change once more, or restores what there was, need not accept anything: at
/// the next connection the entries are what was seen of them, or newer.
#[test]
fn k6_a_directory_whose_lost_changes_were_made_again_is_believed_again() {
    let mut stage = Stage::new(|_| {});
    wait_for(&stage.gateway, "complete", 1);
    stage.slapd.set_back("backup");
    stage.expect_not_believed();
    stage.slapd.admin().join(&tree::group("g001"), &tree::person(USER));
    stage.gateway.restart(|_| {});
    wait_for(&stage.gateway, "complete", 1);
    stage.expect(&["g001"], json!("known"));
    assert_eq!(stage.listed()["behind"], false);
}

/// A directory that writes binds down gets farther than ever with the gateway's own.
#[test]
fn k6_a_backup_is_noticed_although_the_directory_has_got_farther_by_the_next_bind() {
    let mut stage = Stage::with(&["lastbind on"], |_| {});
    wait_for(&stage.gateway, "complete", 1);
    stage.expect(&["g001"], json!("known"));
    wait_until_saved(&stage.gateway);
    stage.slapd.set_back("backup");
    stage.expect_not_believed();
    wait_for(&stage.gateway, "complete", 1);
    stage.expect_not_believed();
    stage.gateway.stop();
    stage.gateway.restart(|_| {});
    stage.expect_not_believed();
    wait_for(&stage.gateway, "complete", 1);
    stage.expect_not_believed();
    assert!(stage.accept().starts_with("corp: accepted"));
    stage.expect_set_back();
    wait_for(&stage.gateway, "complete", 1);
    stage.gateway.stop();
    stage.gateway.restart(|_| {});
    stage.expect_set_back();
}

/// The first sign-on walks, before there is a copy: what was taken away since the backup was made is
/// not given back either.
#[test]
fn k6_a_backup_gives_nothing_back_that_was_taken_away_since() {
    let mut stage = Stage::with(&["lastbind on"], |_| {});
    wait_for(&stage.gateway, "complete", 1);
    stage.slapd.back_up("later");
    stage.slapd.admin().leave(&tree::group("g001"), &tree::person(USER));
    wait_for(&stage.gateway, "complete", 1);
    stage.expect(&[], json!("known"));
    wait_until_saved(&stage.gateway);
    stage.slapd.set_back("later");
    stage.expect(&[], json!({ "unknown": "rollback" }));
    stage.gateway.stop();
    stage.gateway.restart(|_| {});
    stage.expect(&[], json!({ "unknown": "rollback" }));
    assert!(stage.accept().starts_with("corp: accepted"));
    stage.expect(&["g001"], json!("known"));
}
