//! The tests' own ground: that the directory under the end-to-end tests is what they take it for.
//!
//! Goal: a failure here means that the fixture is wrong, and not the gateway. Method: every
//! assumption that the other test files make about slapd is checked on slapd directly.

mod support;

use support::pdu::{self, Ask, Control};
use support::raw::Raw;
use support::slapd::{Options, Slapd};
use support::tap::Tap;
use support::tools::Tools;
use support::tree::{self, Extra};

#[test]
fn everybody_binds_with_their_own_password_only() {
    let slapd = Slapd::start();
    let mut raw = Raw::connect(slapd.port());
    for uid in ["ann", "bob", "zoë"] {
        assert_eq!(raw.bind(&tree::person(uid), tree::password(uid)), 0, "{uid}");
        assert_eq!(raw.bind(&tree::person(uid), "wrong"), 49, "{uid}");
    }
    assert_eq!(raw.bind(tree::ODD, tree::ODD_PASSWORD), 0);
    assert_eq!(raw.bind(tree::SERVICE, tree::SERVICE_PASSWORD), 0);
    assert_eq!(raw.bind("cn=Smith\\2c Jane,ou=people,dc=example,dc=com", "pw-jane"), 0);
}

#[test]
fn users_read_people_but_no_groups_and_the_service_account_reads_both() {
    let slapd = Slapd::start();
    let mut raw = Raw::connect(slapd.port());
    let groups = Ask::below(tree::GROUPS, pdu::present("member"), &["cn"]);
    let ann = Ask::entry("uid=ann,ou=people,dc=example,dc=com");

    assert_eq!(raw.bind(&tree::person("bob"), "pw-bob"), 0);
    assert_eq!(raw.search(&groups), (vec![], 32));
    let (seen, code) = raw.search(&ann);
    assert_eq!((seen.len(), code), (1, 0));
    assert!(seen[0].values("userPassword").is_empty());

    assert_eq!(raw.bind(tree::SERVICE, tree::SERVICE_PASSWORD), 0);
    let (seen, code) = raw.search(&groups);
    assert_eq!((seen.len(), code), (11, 0));
    let (seen, _) = raw.search(&ann);
    assert!(seen[0].values("userPassword").is_empty());
}

#[test]
fn a_failed_bind_leaves_slapds_session_anonymous() {
    let slapd = Slapd::start();
    let mut raw = Raw::connect(slapd.port());
    let ann = Ask::entry("uid=ann,ou=people,dc=example,dc=com");
    assert_eq!(raw.bind(&tree::person("ann"), "pw-ann"), 0);
    assert_eq!(raw.search(&ann).0.len(), 1);
    assert_eq!(raw.bind(&tree::person("ann"), "wrong"), 49);
    assert_eq!(raw.search(&ann).0.len(), 0);
}

#[test]
fn the_service_accounts_size_limit_cuts_its_searches_short() {
    let slapd = Slapd::with(&Options { service_size_limit: Some(2), ..Options::default() });
    let mut raw = Raw::connect(slapd.port());
    assert_eq!(raw.bind(tree::SERVICE, tree::SERVICE_PASSWORD), 0);
    let (seen, code) = raw.search(&Ask::below(tree::GROUPS, pdu::present("member"), &["1.1"]));
    assert_eq!((seen.len(), code), (2, 4));
}

#[test]
fn what_was_changed_survives_a_restart_of_slapd() {
    let mut slapd = Slapd::start();
    slapd.admin().leave(&tree::group("B"), &tree::person("ann"));
    slapd.restart();
    let mut admin = slapd.admin();
    let answer =
        admin.code(&pdu::compare(&tree::group("B"), "member", tree::person("ann").as_bytes()));
    assert_eq!(answer, 5);
}

#[test]
fn a_critical_control_that_nobody_knows_is_refused_and_paging_works() {
    let slapd =
        Slapd::with(&Options { extra: Extra { people: 20, groups: 3 }, ..Options::default() });
    let mut admin = slapd.admin();
    let search = Ask::below(tree::PEOPLE, pdu::begins("uid", "u0"), &["uid"]).body();
    let unknown = Control { oid: "1.2.3.4", critical: true, value: None };
    assert_eq!(admin.code(&pdu::with_controls(search.clone(), &[unknown])), 12);
    let value = pdu::page(7, b"");
    let paged = Control { oid: "1.2.840.113556.1.4.319", critical: true, value: Some(&value) };
    let answers = admin.ask(&pdu::with_controls(search, &[paged]));
    assert_eq!(answers.len(), 8);
}

#[test]
fn the_tools_and_the_tap_reach_the_directory() {
    let slapd = Slapd::start();
    let tap = Tap::before(slapd.port());
    let tools = Tools::at(tap.port());
    let out = tools.run_as("ann", "ldapwhoami", &[]).expect_code(0);
    assert_eq!(out.trim(), "dn:uid=ann,ou=people,dc=example,dc=com");
    assert!(tap.has_sent(b"pw-ann"));
    assert!(!tap.has_sent(b"pw-bob"));
    tools.run("ldapwhoami", &["-D", tree::ADMIN, "-w", "wrong"]).expect_code(49);
}
