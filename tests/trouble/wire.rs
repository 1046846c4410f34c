//! A real slapd behind a proxy that breaks connections: sessions end as they should, and afterwards
//! everything is as it was.

use super::proxy::{Fault, Proxy};
use super::support::gateway::Gateway;
use super::support::pdu::{self, Ask};
use super::support::raw::Raw;
use super::support::settings::Settings;
use super::support::slapd::Slapd;
use super::support::{eventually, tree};
use std::net::TcpListener;
use std::time::{Duration, Instant};

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const BOB: &str = "uid=bob,ou=people,dc=example,dc=com";

/// The gateway's time-outs here; what is bounded by them may take a few of them.
const TIMEOUT: &str = "\"500ms\"";
const BOUNDED: Duration = Duration::from_secs(8);

fn quick(settings: &mut Settings) {
    for key in ["bind_timeout", "connect_timeout", "search_timeout"] {
        settings.set("[[directory]]", key, TIMEOUT);
    }
    // Few connections are kept, so that one that is lost track of shows.
    settings.set("[[directory]]", "min_connections", "2");
    settings.set("[[directory]]", "max_ahead", "0");
    settings.set("[[directory]]", "idle_timeout", "\"1s\"");
    // A record that waits for a broken directory is not what these tests are about.
    settings.set("[sign_on]", "budget", TIMEOUT);
}

fn urls(settings: &mut Settings, ports: &[u16]) {
    let list: Vec<String> =
        ports.iter().map(|port| format!("\"ldap://127.0.0.1:{port}\"")).collect();
    settings.set("[[directory]]", "urls", format!("[{}]", list.join(", ")));
    settings.set("[[directory]]", "server_choice", "\"spread\"");
}

/// The value of a metric, labels left out, summed over them.
fn metric(gateway: &Gateway, name: &str) -> f64 {
    let text = gateway.metrics();
    let values = text
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
    values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// A bind, which is answered within the bounded time, or its connection is closed.
fn bind_in_time(gateway: &Gateway, dn: &str, password: &str) -> Option<u32> {
    let began = Instant::now();
    let code = gateway.connect().try_bind(dn, password);
    assert!(began.elapsed() < BOUNDED, "a bind took {:?}", began.elapsed());
    code
}

/// What there is once nobody is connected: no client, nobody who waits, and binds that work.
fn is_as_before(gateway: &Gateway) {
    eventually("binds work again", || {
        (bind_in_time(gateway, ANN, "pw-ann") == Some(0)).then_some(())
    });
    eventually("the gauges are as before", || {
        let clients = metric(gateway, "bindgate_connections");
        let waiting = metric(gateway, "bindgate_upstream_waiting");
        let kept = metric(gateway, "bindgate_upstream_connections");
        (clients == 0.0 && waiting == 0.0 && kept == 2.0).then_some(())
    });
    assert_eq!(bind_in_time(gateway, BOB, "wrong"), Some(49));
}

#[test]
fn each_fault_of_the_wire_ends_what_is_under_way_and_nothing_else() {
    let slapd = Slapd::start();
    let proxy = Proxy::before(slapd.port());
    let gateway = Gateway::configured(proxy.port, |settings, _| quick(settings));
    for fault in [Fault::Cut, Fault::Reset, Fault::Half, Fault::Corrupt, Fault::HalfClose] {
        println!("{fault:?}");
        let mut searching = gateway.connect();
        assert_eq!(searching.bind(ANN, "pw-ann"), 0, "{fault:?}");
        let mut several = gateway.connect();
        assert_eq!(several.bind(BOB, "pw-bob"), 0, "{fault:?}");
        proxy.set(fault);
        let search = searching.start(&Ask::entry(ANN).body());
        let refused = searching.answer();
        assert_eq!((refused.id(), refused.code()), (search, 52), "{fault:?}");
        assert_eq!(searching.closing_notice(), 52, "{fault:?}");
        // In one piece: the first answer ends the session.
        let compare = pdu::message(2, &pdu::compare(BOB, "uid", b"bob"));
        several.send(&[compare, pdu::message(3, &Ask::entry(BOB).body())].concat());
        for id in [2, 3] {
            let refused = several.answer();
            assert_eq!((refused.id(), refused.code()), (id, 52), "{fault:?}");
        }
        assert_eq!(several.closing_notice(), 52, "{fault:?}");
        // A bind is unavailable, or finds the gateway's own end; never a success.
        let code = bind_in_time(&gateway, ANN, "pw-ann");
        assert_eq!(code, Some(52), "{fault:?}");
        proxy.set(Fault::None);
        is_as_before(&gateway);
    }
}

#[test]
fn a_directory_that_is_slow_is_waited_for_and_one_that_is_silent_only_so_long() {
    let slapd = Slapd::start();
    let proxy = Proxy::before(slapd.port());
    let gateway = Gateway::configured(proxy.port, |settings, _| quick(settings));
    proxy.set(Fault::Delay(Duration::from_millis(20)));
    assert_eq!(bind_in_time(&gateway, ANN, "pw-ann"), Some(0));
    proxy.set(Fault::Stall);
    let began = Instant::now();
    let mut crowd: Vec<Raw> = (0..20).map(|_| gateway.connect()).collect();
    let bind = pdu::bind(ANN, b"pw-ann");
    let asked: Vec<i64> = crowd.iter_mut().map(|client| client.start(&bind)).collect();
    for (client, id) in crowd.iter_mut().zip(asked) {
        assert_eq!(client.answers_to(id)[0].code(), 52);
        assert_eq!(client.code(&pdu::extended("1.3.6.1.4.1.4203.1.11.3", None)), 0, "it goes on");
    }
    assert!(began.elapsed() < BOUNDED, "they waited one after another: {:?}", began.elapsed());
    drop(crowd);
    proxy.set(Fault::None);
    is_as_before(&gateway);
}

/// Connections die while they lie idle, as when a directory restarts.
#[test]
fn connections_that_died_in_the_pool_are_replaced_and_no_bind_is_lost() {
    let slapd = Slapd::start();
    let proxy = Proxy::before(slapd.port());
    let gateway = Gateway::configured(proxy.port, |settings, _| quick(settings));
    for _ in 0..5 {
        assert_eq!(bind_in_time(&gateway, ANN, "pw-ann"), Some(0));
        proxy.cut_all();
        assert_eq!(bind_in_time(&gateway, BOB, "pw-bob"), Some(0));
    }
    is_as_before(&gateway);
}

#[test]
fn of_two_servers_one_carries_all_while_the_other_is_away_and_gets_its_share_afterwards() {
    let slapd = Slapd::start();
    let (first, second) = (Proxy::before(slapd.port()), Proxy::before(slapd.port()));
    let gateway = Gateway::configured(first.port, |settings, _| {
        quick(settings);
        urls(settings, &[first.port, second.port]);
    });
    // Held at once, so that each has a connection of its own.
    let hold = |count: usize| -> Vec<Raw> {
        (0..count)
            .map(|_| {
                let mut client = gateway.connect();
                assert_eq!(client.bind(ANN, "pw-ann"), 0);
                assert_eq!(client.search(&Ask::entry(ANN)).1, 0);
                client
            })
            .collect()
    };
    let held = hold(12);
    assert!(first.accepted() > 3 && second.accepted() > 3, "they share");
    drop(held);
    first.set(Fault::Stall);
    // At most those who are given a warm connection to it find out.
    eventually("binds work by the other alone", || {
        let codes: Vec<_> = (0..6).map(|_| bind_in_time(&gateway, BOB, "pw-bob")).collect();
        (codes == [Some(0); 6]).then_some(())
    });
    drop(hold(6));
    assert!(gateway.log().contains("it does not answer"), "the log tells of it");
    first.set(Fault::None);
    eventually("the log tells that it is back", || {
        let up = format!("url=\"ldap://127.0.0.1:{}\" up", first.port);
        gateway.log().contains(&up).then_some(())
    });
    let before = first.accepted();
    drop(hold(12));
    eventually("it gets clients again", || (first.accepted() > before).then_some(()));
    is_as_before(&gateway);
}

#[test]
fn a_server_that_refuses_costs_nobody_anything_while_there_is_another() {
    let slapd = Slapd::start();
    // Bound and not listened on, so that nobody else takes the port.
    let refusing =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    refusing.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    let port = refusing.local_addr().unwrap().as_socket().unwrap().port();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        quick(settings);
        urls(settings, &[port, slapd.port()]);
    });
    for _ in 0..10 {
        assert_eq!(bind_in_time(&gateway, ANN, "pw-ann"), Some(0));
    }
    assert_eq!(metric(&gateway, "bindgate_upstream_servers_down"), 1.0);
    is_as_before(&gateway);
}

/// A server that takes connections and answers nothing at all.
#[test]
fn a_dead_server_costs_each_bind_a_bounded_time_and_other_clients_nothing() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = dead.local_addr().unwrap().port();
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        quick(settings);
        urls(settings, &[port, slapd.port()]);
    });
    let mut waiting: Vec<Raw> = (0..40).map(|_| gateway.connect()).collect();
    let bind = pdu::bind(&tree::person("carol"), b"pw-carol");
    let asked: Vec<i64> = waiting.iter_mut().map(|client| client.start(&bind)).collect();
    // Meanwhile the gateway's workers answer what needs no directory.
    let mut other = gateway.connect();
    let began = Instant::now();
    assert_eq!(other.code(&pdu::extended("1.3.6.1.4.1.4203.1.11.3", None)), 0);
    assert!(began.elapsed() < Duration::from_secs(2), "the workers are busy with a dead server");
    for (client, id) in waiting.iter_mut().zip(asked) {
        let code = client.answers_to(id)[0].code();
        assert!(matches!(code, 0 | 52), "{code}");
    }
    assert!(began.elapsed() < BOUNDED, "{:?}", began.elapsed());
    drop((waiting, other));
    is_as_before(&gateway);
    drop(dead);
}
