//! Few connections for many clients, and the limits that keep one client from taking all.

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask};
use crate::support::raw::Raw;
use crate::support::slapd::Slapd;
use crate::support::tap::Tap;
use crate::support::tree;

const UIDS: [&str; 6] = ["ann", "bob", "carol", "dave", "erin", "frank"];

fn gateway_with_connections(upstream: u16, limit: usize) -> Gateway {
    Gateway::configured(upstream, |settings, _| {
        settings.set("[[directory]]", "min_connections", "1");
        settings.set("[[directory]]", "max_connections", limit.to_string());
    })
}

#[test]
fn two_hundred_clients_that_only_bind_share_eight_connections() {
    let slapd = Slapd::start();
    let tap = Tap::before(slapd.port());
    let gateway = gateway_with_connections(tap.port(), 8);
    let mut clients: Vec<Raw> = (0..200).map(|_| gateway.connect()).collect();
    // All at once, so that most of them have to wait; then once more on the same connections.
    for _ in 0..2 {
        let ids: Vec<i64> = clients
            .iter_mut()
            .zip(UIDS.iter().cycle())
            .map(|(raw, uid)| {
                raw.start(&pdu::bind(&tree::person(uid), tree::password(uid).as_bytes()))
            })
            .collect();
        for (raw, id) in clients.iter_mut().zip(ids) {
            assert_eq!(raw.answers_to(id)[0].code(), 0);
        }
    }
    // The gateway's own look-ups and its probes have a few of their own.
    assert!(tap.connections() <= 8 + 8, "{} connections were made", tap.connections());
}

#[test]
fn a_session_whose_connection_was_taken_is_served_on_or_told_to_come_back() {
    let slapd = Slapd::start();
    let gateway = gateway_with_connections(slapd.port(), 1);
    let mut first = gateway.connect();
    assert_eq!(first.bind(&tree::person("ann"), "pw-ann"), 0);
    let mut second = gateway.connect();
    assert_eq!(second.bind(&tree::person("bob"), "pw-bob"), 0);
    // The one connection is bob's now. Ann's session must neither read as bob nor as nobody.
    first.start(&Ask::entry("uid=ann,ou=people,dc=example,dc=com").body());
    let answer = first.answer();
    match answer.notice() {
        Some(code) => assert_eq!(code, 52),
        None => assert_eq!(answer.entry().text("uid"), Some("ann")),
    }
}

#[test]
fn the_identity_of_a_given_back_connection_is_gone() {
    let slapd = Slapd::start();
    let gateway = gateway_with_connections(slapd.port(), 1);
    for _ in 0..10 {
        let mut ann = gateway.connect();
        assert_eq!(ann.bind(&tree::person("ann"), "pw-ann"), 0);
        drop(ann);
        let mut nobody = gateway.connect();
        let ask = Ask::entry("uid=bob,ou=people,dc=example,dc=com");
        assert!(nobody.search(&ask).0.is_empty());
        assert_eq!(nobody.bind(&tree::person("bob"), "wrong"), 49);
        assert!(nobody.search(&ask).0.is_empty());
    }
}

#[test]
fn more_clients_than_allowed_are_turned_away_and_come_in_later() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[listen]", "max_clients", "4");
    });
    let mut inside: Vec<Raw> = (0..4).map(|_| gateway.connect()).collect();
    for raw in &mut inside {
        assert_eq!(raw.bind(&tree::person("ann"), "pw-ann"), 0);
    }
    let mut outside = gateway.connect();
    assert_ne!(outside.try_bind(&tree::person("ann"), "pw-ann"), Some(0));
    drop((inside, outside));
    crate::support::eventually("there is room again", || {
        let mut raw = Raw::try_connect(gateway.port()).ok()?;
        (raw.try_bind(&tree::person("ann"), "pw-ann") == Some(0)).then_some(())
    });
}
