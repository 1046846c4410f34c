//! Accounts of the gateway's own over the API: made with a password that is shown once or was given.

use crate::fake::{Gateway, TOKEN};
use crate::{Answer, agent, answer, get, get_as};
use bindgate::domain::secret::Secret;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const ACCOUNTS: &str = "/api/v1/accounts";

fn ask(gateway: &Gateway, method: &str, path: &str, body: &Value) -> Answer {
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{}{ACCOUNTS}{path}", gateway.url()))
        .header("Authorization", format!("Bearer {TOKEN}"))
        .header("Content-Type", "application/json");
    answer(agent().run(request.body(body.to_string()).unwrap()))
}

fn make(gateway: &Gateway, body: &Value) -> Answer {
    ask(gateway, "POST", "", body)
}

fn is_password(gateway: &Gateway, name: &str, password: &str) -> bool {
    let account = gateway.shelves.accounts.find(name).expect("there is one");
    account.hash.is_of(&Secret::new(password.as_bytes().to_vec()))
}

#[test]
fn an_account_is_made_with_a_password_that_is_shown_once_and_is_kept_as_a_hash() {
    let gateway = Gateway::start();
    let made = make(&gateway, &json!({ "name": "Wiki", "view": "portal" }));
    assert_eq!(made.status, 200, "{}", made.text);
    let password = made.json()["password"].as_str().unwrap().to_owned();
    assert!(password.starts_with("bga_") && is_password(&gateway, "wiki", &password));
    let listed = get(&gateway, ACCOUNTS);
    let new_year = "2026-01-01T00:00:00Z";
    let expected = json!({
        "name": "Wiki", "dn": "cn=Wiki,ou=accounts,dc=bindgate", "view": "portal",
        "view_exists": true, "enabled": true, "created_at": new_year, "created_by": "admin",
        "password_set_at": new_year, "expires_at": null, "expired": false, "last_used": null,
    });
    assert_eq!(listed.json()["items"], json!([expected]));
    let hash = gateway.shelves.accounts.find("wiki").unwrap().hash.as_text().to_owned();
    let audit = get(&gateway, "/api/v1/audit");
    for text in [&listed.text, &audit.text] {
        assert!(!text.contains(&password) && !text.contains(&hash), "{text}");
    }
    assert_eq!(audit.json()["items"][0]["detail"], "account \"Wiki\", view \"portal\"");

    let given = json!({ "password": "correct horse battery" });
    let set = ask(&gateway, "PUT", "/wiki/password", &given);
    assert_eq!((set.status, set.json()["password"].clone()), (200, Value::Null));
    assert!(is_password(&gateway, "wiki", "correct horse battery"));
    let set = ask(&gateway, "PUT", "/WIKI/password", &json!({}));
    assert!(is_password(&gateway, "wiki", set.json()["password"].as_str().unwrap()));
    assert_eq!(ask(&gateway, "POST", "/wiki/disable", &json!({})).json()["enabled"], false);
    assert_eq!(ask(&gateway, "POST", "/wiki/disable", &json!({})).status, 200, "as it is");
    assert_eq!(ask(&gateway, "POST", "/wiki/enable", &json!({})).json()["enabled"], true);
    assert_eq!(ask(&gateway, "DELETE", "/wiki", &json!({})).status, 200);
    for (method, path) in [("DELETE", "/wiki"), ("POST", "/wiki/enable"), ("PUT", "/wiki/password")]
    {
        assert_eq!(ask(&gateway, method, path, &json!({})).status, 404, "{method} {path}");
    }
    let rows = get(&gateway, "/api/v1/audit").json();
    let rows = rows["items"].as_array().unwrap();
    let actions: Vec<_> = rows.iter().map(|row| row["action"].as_str().unwrap()).collect();
    let expected = [
        "account-revoked",
        "account-enabled",
        "account-disabled",
        "account-password",
        "account-password",
        "account-made",
    ];
    assert_eq!(actions, expected);
}

#[test]
fn an_account_that_makes_no_sense_is_not_made() {
    let gateway = Gateway::start();
    let check = |body: Value, status: u16| {
        let refused = make(&gateway, &body);
        assert_eq!(refused.status, status, "{body}: {}", refused.text);
        assert!(!refused.text.contains("eleven-byte"), "{}", refused.text);
    };
    let view = "portal";
    check(json!({ "name": "a b", "view": view }), 400);
    check(json!({ "name": "a,ou=b", "view": view }), 400);
    check(json!({ "name": "", "view": view }), 400);
    check(json!({ "name": "a" }), 422);
    check(json!({ "name": "a", "view": "other" }), 400);
    check(json!({ "name": "a", "view": view, "password": "eleven-byte" }), 400);
    check(json!({ "name": "a", "view": view, "password": "eleven-byte\u{0}s" }), 400);
    check(json!({ "name": "a", "view": view, "expires_at": "2026-01-01T00:00:00Z" }), 400);
    check(json!({ "name": "a", "view": view, "colour": 1 }), 422);
    check(json!({ "name": "a", "view": view, "password": "twelve-bytes" }), 200);
    check(json!({ "name": "A", "view": view }), 409);
    gateway.shelves.is_broken.store(true, Ordering::SeqCst);
    check(json!({ "name": "b", "view": view }), 503);
    assert_eq!(ask(&gateway, "PUT", "/a/password", &json!({})).status, 503);
    assert!(is_password(&gateway, "a", "twelve-bytes"), "it is what it was");
}

#[test]
fn there_are_only_so_many_accounts() {
    let gateway = Gateway::start();
    let made = ["a", "b", "c", "d"]
        .map(|name| make(&gateway, &json!({ "name": name, "view": "portal" })).status);
    assert_eq!(made, [200, 200, 200, 409]);
    let metrics = get_as(&gateway, "/metrics", None).text;
    let counted = "bindgate_limit_hits_total{limit=\"accounts.max_accounts\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}
