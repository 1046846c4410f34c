//! What could not be read changes nothing (rules S3.1 and S3.2).

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Change};
use crate::support::slapd::{Options, Slapd};
use crate::support::{eventually, tree};
use serde_json::json;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";

#[track_caller]
fn expect_unknown(gateway: &Gateway, reason: &str, groups: &[&str]) {
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0, "the bind's answer is the directory's");
    let ann = gateway.user("ann");
    assert_eq!(ann["observation"]["groups"], json!({ "unknown": reason }));
    assert_eq!(gateway.managed_groups("ann"), groups);
    let log = gateway.log();
    assert!(log.contains(reason), "the reason is logged: {log}");
}

#[test]
fn a_size_limit_on_the_service_account_makes_the_groups_unknown() {
    let slapd = Slapd::with(&Options { service_size_limit: Some(2), ..Options::default() });
    let gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), ["A", "B"]);
    let mut admin = slapd.admin();
    admin.leave(&tree::group("B"), ANN);
    for group in ["left", "right", "top"] {
        admin.join(&tree::group(group), ANN);
    }
    expect_unknown(&gateway, "size-limit", &["A", "B"]);
    admin.leave(&tree::group("right"), ANN);
    admin.leave(&tree::group("top"), ANN);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), ["left", "top"], "what is known again counts");
    assert_eq!(gateway.user("ann")["observation"]["groups"], "known");
}

#[test]
fn a_group_base_that_is_not_there_is_not_an_empty_one() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(slapd.admin().code(&pdu::modify_dn(tree::GROUPS, "ou=moved", None)), 0);
    expect_unknown(&gateway, "no-such-base", &["A", "B"]);
}

#[test]
fn a_service_account_that_is_refused_makes_everything_unknown() {
    let mut slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    slapd.admin().modify(tree::SERVICE, Change::Replace, "userPassword", &[b"rotated"]);
    slapd.admin().leave(&tree::group("B"), ANN);
    // The connections that are bound with the old password are lost.
    slapd.restart();
    // The first sign-ons may still find the old connections, and tell of those.
    eventually("binds succeed again, and the reason is logged", || {
        let bound = gateway.sign_on(ANN, "pw-ann") == 0;
        (bound && gateway.log().contains("service-account")).then_some(())
    });
    assert_eq!(gateway.managed_groups("ann"), ["A", "B"]);

    // A new password file is taken up without a restart.
    gateway.folder().write("service.password", "rotated\n");
    eventually("the record follows again", || {
        assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
        gateway.managed_groups("ann").is_empty().then_some(())
    });
}

#[test]
fn with_deny_an_unknown_observation_refuses_the_bind() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set_user_type("on_unknown", "\"deny\"");
    });
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    assert_eq!(slapd.admin().code(&pdu::modify_dn(tree::GROUPS, "ou=moved", None)), 0);
    assert_eq!(raw.bind(ANN, "pw-ann"), 52);
    // The directory took the password, but this session is nobody (rule S9.5).
    assert!(raw.search(&pdu::Ask::entry(ANN)).0.is_empty());
    assert_eq!(raw.bind(ANN, "wrong"), 49);
    assert_eq!(gateway.managed_groups("ann"), ["A", "B"]);
}

#[test]
fn a_first_sign_on_without_known_groups_makes_no_memberships() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[directory.groups]", "base", "\"ou=nowhere,dc=example,dc=com\"");
    });
    expect_unknown(&gateway, "no-such-base", &[]);
}
