//! A bind as an account of the gateway's own: settled here, and never heard of by a directory.

use super::Stage;
use super::course::Course;
use crate::app::accounts::NotAdmitted;
use crate::app::accounts::roll::{Outcome, Refused, Roll, Verifying};
use crate::app::events::Event;
use crate::app::ports::{Events, Ports};
use crate::app::throttle::Watch;
use crate::domain::secret::Secret;
use crate::domain::session::{BindKind, BoundName, Refusal, Session};
use crate::frontend::account::Vouched;
use crate::frontend::connection::Connection;
use crate::frontend::reply;
use crate::proto::ber::Reader;
use crate::proto::bind::{Authentication, BindRequest};
use crate::proto::envelope::Envelope;
use crate::proto::op::Operation;
use crate::proto::result::{LdapResult, ResultCode};
use tokio::io::{AsyncRead, AsyncWrite};

/// Whatever is wrong, a client is told this; slapd says no more either.
const NOT_ADMITTED: Refusal = Refusal::new(ResultCode::INVALID_CREDENTIALS, "");

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// Whether a bind is under a name that only an account can have: then no directory is asked, whether
    /// there is such an account or not. A SASL mechanism may bear the name in its credentials.
    pub(super) fn is_of_account(&self, accounts: &Roll, name: &[u8]) -> bool {
        let claimed = self.session.name();
        let claimed = claimed.strip_prefix(b"dn:").unwrap_or(claimed);
        accounts.claim(claimed).or_else(|| accounts.claim(name)).is_some()
    }

    /// Begins a bind under such a name.
    pub(super) fn begin_account(&mut self, request: &Envelope<'_>, kind: BindKind) {
        self.part();
        let binding = &mut self.binding;
        binding.course = Course::HERE;
        binding.exchange = None;
        binding.attempt = None;
        binding.keep(request.body);
        binding.client = request.id;
        binding.number = self.requests;
        binding.directory = 0;
        binding.arrived = self.heard_at;
        binding.kind = kind;
        binding.watch = self.gateway.throttle().watch();
        if let BindKind::Sasl(_) = kind {
            // Whatever was sent of a password is not sent on.
            return self.verified(Err(Refused::Not(NotAdmitted::Mechanism)));
        }
        // The turns of a source that keeps failing are those of some directory.
        if self.binding.watch == Watch::Holding && self.waits_for_turn(0) {
            return;
        }
        self.verify_account();
    }

    /// Has the password of an account looked at, if the bind is of one; whether it is.
    pub(super) fn verify_account(&mut self) -> bool {
        let Some(accounts) = self.gateway.accounts().cloned() else { return false };
        let Some(claim) = accounts.claim(self.session.name()) else { return false };
        let hindrance = accounts.claimed(&claim).and_then(|account| self.hindrance(&account));
        match accounts.verify(&claim, password(&self.binding.body), hindrance) {
            Verifying::Now(outcome) => self.verified(outcome),
            Verifying::Later(wait) => self.binding.stage = Stage::Verifying(wait),
        }
        true
    }

    pub(super) fn verified(&mut self, outcome: Outcome) {
        let refused = outcome.as_ref().err().map(|refused| match refused {
            Refused::Not(why) => *why,
            Refused::Busy(_) => NotAdmitted::Busy,
        });
        let (conn, name) = (self.id, self.session.name());
        self.gateway.events().emit(&Event::AccountBind { conn, name, refused });
        let acting = match outcome {
            Ok(acting) => acting,
            Err(Refused::Not(NotAdmitted::Failed)) => {
                return self.refuse_bind(reply::NOT_LOOKED_AT);
            }
            Err(Refused::Not(_)) => return self.refuse_bind(NOT_ADMITTED),
            Err(Refused::Busy(limit)) => {
                self.limit_hit(limit);
                return self.refuse_bind(reply::ACCOUNTS_BUSY);
            }
        };
        self.session = Session::Binding(BoundName(acting.dn().as_bytes().to_vec()));
        self.vouched = Vouched::Account(acting);
        let mut pdu = Vec::new();
        let success = LdapResult::new(ResultCode::SUCCESS, "");
        success.write(&mut pdu, self.binding.client, Operation::BindResponse);
        if let Ok(response) = Envelope::parse(&pdu) {
            self.end_bind(ResultCode::SUCCESS, response.body);
        }
    }
}

/// The password of a bind request, which came with its operation and controls.
fn password(body: &[u8]) -> Secret {
    let content = Reader::new(body).element().map_or(&[][..], |request| request.content);
    match BindRequest::decode(content).map(|bind| bind.authentication) {
        Ok(Authentication::Simple(password)) => Secret::new(password.to_vec()),
        _ => Secret::new(Vec::new()),
    }
}
