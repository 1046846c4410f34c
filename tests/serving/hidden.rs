//! Filters on groups where the client may not search for entries by their ids, which is how the
//! gateway names members to the directory: all, some, or none of them are hidden from it.

use super::filters::{crowded, found, in_pages};
use super::values::client;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Change, Control};
use crate::support::raw::{Pdu, Raw};
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{PEOPLE, SERVICE, SUFFIX, extra_group, extra_uid, group, person};
use bindgate::proto::ber::{OCTET_STRING, SEQUENCE, write_element, write_nested};

/// Who may search ids, as access rules of slapd for the people; the gateway's account always may.
fn only(what: &str, by: &str) -> String {
    format!("access to {what} attrs=entryUUID by dn.exact=\"{SERVICE}\" read {by} by * none")
}

fn before(access_lines: Vec<String>) -> (Slapd, Gateway) {
    let slapd = crowded(Options {
        access_lines,
        global_lines: vec!["moduleload sssvlv".into()],
        database_lines: vec!["overlay sssvlv".into()],
        ..Options::default()
    });
    let gateway = Gateway::before(slapd.port());
    (slapd, gateway)
}

fn outer() -> String {
    format!("(memberOf={})", group(&extra_group(1)))
}

fn crowd() -> Vec<String> {
    (0..300).map(extra_uid).collect()
}

/// Whoever is in the group is found, whatever the filter, and so is whoever is not.
#[track_caller]
fn check(client: &mut Raw, hidden: &str) {
    let outer = outer();
    assert_eq!(found(client, &outer), crowd(), "{hidden}");
    assert_eq!(found(client, &format!("(memberOf={})", group("A"))), ["ann"], "{hidden}");
    assert_eq!(found(client, &format!("(&(uid=u00*){outer})")).len(), 10, "{hidden}");
    assert_eq!(found(client, &format!("(|(uid=ann){outer})")).len(), 301, "{hidden}");
    assert_eq!(found(client, &format!("(&(objectClass=person)(!{outer}))")).len(), 9, "{hidden}");
    let either = format!("(|(&(uid=u00*){outer})(&(uid=ann)(!{outer})))");
    assert_eq!(found(client, &either).len(), 11, "{hidden}");
    for size in [7, 1000] {
        let pages = in_pages(client, &outer, size);
        let all: Vec<String> = pages.iter().flatten().cloned().collect();
        assert_eq!(all.len(), 300, "{hidden}");
        assert!(pages.iter().rev().skip(1).all(|page| page.len() as i64 == size), "{hidden}");
    }
    let ask = Ask::below(PEOPLE, pdu::filter(&outer), &["1.1"]);
    let (entries, code) = client.search(&Ask { size_limit: 10, ..ask });
    assert_eq!((entries.len(), code), (10, 4), "{hidden}");
    // Elsewhere nobody is found, also nobody whose name was found out.
    let ask = Ask { scope: 1, ..Ask::below(SUFFIX, pdu::filter(&outer), &["1.1"]) };
    let (entries, code) = client.search(&ask);
    assert_eq!((entries.len(), code), (0, 0), "{hidden}");
    let ask = Ask::below("ou=nowhere,dc=example,dc=com", pdu::filter(&outer), &["1.1"]);
    assert_eq!(client.search(&ask).1, 32, "{hidden}");
}

#[test]
fn members_whose_ids_the_client_may_not_search_are_found_all_the_same() {
    let people = format!("dn.subtree=\"{PEOPLE}\"");
    let some = format!("{people} filter=(uid=u0*)");
    for (hidden, access) in [
        ("nobody's", Vec::new()),
        ("everybody's", vec![only(&people, "")]),
        ("everybody else's", vec![only(&people, "by self read")]),
        ("some", vec![only(&some, "")]),
    ] {
        let (_slapd, gateway) = before(access);
        check(&mut client(&gateway), hidden);
        if hidden == "everybody else's" {
            gateway.comes_to_have_a_copy();
            let mut member = gateway.connect();
            assert_eq!(member.bind(&person("u007"), "pw-u007"), 0);
            check(&mut member, hidden);
        }
    }
}

#[test]
fn whoever_is_hidden_from_the_client_altogether_is_not_found() {
    let one = person("u001");
    let hidden = format!("access to dn.exact=\"{one}\" by dn.exact=\"{SERVICE}\" read by * none");
    let uid = format!(
        "access to dn.exact=\"{}\" attrs=uid by dn.exact=\"{SERVICE}\" read by * none",
        person("u002")
    );
    let people = format!("dn.subtree=\"{PEOPLE}\"");
    let (_slapd, gateway) = before(vec![hidden, uid, only(&people, "")]);
    let mut client = client(&gateway);
    let mut expected = crowd();
    expected.remove(1);
    assert_eq!(found(&mut client, &outer()), expected);
    // Nor is whoever matches by what the client may not search.
    assert_eq!(found(&mut client, &format!("(&(uid=u00*){})", outer())).len(), 8);
}

/// Entries in the order of an attribute, by the directory (RFC 2891).
fn sorted(client: &mut Raw, filter: &str) -> (Vec<String>, u32) {
    // A sequence of keys, each an attribute with its rule and whether it is downwards.
    let mut value = Vec::new();
    write_nested(&mut value, SEQUENCE, |out| {
        write_nested(out, SEQUENCE, |out| {
            write_element(out, OCTET_STRING, b"uid");
            write_element(out, 0x80, b"caseIgnoreOrderingMatch");
            write_element(out, 0x81, &[0xff]);
        });
    });
    let control = Control { oid: "1.2.840.113556.1.4.473", critical: true, value: Some(&value) };
    let ask = Ask::below(PEOPLE, pdu::filter(filter), &["uid"]).body();
    let answers = client.ask(&pdu::with_controls(ask, &[control]));
    let code = answers.last().map_or(0, Pdu::code);
    let entries = &answers[..answers.len() - 1];
    let uid = |pdu: &Pdu| pdu.entry().text("uid").unwrap_or_default().to_owned();
    (entries.iter().map(uid).collect(), code)
}

#[test]
fn what_is_wanted_in_order_comes_in_order_or_is_refused() {
    let people = format!("dn.subtree=\"{PEOPLE}\"");
    let downwards: Vec<String> = crowd().into_iter().rev().collect();
    let mixed = format!("(|(uid=ann){})", outer());
    let of_mixed: Vec<String> = downwards.iter().cloned().chain(["ann".to_owned()]).collect();
    for (access, expected) in [
        (Vec::new(), (of_mixed, 0)),
        // What is below an OR cannot be asked for apart.
        (vec![only(&people, "")], (Vec::new(), 11)),
    ] {
        let (_slapd, gateway) = before(access);
        let mut client = client(&gateway);
        assert_eq!(sorted(&mut client, &outer()), (downwards.clone(), 0));
        let few = format!("(&(uid=u00*){})", outer());
        assert_eq!(sorted(&mut client, &few), (downwards[290..].to_vec(), 0));
        assert_eq!(sorted(&mut client, &mixed), expected);
    }
}

#[test]
fn a_session_that_has_lent_its_connection_finds_the_same() {
    let people = format!("dn.subtree=\"{PEOPLE}\"");
    for access_lines in [Vec::new(), vec![only(&people, "")]] {
        let global_lines = vec!["authz-policy to".to_owned()];
        let slapd = crowded(Options { access_lines, global_lines, ..Options::default() });
        let whom = format!("dn.regex:^uid=[^,]+,{PEOPLE}$");
        slapd.admin().modify(SERVICE, Change::Add, "authzTo", &[whom.as_bytes()]);
        let gateway = Gateway::configured(slapd.port(), |settings, _| {
            settings.set("[[directory]]", "min_connections", "1");
            settings.set("[[directory]]", "max_connections", "1");
            settings.set("[[directory]]", "proxied_authorisation", "true");
        });
        let mut lender = client(&gateway);
        gateway.comes_to_count(
            "bindgate_upstream_proxy_probes_total{directory=\"corp\",outcome=\"granted\"} 1",
        );
        assert_eq!(found(&mut lender, "(uid=ann)"), ["ann"]);
        // Another one takes the only connection.
        let mut other = client(&gateway);
        assert_eq!(found(&mut other, "(uid=ann)"), ["ann"]);
        assert_eq!(found(&mut lender, &outer()), crowd());
        gateway.comes_to_count("bindgate_upstream_proxied_sessions_total{directory=\"corp\"} 1");
        assert_eq!(found(&mut lender, &format!("(|(uid=ann){})", outer())).len(), 301);
        assert_eq!(found(&mut other, &outer()), crowd());
    }
}
