//! Behind the real HAProxy, which tells by the PROXY protocol whom it speaks for.

use crate::support::folder::{TestFolder, free_port};
use crate::support::gateway::Gateway;
use crate::support::process::Process;
use crate::support::raw::Raw;
use crate::support::slapd::Slapd;
use crate::support::{eventually, tree};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const HAPROXY: &str = "/usr/sbin/haproxy";
const HINT: &str = "haproxy is missing: run `make test`, or `apt-get install haproxy`";

/// All come by the same balancer.
const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

const WRONG_PASSWORD: u32 = 49;
const BUSY: u32 = 51;

/// A running HAProxy before a server on loopback.
struct Balancer {
    port: u16,
    _process: Process,
    _folder: TestFolder,
}

impl Balancer {
    fn before(server: u16) -> Self {
        assert!(Path::new(HAPROXY).exists(), "{HINT}");
        let (port, folder) = (free_port(), TestFolder::new("haproxy"));
        let text = format!(
            "defaults\n mode tcp\n timeout connect 10s\n timeout client 60s\n timeout server 60s\n\
             listen ldap\n bind 127.0.0.1:{port}\n server one 127.0.0.1:{server} send-proxy-v2\n"
        );
        let config = folder.write("haproxy.cfg", text).display().to_string();
        let (log, arguments) = (folder.file("haproxy.log"), ["-db", "-f", &config]);
        let process = Process::start("haproxy", Path::new(HAPROXY), &arguments, &log);
        eventually("haproxy listens", || Raw::try_connect(port).ok());
        Self { port, _process: process, _folder: folder }
    }

    fn connect_from(&self, client: Ipv4Addr) -> Raw {
        Raw::try_connect_from(client, self.port).expect("haproxy takes connections")
    }
}

#[test]
fn a_source_that_fails_behind_haproxy_does_not_hold_back_another_behind_the_same() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[listen]", "proxy_protocol", "[\"127.0.0.1\"]");
        settings.set("[[directory]]", "max_connections", "8");
        settings.set("[throttle]", "max_waiting", "1");
        settings.set("[throttle]", "queue_timeout", "\"1s\"");
    });
    let balancer = Balancer::before(gateway.port());
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
