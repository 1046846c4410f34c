//! What `check --online` says.

use super::world::{Keeper, gateway, gateway_with, online};
use crate::support::pdu;
use crate::support::tree;

#[track_caller]
fn check(said: &str, lines: &[&str]) {
    for line in lines {
        assert!(said.contains(line), "{line:?} is missing in:\n{said}");
    }
}

#[test]
fn it_says_what_was_chosen_and_why() {
    let slapd = Keeper::Nobody.start();
    let said = online(&gateway(&slapd, "auto")).expect_code(0);
    check(
        &said,
        &[
            "bindgate.toml: ok\n",
            "directory corp: reached, OpenLDAP, bound as cn=gateway,dc=example,dc=com\n",
            "directory corp: groups by replica, by member walk while that is not fresh\n",
            "directory corp: because content synchronisation (RFC 4533) is offered",
        ],
    );
    assert!(!said.contains("directory corp: warning"), "{said}");
    let said = online(&gateway(&slapd, "member-of")).expect_code(0);
    check(&said, &["groups by member walk\n", "because the schema has no memberOf\n", "warning: "]);
    let said = online(&gateway(&slapd, "walk")).expect_code(0);
    check(&said, &["groups by member walk\n", "because `resolve` asks for no replica\n"]);
}

#[test]
fn it_warns_of_what_would_be_missed() {
    let slapd = Keeper::Nobody.start();
    let mut admin = slapd.admin();
    let bits = format!("{}#'0101'B", tree::person("ann"));
    let attributes: [(&str, &[&str]); 3] =
        [("objectClass", &["groupOfUniqueNames"]), ("cn", &["bits"]), ("uniqueMember", &[&bits])];
    assert_eq!(admin.code(&pdu::add(&tree::group("bits"), &attributes)), 0);
    let gateway = gateway_with(&slapd, |settings, _| {
        let names = "[\"member\", \"uniqueMember\", \"ourMember\"]";
        settings.set("[directory.groups]", "member_attribute", names);
    });
    let said = online(&gateway).expect_code(0);
    check(&said, &["warning: a uniqueMember with a bit string", "no attribute ourMember"]);
}

#[test]
fn a_directory_that_cannot_be_asked_ends_with_69() {
    let mut slapd = Keeper::Nobody.start();
    let gateway = gateway(&slapd, "auto");
    gateway.folder().write("service.password", "wrong\n");
    let said = online(&gateway);
    assert_eq!(said.code, 69, "{}{}", said.out, said.err);
    check(&said.err, &["directory corp: could not be asked: the service account"]);
    slapd.kill();
    let said = online(&gateway);
    assert_eq!(said.code, 69, "{}{}", said.out, said.err);
    check(&said.err, &["no server of `urls` could be reached"]);
    let config = gateway.folder().write("bad.toml", "colour = 1\n").display().to_string();
    assert_eq!(gateway.command(&["check", "--online", "--config", &config]).code, 64);
}
