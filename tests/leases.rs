//! The model of the lease rules: a crowd of random clients on few connections to the directory,
//! with the gateway as it is shipped in between, over real sockets.
//!
//! Goal: no operation is ever seen under another identity than its client's, every request has
//! exactly one final answer or its connection ends with a notice, and afterwards nothing is left:
//! nobody waits, and every connection can be had again. Method: the directory is played here. It
//! knows as whom each of its connections is bound, and every search names, as its base, whom its
//! client takes itself for. Clients from some addresses guess and are held back. In a run of four
//! proxied authorisation is granted, in another until it is denied after a while. The directory holds answers back, breaks off and says goodbye at
//! random. A run's deeds are replayed by its seed; how they meet is the kernel's affair.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

#[path = "leases/client.rs"]
mod client;
#[path = "leases/dice.rs"]
mod dice;
#[path = "leases/directory.rs"]
mod directory;
#[path = "leases/tally.rs"]
mod tally;
#[path = "leases/wire.rs"]
mod wire;

use client::Crowd;
use directory::Stage;
use support::counts::{counted, seed};
use support::eventually;
use support::gateway::Gateway;
use support::pdu::{self, Ask};
use support::raw::Raw;
use tally::Tally;

/// The most exclusive connections to the directory.
const CONNECTIONS: usize = 64;
/// How many clients there are, all at a time.
const CLIENTS: u64 = 1000;

#[test]
fn no_operation_of_a_crowd_is_seen_as_somebody_elses_and_each_has_one_answer() {
    let seed = seed();
    let (clients, visits) = (CLIENTS, counted(2, 40));
    let tally = Tally::default();
    let stage = Stage::open(seed, tally.clone());
    let gateway = Gateway::configured(stage.port(), |settings, _| {
        settings.set("[log]", "level", "\"warn\"");
        settings.set("[[directory]]", "max_connections", CONNECTIONS.to_string());
        settings.set("[[directory]]", "queue_timeout", "\"60s\"");
        // Whoever guesses is held back soon, and for a while.
        settings.set("[throttle]", "failures", "10");
        settings.set("[throttle]", "half_life", "\"5s\"");
        settings.set("[throttle]", "binds_per_second", "200");
        settings.set("[throttle]", "max_waiting", "200");
    });
    Crowd { port: gateway.port(), seed, clients, visits, deeds: 10 }.act(&tally);
    println!("{tally}");
    tally.expect_sound();
    tally.expect_tried(clients);
    let throttled = counter(&gateway, "bindgate_throttles_total");
    println!("throttled {throttled} times");
    assert!(throttled > 0, "nobody was held back");
    eventually("every client is gone and nobody waits", || {
        let text = gateway.metrics();
        let is_zero = |name: &str| text.lines().any(|line| zero(line, name));
        (is_zero("bindgate_connections") && is_zero("bindgate_upstream_waiting")).then_some(())
    });
    stage.behave();
    every_connection_can_be_had(&gateway);
    tally.expect_sound();
}

/// What a counter without labels stands at.
fn counter(gateway: &Gateway, name: &str) -> u64 {
    let text = gateway.metrics();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().expect("it is a number"))
}

/// Whether a line of the metrics gives zero for that gauge.
fn zero(line: &str, name: &str) -> bool {
    let rest = line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '{']));
    rest.is_some_and(|rest| rest.ends_with(" 0"))
}

/// As many sessions as there are connections bind and search, and all keep what they have: a
/// lease that was lost would leave the last of them waiting.
fn every_connection_can_be_had(gateway: &Gateway) {
    let mut sessions: Vec<Raw> = (0..CONNECTIONS).map(|_| gateway.connect()).collect();
    for (number, raw) in sessions.iter_mut().enumerate() {
        let name = client::name_of(number as u64, 0);
        assert_eq!(raw.bind(&name, client::GOOD), 0);
        let ask = Ask { attributes: &[client::SURE], ..Ask::entry(&name) };
        assert_eq!(raw.code(&ask.body()), 0);
    }
    for raw in &mut sessions {
        assert_eq!(raw.code(&pdu::extended("1.3.6.1.4.1.4203.1.11.3", None)), 0);
    }
}
