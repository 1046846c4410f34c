//! The directory's side: connections, the pool of exclusive ones, the gateway's own searches.

mod ahead;
mod bell;
mod chain;
mod connector;
mod counters;
mod directory;
mod exchange;
mod fast;
mod health;
mod lease;
mod ledger;
mod lookup;
mod placed;
mod pool;
mod queue;
mod replica;
mod secret;
mod servers;
mod shared;
mod shelf;
mod stream;
mod terms;
mod tls;
mod warm;

pub use directory::{Directory, UpstreamError};
pub use lease::{ExclusiveLinks, Lease, LeaseWait};
pub use lookup::SharedLookups;
pub use replica::{LiveCopy, ReplicaLimits};
pub use shared::{
    Dial, FastBinds, Kind, SharedCommon, SharedLimits, SharedLinks, SharedSeat, Told,
};
pub use tls::TlsError;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where a secret comes from; it is read anew for every connection, so a rotated one is taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file; one trailing newline is dropped.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
}

/// How a URL is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain LDAP, or StartTLS if that is configured.
    Ldap,
    /// LDAP over TLS.
    Ldaps,
}

/// One server of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// The scheme.
    pub scheme: Scheme,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Ldap => "ldap",
            Scheme::Ldaps => "ldaps",
        };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

/// Which server clients' connections lead to, of those that are up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerChoice {
    /// The first, until it fails; then the next that works, until that one fails. The gateway's own
    /// reads go there too, so that they see what a bind saw.
    First,
    /// The one with the fewest connections.
    Spread,
}

/// How servers are authenticated: the section `[directory.tls]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsConfig {
    /// Certificates to trust, PEM; the system's if none is given (`ca`).
    pub ca: Option<PathBuf>,
    /// Whether `ldap://` URLs are upgraded before anything is sent (`start_tls`).
    pub start_tls: bool,
    /// The name to verify instead of the URL's host (`server_name`).
    pub server_name: Option<String>,
}

/// What the directory's side is configured with: part of a `[[directory]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The directory's name.
    pub name: String,
    /// Its servers.
    pub urls: Vec<ServerUrl>,
    /// Which of them clients' connections lead to (`server_choice`).
    pub server_choice: ServerChoice,
    /// TLS towards them.
    pub tls: TlsConfig,
    /// The service account's DN.
    pub service_dn: String,
    /// The service account's password.
    pub service_password: SecretSource,
    /// The most exclusive connections (`max_connections`).
    pub max_connections: usize,
    /// The most exclusive connections that are being made at a time (`max_connecting`).
    pub max_connecting: usize,
    /// How many exclusive connections are kept warm without being asked for (`min_connections`).
    pub min_connections: usize,
    /// How many spare ones are made at most when demand grows (`max_ahead`).
    pub max_ahead: usize,
    /// How many connections are made for sessions that only bind (`max_binding`).
    pub max_binding: usize,
    /// The share of them, in per cent, that clients without a bind may have (`anonymous_share`).
    pub anonymous_share: usize,
    /// The most clients that wait for a connection (`max_waiting`).
    pub max_waiting: usize,
    /// The most clients of one address that wait for a connection (`max_waiting_per_source`).
    pub max_waiting_per_source: usize,
    /// How long they wait (`queue_timeout`).
    pub queue_timeout: Duration,
    /// The most operations on one connection that is bound (`max_outstanding_upstream`).
    pub max_outstanding_upstream: usize,
    /// The most operations on one that was never bound (`max_outstanding_anonymous`).
    pub max_outstanding_anonymous: usize,
    /// The most connections of one worker and kind that clients share (`max_shared_connections`).
    pub max_shared_connections: usize,
    /// The most sessions, bound by certificate, that have a connection of their own
    /// (`max_connections_apart`).
    pub max_connections_apart: usize,
    /// The most bytes of responses that wait for a client on them (`max_inbox`).
    pub max_inbox: usize,
    /// How long a client may hold such a connection up (`inbox_timeout`).
    pub inbox_timeout: Duration,
    /// Whether sessions may go on by proxied authorisation (`proxied_authorisation`).
    pub proxied_authorisation: bool,
    /// How long connecting, TLS included, may take (`connect_timeout`).
    pub connect_timeout: Duration,
    /// How long a bind may take (`bind_timeout`).
    pub bind_timeout: Duration,
    /// How long one of the gateway's own searches may take (`search_timeout`).
    pub search_timeout: Duration,
    /// The most bytes of one message from a server (`max_message_size`).
    pub max_message_size: usize,
    /// The most entries that one of the gateway's own searches may return (`max_lookup_entries`).
    pub max_lookup_entries: usize,
    /// How long an exclusive connection above the minimum is kept warm unused (`idle_timeout`).
    pub idle_timeout: Duration,
}
