//! A loss of groups that is held: it is listed, and an administrator confirms or rejects it.

use crate::restarts::{extra, metric, wait_for};
use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::pdu::Change;
use crate::support::settings::quoted;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{self, GROUPS, SERVICE};
use serde_json::{Value, json};

const USER: &str = "u000";

fn options(hidden: Option<&str>) -> Options {
    let line = |what: &str| format!("access to {what} by dn.exact=\"{SERVICE}\" none by * break");
    let access_lines = hidden.map(line).into_iter().collect();
    Options { extra: extra(), access_lines, ..Options::default() }
}

/// Groups `g000` to `g039`, of which the user is in `g001` and in `g039`.
struct Stage {
    slapd: Slapd,
    gateway: Gateway,
}

impl Stage {
    fn new() -> Self {
        let slapd = Slapd::with(&options(None));
        for group in ["g001", "g039"] {
            slapd.admin().join(&tree::group(group), &tree::person(USER));
        }
        let gateway = Gateway::configured(slapd.port(), |settings, _| {
            settings.set("[directory.groups]", "max_replica_pause", quoted("1s"));
        });
        wait_for(&gateway, "complete", 1);
        let stage = Self { slapd, gateway };
        stage.expect(&["g001", "g039"], json!("known"));
        stage
    }

    /// Takes groups out of the account's sight, and waits until that is held.
    #[track_caller]
    fn hide(&mut self, what: &str) -> Value {
        self.show_all_but(Some(what));
        wait_for(&self.gateway, "held", 1);
        let held = self.held();
        assert_eq!(held.len(), 1, "{held:?}");
        held[0].clone()
    }

    /// Lets the account see other groups, and has something change that the gateway is not told of
    /// before it asks again, so that a refresh tells of all.
    fn show_all_but(&mut self, hidden: Option<&str>) {
        self.gateway.freeze();
        self.slapd.reconfigure(&options(hidden));
        let value = [b"so that there is something to refresh".as_slice()];
        let mut admin = self.slapd.admin();
        admin.modify(&tree::person("u001"), Change::Replace, "description", &value);
        self.gateway.thaw();
    }

    #[track_caller]
    fn held(&self) -> Vec<Value> {
        let out = self.gateway.command(&["held", "list", "--json"]).expect_code(0);
        serde_json::from_str::<Value>(&out).unwrap()["items"].as_array().unwrap().clone()
    }

    /// Signs on; these are the groups then, and this is what is known of them.
    #[track_caller]
    fn expect(&self, groups: &[&str], observed: Value) {
        let sign_on = || self.gateway.sign_on(&tree::person(USER), tree::password(USER));
        // A server that was down is left alone for a moment.
        eventually("somebody can sign on", || (sign_on() == 0).then_some(()));
        let user = self.gateway.user(USER);
        assert_eq!(user["observation"]["groups"], observed);
        assert_eq!(self.gateway.managed_groups(USER), groups);
    }

    #[track_caller]
    fn expect_held(&self) {
        self.expect(&["g001", "g039"], json!({ "unknown": "visibility" }));
    }

    fn actions(&self) -> Vec<Value> {
        self.gateway.audit().iter().map(|row| row["action"].clone()).collect()
    }
}

/// `g000` to `g029`.
fn many() -> String {
    format!("dn.regex=\"cn=g0[0-2].,{GROUPS}\"")
}

#[test]
fn k5_a_held_loss_is_listed_and_counts_at_the_next_sign_on_once_it_is_confirmed() {
    let mut stage = Stage::new();
    let groups = metric(&stage.gateway, "groups");
    let held = stage.hide(&many());
    assert_eq!((&held["directory"], &held["decision"]), (&json!("corp"), &json!("open")));
    assert_eq!((held["gone"].as_u64(), held["of"].as_u64()), (Some(30), Some(groups)));
    let examples = held["examples"].as_array().unwrap();
    assert_eq!(examples.len(), 10, "no more are named");
    assert!(examples.iter().all(|dn| dn.as_str().unwrap().starts_with("cn=g0")), "{held}");
    let id = held["id"].as_str().unwrap();
    let text = stage.gateway.command(&["held", "list"]).expect_code(0);
    assert!(text.contains(id) && text.contains("30 of "), "{text}");
    stage.expect_held();

    let said = stage.gateway.command(&["held", "confirm", id]).expect_code(0);
    assert!(said.contains("confirmed") && said.contains("from now on"), "{said}");
    stage.expect(&["g039"], json!("known"));
    assert_eq!(stage.held(), Vec::<Value>::new());
    assert_eq!(stage.actions(), ["changed", "confirmed", "unknown", "created"]);
    assert_eq!(stage.gateway.command(&["held", "confirm", id]).code, 1, "it is not held any more");
    let counted = "bindgate_held_decisions_total{directory=\"corp\",decision=\"confirmed\"} 1";
    assert!(stage.gateway.metrics().contains(counted), "{}", stage.gateway.metrics());
}

#[test]
fn k5_a_held_loss_that_is_rejected_keeps_what_there_was_until_the_groups_are_seen_again() {
    let mut stage = Stage::new();
    let held = stage.hide(&many());
    let id = held["id"].as_str().unwrap();
    let said = stage.gateway.command(&["held", "reject", id]).expect_code(0);
    assert!(said.contains("rejected"), "{said}");
    assert_eq!(stage.actions(), ["rejected", "created"]);
    stage.expect_held();
    let refreshes = metric(&stage.gateway, "connects_total");
    eventually("it is looked again", || {
        (metric(&stage.gateway, "connects_total") > refreshes).then_some(())
    });
    stage.expect_held();
    let held = stage.held();
    assert_eq!((&held[0]["id"], &held[0]["decision"]), (&json!(id), &json!("rejected")));
    stage.slapd.admin().leave(&tree::group("g039"), &tree::person(USER));
    stage.show_all_but(None);
    stage.gateway.restart(|_| {});
    wait_for(&stage.gateway, "complete", 1);
    stage.expect(&["g001"], json!("known"));
    assert_eq!(stage.held(), Vec::<Value>::new());
}

/// What was held used to be forgotten at the end: until the first refresh of the next process had
/// found it out anew, sign-ons walked the directory and lost what was hidden.
#[test]
fn k5_what_is_held_and_what_was_said_of_it_are_held_over_a_restart_from_the_first_sign_on_on() {
    let mut stage = Stage::new();
    let held = stage.hide(&many());
    let id = held["id"].as_str().unwrap().to_owned();
    for said in ["open", "rejected"] {
        if said == "rejected" {
            stage.gateway.command(&["held", "reject", &id]).expect_code(0);
        }
        stage.gateway.stop();
        stage.gateway.restart(|_| {});
        stage.expect_held();
        let held = stage.held();
        assert_eq!((&held[0]["id"], &held[0]["decision"]), (&json!(id), &json!(said)));
    }
    wait_for(&stage.gateway, "held", 1);
    stage.expect_held();
    stage.gateway.command(&["held", "confirm", &id]).expect_code(0);
    stage.expect(&["g039"], json!("known"));
}

#[test]
fn k5_a_loss_of_all_groups_that_is_confirmed_counts_also_after_a_restart() {
    let mut stage = Stage::new();
    stage.gateway.sign_on(&tree::person("u002"), tree::password("u002"));
    let held = stage.hide(&format!("dn.children=\"{GROUPS}\""));
    assert_eq!(held["gone"], held["of"]);
    stage.expect_held();
    let id = held["id"].as_str().unwrap();
    stage.gateway.command(&["held", "confirm", id]).expect_code(0);
    stage.gateway.stop();
    stage.gateway.restart(|_| {});
    wait_for(&stage.gateway, "complete", 1);
    stage.expect(&[], json!("known"));
    assert_eq!(stage.held(), Vec::<Value>::new());
}

/// The walks of these sign-ons saw fewer groups than there are, and no refresh had found that out.
#[test]
fn k5_a_walk_before_the_refresh_that_finds_a_loss_takes_nothing_away() {
    for _ in 0..3 {
        let mut stage = Stage::new();
        stage.show_all_but(Some(&many()));
        stage.expect_held();
        stage.expect_held();
    }
}
