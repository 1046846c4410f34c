//! Administration over HTTP: records, switches, tokens, health and metrics. All operations stand in one
//! table, of which the router and the OpenAPI document are made.

mod accounts;
mod answer;
mod around;
mod asked;
mod audit;
mod backup;
mod desk;
mod directories;
mod document;
mod edits;
mod figures;
mod foresight;
mod gate;
mod groups;
mod health;
mod held;
mod inside;
mod json;
mod limited;
mod linking;
mod rates;
mod reference;
mod rehearsal;
mod schema;
mod server;
mod serving;
mod sessions;
mod sights;
mod store;
mod streamed;
mod table;
mod token;
mod tokens;
mod told;
mod transfer;
mod user_types;
mod users;
mod views;
mod ways;

pub use health::{PartState, ReadFigures, Readiness, ReadyPart, RenderMetrics};
pub use rehearsal::{Other, ReadPolicies};
pub use server::{
    Current, FIRST_TOKEN, MetricsAccess, State, document, router, router_beside, serve,
    serve_current,
};
pub use serving::Tls;
pub use table::{Method, Operation};
pub use token::{FirstToken, TokenError, read as read_token};

use answer::Refusal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How many rows a page has unless the request says otherwise.
pub const DEFAULT_PAGE: usize = 100;
/// The most rows of a page.
pub const MAX_PAGE: usize = 1000;

/// What administration is configured with: the section `[admin]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The address; `None` turns administration off.
    pub listen: Option<SocketAddr>,
    /// How the commands reach it, without a slash at the end; `None` is by its address (`url`).
    pub url: Option<String>,
    /// The file with the first admin token; made with mode 0600 if it is missing.
    pub token_file: PathBuf,
    /// Whether everybody may read the metrics, wherever it listens (`metrics_public`).
    pub metrics_public: bool,
    /// How it is served over TLS: the section `[admin.tls]`.
    pub tls: Option<TlsConfig>,
    /// What bounds it.
    pub limits: Limits,
    /// The web console.
    pub console: ConsoleConfig,
}

/// How the web console is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsoleConfig {
    /// Whether it is (`console`).
    pub enabled: bool,
    /// The most who are logged in; the next one ends the login that rested for longest
    /// (`max_console_sessions`).
    pub max_sessions: usize,
    /// How long a login outlasts its last request (`console_idle`).
    pub idle: Duration,
    /// How long it lasts at most (`console_session`).
    pub longest: Duration,
}

/// How administration is served over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub private_key: PathBuf,
    /// How often the files are looked at for a change; zero is never (`reload_interval`).
    pub reload_interval: Duration,
}

/// The bounds of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most connections; further ones wait to be accepted (`max_clients`).
    pub max_clients: usize,
    /// The most connections of one source; further ones are closed (`max_clients_per_address`).
    pub max_clients_per_address: usize,
    /// The most bytes of a request's head (`max_header`).
    pub max_header: usize,
    /// The most bytes of a request's body (`max_body`).
    pub max_body: usize,
    /// The most bytes of an import (`max_import`).
    pub max_import: usize,
    /// How long a request's head, or a handshake, may take (`header_timeout`).
    pub header_timeout: Duration,
    /// How long a request may take as a whole (`request_timeout`).
    pub request_timeout: Duration,
    /// How long a backup, an export or an import may take as a whole (`transfer_timeout`).
    pub transfer_timeout: Duration,
    /// The most requests a second that bear one token (`max_token_rate`).
    pub max_token_rate: usize,
    /// The most requests a second that come from one source (`max_source_rate`).
    pub max_source_rate: usize,
    /// The most tokens beside the first (`max_tokens`).
    pub max_tokens: usize,
}

/// The number of rows that a request asks for.
fn page_limit(asked: Option<usize>) -> Result<usize, Refusal> {
    match asked {
        None => Ok(DEFAULT_PAGE),
        Some(limit @ 1..=MAX_PAGE) => Ok(limit),
        Some(_) => Err(Refusal::BadRequest(format!("limit must be from 1 to {MAX_PAGE}"))),
    }
}
