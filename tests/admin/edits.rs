//! What an admin does to one user over HTTP: shapes, refusals, and that what failed changed nothing.

use crate::fake::{Gateway, TOKEN};
use crate::{Answer, agent, answer, gateway_with_people, get, patch, post};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

fn put(gateway: &Gateway, path: &str, body: &str) -> Answer {
    let request = agent()
        .put(format!("{}/api/v1{path}", gateway.url()))
        .header("Authorization", format!("Bearer {TOKEN}"))
        .header("Content-Type", "application/json");
    answer(request.send(body))
}

fn delete(gateway: &Gateway, path: &str) -> Answer {
    let request = agent()
        .delete(format!("{}/api/v1{path}", gateway.url()))
        .header("Authorization", format!("Bearer {TOKEN}"));
    answer(request.call())
}

#[test]
fn a_pin_is_answered_with_the_user_and_what_the_next_sign_on_does_to_it() {
    let gateway = gateway_with_people();
    let until = "2100-01-01T00:00:00Z";
    let body = format!("{{\"pin\":\"deny\",\"until\":\"{until}\"}}");
    let pinned = put(&gateway, "/users/staff%2Fann/pins/B", &body).json();
    assert_eq!((&pinned["user"]["id"], &pinned["changed"]), (&json!("r1"), &json!(true)));
    let next = &pinned["next_sign_on"];
    assert_eq!((&next["what"], &next["until"]), (&json!("stays-until"), &json!(until)));
    let again = put(&gateway, "/users/staff%2Fann/pins/B", &body).json();
    assert_eq!(again["changed"], json!(false));
    let shown = get(&gateway, "/api/v1/users/staff%2Fann").json();
    let rows = shown["memberships"].as_array().unwrap();
    let pin = rows.iter().find(|row| row["provenance"] == "pin-deny" && row["until"] == until);
    assert!(pin.is_some_and(|pin| pin["effective"] == false), "{shown}");
    let audit = get(&gateway, "/api/v1/audit").json();
    let change = json!({
        "what": "membership", "of": "id-B", "name": "B", "provenance": "pin-deny",
        "before": [], "after": ["id-B"],
    });
    assert_eq!(audit["items"][0]["changes"], json!([change]));
    assert_eq!(audit["items"][0]["user"]["name"], "ann");
    let gone = delete(&gateway, "/users/staff%2Fann/pins/B");
    assert_eq!((gone.status, &gone.json()["changed"]), (200, &json!(true)));
    assert_eq!(delete(&gateway, "/users/staff%2Fann/pins/B").status, 404);
}

#[test]
fn a_request_that_makes_no_sense_changes_nothing_and_says_why() {
    let gateway = gateway_with_people();
    let check = |refused: Answer, status: u16, error: &str| {
        let body = refused.json();
        assert_eq!((refused.status, &body["error"]), (status, &json!(error)), "{body}");
        assert!(body["detail"].is_string());
    };
    let pin = |body: &str| put(&gateway, "/users/bob/pins/B", body);
    check(pin("{}"), 422, "bad-request");
    check(pin("{\"pin\":\"maybe\"}"), 422, "bad-request");
    check(pin("{\"pin\":\"deny\",\"until\":\"soon\"}"), 400, "bad-request");
    check(pin("{\"pin\":\"deny\",\"colour\":1}"), 422, "bad-request");
    check(put(&gateway, "/users/ann/pins/B", "{\"pin\":\"deny\"}"), 409, "ambiguous");
    check(put(&gateway, "/users/bob/pins/none", "{\"pin\":\"deny\"}"), 404, "not-found");
    let change = |body: &str| patch(&gateway, "/api/v1/users/bob", body);
    check(change("{}"), 400, "bad-request");
    check(change("{\"display_name\":\" \"}"), 400, "bad-request");
    check(change("{\"display_name\":null,\"update_on_sign_on\":null}"), 400, "bad-request");
    check(change("{\"update_on_sign_on\":1}"), 422, "bad-request");
    check(delete(&gateway, "/users/nobody"), 404, "not-found");
    check(get(&gateway, "/api/v1/users/bob/preview"), 503, "unknown");
    check(get(&gateway, "/api/v1/audit?since=x"), 400, "bad-request");
    check(get(&gateway, "/api/v1/audit?cursor=-1"), 400, "bad-request");
    check(get(&gateway, "/api/v1/audit?after=18446744073709551615"), 400, "bad-request");
    check(get(&gateway, "/api/v1/groups?cursor=x"), 400, "bad-request");
    let wrong = agent()
        .post(format!("{}/api/v1/preview", gateway.url()))
        .header("Authorization", format!("Bearer {TOKEN}"))
        .send_json(json!({ "configuration": "colour = 1" }));
    check(answer(wrong), 400, "bad-request");
    assert!(get(&gateway, "/api/v1/audit").json()["items"].as_array().unwrap().is_empty());
    gateway.shelves.is_broken.store(true, Ordering::SeqCst);
    check(post(&gateway, "/api/v1/users/bob/enable"), 503, "store");
    gateway.shelves.is_broken.store(false, Ordering::SeqCst);
    let bob = get(&gateway, "/api/v1/users/bob").json();
    assert_eq!(bob["state"]["reasons"], json!(["admin"]));
}

#[test]
fn names_and_switches_of_a_user_are_set_shown_and_taken_back() {
    let gateway = gateway_with_people();
    let set = |body: &str| {
        let answer = patch(&gateway, "/api/v1/users/staff%2Fann", body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["user"].clone()
    };
    let ann = set("{\"display_name\":\"Dr. Ann\"}");
    assert_eq!(ann["display_name"], "Dr. Ann");
    assert_eq!(ann["upstream_display_name"], "Ann Ampere");
    assert_eq!(set("{\"display_name\":null}")["display_name"], "Ann Ampere");
    assert_eq!(set("{\"update_on_sign_on\":false}")["update_on_sign_on"], false);
    assert_eq!(set("{\"update_on_sign_on\":null}").get("update_on_sign_on"), None::<&Value>);
}

#[test]
fn an_explanation_has_grounds_and_misses() {
    let gateway = gateway_with_people();
    let told = get(&gateway, "/api/v1/users/staff%2Fann/explain").json();
    assert_eq!(told["observation"]["groups"], json!({ "unknown": "unreachable" }));
    let items = told["items"].as_array().unwrap();
    let of = |name: &str| items.iter().find(|item| item["group"]["id"] == name).unwrap();
    assert_eq!((&of("id-A")["member"], &of("id-C")["member"]), (&json!(true), &json!(false)));
    let ground = &of("id-A")["because"][0];
    assert_eq!(ground["path"][1], "cn=B,ou=groups,dc=example,dc=com");
    assert_eq!(ground["directory_says"], json!({ "unknown": "unreachable" }));
    assert_eq!(of("id-C")["why_not"][0]["what"], "pin-deny");
    assert_eq!(get(&gateway, "/api/v1/users/staff%2Fann/explain?group=none").status, 404);
}
