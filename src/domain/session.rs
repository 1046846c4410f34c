//! One client's state machine: what it is bound as, and what is to be done with each request.
//!
//! It consumes itself and gives the next state and an action. A bind makes the session anonymous
//! on receipt, before anything is sent (RFC 4513 section 4), so no later fault can leave the old
//! identity standing. It opens no connection and knows no directory.

use super::channel::{self, CONFIDENTIALITY_REQUIRED, Passwords, StartTls};
use crate::proto::ber::{self, Reader, SEQUENCE};
use crate::proto::bind::{Authentication, BindRequest};
use crate::proto::control::Control;
use crate::proto::dn::DistinguishedName;
use crate::proto::envelope::{ClientMessageId, Envelope, MessageId};
use crate::proto::extended::ExtendedRequest;
use crate::proto::filter::{Filter, FilterLimits};
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::result::ResultCode;
use crate::proto::search::SearchRequest;

/// What a client is to the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Session {
    /// Nobody: at the start, from the receipt of a bind on, and after a bind that failed.
    Anonymous,
    /// A bind under this name is under way; whatever follows it waits.
    Binding(BoundName),
    /// The last bind succeeded under this name.
    Bound(BoundName),
}

/// The name of a bind, as the client spelled it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundName(pub Vec<u8>);

/// What kind of simple bind a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindKind {
    /// A name and a password: if it succeeds, it may be a sign-on.
    Named,
    /// Neither: an anonymous bind (RFC 4513 section 5.1.1).
    Anonymous,
    /// A password without a name: the directory decides; never a sign-on.
    Nameless,
}

/// What is to be done with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action<'a> {
    /// Send the bind upstream on an exclusive connection.
    Bind {
        /// The name as it came.
        name: &'a [u8],
        /// What kind of bind it is.
        kind: BindKind,
    },
    /// Bind as whom the client's certificate stands for (SASL EXTERNAL); the client asks to be this
    /// authorisation identity, nobody in particular if it is empty.
    BindExternal(&'a [u8]),
    /// Relay the request.
    Relay,
    /// Keep the request until the operations before it have ended.
    Hold,
    /// Keep the request until one of the operations before it has ended: as many are outstanding as
    /// may be.
    Stall,
    /// Abandon this operation of the client.
    Abandon(ClientMessageId),
    /// Cancel this operation of the client (RFC 3909).
    Cancel(ClientMessageId),
    /// Answer here, with a result of the request's own response type.
    Answer(Refusal),
    /// Answer the Who Am I operation (RFC 4532) with this authorisation identity.
    WhoAmI(Vec<u8>),
    /// Answer with success, and begin TLS on this connection (RFC 4511 section 4.14).
    StartTls,
    /// The client is leaving.
    Unbind,
    /// Send a Notice of Disconnection and close.
    Disconnect(Refusal),
}

/// A result that the gateway gives itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The result code.
    pub code: ResultCode,
    /// The diagnostic message.
    pub text: &'static str,
}

impl Refusal {
    /// A refusal with a code and a text.
    pub const fn new(code: ResultCode, text: &'static str) -> Self {
        Self { code, text }
    }
}

pub(super) const fn protocol_error(text: &'static str) -> Refusal {
    Refusal::new(ResultCode::PROTOCOL_ERROR, text)
}

/// A critical control of an operation that is answered here.
pub(super) const UNKNOWN_CRITICAL: Refusal =
    Refusal::new(ResultCode::UNAVAILABLE_CRITICAL_EXTENSION, "critical control is not recognised");

/// An extended operation that takes no value bore one.
pub(super) const NO_DATA_EXPECTED: &str = "no request data expected";

/// The mechanism that goes by the client's certificate (RFC 4422 appendix A).
const EXTERNAL: &[u8] = b"EXTERNAL";

/// More controls than a message may have.
pub const TOO_MANY_CONTROLS: Refusal =
    Refusal::new(ResultCode::ADMIN_LIMIT_EXCEEDED, "too many controls");

/// A filter is nested too deeply.
pub const FILTER_TOO_DEEP: Refusal =
    Refusal::new(ResultCode::ADMIN_LIMIT_EXCEEDED, "filter is nested too deeply");

/// A filter has too many components.
pub const FILTER_TOO_WIDE: Refusal =
    Refusal::new(ResultCode::ADMIN_LIMIT_EXCEEDED, "filter has too many components");

/// What surrounds a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Surroundings {
    /// Whether TLS can begin.
    pub start_tls: StartTls,
    /// Whether passwords may come.
    pub passwords: Passwords,
    /// How many of the client's operations are outstanding.
    pub outstanding: usize,
    /// The most that may be.
    pub max_outstanding: usize,
    /// The most controls of one message.
    pub max_controls: usize,
    /// The bounds of a search's filter.
    pub filter: FilterLimits,
}

/// How a bind ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindEnd {
    /// With success; an empty name is nobody's.
    Success,
    /// In any other way.
    Failure,
}

impl Session {
    /// Takes a request and says what is to be done with it.
    pub fn receive<'a>(self, request: &Envelope<'a>, around: Surroundings) -> (Self, Action<'a>) {
        let is_binding = matches!(self, Self::Binding(_));
        let is_busy = around.outstanding > 0 || is_binding;
        if let Some(action) = channel::judge_start_tls(request, around.start_tls, is_busy) {
            // An identity that was proven in clear does not become one of the channel to come.
            let session = if action == Action::StartTls { Self::Anonymous } else { self };
            return (session, action);
        }
        if is_binding {
            return (self, Action::Hold);
        }
        // Also one that will be refused: on its receipt the session is anonymous, and what is under
        // way on the connection upstream has to end before that one is left.
        let bind = request.operation == Operation::BindRequest;
        if bind && around.outstanding > 0 && request.id != MessageId::UNSOLICITED {
            return (self, Action::Hold);
        }
        if let Some(action) = refuse_envelope(request, around) {
            if action == Action::Stall {
                return (self, action);
            }
            // A bind refused for its form is a bind received: the session is anonymous.
            return (if bind { Self::Anonymous } else { self }, action);
        }
        match request.operation {
            Operation::BindRequest => self.receive_bind(request.content, around.passwords),
            Operation::UnbindRequest => (self, Action::Unbind),
            Operation::AbandonRequest => {
                let action = match message_id(request.content) {
                    Some(id) => Action::Abandon(id),
                    None => Action::Disconnect(protocol_error("abandon without a message id")),
                };
                (self, action)
            }
            Operation::ExtendedRequest => {
                let action = self.receive_extended(request, around.passwords);
                (self, action)
            }
            Operation::SearchRequest => {
                let action = judge_filter(request.content, around.filter);
                (self, action.unwrap_or(Action::Relay))
            }
            operation if operation.is_request() => (self, Action::Relay),
            _ => (self, Action::Disconnect(protocol_error("unknown request"))),
        }
    }

    /// Takes the end of the bind that was under way.
    pub fn bind_ended(self, end: BindEnd) -> Self {
        match (self, end) {
            (Self::Binding(name), BindEnd::Success) if !name.0.is_empty() => Self::Bound(name),
            _ => Self::Anonymous,
        }
    }

    /// The name that the session is bound as or that its bind is under way with; empty if there is
    /// none.
    pub fn name(&self) -> &[u8] {
        match self {
            Self::Anonymous => &[],
            Self::Binding(name) | Self::Bound(name) => &name.0,
        }
    }

    /// The authorisation identity (RFC 4513 section 5.2.1.8): empty for nobody.
    pub fn authorisation_id(&self) -> Vec<u8> {
        let Self::Bound(BoundName(name)) = self else {
            return Vec::new();
        };
        let form: &[u8] = if DistinguishedName::from_bytes(name).is_ok() { b"dn:" } else { b"u:" };
        [form, name].concat()
    }

    /// The name's room is kept from one bind to the next: a client that binds again and again costs no
    /// allocation.
    fn receive_bind(self, content: &[u8], passwords: Passwords) -> (Self, Action<'_>) {
        let Ok(bind) = BindRequest::decode(content) else {
            let refusal = protocol_error("bind request is malformed");
            return (Self::Anonymous, Action::Disconnect(refusal));
        };
        if bind.version != 3 {
            let refusal = protocol_error("requested protocol version not allowed");
            return (Self::Anonymous, Action::Answer(refusal));
        }
        let password = match bind.authentication {
            Authentication::Simple(password) => password,
            // Servers take mechanisms in any case, and this one is never sent on.
            Authentication::Sasl { mechanism, credentials }
                if mechanism.eq_ignore_ascii_case(EXTERNAL) =>
            {
                let asked = credentials.unwrap_or_default();
                return (Self::Binding(BoundName(Vec::new())), Action::BindExternal(asked));
            }
            _ => {
                let refusal = Refusal::new(
                    ResultCode::AUTH_METHOD_NOT_SUPPORTED,
                    "only simple authentication is served",
                );
                return (Self::Anonymous, Action::Answer(refusal));
            }
        };
        let kind = match (bind.name.is_empty(), password.is_empty()) {
            (true, true) => BindKind::Anonymous,
            (true, false) => BindKind::Nameless,
            (false, false) => BindKind::Named,
            // RFC 4513 section 5.1.2: success would mean nothing, so it is not even asked for.
            (false, true) => {
                let refusal = Refusal::new(
                    ResultCode::UNWILLING_TO_PERFORM,
                    "unauthenticated bind (DN with no password) disallowed",
                );
                return (Self::Anonymous, Action::Answer(refusal));
            }
        };
        if passwords == Passwords::Refused && kind != BindKind::Anonymous {
            return (Self::Anonymous, Action::Answer(CONFIDENTIALITY_REQUIRED));
        }
        let mut name = match self {
            Self::Binding(BoundName(room)) | Self::Bound(BoundName(room)) => room,
            Self::Anonymous => Vec::new(),
        };
        name.clear();
        name.extend_from_slice(bind.name);
        (Self::Binding(BoundName(name)), Action::Bind { name: bind.name, kind })
    }

    fn receive_extended<'a>(&self, request: &Envelope<'a>, passwords: Passwords) -> Action<'a> {
        let Ok(extended) = ExtendedRequest::decode(request.content) else {
            return Action::Disconnect(protocol_error("extended request is malformed"));
        };
        match extended.name {
            oid::WHO_AM_I if has_critical_control(request) => Action::Answer(UNKNOWN_CRITICAL),
            oid::WHO_AM_I if extended.value.is_some() => {
                Action::Answer(protocol_error(NO_DATA_EXPECTED))
            }
            oid::PASSWORD_MODIFY if passwords == Passwords::Refused => {
                Action::Answer(CONFIDENTIALITY_REQUIRED)
            }
            oid::WHO_AM_I => Action::WhoAmI(self.authorisation_id()),
            oid::CANCEL => match extended.value.and_then(cancelled_id) {
                Some(id) => Action::Cancel(id),
                None => Action::Answer(protocol_error("cancel without a message id")),
            },
            _ => Action::Relay,
        }
    }
}

fn refuse_envelope<'a>(request: &Envelope<'a>, around: Surroundings) -> Option<Action<'a>> {
    if request.id == MessageId::UNSOLICITED {
        return Some(Action::Disconnect(protocol_error("message id 0 is reserved")));
    }
    let answerable = request.operation.final_response().is_some();
    if answerable && around.outstanding >= around.max_outstanding {
        return Some(Action::Stall);
    }
    match request.controls.map(|content| Control::decode_all(content, around.max_controls)) {
        None | Some(Ok(_)) => None,
        // Abandon and unbind have no answer; what they ask for is done all the same.
        Some(Err(_)) if !answerable => None,
        Some(Err(ber::BerError::TooMany)) => Some(Action::Answer(TOO_MANY_CONTROLS)),
        Some(Err(_)) => Some(Action::Answer(protocol_error("controls are malformed"))),
    }
}

/// What a search's filter is refused for. Nesting that is malformed ends the connection, as with
/// slapd; whatever else may be wrong with a search is the directory's to say.
fn judge_filter<'a>(search: &[u8], limits: FilterLimits) -> Option<Action<'a>> {
    match Filter::check(SearchRequest::filter_of(search).ok()?, limits) {
        Ok(()) => None,
        Err(ber::BerError::TooDeep) => Some(Action::Answer(FILTER_TOO_DEEP)),
        Err(ber::BerError::TooMany) => Some(Action::Answer(FILTER_TOO_WIDE)),
        Err(_) => Some(Action::Disconnect(protocol_error("filter is malformed"))),
    }
}

pub(super) fn has_critical_control(request: &Envelope<'_>) -> bool {
    let Some(content) = request.controls else {
        return false;
    };
    let mut reader = Reader::new(content);
    std::iter::from_fn(|| Control::read(&mut reader).ok()).any(|control| control.critical)
}

/// The messageID that an abandon is about.
pub fn abandoned_id(content: &[u8]) -> Option<ClientMessageId> {
    message_id(content)
}

fn message_id(content: &[u8]) -> Option<ClientMessageId> {
    ber::integer(content).ok().and_then(MessageId::new).map(ClientMessageId)
}

fn cancelled_id(value: &[u8]) -> Option<ClientMessageId> {
    let mut fields = Reader::new(Reader::new(value).expect(SEQUENCE).ok()?);
    fields.integer().ok().and_then(MessageId::new).map(ClientMessageId)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::envelope::write_message;

    const AROUND: Surroundings = Surroundings {
        start_tls: StartTls::Offered,
        passwords: Passwords::Welcome,
        outstanding: 0,
        max_outstanding: 8,
        max_controls: 4,
        filter: FilterLimits { depth: 2, components: 3 },
    };

    fn bound() -> Session {
        Session::Bound(BoundName(b"uid=ann,dc=example,dc=com".to_vec()))
    }

    fn binding(name: &[u8]) -> Session {
        Session::Binding(BoundName(name.to_vec()))
    }

    fn bind(version: i64, name: &[u8], choice: u8, password: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_message(&mut out, MessageId::MAX, Operation::BindRequest.tag(), |out| {
            ber::write_integer(out, ber::INTEGER, version);
            ber::write_element(out, ber::OCTET_STRING, name);
            ber::write_element(out, choice, password);
        });
        out
    }

    #[track_caller]
    fn check(session: Session, pdu: &[u8], around: Surroundings, state: Session, action: &str) {
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
            (3, 0xa3, &[4, 5, b'P', b'L', b'A', b'I', b'N'], "answer 7"),
            (3, 0xa3, b"\x04\x55", "disconnect 2"),
        ] {
            let pdu = bind(version, b"uid=ann", choice, password);
            check(bound(), &pdu, AROUND, anonymous.clone(), action);
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
        check(
            bound(),
            &pdu,
            Surroundings { outstanding: 0, ..busy },
            Session::Anonymous,
            "answer 11",
        );
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
}
