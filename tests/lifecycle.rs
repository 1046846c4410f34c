//! Starting: ready means ready. How a gateway ends is in `shutdown.rs`.
//!
//! Goal: a service manager and a load balancer can rely on exit codes and on `/readyz`.

mod support;

use std::os::unix::fs::PermissionsExt;
use support::eventually;
use support::folder::TestFolder;
use support::gateway::{Gateway, http_get, run_until_end};
use support::settings::Settings;
use support::slapd::Slapd;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";

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
