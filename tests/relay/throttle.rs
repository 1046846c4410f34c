//! One address with wrong passwords, others with right ones, before a real directory.

use crate::support::gateway::Gateway;
use crate::support::pdu::Ask;
use crate::support::raw::Raw;
use crate::support::slapd::Slapd;
use crate::support::{eventually, tree};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const BUSY: u32 = 51;
const WRONG_PASSWORD: u32 = 49;

fn gateway(slapd: &Slapd) -> Gateway {
    Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[[directory]]", "max_connections", "8");
        settings.set("[throttle]", "failures", "20");
        settings.set("[throttle]", "max_waiting", "4");
        settings.set("[throttle]", "queue_timeout", "\"1s\"");
    })
}

/// Binds with wrong passwords as fast as answers come, until it is told to stop; gives the codes.
fn attack(port: u16, stop: &AtomicBool) -> Vec<u32> {
    let mut raw = Raw::try_connect_from(ATTACKER, port).expect("the gateway takes connections");
    let mut codes = Vec::new();
    while !stop.load(Ordering::Relaxed) && codes.len() < 100_000 {
        codes.push(raw.bind(&tree::person("bob"), "wrong"));
    }
    codes
}

#[test]
fn a_source_with_wrong_passwords_is_held_back_and_the_others_sign_on() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    let stop = AtomicBool::new(false);
    let codes = thread::scope(|scope| {
        let attackers: Vec<_> =
            (0..16).map(|_| scope.spawn(|| attack(gateway.port(), &stop))).collect();
        eventually("the attacker is held back", || {
            gateway.log().contains("THROTTLE source=127.0.0.2 begins").then_some(())
        });
        let mut others: Vec<Raw> = (0..6).map(|_| gateway.connect()).collect();
        for _ in 0..5 {
            for raw in &mut others {
                assert_eq!(raw.bind(&tree::person("ann"), "pw-ann"), 0);
            }
        }
        // A search keeps a connection for good, so these six have theirs for themselves.
        for raw in &mut others {
            let ask = Ask::entry("uid=ann,ou=people,dc=example,dc=com");
            assert_eq!(raw.search(&ask).1, 0);
        }
        stop.store(true, Ordering::Relaxed);
        attackers.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(codes.contains(&BUSY), "nothing was refused");
    assert!(codes.iter().all(|code| [BUSY, WRONG_PASSWORD].contains(code)), "{codes:?}");
    assert_eq!(gateway.log().matches("THROTTLE source").count(), 1, "one line for its beginning");
    let metrics = gateway.metrics();
    for line in ["bindgate_throttles_total 1", "bindgate_throttled_sources 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line}");
    }
    // The attacker's own right password is slower, and right.
    let mut late = Raw::try_connect_from(ATTACKER, gateway.port()).unwrap();
    eventually("its turn comes", || {
        (late.bind(&tree::person("carol"), tree::password("carol")) == 0).then_some(())
    });
}

#[test]
fn a_throttle_that_is_off_holds_nobody_back() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[throttle]", "enabled", "false");
        settings.set("[throttle]", "failures", "3");
    });
    let mut raw = gateway.connect();
    for _ in 0..50 {
        assert_eq!(raw.bind(&tree::person("bob"), "wrong"), WRONG_PASSWORD);
    }
    assert!(!gateway.log().contains("THROTTLE"));
}
