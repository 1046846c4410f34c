//! Accounts that are disabled, shut out, made anew, out of scope or gone, on a real directory (S4).
//!
//! Goal: whoever the directory or an admin lets go has no groups from then on, and comes back with
//! exactly those that the directory gives at that moment. Method: the directory is changed behind
//! the gateway's back, people sign on through it, and the gateway's commands tell what it knows. What
//! only an admin does is written into the store while the gateway is stopped.

mod support;

#[path = "accounts/barred.rs"]
mod barred;
#[path = "accounts/disabled.rs"]
mod disabled;
#[path = "accounts/given.rs"]
mod given;
#[path = "accounts/mass.rs"]
mod mass;
#[path = "accounts/others.rs"]
mod others;
#[path = "accounts/restricted.rs"]
mod restricted;
#[path = "accounts/unseen.rs"]
mod unseen;

use serde_json::Value;
use support::gateway::Gateway;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";

/// The names of the groups that count, sorted.
fn effective(user: &Value) -> Vec<String> {
    let memberships = user["memberships"].as_array().expect("a user has memberships");
    let counting = memberships.iter().filter(|row| row["effective"] == true);
    let mut names: Vec<String> =
        counting.map(|row| row["group"]["name"].as_str().unwrap_or("?").to_owned()).collect();
    names.sort();
    names
}

/// State and groups of a user.
#[track_caller]
fn expect(gateway: &Gateway, user: &str, reasons: &[&str], groups: &[&str]) {
    let user = gateway.user(user);
    assert_eq!(user["state"]["reasons"], serde_json::json!(reasons), "{user}");
    assert_eq!(user["state"]["active"], reasons.is_empty());
    assert_eq!(effective(&user), groups, "{user}");
}

/// Writes into the store of a gateway that is stopped meanwhile.
fn edit(gateway: &mut Gateway, sql: &str) {
    gateway.stop();
    let file = gateway.store().join("bindgate.sqlite");
    let store = rusqlite::Connection::open(file).expect("the store is there");
    store.execute_batch(sql).expect("the statement is right");
    drop(store);
    gateway.restart(|_| {});
}
