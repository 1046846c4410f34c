//! One client's state machine: what it is bound as, and what is to be done with each request.
//!
//! It consumes itself and gives the next state and an action. A bind makes the session anonymous
//! on receipt, before anything is sent (RFC 4513 section 4), so no later fault can leave the old
//! identity standing. It opens no connection and knows no directory.

use super::channel::{self, CONFIDENTIALITY_REQUIRED, Passwords, StartTls};
use super::sasl;
use super::sharing::asks_as_another;
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
    /// A SASL bind has been answered with a challenge: nobody, until its next step.
    Negotiating(Negotiation),
    /// The last bind succeeded under this name.
    Bound(BoundName),
}

/// A SASL bind between two of its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiation {
    /// The mechanism, as the client spelled it.
    pub mechanism: Vec<u8>,
    /// The name that the client claims; empty if it has claimed none.
    pub claimed: BoundName,
}

/// Whether a step of a SASL bind is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It begins an exchange.
    First,
    /// It goes on with the one that is under way.
    Next,
}

/// The name of a bind, as the client spelled it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundName(pub Vec<u8>);

/// What kind of bind a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindKind {
    /// A name and a password: if it succeeds, it may be a sign-on.
    Named,
    /// Neither: an anonymous bind (RFC 4513 section 5.1.1).
    Anonymous,
    /// A password without a name: the directory decides; never a sign-on.
    Nameless,
    /// A step of a SASL bind: who it is, the directory says after it succeeded.
    Sasl(Step),
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
pub const UNKNOWN_CRITICAL: Refusal =
    Refusal::new(ResultCode::UNAVAILABLE_CRITICAL_EXTENSION, "critical control is not recognised");

/// What comes between two steps of a SASL bind and is none; in slapd's words.
pub const NEGOTIATING: Refusal =
    Refusal::new(ResultCode::OPERATIONS_ERROR, "SASL bind in progress");

/// A client chose a security layer.
pub const LAYER_CHOSEN: Refusal = Refusal::new(
    ResultCode::AUTH_METHOD_NOT_SUPPORTED,
    "the gateway cannot carry a security layer: choose none (maxssf=0)",
);

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
        let is_negotiating = matches!(self, Self::Negotiating(_));
        let is_busy = around.outstanding > 0 || is_binding || is_negotiating;
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
        let answerable = request.operation.final_response().is_some();
        match request.operation {
            Operation::BindRequest => self.receive_bind(request.content, around.passwords),
            Operation::UnbindRequest => (self, Action::Unbind),
            // As slapd has it: it is refused, and the exchange goes on (RFC 4511 section 4.2.1).
            _ if answerable && matches!(self, Self::Negotiating(_)) => {
                (self, Action::Answer(NEGOTIATING))
            }
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

    /// The bind that was under way was answered with a challenge.
    pub fn challenged(self, mechanism: &[u8]) -> Self {
        match self {
            Self::Binding(claimed) => {
                Self::Negotiating(Negotiation { mechanism: mechanism.to_vec(), claimed })
            }
            _ => Self::Anonymous,
        }
    }

    /// The directory says who the bind that is under way is of.
    pub fn identified(self, name: &[u8]) -> Self {
        match self {
            Self::Binding(_) => Self::Binding(BoundName(name.to_vec())),
            other => other,
        }
    }

    /// The name that the session is bound as or that its bind is under way with; empty if there is
    /// none.
    pub fn name(&self) -> &[u8] {
        match self {
            Self::Anonymous => &[],
            Self::Binding(name) | Self::Bound(name) => &name.0,
            Self::Negotiating(negotiation) => &negotiation.claimed.0,
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
            Authentication::Sasl { mechanism, .. }
                if passwords == Passwords::Refused && sasl::sends_secrets(mechanism) =>
            {
                return (Self::Anonymous, Action::Answer(CONFIDENTIALITY_REQUIRED));
            }
            Authentication::Sasl { mechanism, credentials } => {
                return self.receive_sasl(bind.name, mechanism, credentials.unwrap_or_default());
            }
            Authentication::Unknown(_) => {
                let refusal = Refusal::new(
                    ResultCode::AUTH_METHOD_NOT_SUPPORTED,
                    "authentication choice is not supported",
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
            Self::Anonymous | Self::Negotiating(_) => Vec::new(),
        };
        name.clear();
        name.extend_from_slice(bind.name);
        (Self::Binding(BoundName(name)), Action::Bind { name: bind.name, kind })
    }

    /// A step of a SASL bind. One of the mechanism that is under way goes on with it; whatever else
    /// comes between aborts that (RFC 4513 section 5.2.1.2).
    fn receive_sasl<'a>(
        self,
        name: &'a [u8],
        mechanism: &[u8],
        credentials: &[u8],
    ) -> (Self, Action<'a>) {
        if sasl::chooses_a_layer(mechanism, credentials) {
            return (Self::Anonymous, Action::Answer(LAYER_CHOSEN));
        }
        let (step, earlier) = match self {
            Self::Negotiating(under_way) if under_way.mechanism == mechanism => {
                (Step::Next, under_way.claimed.0)
            }
            _ => (Step::First, Vec::new()),
        };
        let claimed = sasl::claimed_name(mechanism, credentials).map_or(earlier, <[u8]>::to_vec);
        let session = Self::Binding(BoundName(claimed));
        (session, Action::Bind { name, kind: BindKind::Sasl(step) })
    }

    fn receive_extended<'a>(&self, request: &Envelope<'a>, passwords: Passwords) -> Action<'a> {
        let Ok(extended) = ExtendedRequest::decode(request.content) else {
            return Action::Disconnect(protocol_error("extended request is malformed"));
        };
        match extended.name {
            // Who that would be, only the directory can say, if the client may ask at all.
            oid::WHO_AM_I if asks_as_another(request.controls) => Action::Relay,
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

/// Whether a request bears a control without which it must not be done.
pub fn has_critical_control(request: &Envelope<'_>) -> bool {
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
#[path = "session_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "session_sasl_tests.rs"]
mod sasl_tests;
