//! Sessions of real clients: seen as they are, and ended with a notice.

use crate::support::certs::{self, Authority};
use crate::support::eventually;
use crate::support::folder::TestFolder;
use crate::support::gateway::Gateway;
use crate::support::slapd::Slapd;
use crate::{ANN, BOB};
use serde_json::Value;

/// Those who are bound as somebody, or as nobody: by name and whether over TLS, sorted.
fn listed(gateway: &Gateway) -> Vec<(Option<String>, bool)> {
    let page = gateway.json("/api/v1/sessions");
    let items = page["items"].as_array().expect("a list has items");
    let name = |session: &Value| session["name"].as_str().map(str::to_owned);
    let mut all: Vec<_> =
        items.iter().map(|session| (name(session), session["tls"] == true)).collect();
    all.sort();
    all
}

#[track_caller]
fn comes_to_list(gateway: &Gateway, expected: &[(Option<&str>, bool)]) {
    let mut expected: Vec<_> =
        expected.iter().map(|(name, tls)| (name.map(str::to_owned), *tls)).collect();
    expected.sort();
    eventually("the sessions are listed", || (listed(gateway) == expected).then_some(()));
}

#[test]
fn a_session_is_listed_as_whom_its_last_bind_made_it_and_no_longer_than_it_lasts() {
    let slapd = Slapd::start();
    let mut client = None;
    let gateway = Gateway::configured(slapd.port(), |settings, folder: &TestFolder| {
        let authority = Authority::make(folder, "authority");
        settings.add_start_tls(&authority.for_loopback(folder, "gateway"));
        client = Some(certs::client(&authority.file));
    });
    let mut session = gateway.connect();
    comes_to_list(&gateway, &[(None, false)]);
    assert_eq!(session.bind(ANN, "pw-ann"), 0);
    comes_to_list(&gateway, &[(Some(ANN), false)]);
    assert_eq!(session.bind(BOB, "wrong"), 49);
    comes_to_list(&gateway, &[(None, false)]);
    assert_eq!(session.bind(BOB, "pw-bob"), 0);
    let mut other = gateway.connect();
    let client = client.expect("it was configured");
    other.start_tls(&client);
    comes_to_list(&gateway, &[(Some(BOB), false), (None, true)]);
    assert_eq!(other.bind(ANN, "pw-ann"), 0);
    comes_to_list(&gateway, &[(Some(BOB), false), (Some(ANN), true)]);
    drop(session);
    comes_to_list(&gateway, &[(Some(ANN), true)]);
    drop(other);
    comes_to_list(&gateway, &[]);
}

#[test]
fn a_session_that_is_ended_gets_a_notice_and_others_go_on() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut ended = gateway.connect();
    let mut other = gateway.connect();
    assert_eq!(ended.bind(ANN, "pw-ann"), 0);
    assert_eq!(other.bind(BOB, "pw-bob"), 0);
    let page = gateway.json("/api/v1/sessions?q=uid%3Dann");
    let id = page["items"][0]["id"].as_str().expect("it is listed").to_owned();
    assert_eq!(page["total"], 1);
    let said = gateway.command(&["session", "end", &id]).expect_code(0);
    assert!(said.contains(ANN), "{said}");
    assert_eq!(ended.closing_notice(), 52);
    assert_eq!(other.bind(BOB, "pw-bob"), 0, "nobody else is disturbed");
    comes_to_list(&gateway, &[(Some(BOB), false)]);
    gateway.command(&["session", "end", &id]).expect_code(1);
    gateway.comes_to_count("bindgate_closed_total{reason=\"ended\"} 1");
    let row = &gateway.audit()[0];
    assert_eq!((&row["action"], &row["actor"]), (&"session-ended".into(), &"admin".into()));
}
