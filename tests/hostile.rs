//! Hostile clients over sockets: what they hold they hold only for as long as they stay.
//!
//! Goal: while they are at it others are served, and afterwards the gateway has as many
//! descriptors as before and no more memory than after the first times. Method: the same attack
//! again and again, everything at once, against the gateway as it is shipped; in the middle of it
//! and afterwards a user signs on.

mod support;

#[path = "hostile/attack.rs"]
mod attack;

use attack::Attack;
use support::counts::{counted, seed};
use support::gateway::Gateway;
use support::pdu::Ask;
use support::resources::{descriptor_limit, descriptors, resident};
use support::stand_in::StandIn;
use support::{eventually, tree};

/// How many connections the gateway has to the directory, at least and at most: as many before an
/// attack as after it.
const CONNECTIONS: usize = 16;
/// How many clients a flood has, where the limit of descriptors lets them in.
const FLOOD: usize = 2000;
/// How much more memory, in KiB, may be resident after attacks than before the first.
const GROWTH: u64 = 64 * 1024;

#[test]
fn after_an_attack_a_bind_works_at_once_and_memory_and_descriptors_are_as_before() {
    let stand_in = StandIn::start(attack::directory);
    let gateway = Gateway::configured(stand_in.port(), |settings, _| {
        settings.set("[log]", "level", "\"warn\"");
        settings.set("[[directory]]", "min_connections", CONNECTIONS.to_string());
        settings.set("[[directory]]", "max_connections", CONNECTIONS.to_string());
        // What a client leaves unread is memory while it stays, and the allocator's afterwards.
        settings.set("[listen]", "max_unread", "\"256KiB\"");
        // Connections for look-ups that a crowd had opened go after this time.
        settings.set("[[directory]]", "idle_timeout", "\"1s\"");
    });
    let attack = Attack::new(&gateway, seed(), FLOOD.min(descriptor_limit() / 4));
    greet(&gateway);
    let open = settled(&gateway);
    let quiet = resident(gateway.process());
    let rounds = counted(8, 100);
    let (mut warm, mut most) = (0, 0);
    for round in 0..rounds {
        attack.run(round);
        assert_eq!(gateway.sign_on(&tree::person("ann"), "pw-ann"), 0);
        eventually(&format!("no more than {open} descriptors are left"), || {
            (settled(&gateway) <= open).then_some(())
        });
        let now = resident(gateway.process());
        println!("round {round}: {open} descriptors, {now} KiB");
        // The first ones grow what stays grown: tables, and each worker's arena of the allocator,
        // which depends on how many clients the kernel gave to whom.
        if round < rounds / 2 {
            warm = now.max(warm);
        }
        most = now.max(most);
    }
    assert!(most <= warm + warm / 10, "{warm} KiB after half of the rounds, then {most} KiB");
    assert!(most <= quiet + GROWTH, "{quiet} KiB in the quiet, then {most} KiB");
}

/// Makes the gateway open, on every worker, what it keeps open.
fn greet(gateway: &Gateway) {
    for _ in 0..32 {
        let mut raw = gateway.connect();
        assert_eq!(raw.search(&Ask::entry("")).1, 0);
        assert_eq!(raw.bind(&tree::person("ann"), "pw-ann"), 0);
    }
}

/// The open descriptors once nobody is connected any more.
fn settled(gateway: &Gateway) -> usize {
    let connections = format!("bindgate_upstream_connections{{directory=\"corp\"}} {CONNECTIONS}");
    eventually("every client is gone", || {
        let text = gateway.metrics();
        let has = |line: &str| text.lines().any(|other| other == line);
        (has("bindgate_connections 0") && has(&connections)).then_some(())
    });
    descriptors(gateway.process())
}
