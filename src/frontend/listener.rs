//! Accepting clients: one listener a worker and address, sharing the port (SO_REUSEPORT), so that
//! the kernel spreads the clients and no worker hands one to another.

use super::connection::{Admission, Connection};
use super::drain::{Drain, Phase};
use super::reply;
use super::{Config, tls};
use crate::app::events::{Closed, ConnectionId, Event};
use crate::app::gateway::Gateway;
use crate::app::ports::{Events, Ports};
use crate::proto::result::LdapResult;
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How many clients the kernel keeps waiting to be accepted.
const BACKLOG: i32 = 4096;

/// How long accepting pauses when the process is out of descriptors or the kernel of memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

static NEXT_CONNECTION: AtomicU64 = AtomicU64::new(1);

/// Why the clients' side cannot start.
#[derive(Debug, Error)]
pub enum ListenError {
    /// An address cannot be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate or the key cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
}

/// How clients of an address speak.
#[derive(Clone)]
enum Speech {
    Plain,
    Tls(TlsAcceptor),
}

/// The bound addresses of one worker, not yet accepting.
pub struct Listeners {
    sockets: Vec<(std::net::TcpListener, Speech)>,
}

impl Listeners {
    /// Binds every address once for each of `workers`. Port 0 is settled by the first worker.
    pub fn bind(config: &Config, workers: usize) -> Result<Vec<Self>, ListenError> {
        let acceptor = config.tls.as_ref().map(tls::acceptor).transpose()?;
        let plain = config.ldap.iter().map(|address| (*address, Speech::Plain));
        let secure = acceptor.into_iter().flat_map(|acceptor| {
            config.ldaps.iter().map(move |address| (*address, Speech::Tls(acceptor.clone())))
        });
        let mut all: Vec<Self> = (0..workers).map(|_| Self { sockets: Vec::new() }).collect();
        for (address, speech) in plain.chain(secure) {
            let mut address = address;
            for (index, worker) in all.iter_mut().enumerate() {
                let claim = if index == 0 { Claim::First } else { Claim::Shared };
                let socket =
                    bind(address, claim).map_err(|source| ListenError::Bind { address, source })?;
                address = socket.local_addr().unwrap_or(address);
                worker.sockets.push((socket, speech.clone()));
            }
        }
        Ok(all)
    }

    /// The addresses that were bound, in the order plain, then LDAPS.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().filter_map(|(socket, _)| socket.local_addr().ok()).collect()
    }

    /// Accepts and serves clients until the gateway drains. To be called inside the worker's
    /// runtime; every client is a task on it.
    pub fn serve<P: Ports>(
        self,
        gateway: Arc<Gateway<P>>,
        config: Arc<Config>,
        drain: Drain,
    ) -> Result<(), ListenError> {
        for (socket, speech) in self.sockets {
            let address = socket.local_addr().unwrap_or_else(|_| ([0, 0, 0, 0], 0).into());
            let listener = TcpListener::from_std(socket)
                .map_err(|source| ListenError::Bind { address, source })?;
            let door = Door {
                gateway: gateway.clone(),
                config: config.clone(),
                drain: drain.clone(),
                speech,
            };
            tokio::spawn(door.keep(listener));
        }
        Ok(())
    }
}

/// How an address is claimed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// Nobody has it yet, no other gateway either: with SO_REUSEPORT set before it is bound, the
    /// kernel would share the address among all processes of one user.
    First,
    /// Another worker of this gateway has it.
    Shared,
}

fn bind(address: SocketAddr, claim: Claim) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(claim == Claim::Shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.set_reuse_port(true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

struct Door<P: Ports> {
    gateway: Arc<Gateway<P>>,
    config: Arc<Config>,
    drain: Drain,
    speech: Speech,
}

impl<P: Ports> Door<P> {
    async fn keep(self, listener: TcpListener) {
        let draining = self.drain.reached(Phase::Draining);
        tokio::pin!(draining);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut draining => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) if is_the_clients(&error) => {}
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        let tls = matches!(self.speech, Speech::Tls(_));
        let Some(admission) = admit(&self.gateway, &self.config, &self.drain, peer, tls) else {
            return turn_away(&stream, &self.speech);
        };
        // A gateway's messages are small and each is waited for.
        let _ = stream.set_nodelay(true);
        let (gateway, config) = (self.gateway.clone(), self.config.clone());
        let drain = self.drain.clone();
        match &self.speech {
            Speech::Plain => {
                tokio::spawn(Connection::new(stream, admission, gateway, config, drain).serve());
            }
            Speech::Tls(acceptor) => {
                let acceptor = acceptor.clone();
                tokio::spawn(shake_hands(acceptor, stream, admission, gateway, config, drain));
            }
        }
    }
}

/// Counts a client in, unless there are too many.
fn admit<P: Ports>(
    gateway: &Gateway<P>,
    config: &Config,
    drain: &Drain,
    peer: SocketAddr,
    tls: bool,
) -> Option<Admission> {
    let Some(permit) = drain.admit(config.max_clients) else {
        let limit = Event::LimitHit { limit: "max_clients", peer: Some(peer) };
        gateway.events().emit(&limit);
        return None;
    };
    let id = ConnectionId(NEXT_CONNECTION.fetch_add(1, Ordering::Relaxed));
    gateway.events().emit(&Event::Connected { conn: id, peer, tls });
    Some(Admission { id, peer, permit })
}

/// Serves one client that arrived in another way than through a listener: over a pipe in memory,
/// say. Ready when it has left; at once if there are too many clients.
pub async fn serve_client<P: Ports>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: SocketAddr,
    gateway: Arc<Gateway<P>>,
    config: Arc<Config>,
    drain: Drain,
) {
    if let Some(admission) = admit(&gateway, &config, &drain, peer, false) {
        Connection::new(stream, admission, gateway, config, drain).serve().await;
    }
}

async fn shake_hands<P: Ports>(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    admission: Admission,
    gateway: Arc<Gateway<P>>,
    config: Arc<Config>,
    drain: Drain,
) {
    let handshake = tokio::time::timeout(config.handshake_timeout, acceptor.accept(stream));
    let accepted = tokio::select! {
        accepted = handshake => accepted,
        () = drain.reached(Phase::Draining) => {
            let event = Event::Disconnected { conn: admission.id, reason: Closed::Shutdown };
            return gateway.events().emit(&event);
        }
    };
    match accepted {
        Ok(Ok(stream)) => {
            // Boxed: TLS state is large, and a future is as large as its largest moment.
            let stream = Box::new(stream);
            Connection::new(stream, admission, gateway, config, drain).serve().await;
        }
        refused => {
            let reason = match refused {
                Err(_) => Closed::Limit("handshake_timeout"),
                _ => Closed::Tls,
            };
            gateway.events().emit(&Event::Disconnected { conn: admission.id, reason });
        }
    }
}

/// Says why, as far as that can be said without waiting, and closes.
fn turn_away(stream: &TcpStream, speech: &Speech) {
    if let Speech::Plain = speech {
        let mut notice = Vec::new();
        let refusal = reply::TOO_MANY_CLIENTS;
        LdapResult::new(refusal.code, refusal.text).write_notice(&mut notice);
        let _ = stream.try_write(&notice);
    }
}

/// Whether an error of accept is about the one client that was to be accepted.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::WouldBlock
    )
}
