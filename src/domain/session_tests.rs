//! The session's state machine: what each request does in each state.

use super::*;
use crate::proto::envelope::write_message;

pub(super) const AROUND: Surroundings = Surroundings {
    start_tls: StartTls::Offered,
    passwords: Passwords::Welcome,
    outstanding: 0,
    max_outstanding: 8,
    max_controls: 4,
    filter: FilterLimits { depth: 2, components: 3 },
};

pub(super) fn bound() -> Session {
    Session::Bound(BoundName(b"uid=ann,dc=example,dc=com".to_vec()))
}

pub(super) fn binding(name: &[u8]) -> Session {
    Session::Binding(BoundName(name.to_vec()))
}

pub(super) fn bind(version: i64, name: &[u8], choice: u8, password: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_message(&mut out, MessageId::MAX, Operation::BindRequest.tag(), |out| {
        ber::write_integer(out, ber::INTEGER, version);
        ber::write_element(out, ber::OCTET_STRING, name);
        ber::write_element(out, choice, password);
    });
    out
}

#[track_caller]
pub(super) fn check(
    session: Session,
    pdu: &[u8],
    around: Surroundings,
    state: Session,
    action: &str,
) {
    let request = Envelope::parse(pdu).expect("the test's message is well formed");
    let (next, got) = session.receive(&request, around);
    let text = match &got {
        Action::Answer(refusal) => format!("answer {}", refusal.code.0),
        Action::Disconnect(refusal) => format!("disconnect {}", refusal.code.0),
        Action::Bind { kind, .. } => format!("bind {kind:?}"),
        other => format!("{other:?}"),
    };
    assert_eq!((next, text.as_str()), (state, action), "{pdu:02x?}");
}

#[test]
fn a_bind_makes_the_session_anonymous_before_anything_is_sent() {
    let named = bind(3, b"uid=ann", 0x80, b"secret");
    check(bound(), &named, AROUND, binding(b"uid=ann"), "bind Named");
    assert_eq!(binding(b"uid=ann").bind_ended(BindEnd::Failure), Session::Anonymous);
}

#[test]
fn a_bind_is_told_apart_by_name_password_version_and_choice() {
    let anonymous = Session::Anonymous;
    for (version, name, choice, password, action) in [
        (3, &b""[..], 0x80, &b""[..], "bind Anonymous"),
        (3, b"", 0x80, b"x", "bind Nameless"),
        (3, b"uid=ann", 0x80, b" ", "bind Named"),
        (3, b"uid=ann", 0x80, b"\0", "bind Named"),
    ] {
        let pdu = bind(version, name, choice, password);
        check(bound(), &pdu, AROUND, binding(name), action);
    }
    for (version, choice, password, action) in [
        (3, 0x80, &b""[..], "answer 53"),
        (2, 0x80, b"x", "answer 2"),
        (3, 0x8a, b"x", "answer 7"),
        (3, 0xa3, b"\x04\x0aDIGEST-MD5\x04\x08qop=auth", "bind Sasl(First)"),
        (3, 0xa3, b"\x04\x0aDIGEST-MD5\x04\x0cqop=auth-int", "answer 7"),
        (3, 0xa3, b"\x04\x55", "disconnect 2"),
    ] {
        let pdu = bind(version, b"uid=ann", choice, password);
        let after = if action.starts_with("bind") { binding(b"") } else { anonymous.clone() };
        check(bound(), &pdu, AROUND, after, action);
    }
}

#[test]
fn external_is_decided_here_however_it_is_spelled() {
    for mechanism in [b"EXTERNAL", b"external"] {
        let choice = [&[4, 8][..], mechanism].concat();
        let pdu = bind(3, b"", 0xa3, &choice);
        check(bound(), &pdu, AROUND, binding(b""), "BindExternal([])");
    }
    let pdu = bind(3, b"", 0xa3, b"\x04\x08EXTERNAL\x04\x01x");
    check(bound(), &pdu, AROUND, binding(b""), "BindExternal([120])");
}

#[test]
fn where_passwords_may_not_come_only_binds_without_one_are_sent() {
    let clear = Surroundings { passwords: Passwords::Refused, ..AROUND };
    for (name, password, state, action) in [
        (&b"uid=ann"[..], &b"x"[..], Session::Anonymous, "answer 13"),
        (b"", b"x", Session::Anonymous, "answer 13"),
        (b"uid=ann", b"", Session::Anonymous, "answer 53"),
        (b"", b"", binding(b""), "bind Anonymous"),
    ] {
        check(bound(), &bind(3, name, 0x80, password), clear, state, action);
    }
}

#[test]
fn whatever_follows_a_bind_waits_for_its_end() {
    let search = [0x30, 5, 2, 1, 1, 0x63, 0];
    check(binding(b"uid=ann"), &search, AROUND, binding(b"uid=ann"), "Hold");
    let busy = Surroundings { outstanding: 1, ..AROUND };
    check(bound(), &bind(3, b"uid=ann", 0x80, b"x"), busy, bound(), "Hold");
}

/// A bind with too many controls was refused at once although a search was under way: the next
/// request left the connection, the search was never answered, and an answer on the new
/// connection could be taken for the search's, since messageIDs begin anew there.
#[test]
fn a_bind_that_will_be_refused_waits_for_the_operations_before_it_too() {
    let busy = Surroundings { outstanding: 1, max_controls: 0, ..AROUND };
    let mut pdu = vec![0x30, 11, 2, 1, 1, 0x60, 0, 0xa0, 4];
    pdu.extend_from_slice(&[0x30, 2, 4, 0]);
    check(bound(), &pdu, busy, bound(), "Hold");
    check(bound(), &pdu, Surroundings { outstanding: 0, ..busy }, Session::Anonymous, "answer 11");
    let full = Surroundings { outstanding: 8, ..AROUND };
    check(bound(), &bind(3, b"uid=ann", 0x80, b"x"), full, bound(), "Hold");
}

#[test]
fn a_request_outside_the_limits_is_refused_or_waits() {
    check(bound(), &[0x30, 5, 2, 1, 0, 0x63, 0], AROUND, bound(), "disconnect 2");
    check(bound(), &[0x30, 5, 2, 1, 1, 0x64, 0], AROUND, bound(), "disconnect 2");
    let full = Surroundings { outstanding: 8, ..AROUND };
    check(bound(), &[0x30, 5, 2, 1, 1, 0x63, 0], full, bound(), "Stall");
    let mut controls = vec![0xa0, 20];
    controls.extend_from_slice(&[0x30, 2, 4, 0].repeat(5));
    let mut pdu = vec![0x30, 27, 2, 1, 1, 0x63, 0];
    pdu.extend_from_slice(&controls);
    check(bound(), &pdu, AROUND, bound(), "answer 11");
}

#[test]
fn a_search_whose_filter_is_too_deep_or_too_wide_is_refused_here() {
    for (filter, action) in [
        (&[0x87, 1, b'a'][..], "Relay"),
        (&[0xa0, 3, 0x87, 1, b'a'], "Relay"),
        (&[0xa2, 4, 0xa2, 2, 0xa0, 0], "answer 11"),
        (&[0xa1, 9, 0x87, 1, b'a', 0x87, 1, b'b', 0x87, 1, b'c'], "answer 11"),
        (&[0xa0, 3, 0x87, 2, b'a'], "disconnect 2"),
        (&[0xa3, 2, 0xff, 0xff], "Relay"),
    ] {
        let before = [4, 0, 10, 1, 2, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0];
        let mut pdu = Vec::new();
        write_message(&mut pdu, MessageId::MAX, Operation::SearchRequest.tag(), |out| {
            out.extend_from_slice(&[&before, filter, &[0x30, 0]].concat());
        });
        check(bound(), &pdu, AROUND, bound(), action);
    }
}

#[test]
fn who_am_i_is_answered_with_an_authorisation_identity() {
    assert_eq!(Session::Anonymous.authorisation_id(), b"");
    assert_eq!(bound().authorisation_id(), b"dn:uid=ann,dc=example,dc=com");
    let principal = Session::Bound(BoundName(b"ann@example.com".to_vec()));
    assert_eq!(principal.authorisation_id(), b"u:ann@example.com");
}

#[test]
fn an_anonymous_bind_that_succeeds_leaves_the_session_anonymous() {
    assert_eq!(binding(b"").bind_ended(BindEnd::Success), Session::Anonymous);
    let name = b"uid=ann,dc=example,dc=com";
    assert_eq!(binding(name).bind_ended(BindEnd::Success), bound());
}
