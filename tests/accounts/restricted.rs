//! A bind that succeeds and restricts the session (S9.3).

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Change, Control};
use crate::support::raw::Raw;
use crate::support::slapd::{Options, Slapd};
use crate::{ANN, expect};

const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// Binds as ann, and asks to be told of the password policy; the answer's controls.
fn bind(client: &mut Raw) -> Vec<u8> {
    let control = Control { oid: PASSWORD_POLICY, critical: false, value: None };
    let answers = client.ask(&pdu::with_controls(pdu::bind(ANN, b"pw-ann"), &[control]));
    let [answer] = &answers[..] else { panic!("a bind has one answer: {answers:02x?}") };
    assert_eq!(answer.code(), 0);
    answer.envelope().controls.map(<[u8]>::to_vec).unwrap_or_default()
}

#[test]
fn s9_3_who_has_to_change_the_password_is_told_so_and_signs_on_all_the_same() {
    let policy = "cn=policy,dc=example,dc=com";
    let slapd = Slapd::with(&Options {
        global_lines: vec!["moduleload ppolicy".to_owned()],
        database_lines: vec!["overlay ppolicy".to_owned(), format!("ppolicy_default {policy}")],
        ..Options::default()
    });
    let attributes: [(&str, &[&str]); 3] = [
        ("objectClass", &["device", "pwdPolicy"]),
        ("pwdAttribute", &["userPassword"]),
        ("pwdMustChange", &["TRUE"]),
    ];
    assert_eq!(slapd.admin().code(&pdu::add(policy, &attributes)), 0);
    slapd.admin().modify(ANN, Change::Replace, "pwdReset", &[b"TRUE"]);
    let gateway = Gateway::before(slapd.port());
    let (mut here, mut there) = (gateway.connect(), Raw::connect(slapd.port()));
    let (told, expected) = (bind(&mut here), bind(&mut there));
    assert!(!expected.is_empty(), "the directory says that it has to be changed");
    assert_eq!(told, expected);
    expect(&gateway, "ann", &[], &["A", "B"]);
    // The session is as restricted as the directory makes it.
    let search = |client: &mut Raw| client.search(&Ask::entry(ANN)).1;
    assert_eq!(search(&mut here), search(&mut there));
    assert_ne!(search(&mut here), 0);
}
