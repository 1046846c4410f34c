//! RFC 4511 sections 4.5.2 and 4.13: entries, references and intermediate responses of several
//! searches at the same time.

use crate::support::pdu::Ask;
use crate::support::raw::Pdu;
use crate::support::stand_in::StandIn;
use crate::{ANN, ann, before, is_search};
use bindgate::proto::op::Operation;
use std::sync::Mutex;

const REFERENCE: &[u8] = b"\x04\x11ldap://elsewhere/";
const INTERMEDIATE: &[u8] = b"\x80\x051.2.3\x81\x03\x00\xff\x00";

#[test]
fn interleaved_answers_of_every_kind_keep_their_order_and_their_bytes() {
    let first: Mutex<Option<Pdu>> = Mutex::new(None);
    let directory = StandIn::start(move |seat, request| {
        if !is_search(request) || seat.is_gateways() {
            return seat.obey(request);
        }
        let Some(one) = first.lock().expect("it is not poisoned").replace(request.clone()) else {
            return;
        };
        let (one, other) = (&one, request);
        for round in 0..3 {
            for search in [one, other] {
                let id = search.envelope().id;
                seat.entry(search, &format!("cn={round}"));
                seat.say(id, Operation::SearchResultReference, REFERENCE);
                seat.say(id, Operation::IntermediateResponse, INTERMEDIATE);
                seat.say(id, Operation::SearchResultReference, REFERENCE);
            }
        }
        seat.answer(other, 0);
        seat.say(one.envelope().id, Operation::IntermediateResponse, INTERMEDIATE);
        seat.answer(one, 4);
    });
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    let searches = [raw.start(&Ask::entry(ANN).body()), raw.start(&Ask::entry(ANN).body())];
    for round in 0..3 {
        for search in searches {
            let entry = raw.answer();
            assert_eq!((entry.id(), entry.entry().dn), (search, format!("cn={round}")));
            for (operation, content) in [
                (Operation::SearchResultReference, REFERENCE),
                (Operation::IntermediateResponse, INTERMEDIATE),
                (Operation::SearchResultReference, REFERENCE),
            ] {
                let pdu = raw.answer();
                assert_eq!((pdu.id(), pdu.operation()), (search, operation));
                assert_eq!(pdu.envelope().content, content);
            }
        }
    }
    let done = raw.answer();
    assert_eq!((done.id(), done.code()), (searches[1], 0));
    assert_eq!(raw.answer().operation(), Operation::IntermediateResponse);
    let done = raw.answer();
    assert_eq!((done.id(), done.code()), (searches[0], 4));
}
