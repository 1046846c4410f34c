//! RFC 4511 section 4.14 and RFC 4513 section 3.1: when TLS may begin, and what is left of before.

use crate::support::eventually;
use crate::support::pdu::{self, Ask, Control};
use crate::support::raw::{Raw, START_TLS};
use crate::support::slapd::{Options, Slapd};
use crate::support::stand_in::StandIn;
use crate::support::tree::{Extra, PEOPLE};
use crate::{ANN, BOB, OPERATIONS_ERROR, WHO_AM_I, offering, offering_with, who_am_i};
use bindgate::proto::op::Operation;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

/// A directory that answers clients' requests of one kind only once it is told to.
fn held_back(kind: Operation) -> (StandIn, Sender<()>) {
    let (release, released) = channel();
    let released = Mutex::new(released);
    let directory = StandIn::start(move |seat, request| {
        if request.operation() == kind && !seat.is_gateways() && !is_service_bind(&request.0) {
            let _ = released.lock().expect("no thread panics with it").recv();
        }
        seat.obey(request);
    });
    (directory, release)
}

fn is_service_bind(pdu: &[u8]) -> bool {
    let service = crate::support::tree::SERVICE.as_bytes();
    pdu.windows(service.len()).any(|window| window == service)
}

fn start_tls() -> Vec<u8> {
    pdu::extended(START_TLS, None)
}

/// Panics unless nothing but `count` binds of clients reached the directory.
#[track_caller]
fn heard_binds(directory: &StandIn, count: usize) {
    assert_eq!(directory.operations(), vec![Operation::BindRequest; count]);
}

#[test]
fn after_start_tls_nobody_is_bound_and_binds_and_searches_go_on_over_it() {
    let slapd = Slapd::start();
    let (gateway, client) = offering(slapd.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    assert_eq!(who_am_i(&mut raw), format!("dn:{ANN}"));
    raw.start_tls(&client);
    assert_eq!(who_am_i(&mut raw), "", "what was proven in clear is not taken over");
    assert_eq!(raw.search(&Ask::entry(ANN)).0.len(), 0);
    assert_eq!(raw.bind(BOB, "pw-bob"), 0);
    assert_eq!(who_am_i(&mut raw), format!("dn:{BOB}"));
    assert_eq!(raw.search(&Ask::entry(BOB)).0.len(), 1);
    gateway.comes_to_count("bindgate_connections_total 1");
    assert!(gateway.log().contains("conn=1 TLS established tls_proto=TLSv1.3 handshake=full"));
    raw.start(&pdu::unbind());
    raw.expect_end();
    gateway.comes_to_count("bindgate_connections 0");
}

/// The connection to the directory that the session had goes back to the pool, and is not the next
/// session's without a bind.
#[test]
fn the_connection_of_the_session_before_is_given_back() {
    let directory = StandIn::obedient();
    let (gateway, client) = offering_with(directory.port(), |settings| {
        settings.set("[[directory]]", "min_connections", "1");
        settings.set("[[directory]]", "max_connections", "1");
    });
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    raw.start_tls(&client);
    let mut other = gateway.connect();
    assert_eq!(other.bind(BOB, "pw-bob"), 0, "the only connection is free");
    assert_eq!(who_am_i(&mut raw), "");
}

/// Whoever sits between client and gateway can put requests in behind the client's StartTLS; were
/// they taken for what comes over TLS, they would be done as the user that binds there.
#[test]
fn what_came_in_clear_behind_the_request_is_thrown_away() {
    let directory = StandIn::obedient();
    let (gateway, client) = offering(directory.port());
    let injected = [
        pdu::message(70, &pdu::bind(BOB, b"pw-bob")),
        pdu::message(71, &pdu::extended(WHO_AM_I, None)),
        pdu::message(72, &Ask::entry(ANN).body())[..9].to_vec(),
    ];
    // Whole, and in two pieces of which the second brings the rest.
    let cuts = [0, 9];
    let all = [&injected[..1], &injected[1..2], &injected[2..], &injected[..]];
    for (behind, cut) in all.into_iter().flat_map(|behind| cuts.map(|cut| (behind, cut))) {
        let mut raw = gateway.connect();
        let sent = [&[pdu::message(1, &start_tls())][..], behind].concat().concat();
        raw.send(&sent[..cut]);
        raw.send(&sent[cut..]);
        assert_eq!(raw.answer().code(), 0);
        raw.shake_hands(&client).expect("the handshake is not disturbed");
        assert_eq!(who_am_i(&mut raw), "", "the next answer is to what was asked over TLS");
        assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    }
    heard_binds(&directory, 8);
}

#[test]
fn what_goes_on_in_clear_after_the_answer_is_no_handshake_and_reaches_nobody() {
    let directory = StandIn::obedient();
    let (gateway, _) = offering(directory.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.code(&start_tls()), 0);
    raw.send(&pdu::message(9, &pdu::bind(ANN, b"pw-ann")));
    // An alert of TLS may come, and no LDAP.
    eventually("the connection ends", || {
        raw.try_receive().map_or(Some(()), |pdu| match pdu {
            Some(pdu) => panic!("{pdu:02x?}"),
            None => Some(()),
        })
    });
    gateway.comes_to_count("bindgate_closed_total{reason=\"tls\"} 1");
    heard_binds(&directory, 0);
}

#[test]
fn it_is_refused_while_an_operation_is_outstanding_and_no_answer_is_lost() {
    let (directory, release) = held_back(Operation::SearchRequest);
    let (gateway, client) = offering(directory.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    let search = raw.start(&Ask::entry(ANN).body());
    assert_eq!(raw.code(&start_tls()), OPERATIONS_ERROR);
    release.send(()).expect("the directory is there");
    let answers = raw.answers_to(search);
    assert_eq!(answers.last().expect("it is answered").code(), 0);
    assert_eq!(who_am_i(&mut raw), format!("dn:{ANN}"), "the session is as it was");
    raw.start_tls(&client);
}

/// With all places taken another request would wait, and the client would not be read.
#[test]
fn it_is_refused_also_where_another_request_would_wait_its_turn() {
    let (directory, release) = held_back(Operation::SearchRequest);
    let (gateway, client) = offering_with(directory.port(), |settings| {
        settings.set("[listen]", "max_outstanding", "1");
    });
    let mut raw = gateway.connect();
    let search = raw.start(&Ask::entry(ANN).body());
    assert_eq!(raw.code(&start_tls()), OPERATIONS_ERROR);
    release.send(()).expect("the directory is there");
    raw.answers_to(search);
    raw.start_tls(&client);
}

#[test]
fn it_is_refused_while_a_bind_is_under_way() {
    let (directory, release) = held_back(Operation::BindRequest);
    let (gateway, client) = offering(directory.port());
    let mut raw = gateway.connect();
    let bind = raw.start(&pdu::bind(ANN, b"pw-ann"));
    assert_eq!(raw.code(&start_tls()), OPERATIONS_ERROR);
    release.send(()).expect("the directory is there");
    assert_eq!(raw.answers_to(bind)[0].code(), 0);
    assert_eq!(who_am_i(&mut raw), format!("dn:{ANN}"));
    raw.start_tls(&client);
}

#[test]
fn it_is_refused_when_tls_is_on_and_the_session_goes_on() {
    let slapd = Slapd::start();
    let (gateway, client) = offering(slapd.port());
    let mut raw = gateway.connect();
    raw.start_tls(&client);
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    assert_eq!(raw.code(&start_tls()), OPERATIONS_ERROR);
    assert_eq!(who_am_i(&mut raw), format!("dn:{ANN}"));
}

#[test]
fn a_request_with_a_value_or_an_unknown_critical_control_begins_nothing() {
    let slapd = Slapd::start();
    let (gateway, client) = offering(slapd.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.code(&pdu::extended(START_TLS, Some(b"x"))), 2);
    let control = Control { oid: "1.2.3.4", critical: true, value: None };
    assert_eq!(raw.code(&pdu::with_controls(start_tls(), &[control])), 12);
    assert_eq!(raw.bind(ANN, "pw-ann"), 0, "it goes on in clear");
    raw.start_tls(&client);
}

/// What the gateway has for a client that reads slowly goes out before its word on TLS, all of it.
#[test]
fn answers_that_wait_for_a_slow_reader_come_before_the_handshake() {
    let extra = Extra { people: 400, groups: 0 };
    let slapd = Slapd::with(&Options { extra, ..Options::default() });
    let (gateway, client) = offering(slapd.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    let everybody = || Ask::below(PEOPLE, pdu::present("uid"), &["*", "+"]).body();
    let started: Vec<i64> = (0..16).map(|_| raw.start(&everybody())).collect();
    eventually("the directory has answered all of them", || {
        let done = gateway.log().lines().filter(|line| line.contains(" SRCH result=0")).count();
        (done >= 16).then_some(())
    });
    let asked = raw.start(&start_tls());
    let mut ended = Vec::new();
    while ended.len() < started.len() {
        let pdu = raw.answer();
        if pdu.operation() == Operation::SearchResultDone {
            ended.push(pdu.id());
        }
    }
    ended.sort_unstable();
    assert_eq!(ended, started);
    assert_eq!(raw.answers_to(asked)[0].code(), 0);
    raw.shake_hands(&client).expect("the handshake is not disturbed");
    assert_eq!(who_am_i(&mut raw), "");
}

#[test]
fn a_client_that_asks_and_does_not_shake_hands_is_closed_and_counted() {
    let slapd = Slapd::start();
    let (gateway, _) = offering_with(slapd.port(), |settings| {
        settings.set("[listen]", "handshake_timeout", "\"200ms\"");
    });
    let mut raw = gateway.connect();
    assert_eq!(raw.code(&start_tls()), 0);
    raw.expect_end();
    gateway.comes_to_count("bindgate_limit_hits_total{limit=\"handshake_timeout\"} 1");
    gateway.comes_to_count("bindgate_closed_total{reason=\"limit\"} 1");
}

#[test]
fn a_client_that_shakes_hands_while_the_gateway_drains_is_let_go() {
    let slapd = Slapd::start();
    let (mut gateway, _) = offering(slapd.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.code(&start_tls()), 0);
    gateway.stop();
    raw.expect_end();
}

#[test]
fn without_a_certificate_it_is_no_operation_that_is_known() {
    let directory = StandIn::obedient();
    let gateway = crate::support::gateway::Gateway::before(directory.port());
    let mut raw: Raw = gateway.connect();
    assert_eq!(raw.code(&start_tls()), 2);
    heard_binds(&directory, 0);
}
