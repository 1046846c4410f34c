//! SASL binds in the session's state machine.

use super::tests::{AROUND, bind, binding, bound, check};
use super::*;

fn negotiating(mechanism: &[u8], claimed: &[u8]) -> Session {
    let (mechanism, claimed) = (mechanism.to_vec(), BoundName(claimed.to_vec()));
    Session::Negotiating(Negotiation { mechanism, claimed })
}

/// RFC 4513 section 5.2.1.2: another mechanism, or another kind of bind, aborts the exchange.
#[test]
fn a_step_of_the_mechanism_under_way_goes_on_with_it_and_any_other_bind_begins_anew() {
    let scram = b"\x04\x0bSCRAM-SHA-1\x04\x0cn,,n=ann,r=1,";
    let first = bind(3, b"", 0xa3, scram);
    check(bound(), &first, AROUND, binding(b"ann"), "bind Sasl(First)");
    let challenged = binding(b"ann").challenged(b"SCRAM-SHA-1");
    assert_eq!(challenged, negotiating(b"SCRAM-SHA-1", b"ann"));
    assert_eq!((challenged.name(), challenged.authorisation_id()), (&b"ann"[..], Vec::new()));
    let next = bind(3, b"", 0xa3, b"\x04\x0bSCRAM-SHA-1\x04\x03p=x");
    check(challenged.clone(), &next, AROUND, binding(b"ann"), "bind Sasl(Next)");
    let other = bind(3, b"", 0xa3, b"\x04\x06GSSAPI");
    check(challenged.clone(), &other, AROUND, binding(b""), "bind Sasl(First)");
    check(challenged, &bind(3, b"x", 0x80, b"y"), AROUND, binding(b"x"), "bind Named");
    assert_eq!(binding(b"ann").identified(b"uid=ann"), binding(b"uid=ann"));
}

#[test]
fn what_comes_between_two_steps_is_refused_and_the_exchange_goes_on() {
    let between = || negotiating(b"SCRAM-SHA-1", b"");
    check(between(), &[0x30, 5, 2, 1, 1, 0x63, 0], AROUND, between(), "answer 1");
    check(between(), &[0x30, 6, 2, 1, 1, 0x50, 1, 7], AROUND, between(), ABANDON_7);
    check(between(), &[0x30, 5, 2, 1, 1, 0x42, 0], AROUND, between(), "Unbind");
}

const ABANDON_7: &str = "Abandon(ClientMessageId(MessageId(7)))";
