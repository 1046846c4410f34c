//! What a bind is answered, and what passes through.

use super::tree;
use super::world::{Directory, Kind};
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask};
use crate::support::raw::Raw;
use crate::support::samba::{ClearText, Samba};
use crate::support::settings::quoted;

/// The answer to a bind, as the bytes behind the messageID.
fn answer(raw: &mut Raw, name: &str, password: &[u8]) -> Vec<u8> {
    let answers = raw.ask(&pdu::bind(name, password));
    answers.last().expect("an answer").envelope().body.to_vec()
}

/// The same script, played directly and through the gateway, gives the same bytes.
fn transparent(directory: &Directory) {
    let gateway = directory.gateway("walk");
    let (mut direct, mut relayed) = (directory.connect(), gateway.connect());
    for (name, password) in [
        (tree::person("ann"), "pw-ann"),
        (tree::person("ann"), "wrong"),
        (tree::person("frank"), "pw-frank"),
        (tree::person("frank"), "wrong"),
        (format!("cn=nobody,{}", tree::PEOPLE), "x"),
        (tree::person("zoë"), "pw-zoë"),
    ] {
        let expected = answer(&mut direct, &name, password.as_bytes());
        assert_eq!(answer(&mut relayed, &name, password.as_bytes()), expected, "{name}");
    }
    for ask in [
        Ask::entry(&tree::person("zoë")),
        Ask::below(tree::GROUPS, pdu::equal("cn", "Sales, EMEA"), &["cn", "member"]),
        Ask::below(tree::GROUPS, pdu::equal("cn", "crowd"), &["member"]),
        Ask::entry("ou=nowhere,dc=example,dc=com"),
    ] {
        let body = |raw: &mut Raw| -> Vec<Vec<u8>> {
            let answers = raw.ask(&ask.body());
            answers.iter().map(|pdu| pdu.envelope().body.to_vec()).collect()
        };
        assert_eq!(body(&mut relayed), body(&mut direct), "{}", ask.base);
    }
}

#[test]
fn what_active_directory_answers_passes_byte_for_byte() {
    let directory = Kind::Samba.start();
    transparent(&directory);
    let gateway = directory.gateway("walk");
    let mut raw = gateway.connect();
    let mut text = |name: &str, password: &str| {
        String::from_utf8_lossy(&answer(&mut raw, name, password.as_bytes())).into_owned()
    };
    assert!(text(&tree::person("ann"), "wrong").contains("data 52e"));
    assert!(text(&tree::person("frank"), "pw-frank").contains("data 533"));
    assert!(text("ann@example.com", "wrong").contains("data 52e"));
}

#[test]
fn what_389_ds_answers_passes_byte_for_byte() {
    transparent(&Kind::Ds389.start());
}

#[test]
fn a_password_with_a_nul_byte_is_refused_before_389_ds_which_looks_at_a_part_of_it() {
    let directory = Kind::Ds389.start();
    let ann = tree::person("ann");
    let password = b"pw-ann\0and more";
    assert_eq!(directory.connect().bind(&ann, password), 0, "the directory takes it");
    let configured = directory.gateway_with(|settings, _| {
        settings.set("[[directory]]", "kind", quoted("389ds"));
    });
    assert_eq!(configured.sign_on(&ann, password), 49);
    assert!(!configured.knows("ann"));
    let found_out = directory.gateway("walk");
    assert_eq!(found_out.sign_on(&ann, "pw-ann"), 0, "the first sign-on shows the kind");
    assert_eq!(found_out.sign_on(&ann, password), 49);
}

/// A domain controller that wants confidentiality says so to clients and gateway alike.
#[test]
fn active_directory_is_reached_over_tls_where_it_takes_no_passwords_in_clear() {
    let samba = Samba::start(&tree::domain(), ClearText::Refused);
    let gateway = |url: String, start_tls: bool| {
        Gateway::configured(0, |settings, folder| {
            let authority = std::fs::read(samba.authority()).expect("it is there");
            let authority = folder.write("authority.pem", authority).display().to_string();
            settings.set("[[directory]]", "urls", format!("[{}]", quoted(&url)));
            let tls = format!("{{ ca = {}, start_tls = {start_tls} }}", quoted(&authority));
            settings.set("[[directory]]", "tls", tls);
            settings.set("[directory.groups]", "base", quoted(tree::GROUPS));
            settings.set_user_type("base", quoted(tree::PEOPLE));
            settings.set_user_type("filter", quoted("(objectCategory=person)"));
            settings.set_user_type("username", quoted("sAMAccountName"));
        })
    };
    for (url, start_tls) in [(samba.secure_url(), false), (samba.url(), true)] {
        let gateway = gateway(url, start_tls);
        assert_eq!(gateway.sign_on(&tree::person("ann"), "pw-ann"), 0);
        assert_eq!(gateway.managed_groups("ann"), ["A", "B", "list", "local"]);
    }
    assert_eq!(samba.connect().bind(&tree::person("ann"), "pw-ann"), 8, "in clear it wants more");
    let clear = gateway(samba.url(), false);
    assert_eq!(clear.sign_on(&tree::person("ann"), "pw-ann"), 8, "and the gateway says so");
    assert!(!clear.knows("ann"));
}
