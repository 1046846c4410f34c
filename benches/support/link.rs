//! One client connection of the load generator, plain or over TLS.

use super::BenchError;
use super::scenario::Transport;
use bindgate::proto::envelope::Envelope;
use bindgate::proto::framing::{Frame, frame};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The most bytes of an answer.
const MAX_MESSAGE: usize = 1 << 20;
/// What a connection sets aside for answers at first.
const FIRST_BUFFER: usize = 512;

/// Opens connections to one address.
#[derive(Clone)]
pub(crate) struct Dialer {
    address: SocketAddr,
    tls: Option<TlsConnector>,
    handshakes: Rc<Cell<u64>>,
    resumed: Rc<Cell<u64>>,
}

impl Dialer {
    /// For plain LDAP.
    pub(crate) fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None, handshakes: Rc::default(), resumed: Rc::default() }
    }

    /// For LDAPS with servers that hold this certificate (a PEM file).
    pub(crate) fn tls(
        address: SocketAddr,
        certificate: &Path,
        transport: Transport,
    ) -> Result<Self, BenchError> {
        let unusable = |error: String| BenchError::file(certificate)(io::Error::other(error));
        let trusted = CertificateDer::from_pem_file(certificate);
        let trusted = trusted.map_err(|error| unusable(error.to_string()))?;
        let mut roots = RootCertStore::empty();
        roots.add(trusted).map_err(|error| unusable(error.to_string()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        if transport != Transport::Resumed {
            config.resumption = Resumption::disabled();
        }
        Ok(Self { tls: Some(TlsConnector::from(Arc::new(config))), ..Self::plain(address) })
    }

    /// The share of TLS handshakes, 0 to 1, that resumed an earlier session.
    pub(crate) fn resumed(&self) -> Option<f64> {
        let handshakes = self.handshakes.get();
        (handshakes > 0).then(|| self.resumed.get() as f64 / handshakes as f64)
    }

    async fn dial(&self) -> io::Result<Stream> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let Some(connector) = &self.tls else {
            return Ok(Stream::Plain(stream));
        };
        let name = ServerName::IpAddress(self.address.ip().into());
        let stream = connector.connect(name, stream).await?;
        self.handshakes.set(self.handshakes.get() + 1);
        if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
            self.resumed.set(self.resumed.get() + 1);
        }
        Ok(Stream::Tls(Box::new(stream)))
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection with a buffer for answers.
pub(crate) struct Link {
    dialer: Dialer,
    stream: Stream,
    answer: Vec<u8>,
    filled: usize,
    taken: usize,
}

impl Link {
    /// Opens a connection.
    pub(crate) async fn connect(dialer: &Dialer) -> io::Result<Self> {
        let stream = dialer.dial().await?;
        let answer = vec![0; FIRST_BUFFER];
        Ok(Self { dialer: dialer.clone(), stream, answer, filled: 0, taken: 0 })
    }

    /// Leaves this connection for a new one.
    pub(crate) async fn reconnect(&mut self) -> io::Result<()> {
        (self.filled, self.taken) = (0, 0);
        if let Stream::Tls(stream) = &mut self.stream {
            // The server may have closed first, which is as good.
            let _ = stream.shutdown().await;
        }
        self.stream = self.dialer.dial().await?;
        Ok(())
    }

    /// Sends a request.
    pub(crate) async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(request).await,
            Stream::Tls(stream) => {
                stream.write_all(request).await?;
                stream.flush().await
            }
        }
    }

    /// Waits for the next message.
    pub(crate) async fn receive(&mut self) -> io::Result<Envelope<'_>> {
        self.filled -= self.taken;
        let taken = std::mem::take(&mut self.taken);
        self.answer.copy_within(taken..taken + self.filled, 0);
        loop {
            match frame(&self.answer[..self.filled], MAX_MESSAGE).map_err(io::Error::other)? {
                Frame::Whole(length) => {
                    self.taken = length;
                    break;
                }
                Frame::Partial(needed) if needed > self.answer.len() => {
                    self.answer.resize(needed, 0);
                }
                Frame::Partial(_) => {}
            }
            let room = &mut self.answer[self.filled..];
            let count = match &mut self.stream {
                Stream::Plain(stream) => stream.read(room).await?,
                Stream::Tls(stream) => stream.read(room).await?,
            };
            match count {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.filled += count,
            }
        }
        Envelope::parse(&self.answer[..self.taken]).map_err(io::Error::other)
    }
}
