//! Goal: the admin API says what `interfaces.md` promises, to those with the token, and to nobody
//! else. Method: a real server on loopback over a catalogue in memory, and an HTTP client.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "admin/accounts.rs"]
mod accounts;
#[path = "admin/bounds.rs"]
mod bounds;
#[path = "admin/decisions.rs"]
mod decisions;
#[path = "admin/document.rs"]
mod document;
#[path = "admin/edits.rs"]
mod edits;
#[path = "admin/fake.rs"]
mod fake;
#[path = "admin/figures.rs"]
mod figures;
#[path = "admin/listing.rs"]
mod listing;
#[path = "admin/people.rs"]
mod people;
#[path = "admin/roles.rs"]
mod roles;
#[path = "admin/sessions.rs"]
mod sessions;
#[path = "admin/token.rs"]
mod token;
#[path = "admin/tokens.rs"]
mod tokens;
#[path = "admin/watched.rs"]
mod watched;

use fake::{Gateway, TOKEN};
use people::{ann, bob, group, person, stored};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;

/// What came back.
struct Answer {
    status: u16,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(std::time::Duration::from_secs(20)))
        .build();
    ureq::Agent::new_with_config(config)
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut response = response.unwrap();
    let status = response.status().as_u16();
    Answer { status, text: response.body_mut().read_to_string().unwrap() }
}

fn get_as(gateway: &Gateway, path: &str, token: Option<&str>) -> Answer {
    let mut request = agent().get(format!("{}{path}", gateway.url()));
    if let Some(token) = token {
        request = request.header("Authorization", token);
    }
    answer(request.call())
}

fn get(gateway: &Gateway, path: &str) -> Answer {
    get_as(gateway, path, Some(&format!("Bearer {TOKEN}")))
}

fn patch(gateway: &Gateway, path: &str, body: &str) -> Answer {
    let request = agent()
        .patch(format!("{}{path}", gateway.url()))
        .header("Authorization", format!("Bearer {TOKEN}"))
        .header("Content-Type", "application/json");
    answer(request.send(body))
}

fn post(gateway: &Gateway, path: &str) -> Answer {
    let request = agent()
        .post(format!("{}{path}", gateway.url()))
        .header("Authorization", format!("Bearer {TOKEN}"));
    answer(request.send_empty())
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
fn a_user_is_shown_in_the_promised_shape() {
    let gateway = gateway_with_people();
    let membership = |name: &str, known, provenance, effective, path: &[&str]| {
        let dn = |name: &str| format!("cn={name},ou=groups,dc=example,dc=com");
        json!({
            "group": {
                "id": format!("id-{name}"),
                "dn": if known { json!(dn(name)) } else { Value::Null },
                "name": if known { json!(name) } else { Value::Null },
            },
            "provenance": provenance,
            "effective": effective,
            "direct": path.len() == 1,
            "depth": path.len(),
            "path": std::iter::once("uid=ann,ou=people,dc=example,dc=com".to_owned())
                .chain(path.iter().map(|step| if known { dn(step) } else { format!("id:id-{step}") }))
                .collect::<Vec<_>>(),
            "since": "2026-01-01T00:00:00Z",
        })
    };
    let expected = json!({
        "id": "r1",
        "upstream_id": "up-r1",
        "directory": "corp",
        "user_type": "staff",
        "name": "ann",
        "dn": "uid=ann,ou=people,dc=example,dc=com",
        "display_name": "Ann Ampere",
        "attributes": { "mail": ["ann@example.com"], "photo": ["base64:/9g="] },
        "state": { "active": true, "reasons": [] },
        "last_sign_on": "2026-01-01T00:00:00Z",
        "observed_at": "2026-01-01T00:00:00Z",
        "observation": { "groups": "known" },
        "effective_groups": 2,
        "memberships": [
            membership("A", true, "managed", true, &["B", "A"]),
            membership("B", true, "managed", true, &["B"]),
            membership("C", false, "managed", false, &["C"]),
            membership("C", false, "pin-deny", false, &["C"]),
        ],
    });
    let shown = get(&gateway, "/api/v1/users/staff%2Fann");
    assert_eq!(shown.status, 200);
    assert_eq!(shown.json(), expected);
    let bob = get(&gateway, "/api/v1/users/bob").json();
    assert_eq!(bob["state"], json!({ "active": false, "reasons": ["admin"] }));
    assert_eq!(bob["observation"], json!({ "groups": { "unknown": "result-code 53" } }));
    assert_eq!(bob["observed_at"], Value::Null);
}

#[test]
fn a_user_is_found_by_every_kind_of_reference() {
    let gateway = gateway_with_people();
    for (reference, id) in [
        ("BOB", "r2"),
        ("staff%2Fann", "r1"),
        ("robots%2Fann", "r3"),
        ("dn:UID=bob,%20ou=people,dc=example,dc=com", "r2"),
        ("id:up-r3", "r3"),
        ("rec:r1", "r1"),
    ] {
        let shown = get(&gateway, &format!("/api/v1/users/{reference}"));
        assert_eq!(shown.json()["id"], id, "{reference}: {}", shown.text);
    }
    for reference in ["nobody", "staff%2Fnobody", "dn:not%20a%20dn", "id:r1", "rec:up-r1"] {
        let shown = get(&gateway, &format!("/api/v1/users/{reference}"));
        assert_eq!((shown.status, &shown.json()["error"]), (404, &json!("not-found")));
    }
}

#[test]
fn an_ambiguous_name_is_answered_with_its_candidates_and_none_is_chosen() {
    let gateway = gateway_with_people();
    let shown = get(&gateway, "/api/v1/users/ann");
    assert_eq!(shown.status, 409);
    let body = shown.json();
    assert_eq!(body["error"], "ambiguous");
    let ids: Vec<_> =
        body["candidates"].as_array().unwrap().iter().map(|user| user["id"].clone()).collect();
    assert_eq!(ids, [json!("r1"), json!("r3")]);
}

#[test]
fn a_listing_is_read_page_by_page_and_by_name() {
    let gateway = gateway_with_people();
    let ids = |path: &str| {
        let body = get(&gateway, path).json();
        let items = body["items"].as_array().unwrap().clone();
        (items.iter().map(|user| user["id"].clone()).collect::<Vec<_>>(), body["next"].clone())
    };
    assert_eq!(ids("/api/v1/users?limit=2"), (vec![json!("r1"), json!("r2")], json!("r2")));
    assert_eq!(ids("/api/v1/users?limit=2&cursor=r2"), (vec![json!("r3")], Value::Null));
    assert_eq!(ids("/api/v1/users?name=ann&limit=1"), (vec![json!("r1")], json!("r1")));
    assert_eq!(ids("/api/v1/users?name=ann&cursor=r1"), (vec![json!("r3")], Value::Null));
    for bad in ["limit=0", "limit=1001", "limit=x", "colour=red"] {
        let refused = get(&gateway, &format!("/api/v1/users?{bad}"));
        assert_eq!((refused.status, &refused.json()["error"]), (400, &json!("bad-request")));
    }
}

#[test]
fn a_switch_is_set_audited_and_taken_back() {
    let gateway = Gateway::start();
    let set = |value: &str| {
        let body = format!("{{\"update_on_sign_on\": {value}}}");
        let answer = patch(&gateway, "/api/v1/user-types/corp%2Fstaff", &body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        let body = answer.json();
        (body["update_on_sign_on"].clone(), body["source"].clone())
    };
    assert_eq!(set("false"), (json!(false), json!("stored")));
    assert_eq!(set("false"), (json!(false), json!("stored")));
    assert_eq!(set("true"), (json!(true), json!("stored")));
    assert_eq!(set("null"), (json!(true), json!("file")));
    assert_eq!(set("null"), (json!(true), json!("file")));
    let rows = get(&gateway, "/api/v1/audit").json();
    let details: Vec<_> = rows["items"].as_array().unwrap().iter().collect();
    let expected = [
        "corp/staff: update-on-sign-on on (stored) -> on (file)",
        "corp/staff: update-on-sign-on off (stored) -> on (stored)",
        "corp/staff: update-on-sign-on on (file) -> off (stored)",
    ];
    assert_eq!(
        details.iter().map(|row| row["detail"].as_str().unwrap()).collect::<Vec<_>>(),
        expected
    );
    assert_eq!(
        *details[2],
        json!({
            "sequence": 1, "at": "2026-01-01T00:00:00Z", "cause": "admin", "actor": "admin",
            "action": "switch-changed", "user": null, "detail": expected[2],
        })
    );
    let changes = gateway.changes.lock().unwrap().clone();
    let expected =
        ["On -> Off", "Off -> On", "On -> On"].map(|what| format!("corp/staff {what} by admin"));
    assert_eq!(changes, expected);
}

#[test]
fn the_audit_is_read_page_by_page_newest_first() {
    let gateway = Gateway::start();
    for value in ["false", "true", "false"] {
        let body = format!("{{\"update_on_sign_on\": {value}}}");
        assert_eq!(patch(&gateway, "/api/v1/user-types/guests", &body).status, 200);
    }
    let first = get(&gateway, "/api/v1/audit?limit=2").json();
    assert_eq!((&first["items"][0]["sequence"], &first["next"]), (&json!(3), &json!("2")));
    let rest = get(&gateway, "/api/v1/audit?limit=2&cursor=2").json();
    assert_eq!((&rest["items"][0]["sequence"], &rest["next"]), (&json!(1), &Value::Null));
}

#[test]
fn user_types_are_listed_with_value_and_source() {
    let gateway = Gateway::start();
    assert_eq!(
        patch(&gateway, "/api/v1/user-types/robots", "{\"update_on_sign_on\":false}").status,
        200
    );
    let body = get(&gateway, "/api/v1/user-types").json();
    let row = |directory, name, on, source, set_at: Value, file| {
        json!({
            "directory": directory, "name": name, "update_on_sign_on": on,
            "source": source, "set_at": set_at, "file": file,
        })
    };
    let expected = json!([
        row("corp", "staff", true, "file", Value::Null, true),
        row("corp", "guests", false, "file", Value::Null, false),
        row("lab", "staff", true, "file", Value::Null, true),
        row("lab", "robots", false, "stored", json!("2026-01-01T00:00:00Z"), true),
    ]);
    assert_eq!(body, json!({ "items": expected, "next": null }));
}

#[test]
fn a_change_of_a_switch_that_makes_no_sense_changes_nothing() {
    let gateway = Gateway::start();
    let too_long = format!("{{\"update_on_sign_on\":true,\"x\":\"{}\"}}", "a".repeat(2000));
    let on = "{\"update_on_sign_on\":true}";
    for (name, body, status) in [
        ("nobody", on, 404),
        ("lab%2Fguests", on, 404),
        ("staff", on, 409),
        ("guests", "{}", 422),
        ("guests", "{\"update_on_sign_on\":1}", 422),
        ("guests", "{\"update_on_sign_on\":true,\"groups\":\"never\"}", 422),
        ("guests", "not json", 400),
        ("guests", &too_long, 413),
    ] {
        let refused = patch(&gateway, &format!("/api/v1/user-types/{name}"), body);
        assert_eq!(refused.status, status, "{name} {body}: {}", refused.text);
        assert!(refused.json()["detail"].is_string());
    }
    let metrics = get_as(&gateway, "/metrics", None).text;
    assert!(metrics.contains("bindgate_limit_hits_total{limit=\"admin.max_body\"} 1"), "{metrics}");
    let staff = patch(&gateway, "/api/v1/user-types/staff", on).json();
    assert_eq!(staff["candidates"], json!(["corp/staff", "lab/staff"]));
    assert!(gateway.shelves.switches.lock().unwrap().is_empty());
    assert!(gateway.changes.lock().unwrap().is_empty());
}

#[test]
fn an_import_beyond_its_limit_is_refused_and_counted_by_itself() {
    let gateway = Gateway::start();
    for (length, status) in [(2_000, 400), (8_193, 413)] {
        let request = agent()
            .post(format!("{}/api/v1/import", gateway.url()))
            .header("Authorization", format!("Bearer {TOKEN}"));
        let refused = answer(request.send("x".repeat(length)));
        assert_eq!(refused.status, status, "{}", refused.text);
    }
    let metrics = get_as(&gateway, "/metrics", None).text;
    let hit = "bindgate_limit_hits_total{limit=\"admin.max_import\"} 1";
    assert!(metrics.contains(hit) && !metrics.contains("admin.max_body"), "{metrics}");
}

#[test]
fn a_switch_that_did_not_reach_the_disk_is_not_announced() {
    let gateway = Gateway::start();
    gateway.shelves.is_broken.store(true, Ordering::SeqCst);
    let refused = patch(&gateway, "/api/v1/user-types/guests", "{\"update_on_sign_on\":true}");
    assert_eq!((refused.status, &refused.json()["error"]), (503, &json!("store")));
    assert!(gateway.changes.lock().unwrap().is_empty());
}

#[test]
fn readiness_names_the_part_that_is_not_ready() {
    let gateway = Gateway::start();
    assert_eq!(get_as(&gateway, "/livez", None).status, 200);
    let ready = get_as(&gateway, "/readyz", None);
    assert_eq!(ready.status, 200);
    assert_eq!(
        ready.json(),
        json!({ "ready": true, "parts": [{ "name": "store", "ready": true, "detail": null }] })
    );
    gateway.shelves.is_broken.store(true, Ordering::SeqCst);
    let red = get_as(&gateway, "/readyz", None);
    assert_eq!(red.status, 503);
    assert_eq!(red.json()["parts"][0]["detail"], "disk full");
    assert_eq!(get(&gateway, "/api/v1/store").json()["healthy"], false);
    assert_eq!(get_as(&gateway, "/livez", None).status, 200);
}

#[test]
fn without_the_token_every_path_of_the_api_gives_the_same_answer() {
    let gateway = gateway_with_people();
    let upper = format!("bEARER {TOKEN}");
    assert_eq!(get_as(&gateway, "/api/v1/user-types", Some(&upper)).status, 200);
    let wrong = [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some(TOKEN),
        Some("Basic YWRtaW46YWRtaW4="),
        Some("Bearer a-token-that-is-long-enougH"),
        Some("Bearer a-token-that-is-long-enough-and-more"),
    ];
    let mut answers = Vec::new();
    for token in wrong {
        for path in
            ["/api/v1/users", "/api/v1/users/bob", "/api/v1/users/nobody", "/api/v1/no-such-path"]
        {
            let refused = get_as(&gateway, path, token);
            assert_eq!(refused.status, 401, "{path} with {token:?}");
            answers.push(refused.text);
        }
    }
    assert!(answers.iter().all(|text| *text == answers[0]));
    let metrics = get_as(&gateway, "/metrics", None).text;
    let counted = format!("bindgate_admin_refused_total {}", answers.len());
    assert!(metrics.lines().any(|line| line == counted), "no {counted:?} in\n{metrics}");
    assert!(!metrics.contains("bob"));
}

#[test]
fn a_path_or_method_that_is_not_there_is_a_json_error() {
    let gateway = Gateway::start();
    assert_eq!(get(&gateway, "/nowhere").json()["error"], "no-such-path");
    assert_eq!(get(&gateway, "/api/v1/nowhere").json()["error"], "no-such-path");
    let refused = patch(&gateway, "/api/v1/users", "{}");
    assert_eq!((refused.status, &refused.json()["error"]), (405, &json!("no-such-method")));
}

#[test]
fn a_connection_carries_one_request_and_its_answer_is_not_cached() {
    let gateway = Gateway::start();
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let text = text.to_ascii_lowercase();
    assert!(text.starts_with("http/1.1 200"), "{text}");
    assert!(text.contains("connection: close") && text.contains("cache-control: no-store"));
}
