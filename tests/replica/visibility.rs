//! An account that loses its right to see groups: what it does not see any more is not gone.

use crate::restarts::{extra, groups_in_the_copy, metric, wait_for, wait_until_saved};
use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::pdu::Change;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{self, GROUPS, SERVICE};

fn options(access_lines: &[String]) -> Options {
    Options { extra: extra(), access_lines: access_lines.to_vec(), ..Options::default() }
}

/// K5. Takes groups out of the account's sight, makes the next refresh tell everything, and gives
/// them back.
#[track_caller]
fn check(what: &str) {
    let hidden = format!("access to {what} by dn.exact=\"{SERVICE}\" none by * break");
    let mut slapd = Slapd::with(&options(&[]));
    let mut admin = slapd.admin();
    admin.join(&tree::group("g001"), &tree::person("u000"));
    let mut gateway = Gateway::before(slapd.port());
    wait_for(&gateway, "complete", 1);
    let groups = metric(&gateway, "groups");
    let touch = |slapd: &Slapd, text: &str| {
        let value = [text.as_bytes()];
        slapd.admin().modify(&tree::person("u001"), Change::Replace, "description", &value);
    };
    wait_until_saved(&gateway);
    slapd.kill();
    wait_for(&gateway, "complete", 0);
    slapd.reconfigure(&options(&[hidden]));
    touch(&slapd, "so that there is something to refresh");
    wait_for(&gateway, "held", 1);
    assert_eq!((metric(&gateway, "complete"), metric(&gateway, "groups")), (0, groups));
    // A restart is no confirmation either.
    gateway.restart(|_| {});
    wait_for(&gateway, "held", 1);
    assert_eq!(metric(&gateway, "resumes_total"), 1);
    assert_eq!((metric(&gateway, "complete"), metric(&gateway, "loads_total")), (0, 0));

    slapd.reconfigure(&options(&[]));
    touch(&slapd, "and once more");
    gateway.restart(|_| {});
    wait_for(&gateway, "complete", 1);
    assert_eq!((metric(&gateway, "held"), metric(&gateway, "groups")), (0, groups));
    assert_eq!(groups_in_the_copy(&gateway, "u000"), ["g001"]);
}

#[test]
fn k5_a_refresh_without_any_group_is_held_until_it_passes() {
    check(&format!("dn.children=\"{GROUPS}\""));
}

#[test]
fn k5_a_refresh_without_many_of_the_groups_is_held_until_it_passes() {
    check(&format!("dn.regex=\"cn=g0[0-3].,{GROUPS}\""));
}

#[test]
fn k5_a_base_that_is_not_seen_any_more_takes_nothing_away() {
    let hidden =
        format!("access to dn.subtree=\"{GROUPS}\" by dn.exact=\"{SERVICE}\" none by * break");
    let mut slapd = Slapd::with(&options(&[]));
    slapd.admin().join(&tree::group("g001"), &tree::person("u000"));
    let gateway = Gateway::before(slapd.port());
    wait_for(&gateway, "complete", 1);
    let groups = metric(&gateway, "groups");
    let connects = metric(&gateway, "connects_total");
    slapd.reconfigure(&options(&[hidden]));
    eventually("it is tried again", || {
        (metric(&gateway, "connects_total") > connects + 1).then_some(())
    });
    assert_eq!((metric(&gateway, "complete"), metric(&gateway, "groups")), (0, groups));
    slapd.reconfigure(&options(&[]));
    wait_for(&gateway, "complete", 1);
    assert_eq!(metric(&gateway, "groups"), groups);
}

/// Nobody can tell a directory without groups from one that does not show them: the copy covers
/// nothing then, and sign-ons ask the directory.
#[test]
fn k5_a_copy_without_any_group_answers_nobody() {
    let hidden =
        format!("access to dn.children=\"{GROUPS}\" by dn.exact=\"{SERVICE}\" none by * break");
    let slapd = Slapd::with(&options(&[hidden]));
    let gateway = Gateway::before(slapd.port());
    wait_for(&gateway, "complete", 1);
    assert_eq!(gateway.sign_on(&tree::person("u000"), tree::password("u000")), 0);
    let walked = "bindgate_group_reads_total{directory=\"corp\",source=\"replica\"} 0";
    assert!(gateway.metrics().contains(walked), "{}", gateway.metrics());
}
