//! What clients are served with from one reload to the next, and what a reload means to a connection:
//! nothing, until a session begins on it.

use super::connection::Connection;
use super::{Config, Tls};
use crate::app::gateway::Gateway;
use crate::app::ports::Ports;
use arc_swap::ArcSwap;
use std::sync::{Arc, OnceLock};
use tokio::io::{AsyncRead, AsyncWrite};

/// What clients are served with: what stands behind the gateway, what applies to the clients' side, and
/// what they shake hands with.
pub struct Served<P: Ports> {
    /// What stands behind it.
    pub gateway: Arc<Gateway<P>>,
    /// The clients' side.
    pub config: Arc<Config>,
    /// What clients shake hands with, if there is TLS at all.
    pub tls: Option<Tls>,
    /// Once a reload has put something in its place: where the newest is. Not that itself, which would
    /// keep alive whatever was in between.
    newest: OnceLock<Arc<ArcSwap<Self>>>,
}

impl<P: Ports> Served<P> {
    /// Nothing has taken its place.
    pub fn new(gateway: Arc<Gateway<P>>, config: Arc<Config>, tls: Option<Tls>) -> Self {
        Self { gateway, config, tls, newest: OnceLock::new() }
    }

    /// From here on sessions that begin are those of what is `current`. One that is under way stays with
    /// this until it ends or binds again.
    pub fn hand_over_to(&self, current: &Arc<ArcSwap<Self>>) {
        self.newest.get_or_init(|| current.clone());
    }

    /// What has taken its place, if anything has. Costs one load of an atomic otherwise.
    pub fn successor(&self) -> Option<Arc<Self>> {
        self.newest.get().map(|current| current.load_full())
    }
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// A session begins, with what is in force now.
    pub(super) fn follow_reload(&mut self) {
        let Some(successor) = self.served.successor() else { return };
        // Its directories are others, also where they have the same place among them.
        self.part();
        self.gateway = successor.gateway.clone();
        self.config = successor.config.clone();
        self.served = successor;
        // Nobody is bound from here on.
        self.view = self.view_of(b"");
    }
}
