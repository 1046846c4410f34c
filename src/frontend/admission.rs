//! What a connection is begun with, beside its stream.

use super::addresses::Counted;
use super::binding::Shown;
use super::drain::ClientPermit;
use super::sessions::Present;
use crate::app::events::ConnectionId;
use crate::domain::channel::{Passwords, StartTls};
use std::net::SocketAddr;

/// Who a connection is, what it is counted by, and how its bytes travel.
pub(super) struct Admission {
    pub(super) id: ConnectionId,
    pub(super) peer: SocketAddr,
    pub(super) listener: Option<SocketAddr>,
    pub(super) permits: (ClientPermit, Counted),
    pub(super) present: Present,
    pub(super) start_tls: StartTls,
    pub(super) passwords: Passwords,
    pub(super) external: Option<Box<Shown>>,
    /// How many requests it has been answered before.
    pub(super) requests: u64,
}
