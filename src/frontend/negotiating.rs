//! A SASL bind, step by step, on one upstream connection (RFC 4513 section 5.2).
//!
//! A challenge is relayed and the session is nobody until the next step, which goes on the same
//! connection. That connection carries this exchange and what follows its success: any other bind is
//! sent on another, and if it is left, it is closed. Who a success is of, the directory is asked on the same connection, by Who Am I; only then the sign-on
//! begins and the answer goes out.

use super::binding::{Asked, Exchange};
use super::connection::Connection;
use super::reply;
use crate::app::events::{Event, Unidentified};
use crate::app::ports::{Events, Ports};
use crate::app::sign_on::Verdict;
use crate::domain::sasl::{self, Challenge};
use crate::domain::session::Session;
use crate::proto::ber::Reader;
use crate::proto::bind::{self, Authentication, BindRequest, BindResponse};
use crate::proto::control::Control;
use crate::proto::dn::DistinguishedName;
use crate::proto::envelope::Envelope;
use crate::proto::extended::{ExtendedRequest, ExtendedResponse};
use crate::proto::oid;
use crate::proto::result::ResultCode;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// Who the directory says that somebody is.
enum Identity {
    /// The entry of this name.
    Entry(Vec<u8>),
    /// Nobody.
    Nobody,
    /// Somebody whose entry is not told; what the directory calls them, if it calls them anything.
    NoEntry(Vec<u8>),
    /// It does not say.
    Untold,
}

impl Identity {
    /// By an authorisation identity (RFC 4513 section 5.2.1.8).
    fn of(authorisation_id: &[u8]) -> Self {
        match authorisation_id {
            b"" => Self::Nobody,
            [b'd', b'n', b':'] => Self::Nobody,
            [b'd', b'n', b':', name @ ..] if DistinguishedName::from_bytes(name).is_ok() => {
                Self::Entry(name.to_vec())
            }
            [b'd', b'n', b':', name @ ..] => Self::NoEntry(name.to_vec()),
            [b'u', b':', name @ ..] => Self::NoEntry(name.to_vec()),
            _ => Self::Untold,
        }
    }
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// A step of a SASL bind has come; whether its mechanism is carried. If not it was refused.
    pub(super) fn begin_step(&mut self, request: &Envelope<'_>, directory: usize) -> bool {
        let mechanism = match BindRequest::decode(request.content) {
            Ok(BindRequest { authentication: Authentication::Sasl { mechanism, .. }, .. }) => {
                mechanism
            }
            _ => return true,
        };
        if !self.gateway.directory(directory).relay.carries(mechanism) {
            self.session = Session::Anonymous;
            self.refuse(request, reply::NOT_CARRIED);
            return false;
        }
        let mechanism = mechanism.to_vec();
        self.binding.exchange = Some(Exchange { mechanism, challenged_at: None });
        true
    }

    /// The directory answered a step with a challenge.
    pub(super) fn relay_challenge(&mut self, response: &Envelope<'_>, answer: &BindResponse<'_>) {
        let Some(exchange) = &mut self.binding.exchange else { return };
        let challenge = answer.sasl_credentials.unwrap_or_default();
        let other = match sasl::without_layers(&exchange.mechanism, challenge) {
            Challenge::Same => None,
            Challenge::Other(challenge) => bind::with_credentials(response.body, &challenge),
            Challenge::LayersOnly => return self.refuse_bind(reply::LAYERS_ONLY),
        };
        let now = Instant::now();
        exchange.challenged_at = Some(now);
        let session = std::mem::replace(&mut self.session, Session::Anonymous);
        self.session = session.challenged(&exchange.mechanism);
        self.heard_at = now;
        self.step_answered(other.as_deref().unwrap_or(response.body));
    }

    /// The bind succeeded: who it is of has to be known before anybody is told.
    pub(super) fn identify(&mut self, response: &Envelope<'_>) {
        // What such a bind allows may depend on how it was made: it is not made up for by proxy.
        self.name_fits = Some(false);
        if let Some(told) = authorisation_id(response.controls) {
            let identity = Identity::of(told);
            return self.settle_identity(identity, response.body);
        }
        self.ask_who(response.body);
    }

    /// Asks the directory, which has answered the bind like this, who it is of.
    pub(super) fn ask_who(&mut self, response: &[u8]) {
        let Some(upstream) = &mut self.upstream else { return };
        let mut body = Vec::new();
        ExtendedRequest { name: oid::WHO_AM_I, value: None }.write_body(&mut body);
        let id = upstream.send(&body);
        let patience = self.gateway.directory(self.binding.directory()).bind_timeout;
        let deadline = Instant::now() + patience;
        self.binding.await_identity(id, response.to_vec(), Asked::WhoAmI, deadline);
    }

    /// The directory said who it is.
    pub(super) fn identity_answered(&mut self, answer: &Envelope<'_>) {
        let Some(response) = self.binding.take_response() else { return };
        let identity = match ExtendedResponse::decode(answer.content) {
            Ok(said) if said.result.code.is_success() => {
                Identity::of(said.value.unwrap_or_default())
            }
            _ => Identity::Untold,
        };
        self.settle_identity(identity, &response);
    }

    fn settle_identity(&mut self, identity: Identity, response: &[u8]) {
        let (name, unidentified) = match identity {
            Identity::Entry(name) => (name, None),
            Identity::Nobody => (Vec::new(), None),
            Identity::NoEntry(name) => (name, Some(Unidentified::NoEntry)),
            Identity::Untold => (Vec::new(), Some(Unidentified::Untold)),
        };
        if unidentified.is_none() || !name.is_empty() {
            let session = std::mem::replace(&mut self.session, Session::Anonymous);
            self.session = session.identified(&name);
        } else if self.session.name().is_empty() {
            // Somebody it is, and never nobody: the mechanism stands for the name.
            let mechanism = self.binding.exchange.as_ref().map(|exchange| &exchange.mechanism[..]);
            let session = std::mem::replace(&mut self.session, Session::Anonymous);
            self.session = session.identified(mechanism.unwrap_or(b"?"));
        }
        match unidentified {
            None => self.begin_sign_on(&name, response),
            Some(reason) => self.stay_unidentified(reason, response),
        }
    }

    /// It is known whose entry the bind is of, if anybody's.
    pub(super) fn begin_sign_on(&mut self, name: &[u8], response: &[u8]) {
        let attempt = self.begin_attempt(self.binding.directory(), name);
        match attempt.filter(|_| !name.is_empty()) {
            Some(attempt) => self.enter_gate(attempt, response),
            None => self.end_bind(ResultCode::SUCCESS, response),
        }
    }

    /// It cannot be told whose entry the bind is of.
    pub(super) fn stay_unidentified(&mut self, reason: Unidentified, response: &[u8]) {
        let directory = self.binding.directory();
        let name = &self.gateway.directory(directory).policy.name;
        self.gateway.events().emit(&Event::SignOnUnidentified { directory: name, reason });
        match self.gateway.sign_ons().unidentified(directory) {
            Verdict::Admit => self.end_bind(ResultCode::SUCCESS, response),
            Verdict::Refuse(refusal) => self.refuse_bind(refusal),
        }
    }
}

/// The authorisation identity in a bind response's controls (RFC 3829).
fn authorisation_id(controls: Option<&[u8]>) -> Option<&[u8]> {
    let mut reader = Reader::new(controls?);
    let mut controls = std::iter::from_fn(|| Control::read(&mut reader).ok());
    controls.find(|control| control.oid == oid::AUTHORISATION_IDENTITY)?.value
}
