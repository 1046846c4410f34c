//! A directory's servers: which one gets the next connection. One that failed is left alone for a
//! while.
//!
//! One server is preferred, the first at the beginning, until it fails; then it is the next that
//! works, until that one fails. The gateway's own reads stay with it, so that what they tell never
//! goes back in time for as long as it is up. Clients do so too, so that a bind and the reads behind
//! it see the same data, or are spread over all servers, as is configured.

use super::connector::{ConnectError, Connector};
use super::counters::Counters;
use super::health::{Attempt, Health, Proof, Transition};
use super::stream::Stream;
use super::{Scheme, ServerChoice, ServerUrl};
use crate::app::events::Event;
use crate::app::oversight::ServerState;
use crate::app::ports::Events;
use ring::rand::{SecureRandom, SystemRandom};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a server is left alone after its first failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Where events go; called on transitions only, so a dynamic call costs nothing that counts.
pub(super) type Emit = Box<dyn Fn(&Event<'_>) + Send + Sync>;

/// No server can be reached, or all of them failed lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreachable;

/// The servers of one directory.
pub(super) struct Servers {
    directory: String,
    connector: Connector,
    servers: Vec<Server>,
    choice: ServerChoice,
    /// The server that is preferred, by its index.
    preferred: Mutex<usize>,
    emit: Emit,
    counters: Arc<Counters>,
}

struct Server {
    url: ServerUrl,
    text: String,
    health: Mutex<Health>,
    load: Arc<Load>,
}

/// What a server's connections share with it.
#[derive(Default)]
struct Load {
    connections: AtomicUsize,
    /// Whether it left a bind unanswered and has answered nothing since.
    is_silent: AtomicBool,
    /// Whether the gateway's own reads have gone on to another one.
    is_left: AtomicBool,
    /// Whether clients have.
    is_left_by_clients: AtomicBool,
}

/// For whom a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// Clients: where [`ServerChoice`] sends them.
    Clients,
    /// The gateway itself: the server that is preferred.
    Gateway,
}

/// A place at a server, counted for as long as it is held: by a connection, or by one that is being
/// made.
pub(super) struct Seat {
    server: usize,
    load: Arc<Load>,
}

impl Seat {
    /// Whether it is at that server.
    pub(super) fn is_at(&self, server: usize) -> bool {
        self.server == server
    }

    /// Whether clients are not to be given connections to it: it left a bind unanswered and has
    /// answered nothing since, or they have gone on to another server.
    pub(super) fn is_shunned(&self) -> bool {
        self.load.is_silent.load(Relaxed) || self.load.is_left_by_clients.load(Relaxed)
    }

    /// Whether the gateway's own reads have gone on to another server.
    pub(super) fn is_left(&self) -> bool {
        self.load.is_left.load(Relaxed)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.load.connections.fetch_sub(1, Relaxed);
    }
}

/// An attempt that tells the server's health how it ended, even if it is dropped.
struct Trial<'a> {
    servers: &'a Servers,
    server: &'a Server,
    attempt: Option<Attempt>,
}

impl Servers {
    pub(super) fn new(
        directory: &str,
        (urls, choice): (&[ServerUrl], ServerChoice),
        connector: Connector,
        events: impl Events,
        counters: Arc<Counters>,
    ) -> Self {
        let server = |url: &ServerUrl| Server {
            url: url.clone(),
            text: url_text(url),
            health: Mutex::new(Health::new(FIRST_PAUSE)),
            load: Arc::default(),
        };
        Self {
            directory: directory.to_owned(),
            connector,
            servers: urls.iter().map(server).collect(),
            choice,
            preferred: Mutex::new(0),
            emit: Box::new(move |event| events.emit(event)),
            counters,
        }
    }

    /// A connection to the first server that works; those that were down are tried last. Fails at
    /// once while all are known to be down.
    pub(super) async fn connect(&self, user: User) -> Result<(Stream, Seat), Unreachable> {
        for index in self.order(user) {
            let server = &self.servers[index];
            let Some(trial) = self.admit(server) else { continue };
            let seat = server.seat(index);
            if let Some(stream) = trial.connect().await {
                self.prefer(index);
                return Ok((stream, seat));
            }
        }
        Err(Unreachable)
    }

    /// Finds out whether servers that are down are up again, without a client that pays for it.
    pub(super) async fn revive(self: Arc<Self>) {
        for server in self.servers.iter().filter(|server| server.health().is_down()) {
            let Some(trial) = self.admit(server) else { continue };
            if let Some(mut stream) = trial.connect().await {
                stream.say_goodbye();
            }
        }
    }

    /// A bind was not answered in time. If there are other servers, this one is left alone until it
    /// has answered something; whether that is so.
    pub(super) fn silent(&self, seat: &Seat) -> bool {
        let server = &self.servers[seat.server];
        if self.servers.len() == 1 {
            return false;
        }
        let transition = {
            let mut health = server.health();
            server.load.is_silent.store(true, Relaxed);
            health.silent(Instant::now(), jitter())
        };
        if transition == Transition::WentDown {
            self.tell_down(server, &ConnectError::Silent);
        }
        true
    }

    /// Whether some server failed when it was last tried.
    pub(super) fn is_any_down(&self) -> bool {
        self.servers.iter().any(|server| server.health().is_down())
    }

    /// Whether clients' connections lead to several servers at a time.
    pub(super) fn are_clients_spread(&self) -> bool {
        self.choice == ServerChoice::Spread && self.servers.len() > 1
    }

    /// The server with the most connections, if another one that is up has fewer by more than one.
    /// Where clients are not spread none is too crowded.
    pub(super) fn most_crowded(&self) -> Option<usize> {
        if self.choice == ServerChoice::First {
            return None;
        }
        let count = |index: &usize| self.servers[*index].load.connections.load(Relaxed);
        let most = (0..self.servers.len()).max_by_key(count)?;
        let is_up = |index: &usize| self.servers[*index].health().is_up();
        let fewest = (0..self.servers.len()).filter(is_up).min_by_key(count)?;
        (count(&most) > count(&fewest) + 1).then_some(most)
    }

    /// The server that is preferred gives way to one that works, if it has failed.
    fn prefer(&self, works: usize) {
        let mut preferred = self.preferred();
        if *preferred == works || !self.servers[*preferred].health().is_down() {
            return;
        }
        let (old, new) = (&self.servers[*preferred].load, &self.servers[works].load);
        *preferred = works;
        for (load, is_left) in [(old, true), (new, false)] {
            load.is_left.store(is_left, Relaxed);
            let by_clients = is_left && self.choice == ServerChoice::First;
            load.is_left_by_clients.store(by_clients, Relaxed);
        }
    }

    fn preferred(&self) -> MutexGuard<'_, usize> {
        self.preferred.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, user: User) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.servers.len()).collect();
        if order.len() > 1 {
            let preferred = *self.preferred();
            order.sort_by_cached_key(|index| {
                let server = &self.servers[*index];
                let rank = match (self.choice, user) {
                    (ServerChoice::Spread, User::Clients) => server.load.connections.load(Relaxed),
                    _ => usize::from(*index != preferred),
                };
                (server.health().is_down(), rank)
            });
        }
        order
    }

    fn tell_down(&self, server: &Server, error: &ConnectError) {
        let (directory, url) = (&self.directory, &server.text);
        let error = &error.to_string();
        (self.emit)(&Event::UpstreamDown { directory, url, error });
    }

    /// Whether some server could be reached when it was last tried.
    pub(super) fn is_up(&self) -> bool {
        self.servers.iter().any(|server| server.health().is_up())
    }

    /// Every server's URL and state.
    pub(super) fn states(&self) -> Vec<(String, ServerState)> {
        let state = |server: &Server| {
            let health = server.health();
            let state = if health.is_up() {
                ServerState::Up
            } else if health.is_down() {
                ServerState::Down
            } else {
                ServerState::Untried
            };
            (server.text.clone(), state)
        };
        self.servers.iter().map(state).collect()
    }

    /// Tells of one of the gateway's own searches that was sent again.
    pub(super) fn retried(&self) {
        self.counters.retries.increment(1);
        self.tell_retried();
    }

    /// Tells of an operation that was sent again on a fresh connection.
    pub(super) fn tell_retried(&self) {
        (self.emit)(&Event::UpstreamRetried { directory: &self.directory });
    }

    /// Tells of a limit that a client hit; its port does not matter.
    pub(super) fn limit_hit(&self, limit: &'static str, source: IpAddr) {
        let peer = Some(SocketAddr::new(source, 0));
        (self.emit)(&Event::LimitHit { limit, peer });
    }

    fn admit<'a>(&'a self, server: &'a Server) -> Option<Trial<'a>> {
        let attempt = server.health().admit(Instant::now())?;
        Some(Trial { servers: self, server, attempt: Some(attempt) })
    }
}

impl Server {
    fn seat(&self, index: usize) -> Seat {
        self.load.connections.fetch_add(1, Relaxed);
        Seat { server: index, load: self.load.clone() }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trial<'_> {
    /// A connection, once the server has shown what it has to show.
    async fn connect(self) -> Option<Stream> {
        let (connector, url) = (&self.servers.connector, &self.server.url);
        let needs_answer = self.attempt.is_some_and(|attempt| attempt.proof == Proof::Answer);
        let sounded = if needs_answer { connector.sound(url).await } else { Ok(()) };
        let connected = match sounded {
            Ok(()) => connector.connect(url).await,
            Err(error) => Err(error),
        };
        match connected {
            Ok(stream) => {
                self.succeeded();
                Some(stream)
            }
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    fn succeeded(mut self) {
        self.servers.counters.connects.increment(1);
        let Some(attempt) = self.attempt.take() else { return };
        let transition = {
            let mut health = self.server.health();
            let transition = health.succeeded(attempt);
            if transition == Transition::CameUp {
                self.server.load.is_silent.store(false, Relaxed);
            }
            transition
        };
        if transition == Transition::CameUp {
            let (directory, url) = (&self.servers.directory, &self.server.text);
            (self.servers.emit)(&Event::UpstreamUp { directory, url });
        }
    }

    fn failed(mut self, error: &ConnectError) {
        self.servers.counters.connect_failures.increment(1);
        let Some(attempt) = self.attempt.take() else { return };
        let transition = self.server.health().failed(attempt, Instant::now(), jitter());
        if transition == Transition::WentDown {
            self.servers.tell_down(self.server, error);
        }
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            self.server.health().ended(attempt);
        }
    }
}

/// Spreads retries, so that several gateways do not come back in step. Without randomness they do.
pub(super) fn jitter() -> u16 {
    let mut bytes = [0; 2];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => u16::from_ne_bytes(bytes),
        Err(_) => 0,
    }
}

fn url_text(url: &ServerUrl) -> String {
    let scheme = match url.scheme {
        Scheme::Ldap => "ldap",
        Scheme::Ldaps => "ldaps",
    };
    let host = url.host.trim_start_matches('[').trim_end_matches(']');
    match host.contains(':') {
        true => format!("{scheme}://[{host}]:{}", url.port),
        false => format!("{scheme}://{host}:{}", url.port),
    }
}
