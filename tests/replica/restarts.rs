//! Restarts: of the gateway, of slapd, of both in mid-refresh, and one server instead of another.

use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Change};
use crate::support::raw::Raw;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{self, Extra, NOBODY};

/// Groups that nobody is in, so that one that goes is not most of them.
const GROUPS: usize = 40;

/// The value of a metric of the replica; 0 if there is none.
pub(crate) fn metric(gateway: &Gateway, name: &str) -> u64 {
    let line = format!("bindgate_replica_{name}{{directory=\"corp\"}} ");
    let text = gateway.metrics();
    let value = text.lines().find_map(|found| found.strip_prefix(&line));
    value.and_then(|value| value.trim().parse::<f64>().ok()).unwrap_or(0.0) as u64
}

/// Waits until a metric of the replica has that value.
#[track_caller]
pub(crate) fn wait_for(gateway: &Gateway, name: &str, value: u64) {
    eventually(&format!("{name} is {value}"), || (metric(gateway, name) == value).then_some(()));
}

/// The groups that a sign-on shows, which has to be answered from the copy.
#[track_caller]
pub(crate) fn groups_in_the_copy(gateway: &Gateway, uid: &str) -> Vec<String> {
    let read = || {
        let line = "bindgate_group_reads_total{directory=\"corp\",source=\"directory\"} ";
        let text = gateway.metrics();
        text.lines().find_map(|found| found.strip_prefix(line)).map(str::to_owned)
    };
    let before = read();
    assert_eq!(gateway.sign_on(&tree::person(uid), tree::password(uid)), 0);
    assert_eq!(read(), before, "the directory was asked for groups");
    gateway.managed_groups(uid)
}

/// Waits until the whole copy is on disk.
pub(crate) fn wait_until_saved(gateway: &Gateway) {
    let groups = metric(gateway, "groups") as i64;
    eventually("the copy is on disk", || {
        let file = rusqlite::Connection::open(gateway.store().join("replica.db")).ok()?;
        let sql = "SELECT count(*) FROM copies WHERE cookie IS NOT NULL AND groups = ?1";
        let count: i64 = file.query_row(sql, [groups], |row| row.get(0)).ok()?;
        (count == 1).then_some(())
    });
}

pub(crate) fn extra() -> Extra {
    Extra { people: 5, groups: GROUPS }
}

fn join(admin: &mut Raw, group: &str, uid: &str) {
    admin.join(&tree::group(group), &tree::person(uid));
}

#[track_caller]
fn check_that_a_restart_loads_nothing(database_lines: &[&str], end: fn(&mut Gateway)) {
    let lines = database_lines.iter().map(|line| (*line).to_owned()).collect();
    let slapd =
        Slapd::with(&Options { extra: extra(), database_lines: lines, ..Options::default() });
    let mut admin = slapd.admin();
    let mut gateway = Gateway::before(slapd.port());
    wait_for(&gateway, "complete", 1);
    let groups = metric(&gateway, "groups");
    assert_eq!((metric(&gateway, "loads_total"), metric(&gateway, "resumes_total")), (1, 0));
    join(&mut admin, "g000", "u000");
    assert_eq!(groups_in_the_copy(&gateway, "u000"), ["g000"]);
    wait_until_saved(&gateway);
    end(&mut gateway);

    join(&mut admin, "g001", "u000");
    admin.leave(&tree::group("g000"), &tree::person("u000"));
    assert_eq!(admin.code(&pdu::delete(&tree::group("g002"))), 0);
    gateway.restart(|_| {});
    wait_for(&gateway, "complete", 1);
    assert_eq!((metric(&gateway, "loads_total"), metric(&gateway, "resumes_total")), (0, 1));
    assert!(metric(&gateway, "changes_total") <= 4, "no more was told than had changed");
    assert_eq!(metric(&gateway, "groups"), groups - 1);
    assert_eq!(groups_in_the_copy(&gateway, "u000"), ["g001"]);
}

#[test]
fn a_gateway_that_is_stopped_goes_on_from_its_cookie_by_a_present_phase() {
    check_that_a_restart_loads_nothing(&[], Gateway::stop);
}

#[test]
fn a_gateway_that_is_killed_goes_on_from_its_cookie_by_a_log_of_deletes() {
    check_that_a_restart_loads_nothing(&["syncprov-sessionlog 100"], Gateway::kill);
}

#[test]
fn a_copy_that_answers_another_question_is_void() {
    let slapd = Slapd::with(&Options { extra: extra(), ..Options::default() });
    let mut gateway = Gateway::before(slapd.port());
    wait_for(&gateway, "complete", 1);
    wait_until_saved(&gateway);
    gateway.stop();
    gateway.restart(|settings| {
        settings.set("[directory.groups]", "filter", "\"(objectClass=groupOfNames)\"");
    });
    wait_for(&gateway, "complete", 1);
    assert_eq!((metric(&gateway, "loads_total"), metric(&gateway, "resumes_total")), (1, 0));
}

#[test]
fn a_saved_copy_that_is_damaged_or_gone_costs_a_load_and_nothing_else() {
    let slapd = Slapd::with(&Options { extra: extra(), ..Options::default() });
    let mut gateway = Gateway::before(slapd.port());
    wait_for(&gateway, "complete", 1);
    let groups = metric(&gateway, "groups");
    for content in [Some("this is no database".repeat(500)), Some(String::new()), None] {
        wait_until_saved(&gateway);
        gateway.stop();
        let file = gateway.store().join("replica.db");
        match content {
            Some(content) => std::fs::write(&file, content).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        gateway.restart(|_| {});
        wait_for(&gateway, "complete", 1);
        assert_eq!(metric(&gateway, "loads_total"), 1);
        assert_eq!((metric(&gateway, "groups"), metric(&gateway, "saved")), (groups, 1));
    }
}

#[test]
fn a_slapd_that_is_restarted_is_followed_again_and_loads_nothing() {
    let mut slapd = Slapd::with(&Options { extra: extra(), ..Options::default() });
    let gateway = Gateway::before(slapd.port());
    wait_for(&gateway, "complete", 1);
    for (round, group) in ["g000", "g001", "g002"].into_iter().enumerate() {
        slapd.kill();
        wait_for(&gateway, "complete", 0);
        slapd.restart();
        join(&mut slapd.admin(), group, "u001");
        wait_for(&gateway, "complete", 1);
        assert_eq!(groups_in_the_copy(&gateway, "u001").len(), round + 1);
    }
    assert_eq!(metric(&gateway, "loads_total"), 1);
}

#[test]
fn restarts_of_slapd_and_of_both_in_mid_refresh_lose_nothing() {
    let large = Extra { people: 900, groups: 900 };
    let unlimited = format!("limits dn.exact=\"{}\" size=unlimited", tree::SERVICE);
    let options = Options { extra: large, database_lines: vec![unlimited], ..Options::default() };
    let mut slapd = Slapd::with(&options);
    let mut gateway = Gateway::before(slapd.port());
    for round in 0..4 {
        eventually("a refresh has begun", || (metric(&gateway, "changes_total") > 0).then_some(()));
        slapd.kill();
        if round % 2 == 0 {
            gateway.kill();
            slapd.restart();
            gateway.restart(|_| {});
        } else {
            slapd.restart();
        }
        join(&mut slapd.admin(), &tree::extra_group(round), "u002");
    }
    wait_for(&gateway, "complete", 1);
    let expected: Vec<String> = (0..4).map(tree::extra_group).collect();
    assert_eq!(groups_in_the_copy(&gateway, "u002"), expected);
    assert!(metric(&gateway, "groups") >= 900 && metric(&gateway, "users") >= 900);
}

/// The cookie used to be sent back as it was. It named the server that had given it, and behind a
/// single change that change's server alone. The next server then kept to itself what it had from
/// the first, and the next start loaded everything.
#[test]
fn after_a_failover_the_changes_of_the_other_server_still_arrive() {
    let [mut one, two] = Slapd::pair(&Options { extra: extra(), ..Options::default() });
    let urls = format!("[\"{}\", \"{}\"]", one.url(), two.url());
    let mut gateway = Gateway::configured(one.port(), |settings, _| {
        settings.set("[[directory]]", "urls", urls);
    });
    wait_for(&gateway, "complete", 1);
    join(&mut one.admin(), "g000", "u003");
    join(&mut two.admin(), "g001", "u003");
    one.kill();
    wait_for(&gateway, "complete", 0);
    wait_for(&gateway, "complete", 1);
    one.restart();
    // Two changes, one after another, so that a cookie names one server alone.
    join(&mut one.admin(), "g002", "u003");
    join(&mut two.admin(), "g003", "u003");
    let expected = ["g000", "g001", "g002", "g003"];
    eventually("the changes of both have come to the copy", || {
        (groups_in_the_copy_or_walk(&gateway, "u003") == expected).then_some(())
    });
    assert_eq!(groups_in_the_copy(&gateway, "u003"), expected);
    assert_eq!(metric(&gateway, "loads_total"), 1);
    wait_until_saved(&gateway);
    gateway.restart(|_| {});
    wait_for(&gateway, "complete", 1);
    assert_eq!((metric(&gateway, "loads_total"), metric(&gateway, "resumes_total")), (0, 1));
    assert!(metric(&gateway, "changes_total") <= 4, "the cookie still names both servers");
}

fn groups_in_the_copy_or_walk(gateway: &Gateway, uid: &str) -> Vec<String> {
    assert_eq!(gateway.sign_on(&tree::person(uid), tree::password(uid)), 0);
    gateway.managed_groups(uid)
}

/// A change of everything about one group while it is followed.
#[test]
fn a_group_that_is_renamed_moved_away_and_back_is_followed() {
    let slapd = Slapd::with(&Options { extra: extra(), ..Options::default() });
    let mut admin = slapd.admin();
    let gateway = Gateway::before(slapd.port());
    wait_for(&gateway, "complete", 1);
    let before = metric(&gateway, "groups");
    join(&mut admin, "g004", "u004");
    let away = |admin: &mut Raw, from: &str, rdn: &str, to: Option<&str>| {
        assert_eq!(admin.code(&pdu::modify_dn(from, rdn, to)), 0);
    };
    away(&mut admin, &tree::group("g004"), "cn=renamed", None);
    assert_eq!(groups_in_the_copy(&gateway, "u004"), ["renamed"]);
    away(&mut admin, &tree::group("renamed"), "cn=renamed", Some(tree::SUFFIX));
    assert_eq!(groups_in_the_copy(&gateway, "u004"), [""; 0]);
    assert_eq!(metric(&gateway, "groups"), before - 1);
    let elsewhere = format!("cn=renamed,{}", tree::SUFFIX);
    away(&mut admin, &elsewhere, "cn=back", Some(tree::GROUPS));
    assert_eq!(groups_in_the_copy(&gateway, "u004"), ["back"]);
    admin.modify(&tree::group("back"), Change::Replace, "member", &[NOBODY.as_bytes()]);
    assert_eq!(groups_in_the_copy(&gateway, "u004"), [""; 0]);
}
