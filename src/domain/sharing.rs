//! Which requests may be sent on a connection that others use too.
//!
//! Such a connection must be left as it was found. Whatever is not known to leave nothing behind
//! on the connection, and to mean the same on any other, needs one of its own.

use crate::proto::ber::Reader;
use crate::proto::control::Control;
use crate::proto::envelope::Envelope;
use crate::proto::oid;
use crate::proto::op::Operation;

/// Controls that concern their own request and nothing else.
const STATELESS: [&[u8]; 10] = [
    // Manage DSA IT (RFC 3296).
    b"2.16.840.1.113730.3.4.2",
    // Matched values (RFC 3876).
    b"1.2.826.0.1.3344810.2.3",
    // Assertion (RFC 4528).
    b"1.3.6.1.1.12",
    // Pre-read and post-read (RFC 4527).
    b"1.3.6.1.1.13.1",
    b"1.3.6.1.1.13.2",
    // Subentries (RFC 3672).
    b"1.3.6.1.4.1.4203.1.10.1",
    // Don't use copy (RFC 6171).
    b"1.3.6.1.1.22",
    // Domain scope (draft-armijo-ldap-control-domain-scope).
    b"1.2.840.113556.1.4.1339",
    // Password policy (draft-behera-ldap-password-policy).
    b"1.3.6.1.4.1.42.2.27.8.5.1",
    // Dereference (draft-masarati-ldap-deref).
    b"1.3.6.1.4.1.4203.666.5.16",
];

/// Whether a request leaves nothing behind on its connection and needs no order among those on it.
/// Paged results, virtual list views, persistent searches, synchronisation, transactions, proxied
/// authorisation of the client's own, and extended operations are not like that; nor is any control
/// that is unknown here.
pub fn is_stateless(request: &Envelope<'_>) -> bool {
    if request.operation == Operation::ExtendedRequest {
        return false;
    }
    let Some(content) = request.controls else {
        return true;
    };
    let mut reader = Reader::new(content);
    while !reader.is_empty() {
        match Control::read(&mut reader) {
            Ok(control) if STATELESS.contains(&control.oid) => {}
            _ => return false,
        }
    }
    true
}

/// Whether controls have their request done as somebody else (RFC 4370). Controls that cannot be
/// read to their end are refused elsewhere.
pub fn asks_as_another(controls: Option<&[u8]>) -> bool {
    let Some(content) = controls else { return false };
    let mut reader = Reader::new(content);
    std::iter::from_fn(|| Control::read(&mut reader).ok())
        .any(|control| oid::is_proxied_authorisation(control.oid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ber;
    use crate::proto::envelope::{CONTROLS, MessageId, write_with_body};

    #[track_caller]
    fn check(tag: u8, controls: &[&[u8]], expected: bool) {
        let mut body = vec![tag, 0];
        if !controls.is_empty() {
            ber::write_nested(&mut body, CONTROLS, |out| {
                for oid in controls {
                    Control { oid, critical: true, value: Some(b"x") }.write(out);
                }
            });
        }
        let mut pdu = Vec::new();
        write_with_body(MessageId::MAX, &body, &mut pdu);
        let request = Envelope::parse(&pdu).expect("the test's message is well formed");
        assert_eq!(is_stateless(&request), expected, "{tag:02x} {controls:?}");
    }

    #[test]
    fn what_is_not_known_to_leave_nothing_behind_needs_a_connection_of_its_own() {
        let manage: &[u8] = b"2.16.840.1.113730.3.4.2";
        for tag in [0x63, 0x66, 0x68, 0x4a, 0x6c, 0x6e] {
            check(tag, &[], true);
            check(tag, &[manage, oid::MATCHED_VALUES], true);
            check(tag, &[manage, oid::PAGED_RESULTS], false);
            check(tag, &[oid::PROXIED_AUTHORISATION], false);
            check(tag, &[b"1.2.3"], false);
            check(tag, &[b""], false);
        }
        check(0x77, &[], false);
    }

    #[test]
    fn controls_that_cannot_be_read_are_unknown_ones() {
        let pdu = [0x30, 9, 2, 1, 1, 0x63, 0, 0xa0, 2, 0x30, 9];
        let request = Envelope::parse(&pdu).expect("the envelope is well formed");
        assert!(!is_stateless(&request));
    }
}
