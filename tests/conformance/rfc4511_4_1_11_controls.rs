//! RFC 4511 section 4.1.11: controls.

use crate::support::eventually;
use crate::support::pdu::{self, Ask, Control};
use crate::support::stand_in::StandIn;
use crate::{ANN, WHO_AM_I, ann, before, is_search, searches, who_am_i};
use bindgate::proto::op::Operation;

const UNKNOWN: Control<'_> = Control { oid: "1.2.3.4.5", critical: true, value: Some(b"v") };
const HINT: Control<'_> = Control { critical: false, ..UNKNOWN };

/// What is relayed is relayed with its controls, known or not, critical or not; so are answers.
#[test]
fn controls_of_what_is_relayed_pass_unchanged_both_ways() {
    let directory = StandIn::start(|seat, request| {
        if !is_search(request) || seat.is_gateways() {
            return seat.obey(request);
        }
        let done = vec![0x65, 7, 10, 1, 12, 4, 0, 4, 0];
        let done = pdu::with_controls(done, &[UNKNOWN, HINT]);
        seat.send(&pdu::message(request.id(), &done));
    });
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    let body = pdu::with_controls(Ask::entry(ANN).body(), &[HINT, UNKNOWN]);
    let answer = raw.ask(&body).remove(0);
    assert_eq!(answer.code(), 12);
    let expected = pdu::with_controls(Vec::new(), &[UNKNOWN, HINT]);
    assert!(answer.envelope().body.ends_with(&expected), "{answer:02x?}");
    assert_eq!(searches(&directory)[0].pdu.envelope().body, body);
}

/// Of what the gateway answers itself: a critical control that it does not know is refused, any
/// other is ignored.
#[test]
fn a_critical_control_on_what_the_gateway_answers_is_refused_and_another_is_ignored() {
    let directory = StandIn::obedient();
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    let with = |control| pdu::with_controls(pdu::extended(WHO_AM_I, None), &[control]);
    assert_eq!(raw.code(&with(UNKNOWN)), 12);
    assert_eq!(raw.code(&with(HINT)), 0);
    // An absent criticality means no.
    let mut bare = pdu::extended(WHO_AM_I, None);
    bare.extend_from_slice(&[0xa0, 9, 0x30, 7, 4, 5, b'1', b'.', b'2', b'.', b'3']);
    assert_eq!(raw.code(&bare), 0);
}

/// Criticality does not count on abandon and unbind, which have no answer.
#[test]
fn critical_controls_on_abandon_and_unbind_are_ignored() {
    let directory = StandIn::start(|seat, request| {
        if !is_search(request) || seat.is_gateways() {
            seat.obey(request);
        }
    });
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    let search = raw.start(&Ask::entry(ANN).body());
    raw.start(&pdu::with_controls(pdu::abandon(search), &[UNKNOWN]));
    assert_eq!(who_am_i(&mut raw), format!("dn:{ANN}"));
    eventually("the abandon reaches the directory", || {
        directory.operations().contains(&Operation::AbandonRequest).then_some(())
    });
    raw.start(&pdu::with_controls(pdu::unbind(), &[UNKNOWN]));
    raw.expect_end();
}
