//! Who is let in, under which address, and how long somebody may take at the door.

use crate::support::certs::Certificate;
use crate::support::folder::TestFolder;
use crate::support::gateway::{BINDGATE, Gateway};
use crate::support::pdu::{self, Ask};
use crate::support::process::Process;
use crate::support::raw::Raw;
use crate::support::settings::Settings;
use crate::support::slapd::Slapd;
use crate::support::{eventually, tree};
use rustls::pki_types::pem::PemObject;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const PROTOCOL_ERROR: u32 = 2;
const ADMIN_LIMIT_EXCEEDED: u32 = 11;
const BUSY: u32 = 51;
const UNAVAILABLE: u32 = 52;

/// A header that names a client at 192.0.2.`last`, with a field behind the addresses.
fn header(last: u8) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10".to_vec();
    header.extend_from_slice(&[192, 0, 2, last, 127, 0, 0, 1, 0x12, 0x67, 1, 0x85, 4, 0, 1, 0]);
    header
}

fn behind_a_balancer(slapd: &Slapd, network: &'static str) -> Gateway {
    Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[listen]", "proxy_protocol", format!("[\"{network}\"]"));
        settings.set("[listen]", "require_confidentiality", "false");
    })
}

#[track_caller]
fn counted(gateway: &Gateway, line: &str) {
    eventually(line, || gateway.metrics().lines().any(|found| found == line).then_some(()));
}

#[test]
fn a_client_behind_a_balancer_is_known_by_the_address_that_the_balancer_tells() {
    let slapd = Slapd::start();
    let gateway = behind_a_balancer(&slapd, "127.0.0.1");
    let bind = pdu::message(1, &pdu::bind(ANN, b"pw-ann"));
    let mut at_once = gateway.connect();
    at_once.send(&[header(7), bind.clone()].concat());
    assert_eq!(at_once.answer().code(), 0);
    let mut in_pieces = gateway.connect();
    [header(8), bind].concat().into_iter().for_each(|byte| in_pieces.send(&[byte]));
    assert_eq!(in_pieces.answer().code(), 0);
    // The balancer's own look at the gateway.
    let mut local = gateway.connect();
    local.send(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    assert_eq!(local.bind(ANN, "pw-ann"), 0);
    let log = gateway.log();
    for peer in ["192.0.2.7:4711", "192.0.2.8:4711", "127.0.0.1:"] {
        assert!(log.contains(&format!("ACCEPT from {peer}")), "{peer}");
    }
}

#[test]
fn a_balancers_connection_without_a_header_is_closed_and_counted() {
    let slapd = Slapd::start();
    let gateway = behind_a_balancer(&slapd, "127.0.0.0/8");
    let mut without = gateway.connect();
    without.send(&pdu::message(1, &pdu::bind(ANN, b"pw-ann")));
    without.expect_end();
    let mut first_version = gateway.connect();
    first_version.send(b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 389\r\n");
    first_version.expect_end();
    counted(&gateway, "bindgate_closed_total{reason=\"proxy-header\"} 2");
    // One that only looks whether somebody listens is no fault.
    drop(gateway.connect());
    counted(&gateway, "bindgate_closed_total{reason=\"by-client\"} 1");
    counted(&gateway, "bindgate_connections 0");
}

/// Otherwise everybody could choose the address that limits, throttle and log know.
#[test]
fn a_header_from_anybody_else_is_no_ldap() {
    let slapd = Slapd::start();
    let gateway = behind_a_balancer(&slapd, "10.0.0.0/8");
    let mut raw = gateway.connect();
    raw.send(&header(7));
    assert_eq!(raw.closing_notice(), PROTOCOL_ERROR);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
}

#[test]
fn the_header_comes_before_tls() {
    let slapd = Slapd::start();
    let mut port = 0;
    let mut trusted = None;
    let gateway = Gateway::configured(slapd.port(), |settings, folder| {
        let certificate = Certificate::make(folder);
        port = settings.add_ldaps(&certificate);
        settings.set("[listen]", "proxy_protocol", "[\"127.0.0.1\"]");
        trusted = Some(certificate);
    });
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(&header(9)).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    let pem = &trusted.unwrap().certificate;
    roots.add(rustls::pki_types::CertificateDer::from_pem_file(pem).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "127.0.0.1".try_into().unwrap();
    let mut session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut tls = rustls::Stream::new(&mut session, &mut stream);
    tls.write_all(&pdu::message(1, &pdu::bind(ANN, b"pw-ann"))).unwrap();
    let mut answer = [0; 14];
    tls.read_exact(&mut answer).unwrap();
    assert_eq!(answer[..10], [0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 0]);
    assert!(gateway.log().contains("ACCEPT from 192.0.2.9:4711 tls=yes"));
}

#[test]
fn an_address_has_only_so_many_clients_also_behind_a_balancer() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[listen]", "proxy_protocol", "[\"127.0.0.1\"]");
        settings.set("[listen]", "max_clients_per_address", "1");
        settings.set("[listen]", "require_confidentiality", "false");
    });
    let connect = |last| {
        let mut raw = gateway.connect();
        raw.send(&header(last));
        raw
    };
    let mut first = connect(1);
    assert_eq!(first.bind(ANN, "pw-ann"), 0);
    assert_eq!(connect(1).closing_notice(), BUSY);
    assert_eq!(connect(2).bind(ANN, "pw-ann"), 0);
    counted(&gateway, "bindgate_limit_hits_total{limit=\"max_clients_per_address\"} 1");
    drop(first);
    eventually("there is room again", || {
        (connect(1).try_bind(&tree::person("ann"), "pw-ann") == Some(0)).then_some(())
    });
}

#[test]
fn a_client_that_does_not_shake_hands_is_closed_and_so_is_a_balancer_without_a_word() {
    let slapd = Slapd::start();
    let mut port = 0;
    let gateway = Gateway::configured(slapd.port(), |settings, folder| {
        port = settings.add_ldaps(&Certificate::make(folder));
        settings.set("[listen]", "handshake_timeout", "\"200ms\"");
    });
    let mut silent = Raw::connect(port);
    silent.expect_end();
    counted(&gateway, "bindgate_limit_hits_total{limit=\"handshake_timeout\"} 1");
    counted(&gateway, "bindgate_closed_total{reason=\"limit\"} 1");
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[listen]", "proxy_protocol", "[\"127.0.0.1\"]");
        settings.set("[listen]", "handshake_timeout", "\"200ms\"");
    });
    let mut half = gateway.connect();
    half.send(&header(1)[..20]);
    half.expect_end();
    counted(&gateway, "bindgate_limit_hits_total{limit=\"handshake_timeout\"} 1");
    counted(&gateway, "bindgate_connections 0");
}

#[test]
fn those_who_say_nothing_or_half_of_it_are_sent_away_and_others_are_served() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[listen]", "pre_bind_timeout", "\"300ms\"");
        settings.set("[listen]", "read_timeout", "\"300ms\"");
    });
    let mut served = gateway.connect();
    assert_eq!(served.bind(ANN, "pw-ann"), 0);
    let mut silent: Vec<Raw> = (0..20).map(|_| gateway.connect()).collect();
    let mut slow: Vec<Raw> = (0..20).map(|_| gateway.connect()).collect();
    for raw in &mut slow {
        assert_eq!(raw.bind(ANN, "pw-ann"), 0);
        raw.send(&pdu::message(9, &pdu::unbind())[..3]);
    }
    for raw in silent.iter_mut().chain(&mut slow) {
        assert_eq!(raw.closing_notice(), UNAVAILABLE);
    }
    counted(&gateway, "bindgate_limit_hits_total{limit=\"pre_bind_timeout\"} 20");
    counted(&gateway, "bindgate_limit_hits_total{limit=\"read_timeout\"} 20");
    assert_eq!(served.search(&Ask::entry(ANN)).1, 0, "whoever was served is let be");
}

/// A search with this filter below ann.
fn search(filter: Vec<u8>) -> Vec<u8> {
    Ask::below(ANN, filter, &["uid"]).body()
}

#[test]
fn a_filter_too_deep_or_too_wide_is_refused_and_the_client_is_served_on() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[listen]", "max_filter_depth", "8");
        settings.set("[listen]", "max_filter_items", "100");
    });
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    let deep = |levels| (1..levels).fold(pdu::present("uid"), |inner, _| pdu::not(&inner));
    let wide = |count| pdu::any_of(&vec![pdu::present("uid"); count]);
    for (filter, code) in [
        (deep(8), 0),
        (deep(9), ADMIN_LIMIT_EXCEEDED),
        (deep(100_000), ADMIN_LIMIT_EXCEEDED),
        (wide(99), 0),
        (wide(100), ADMIN_LIMIT_EXCEEDED),
        (wide(100_000), ADMIN_LIMIT_EXCEEDED),
    ] {
        let size = filter.len();
        assert_eq!(raw.code(&search(filter)), code, "{size} bytes");
    }
    counted(&gateway, "bindgate_limit_hits_total{limit=\"max_filter_depth\"} 2");
    counted(&gateway, "bindgate_limit_hits_total{limit=\"max_filter_items\"} 2");
}

#[test]
fn malformed_nesting_of_a_filter_ends_the_client_as_with_slapd() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let malformed: [&[u8]; 4] = [
        &[0xa0, 3, 0x87, 5, b'a'],
        &[0xa2, 1, 0x87],
        &[0xa1, 4, 0x87, 1, b'a', 0x87],
        &[0xa2, 2, 0xa0, 9],
    ];
    for filter in malformed {
        let answers = [slapd.port(), gateway.port()].map(|port| {
            let mut raw = Raw::connect(port);
            assert_eq!(raw.bind(ANN, "pw-ann"), 0);
            raw.start(&search(filter.to_vec()));
            let answer = raw.answer();
            (answer.notice(), answer.code())
        });
        assert_eq!(answers[0], answers[1], "{filter:02x?}: slapd, gateway");
    }
}

fn with_few_files(limit: u32, arguments: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" {arguments}"), BINDGATE]);
    command
}

/// With too few descriptors clients waited unanswered, and binds ended as unavailable.
#[test]
fn with_few_descriptors_fewer_clients_are_accepted_and_binds_go_on() {
    let slapd = Slapd::start();
    let folder = TestFolder::new("few-files");
    let mut settings = Settings::new(slapd.port(), &folder);
    settings.set("[listen]", "workers", "1");
    settings.set("[[directory]]", "max_connections", "20");
    settings.set("[admin]", "max_clients", "10");
    let config = folder.write("bindgate.toml", settings.text()).display().to_string();
    let check = with_few_files(180, &format!("check --config '{config}'")).output().unwrap();
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success(), "a warning, not an error: {said}");
    assert!(said.contains("limit of open files is 180"), "{said}");
    assert!(said.ends_with(": ok\n"), "{said}");
    let run = format!("ulimit -n 180 && exec '{BINDGATE}' run --config '{config}'");
    let log = folder.file("gateway.log");
    let gateway = Process::start("bindgate", Path::new("/bin/sh"), &["-c", &run], &log);
    let connect = || {
        let mut raw = Raw::try_connect(settings.ldap_port).ok()?;
        (raw.try_bind(&tree::person("ann"), "pw-ann") == Some(0)).then_some(raw)
    };
    let first = eventually("the gateway serves", connect);
    assert!(gateway.log().contains("limit of open files is 180"), "{}", gateway.log());
    let mut clients = vec![first];
    for _ in 0..300 {
        match connect() {
            Some(raw) => clients.push(raw),
            None => break,
        }
    }
    assert!((16..180).contains(&clients.len()), "{} clients were let in", clients.len());
    assert!(gateway.log().contains("LIMIT max_clients"), "{}", gateway.log());
    // Whoever is in is served: there are descriptors for the directory's connections.
    for raw in &mut clients {
        assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    }
}
