//! From plain LDAP to TLS on the same connection (RFC 4511 section 4.14).
//!
//! The session ends and another one begins: of the first nothing is left but the stream, its number
//! and what it is counted by. So no identity that was proven in clear, no connection to the
//! directory and no byte that came before the handshake can get into the second one.

use super::admission::Admission;
use super::connection::{Connection, End, HELD_BYTES, Life};
use super::drain::{Drain, Phase};
use super::reloaded::Served;
use super::scratch;
use crate::app::events::Closed;
use crate::app::ports::Ports;
use crate::domain::channel::{Passwords, StartTls};
use crate::domain::secret::wipe;
use crate::proto::envelope::Envelope;
use crate::proto::extended::ExtendedResponse;
use crate::proto::result::{LdapResult, ResultCode};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// A client that asked for TLS and was told to begin: all that is left of its connection.
pub(super) struct Upgrade<P: Ports, S> {
    pub(super) stream: S,
    pub(super) admission: Admission,
    pub(super) served: Arc<Served<P>>,
    pub(super) drain: Drain,
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// Answers a request for TLS. Its answer is the last thing that is sent in clear.
    pub(super) fn begin_tls(&mut self, request: &Envelope<'_>) {
        self.leave_seat();
        self.part();
        let result = LdapResult::new(ResultCode::SUCCESS, "");
        let out = self.outbound.append(64);
        ExtendedResponse { result, name: None, value: None }.write(out, request.id);
        self.report(request.operation, ResultCode::SUCCESS, 0, Instant::now(), self.requests);
        self.requests += 1;
        self.life = Life::StartingTls;
        self.closing_at = self.heard_at + self.config.handshake_timeout;
    }

    /// Sends what waits, and then the client shakes hands.
    pub(super) fn poll_before_handshake(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if self.drain.phase() == Phase::Ending {
            return Poll::Ready(End::Closed(Closed::Shutdown));
        }
        if let Poll::Ready(reason) = self.poll_throw_away(cx) {
            return Poll::Ready(End::Closed(reason));
        }
        match ready!(self.outbound.poll_send(cx, &mut self.stream)) {
            Ok(()) => Poll::Ready(End::StartTls),
            Err(_) => Poll::Ready(End::Closed(Closed::ByClient)),
        }
    }

    /// Throws away what has come before the client could know that it may shake hands: somebody on
    /// the way may have put it in, to be taken for what comes over TLS. Ready if the client is gone.
    /// What is left of an endless stream is a handshake that fails.
    fn poll_throw_away(&mut self, cx: &mut Context<'_>) -> Poll<Closed> {
        let mut thrown_away = 0;
        while thrown_away < HELD_BYTES {
            let read = scratch::with(|bytes| {
                let mut buffer = ReadBuf::new(bytes);
                let read = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
                let length = buffer.filled().len();
                wipe(buffer.filled_mut());
                read.map(|read| read.map(|()| length))
            });
            match read {
                Poll::Pending => break,
                Poll::Ready(Ok(length)) if length > 0 => thrown_away += length,
                Poll::Ready(_) => return Poll::Ready(Closed::ByClient),
            }
        }
        Poll::Pending
    }

    /// What goes on over TLS.
    pub(super) fn hand_over(self) -> Upgrade<P, S> {
        let admission = Admission {
            id: self.id,
            peer: self.peer,
            listener: self.listener,
            permits: self.permits,
            present: self.present,
            start_tls: StartTls::On,
            passwords: Passwords::Welcome,
            external: None,
            requests: self.requests,
        };
        let served = self.served.successor().unwrap_or(self.served);
        Upgrade { stream: self.stream, admission, served, drain: self.drain }
    }
}
