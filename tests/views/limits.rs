//! What clients may do in a view.

use crate::support::folder::free_port;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Change};
use crate::support::raw::Raw;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{self, ADMIN, ADMIN_PASSWORD, PEOPLE, group, person};

const UNWILLING: u32 = 53;
const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
const PASSWORD_MODIFY: &str = "1.3.6.1.4.1.4203.1.11.1";
const CANCEL: &str = "1.3.6.1.1.8";
const START_TRANSACTION: &str = "1.3.6.1.1.21.1";

/// A gateway with one view, of a second listener; and that one's port.
fn gateway(slapd: &Slapd, view: &str) -> (Gateway, u16) {
    let other = free_port();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        let first = settings.ldap_port;
        let both = format!("[\"127.0.0.1:{first}\", \"127.0.0.1:{other}\"]");
        settings.set("[listen]", "ldap", both);
        settings.add_view(&format!(
            "name = \"it\"\nmatch = {{ listeners = [\"127.0.0.1:{other}\"] }}\n{view}"
        ));
    });
    (gateway, other)
}

fn admin(port: u16) -> Raw {
    let mut client = Raw::connect(port);
    assert_eq!(client.bind(ADMIN, ADMIN_PASSWORD), 0);
    client
}

fn new_password(of: &str) -> Vec<u8> {
    let field = |tag: u8, text: &str| pdu::nested(tag, |out| out.extend(text.bytes()));
    pdu::nested(0x30, |out| {
        out.extend(field(0x80, of));
        out.extend(field(0x82, "another"));
    })
}

/// Every kind of write, each of which would succeed.
fn writes() -> [(&'static str, Vec<u8>); 6] {
    let (frank, new) = (person("frank"), person("new"));
    let classes = &["inetOrgPerson"][..];
    let entry = [("objectClass", classes), ("sn", &["New"][..]), ("cn", &["New"])];
    [
        ("add", pdu::add(&new, &entry)),
        ("modify", pdu::modify(&frank, Change::Replace, "description", &[b"x"])),
        ("modify-dn", pdu::modify_dn(&new, "uid=newer", None)),
        ("delete", pdu::delete(&person("newer"))),
        ("password-modify", pdu::extended(PASSWORD_MODIFY, Some(&new_password(&frank)))),
        ("extended", pdu::extended(START_TRANSACTION, None)),
    ]
}

#[track_caller]
fn reads(client: &mut Raw) {
    assert_eq!(client.search(&Ask::entry(&person("ann"))).1, 0);
    assert_eq!(client.code(&pdu::compare(&person("ann"), "uid", b"ann")), 6);
}

#[test]
fn s10_5_where_writes_are_denied_every_write_is_refused_and_reading_goes_on() {
    let slapd = Slapd::start();
    let (gateway, other) = gateway(&slapd, "writes = \"deny\"");
    let mut denied = admin(other);
    for (kind, body) in writes() {
        assert_eq!(denied.code(&body), UNWILLING, "{kind}");
        assert_eq!(denied.code(&pdu::extended("1.2.3.4", None)), UNWILLING);
    }
    // Also of what the gateway adds.
    let added = pdu::modify(&person("ann"), Change::Delete, "memberOf", &[group("A").as_bytes()]);
    assert_eq!(denied.code(&added), UNWILLING);
    reads(&mut denied);
    assert_eq!(denied.code(&pdu::extended(WHO_AM_I, None)), 0);
    // There is no such operation to cancel.
    assert_ne!(denied.code(&pdu::extended(CANCEL, Some(&[0x30, 3, 2, 1, 99]))), UNWILLING);
    // Of all that nothing has come to the directory; and elsewhere it all would be done.
    let mut allowed = admin(gateway.port());
    assert_eq!(allowed.search(&Ask::entry(&person("new"))).1, 32);
    for (kind, body) in writes() {
        assert_eq!(allowed.code(&body), 0, "{kind}");
    }
}

#[test]
fn only_the_operations_that_a_view_names_are_served() {
    let slapd = Slapd::start();
    let words = ["add", "modify", "modify-dn", "delete", "password-modify", "extended"];
    let served = |words: &[&str]| {
        let mut all = vec!["bind", "search"];
        all.extend(words);
        gateway(&slapd, &format!("operations = {all:?}"))
    };
    let (_none, port) = served(&[]);
    let mut client = admin(port);
    for (kind, body) in writes() {
        assert_eq!(client.code(&body), UNWILLING, "{kind}");
    }
    assert_eq!(client.search(&Ask::entry(&person("ann"))).1, 0);
    assert_eq!(client.code(&pdu::compare(&person("ann"), "uid", b"ann")), UNWILLING);
    assert_eq!(client.code(&pdu::extended(WHO_AM_I, None)), 0);
    let (_all, port) = served(&words);
    let mut client = admin(port);
    for (kind, body) in writes() {
        assert_eq!(client.code(&body), 0, "{kind}");
    }
}

#[test]
fn where_binds_are_not_served_everybody_stays_nobody() {
    let slapd = Slapd::start();
    let (gateway, other) = gateway(&slapd, "operations = [\"search\"]");
    let mut client = Raw::connect(other);
    for (name, password) in [(ADMIN, ADMIN_PASSWORD), ("", "")] {
        assert_eq!(client.bind(name, password), UNWILLING, "{name}");
    }
    assert_eq!(client.code(&pdu::sasl_bind("PLAIN", Some(b"\0ann\0pw-ann"))), UNWILLING);
    assert_eq!(client.code(&pdu::sasl_bind("EXTERNAL", Some(b""))), UNWILLING);
    let who = client.ask(&pdu::extended(WHO_AM_I, None)).remove(0);
    assert_eq!(who.code(), 0);
    assert!(!who.0.windows(3).any(|bytes| bytes == b"dn:"), "{who:?}");
    let (_, code) = client.search(&Ask::entry(""));
    assert_eq!(code, 0, "the root DSE");
    assert_eq!(gateway.sign_on(&person("ann"), tree::password("ann")), 0);
}

#[test]
fn a_view_of_binds_alone_is_one_for_its_clients_and_no_others() {
    let slapd = Slapd::start();
    let (gateway, other) = gateway(&slapd, "bind_only = true");
    let mut only = admin(other);
    assert_eq!(only.search(&Ask::entry(&person("ann"))).1, UNWILLING);
    for (kind, body) in writes() {
        assert_eq!(only.code(&body), UNWILLING, "{kind}");
    }
    assert_eq!(only.code(&pdu::extended(WHO_AM_I, None)), 0);
    assert_eq!(only.bind(&person("ann"), tree::password("ann")), 0);
    assert!(gateway.knows("ann"), "a bind is a sign-on all the same");
    reads(&mut admin(gateway.port()));
}

#[test]
fn s10_3_groups_are_visible_to_whom_the_view_says() {
    let slapd = Slapd::with(&Options {
        access_lines: vec!["access to dn.subtree=\"ou=people,dc=example,dc=com\" by * read".into()],
        ..Options::default()
    });
    let erin = person("erin");
    for (view, nobody, frank, named) in [
        ("visible_to = \"anyone\"", true, true, true),
        ("visible_to = \"bound\"", false, true, true),
        (&format!("visible_to = [\"{erin}\"]"), false, false, true),
        ("visible_to = []", false, false, false),
    ] {
        let (gateway, other) = gateway(&slapd, view);
        gateway.comes_to_have_a_copy();
        for (whom, expected) in [(None, nobody), (Some("frank"), frank), (Some("erin"), named)] {
            let mut client = Raw::connect(other);
            if let Some(uid) = whom {
                assert_eq!(client.bind(&person(uid), tree::password(uid)), 0);
            }
            let ann = person("ann");
            let ask = Ask::entry(&ann).of(&["memberOf"]);
            let shown = client.search(&ask).0[0].values("memberOf").len();
            assert_eq!(shown, if expected { 2 } else { 0 }, "{view} {whom:?}");
            let filter = pdu::equal("memberOf", &group("A"));
            let found = client.search(&Ask::below(PEOPLE, filter, &["1.1"])).0.len();
            assert_eq!(found, usize::from(expected), "{view} {whom:?}");
            let compared = pdu::compare(&person("ann"), "memberOf", group("A").as_bytes());
            assert_eq!(client.code(&compared) == 6, expected, "{view} {whom:?}");
        }
    }
}
