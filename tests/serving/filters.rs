//! Filters on memberOf, before a directory that does not know it.

use super::values::client;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Control};
use crate::support::raw::{Pdu, Raw};
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{Extra, PEOPLE, SUFFIX, extra_group, extra_uid, group, person};
use bindgate::proto::op::Operation;
use std::collections::BTreeSet;

pub(crate) fn names_of(answers: &[Pdu]) -> Vec<String> {
    let entries = answers.iter().filter(|pdu| pdu.operation() == Operation::SearchResultEntry);
    let mut names: Vec<String> = entries.map(|pdu| first_value(&pdu.entry().dn)).collect();
    names.sort();
    names
}

fn first_value(dn: &str) -> String {
    dn.split([',', '=']).nth(1).unwrap_or_default().to_owned()
}

#[track_caller]
pub(crate) fn found(client: &mut Raw, filter: &str) -> Vec<String> {
    let answers = client.ask(&Ask::below(PEOPLE, pdu::filter(filter), &["1.1"]).body());
    assert_eq!(answers.last().map(Pdu::code), Some(0), "{filter}");
    names_of(&answers)
}

#[test]
fn who_is_in_a_group_is_found_whatever_the_filter_and_the_spelling() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut client = client(&gateway);
    let a = group("A");
    let emea = group("Sales\\5c2c EMEA");
    for (filter, expected) in [
        (format!("(memberOf={a})"), &["ann"][..]),
        (format!("(&(uid=ann)(memberOf={a}))"), &["ann"]),
        (format!("(&(objectClass=inetOrgPerson)(uid=bob)(memberOf={a}))"), &[]),
        (format!("(&(uid=ann)(!(memberOf={a})))"), &[]),
        (format!("(|(uid=bob)(memberOf={a}))"), &["ann", "bob"]),
        (
            format!(
                "(!(|(uid=bob)(memberOf={a})(uid=d*)(cn=printer)(sn=Smith)(uid=zo*)(uid=odd)(ou=*)))"
            ),
            &["carol", "erin", "frank"],
        ),
        ("(MEMBEROF=CN=a , OU=GROUPS,dc=Example,dc=com)".to_owned(), &["ann"]),
        ("(memberOf=cn=\\5c41,ou=groups,dc=example,dc=com)".to_owned(), &["ann"]),
        (format!("(memberOf={emea})"), &["Smith\\2C Jane"]),
        (format!("(memberOf:1.2.840.113556.1.4.1941:={})", group("top")), &["carol"]),
        (
            "(&(memberOf=*)(objectClass=person))".to_owned(),
            &["Smith\\2C Jane", "ann", "bob", "carol", "dave", "zoë"],
        ),
        ("(&(objectClass=person)(!(memberOf=*)))".to_owned(), &["erin", "frank", "odd"]),
        (format!("(&(memberOf={})(memberOf={}))", group("left"), group("right")), &["carol"]),
        ("(memberOf=cn=nowhere,dc=example,dc=com)".to_owned(), &[]),
        // Undefined is not False below a NOT.
        ("(&(uid=ann)(memberOf=no name))".to_owned(), &[]),
        ("(&(uid=ann)(!(memberOf=no name)))".to_owned(), &[]),
        ("(&(uid=ann)(!(memberOf=cn=*)))".to_owned(), &[]),
    ] {
        let expected: Vec<&str> = expected.to_vec();
        assert_eq!(found(&mut client, &filter), expected, "{filter}");
    }
}

#[test]
fn every_scope_and_another_base_are_as_with_any_filter() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut client = client(&gateway);
    let ann = person("ann");
    let mut check = |base: &str, scope: i64, filter: String, expected: (usize, u32)| {
        let filter = pdu::filter(&filter);
        let (entries, code) =
            client.search(&Ask { scope, ..Ask::below(base, filter, &["memberOf"]) });
        assert_eq!((entries.len(), code), expected, "{base} {scope}");
        for entry in entries {
            assert_eq!(entry.values("memberOf").len(), 2);
        }
    };
    let in_a = || format!("(memberOf={})", group("A"));
    check(&ann, 0, in_a(), (1, 0));
    check(&ann, 0, format!("(!{})", in_a()), (0, 0));
    check(&ann, 0, format!("(|(uid=nobody){})", in_a()), (1, 0));
    check(&person("erin"), 0, in_a(), (0, 0));
    check(&ann, 1, in_a(), (0, 0));
    check(&ann, 2, in_a(), (1, 0));
    check(PEOPLE, 1, in_a(), (1, 0));
    check(SUFFIX, 1, in_a(), (0, 0));
    check(SUFFIX, 2, in_a(), (1, 0));
    check(&person("nobody"), 0, in_a(), (0, 32));
    check("ou=nowhere,dc=example,dc=com", 2, in_a(), (0, 32));
}

/// 300 people, all of them in one group by way of another, so that they are named in parts.
fn crowd() -> (Slapd, Gateway) {
    let slapd = crowded(Options::default());
    let gateway = Gateway::before(slapd.port());
    (slapd, gateway)
}

/// A directory with that crowd.
pub(crate) fn crowded(options: Options) -> Slapd {
    crowded_by(300, options)
}

/// A directory with a crowd of that many.
pub(crate) fn crowded_by(people: usize, options: Options) -> Slapd {
    let slapd = Slapd::with(&Options { extra: Extra { people, groups: 2 }, ..options });
    let mut admin = slapd.admin();
    let members: Vec<String> = (0..people).map(|number| person(&extra_uid(number))).collect();
    let values: Vec<&[u8]> = members.iter().map(String::as_bytes).collect();
    admin.modify(&group(&extra_group(0)), pdu::Change::Add, "member", &values);
    admin.join(&group(&extra_group(1)), &group(&extra_group(0)));
    slapd
}

fn paged(size: i64, cookie: &[u8]) -> Vec<u8> {
    use bindgate::proto::ber::{INTEGER, OCTET_STRING, SEQUENCE};
    use bindgate::proto::ber::{write_element, write_integer, write_nested};
    let mut value = Vec::new();
    write_nested(&mut value, SEQUENCE, |out| {
        write_integer(out, INTEGER, size);
        write_element(out, OCTET_STRING, cookie);
    });
    value
}

/// A search to its end in pages of that size: the names on each page.
#[track_caller]
pub(crate) fn in_pages(client: &mut Raw, filter: &str, size: i64) -> Vec<Vec<String>> {
    let (mut cookie, mut pages) = (Vec::new(), Vec::new());
    loop {
        let ask = Ask::below(PEOPLE, pdu::filter(filter), &["1.1"]).body();
        let value = paged(size, &cookie);
        let control = pdu::with_controls(
            ask,
            &[Control { oid: "1.2.840.113556.1.4.319", critical: true, value: Some(&value) }],
        );
        let answers = client.ask(&control);
        let last = answers.last().expect("there is a result");
        assert_eq!(last.code(), 0, "{filter}");
        pages.push(names_of(&answers));
        let next = bindgate::domain::paging::cookie(last.envelope().controls);
        cookie = next.expect("a page says where to go on").to_vec();
        if cookie.is_empty() {
            return pages;
        }
    }
}

#[test]
fn a_large_group_is_found_whole_and_counts_limits_and_pages_are_right() {
    let (_slapd, gateway) = crowd();
    let mut client = client(&gateway);
    let outer = group(&extra_group(1));
    let expected: Vec<String> = (0..300).map(extra_uid).collect();
    let in_outer = format!("(memberOf={outer})");
    assert_eq!(found(&mut client, &in_outer), expected);
    assert_eq!(found(&mut client, &format!("(&(uid=u0*){in_outer})")).len(), 100);
    assert_eq!(found(&mut client, &format!("(|(uid=ann){in_outer})")).len(), 301);
    let others = format!("(&(objectClass=person)(!{in_outer}))");
    assert_eq!(found(&mut client, &others).len(), 9);
    for (filter, limit, entries, code) in [
        (&in_outer, 10, 10, 4),
        (&in_outer, 299, 299, 4),
        (&in_outer, 300, 300, 0),
        (&others, 9, 9, 0),
        (&others, 8, 8, 4),
    ] {
        let ask = Ask::below(PEOPLE, pdu::filter(filter), &["1.1"]);
        let found = client.search(&Ask { size_limit: limit, ..ask });
        assert_eq!((found.0.len(), found.1), (entries, code), "{filter} {limit}");
    }
    // Every page but the last is full, also where entries are left out.
    let mixed = format!("(|(uid=ann)(uid=bob){in_outer})");
    for (filter, all) in [(&in_outer, expected.len()), (&others, 9), (&mixed, 302)] {
        for size in [7, 100, 500] {
            let pages = in_pages(&mut client, filter, size);
            let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
            let full = sizes.iter().rev().skip(1).all(|found| *found as i64 == size);
            assert!(full, "{filter} {sizes:?}");
            let found: BTreeSet<String> = pages.into_iter().flatten().collect();
            assert_eq!(found.len(), all, "{filter} {sizes:?}");
            assert_eq!(sizes.iter().sum::<usize>(), all, "{filter} {sizes:?}");
        }
    }
    a_search_in_pages_may_be_given_up(&mut client, &in_outer);
    // The session is as good as before.
    assert_eq!(found(&mut client, "(uid=ann)"), ["ann"]);
}

fn a_search_in_pages_may_be_given_up(client: &mut Raw, filter: &str) {
    let mut page = |size, cookie: &[u8]| {
        let ask = Ask::below(PEOPLE, pdu::filter(filter), &["1.1"]).body();
        let value = paged(size, cookie);
        let control =
            Control { oid: "1.2.840.113556.1.4.319", critical: true, value: Some(&value) };
        let answers = client.ask(&pdu::with_controls(ask, &[control]));
        let last = answers.last().expect("there is a result");
        let next = bindgate::domain::paging::cookie(last.envelope().controls);
        (answers.len() - 1, last.code(), next.unwrap_or_default().to_vec())
    };
    let (found, code, cookie) = page(7, b"");
    assert_eq!((found, code), (7, 0));
    let (_, _, other) = page(7, b"");
    assert_eq!(page(0, &cookie), (0, 0, Vec::new()));
    // It leads nowhere any more, unlike the other one.
    assert_eq!(page(7, &cookie), (0, 53, Vec::new()));
    assert_eq!(page(7, b"bindgate 4711").1, 53);
    assert_eq!(page(7, &other).0, 7);
}

#[test]
fn more_members_than_may_be_named_are_refused_and_never_an_empty_success() {
    let (slapd, _) = crowd();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[directory.serve]", "max_filter_members", "100");
    });
    let mut client = client(&gateway);
    let in_outer = format!("(memberOf={})", group(&extra_group(1)));
    let answers = client.ask(&Ask::below(PEOPLE, pdu::filter(&in_outer), &["1.1"]).body());
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].code(), 11);
    let text = String::from_utf8_lossy(answers[0].result().diagnostic).into_owned();
    assert!(text.contains("max_filter_members"), "{text}");
    gateway.comes_to_count("bindgate_limit_hits_total{limit=\"max_filter_members\"} 1");
    // Who is asked for by name need not be named with all others.
    assert_eq!(found(&mut client, &format!("(&(uid=u007){in_outer})")), ["u007"]);
    assert_eq!(found(&mut client, &format!("(memberOf={})", group("A"))), ["ann"]);
}
