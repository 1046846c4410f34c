//! RFC 4511 section 4.2: binds, and what may be sent around them.

use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask};
use crate::support::raw::Raw;
use crate::support::slapd::Slapd;
use crate::support::stand_in::{StandIn, name_of};
use crate::{ANN, BOB, WHO_AM_I, ann, before, identity, is_search, searches, who_am_i};
use bindgate::proto::op::Operation;
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::mpsc::channel;

/// Section 4.2.1: the bind is alone on its connection until it is answered, whatever the client
/// pipelines behind it.
#[test]
fn nothing_is_sent_behind_a_bind_until_it_was_answered() {
    let (go, wait) = channel::<()>();
    let (seen, silent) = channel::<bool>();
    let wait = Mutex::new(wait);
    let directory = StandIn::start(move |seat, request| {
        let is_anns = request.operation() == Operation::BindRequest && name_of(request) == ANN;
        if is_anns {
            let waited = wait.lock().expect("it is not poisoned").recv();
            waited.and_then(|()| seen.send(seat.is_silent()).or(Ok(()))).expect("the test waits");
        }
        seat.obey(request);
    });
    let gateway = before(&directory);
    let mut raw = gateway.connect();
    let mut burst = pdu::message(1, &pdu::bind(ANN, b"pw-ann"));
    burst.extend(pdu::message(2, &Ask::entry(ANN).body()));
    burst.extend(pdu::message(3, &pdu::extended(WHO_AM_I, None)));
    raw.send(&burst);
    eventually("the bind reaches the directory", || {
        directory.heard().iter().any(|heard| name_of(&heard.pdu) == ANN).then_some(())
    });
    // The gateway has had time for others, and so for what is behind the bind.
    assert_eq!(gateway.sign_on(BOB, "pw-bob"), 0);
    go.send(()).expect("the directory waits");
    assert!(silent.recv().expect("the directory looks"), "something came behind the bind");
    assert_eq!(raw.answer().id(), 1);
    // What the gateway answers itself may overtake what it relays.
    let answers = [raw.answer(), raw.answer(), raw.answer()];
    let who = answers.iter().find(|answer| answer.id() == 3).expect("each is answered");
    assert_eq!(identity(who), format!("dn:{ANN}"));
    assert_eq!(answers.iter().filter(|answer| answer.id() == 2).count(), 2);
}

/// Section 4.2.1: a bind ends what is outstanding, or waits for it. Whichever slapd does, each
/// search is answered whole or not at all, and nothing is answered as somebody else.
#[test]
fn a_search_before_and_behind_a_bind_run_as_with_slapd() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let play = |mut raw: Raw| {
        assert_eq!(raw.bind(ANN, "pw-ann"), 0);
        let mut burst = pdu::message(11, &Ask::entry(ANN).body());
        burst.extend(pdu::message(12, &pdu::bind("", b"")));
        burst.extend(pdu::message(13, &Ask::entry(ANN).body()));
        raw.send(&burst);
        let mut answers = Vec::new();
        while answers.last().is_none_or(|(id, _, _)| *id != 13) {
            let pdu = raw.answer();
            answers.push((pdu.id(), pdu.operation(), pdu.envelope().body.to_vec()));
        }
        answers.retain(|(id, ..)| *id != 11);
        answers
    };
    assert_eq!(play(gateway.connect()), play(Raw::connect(slapd.port())));
}

/// RFC 4513 section 4, and a fault that directories had (389-ds-base#5221): a failed bind may
/// leave the directory's connection authenticated. Nothing but another bind is sent on it.
#[test]
fn a_directory_that_keeps_the_old_identity_after_a_failed_bind_is_not_asked_on_that_connection() {
    let directory = StandIn::start(|seat, request| {
        if request.operation() == Operation::BindRequest && name_of(request) == BOB {
            // It says no, and goes on as Ann.
            return seat.answer(request, 49);
        }
        seat.obey(request);
    });
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    assert_eq!(raw.search(&Ask::entry(ANN)).0.len(), 1);
    assert_eq!(raw.bind(BOB, "wrong"), 49);
    assert_eq!(who_am_i(&mut raw), "");
    assert_eq!(raw.search(&Ask::entry("dc=example,dc=com")).1, 0);
    let asked = searches(&directory);
    assert_eq!(asked[0].bound.as_deref(), Some(ANN));
    assert_eq!(asked[1].bound, None);
    assert_ne!(asked[0].connection, asked[1].connection);
}

/// A referral as the result of a bind is the client's: nobody takes the password elsewhere.
#[test]
fn a_bind_that_is_referred_elsewhere_is_not_chased() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    elsewhere.set_nonblocking(true).expect("a listener can be set so");
    let url = format!("ldap://{}/", elsewhere.local_addr().expect("it is bound"));
    let mut content = vec![10, 1, 10, 4, 0, 4, 0];
    content.extend(pdu::nested(0xa3, |out| {
        out.extend(pdu::nested(4, |out| out.extend_from_slice(url.as_bytes())));
    }));
    let said = content.clone();
    let directory = StandIn::start(move |seat, request| {
        if request.operation() != Operation::BindRequest || name_of(request) != ANN {
            return seat.obey(request);
        }
        seat.say(request.envelope().id, Operation::BindResponse, &said);
    });
    let gateway = before(&directory);
    let mut raw = gateway.connect();
    let answer = raw.ask(&pdu::bind(ANN, b"pw-ann")).remove(0);
    assert_eq!(answer.envelope().content, content);
    assert_eq!(who_am_i(&mut raw), "");
    assert!(elsewhere.accept().is_err(), "somebody went there");
    assert!(!gateway.knows("ann"), "a referral is no sign-on");
}

/// Section 4.2: the gateway's own answers to binds are bind responses, and the session goes on.
#[test]
fn what_is_refused_without_the_directory_is_refused_by_a_bind_response() {
    let directory = StandIn::obedient();
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    for (body, code) in [
        (pdu::bind_with_version(2, ANN, b"x"), 2),
        (pdu::bind_with_version(127, ANN, b"x"), 2),
        (pdu::bind(ANN, b""), 53),
    ] {
        let answer = raw.ask(&body).remove(0);
        assert_eq!((answer.operation(), answer.code()), (Operation::BindResponse, code));
        assert_eq!(who_am_i(&mut raw), "");
    }
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    let is_bind = |heard: &&crate::support::stand_in::Heard| {
        heard.pdu.operation() == Operation::BindRequest && name_of(&heard.pdu) == ANN
    };
    assert_eq!(directory.heard().iter().filter(is_bind).count(), 2, "the others were not sent");
}

/// A bind on a session with a search that the directory takes long for waits, as with slapd.
#[test]
fn a_bind_waits_for_the_search_before_it() {
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let directory = StandIn::start(move |seat, request| {
        if is_search(request) && !seat.is_gateways() {
            wait.lock().expect("it is not poisoned").recv().expect("the test lets it go");
        }
        seat.obey(request);
    });
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    raw.send(&pdu::message(5, &Ask::entry(ANN).body()));
    raw.send(&pdu::message(6, &pdu::bind(BOB, b"pw-bob")));
    eventually("the search is there", || (!searches(&directory).is_empty()).then_some(()));
    go.send(()).expect("the directory waits");
    assert_eq!(raw.answers_to(5).last().map(|done| done.code()), Some(0));
    assert_eq!(raw.answer().id(), 6);
    assert_eq!(who_am_i(&mut raw), format!("dn:{BOB}"));
    let order: Vec<Operation> = directory.operations();
    let search = order.iter().position(|operation| *operation == Operation::SearchRequest);
    let last_bind = order.iter().rposition(|operation| *operation == Operation::BindRequest);
    assert!(search < last_bind, "{order:?}");
}
