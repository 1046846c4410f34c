//! Reloads of where clients and administrators come in, and of what views show them.
//!
//! What is asserted of those who are connected is asked on connections that were made before.

use crate::reloads;
use crate::support::certs::{Certificate, client};
use crate::support::folder::{TestFolder, free_port};
use crate::support::gateway::{Gateway, http_get};
use crate::support::pdu::Ask;
use crate::support::raw::Raw;
use crate::support::settings::quoted;
use crate::support::slapd::Slapd;
use crate::support::tree::{SUFFIX, password, person};
use crate::support::{eventually, pdu};
use std::net::TcpListener;

const UNWILLING: u32 = 53;

fn search() -> Vec<u8> {
    Ask::entry(SUFFIX).body()
}

/// A session of ann's.
#[track_caller]
fn bound(port: u16) -> Raw {
    let mut client = Raw::connect(port);
    assert_eq!(client.bind(&person("ann"), password("ann")), 0);
    client
}

#[test]
fn listeners_come_and_go_while_those_who_came_by_them_stay() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    let (first, second) = (gateway.port(), free_port());
    let mut old = bound(first);
    let both = format!("[\"127.0.0.1:{first}\", \"127.0.0.1:{second}\"]");
    gateway.rewrite(|settings| settings.set("[listen]", "ldap", both), "");
    gateway.hang_up();
    reloads(&gateway, "changed", 1);
    assert!(gateway.log().contains("in force: [listen]"), "{}", gateway.log());
    let mut new = bound(second);
    assert_eq!(bound(first).code(&search()), 0);
    // Whoever has connected when the listener goes is let in, even if nobody has looked yet.
    gateway.freeze();
    let mut waiting: Vec<Raw> = (0..20).map(|_| Raw::connect(first)).collect();
    let one = format!("[\"127.0.0.1:{second}\"]");
    gateway.rewrite(|settings| settings.set("[listen]", "ldap", one), "");
    gateway.hang_up();
    gateway.thaw();
    reloads(&gateway, "changed", 2);
    for client in &mut waiting {
        assert_eq!(client.bind(&person("bob"), password("bob")), 0);
    }
    eventually("nobody listens there", || Raw::try_connect(first).is_err().then_some(()));
    for client in [&mut old, &mut new] {
        assert_eq!(client.code(&search()), 0);
        assert_eq!(client.bind(&person("carol"), password("carol")), 0);
        assert_eq!(client.code(&search()), 0);
    }
    gateway.stop();
}

#[test]
fn an_address_that_is_taken_leaves_all_as_it_was() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (first, free) = (gateway.port(), free_port());
    let both = format!("[\"127.0.0.1:{free}\", \"127.0.0.1:{port}\"]");
    for (section, key, value, what) in [
        ("[listen]", "ldap", both, ":"),
        ("[admin]", "listen", format!("\"127.0.0.1:{port}\""), " for administration"),
    ] {
        gateway.rewrite(
            |settings| {
                settings.set(section, key, value);
                settings.set("[listen]", "bind_only", "true");
            },
            "",
        );
        gateway.hang_up();
        // The change of the file may be seen beside the signal, and be refused too.
        let told = format!("cannot listen on 127.0.0.1:{port}{what}");
        eventually(&told, || gateway.log().contains(&told).then_some(()));
        assert_eq!(bound(first).code(&search()), 0, "what else the file says is not in force");
        assert!(Raw::try_connect(free).is_err(), "nor is a part of it");
        gateway.rewrite(
            |settings| {
                settings.set("[listen]", "ldap", format!("[\"127.0.0.1:{first}\"]"));
                settings.set("[listen]", "bind_only", "false");
            },
            "",
        );
    }
}

#[test]
fn a_view_counts_for_sessions_that_begin_with_it_and_a_session_keeps_its_own() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    let (mut old, port) = (bound(gateway.port()), gateway.port());
    let mut nobody = gateway.connect();
    let open = Ask::entry("").body();
    assert_eq!(nobody.code(&open), 0);
    gateway.rewrite(
        |settings| {
            settings.add_view(
                "name = \"logins\"\nbind_only = true\n[view.match]\naddresses = [\"127.0.0.1\"]",
            );
        },
        "",
    );
    gateway.hang_up();
    reloads(&gateway, "changed", 1);
    assert!(gateway.log().contains("in force: [[view]]"), "{}", gateway.log());
    let views = gateway.json("/api/v1/views");
    assert_eq!(views["items"][0]["name"], "logins", "{views}");
    assert_eq!(old.code(&search()), 0, "a session keeps the view that it was begun with");
    assert_eq!(nobody.code(&open), 0);
    let mut new = bound(port);
    assert_eq!(new.code(&search()), UNWILLING);
    for client in [&mut old, &mut nobody] {
        assert_eq!(client.bind(&person("bob"), password("bob")), 0);
        assert_eq!(client.code(&search()), UNWILLING, "one that binds again has the view of now");
    }
    gateway.rewrite(|settings| settings.clear_views(), "");
    gateway.hang_up();
    reloads(&gateway, "changed", 2);
    assert_eq!(new.code(&search()), UNWILLING);
    for client in [&mut old, &mut new] {
        assert_eq!(client.bind(&person("carol"), password("carol")), 0);
        assert_eq!(client.code(&search()), 0, "without views there are none");
    }
    assert_eq!(bound(port).code(&search()), 0);
}

#[test]
fn a_certificate_that_is_configured_later_is_served_by_ldaps_and_start_tls() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    let folders = ["one", "other"].map(TestFolder::new);
    let [one, other] = [&folders[0], &folders[1]].map(Certificate::make);
    let mut old = bound(gateway.port());
    let mut ldaps = 0;
    gateway.rewrite(|settings| ldaps = settings.add_ldaps(&one), "");
    gateway.hang_up();
    reloads(&gateway, "changed", 1);
    let said = gateway.log();
    assert!(said.contains("in force: [listen], [listen.tls]"), "{said}");
    let trusted = client(&one.certificate);
    let mut secure = Raw::try_connect_over_tls(ldaps, &trusted).expect("it is served");
    assert_eq!(secure.bind(&person("ann"), password("ann")), 0);
    let mut upgraded = gateway.connect();
    upgraded.start_tls(&trusted);
    assert_eq!(upgraded.bind(&person("ann"), password("ann")), 0);
    assert_eq!(old.code(&search()), 0);
    // Another pair, under other names: the files of the first are not looked at any more.
    gateway.rewrite(|settings| settings.add_start_tls(&other), "");
    gateway.hang_up();
    reloads(&gateway, "changed", 2);
    let trusted = client(&other.certificate);
    let mut again = Raw::try_connect_over_tls(ldaps, &trusted).expect("it is served");
    assert_eq!(again.bind(&person("ann"), password("ann")), 0);
    assert_eq!(secure.code(&search()), 0, "who has shaken hands goes on");
}

#[test]
fn administration_moves_with_its_limits_its_token_and_its_certificate() {
    let (slapd, folder) = (Slapd::start(), TestFolder::new("reload-admin"));
    let mut gateway = Gateway::before(slapd.port());
    let mut session = bound(gateway.port());
    let before = gateway.admin_url();
    // Limits, at the same address.
    gateway.rewrite(|settings| settings.set("[admin]", "max_tokens", "1"), "");
    gateway.hang_up();
    reloads(&gateway, "changed", 1);
    assert!(gateway.log().contains("in force: [admin]"), "{}", gateway.log());
    let make = |name: &str| gateway.command(&["token", "create", "--role", "read", "--name", name]);
    make("one").expect_code(0);
    assert_ne!(make("two").code, 0, "there may be one");
    // Another token in the file of the same name.
    let old = std::fs::read_to_string(gateway.folder().file("admin.token")).unwrap();
    gateway.folder().write("admin.token", "another-token-of-the-admin\n");
    gateway.hang_up();
    eventually("the token counts", || {
        gateway.ask("/api/v1/users").filter(|(status, _)| *status == 200)
    });
    let with_old = http_get(&format!("{before}/api/v1/users"), &format!("Bearer {}", old.trim()));
    assert_eq!(with_old.map(|(status, _)| status), Some(401));
    // Another address, and TLS.
    let certificate = Certificate::make(&folder);
    gateway.rewrite(
        |settings| {
            settings.admin_port = free_port();
            settings.set_ports();
            settings.add_admin_tls(&certificate);
        },
        "",
    );
    gateway.hang_up();
    eventually("it answers there", || {
        http_get(&format!("{}/livez", gateway.admin_url()), "").filter(|(status, _)| *status == 200)
    });
    assert_eq!(gateway.get("/api/v1/users").0, 200);
    eventually("nobody answers where it was", || {
        http_get(&format!("{before}/livez"), "").is_none().then_some(())
    });
    assert_eq!(session.code(&search()), 0);
    // Off, and on again.
    gateway.rewrite(|settings| settings.set("[admin]", "listen", quoted("off")), "");
    gateway.hang_up();
    let url = format!("{}/livez", gateway.admin_url());
    eventually("nobody answers any more", || http_get(&url, "").is_none().then_some(()));
    assert_eq!(session.code(&pdu::Ask::entry(SUFFIX).body()), 0);
    gateway.rewrite(|settings| settings.set_ports(), "");
    gateway.hang_up();
    eventually("it answers again", || http_get(&url, ""));
    assert_eq!(gateway.get("/api/v1/users").0, 200);
    gateway.stop();
}
