//! Makes one connection to one server: TCP, then TLS where it is asked for, within one time-out.
//!
//! There is no way from here to a connection in clear where TLS was asked for.

use super::stream::{Socket, Stream};
use super::tls::Client;
use super::{Config, Scheme, ServerUrl, exchange};
use crate::proto::ber::{self, OCTET_STRING, SEQUENCE};
use crate::proto::envelope::{MessageId, write_message};
use crate::proto::extended::{ExtendedRequest, ExtendedResponse};
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::result::ResultCode;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

/// How long a connection is quiet before the kernel asks whether the peer is still there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
/// How long the kernel waits between two such questions.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// How many of them may go unanswered.
const KEEPALIVE_RETRIES: u32 = 3;
/// How long sent bytes may go unacknowledged before the connection is given up.
const USER_TIMEOUT: Duration = Duration::from_secs(20);
/// The most bytes of an answer to StartTLS, or of one that shows that a server answers.
const MAX_SHORT_ANSWER: usize = 16 * 1024;

/// Why there is no connection to a server.
#[derive(Debug, Error)]
pub(super) enum ConnectError {
    /// The name has no address.
    #[error("cannot resolve: {0}")]
    Resolve(io::Error),
    /// No address answered; this is what the last one said.
    #[error("cannot connect: {0}")]
    Tcp(io::Error),
    /// It took too long.
    #[error("no connection within the time-out")]
    Timeout,
    /// StartTLS was refused.
    #[error("start tls was refused: {0}")]
    StartTlsRefused(ResultCode),
    /// The answer to StartTLS was not one, or more came with it.
    #[error("start tls was not answered as it should be")]
    StartTlsMalformed,
    /// The handshake failed: another name, an unknown issuer, no common version.
    #[error("tls handshake failed: {0}")]
    Tls(io::Error),
    /// It was asked something and said nothing that is an answer.
    #[error("it does not answer")]
    Silent,
    /// The name to verify is neither a host name nor an address.
    #[error("not a name that a certificate can hold: {0}")]
    BadName(String),
}

/// Makes connections as a directory's configuration asks for them.
pub(super) struct Connector {
    tls: Option<Arc<Client>>,
    server_name: Option<String>,
    start_tls: bool,
    limit: Duration,
}

impl Connector {
    pub(super) fn new(config: &Config, tls: Option<Arc<Client>>) -> Self {
        Self {
            tls,
            server_name: config.tls.server_name.clone(),
            start_tls: config.tls.start_tls,
            limit: config.connect_timeout,
        }
    }

    /// Connects, TLS included.
    pub(super) async fn connect(&self, url: &ServerUrl) -> Result<Stream, ConnectError> {
        let whole = async {
            let mut tcp = self.dial(url).await?;
            match url.scheme {
                Scheme::Ldap if self.start_tls => start_tls(&mut tcp).await?,
                Scheme::Ldap => return Ok(Stream::Plain(tcp)),
                Scheme::Ldaps => {}
            }
            self.handshake(url, tcp).await
        };
        timeout(self.limit, whole).await.unwrap_or(Err(ConnectError::Timeout))
    }

    /// Asks a server something that each can answer, on a connection that is closed then.
    pub(super) async fn sound(&self, url: &ServerUrl) -> Result<(), ConnectError> {
        let mut stream = self.connect(url).await?;
        let id = MessageId::UNSOLICITED.next();
        let request = compare_root(id);
        let asking = exchange::exchange(&mut stream, &request, MAX_SHORT_ANSWER);
        let answer = timeout(self.limit, asking).await;
        let answer = answer.map_err(|_| ConnectError::Silent)?.map_err(|_| ConnectError::Silent)?;
        // Whatever the result is: one that answers this answers a bind.
        match answer.envelope() {
            Ok(envelope) if envelope.id == id => {
                stream.say_goodbye();
                Ok(())
            }
            _ => Err(ConnectError::Silent),
        }
    }

    /// Tries each address, and gives each its share of the time that is left.
    async fn dial(&self, url: &ServerUrl) -> Result<TcpStream, ConnectError> {
        let deadline = Instant::now() + self.limit;
        let host = url.host.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::net::lookup_host((host, url.port)).await;
        let addresses: Vec<SocketAddr> = found.map_err(ConnectError::Resolve)?.collect();
        let mut last = ConnectError::Resolve(io::ErrorKind::NotFound.into());
        for (tried, address) in addresses.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => return tune(tcp).map_err(ConnectError::Tcp),
                Ok(Err(error)) => last = ConnectError::Tcp(error),
                Err(_) => last = ConnectError::Timeout,
            }
        }
        Err(last)
    }

    async fn handshake(&self, url: &ServerUrl, tcp: TcpStream) -> Result<Stream, ConnectError> {
        let host = url.host.trim_start_matches('[').trim_end_matches(']');
        let name = self.server_name.as_deref().unwrap_or(host);
        let verified = ServerName::try_from(name.to_owned())
            .map_err(|_| ConnectError::BadName(name.to_owned()))?;
        // A directory that uses TLS has a client for it; without one there is no connection.
        let Some(tls) = &self.tls else {
            return Err(ConnectError::Tls(io::ErrorKind::Unsupported.into()));
        };
        let connecting = TlsConnector::from(tls.current()).connect(verified, Socket::new(tcp));
        let stream = connecting.await.map_err(ConnectError::Tls)?;
        Ok(Stream::Tls(Box::new(stream)))
    }
}

/// Sends small messages at once, and finds a peer that is gone without a word.
fn tune(tcp: TcpStream) -> io::Result<TcpStream> {
    tcp.set_nodelay(true)?;
    let socket = SockRef::from(&tcp);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_RETRIES);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(tcp)
}

/// A compare of the root DSE (RFC 4511 section 4.10): one request, one answer, nobody's rights.
fn compare_root(id: MessageId) -> Vec<u8> {
    let mut request = Vec::new();
    write_message(&mut request, id, Operation::CompareRequest.tag(), |out| {
        ber::write_element(out, OCTET_STRING, b"");
        ber::write_nested(out, SEQUENCE, |out| {
            ber::write_element(out, OCTET_STRING, b"objectClass");
            ber::write_element(out, OCTET_STRING, b"top");
        });
    });
    request
}

/// RFC 4511 section 4.14: nothing but success leads on to the handshake. Bytes that came in clear
/// behind the answer are an injection, and end the connection.
async fn start_tls(tcp: &mut TcpStream) -> Result<(), ConnectError> {
    let id = MessageId::UNSOLICITED.next();
    let mut request = Vec::new();
    ExtendedRequest { name: oid::START_TLS, value: None }.write(&mut request, id);
    let answer = exchange::exchange(tcp, &request, MAX_SHORT_ANSWER).await;
    let answer = answer.map_err(|error| match error {
        exchange::ExchangeError::Io(error) => ConnectError::Tcp(error),
        exchange::ExchangeError::Malformed => ConnectError::StartTlsMalformed,
    })?;
    let envelope = answer.envelope().map_err(|_| ConnectError::StartTlsMalformed)?;
    if envelope.id != id || envelope.operation != Operation::ExtendedResponse {
        return Err(ConnectError::StartTlsMalformed);
    }
    let response = ExtendedResponse::decode(envelope.content);
    let code = response.map_err(|_| ConnectError::StartTlsMalformed)?.result.code;
    if code.is_success() { Ok(()) } else { Err(ConnectError::StartTlsRefused(code)) }
}
