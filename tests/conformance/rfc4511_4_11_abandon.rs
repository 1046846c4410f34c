//! RFC 4511 section 4.11 and RFC 3909: Abandon, which has no answer, and Cancel, which has two.

use crate::support::eventually;
use crate::support::pdu::{self, Ask};
use crate::support::stand_in::{StandIn, name_of};
use crate::{ANN, WHO_AM_I, ann, before, identity, is_search, searches, who_am_i};
use bindgate::proto::ber::{self, Reader, SEQUENCE};
use bindgate::proto::extended::ExtendedRequest;
use bindgate::proto::op::Operation;
use std::sync::Mutex;
use std::sync::mpsc::channel;

const CANCEL: &str = "1.3.6.1.1.8";

/// Binds, unbinds and abandons cannot be abandoned, nor can what is not there.
#[test]
fn a_bind_cannot_be_abandoned_and_an_abandon_of_nothing_is_ignored() {
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let directory = StandIn::start(move |seat, request| {
        if request.operation() == Operation::BindRequest && name_of(request) == ANN {
            wait.lock().expect("it is not poisoned").recv().expect("the test lets it go");
        }
        seat.obey(request);
    });
    let gateway = before(&directory);
    let mut raw = gateway.connect();
    let mut burst = pdu::message(1, &pdu::bind(ANN, b"pw-ann"));
    for (id, target) in [(2, 1), (3, 2), (4, 4), (5, 99), (6, 0)] {
        burst.extend(pdu::message(id, &pdu::abandon(target)));
    }
    burst.extend(pdu::message(7, &pdu::extended(WHO_AM_I, None)));
    raw.send(&burst);
    eventually("the bind is under way", || {
        directory.operations().contains(&Operation::BindRequest).then_some(())
    });
    go.send(()).expect("the directory waits");
    let bound = raw.answer();
    assert_eq!((bound.id(), bound.code()), (1, 0));
    assert_eq!(identity(&raw.answer()), format!("dn:{ANN}"));
    assert!(!directory.operations().contains(&Operation::AbandonRequest));
}

/// Cancel is relayed with the id that the operation has upstream, and both are answered.
#[test]
fn a_cancel_ends_the_operation_and_both_are_answered() {
    let held = Mutex::new(None);
    let directory = StandIn::start(move |seat, request| {
        let mut held = held.lock().expect("it is not poisoned");
        if is_search(request) && !seat.is_gateways() {
            *held = Some(request.clone());
            return;
        }
        if request.operation() != Operation::ExtendedRequest {
            return seat.obey(request);
        }
        let content = request.envelope().content.to_vec();
        let extended = ExtendedRequest::decode(&content).expect("it is one");
        if extended.name != CANCEL.as_bytes() {
            return seat.obey(request);
        }
        let value = extended.value;
        let mut fields = Reader::new(value.expect("a cancel has a value"));
        let mut fields = Reader::new(fields.expect(SEQUENCE).expect("which is a sequence"));
        let target = fields.integer().expect("of an id");
        let search = held.take().filter(|search| search.id() == target);
        seat.answer(&search.expect("the id is the directory's own"), 118);
        seat.answer(request, 0);
    });
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    let cancel = |target: i64| {
        let value = pdu::nested(SEQUENCE, |out| ber::write_integer(out, ber::INTEGER, target));
        pdu::extended(CANCEL, Some(&value))
    };
    raw.send(&pdu::message(4711, &Ask::entry(ANN).body()));
    raw.send(&pdu::message(4712, &cancel(4711)));
    let done = raw.answer();
    assert_eq!((done.id(), done.operation()), (4711, Operation::SearchResultDone));
    assert_eq!(done.code(), 118);
    let answer = raw.answer();
    assert_eq!((answer.id(), answer.code()), (4712, 0));
    assert_ne!(searches(&directory)[0].pdu.id(), 4711, "ids upstream are the gateway's");
    // What has ended cannot be cancelled.
    assert_eq!(raw.code(&cancel(4711)), 119);
    assert_eq!(who_am_i(&mut raw), format!("dn:{ANN}"));
}

/// The directory may have answered already. Entries that come behind the abandon are swallowed,
/// and the connection is nobody else's afterwards.
#[test]
fn late_answers_to_an_abandoned_search_reach_nobody() {
    let held = Mutex::new(None);
    let directory = StandIn::start(move |seat, request| match request.operation() {
        Operation::SearchRequest if !seat.is_gateways() => {
            *held.lock().expect("it is not poisoned") = Some(request.clone());
        }
        Operation::AbandonRequest => {
            let search = held.lock().expect("it is not poisoned").take();
            let search = search.expect("it was asked for");
            seat.entry(&search, "cn=late");
            seat.answer(&search, 0);
        }
        _ => seat.obey(request),
    });
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    let search = raw.start(&Ask::entry(ANN).body());
    raw.start(&pdu::abandon(search));
    eventually("the abandon is there", || {
        directory.operations().contains(&Operation::AbandonRequest).then_some(())
    });
    // Behind the late answers on the same connection comes this one.
    assert_eq!(raw.code(&pdu::compare(ANN, "cn", b"x")), 6);
    let asked = searches(&directory).remove(0);
    drop(raw);
    eventually("the connection is closed, not given back", || {
        directory.has_ended(asked.connection).then_some(())
    });
}
