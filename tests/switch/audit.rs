//! The audit as an operator reads it: with filters, and as it happens.

use crate::ANN;
use crate::support::gateway::{BINDGATE, Gateway};
use crate::support::slapd::Slapd;
use crate::support::{eventually, tree};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[track_caller]
fn rows(gateway: &Gateway, args: &[&str]) -> Vec<Value> {
    let all: Vec<&str> = ["audit", "--json"].into_iter().chain(args.iter().copied()).collect();
    let answer: Value = serde_json::from_str(&gateway.command(&all).expect_code(0)).expect("JSON");
    answer["items"].as_array().expect("a list has items").clone()
}

#[test]
fn rows_are_found_by_user_cause_action_actor_and_time() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    for user in ["ann", "bob"] {
        assert_eq!(gateway.sign_on(&tree::person(user), tree::password(user)), 0);
    }
    gateway.command(&["user", "pin", "ann", "A", "deny"]).expect_code(0);
    assert_eq!(rows(&gateway, &[]).len(), 3);
    assert_eq!(rows(&gateway, &["--user", "ann"]).len(), 2);
    assert_eq!(rows(&gateway, &["--cause", "sign-on"]).len(), 2);
    assert_eq!(rows(&gateway, &["--actor", "admin"]).len(), 1);
    assert_eq!(rows(&gateway, &["--since", "2100-01-01T00:00:00Z"]).len(), 0);
    assert_eq!(rows(&gateway, &["--until", "2100-01-01T00:00:00Z"]).len(), 3);
    let pinned = rows(&gateway, &["--user", "ann", "--action", "pinned"]);
    let change = &pinned[0]["changes"][0];
    assert_eq!((&change["provenance"], &change["name"]), (&"pin-deny".into(), &"A".into()));
    assert_eq!(change["before"].as_array().map(Vec::len), Some(0));
    let table = gateway.command(&["audit", "--limit", "1"]).expect_code(0);
    assert!(table.contains("pinned") && table.contains("--cursor"), "{table}");
    gateway.command(&["audit", "--user", "nobody"]).expect_code(1);
    gateway.command(&["audit", "--since", "yesterday"]).expect_code(64);
    gateway.command(&["audit", "--follow", "--limit", "1"]).expect_code(64);
}

#[test]
fn unknowns_are_joined_per_user_reason_and_minute() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let moved = crate::support::pdu::modify_dn(tree::GROUPS, "ou=moved", None);
    assert_eq!(slapd.admin().code(&moved), 0);
    for _ in 0..5 {
        assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    }
    let unknown = eventually("the audit tells of it", || {
        let unknown = rows(&gateway, &["--action", "unknown", "--user", "ann"]);
        (!unknown.is_empty()).then_some(unknown)
    });
    // A minute may end in between.
    assert!(unknown.len() <= 2, "{unknown:?}");
    assert_eq!(unknown[0]["observation"], "no-such-base");
    assert_eq!(unknown[0]["cause"], "sign-on");
}

#[test]
fn who_follows_is_told_each_row_as_it_comes_also_over_a_restart() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let mut follower = Command::new(BINDGATE)
        .args(["audit", "--follow", "--json"])
        .env("BINDGATE_ADMIN_URL", gateway.admin_url())
        .env("BINDGATE_ADMIN_TOKEN_FILE", gateway.folder().file("admin.token"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let (told, lines) = std::sync::mpsc::channel();
    let stdout = follower.stdout.take().expect("it is piped");
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = told.send(serde_json::from_str::<Value>(&line).expect("a row is JSON"));
        }
    });
    // Until the follower is there, it may have missed some; from then on it misses none.
    let mut number = 0;
    let first = eventually("the follower is told", || {
        number += 1;
        let name = format!("name {number}");
        gateway.command(&["user", "name", "ann", &name]).expect_code(0);
        lines.recv_timeout(std::time::Duration::from_millis(200)).ok()
    });
    assert_eq!((&first["action"], &first["cause"]), (&"named".into(), &"admin".into()));
    gateway.stop();
    gateway.restart(|_| {});
    assert_eq!(gateway.sign_on(&tree::person("bob"), "pw-bob"), 0);
    let mut last = first["sequence"].as_i64().expect("a row has a number");
    loop {
        let row = lines.recv_timeout(crate::support::PATIENCE).expect("rows go on");
        let sequence = row["sequence"].as_i64().expect("a row has a number");
        assert_eq!(sequence, last + 1, "none is left out, none is told twice");
        last = sequence;
        if row["action"] == "created" && row["user"]["name"] == "bob" {
            break;
        }
    }
    follower.kill().expect("it runs");
    let _ = follower.wait();
    reader.join().expect("it reads what it is told");
}
