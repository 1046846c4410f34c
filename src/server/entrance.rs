//! Where clients come in: the addresses that are listened on, and what is spoken there.
//!
//! A reload opens what is new before anything else changes, so that an address that cannot be had
//! leaves all as it is; what is gone is closed last.

use super::certificates::{self, Bell, ShownTo};
use crate::frontend::{self, Address, ListenError, Listeners, Tls};
use crate::telemetry::Telemetry;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// The entrance.
pub(super) struct Entrance {
    /// What applies to clients who come in.
    pub(super) config: Arc<frontend::Config>,
    /// What they shake hands with.
    pub(super) tls: Option<Tls>,
    bound: Vec<(Address, SocketAddr)>,
    watch: Option<AbortHandle>,
}

/// An entrance that has been made, and what is to be opened and closed for it.
pub(super) struct Opened {
    pub(super) entrance: Entrance,
    /// For each worker.
    pub(super) listeners: Vec<Listeners>,
    pub(super) closing: Vec<Address>,
}

impl Entrance {
    /// The first.
    pub(super) fn open(config: frontend::Config, workers: usize) -> Result<Opened, ListenError> {
        let tls = config.tls.as_ref().map(Tls::load).transpose()?;
        Self::made(config, tls, &[], workers)
    }

    /// The one after this. Certificates that are configured as they were stay as they are.
    pub(super) fn next(
        &self,
        config: frontend::Config,
        workers: usize,
    ) -> Result<Opened, ListenError> {
        let tls = match config.tls == self.config.tls {
            true => self.tls.clone(),
            false => config.tls.as_ref().map(Tls::load).transpose()?,
        };
        Self::made(config, tls, &self.bound, workers)
    }

    fn made(
        config: frontend::Config,
        tls: Option<Tls>,
        before: &[(Address, SocketAddr)],
        workers: usize,
    ) -> Result<Opened, ListenError> {
        let wanted = config.listened();
        let kept = before.iter().filter(|(address, _)| wanted.contains(address)).copied();
        let mut bound: Vec<_> = kept.collect();
        let is_bound = |address: &Address| bound.iter().any(|(known, _)| known == address);
        let fresh: Vec<_> = wanted.iter().filter(|wanted| !is_bound(wanted)).copied().collect();
        let listeners = Listeners::bind(&fresh, workers)?;
        bound.extend(listeners.first().map(Listeners::addresses).unwrap_or_default());
        let place = |address: &Address| wanted.iter().position(|wanted| wanted == address);
        bound.sort_by_key(|(address, _)| place(address));
        let closing = before.iter().map(|(address, _)| *address);
        let closing = closing.filter(|address| !wanted.contains(address)).collect();
        let entrance = Self { config: Arc::new(config), tls, bound, watch: None };
        Ok(Opened { entrance, listeners, closing })
    }

    /// The clients' addresses, plain ones first.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.bound.iter().map(|(_, address)| *address).collect()
    }

    /// Looks at the files of the certificate from now on.
    pub(super) fn watch(&mut self, handle: &Handle, bell: &Bell, events: &Telemetry) {
        let (Some(tls), Some(config)) = (&self.tls, &self.config.tls) else { return };
        let shown = (tls.clone(), ShownTo::Clients);
        let watch =
            certificates::watch(shown, config.reload_interval, bell.clone(), events.clone());
        self.watch = Some(handle.spawn(watch).abort_handle());
    }

    /// What has looked at the files of the certificate goes on.
    pub(super) fn watched_by(&mut self, before: &mut Self) {
        self.watch = before.watch.take();
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        self.watch.iter().for_each(AbortHandle::abort);
    }
}
