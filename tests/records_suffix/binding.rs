//! Binds under names of the suffix: sign-ons as under every other name.

use crate::reading::{GROUPS, PEOPLE, application, gateway, group_here, here, names, sign_on};
use crate::support::pdu;
use crate::support::slapd::Slapd;
use crate::support::tree::{self, group, person};

#[test]
fn whoever_is_found_here_binds_as_found_and_that_is_a_sign_on() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    sign_on(&gateway, &["ann"]);
    let mut client = application(&gateway);
    let found = names(&mut client, PEOPLE, "(uid=ann)");
    slapd.admin().join(&group("bottom"), &person("ann"));
    // An application logs ann in: it has found her, and binds as her on a connection of its own.
    let mut login = gateway.connect();
    assert_eq!(login.bind(&found[0], "wrong"), 49);
    assert_eq!(gateway.managed_groups("ann"), ["A", "B"]);
    assert_eq!(login.bind(&found[0], "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), ["A", "B", "bottom", "left", "right", "top"]);
    let top = format!("(&(uid=ann)(memberOf={}))", group_here("top"));
    assert_eq!(names(&mut client, PEOPLE, &top), found);
    let who = login.ask(&pdu::extended("1.3.6.1.4.1.4203.1.11.3", None));
    let who = String::from_utf8_lossy(who[0].envelope().content).into_owned();
    assert!(who.ends_with(&format!("dn:{}", person("ann"))), "{who}");
    // She reads the directory, as herself.
    assert_eq!(login.search(&pdu::Ask::entry(&person("ann"))).1, 0);
    for (name, password, code) in [
        ("UID=Ann , OU=People, dc=Bindgate", "pw-ann", 0),
        (here("nobody").as_str(), "pw-ann", 49),
        (PEOPLE, "pw-ann", 49),
        (&format!("cn=A,{GROUPS}"), "pw-ann", 49),
        (&here("ann"), "", 53),
    ] {
        assert_eq!(login.bind(name, password), code, "{name}");
    }
}

#[test]
fn s9_4_who_is_shut_out_is_refused_under_a_name_of_the_suffix_too() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    sign_on(&gateway, &["ann", "bob"]);
    gateway.command(&["user", "disable", "ann"]).expect_code(0);
    let mut client = gateway.connect();
    let refused = |client: &mut crate::support::raw::Raw, dn: &str, password: &str| {
        let answers = client.ask(&pdu::bind(dn, password.as_bytes()));
        let result = answers[0].result();
        (result.code.0, String::from_utf8_lossy(result.diagnostic).into_owned())
    };
    let right = refused(&mut client, &here("ann"), "pw-ann");
    assert_eq!(right, refused(&mut client, &person("ann"), "pw-ann"));
    assert_eq!(right, refused(&mut client, &here("ann"), "wrong"));
    assert_ne!(right.0, 0);
    assert_eq!(client.bind(&here("bob"), tree::password("bob")), 0);
}

/// A password that went on under another name must not lie about anywhere.
#[test]
fn the_log_has_the_name_in_the_directory_and_no_password() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    sign_on(&gateway, &["ann"]);
    assert_eq!(gateway.sign_on(&here("ann"), "not-hers"), 49);
    let log = gateway.log();
    assert!(log.contains(&person("ann")) && !log.contains("not-hers"), "{log}");
}
