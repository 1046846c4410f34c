//! RFC 4511 section 4.1.1: messages and their ids.

use crate::support::pdu::{self, Ask};
use crate::support::stand_in::StandIn;
use crate::{ANN, ann, before, is_search, searches};
use std::sync::Mutex;

/// Section 4.1.1.1: a response bears its request's id. Upstream ids are the gateway's own.
#[test]
fn ids_come_back_as_the_client_chose_them_and_go_up_as_the_gateway_counts() {
    let directory = StandIn::obedient();
    let gateway = before(&directory);
    let mut raw = gateway.connect();
    raw.send(&pdu::message(2_147_483_647, &pdu::bind(ANN, b"pw")));
    assert_eq!(raw.answer().id(), 2_147_483_647);
    for id in [7, 2_147_483_646, 1, 7] {
        raw.send(&pdu::message(id, &Ask::entry(ANN).body()));
        assert_eq!(raw.answers_to(id).len(), 2);
    }
    let ids: Vec<i64> = searches(&directory).iter().map(|heard| heard.pdu.id()).collect();
    let counted: Vec<i64> = (ids[0]..).take(4).collect();
    assert_eq!(ids, counted);
}

/// Section 4.11: an id that was abandoned may come again before the abandon has done anything.
/// The answers to the first operation that bore it must not be taken for the second's.
#[test]
fn an_abandoned_id_that_is_used_again_is_not_given_the_old_answers() {
    let first = Mutex::new(None);
    let directory = StandIn::start(move |seat, request| {
        if !is_search(request) || seat.is_gateways() {
            return seat.obey(request);
        }
        let mut first = first.lock().expect("it is not poisoned");
        match first.take() {
            None => *first = Some(request.clone()),
            Some(old) => {
                seat.entry(&old, "cn=old");
                seat.entry(request, "cn=new");
                seat.answer(&old, 0);
                seat.answer(request, 0);
            }
        }
    });
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    let search = pdu::message(50, &Ask::entry(ANN).body());
    raw.send(&[search.clone(), pdu::message(51, &pdu::abandon(50)), search].concat());
    let answers = raw.answers_to(50);
    assert_eq!(answers[0].entry().dn, "cn=new");
    assert_eq!(answers[1].code(), 0);
    // Nothing else comes: another id would make this panic.
    assert_eq!(raw.code(&pdu::extended(crate::WHO_AM_I, None)), 0);
}
