//! Administration over HTTP: records, switches, health and metrics.

use std::net::SocketAddr;
use std::path::PathBuf;

/// What administration is configured with: the section `[admin]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The address; `None` turns administration off.
    pub listen: Option<SocketAddr>,
    /// The file with the first admin token; made with mode 0600 if it is missing.
    pub token_file: PathBuf,
    /// The most connections (`max_clients`).
    pub max_clients: usize,
    /// The most bytes of a request's body (`max_body`).
    pub max_body: usize,
}
