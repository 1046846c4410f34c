//! A bind by the client's certificate: SASL EXTERNAL (RFC 4513 section 5.2.3).
//!
//! No password goes to the directory, so no bind there says who the session is, nor whether its
//! account is in order: the gateway vouches for it (rule S10.7). The session has no connection of
//! its own and goes on by proxied authorisation, so it is refused where that is not granted.

use super::Stage;
use super::course::Course;
use crate::app::events::Event;
use crate::app::ports::{Events, Ports, Shared};
use crate::domain::session::{BindKind, BoundName, Refusal, Session};
use crate::domain::vouching::{self, NO_CERTIFICATE, NOT_GRANTED, NOT_VOUCHED_FOR, NotVouched};
use crate::frontend::account::Vouched;
use crate::frontend::connection::Connection;
use crate::proto::dn::DistinguishedName;
use crate::proto::envelope::Envelope;
use crate::proto::op::Operation;
use crate::proto::result::{LdapResult, ResultCode};
use std::future::Future;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};

/// Who a client is by its certificate and the rule for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::frontend) struct Shown {
    /// The name that the certificate stands for.
    pub(in crate::frontend) name: Result<DistinguishedName, NotVouched>,
    /// Until when the certificate is good, in seconds since 1970.
    pub(in crate::frontend) not_after: i64,
}

/// Why a bind by certificate is refused.
pub(in crate::frontend) enum Withheld {
    /// The gateway does not vouch for the client.
    NotVouched(NotVouched),
    /// Proxied authorisation is not granted.
    NotGranted,
}

/// The look whether the gateway may vouch for a client.
pub(in crate::frontend) type Vouching =
    Pin<Box<dyn Future<Output = Result<DistinguishedName, Withheld>> + Send>>;

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// Begins a bind by certificate; the client asks to be `asked`.
    pub(in crate::frontend) fn begin_external(&mut self, request: &Envelope<'_>, asked: &[u8]) {
        self.leave_seat();
        self.follow_reload();
        self.part();
        let binding = &mut self.binding;
        binding.course = Course::HERE;
        binding.exchange = None;
        binding.client = request.id;
        binding.number = self.requests;
        binding.arrived = self.heard_at;
        binding.kind = BindKind::Named;
        binding.watch = self.gateway.throttle().watch();
        let Some(shown) = self.external.clone() else {
            return self.refuse_bind(NO_CERTIFICATE);
        };
        let not_after = shown.not_after;
        let name = match shown.name {
            Ok(name) => name,
            Err(why) => return self.withhold(Withheld::NotVouched(why)),
        };
        let bytes = name.as_str().as_bytes();
        self.session = Session::Binding(BoundName(bytes.to_vec()));
        let is_searched = self.config.tls.as_ref().is_some_and(|tls| tls.external_search);
        if !is_searched && !vouching::may_be(asked, &name) {
            return self.withhold(Withheld::NotVouched(NotVouched::AnotherName));
        }
        let directory = self.gateway.route(bytes);
        self.binding.directory = directory;
        self.binding.course = Course::UPSTREAM;
        self.trace_bind(directory);
        self.binding.spans.step("vouch");
        let sign_ons = self.gateway.sign_ons().clone();
        if !is_searched {
            self.binding.attempt = self.begin_attempt(directory, bytes);
        }
        let shared = self.gateway.directory(directory).shared.clone();
        let asked = asked.to_vec();
        self.binding.deadline = self.heard_at + self.gateway.directory(directory).bind_timeout;
        self.binding.stage = Stage::Vouching(Box::pin(async move {
            let name = if is_searched {
                let found = sign_ons.find(directory, &name).await;
                let found = found.map_err(Withheld::NotVouched)?;
                if !vouching::may_be(&asked, &found) {
                    return Err(Withheld::NotVouched(NotVouched::AnotherName));
                }
                found
            } else {
                name
            };
            let granted = shared.settle_proxying(name.as_str().as_bytes());
            let vouched = sign_ons.vouch(directory, &name, not_after).await;
            vouched.map_err(Withheld::NotVouched)?;
            if granted.await { Ok(name) } else { Err(Withheld::NotGranted) }
        }));
    }

    pub(super) fn vouched(&mut self, outcome: Result<DistinguishedName, Withheld>) {
        let name = match outcome {
            Ok(name) => name,
            Err(why) => return self.withhold(why),
        };
        let bytes = name.as_str().as_bytes();
        if self.session.name() != bytes {
            self.session = Session::Binding(BoundName(bytes.to_vec()));
            self.binding.attempt = self.begin_attempt(self.binding.directory, bytes);
        }
        self.vouched = Vouched::ByCertificate;
        let mut pdu = Vec::new();
        let success = LdapResult::new(ResultCode::SUCCESS, "");
        success.write(&mut pdu, self.binding.client, Operation::BindResponse);
        let Ok(response) = Envelope::parse(&pdu) else {
            return;
        };
        self.binding.spans.leave_step();
        match self.binding.attempt.take() {
            None => self.end_bind(ResultCode::SUCCESS, response.body),
            Some(attempt) => self.enter_gate(attempt, response.body),
        }
    }

    /// Refuses, with a reason for the log alone where the client is not vouched for.
    fn withhold(&mut self, why: Withheld) {
        let refusal: Refusal = match why {
            Withheld::NotGranted => NOT_GRANTED,
            Withheld::NotVouched(why) => {
                let (conn, name) = (self.id, self.session.name());
                self.gateway.events().emit(&Event::NotVouchedFor { conn, name, why });
                NOT_VOUCHED_FOR
            }
        };
        self.binding.attempt = None;
        self.refuse_bind(refusal);
    }
}
