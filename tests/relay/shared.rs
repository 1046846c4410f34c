//! Connections that clients without a bind share, and clients that ask more than may be under way.

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask};
use crate::support::raw::Raw;
use crate::support::slapd::Slapd;
use crate::support::tap::Tap;
use crate::support::{eventually, tree};
use bindgate::proto::op::Operation;
use std::collections::BTreeSet;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const PIPELINED: i64 = 5000;

/// Sends searches of the root DSE without waiting for their answers, and sees each answered.
#[track_caller]
fn expect_all_answered(raw: &mut Raw) {
    let ask = Ask::entry("").of(&["namingContexts"]).body();
    let ids = 1000..1000 + PIPELINED;
    let sending = raw.send_meanwhile(ids.clone().flat_map(|id| pdu::message(id, &ask)).collect());
    let mut open: BTreeSet<i64> = ids.collect();
    let mut entries = 0;
    while !open.is_empty() {
        let answer = raw.answer();
        assert!(open.contains(&answer.id()), "{answer:02x?}");
        match answer.operation() {
            Operation::SearchResultEntry => entries += 1,
            _ => {
                assert_eq!(answer.code(), 0);
                open.remove(&answer.id());
            }
        }
    }
    assert_eq!(entries, PIPELINED);
    sending.join().expect("all was sent");
}

/// slapd closes a connection with more than 100 operations waiting before it is bound, and with
/// more than 1 000 after.
#[test]
fn five_thousand_searches_that_are_pipelined_are_all_answered() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut nobody = gateway.connect();
    expect_all_answered(&mut nobody);
    let mut ann = gateway.connect();
    assert_eq!(ann.bind(ANN, "pw-ann"), 0);
    expect_all_answered(&mut ann);
    // The same session goes on.
    assert_eq!(nobody.search(&Ask::entry("")).1, 0);
    assert_eq!(ann.search(&Ask::entry(ANN)).0.len(), 1);
    let metrics = gateway.metrics();
    for limit in ["max_outstanding_anonymous", "max_outstanding"] {
        let line = format!("bindgate_limit_hits_total{{limit=\"{limit}\"}}");
        assert!(metrics.contains(&line), "{limit} was not counted:\n{metrics}");
    }
}

#[test]
fn anonymous_clients_share_a_connection_and_none_has_another_ones_answers() {
    let slapd = Slapd::start();
    let tap = Tap::before(slapd.port());
    let gateway = Gateway::before(tap.port());
    let mut warm = gateway.connect();
    assert_eq!(warm.search(&Ask::entry("")).1, 0);
    let before = tap.connections();
    let mut clients: Vec<Raw> = (0..50).map(|_| gateway.connect()).collect();
    for _ in 0..4 {
        // The first message of each bears the same messageID.
        let ids: Vec<i64> =
            clients.iter_mut().map(|raw| raw.start(&Ask::entry("").body())).collect();
        for (raw, id) in clients.iter_mut().zip(ids) {
            assert_eq!(raw.answers_to(id).len(), 2);
        }
    }
    // A few for each worker, whatever the number of clients.
    let made = tap.connections() - before;
    assert!(made <= 16, "{made} connections were made");
}

#[test]
fn an_anonymous_search_is_abandoned_and_others_on_its_connection_go_on() {
    let slapd = Slapd::start();
    let tap = Tap::before(slapd.port());
    let gateway = Gateway::configured(tap.port(), |settings, _| {
        settings.set("[listen]", "workers", "1");
    });
    let (mut one, mut other) = (gateway.connect(), gateway.connect());
    assert_eq!(one.search(&Ask::entry("")).1, 0);
    tap.hold();
    let abandoned = one.start(&Ask::entry("").body());
    let waited_for = other.start(&Ask::entry("").body());
    let sent = tap.sent().len();
    one.start(&pdu::abandon(abandoned));
    eventually("the abandon reaches the directory", || {
        tap.sent()[sent..].windows(2).any(|window| window == [0x50, 1]).then_some(())
    });
    tap.release();
    assert_eq!(other.answers_to(waited_for).len(), 2);
    // Every answer to another message than this one would make it panic.
    assert_eq!(one.ask(&Ask::entry("").body()).len(), 2);
}

/// A search for a page of a result.
fn page(ask: &Ask<'_>, size: i64, cookie: &[u8]) -> Vec<u8> {
    let value = pdu::page(size, cookie);
    let oid = "1.2.840.113556.1.4.319";
    let control = pdu::Control { oid, critical: true, value: Some(&value) };
    pdu::with_controls(ask.body(), &[control])
}

/// Also where pages are really left: only one more is refused, and reading one to its end, as
/// applications do, makes room.
#[test]
fn a_client_that_finishes_its_pages_never_meets_the_limit_of_those_that_are_not_finished() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[listen]", "max_cookies", "2");
    });
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    let people = Ask::below(tree::PEOPLE, pdu::present("uid"), &["uid"]);
    let cookie = |raw: &mut Raw, asked: &[u8]| -> (u32, Vec<u8>) {
        let answers = raw.ask(asked);
        let last = answers.last().expect("there is an end");
        let cookie = bindgate::domain::paging::cookie(last.envelope().controls).unwrap_or_default();
        (last.code(), cookie.to_vec())
    };
    for _ in 0..3 {
        let (mut code, mut next) = cookie(&mut raw, &page(&people, 2, b""));
        let mut pages = 1;
        while !next.is_empty() {
            assert_eq!(code, 0);
            (code, next) = cookie(&mut raw, &page(&people, 2, &next));
            pages += 1;
        }
        assert!(code == 0 && pages > 2, "{code}, {pages} pages");
    }
    for expected in [0, 0, 11, 11] {
        assert_eq!(cookie(&mut raw, &page(&people, 2, b"")).0, expected);
    }
    assert_eq!(raw.search(&Ask::entry(ANN)).1, 0, "whatever is no page goes on");
}

/// A cookie is the connection's: paged results by nobody keep one of their own.
#[test]
fn an_anonymous_search_in_pages_keeps_a_connection_of_its_own() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    let page = |cookie: &[u8]| page(&Ask::entry(""), 1, cookie);
    for _ in 0..3 {
        let answers = raw.ask(&page(b""));
        assert_eq!(answers.last().expect("there is an end").code(), 0);
        assert_eq!(raw.search(&Ask::entry("")).1, 0);
    }
}

#[test]
fn a_directory_that_goes_away_and_comes_back_costs_anonymous_clients_nothing_but_answers() {
    let mut slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.search(&Ask::entry("")).1, 0);
    slapd.kill();
    eventually("the loss is noticed", || (raw.search(&Ask::entry("")).1 == 52).then_some(()));
    slapd.restart();
    eventually("it is served again", || (raw.search(&Ask::entry("")).1 == 0).then_some(()));
    assert!(raw.search(&Ask::entry(&tree::person("ann"))).0.is_empty());
}
