//! The operations of administration, asked from within the process: the same table, the same roles and
//! the same actors in the audit as over HTTP, without a socket.

use super::tokens::{Digest, Role};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Whose token it is, and what it allows.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The name of the token, which the audit shows as actor.
    pub name: Arc<str>,
    /// What it allows.
    pub role: Role,
    /// By which it is found again.
    pub digest: Digest,
}

/// What somebody shows.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// A token as text.
    Token(&'a [u8]),
    /// The digest of one that was shown before.
    Shown(&'a Digest),
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barred {
    /// It is no token, or none any more.
    Unknown,
    /// More was asked than is let in; how long until there is room.
    TooOften(Duration),
}

/// What is to be done, in the terms of the table: a method and the path below `/api/v1` with its query.
#[derive(Debug, Clone)]
pub struct Asking {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The path, its parts percent-encoded.
    pub path: String,
    /// The body as JSON.
    pub body: Option<Vec<u8>>,
}

/// What came of it: a status as HTTP has them, and JSON.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// From 200 to 299 is success.
    pub status: u16,
    /// The answer, or a problem (RFC 9457).
    pub json: Vec<u8>,
}

/// An outcome that is to come.
pub type Coming = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The operations, and who may ask for them.
pub trait Operations: Send + Sync {
    /// Counts a request of a source; an error says after how long there is room for it.
    fn admit(&self, peer: SocketAddr) -> Result<(), Duration>;
    /// Whose a credential is, now: a token that was revoked or has expired is nobody's.
    fn holder(&self, credential: Credential<'_>) -> Result<Holder, Barred>;
    /// Does something as somebody, whose role is looked at.
    fn ask(&self, holder: &Holder, asking: Asking) -> Coming;
    /// The number of the audit's newest row, and each newer one as it comes.
    fn newest_audit(&self) -> watch::Receiver<i64>;
    /// Tells that a limit was hit.
    fn hit(&self, limit: &'static str, peer: Option<SocketAddr>);
}
