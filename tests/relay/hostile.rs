//! Input that is not LDAP, or not allowed: a notice, a closed connection, and nothing else.

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask};
use crate::support::raw::Raw;
use crate::support::slapd::Slapd;
use crate::support::tap::Tap;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const PROTOCOL_ERROR: u32 = 2;

#[test]
fn malformed_messages_get_a_notice_and_the_connection_is_closed() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let valid = pdu::message(1, &pdu::bind(ANN, b"pw-ann"));
    let response = pdu::message(1, &[0x61, 7, 10, 1, 0, 4, 0, 4, 0]);
    let cases: &[(&str, &[u8])] = &[
        ("no sequence", b"GET / HTTP/1.1\r\n\r\n"),
        ("an empty sequence", &[0x30, 0]),
        ("an indefinite length", &[0x30, 0x80, 2, 1, 1, 0x42, 0, 0, 0]),
        ("a length of 127 bytes", &[0x30, 0xff, 1, 1, 1, 1]),
        ("no operation", &[0x30, 3, 2, 1, 1]),
        ("a negative message id", &[0x30, 5, 2, 1, 0xff, 0x42, 0]),
        ("message id 0", &[0x30, 12, 2, 1, 0, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0]),
        ("a message id that is too long", &[0x30, 9, 2, 5, 1, 0, 0, 0, 0, 0x42, 0]),
        ("an operation that is cut short", &[0x30, 6, 2, 1, 1, 0x60, 9, 2]),
        ("a bind of nothing", &[0x30, 5, 2, 1, 1, 0x60, 0]),
        ("an operation that does not exist", &[0x30, 5, 2, 1, 1, 0x5f, 0]),
        ("a response", &response),
    ];
    for (what, bytes) in cases {
        let mut raw = gateway.connect();
        raw.send(bytes);
        let answer = raw.receive().unwrap_or_else(|| panic!("{what}: closed in silence"));
        assert_eq!(answer.notice(), Some(PROTOCOL_ERROR), "{what}: {answer:02x?}");
        raw.expect_end();
        assert!(!answer.0.is_empty());
    }
    let mut raw = gateway.connect();
    raw.send(&valid);
    assert_eq!(raw.answer().code(), 0, "others are served on");
}

#[test]
fn a_message_that_announces_too_much_is_refused_before_it_is_sent() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[listen]", "max_message_size", "\"64KiB\"");
    });
    let announcements: [&[u8]; 3] = [
        &[0x30, 0x84, 0x40, 0, 0, 0],
        &[0x30, 0x83, 1, 0, 0],
        &[0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ];
    for announcement in announcements {
        let mut raw = gateway.connect();
        raw.send(announcement);
        let notice = raw.closing_notice();
        assert_eq!(notice, PROTOCOL_ERROR, "{announcement:02x?}");
    }
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, vec![b'x'; 60_000]), 49, "what is within the limit is relayed");
}

#[test]
fn a_message_that_comes_byte_by_byte_or_with_long_lengths_is_served() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    for byte in pdu::message(1, &pdu::bind(ANN, b"pw-ann")) {
        raw.send(&[byte]);
    }
    assert_eq!(raw.answer().code(), 0);
    raw.send(&pdu::message_with_long_lengths(2, &Ask::entry(ANN).body()));
    assert_eq!(raw.answers_to(2).len(), 2);
}

#[test]
fn a_message_id_that_is_still_in_use_is_refused() {
    let slapd = Slapd::start();
    let tap = Tap::before(slapd.port());
    let gateway = Gateway::before(tap.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    tap.hold();
    let search = pdu::message(77, &Ask::entry(ANN).body());
    raw.send(&search);
    raw.send(&search);
    let answer = raw.answer();
    assert_eq!(answer.code(), PROTOCOL_ERROR, "{answer:02x?}");
}

#[test]
fn a_client_that_vanishes_in_mid_message_or_mid_answer_harms_nobody() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let valid = pdu::message(1, &pdu::bind(ANN, b"pw-ann"));
    for cut in 0..valid.len() {
        gateway.connect().send(&valid[..cut]);
    }
    for _ in 0..20 {
        let mut raw = gateway.connect();
        raw.send(&valid);
        drop(raw);
    }
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
}

#[test]
fn a_half_closed_client_still_gets_its_answer() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut raw: Raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    raw.start(&pdu::unbind());
    raw.finish_sending();
    raw.expect_end();
}
