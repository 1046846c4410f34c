//! Sessions that lend their connection and go on by proxied authorisation (RFC 4370), before a
//! slapd that grants it and one that does not.
//!
//! Each user sees the own entry alone; the service account sees all. So an operation under another
//! identity shows in its entries.

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Change};
use crate::support::raw::Raw;
use crate::support::slapd::{Options, Slapd};
use crate::support::{eventually, tree};

const UIDS: [&str; 3] = ["ann", "bob", "carol"];

pub(crate) fn directory(policy: &str) -> Slapd {
    let people = tree::PEOPLE;
    let service = tree::SERVICE;
    let slapd = Slapd::with(&Options {
        global_lines: vec![format!("authz-policy {policy}")],
        access_lines: vec![format!(
            "access to dn.children=\"{people}\" by dn.exact=\"{service}\" read by self write \
             by anonymous auth by * none"
        )],
        ..Options::default()
    });
    let whom = format!("dn.regex:^uid=[^,]+,{people}$");
    slapd.admin().modify(service, Change::Add, "authzTo", &[whom.as_bytes()]);
    slapd
}

fn gateway(slapd: &Slapd, proxying: bool) -> Gateway {
    Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[[directory]]", "min_connections", "1");
        settings.set("[[directory]]", "max_connections", "2");
        settings.set("[[directory]]", "proxied_authorisation", proxying.to_string());
    })
}

#[track_caller]
pub(crate) fn counted(gateway: &Gateway, line: &str, least: u64) {
    eventually(line, || {
        let metrics = gateway.metrics();
        let found = metrics.lines().find_map(|text| text.strip_prefix(line))?;
        (found.trim().parse::<f64>().ok()? >= least as f64).then_some(())
    });
}

pub(crate) fn probes(outcome: &str) -> String {
    format!("bindgate_upstream_proxy_probes_total{{directory=\"corp\",outcome=\"{outcome}\"}}")
}

pub(crate) fn sessions() -> &'static str {
    "bindgate_upstream_proxied_sessions_total{directory=\"corp\"}"
}

fn own_entry() -> Vec<u8> {
    Ask::below(tree::PEOPLE, pdu::present("uid"), &["uid"]).body()
}

/// A client that sees its own entry and no other.
#[track_caller]
fn expect_own(raw: &mut Raw, uid: &str) {
    let answers = raw.ask(&own_entry());
    assert_eq!(answers.last().expect("there is an end").code(), 0);
    let seen: Vec<_> = answers[..answers.len() - 1].iter().map(|pdu| pdu.entry()).collect();
    let uids: Vec<_> = seen.iter().map(|entry| entry.text("uid")).collect();
    assert_eq!(uids, [Some(uid)]);
}

#[track_caller]
pub(crate) fn bound(gateway: &Gateway, uid: &str) -> Raw {
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(&tree::person(uid), tree::password(uid)), 0);
    raw
}

/// Three clients, each bound and seen to be served, over two connections.
fn three_clients(gateway: &Gateway) -> Vec<Raw> {
    let mut clients = vec![bound(gateway, UIDS[0])];
    counted(gateway, &probes("granted"), 1);
    expect_own(&mut clients[0], UIDS[0]);
    for uid in &UIDS[1..] {
        let mut raw = bound(gateway, uid);
        expect_own(&mut raw, uid);
        clients.push(raw);
    }
    clients
}

#[test]
fn three_clients_over_two_connections_see_what_their_own_rights_allow() {
    let slapd = directory("to");
    let gateway = gateway(&slapd, true);
    let mut clients = three_clients(&gateway);
    for round in 0..12 {
        for (raw, uid) in clients.iter_mut().zip(UIDS) {
            expect_own(raw, uid);
        }
        // Whoever binds anew may take anybody's connection.
        let (at, uid) = (round % 3, UIDS[(round + round / 3) % 3]);
        let mut other = bound(&gateway, uid);
        expect_own(&mut other, uid);
        assert_eq!(clients[at].bind(&tree::person(UIDS[at]), tree::password(UIDS[at])), 0);
    }
    counted(&gateway, sessions(), 3);
    // Writes, too, are the user's: the own entry may be changed, another one may not.
    for (raw, uid) in clients.iter_mut().zip(UIDS) {
        let phone: &[&[u8]] = &[b"+3 4"];
        let change =
            |uid: &str| pdu::modify(&tree::person(uid), Change::Replace, "telephoneNumber", phone);
        assert_eq!(raw.code(&change(uid)), 0);
        assert_ne!(raw.code(&change("dave")), 0);
    }
}

/// The client that goes on without its connection: the one whose next request is proxied.
fn proxied(gateway: &Gateway) -> (Raw, Vec<Raw>) {
    let mut clients = three_clients(gateway);
    // Two hold the connections; ann was the first to lend hers.
    expect_own(&mut clients[0], UIDS[0]);
    counted(gateway, sessions(), 1);
    (clients.remove(0), clients)
}

#[test]
fn what_cannot_be_asked_by_proxy_ends_the_session_with_a_notice() {
    let slapd = directory("to");
    let control = |oid| pdu::Control { oid, critical: false, value: None };
    for request in [
        pdu::with_controls(own_entry(), &[control("1.2.840.113556.1.4.319")]),
        pdu::with_controls(own_entry(), &[control("1.2.3")]),
        pdu::extended("1.3.6.1.4.1.4203.1.11.1", None),
    ] {
        let gateway = gateway(&slapd, true);
        let (mut raw, _others) = proxied(&gateway);
        raw.start(&request);
        assert_eq!(raw.closing_notice(), 52);
    }
}

#[test]
fn a_grant_that_is_taken_back_ends_the_session_with_a_notice_and_nobody_elses_rights() {
    let slapd = directory("to");
    let gateway = gateway(&slapd, true);
    let (mut raw, _others) = proxied(&gateway);
    slapd.admin().modify(tree::SERVICE, Change::Delete, "authzTo", &[]);
    raw.start(&own_entry());
    let answer = raw.answer();
    assert_eq!(answer.code(), 52);
    assert_eq!(raw.closing_notice(), 52);
}

/// Without the grant a session that has done more than bind keeps its connection, and one that has
/// not is told to come back.
#[test]
fn without_the_grant_the_one_that_lent_its_connection_gets_the_notice() {
    for (policy, proxying) in [("none", true), ("to", false)] {
        let slapd = directory(policy);
        let gateway = gateway(&slapd, proxying);
        let mut clients = vec![bound(&gateway, UIDS[0])];
        if proxying {
            counted(&gateway, &probes("refused"), 1);
        }
        clients.extend(UIDS[1..].iter().map(|uid| bound(&gateway, uid)));
        let mut told = 0;
        for (raw, uid) in clients.iter_mut().zip(UIDS) {
            raw.start(&own_entry());
            let answer = raw.answer();
            match answer.notice() {
                Some(code) => {
                    assert_eq!(code, 52);
                    told += 1;
                }
                None => assert_eq!(answer.entry().text("uid"), Some(uid)),
            }
        }
        assert_eq!(told, 1, "{policy} {proxying}");
    }
}
