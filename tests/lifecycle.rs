//! Starting and ending: ready means ready, and an end cuts nothing that is under way.
//!
//! Goal: a service manager and a load balancer can rely on exit codes and on `/readyz`, and a
//! client of a gateway that is asked to end either gets its answer or is told that it has to go
//! elsewhere. Method: signals to the real process while clients are idle, or are kept waiting by
//! a directory whose answers are held back.

mod support;

use std::os::unix::fs::PermissionsExt;
use support::folder::TestFolder;
use support::gateway::{Gateway, http_get, run_until_end};
use support::pdu::Ask;
use support::raw::Raw;
use support::settings::Settings;
use support::slapd::Slapd;
use support::tap::Tap;
use support::{eventually, tree};

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";

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

#[test]
fn health_is_open_the_api_is_not_and_the_token_is_its_owners_alone() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let open = |path: &str| http_get(&format!("{}{path}", gateway.admin_url()), "").map(|a| a.0);
    assert_eq!(open("/livez"), Some(200));
    assert_eq!(open("/readyz"), Some(200));
    assert_eq!(open("/metrics"), Some(200));
    assert_eq!(open("/api/v1/users"), Some(401));
    assert_eq!(open("/api/v1/user-types"), Some(401));
    let token = std::fs::metadata(gateway.folder().file("admin.token")).expect("it was made");
    assert_eq!(token.permissions().mode() & 0o777, 0o600);
    assert!(gateway.metrics().contains("bindgate"), "the metrics bear the gateway's name");
}

#[test]
fn readiness_follows_the_directory() {
    let mut slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let ready = || http_get(&format!("{}/readyz", gateway.admin_url()), "").map(|a| a.0);
    slapd.kill();
    // What is lost is noticed at the latest by those who need it.
    eventually("the gateway is not ready", || {
        let _ = gateway.connect().try_bind(ANN, "pw-ann");
        (ready() == Some(503)).then_some(())
    });
    slapd.restart();
    eventually("the gateway is ready again", || (ready() == Some(200)).then_some(()));
}

#[test]
fn a_bad_configuration_ends_with_64_and_a_taken_port_with_69() {
    let slapd = Slapd::start();
    let folder = TestFolder::new("bad");
    let mut settings = Settings::new(slapd.port(), &folder);
    settings.set("[listen]", "no_such_key", "1");
    settings.set("[sign_on]", "budget", "\"soon\"");
    let said = run_until_end(&folder, "bad.toml", &settings);
    assert_eq!(said.code, 64, "{}", said.err);
    assert!(said.err.contains("no_such_key") && said.err.contains("soon"), "{}", said.err);
    assert!(!folder.file("store").exists(), "nothing was begun");

    let mut settings = Settings::new(slapd.port(), &folder);
    settings.set("[listen]", "ldap", format!("[\"127.0.0.1:{}\"]", slapd.port()));
    let said = run_until_end(&folder, "taken.toml", &settings);
    assert_eq!(said.code, 69, "{}", said.err);
    assert!(said.err.contains(&slapd.port().to_string()), "{}", said.err);
}

/// Workers share their port by SO_REUSEPORT, and the kernel shared it with a second gateway too:
/// started by mistake with a store of its own, that one took half of the clients without a word.
#[test]
fn a_port_that_another_gateway_serves_is_taken() {
    let slapd = Slapd::start();
    let first = Gateway::before(slapd.port());
    let folder = TestFolder::new("second");
    let mut settings = Settings::new(slapd.port(), &folder);
    settings.set("[listen]", "ldap", format!("[\"127.0.0.1:{}\"]", first.port()));
    let said = run_until_end(&folder, "second.toml", &settings);
    assert_eq!(said.code, 69, "{}", said.err);
    assert!(said.err.contains(&format!("cannot listen on 127.0.0.1:{}", first.port())));
    assert!(!folder.file("store").exists(), "nothing was begun");
    assert_eq!(first.sign_on(ANN, "pw-ann"), 0);
}
