//! Pages, order and limits, by OpenLDAP's tools and on the wire.

use crate::reading::{PEOPLE, application, gateway, readers, sign_on, texts};
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Control};
use crate::support::raw::Raw;
use crate::support::slapd::{Options, Slapd};
use crate::support::tools::Said;
use crate::support::tree::{self, Extra, SERVICE, SERVICE_PASSWORD};
use bindgate::proto::paged::Page;
use std::process::Command;

const PAGED: &str = "1.2.840.113556.1.4.319";
const SORT: &str = "1.2.840.113556.1.4.473";
const MANY: usize = 25;

/// A gateway with many records.
fn crowd() -> (Slapd, Gateway) {
    crowd_with(|_| {})
}

fn crowd_with(change: impl FnOnce(&mut crate::support::settings::Settings)) -> (Slapd, Gateway) {
    let extra = Extra { people: MANY, groups: 0 };
    let slapd = Slapd::with(&Options { extra, ..Options::default() });
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        readers(settings);
        change(settings);
    });
    let uids: Vec<String> = (0..MANY).rev().map(tree::extra_uid).collect();
    sign_on(&gateway, &uids.iter().map(String::as_str).collect::<Vec<_>>());
    (slapd, gateway)
}

fn uids_in(ldif: &str) -> Vec<&str> {
    ldif.lines().filter_map(|line| line.strip_prefix("uid: ")).collect()
}

#[test]
fn the_tools_read_it_whole_in_pages_and_sorted() {
    let (_slapd, gateway) = crowd();
    let all: Vec<String> = (0..MANY).map(tree::extra_uid).collect();
    let tools = gateway.tools();
    let search = |args: &[&str]| {
        let who = ["-D", SERVICE, "-w", SERVICE_PASSWORD, "-LLL", "-b", PEOPLE];
        let args: Vec<&str> = who.iter().chain(args).copied().chain(["(uid=u*)", "uid"]).collect();
        tools.run("ldapsearch", &args).expect_code(0)
    };
    let mut whole = search(&[]);
    let mut found = uids_in(&whole);
    found.sort_unstable();
    assert_eq!(found, all);
    for size in ["1", "7", "25", "26", "1000"] {
        let option = format!("pr={size}/noprompt");
        let paged = search(&["-E", &option]);
        let mut found = uids_in(&paged);
        found.sort_unstable();
        assert_eq!(found, all, "pages of {size}");
        let sorted = search(&["-E", "!sss=uid", "-E", &option]);
        assert_eq!(uids_in(&sorted), all, "pages of {size}, sorted");
    }
    whole = search(&["-E", "!sss=-uid:2.5.13.3"]);
    assert_eq!(uids_in(&whole), all.iter().rev().collect::<Vec<_>>());
    let by_two = search(&["-E", "sss=sn/-uid"]);
    assert_eq!(uids_in(&by_two).len(), MANY);
}

#[test]
fn ldap3_for_python_reads_pages_compares_and_logs_in() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    sign_on(&gateway, &["ann", "bob", "carol"]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/suffix_ldap3.py");
    let port = gateway.port().to_string();
    // Debian's, for which `scripts/install-test-needs` installs the library.
    let output = Command::new("/usr/bin/python3")
        .args([script, &port, SERVICE, SERVICE_PASSWORD])
        .output()
        .expect("python can be started");
    let told = Said::from_output(output).expect_code(0);
    let expected = "contexts: dc=example,dc=com dc=bindgate
page: uid=ann,ou=people,dc=bindgate
page: uid=bob,ou=people,dc=bindgate
page: uid=carol,ou=people,dc=bindgate
compare: True
reader: ann@example.com
schema: True
modify: unwillingToPerform
bind: True dn:uid=ann,ou=people,dc=example,dc=com
";
    assert_eq!(told, expected);
}

#[test]
fn a_page_says_whether_more_is_to_come_and_a_cookie_is_good_once_and_for_its_search() {
    let (_slapd, gateway) = crowd();
    let mut client = application(&gateway);
    let ask = |filter: &str, size: i64, cookie: &[u8]| {
        let ask = Ask::below(PEOPLE, pdu::filter(filter), &["uid"]).body();
        let value = pdu::page(size, cookie);
        pdu::with_controls(ask, &[Control { oid: PAGED, critical: true, value: Some(&value) }])
    };
    let page = |client: &mut Raw, filter: &str, size: i64, cookie: &[u8]| {
        let answers = client.ask(&ask(filter, size, cookie));
        let last = answers.last().expect("an answer");
        let controls = last.envelope().controls.unwrap_or_default();
        let control = bindgate::proto::control::Control::decode_all(controls, 9).expect("they are");
        let value = control.first().and_then(|control| control.value);
        let cookie = value.map(|value| Page::decode(value).expect("a page").cookie.to_vec());
        (answers.len() - 1, last.code(), cookie)
    };
    let (shown, code, cookie) = page(&mut client, "(uid=u*)", 20, b"");
    assert_eq!((shown, code), (20, 0));
    let cookie = cookie.expect("there is more");
    assert!(!cookie.is_empty());
    assert_eq!(page(&mut client, "(uid=*)", 20, &cookie).1, 53, "another search");
    assert_eq!(page(&mut client, "(uid=u*)", 20, &cookie), (5, 0, Some(Vec::new())));
    assert_eq!(page(&mut client, "(uid=u*)", 20, &cookie).1, 53, "it was good once");
    assert_eq!(
        page(&mut client, "(uid=u*)", 25, b""),
        (25, 0, Some(Vec::new())),
        "none is held back"
    );
    let (.., cookie) = page(&mut client, "(uid=u*)", 1, b"");
    let cookie = cookie.expect("there is more");
    assert_eq!(
        page(&mut client, "(uid=u*)", 0, &cookie),
        (0, 0, Some(Vec::new())),
        "no more is wanted"
    );
    assert_eq!(page(&mut client, "(uid=u*)", 1, &cookie).1, 53);
    let (.., cookie) = page(&mut client, "(uid=u*)", 1, b"");
    assert_eq!(client.bind(SERVICE, SERVICE_PASSWORD), 0);
    let cookie = cookie.expect("there is more");
    assert_eq!(page(&mut client, "(uid=u*)", 1, &cookie).1, 53, "it was somebody else's");
}

#[test]
fn the_client_gets_no_more_than_it_takes_and_no_more_than_is_given() {
    let (_slapd, gateway) = crowd_with(|settings| {
        settings.set("[records]", "size_limit", "20");
        settings.set("[records]", "max_sorted", "10");
    });
    let mut client = application(&gateway);
    let ask =
        |size_limit| Ask { size_limit, ..Ask::below(PEOPLE, pdu::filter("(uid=u*)"), &["uid"]) };
    let (found, code) = client.search(&ask(7));
    assert_eq!((found.len(), code), (7, 4));
    let (found, code) = client.search(&ask(0));
    assert_eq!((found.len(), code), (20, 4));
    gateway.comes_to_count("bindgate_limit_hits_total{limit=\"records.size_limit\"} 1");
    // What fits is no matter of a limit.
    let few = Ask { size_limit: 10, ..Ask::below(PEOPLE, pdu::filter("(uid=u00*)"), &["uid"]) };
    let (found, code) = client.search(&few);
    assert_eq!((found.len(), code), (10, 0));
    // Pages are no larger, and there are as many as it takes.
    let value = pdu::page(1000, b"");
    let control = Control { oid: PAGED, critical: true, value: Some(&value) };
    let answers = client.ask(&pdu::with_controls(ask(0).body(), &[control]));
    assert_eq!((answers.len(), answers[20].code()), (21, 0));

    let sort = |critical| {
        let keys = pdu::nested(0x30, |out| {
            out.extend(pdu::nested(0x30, |out| out.extend(b"\x04\x03uid")));
        });
        let control = Control { oid: SORT, critical, value: Some(&keys) };
        let ask = Ask { size_limit: 3, ..ask(0) };
        pdu::with_controls(ask.body(), &[control])
    };
    let answers = client.ask(&sort(true));
    assert_eq!((answers.len(), answers[0].code()), (1, 12), "not in that order");
    let answers = client.ask(&sort(false));
    assert_eq!((answers.len(), answers[3].code()), (4, 4), "in any");
    gateway.comes_to_count("bindgate_limit_hits_total{limit=\"records.max_sorted\"} 2");
}

#[test]
fn attributes_are_selected_and_types_come_alone() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    sign_on(&gateway, &["ann"]);
    let mut client = application(&gateway);
    let ann = crate::reading::here("ann");
    let ask = Ask { types_only: true, ..Ask::entry(&ann).of(&["memberOf", "mail", "nothing"]) };
    let (entries, code) = client.search(&ask);
    assert_eq!((entries.len(), code), (1, 0));
    let names: Vec<_> = entries[0].attributes.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["mail", "memberOf"]);
    assert_eq!(texts(&entries[0], "mail"), [""; 0]);
    let (entries, _) = client.search(&Ask::entry(&ann).of(&["1.1"]));
    assert!(entries[0].attributes.is_empty());
}
