//! Tokens: made once, shown once, named in the audit, and taken until they are revoked or expire.

use crate::fake::{Gateway, LIMITS, TOKEN};
use crate::{Answer, agent, answer, get, get_as};
use bindgate::admin::{Limits, MetricsAccess};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

fn create(gateway: &Gateway, bearer: &str, body: &Value) -> Answer {
    let request = agent()
        .post(format!("{}/api/v1/tokens", gateway.url()))
        .header("Authorization", format!("Bearer {bearer}"));
    answer(request.send_json(body))
}

fn revoke(gateway: &Gateway, bearer: &str, name: &str) -> Answer {
    let request = agent()
        .delete(format!("{}/api/v1/tokens/{name}", gateway.url()))
        .header("Authorization", format!("Bearer {bearer}"));
    answer(request.call())
}

fn post_as(gateway: &Gateway, bearer: &str, path: &str) -> Answer {
    let request = agent()
        .post(format!("{}{path}", gateway.url()))
        .header("Authorization", format!("Bearer {bearer}"));
    answer(request.send_empty())
}

#[test]
fn a_token_is_shown_once_is_used_is_named_in_the_audit_and_is_revoked() {
    let gateway = crate::gateway_with_people();
    let made = create(&gateway, TOKEN, &json!({ "name": "desk-1", "role": "operate" }));
    assert_eq!(made.status, 200, "{}", made.text);
    let bearer = made.json()["token"].as_str().unwrap().to_owned();
    assert!(bearer.starts_with("bgt_") && bearer.len() == 68, "{} bytes", bearer.len());
    let listed = get(&gateway, "/api/v1/tokens");
    let expected = json!({
        "name": "desk-1", "role": "operate", "created_at": "2026-01-01T00:00:00Z",
        "created_by": "admin", "expires_at": null, "expired": false,
    });
    assert_eq!(listed.json()["items"], json!([expected]));
    assert!(!listed.text.contains(&bearer));
    let kept = format!("{:?}", gateway.shelves.tokens.lock().unwrap());
    assert!(!kept.contains(&bearer[4..]), "{kept}");
    assert_eq!(post_as(&gateway, &bearer, "/api/v1/users/bob/enable").status, 200);
    let rows = get(&gateway, "/api/v1/audit").json();
    let row = |at: usize| {
        let row = &rows["items"][at];
        (row["action"].clone(), row["actor"].clone())
    };
    assert_eq!(row(0), (json!("enabled"), json!("desk-1")));
    assert_eq!(row(1), (json!("token-created"), json!("admin")));
    assert_eq!(rows["items"][1]["detail"], "token \"desk-1\", role operate");
    assert!(!rows.to_string().contains(&bearer));
    assert_eq!(revoke(&gateway, TOKEN, "desk-1").status, 200);
    assert_eq!(post_as(&gateway, &bearer, "/api/v1/users/bob/enable").status, 401);
    assert_eq!(revoke(&gateway, TOKEN, "desk-1").status, 404);
    assert_eq!(get(&gateway, "/api/v1/audit").json()["items"][0]["action"], "token-revoked");
}

#[test]
fn a_token_that_makes_no_sense_is_not_made() {
    let gateway = Gateway::start();
    let check = |body: Value, status: u16| {
        let refused = create(&gateway, TOKEN, &body);
        assert_eq!(refused.status, status, "{body}: {}", refused.text);
        assert_eq!(refused.json()["detail"].is_string(), status != 200);
    };
    check(json!({ "name": "a b", "role": "read" }), 400);
    check(json!({ "name": "", "role": "read" }), 400);
    check(json!({ "name": "x".repeat(65), "role": "read" }), 400);
    check(json!({ "name": "a", "role": "root" }), 422);
    check(json!({ "name": "a", "role": "read", "colour": 1 }), 422);
    check(json!({ "name": "a", "role": "read", "expires_at": "soon" }), 400);
    check(json!({ "name": "a", "role": "read", "expires_at": "2026-01-01T00:00:00Z" }), 400);
    check(json!({ "name": "admin", "role": "read" }), 409);
    check(json!({ "name": "a", "role": "read", "expires_at": "2026-01-01T00:00:01Z" }), 200);
    check(json!({ "name": "a", "role": "admin" }), 409);
    gateway.shelves.is_broken.store(true, Ordering::SeqCst);
    check(json!({ "name": "b", "role": "read" }), 503);
    assert_eq!(gateway.shelves.tokens.lock().unwrap().len(), 1);
}

#[test]
fn there_are_only_so_many_tokens() {
    let limits = Limits { max_tokens: 1, ..LIMITS };
    let gateway = Gateway::bounded(limits, MetricsAccess::Open);
    let make = |name: &str| create(&gateway, TOKEN, &json!({ "name": name, "role": "read" }));
    assert_eq!((make("a").status, make("b").status), (200, 409));
    let metrics = get_as(&gateway, "/metrics", None).text;
    let counted = "bindgate_limit_hits_total{limit=\"admin.max_tokens\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    assert_eq!(revoke(&gateway, TOKEN, "a").status, 200);
    assert_eq!(make("b").status, 200);
}

#[test]
fn a_revoked_token_cannot_revoke_and_a_token_cannot_make_itself_more() {
    let gateway = Gateway::start();
    let made = create(&gateway, TOKEN, &json!({ "name": "low", "role": "operate" })).json();
    let low = made["token"].as_str().unwrap();
    assert_eq!(create(&gateway, low, &json!({ "name": "high", "role": "admin" })).status, 403);
    assert_eq!(revoke(&gateway, low, "low").status, 403);
    let made = create(&gateway, TOKEN, &json!({ "name": "high", "role": "admin" })).json();
    let high = made["token"].as_str().unwrap();
    assert_eq!(revoke(&gateway, high, "high").status, 200);
    assert_eq!(revoke(&gateway, high, "low").status, 401);
}
