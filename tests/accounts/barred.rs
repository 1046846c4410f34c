//! Whom an admin has shut out: refused before any success, under every spelling, and alike whatever
//! the password is (S4.3, S9.4).

use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask};
use crate::support::slapd::Slapd;
use crate::support::tree;
use crate::{ANN, edit, expect};

const SPELLINGS: [&str; 6] = [
    ANN,
    "UID=Ann,OU=People,DC=Example,DC=Com",
    "uid = ann , ou = people , dc = example , dc = com",
    "uid=\\61nn,ou=people,dc=example,dc=com",
    "0.9.2342.19200300.100.1.1=ann,ou=people,dc=example,dc=com",
    "uid=ann;ou=people;dc=example;dc=com",
];

fn shut_out(gateway: &mut Gateway) {
    edit(gateway, "UPDATE users SET inactive_reasons = '[\"admin\"]' WHERE name = 'ann'");
}

#[track_caller]
fn check(sync: &'static str) {
    let slapd = Slapd::start();
    let mut gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[sign_on]", "sync", format!("\"{sync}\""));
    });
    for uid in ["ann", "bob"] {
        assert_eq!(gateway.sign_on(&tree::person(uid), tree::password(uid)), 0);
    }
    shut_out(&mut gateway);
    expect(&gateway, "ann", &["admin"], &[]);
    let mut raw = gateway.connect();
    for name in SPELLINGS {
        let answers = ["pw-ann", "wrong"].map(|password| {
            let answer = raw.ask(&pdu::bind(name, password.as_bytes())).pop().expect("an answer");
            assert!(raw.search(&Ask::entry(ANN)).0.is_empty(), "{name}: the session is nobody");
            answer.envelope().body.to_vec()
        });
        assert_eq!(answers[0], answers[1], "{name}: both are answered alike");
        assert_eq!(raw.bind(name, "pw-ann"), 49, "{name}");
    }
    assert_eq!(raw.bind(&tree::person("bob"), "pw-bob"), 0, "others are not");
    // Moved, she is who she was.
    let move_ann = pdu::modify_dn(ANN, "uid=anna", None);
    assert_eq!(slapd.admin().code(&move_ann), 0);
    assert_eq!(raw.bind(&tree::person("anna"), "pw-ann"), 49);
    let moved = format!("dn:{}", tree::person("anna"));
    eventually("the record moves with her", || {
        let found = gateway.command(&["user", "show", &moved]);
        (found.code == 0).then_some(())
    });
    expect(&gateway, &moved, &["admin"], &[]);
}

#[test]
fn s9_4_who_is_shut_out_is_refused_under_every_spelling_before_the_reply() {
    check("before-reply");
}

#[test]
fn s9_4_who_is_shut_out_is_refused_in_after_reply_mode_too() {
    check("after-reply");
}

#[test]
fn s9_4_who_cannot_be_told_from_one_who_is_shut_out_is_not_let_in() {
    let mut slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.sign_on(&tree::person("bob"), "pw-bob"), 0);
    let hidden = || crate::support::slapd::Options {
        access_lines: vec![format!(
            "access to dn.subtree=\"ou=people,dc=example,dc=com\" by dn.exact=\"{}\" none by * break",
            tree::SERVICE
        )],
        ..Default::default()
    };
    slapd.reconfigure(&hidden());
    eventually("the directory is back, and nobody is shut out", || {
        (gateway.sign_on(&tree::person("bob"), "pw-bob") == 0).then_some(())
    });
    shut_out(&mut gateway);
    assert_eq!(gateway.sign_on(&tree::person("bob"), "pw-bob"), 52);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 49);
    assert_eq!(gateway.sign_on(tree::ADMIN, tree::ADMIN_PASSWORD), 0, "no user at all");
}
