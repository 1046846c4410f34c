//! Accepting clients: one listener a worker and address, sharing the port (SO_REUSEPORT), so that
//! the kernel spreads the clients and no worker hands one to another.

use super::addresses::Counted;
use super::admission::Admission;
use super::connection::Connection;
use super::drain::{ClientPermit, Drain, Phase};
use super::reloaded::Served;
use super::tls::{self, Tls};
use super::upgrade::Upgrade;
use super::{Confidentiality, Config, balancer, reply};
use crate::app::events::{Closed, ConnectionId, Event};
use crate::app::gateway::Gateway;
use crate::app::ports::{Events, Ports};
use crate::domain::channel::{Passwords, StartTls};
use crate::domain::session::Refusal;
use crate::proto::result::LdapResult;
use arc_swap::ArcSwap;
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// How many clients the kernel keeps waiting to be accepted.
const BACKLOG: i32 = 4096;

/// How long accepting pauses when the process is out of descriptors or the kernel of memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a client's connection may take of memory beside its task and its buffers, in bytes: held to by
/// the compiler.
const LARGEST_CONNECTION: usize = 1536;

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

/// How clients of an address begin to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Speech {
    Plain,
    Tls,
}

/// An address as it is configured, and how clients begin to speak there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address {
    configured: SocketAddr,
    speech: Speech,
}

impl Address {
    /// One for plain LDAP.
    pub fn plain(configured: SocketAddr) -> Self {
        Self { configured, speech: Speech::Plain }
    }

    /// One for LDAP over TLS.
    pub fn secure(configured: SocketAddr) -> Self {
        Self { configured, speech: Speech::Tls }
    }
}

/// The bound addresses of one worker, not yet accepting.
pub struct Listeners(Vec<(std::net::TcpListener, Address)>);

/// An address that is listened on, until this is dropped: who waits to be accepted then still is, and
/// who was accepted stays.
pub struct Keeping {
    /// Which.
    pub address: Address,
    _stop: oneshot::Sender<()>,
}

impl Listeners {
    /// Binds every address once for each of `workers`. Port 0 is settled by the first worker.
    pub fn bind(addresses: &[Address], workers: usize) -> Result<Vec<Self>, ListenError> {
        let mut all: Vec<Self> = (0..workers).map(|_| Self(Vec::new())).collect();
        for listened in addresses {
            let mut address = listened.configured;
            for (index, worker) in all.iter_mut().enumerate() {
                let claim = if index == 0 { Claim::First } else { Claim::Shared };
                let socket =
                    bind(address, claim).map_err(|source| ListenError::Bind { address, source })?;
                address = socket.local_addr().unwrap_or(address);
                worker.0.push((socket, *listened));
            }
        }
        Ok(all)
    }

    /// The addresses with those that were bound for them.
    pub fn addresses(&self) -> Vec<(Address, SocketAddr)> {
        let bound = |(socket, address): &(std::net::TcpListener, Address)| {
            Some((*address, socket.local_addr().ok()?))
        };
        self.0.iter().filter_map(bound).collect()
    }

    /// Accepts and serves clients until the gateway drains, each with what is `current` when it comes.
    /// To be called inside the worker's runtime; every client is a task on it.
    pub fn serve<P: Ports>(
        self,
        current: &Arc<ArcSwap<Served<P>>>,
        drain: &Drain,
    ) -> Result<Vec<Keeping>, ListenError> {
        let mut keeping = Vec::new();
        for (socket, address) in self.0 {
            let listener = TcpListener::from_std(socket)
                .map_err(|source| ListenError::Bind { address: address.configured, source })?;
            let door = Door { current: current.clone(), drain: drain.clone(), address };
            let (stop, stopped) = oneshot::channel();
            tokio::spawn(Arc::new(door).keep(listener, stopped));
            keeping.push(Keeping { address, _stop: stop });
        }
        Ok(keeping)
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
    current: Arc<ArcSwap<Served<P>>>,
    drain: Drain,
    address: Address,
}

impl<P: Ports> Door<P> {
    /// What a client is served with that comes now.
    fn served(&self) -> Arc<Served<P>> {
        self.current.load_full()
    }

    async fn keep(self: Arc<Self>, listener: TcpListener, mut stopped: oneshot::Receiver<()>) {
        let draining = self.drain.reached(Phase::Draining);
        tokio::pin!(draining);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut draining => return,
                _ = &mut stopped => return self.close(listener),
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.open(stream, peer),
                Err(error) if is_the_clients(&error) => {}
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    /// Lets in who has connected already; to the kernel they are clients of this address.
    fn close(self: &Arc<Self>, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else { return };
        while let Ok((stream, peer)) = listener.accept() {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            if let Ok(stream) = stream {
                self.open(stream, peer);
            }
        }
    }

    fn open(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let served = self.served();
        let Some(permit) = count_in(&served, &self.drain, peer) else {
            return turn_away(&stream, self.address.speech, reply::TOO_MANY_CLIENTS);
        };
        // A gateway's messages are small and each is waited for.
        let _ = stream.set_nodelay(true);
        if served.config.proxy_protocol.iter().any(|network| network.contains(peer.ip())) {
            tokio::spawn(self.clone().open_to_balancer(stream, peer, permit));
        } else {
            self.let_in(stream, peer, peer, permit);
        }
    }

    /// Lets the client in for whom a balancer asks, once the balancer has said who it is.
    async fn open_to_balancer(
        self: Arc<Self>,
        mut stream: TcpStream,
        balancer: SocketAddr,
        permit: ClientPermit,
    ) {
        let patience = self.served().config.handshake_timeout;
        let header = tokio::time::timeout(patience, balancer::client_behind(balancer, &mut stream));
        let told = tokio::select! {
            told = header => told,
            () = self.drain.reached(Phase::Draining) => Ok(Err(Closed::Shutdown)),
        };
        let gateway = &self.served().gateway;
        let reason = match told {
            Ok(Ok(client)) => return self.let_in(stream, balancer, client, permit),
            Ok(Err(reason)) => reason,
            Err(_) => handshake_timed_out(gateway, balancer),
        };
        let conn = connected(gateway, balancer, self.is_tls());
        gateway.events().emit(&Event::Disconnected { conn, reason });
    }

    /// Lets a client in that comes from `peer`, itself or behind the balancer `from`.
    fn let_in(&self, stream: TcpStream, from: SocketAddr, peer: SocketAddr, permit: ClientPermit) {
        let (served, speech) = (self.served(), self.address.speech);
        let Some(permits) = count_address(&served, &self.drain, peer, permit) else {
            return turn_away(&stream, speech, reply::TOO_MANY_OF_ADDRESS);
        };
        let id = connected(&served.gateway, peer, self.is_tls());
        let admission = Admission {
            id,
            peer,
            listener: Some(self.address.configured),
            permits,
            present: self.drain.sessions().enter(id, peer),
            start_tls: match (speech, &served.tls) {
                (Speech::Tls, _) => StartTls::On,
                (Speech::Plain, Some(_)) => StartTls::Offered,
                (Speech::Plain, None) => StartTls::NotOffered,
            },
            passwords: match self.is_tls() {
                true => Passwords::Welcome,
                false => passwords_in_clear(served.config.confidentiality, [from, peer]),
            },
            external: None,
            requests: 0,
        };
        let drain = self.drain.clone();
        match (speech, served.tls.clone()) {
            (Speech::Plain, _) => {
                const {
                    assert!(size_of::<Connection<P, TcpStream>>() <= LARGEST_CONNECTION);
                }
                tokio::spawn(serve(Connection::new(stream, admission, served, drain)));
            }
            (Speech::Tls, Some(tls)) => {
                tokio::spawn(shake_hands(tls, Upgrade { stream, admission, served, drain }));
            }
            // A reload has taken the certificate away, and with it the address.
            (Speech::Tls, None) => {
                let reason = Closed::Tls;
                served.gateway.events().emit(&Event::Disconnected { conn: id, reason });
            }
        }
    }

    fn is_tls(&self) -> bool {
        self.address.speech == Speech::Tls
    }
}

/// Counts a client in, unless there are too many.
fn count_in<P: Ports>(served: &Served<P>, drain: &Drain, peer: SocketAddr) -> Option<ClientPermit> {
    let permit = drain.admit(served.config.max_clients);
    if permit.is_none() {
        served.gateway.events().emit(&Event::LimitHit { limit: "max_clients", peer: Some(peer) });
    }
    permit
}

/// Counts a client of an address in, unless that has too many.
fn count_address<P: Ports>(
    served: &Served<P>,
    drain: &Drain,
    peer: SocketAddr,
    permit: ClientPermit,
) -> Option<(ClientPermit, Counted)> {
    let (limit, most) = ("max_clients_per_address", served.config.max_clients_per_address);
    let Some(counted) = drain.addresses().admit(peer.ip(), most) else {
        served.gateway.events().emit(&Event::LimitHit { limit, peer: Some(peer) });
        return None;
    };
    Some((permit, counted))
}

fn connected<P: Ports>(gateway: &Gateway<P>, peer: SocketAddr, tls: bool) -> ConnectionId {
    let conn = ConnectionId(NEXT_CONNECTION.fetch_add(1, Ordering::Relaxed));
    gateway.events().emit(&Event::Connected { conn, peer, tls });
    conn
}

fn handshake_timed_out<P: Ports>(gateway: &Gateway<P>, peer: SocketAddr) -> Closed {
    let limit = "handshake_timeout";
    gateway.events().emit(&Event::LimitHit { limit, peer: Some(peer) });
    Closed::Limit(limit)
}

/// Whether passwords may come in clear over a way that passes these addresses.
fn passwords_in_clear(required: Confidentiality, addresses: [SocketAddr; 2]) -> Passwords {
    let is_local = || addresses.iter().all(|address| address.ip().to_canonical().is_loopback());
    match required {
        Confidentiality::NotRequired => Passwords::Welcome,
        Confidentiality::RequiredElsewhere if is_local() => Passwords::Welcome,
        Confidentiality::RequiredElsewhere | Confidentiality::Required => Passwords::Refused,
    }
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
    let served = Arc::new(Served::new(gateway, config, None));
    let permits = count_in(&served, &drain, peer)
        .and_then(|permit| count_address(&served, &drain, peer, permit));
    if let Some(permits) = permits {
        let id = connected(&served.gateway, peer, false);
        let admission = Admission {
            id,
            peer,
            listener: None,
            permits,
            present: drain.sessions().enter(id, peer),
            start_tls: StartTls::NotOffered,
            passwords: passwords_in_clear(served.config.confidentiality, [peer; 2]),
            external: None,
            requests: 0,
        };
        Connection::new(stream, admission, served, drain).serve().await;
    }
}

/// Serves a client to its end, also over TLS if it asks for that.
async fn serve<P: Ports, S: AsyncRead + AsyncWrite + Unpin>(connection: Box<Connection<P, S>>) {
    let before = connection.served.tls.clone();
    if let Some(upgrade) = connection.serve().await
        // What was offered is kept to, also where a reload offers it no more.
        && let Some(tls) = upgrade.served.tls.clone().or(before)
    {
        // Boxed: a future is as large as its largest moment, and most clients never ask for this.
        Box::pin(shake_hands(tls, upgrade)).await;
    }
}

async fn shake_hands<P: Ports, S: AsyncRead + AsyncWrite + Unpin>(
    tls: Tls,
    upgrade: Upgrade<P, S>,
) {
    let Upgrade { stream, mut admission, served, drain } = upgrade;
    let gateway = served.gateway.clone();
    let patience = served.config.handshake_timeout;
    let handshake = tokio::time::timeout(patience, tls.acceptor().accept(stream));
    let accepted = tokio::select! {
        accepted = handshake => accepted,
        () = drain.reached(Phase::Draining) => {
            let event = Event::Disconnected { conn: admission.id, reason: Closed::Shutdown };
            return gateway.events().emit(&event);
        }
    };
    match accepted {
        Ok(Ok(stream)) => {
            let session = stream.get_ref().1;
            gateway.events().emit(&tls::established(admission.id, session));
            admission.present.speaks_tls();
            admission.external = tls.shown_by(session).map(Box::new);
            // Boxed: TLS state is large, and a future is as large as its largest moment.
            let stream = Box::new(stream);
            Connection::new(stream, admission, served, drain).serve().await;
        }
        refused => {
            let reason = match refused {
                Err(_) => handshake_timed_out(&gateway, admission.peer),
                Ok(failed) => {
                    if let Err(error) = failed {
                        let (conn, error) = (admission.id, &error.to_string());
                        gateway.events().emit(&Event::TlsFailed { conn, error });
                    }
                    Closed::Tls
                }
            };
            gateway.events().emit(&Event::Disconnected { conn: admission.id, reason });
        }
    }
}

/// Says why, as far as that can be said without waiting, and closes.
fn turn_away(stream: &TcpStream, speech: Speech, refusal: Refusal) {
    if speech == Speech::Plain {
        let mut notice = Vec::new();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_come_in_clear_only_where_no_network_lies_between_unless_nobody_minds() {
        let [local, mapped, six, far] =
            ["127.0.0.1:1", "[::ffff:127.0.0.9]:1", "[::1]:1", "192.0.2.7:1"]
                .map(|address| address.parse().expect("it is an address"));
        for (way, by_default) in [
            ([local, local], Passwords::Welcome),
            ([mapped, six], Passwords::Welcome),
            // A client behind a balancer, and a balancer elsewhere.
            ([local, far], Passwords::Refused),
            ([far, local], Passwords::Refused),
            ([far, far], Passwords::Refused),
        ] {
            let at = |required| passwords_in_clear(required, way);
            assert_eq!(at(Confidentiality::RequiredElsewhere), by_default, "{way:?}");
            assert_eq!(at(Confidentiality::Required), Passwords::Refused, "{way:?}");
            assert_eq!(at(Confidentiality::NotRequired), Passwords::Welcome, "{way:?}");
        }
    }
}
