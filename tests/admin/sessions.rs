//! Clients that are connected: listed, found, and ended with a row of the audit first.

use crate::fake::{Gateway, TOKEN};
use crate::{Answer, agent, answer, get};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

fn end(gateway: &Gateway, id: &str) -> Answer {
    let request = agent()
        .delete(format!("{}/api/v1/sessions/{id}", gateway.url()))
        .header("Authorization", format!("Bearer {TOKEN}"));
    answer(request.call())
}

#[test]
fn sessions_are_listed_a_page_at_a_time_with_who_they_are() {
    let gateway = Gateway::start();
    *gateway.watched.connected.lock().unwrap() = vec![3, 2, 10];
    let page = |query: &str| get(&gateway, &format!("/api/v1/sessions?{query}")).json();
    let ids = |page: &Value| {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|session| session["id"].clone()).collect::<Vec<_>>()
    };
    let first = page("limit=2");
    assert_eq!(
        (ids(&first), &first["next"], &first["total"]),
        (vec![json!("2"), json!("3")], &json!("3"), &json!(3),)
    );
    let expected = json!({
        "id": "2", "peer": "10.0.0.7:4000", "tls": true, "since": "2025-12-31T23:59:58Z",
        "name": "uid=ann,dc=x",
    });
    assert_eq!(first["items"][0], expected);
    let rest = page("limit=2&cursor=3");
    assert_eq!((ids(&rest), &rest["next"]), (vec![json!("10")], &Value::Null));
    assert_eq!(ids(&page("q=ANN")), [json!("2"), json!("10")]);
    assert_eq!(ids(&page("bound=false")), [json!("3")]);
    assert_eq!(get(&gateway, "/api/v1/sessions?cursor=x").status, 400);
}

#[test]
fn a_session_is_ended_once_and_not_without_a_row_of_the_audit() {
    let gateway = Gateway::start();
    *gateway.watched.connected.lock().unwrap() = vec![2, 3];
    gateway.shelves.is_broken.store(true, Ordering::SeqCst);
    assert_eq!(end(&gateway, "2").status, 503);
    assert_eq!(*gateway.watched.connected.lock().unwrap(), [2, 3]);
    gateway.shelves.is_broken.store(false, Ordering::SeqCst);
    assert_eq!(end(&gateway, "2").json()["name"], "uid=ann,dc=x");
    for id in ["2", "x", "-1", "99999999999999999999999"] {
        assert_eq!(end(&gateway, id).status, 404, "{id}");
    }
    assert_eq!(*gateway.watched.connected.lock().unwrap(), [3]);
    let rows = get(&gateway, "/api/v1/audit").json();
    let row = &rows["items"][0];
    assert_eq!((&row["action"], &row["actor"]), (&json!("session-ended"), &json!("admin")));
    assert_eq!(row["detail"], "client 2 from 10.0.0.7:4000, bound as \"uid=ann,dc=x\"");
    assert_eq!(rows["items"].as_array().unwrap().len(), 1);
}
