//! A connection bound as the service account; without a storm of binds when that is refused.

use crate::app::ports::LookupError;
use crate::domain::secret::Secret;
use crate::proto::ber::{self, INTEGER, OCTET_STRING, SEQUENCE};
use crate::proto::bind::BindResponse;
use crate::proto::envelope::MessageId;
use crate::proto::op::Operation;
use crate::proto::result::ResultCode;
use crate::upstream::SecretSource;
use crate::upstream::exchange::{ExchangeError, exchange};
use crate::upstream::health::{Attempt, Health};
use crate::upstream::placed::Placed;
use crate::upstream::servers::{Servers, User, jitter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

/// The authentication choice of a simple bind (RFC 4511 section 4.2).
const SIMPLE: u8 = 0x80;
/// Room for the tags and lengths of a bind request.
const BIND_OVERHEAD: usize = 64;

/// How long the account is not tried after its first refusal: binds that fail may lock it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Makes connections that are bound as the service account; one for all workers of a directory.
pub(in crate::upstream) struct Login {
    servers: Arc<Servers>,
    dn: String,
    password: SecretSource,
    bind_timeout: Duration,
    max_message_size: usize,
    refusals: Mutex<Refusals>,
}

/// How the last attempt failed, and when the next is due.
struct Refusals {
    health: Health,
    last: LookupError,
}

/// An attempt that tells how it ended, even if it is dropped.
struct Trial<'a> {
    login: &'a Login,
    attempt: Option<Attempt>,
}

impl Login {
    pub(in crate::upstream) fn new(
        servers: Arc<Servers>,
        config: &crate::upstream::Config,
    ) -> Self {
        Self {
            servers,
            dn: config.service_dn.clone(),
            password: config.service_password.clone(),
            bind_timeout: config.bind_timeout,
            max_message_size: config.max_message_size,
            refusals: Mutex::new(Refusals {
                health: Health::new(FIRST_PAUSE),
                last: LookupError::ServiceAccount,
            }),
        }
    }

    /// A bound connection for such a user, and the last messageID that was used on it. Fails at once while the
    /// account is known to be refused.
    pub(in crate::upstream) async fn open(
        &self,
        user: User,
    ) -> Result<(Placed, MessageId), LookupError> {
        let mut trial = self.admit()?;
        let connected = self.servers.connect(user).await;
        let (stream, seat) = connected.map_err(|_| LookupError::Unreachable)?;
        let mut stream = Placed::new(stream, seat);
        let bound = timeout(self.bind_timeout, self.bind(&mut stream)).await;
        let outcome = bound.unwrap_or(Err(LookupError::Timeout));
        if matches!(outcome, Err(LookupError::Timeout)) {
            self.servers.silent(stream.seat());
        }
        trial.ended(outcome.err());
        outcome.map(|id| (stream, id))
    }

    /// Whether clients' connections lead to other servers than the gateway's own.
    pub(in crate::upstream) fn is_apart_from_clients(&self) -> bool {
        self.servers.are_clients_spread()
    }

    /// Tells of a search that was sent again.
    pub(super) fn retried(&self) {
        self.servers.retried();
    }

    async fn bind(&self, stream: &mut Placed) -> Result<MessageId, LookupError> {
        let id = MessageId::UNSOLICITED.next();
        let request = {
            let password = self.password.read().map_err(|_| LookupError::ServiceAccount)?;
            // With an empty password a bind succeeds and means nothing (RFC 4513 section 5.1.2).
            if password.expose().is_empty() {
                return Err(LookupError::ServiceAccount);
            }
            bind_request(id, &self.dn, &password)
        };
        let answer = exchange(stream, &request, self.max_message_size).await;
        drop(request);
        let answer = answer.map_err(|error| match error {
            ExchangeError::Io(_) => LookupError::Disconnected,
            ExchangeError::Malformed => LookupError::Malformed,
        })?;
        let envelope = answer.envelope().map_err(|_| LookupError::Malformed)?;
        if envelope.id == MessageId::UNSOLICITED {
            return Err(LookupError::Disconnected);
        }
        if envelope.id != id || envelope.operation != Operation::BindResponse {
            return Err(LookupError::Malformed);
        }
        let response = BindResponse::decode(envelope.content);
        match response.map_err(|_| LookupError::Malformed)?.result.code {
            ResultCode::SUCCESS => Ok(id),
            code @ (ResultCode::BUSY | ResultCode::UNAVAILABLE) => Err(LookupError::Result(code)),
            _ => Err(LookupError::ServiceAccount),
        }
    }

    fn admit(&self) -> Result<Trial<'_>, LookupError> {
        let mut refusals = self.refusals();
        let attempt = refusals.health.admit(Instant::now()).ok_or(refusals.last)?;
        Ok(Trial { login: self, attempt: Some(attempt) })
    }

    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trial<'_> {
    fn ended(&mut self, error: Option<LookupError>) {
        let Some(attempt) = self.attempt.take() else { return };
        let mut refusals = self.login.refusals();
        match error {
            None => drop(refusals.health.succeeded(attempt)),
            Some(error) => {
                refusals.health.failed(attempt, Instant::now(), jitter());
                refusals.last = error;
            }
        }
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            self.login.refusals().health.ended(attempt);
        }
    }
}

/// A simple bind in a buffer that is wiped, and is as large from the start as it will be, so that
/// no copy of the password is left behind.
fn bind_request(id: MessageId, dn: &str, password: &Secret) -> Zeroizing<Vec<u8>> {
    let secret = password.expose();
    let mut out = Zeroizing::new(Vec::with_capacity(dn.len() + secret.len() + BIND_OVERHEAD));
    ber::write_nested(&mut out, SEQUENCE, |out| {
        ber::write_integer(out, INTEGER, i64::from(id.get()));
        ber::write_nested(out, Operation::BindRequest.tag(), |out| {
            ber::write_integer(out, INTEGER, 3);
            ber::write_element(out, OCTET_STRING, dn.as_bytes());
            ber::write_element(out, SIMPLE, secret);
        });
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::bind::write_simple;

    #[test]
    fn a_bind_request_is_written_as_the_protocol_has_it_and_in_one_buffer() {
        for length in [1, 100, 300, 70_000] {
            let password = Secret::new(vec![7; length]);
            let id = MessageId::UNSOLICITED.next();
            let request = bind_request(id, "cn=gateway", &password);
            let mut expected = Vec::new();
            write_simple(&mut expected, id, b"cn=gateway", password.expose());
            assert_eq!(*request, expected);
            assert!(request.len() <= 10 + length + BIND_OVERHEAD);
        }
    }
}
