//! RFC 4511 section 4.12 and RFC 4532: extended operations.

use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::pdu;
use crate::support::stand_in::StandIn;
use crate::{ANN, BOB, ann, before, is_search, who_am_i};
use bindgate::proto::op::Operation;

const FAST_BIND: &str = "1.2.840.113556.1.4.1781";

/// What the gateway does not know is the directory's to answer, name and value untouched.
#[test]
fn an_unknown_extended_operation_is_relayed_untouched() {
    let directory = StandIn::obedient();
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    let body = pdu::extended("1.2.3.4", Some(b"\x00\xffvalue"));
    assert_eq!(raw.code(&body), 2);
    let heard = directory.heard();
    assert_eq!(heard.last().expect("it was relayed").pdu.envelope().body, body);
}

/// An operation that leaves a connection in a state that cannot be undone, such as Active
/// Directory's fast bind, is the client's own: the next session gets another connection.
#[test]
fn a_connection_that_saw_an_extended_operation_is_nobody_elses() {
    let directory = StandIn::start(|seat, request| match request.operation() {
        Operation::ExtendedRequest => seat.answer(request, 0),
        _ => seat.obey(request),
    });
    let gateway = Gateway::configured(directory.port(), |settings, _| {
        settings.set("[[directory]]", "min_connections", "1");
        settings.set("[[directory]]", "max_connections", "1");
    });
    let mut raw = ann(&gateway);
    assert_eq!(raw.code(&pdu::extended(FAST_BIND, None)), 0);
    let first = directory.heard().last().expect("it was relayed").connection;
    drop(raw);
    eventually("its connection ends", || directory.has_ended(first).then_some(()));
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(BOB, "pw-bob"), 0);
    let second = directory.heard().last().expect("the bind was relayed").connection;
    assert_ne!(first, second);
}

/// RFC 4532: who the session is comes from its last bind that succeeded, in the form `dn:`.
#[test]
fn who_am_i_follows_the_binds_and_never_asks_the_directory() {
    let directory = StandIn::start(|seat, request| match request.operation() {
        Operation::ExtendedRequest => seat.answer(request, 80),
        _ if is_search(request) => seat.obey(request),
        _ => seat.obey(request),
    });
    let gateway = before(&directory);
    let mut raw = gateway.connect();
    assert_eq!(who_am_i(&mut raw), "");
    assert_eq!(raw.bind("UID=Ann, ou=People,dc=example,dc=com", "x"), 0);
    assert_eq!(who_am_i(&mut raw), "dn:UID=Ann, ou=People,dc=example,dc=com");
    assert_eq!(raw.bind("ann@example.com", "x"), 0);
    assert_eq!(who_am_i(&mut raw), "u:ann@example.com");
    assert_eq!(raw.bind("", ""), 0);
    assert_eq!(who_am_i(&mut raw), "");
    assert_eq!(raw.code(&pdu::extended(crate::WHO_AM_I, Some(b"x"))), 2, "it takes no value");
    assert_eq!(raw.bind(ANN, "x"), 0);
    // Asked once, by the gateway itself: whose entry the name is that is no DN.
    let operations = directory.operations();
    let asked = operations.iter().filter(|operation| **operation == Operation::ExtendedRequest);
    assert_eq!(asked.count(), 1);
}
