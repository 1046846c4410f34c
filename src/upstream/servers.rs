//! A directory's servers in order of preference: the first that works is used, one that failed is
//! left alone for a while.

use super::connector::{ConnectError, Connector};
use super::counters::Counters;
use super::health::{Attempt, Health, Transition};
use super::stream::Stream;
use super::{Scheme, ServerUrl};
use crate::app::events::Event;
use crate::app::ports::Events;
use ring::rand::{SecureRandom, SystemRandom};
use std::net::{IpAddr, SocketAddr};
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
        };
        Self {
            directory: directory.to_owned(),
            connector,
            servers: urls.iter().map(server).collect(),
            emit: Box::new(move |event| events.emit(event)),
            counters,
        }
    }

    /// A connection to the first server that works. Fails at once while all are known to be down.
    pub(super) async fn connect(&self) -> Result<Stream, Unreachable> {
        for server in &self.servers {
            let Some(trial) = self.admit(server) else { continue };
            match self.connector.connect(&server.url).await {
                Ok(stream) => {
                    trial.succeeded();
                    return Ok(stream);
                }
                Err(error) => trial.failed(&error),
            }
        }
        Err(Unreachable)
    }

    /// Whether some server could be reached when it was last tried.
    pub(super) fn is_up(&self) -> bool {
        self.servers.iter().any(|server| server.health().is_up())
    }

    /// Tells of an operation that was sent again on a fresh connection.
    pub(super) fn retried(&self) {
        self.counters.retries.increment(1);
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
    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trial<'_> {
    fn succeeded(mut self) {
        self.servers.counters.connects.increment(1);
        let Some(attempt) = self.attempt.take() else { return };
        if self.server.health().succeeded(attempt) == Transition::CameUp {
            let (directory, url) = (&self.servers.directory, &self.server.text);
            (self.servers.emit)(&Event::UpstreamUp { directory, url });
        }
    }

    fn failed(mut self, error: &ConnectError) {
        self.servers.counters.connect_failures.increment(1);
        let Some(attempt) = self.attempt.take() else { return };
        let transition = self.server.health().failed(attempt, Instant::now(), jitter());
        if transition == Transition::WentDown {
            let (directory, url) = (&self.servers.directory, &self.server.text);
            let error = &error.to_string();
            (self.servers.emit)(&Event::UpstreamDown { directory, url, error });
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
