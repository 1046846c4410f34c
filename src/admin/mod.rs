//! Administration over HTTP: records, switches, health and metrics.

mod answer;
mod audit;
mod desk;
mod directories;
mod edits;
mod foresight;
mod groups;
mod health;
mod held;
mod json;
mod limited;
mod linking;
mod reference;
mod rehearsal;
mod server;
mod token;
mod told;
mod user_types;
mod users;
mod views;

pub use health::{PartState, Readiness, ReadyPart, RenderMetrics};
pub use rehearsal::ReadPolicies;
pub use server::{FIRST_TOKEN, Limits, MetricsAccess, State, router, serve};
pub use token::{Token, TokenError, read as read_token};

use answer::Refusal;
use std::net::SocketAddr;
use std::path::PathBuf;

/// How many rows a page has unless the request says otherwise.
pub const DEFAULT_PAGE: usize = 100;
/// The most rows of a page.
pub const MAX_PAGE: usize = 1000;

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

/// The number of rows that a request asks for.
fn page_limit(asked: Option<usize>) -> Result<usize, Refusal> {
    match asked {
        None => Ok(DEFAULT_PAGE),
        Some(limit @ 1..=MAX_PAGE) => Ok(limit),
        Some(_) => Err(Refusal::BadRequest(format!("limit must be from 1 to {MAX_PAGE}"))),
    }
}
