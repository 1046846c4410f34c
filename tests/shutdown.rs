//! Ending: nothing that is under way is cut, everybody is told, and the exit code is 0.
//!
//! Goal: a client of a gateway that is asked to end either gets its answer or is told that it has
//! to go elsewhere; what was answered is on disk; a service manager gets 0, whenever it asks.
//! Method: signals to the real process while clients are idle, or are kept waiting by a directory
//! whose answers are held back, and at many points of the start.

mod support;

use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::certs::Certificate;
use support::folder::{TestFolder, free_port};
use support::gateway::{BINDGATE, Gateway, http_get};
use support::pdu::Ask;
use support::process::Process;
use support::raw::Raw;
use support::settings::Settings;
use support::slapd::Slapd;
use support::tap::Tap;
use support::{PATIENCE, eventually, tree};

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";

/// How many starts are interrupted, and how far apart the moments lie.
const STARTS: u32 = 24;
const APART: Duration = Duration::from_millis(2);

#[test]
fn at_the_end_idle_clients_get_a_notice_and_the_exit_code_is_0() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    let mut idle = gateway.connect();
    let mut bound = gateway.connect();
    assert_eq!(bound.bind(ANN, "pw-ann"), 0);
    // An answered request shows that the gateway has this client too.
    assert_eq!(idle.search(&Ask::entry("").of(&["1.1"])).1, 0);
    gateway.stop();
    assert_eq!(idle.closing_notice(), 52);
    assert_eq!(bound.closing_notice(), 52);
    assert!(Raw::try_connect(gateway.port()).is_err(), "nobody listens any more");
}

#[test]
fn at_the_end_what_is_under_way_is_still_answered() {
    let slapd = Slapd::start();
    let tap = Tap::before(slapd.port());
    let mut gateway = Gateway::before(tap.port());
    let mut bound = gateway.connect();
    assert_eq!(bound.bind(ANN, "pw-ann"), 0);
    let mut binding = gateway.connect();
    let mut idle = gateway.connect();
    assert_eq!(idle.bind(&tree::person("bob"), "pw-bob"), 0);

    tap.hold();
    let before = tap.sent().len();
    let search = bound.start(&Ask::entry(ANN).body());
    let bind = binding.start(&support::pdu::bind(&tree::person("carol"), b"pw-carol"));
    eventually("both requests reach the directory", || {
        let sent = tap.sent();
        let has = |needle: &[u8]| sent[before..].windows(needle.len()).any(|part| part == needle);
        (has(ANN.as_bytes()) && has(b"pw-carol")).then_some(())
    });
    gateway.terminate();
    assert_eq!(idle.closing_notice(), 52, "who is idle is told at once");
    tap.release();
    assert_eq!(bound.answers_to(search).len(), 2);
    assert_eq!(binding.answers_to(bind)[0].code(), 0);
    assert_eq!(bound.closing_notice(), 52);
    assert_eq!(gateway.wait().code(), Some(0));
}

#[test]
fn what_never_ends_is_cut_when_the_time_for_draining_is_over() {
    let slapd = Slapd::start();
    let tap = Tap::before(slapd.port());
    let mut gateway = Gateway::configured(tap.port(), |settings, _| {
        settings.set("[listen]", "drain_timeout", "\"200ms\"");
    });
    let mut bound = gateway.connect();
    assert_eq!(bound.bind(ANN, "pw-ann"), 0);
    tap.hold();
    bound.start(&Ask::entry(ANN).body());
    gateway.stop();
    assert!(gateway.log().contains("LIMIT drain_timeout"), "the log tells that it was cut");
}

#[test]
fn a_sign_on_that_was_answered_before_the_end_is_there_after_a_start() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let last_sign_on = gateway.user("ann")["last_sign_on"].clone();
    gateway.stop();
    gateway.restart(|_| {});
    assert_eq!(gateway.managed_groups("ann"), ["A", "B"]);
    assert_eq!(gateway.user("ann")["last_sign_on"], last_sign_on);
}

/// A client with an operation under way, whose answer is held back, and the gateway draining.
fn draining() -> (Slapd, Tap, Gateway, Raw) {
    let slapd = Slapd::start();
    let tap = Tap::before(slapd.port());
    let gateway = Gateway::before(tap.port());
    let mut bound = gateway.connect();
    assert_eq!(bound.bind(ANN, "pw-ann"), 0);
    tap.hold();
    let before = tap.sent().len();
    bound.start(&Ask::entry(ANN).of(&["held-back"]).body());
    eventually("the request reaches the directory", || {
        let sent = tap.sent();
        let needle = b"held-back";
        sent[before..].windows(needle.len()).any(|part| part == needle).then_some(())
    });
    gateway.terminate();
    (slapd, tap, gateway, bound)
}

#[test]
fn a_drain_is_seen_from_outside_and_a_second_signal_ends_it_at_once() {
    let (_slapd, _tap, mut gateway, mut bound) = draining();
    eventually("it is seen that the gateway drains", || {
        let (status, parts) = http_get(&format!("{}/readyz", gateway.admin_url()), "")?;
        (status == 503 && parts.contains("draining")).then_some(())
    });
    assert!(gateway.metrics().contains("bindgate_phase 1"));
    assert!(gateway.log().contains("draining 1 clients"));
    let live = http_get(&format!("{}/livez", gateway.admin_url()), "").map(|answer| answer.0);
    assert_eq!(live, Some(200), "it is no reason to kill it");
    let asked_again = Instant::now();
    gateway.stop();
    assert!(asked_again.elapsed() < Duration::from_secs(8), "the drain lasts 10 s");
    assert_eq!(bound.closing_notice(), 52);
    let log = gateway.log();
    assert!(log.contains("ending with 1 clients") && log.contains("stopped"), "{log}");
}

#[test]
fn a_client_over_tls_gets_its_notice_and_the_end_of_tls_too() {
    let slapd = Slapd::start();
    let (mut port, mut pem) = (0, None);
    let mut gateway = Gateway::configured(slapd.port(), |settings, folder| {
        let certificate = Certificate::make(folder);
        port = settings.add_ldaps(&certificate);
        pem = Some(certificate.certificate);
    });
    let mut client = tls_client(port, &pem.expect("there is a certificate"));
    std::io::Write::write_all(&mut client, &support::pdu::message(1, &Ask::entry("").body()))
        .expect("the gateway takes it");
    let mut first = [0; 2];
    client.read_exact(&mut first).expect("an answer shows that the session is there");
    gateway.terminate();
    let mut rest = Vec::new();
    // Without a close_notify this is an error.
    client.read_to_end(&mut rest).expect("TLS ends as it should");
    let notice = b"1.3.6.1.4.1.1466.20036";
    assert!(rest.windows(notice.len()).any(|part| part == notice), "{rest:02x?}");
    assert_eq!(gateway.wait().code(), Some(0));
}

fn tls_client(port: u16, certificate: &Path) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    let trusted = rustls::pki_types::CertificateDer::from_pem_file(certificate);
    roots.add(trusted.expect("it is PEM")).expect("it can be trusted");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("it is a name");
    let session = ClientConnection::new(Arc::new(config), name).expect("the configuration fits");
    let tcp = TcpStream::connect(("127.0.0.1", port)).expect("the gateway listens");
    tcp.set_read_timeout(Some(PATIENCE)).expect("a socket has a time-out");
    StreamOwned::new(session, tcp)
}

/// A sign-on whose bind had been answered before its end, past the budget, was dropped with its
/// worker: the last who signed on before an update had no record after it.
#[test]
fn a_sign_on_that_goes_on_behind_its_answer_is_on_disk_in_the_end() {
    let slapd = Slapd::start();
    let tap = Tap::before(slapd.port());
    let mut gateway = Gateway::configured(tap.port(), |settings, _| {
        // The gateway's own reads stay with the first; clients are spread over both.
        settings.set("[[directory]]", "server_choice", "\"spread\"");
        let urls = [tap.port(), slapd.port()].map(|port| format!("\"ldap://127.0.0.1:{port}\""));
        settings.set("[[directory]]", "urls", format!("[{}]", urls.join(", ")));
        settings.set("[[directory]]", "min_connections", "0");
        settings.set("[[directory]]", "max_ahead", "0");
        settings.set("[sign_on]", "budget", "\"100ms\"");
    });
    let mut others = Vec::new();
    // One whose connection does not lead through the tap.
    let mut client = loop {
        let mut client = gateway.connect();
        assert_eq!(client.bind(&tree::person("bob"), "pw-bob"), 0);
        let mark = format!("mark-{}", others.len());
        assert_eq!(client.search(&Ask::entry("").of(&[&mark])).1, 0);
        if !tap.has_sent(mark.as_bytes()) {
            break client;
        }
        others.push(client);
        assert!(others.len() < 8, "all clients went to one server");
    };
    tap.hold();
    assert_eq!(client.bind(ANN, "pw-ann"), 0, "past the budget the answer goes out");
    gateway.terminate();
    drop((others, client));
    eventually("nobody is connected any more", || {
        let metrics = gateway.metrics();
        let has = |line: &str| metrics.lines().any(|shown| shown == line);
        (has("bindgate_phase 1") && has("bindgate_connections 0")).then_some(())
    });
    tap.release();
    assert_eq!(gateway.wait().code(), Some(0));
    gateway.restart(|_| {});
    assert_eq!(gateway.managed_groups("ann"), ["A", "B"]);
}

/// A gateway that could not get on with its start could be ended by force alone.
#[test]
fn a_second_signal_ends_a_gateway_that_still_starts() {
    let folder = TestFolder::new("stuck");
    let certificate = Certificate::make(&folder).certificate;
    // A pipe that has certificates in it once, for the look at the configuration; the start waits.
    let pipe = folder.file("ca.pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo is there");
    let mut settings = Settings::new(free_port(), &folder);
    let tls = format!("{{ ca = {:?}, start_tls = true }}", pipe.display().to_string());
    settings.set("[[directory]]", "tls", tls);
    let config = folder.write("stuck.toml", settings.text()).display().to_string();
    let log = folder.file("stuck.log");
    let arguments = ["run", "--config", &config];
    let mut process = Process::start("a start", Path::new(BINDGATE), &arguments, &log);
    let certificates = std::fs::read(certificate).expect("it was made");
    // Returns when somebody reads.
    std::fs::write(&pipe, certificates).expect("the configuration is looked at");
    eventually("the start is stuck", || process.has_thread("start").then_some(()));
    process.terminate();
    assert!(process.exited().is_none(), "one signal leaves it time to start");
    // Two signals at once may count as one.
    let ended = eventually("a second signal ends it", || {
        process.terminate();
        process.exited()
    });
    assert_eq!(ended.code(), Some(0));
    assert!(process.log().contains("asked to end twice"), "{}", process.log());
}

/// A signal in the first milliseconds ended the process by the signal, and `demo` left its folder
/// behind. Before the program itself runs, nothing can be done about that.
#[test]
fn a_signal_at_any_point_of_the_start_ends_it_well() {
    let folder = TestFolder::new("early");
    let settings = Settings::new(free_port(), &folder);
    let config = folder.write("early.toml", settings.text()).display().to_string();
    for command in [&["run", "--config", &config][..], &["demo"]] {
        let mut kept = 0;
        for round in 0..STARTS {
            let log = folder.file(&format!("{}.{round}.log", command[0]));
            let mut process = Process::start("an early end", Path::new(BINDGATE), command, &log);
            let started = Instant::now();
            if round == 0 {
                // The earliest moment of all.
                eventually("signals are taken over", || process.catches_term().then_some(()));
            }
            while started.elapsed() < APART * round {
                std::hint::spin_loop();
            }
            let catches = process.catches_term();
            process.terminate();
            let status = process.wait();
            kept += u32::from(catches);
            let is_well = status.code() == Some(0) || (!catches && status.code().is_none());
            assert!(is_well, "{command:?}, round {round}: {status}: {}", process.log());
            let left = process.demo_folder();
            assert!(!catches || !left.exists(), "{} is left behind", left.display());
        }
        assert!(kept > STARTS / 3, "{command:?}: only {kept} signals came late enough");
    }
}
