//! Behind the real HAProxy, which tells by the PROXY protocol whom it speaks for.

use crate::support::gateway::Gateway;
use crate::support::haproxy::Haproxy;
use crate::support::slapd::Slapd;
use crate::support::{eventually, tree};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// All come by the same balancer.
const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

const WRONG_PASSWORD: u32 = 49;
const BUSY: u32 = 51;

#[test]
fn a_source_that_fails_behind_haproxy_does_not_hold_back_another_behind_the_same() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[listen]", "proxy_protocol", "[\"127.0.0.1\"]");
        settings.set("[[directory]]", "max_connections", "8");
        settings.set("[throttle]", "max_waiting", "1");
        settings.set("[throttle]", "queue_timeout", "\"1s\"");
    });
    let balancer = Haproxy::before(&[gateway.port()], "send-proxy-v2");
    let stop = AtomicBool::new(false);
    let attack = || {
        let mut raw = balancer.connect_from(ATTACKER);
        let mut codes = Vec::new();
        while !stop.load(Ordering::Relaxed) && codes.len() < 100_000 {
            codes.push(raw.bind(&tree::person("bob"), "wrong"));
        }
        codes
    };
    let codes = thread::scope(|scope| {
        let attackers: Vec<_> = (0..8).map(|_| scope.spawn(attack)).collect();
        eventually("the attacker is held back", || {
            gateway.log().contains("THROTTLE source=127.0.0.2 begins").then_some(())
        });
        let mut neighbour = balancer.connect_from(NEIGHBOUR);
        for _ in 0..20 {
            assert_eq!(neighbour.bind(&tree::person("ann"), "pw-ann"), 0);
        }
        stop.store(true, Ordering::Relaxed);
        attackers.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(codes.contains(&BUSY), "nothing was refused");
    assert!(codes.iter().all(|code| [BUSY, WRONG_PASSWORD].contains(code)), "{codes:?}");
    let log = gateway.log();
    assert!(log.contains("ACCEPT from 127.0.0.3:"), "the balancer tells of its clients");
    assert_eq!(log.matches("THROTTLE source").count(), 1, "nobody else is held back");
}
