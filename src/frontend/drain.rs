//! How a shutdown reaches every connection, at the price of one atomic load when there is none.

use super::addresses::Addresses;
use super::sessions::Sessions;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// How far a shutdown has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving.
    Serving,
    /// No new clients; operations under way are finished, then clients get their notice.
    Draining,
    /// Everything ends at once.
    Ending,
}

#[derive(Default)]
struct Inner {
    phase: AtomicU8,
    clients: AtomicUsize,
    addresses: Addresses,
    sessions: Sessions,
    changed: Notify,
    left: Notify,
}

/// The shutdown signal and the count of those that it has to reach.
#[derive(Clone, Default)]
pub struct Drain(Arc<Inner>);

/// Counts one client for as long as it lives.
pub(super) struct ClientPermit(Drain);

impl Drain {
    /// The phase now.
    pub fn phase(&self) -> Phase {
        match self.0.phase.load(Ordering::Acquire) {
            0 => Phase::Serving,
            1 => Phase::Draining,
            _ => Phase::Ending,
        }
    }

    /// Moves to a later phase and tells everybody.
    pub fn advance(&self, phase: Phase) {
        self.0.phase.fetch_max(phase as u8, Ordering::AcqRel);
        self.0.changed.notify_waiters();
    }

    /// Ready once `phase` or a later one has come.
    pub fn reached(&self, phase: Phase) -> impl Future<Output = ()> + Send + 'static {
        let inner = self.clone();
        async move {
            loop {
                let changed = inner.0.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if inner.phase() >= phase {
                    return;
                }
                changed.await;
            }
        }
    }

    /// How many clients are connected.
    pub fn clients(&self) -> usize {
        self.0.clients.load(Ordering::Acquire)
    }

    /// Ready once no client is connected.
    pub async fn emptied(&self) {
        loop {
            let left = self.0.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self.clients() == 0 {
                return;
            }
            left.await;
        }
    }

    /// Who is connected.
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// The counts of clients by address.
    pub(super) fn addresses(&self) -> &Addresses {
        &self.0.addresses
    }

    /// Counts a client, unless there are `limit` of them.
    pub(super) fn admit(&self, limit: usize) -> Option<ClientPermit> {
        let count = &self.0.clients;
        let admitted = count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| (n < limit).then_some(n + 1));
        admitted.ok().map(|_| ClientPermit(self.clone()))
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        if self.0.0.clients.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.0.left.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_phase_is_seen_by_those_who_wait_and_by_those_who_come_later() {
        let drain = Drain::default();
        let early = tokio::spawn(drain.reached(Phase::Draining));
        tokio::task::yield_now().await;
        drain.advance(Phase::Ending);
        drain.advance(Phase::Draining);
        early.await.expect("the waiter does not panic");
        drain.reached(Phase::Draining).await;
        assert_eq!(drain.phase(), Phase::Ending);
    }

    #[tokio::test]
    async fn clients_are_counted_up_to_the_limit() {
        let drain = Drain::default();
        let permits: Vec<_> = (0..3).map(|_| drain.admit(2)).collect();
        assert_eq!(permits.iter().flatten().count(), 2);
        drop(permits);
        drain.emptied().await;
    }
}
