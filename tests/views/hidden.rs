//! Inactive users in searches: shown in no groups, or as if they were not there (rule S4.3).

use crate::support::folder::free_port;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Control};
use crate::support::raw::Raw;
use crate::support::settings::Settings;
use crate::support::slapd::Slapd;
use crate::support::tree::{self, PEOPLE, SUFFIX, group, person};
use bindgate::domain::paging::cookie;
use bindgate::proto::op::Operation;

const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
const NO_SUCH_OBJECT: u32 = 32;

/// All who are of class person, in the order of the directory.
const PERSONS: &[&str] = &["ann", "bob", "carol", "dave", "erin", "frank", "jane", "odd", "zoë"];

/// A gateway whose directory shows inactive users and whose second listener hides them, ann being
/// disabled; and the two listeners' clients.
fn gateway(slapd: &Slapd, change: impl FnOnce(&mut Settings)) -> (Gateway, Raw, Raw) {
    let other = free_port();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        let first = settings.ldap_port;
        let both = format!("[\"127.0.0.1:{first}\", \"127.0.0.1:{other}\"]");
        settings.set("[listen]", "ldap", both);
        settings.add_view(&format!(
            "name = \"hiding\"\nmatch = {{ listeners = [\"127.0.0.1:{other}\"] }}\n\
             inactive = \"hide\""
        ));
        change(settings);
    });
    for uid in ["ann", "bob"] {
        assert_eq!(gateway.sign_on(&person(uid), tree::password(uid)), 0);
    }
    gateway.command(&["user", "disable", "staff/ann"]).expect_code(0);
    let clients = [gateway.port(), other].map(|port| {
        let mut client = Raw::connect(port);
        assert_eq!(client.bind(&person("erin"), tree::password("erin")), 0);
        client
    });
    let [showing, hiding] = clients;
    (gateway, showing, hiding)
}

#[track_caller]
fn found(client: &mut Raw, filter: &str, size_limit: i64) -> (Vec<String>, u32) {
    let ask = Ask { size_limit, ..Ask::below(SUFFIX, pdu::filter(filter), &["uid"]) };
    let (entries, code) = client.search(&ask);
    let uid = |entry: &bindgate::proto::search::Entry| {
        String::from_utf8_lossy(&entry.values("uid")[0]).into_owned()
    };
    let mut uids: Vec<String> = entries.iter().map(uid).collect();
    uids.sort();
    (uids, code)
}

/// How many entries each page has, and the last code.
fn pages(client: &mut Raw, filter: &str, size: i64) -> (Vec<usize>, u32) {
    let (mut counts, mut at) = (Vec::new(), Vec::new());
    loop {
        let value = pdu::page(size, &at);
        let control = Control { oid: PAGED_RESULTS, critical: true, value: Some(&value) };
        let ask = Ask::below(PEOPLE, pdu::filter(filter), &["uid"]).body();
        let answers = client.ask(&pdu::with_controls(ask, &[control]));
        let is_entry =
            |pdu: &&crate::support::raw::Pdu| pdu.operation() == Operation::SearchResultEntry;
        counts.push(answers.iter().filter(is_entry).count());
        let done = answers.last().expect("a search is answered");
        at = cookie(done.envelope().controls).unwrap_or_default().to_vec();
        if at.is_empty() || done.code() != 0 {
            return (counts, done.code());
        }
    }
}

/// What both clients find and are told of ann.
#[track_caller]
fn check(showing: &mut Raw, hiding: &mut Raw) {
    let without: Vec<&str> = PERSONS.iter().copied().filter(|uid| *uid != "ann").collect();
    let in_a = format!("(memberOf={})", group("A"));
    for (filter, expected, hidden) in [
        ("(objectClass=person)", PERSONS, &without[..]),
        ("(uid=ann)", &["ann"], &[]),
        ("(|(uid=ann)(uid=bob))", &["ann", "bob"], &["bob"]),
        (
            "(&(objectClass=person)(!(uid=bob*)))",
            &PERSONS.iter().copied().filter(|u| *u != "bob").collect::<Vec<_>>()[..],
            &without.iter().copied().filter(|u| *u != "bob").collect::<Vec<_>>()[..],
        ),
        // She is in no group.
        (&in_a, &[], &[]),
        ("(&(uid=ann)(!(memberOf=*)))", &["ann"], &[]),
    ] {
        assert_eq!(found(showing, filter, 0), (owned(expected), 0), "{filter}");
        assert_eq!(found(hiding, filter, 0), (owned(hidden), 0), "{filter}");
    }
    // No limit counts her.
    assert_eq!(found(hiding, "(objectClass=person)", 8), (owned(&without), 0));
    assert_eq!(found(hiding, "(objectClass=person)", 7).1, 4);
    assert_eq!(pages(hiding, "(objectClass=person)", 3), (vec![3, 3, 2], 0));
    let ann = person("ann");
    let ask = Ask::entry(&ann).of(&["memberOf", "uid"]);
    let (entries, code) = showing.search(&ask);
    assert_eq!((entries.len(), code), (1, 0));
    assert_eq!(entries[0].values("memberOf").len(), 0);
    for scope in 0..=2 {
        let all = pdu::filter("(objectClass=*)");
        let (entries, code) = hiding.search(&Ask { scope, ..Ask::below(&ann, all, &["uid"]) });
        assert_eq!((entries.len(), code), (0, NO_SUCH_OBJECT));
    }
    for (attribute, value) in [("uid", "ann"), ("memberOf", &group("A"))] {
        let compare = pdu::compare(&ann, attribute, value.as_bytes());
        assert_ne!(showing.code(&compare), NO_SUCH_OBJECT, "{attribute}");
        assert_eq!(hiding.code(&compare), NO_SUCH_OBJECT, "{attribute}");
    }
}

fn owned(uids: &[&str]) -> Vec<String> {
    uids.iter().map(|uid| (*uid).to_owned()).collect()
}

#[test]
fn s4_3_a_search_shows_inactive_users_in_no_groups_or_hides_them_as_configured() {
    let slapd = Slapd::start();
    let (gateway, mut showing, mut hiding) = gateway(&slapd, |_| {});
    gateway.comes_to_have_a_copy();
    check(&mut showing, &mut hiding);
    gateway.command(&["user", "enable", "staff/ann"]).expect_code(0);
    assert_eq!(gateway.sign_on(&person("ann"), tree::password("ann")), 0);
    assert_eq!(found(&mut hiding, "(uid=ann)", 0), (owned(&["ann"]), 0));
    assert_eq!(found(&mut hiding, &format!("(memberOf={})", group("A")), 0).0, ["ann"]);
}

#[test]
fn s4_3_without_a_live_copy_inactive_users_are_hidden_too_and_nobody_else_of_their_name() {
    let slapd = Slapd::start();
    let (gateway, mut showing, mut hiding) =
        gateway(&slapd, |settings| settings.set("[directory.groups]", "replica", "\"none\""));
    for filter in ["(uid=ann)", "(&(objectClass=person)(sn=*)(uid=a*))"] {
        assert_eq!(found(&mut showing, filter, 0).0, ["ann"], "{filter}");
        assert_eq!(found(&mut hiding, filter, 0), (Vec::new(), 0), "{filter}");
    }
    assert_eq!(pages(&mut hiding, "(objectClass=person)", 3), (vec![3, 3, 2], 0));
    // Another entry of that name is another user.
    let mut admin = slapd.admin();
    let ann = person("ann");
    assert_eq!(admin.code(&pdu::delete(&ann)), 0);
    let classes = &["inetOrgPerson"][..];
    let entry = [("objectClass", classes), ("sn", &["New"][..]), ("cn", &["New"])];
    assert_eq!(admin.code(&pdu::add(&ann, &entry)), 0);
    assert_eq!(found(&mut hiding, "(uid=ann)", 0).0, ["ann"]);
    drop(gateway);
}

#[test]
fn s4_3_what_a_view_says_of_inactive_users_goes_before_what_the_directory_says() {
    let slapd = Slapd::start();
    let (gateway, mut hiding_too, _hiding) = gateway(&slapd, |settings| {
        settings.set("[directory.serve]", "inactive", "\"hide\"");
        let frank = person("frank");
        settings.add_view(&format!(
            "name = \"frank\"\nmatch = {{ bind_dns = [\"{frank}\"] }}\ninactive = \"show\""
        ));
    });
    assert_eq!(found(&mut hiding_too, "(uid=ann)", 0).0, [""; 0]);
    let mut frank = gateway.connect();
    assert_eq!(frank.bind(&person("frank"), tree::password("frank")), 0);
    assert_eq!(found(&mut frank, "(uid=ann)", 0).0, ["ann"]);
}
