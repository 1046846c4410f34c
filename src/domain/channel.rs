//! What it means for a session how its client's bytes travel: whether TLS can begin, and whether
//! passwords may come.

use super::session::{Action, NO_DATA_EXPECTED, Refusal, UNKNOWN_CRITICAL};
use super::session::{has_critical_control, protocol_error};
use crate::proto::envelope::{Envelope, MessageId};
use crate::proto::extended::ExtendedRequest;
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::result::ResultCode;

/// Whether TLS can begin on a client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartTls {
    /// There is no certificate to begin it with.
    NotOffered,
    /// If the client asks.
    Offered,
    /// It is on.
    On,
}

/// Whether passwords may come over a client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passwords {
    /// Nobody on the way can read them, or nobody minds.
    Welcome,
    /// Requests that bear one are refused before they go anywhere.
    Refused,
}

/// A password came, or would be sent, where others on the way can read it.
pub const CONFIDENTIALITY_REQUIRED: Refusal =
    Refusal::new(ResultCode::CONFIDENTIALITY_REQUIRED, "confidentiality required");

/// TLS was asked for while it cannot begin (RFC 4511 section 4.14.1, RFC 4513 section 3.1.1).
const NOT_NOW: Refusal =
    Refusal::new(ResultCode::OPERATIONS_ERROR, "cannot start TLS when operations are outstanding");

/// TLS was asked for a second time.
const IS_ON: Refusal = Refusal::new(ResultCode::OPERATIONS_ERROR, "TLS already started");

/// What becomes of a request for TLS; `None` of any other request. It never waits: a client that
/// asks for it behind something else may have begun to shake hands already. What the answers say,
/// slapd says too.
pub(super) fn judge_start_tls<'a>(
    request: &Envelope<'a>,
    start_tls: StartTls,
    is_busy: bool,
) -> Option<Action<'a>> {
    let is_extended = request.operation == Operation::ExtendedRequest;
    if !is_extended || request.id == MessageId::UNSOLICITED {
        return None;
    }
    let asked = ExtendedRequest::decode(request.content).ok()?;
    if asked.name != oid::START_TLS {
        return None;
    }
    Some(match start_tls {
        _ if has_critical_control(request) => Action::Answer(UNKNOWN_CRITICAL),
        _ if asked.value.is_some() => Action::Answer(protocol_error(NO_DATA_EXPECTED)),
        StartTls::NotOffered => Action::Answer(protocol_error("unsupported extended operation")),
        StartTls::On => Action::Answer(IS_ON),
        StartTls::Offered if is_busy => Action::Answer(NOT_NOW),
        StartTls::Offered => Action::StartTls,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &[u8], value: Option<&[u8]>, controls: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        ExtendedRequest { name, value }.write(&mut content, MessageId::MAX);
        if controls.is_empty() {
            return content;
        }
        // The list goes behind the operation, and the outermost length grows by as much.
        content[1] += u8::try_from(controls.len()).expect("it is short");
        content.extend_from_slice(controls);
        content
    }

    #[test]
    fn tls_begins_only_if_it_is_offered_and_nothing_is_under_way() {
        let plain = asked(oid::START_TLS, None, &[]);
        let valued = asked(oid::START_TLS, Some(b"x"), &[]);
        let critical = asked(oid::START_TLS, None, &[0xa0, 8, 0x30, 6, 4, 1, b'1', 1, 1, 0xff]);
        let ignored = asked(oid::START_TLS, None, &[0xa0, 5, 0x30, 3, 4, 1, b'1']);
        let other = asked(oid::WHO_AM_I, None, &[]);
        for (pdu, start_tls, is_busy, expected) in [
            (&plain, StartTls::Offered, false, Some(0)),
            (&ignored, StartTls::Offered, false, Some(0)),
            (&plain, StartTls::Offered, true, Some(1)),
            (&plain, StartTls::On, false, Some(1)),
            (&plain, StartTls::On, true, Some(1)),
            (&plain, StartTls::NotOffered, false, Some(2)),
            (&valued, StartTls::Offered, false, Some(2)),
            (&critical, StartTls::Offered, false, Some(12)),
            (&other, StartTls::Offered, true, None),
        ] {
            let request = Envelope::parse(pdu).expect("the test's message is well formed");
            let code = judge_start_tls(&request, start_tls, is_busy).map(|action| match action {
                Action::Answer(refusal) => refusal.code.0,
                Action::StartTls => 0,
                other => panic!("{other:?}"),
            });
            assert_eq!(code, expected, "{pdu:02x?} {start_tls:?} {is_busy}");
        }
    }
}
