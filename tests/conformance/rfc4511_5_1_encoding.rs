//! RFC 4511 sections 4 and 5.1: the encoding's freedoms that a receiver has to grant.

use crate::support::pdu::{self, Ask};
use crate::support::stand_in::StandIn;
use crate::{ANN, ann, before, searches, who_am_i};

/// Section 4: unknown elements at the end of a sequence are ignored, so that it can be extended.
#[test]
fn unknown_elements_at_the_end_of_a_sequence_are_ignored() {
    let directory = StandIn::obedient();
    let gateway = before(&directory);
    let mut raw = gateway.connect();
    let mut bind = pdu::bind(ANN, b"pw-ann");
    bind.extend_from_slice(&[0x9e, 1, 7]);
    bind[1] += 3;
    raw.send(&pdu::message(1, &bind));
    let answer = raw.answer();
    assert_eq!((answer.id(), answer.notice()), (1, None), "{answer:02x?}");
    assert_eq!(answer.code(), 0);
    assert_eq!(who_am_i(&mut raw), format!("dn:{ANN}"));
}

/// Section 5.1: definite lengths in any number of bytes, and any non-zero octet for TRUE where a
/// client is careless; what is relayed keeps its bytes.
#[test]
fn lengths_that_are_not_the_shortest_are_read_and_relayed_as_they_are() {
    let directory = StandIn::obedient();
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    let search = Ask::entry(ANN).body();
    let message = pdu::message_with_long_lengths(9, &search);
    raw.send(&message);
    assert_eq!(raw.answers_to(9).len(), 2);
    let heard = searches(&directory).remove(0);
    let operation = &heard.pdu.envelope().body[..6];
    assert_eq!(operation[..2], [0x63, 0x84], "the operation's own length is kept");
    assert!(message.ends_with(heard.pdu.envelope().body));
}
