//! What an administrator decides about directories: shown, carried out once, and audited.

use crate::fake::Gateway;
use crate::{get, post};
use bindgate::domain::replication::Decision;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

/// Actions and details in the audit, the oldest first.
fn audit(gateway: &Gateway) -> Vec<(&'static str, String)> {
    let rows = gateway.shelves.audit.lock().unwrap();
    rows.iter().map(|row| (row.action, row.detail.clone())).collect()
}

#[test]
fn directories_are_listed_with_servers_strategy_copy_and_whether_they_are_behind() {
    let gateway = Gateway::start();
    gateway.watched.show(Some("5"), true);
    let listed = get(&gateway, "/api/v1/directories").json();
    let corp = json!({
        "name": "corp",
        "kind": "OpenLDAP",
        "servers": [
            { "url": "ldap://a:389", "state": "up" },
            { "url": "ldap://b:389", "state": "down" },
        ],
        "pool": { "connections": 3, "leased": 2, "waiting": 1, "most": 9 },
        "groups": {
            "strategy": "replica",
            "otherwise": "member walk",
            "reasons": ["it is offered"],
            "warnings": ["a warning"],
            "unknown": null,
        },
        "replica": {
            "state": "complete",
            "covers": "groups",
            "groups": 7,
            "users": 0,
            "heard_at": "2026-01-01T00:00:00Z",
        },
        "behind": true,
        "seen": "7",
        "shown": "5",
    });
    assert_eq!((&listed["items"][0], &listed["next"]), (&corp, &Value::Null));
    let lab = &listed["items"][1];
    assert_eq!((&lab["replica"], &lab["behind"]), (&Value::Null, &Value::Null));
    assert_eq!((&lab["kind"], &lab["groups"]["unknown"]), (&Value::Null, &json!("timeout")));
}

#[track_caller]
fn check_acceptance(shown: Option<&str>, is_behind: bool) {
    let gateway = Gateway::start();
    gateway.watched.show(shown, is_behind);
    let said = post(&gateway, "/api/v1/directories/corp/accept-rollback");
    assert_eq!(said.status, 200, "{}", said.text);
    let expected = json!({ "name": "corp", "was_behind": is_behind, "seen": "7", "shown": shown });
    assert_eq!(said.json(), expected);
    assert_eq!(*gateway.shelves.forgotten.lock().unwrap(), ["corp"]);
    assert_eq!(*gateway.changes.lock().unwrap(), ["corp accepted by admin"]);
}

#[test]
fn k6_a_rollback_is_accepted_whatever_the_directory_shows_by_now() {
    check_acceptance(Some("5"), true);
    check_acceptance(None, false);
    check_acceptance(Some("8"), false);
}

#[test]
fn an_acceptance_is_audited_with_what_was_seen_and_shown_or_not_carried_out() {
    let gateway = Gateway::start();
    gateway.watched.show(Some("5"), true);
    let path = "/api/v1/directories/corp/accept-rollback";
    gateway.shelves.is_broken.store(true, Ordering::SeqCst);
    assert_eq!(post(&gateway, path).status, 503);
    assert!(gateway.shelves.forgotten.lock().unwrap().is_empty());
    assert!(gateway.changes.lock().unwrap().is_empty());
    gateway.shelves.is_broken.store(false, Ordering::SeqCst);
    assert_eq!(post(&gateway, path).status, 200);
    let detail = "corp: was seen at 7, shows 5".to_owned();
    assert_eq!(audit(&gateway), [("rollback-accepted", detail)]);
    assert_eq!(post(&gateway, "/api/v1/directories/nobody/accept-rollback").status, 404);
    assert_eq!(audit(&gateway).len(), 1);
}

#[test]
fn k5_a_held_loss_is_shown_and_decided_once_in_the_name_of_who_did_it() {
    let gateway = Gateway::start();
    let listed = || get(&gateway, "/api/v1/held").json()["items"].clone();
    assert_eq!(listed(), json!([]));
    gateway.watched.hold();
    let held = |decision, released| {
        json!({
            "id": "00c0ffee",
            "directory": "corp",
            "kind": "group-loss",
            "since": "2026-01-01T00:00:00Z",
            "counts": "groups",
            "gone": 7,
            "of": 10,
            "examples": ["cn=A,dc=x", "cn=B\u{1b},dc=x"],
            "decision": decision,
            "released": released,
        })
    };
    assert_eq!(listed(), json!([held("open", false)]));
    for _ in 0..2 {
        let said = post(&gateway, "/api/v1/held/00c0ffee/reject");
        assert_eq!((said.status, said.json()), (200, held("rejected", false)));
    }
    let said = post(&gateway, "/api/v1/held/00c0ffee/confirm");
    assert_eq!((said.status, said.json()), (200, held("confirmed", true)));
    let detail = |was| format!("corp: 00c0ffee, 3 of 10 groups are left, was {was}");
    let expected = [("rejected", detail("open")), ("confirmed", detail("rejected"))];
    assert_eq!(audit(&gateway), expected, "what was said twice is noted once");
    assert_eq!(gateway.changes.lock().unwrap().len(), 2);
    for path in ["00c0ffee/confirm", "nothing/reject", "00c0ffee/nothing"] {
        assert_eq!(post(&gateway, &format!("/api/v1/held/{path}")).status, 404, "{path}");
    }
}

#[test]
fn k5_a_decision_that_cannot_be_audited_is_not_carried_out() {
    let gateway = Gateway::start();
    gateway.watched.hold();
    gateway.shelves.is_broken.store(true, Ordering::SeqCst);
    assert_eq!(post(&gateway, "/api/v1/held/00c0ffee/confirm").status, 503);
    let loss = gateway.watched.held.lock().unwrap().clone();
    assert_eq!(loss.map(|loss| loss.decision), Some(Decision::Open));
    assert!(gateway.changes.lock().unwrap().is_empty());
}
