//! Whom a view is for, seen by how groups are flattened in it.

use crate::support::folder::free_port;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask};
use crate::support::raw::Raw;
use crate::support::slapd::Slapd;
use crate::support::tree::{self, PEOPLE, group, person};
use std::net::Ipv4Addr;

/// Carol's groups, as each mode shows them: bottom holds her, left and right hold that, and top
/// those.
const DIRECT: &[&str] = &["bottom"];
const ONE_ABOVE: &[&str] = &["bottom", "left", "right"];
const ALL: &[&str] = &["bottom", "left", "right", "top"];

#[track_caller]
fn shown(client: &mut Raw) -> Vec<String> {
    let (entries, code) = client.search(&Ask::entry(&person("carol")).of(&["memberOf"]));
    assert_eq!((entries.len(), code), (1, 0));
    let values = entries[0].values("memberOf").iter();
    values.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

/// What carol's entry shows, whom filters on each of her groups find, and what compares say.
#[track_caller]
fn check(client: &mut Raw, expected: &[&str]) {
    let names: Vec<String> = expected.iter().map(|name| group(name)).collect();
    assert_eq!(shown(client), names);
    for name in ALL {
        let is_shown = expected.contains(name);
        let filter = pdu::equal("memberOf", &group(name));
        let (found, code) = client.search(&Ask::below(PEOPLE, filter, &["1.1"]));
        assert_eq!((found.len(), code), (usize::from(is_shown), 0), "{name}");
        let compared = pdu::compare(&person("carol"), "memberOf", group(name).as_bytes());
        assert_eq!(client.code(&compared), if is_shown { 6 } else { 5 }, "{name}");
        // Whatever is shown: the chain goes all the way up.
        let chain = format!("(memberOf:1.2.840.113556.1.4.1941:={})", group(name));
        let (found, code) = client.search(&Ask::below(PEOPLE, pdu::filter(&chain), &["1.1"]));
        assert_eq!((found.len(), code), (1, 0), "{name}");
    }
}

fn bound(mut client: Raw, uid: &str) -> Raw {
    assert_eq!(client.bind(&person(uid), tree::password(uid)), 0);
    client
}

/// Three views: of a second listener, of a network, and of erin; and the second listener's port.
fn gateway(
    slapd: &Slapd,
    change: impl FnOnce(&mut crate::support::settings::Settings),
) -> (Gateway, u16) {
    let other = free_port();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        let first = settings.ldap_port;
        let both = format!("[\"127.0.0.1:{first}\", \"127.0.0.1:{other}\"]");
        settings.set("[listen]", "ldap", both);
        settings.add_view(&format!(
            "name = \"listener\"\nmatch = {{ listeners = [\"127.0.0.1:{other}\"] }}\n\
             flatten = \"direct\""
        ));
        settings.add_view(
            "name = \"network\"\nmatch = { addresses = [\"127.9.0.0/16\"] }\nflatten = \"leaf\"",
        );
        settings.add_view(&format!(
            "name = \"erin\"\nmatch = {{ bind_dns = [\"{}\"] }}\nflatten = \"depth:1\"",
            person("erin")
        ));
        change(settings);
    });
    (gateway, other)
}

#[test]
fn s6_2_two_readers_have_two_modes_in_values_filters_and_compares() {
    let slapd = Slapd::start();
    let (gateway, other) = gateway(&slapd, |_| {});
    gateway.comes_to_have_a_copy();
    let mut all = bound(gateway.connect(), "frank");
    let mut direct = bound(Raw::connect(other), "frank");
    let mut erin = bound(gateway.connect(), "erin");
    for _ in 0..2 {
        check(&mut all, ALL);
        check(&mut direct, DIRECT);
        check(&mut erin, ONE_ABOVE);
    }
}

#[test]
fn without_a_live_copy_each_reader_has_its_mode_too() {
    let slapd = Slapd::start();
    let (gateway, other) = gateway(&slapd, |settings| {
        settings.set("[directory.groups]", "replica", "\"none\"");
    });
    for (client, uid, expected) in [
        (gateway.connect(), "frank", ALL),
        (Raw::connect(other), "frank", DIRECT),
        (gateway.connect(), "erin", ONE_ABOVE),
    ] {
        check(&mut bound(client, uid), expected);
    }
}

#[test]
fn a_view_by_name_counts_from_the_bind_on_and_goes_before_address_and_listener() {
    let slapd = Slapd::start();
    let (gateway, other) = gateway(&slapd, |_| {});
    gateway.comes_to_have_a_copy();
    let afar = Ipv4Addr::new(127, 9, 0, 1);
    let mut client = Raw::connect(other);
    for (uid, expected) in [("frank", DIRECT), ("erin", ONE_ABOVE), ("frank", DIRECT)] {
        client = bound(client, uid);
        assert_eq!(shown(&mut client).len(), expected.len(), "{uid}");
    }
    // However the name is spelled.
    let odd = person("erin").to_uppercase().replace(',', " , ");
    assert_eq!(client.bind(&odd, tree::password("erin")), 0);
    assert_eq!(shown(&mut client).len(), ONE_ABOVE.len());
    // Leaf shows what direct shows here; at the first listener nobody else is shown as little.
    let there = Raw::try_connect_from(afar, gateway.port()).expect("loopback is all ours");
    let mut client = bound(there, "frank");
    assert_eq!(shown(&mut client), [group("bottom")]);
    client = bound(client, "erin");
    assert_eq!(shown(&mut client).len(), ONE_ABOVE.len());
    assert_eq!(client.bind(&person("erin"), "wrong"), 49);
    assert_eq!(client.search(&Ask::entry(&person("carol")).of(&["memberOf"])).0.len(), 0);
}
