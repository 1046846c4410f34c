//! A directory's servers: clients' connections are spread over those that are up, the gateway's own
//! prefer the first; one that failed is left alone for a while.
//!
//! The gateway's own reads stay with one server, so that what they tell never goes back in time as
//! long as that one is up.

use super::connector::{ConnectError, Connector};
use super::counters::Counters;
use super::health::{Attempt, Health, Proof, Transition};
use super::stream::Stream;
use super::{Scheme, ServerUrl};
use crate::app::events::Event;
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
}

/// In which order servers that are up are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// The one with the fewest connections first.
    FewestConnections,
    /// As they are configured.
    Preference,
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

    /// Whether the server left a bind unanswered and has answered nothing since.
    pub(super) fn is_silent(&self) -> bool {
        self.load.is_silent.load(Relaxed)
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
        urls: &[ServerUrl],
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
            emit: Box::new(move |event| events.emit(event)),
            counters,
        }
    }

    /// A connection to the first server that works; those that were down are tried last. Fails at
    /// once while all are known to be down.
    pub(super) async fn connect(&self, choice: Choice) -> Result<(Stream, Seat), Unreachable> {
        for index in self.order(choice) {
            let server = &self.servers[index];
            let Some(trial) = self.admit(server) else { continue };
            let seat = server.seat(index);
            if let Some(stream) = trial.connect().await {
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

    /// The server with the most connections, if another one that is up has fewer by more than one.
    pub(super) fn most_crowded(&self) -> Option<usize> {
        let count = |index: &usize| self.servers[*index].load.connections.load(Relaxed);
        let most = (0..self.servers.len()).max_by_key(count)?;
        let is_up = |index: &usize| self.servers[*index].health().is_up();
        let fewest = (0..self.servers.len()).filter(is_up).min_by_key(count)?;
        (count(&most) > count(&fewest) + 1).then_some(most)
    }

    fn order(&self, choice: Choice) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.servers.len()).collect();
        if order.len() > 1 {
            order.sort_by_cached_key(|index| {
                let server = &self.servers[*index];
                let connections = match choice {
                    Choice::FewestConnections => server.load.connections.load(Relaxed),
                    Choice::Preference => 0,
                };
                (server.health().is_down(), connections)
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
