//! What was counted lately.

use crate::fake::Gateway;
use crate::get;
use bindgate::app::events::{BindSpent, ConnectionId, Event};
use bindgate::app::ports::Events;
use bindgate::proto::result::ResultCode;
use serde_json::json;
use std::time::Duration;

fn bind(elapsed: Duration) -> Event<'static> {
    let (conn, code) = (ConnectionId(1), ResultCode::SUCCESS);
    let spent = BindSpent { upstream: Some(elapsed / 2), sign_on: None };
    Event::Bind { conn, op: 0, directory: "corp", name: b"uid=ann", code, elapsed, spent }
}

#[test]
fn figures_tell_what_was_counted_by_steps_of_time() {
    let gateway = Gateway::start();
    let step = |query: &str| get(&gateway, &format!("/api/v1/figures{query}")).json();
    assert_eq!(step("")["items"][0]["binds"], json!({}));
    gateway.telemetry.emit(&bind(Duration::from_millis(2)));
    for (query, seconds) in [("", 60), ("?step=minute", 60), ("?step=quarter", 900)] {
        let found = step(query);
        assert_eq!(found["step_seconds"], seconds, "{query}");
        let [item] = &found["items"].as_array().unwrap()[..] else { panic!("{found}") };
        assert_eq!(item["at"], "2026-01-01T00:00:00Z");
        assert_eq!(item["binds"], json!({ "success": 1 }));
        assert_eq!(item["bind_seconds"]["count"], 1);
        assert_eq!(item["bind_seconds"]["mean"], 0.002);
        let none = json!({ "count": 0, "mean": null, "median": null, "p95": null });
        assert_eq!(item["sign_on_seconds"], none);
        let parts = &item["bind_parts"];
        assert_eq!(parts["sign_on"], none);
        for part in ["upstream", "gateway"] {
            assert_eq!(parts[part]["count"], 1, "{part}");
            assert_eq!(parts[part]["mean"], 0.001, "{part}");
        }
    }
    assert_eq!(get(&gateway, "/api/v1/figures?step=hour").status, 400);
}
