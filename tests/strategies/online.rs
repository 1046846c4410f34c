//! What `check --online` says.

use super::world::{Keeper, gateway, gateway_with, online};
use crate::support::gateway::Gateway;
use crate::support::haproxy::Haproxy;
use crate::support::pdu;
use crate::support::slapd::{Options, Slapd};
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

/// A marker that is read at one server says nothing of another, so the servers have to be named.
#[test]
fn an_address_that_leads_to_several_servers_is_noticed() {
    let [one, two] = Slapd::pair(&Options::default());
    let both = Haproxy::before(&[one.port(), two.port()], "");
    let warning = |urls: String| {
        let gateway = Gateway::configured(one.port(), |settings, _| {
            settings.set("[[directory]]", "urls", urls);
        });
        let said = online(&gateway).expect_code(0);
        said.lines().find(|line| line.contains("load balancer")).map(str::to_owned)
    };
    let shared = format!("ldap://127.0.0.1:{}", both.port());
    assert_eq!(
        warning(format!("[\"{shared}\"]")),
        Some(format!(
            "directory corp: warning: {shared} is a load balancer: the servers 1 and 2 answer; \
             name the servers themselves in `urls`"
        ))
    );
    assert_eq!(warning(format!("[\"{}\", \"{}\"]", one.url(), two.url())), None);
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
