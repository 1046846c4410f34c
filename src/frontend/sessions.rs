//! Who is connected: a card for each client, which its connection writes and an administrator reads.

use crate::app::events::ConnectionId;
use crate::app::sessions::{self, Session};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use tokio::time::Instant;

/// Over how many locks the cards are spread; one is taken when a client comes or goes.
const SHARDS: usize = 16;

type Shard = Mutex<HashMap<u64, Arc<Card>>>;

/// The cards of all clients, shared by all workers.
#[derive(Clone, Default)]
pub struct Sessions(Arc<Cards>);

#[derive(Default)]
struct Cards {
    endings: Endings,
    shards: [Shard; SHARDS],
}

/// How often somebody wanted a client to end: every client looks at this one number, which stays in a
/// processor's cache, and at its own card only when it has moved. Apart from what is written to.
#[derive(Default)]
#[repr(align(128))]
struct Endings(AtomicUsize);

/// What is known of a client.
struct Card {
    id: ConnectionId,
    peer: SocketAddr,
    since: Instant,
    tls: AtomicBool,
    /// The name under which its last bind succeeded; empty for nobody. Its connection's task alone
    /// writes it, so the lock is as a rule nobody else's.
    name: Mutex<Vec<u8>>,
    /// Whether somebody wants it to end.
    ended: AtomicBool,
    /// What its connection's task is woken with.
    waker: Mutex<Option<Waker>>,
}

/// A client's entry, for as long as it is connected.
pub(super) struct Present {
    card: Arc<Card>,
    sessions: Sessions,
    /// The endings that it has looked at.
    endings: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sessions {
    /// Enters a client that has just connected.
    pub(super) fn enter(&self, id: ConnectionId, peer: SocketAddr) -> Present {
        let card = Arc::new(Card {
            id,
            peer,
            since: Instant::now(),
            tls: AtomicBool::new(false),
            name: Mutex::default(),
            ended: AtomicBool::new(false),
            waker: Mutex::default(),
        });
        locked(self.shard(id)).insert(id.0, card.clone());
        Present { card, sessions: self.clone(), endings: 0 }
    }

    fn shard(&self, id: ConnectionId) -> &Shard {
        let at = usize::try_from(id.0 % SHARDS as u64).unwrap_or(0);
        &self.0.shards[at]
    }
}

impl sessions::Sessions for Sessions {
    fn list(&self) -> Vec<Session> {
        let of_shard = |shard: &Shard| locked(shard).values().cloned().collect::<Vec<_>>();
        self.0.shards.iter().flat_map(of_shard).map(|card| card.shown()).collect()
    }

    fn end(&self, id: ConnectionId) -> Option<Session> {
        let card = locked(self.shard(id)).get(&id.0).cloned()?;
        card.ended.store(true, Ordering::Release);
        self.0.endings.0.fetch_add(1, Ordering::Release);
        if let Some(waker) = locked(&card.waker).as_ref() {
            waker.wake_by_ref();
        }
        Some(card.shown())
    }
}

impl Card {
    fn shown(&self) -> Session {
        let name = locked(&self.name);
        Session {
            id: self.id,
            peer: self.peer,
            tls: self.tls.load(Ordering::Relaxed),
            age: self.since.elapsed(),
            name: (!name.is_empty()).then(|| String::from_utf8_lossy(&name).into_owned()),
        }
    }
}

impl Present {
    /// It speaks TLS from here on, and is nobody.
    pub(super) fn speaks_tls(&self) {
        self.card.tls.store(true, Ordering::Relaxed);
        self.is(b"");
    }

    /// Who it is from here on; nobody if the name is empty.
    pub(super) fn is(&self, name: &[u8]) {
        let mut kept = locked(&self.card.name);
        if *kept != name {
            kept.clear();
            kept.extend_from_slice(name);
        }
    }

    /// Whether somebody wants it to end.
    pub(super) fn is_ended(&mut self) -> bool {
        let endings = self.sessions.0.endings.0.load(Ordering::Acquire);
        if endings == self.endings {
            return false;
        }
        self.endings = endings;
        self.card.ended.load(Ordering::Acquire)
    }

    /// What it is woken with when somebody wants it to end.
    pub(super) fn is_woken_with(&self, waker: &Waker) {
        *locked(&self.card.waker) = Some(waker.clone());
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        let id = self.card.id;
        locked(self.sessions.shard(id)).remove(&id.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::sessions::Sessions as _;

    #[test]
    fn a_client_is_listed_as_it_is_until_it_has_left() {
        let sessions = Sessions::default();
        let peer = "10.0.0.7:389".parse().unwrap();
        let mut present = sessions.enter(ConnectionId(17), peer);
        let mut other = sessions.enter(ConnectionId(18), peer);
        let of = |id| sessions.list().into_iter().find(|session| session.id == ConnectionId(id));
        assert_eq!(of(17).map(|it| (it.tls, it.name)), Some((false, None)));
        present.is(b"uid=ann");
        assert_eq!(of(17).and_then(|it| it.name).as_deref(), Some("uid=ann"));
        present.is(b"uid=\xff");
        assert_eq!(of(17).and_then(|it| it.name).as_deref(), Some("uid=\u{fffd}"));
        present.speaks_tls();
        assert_eq!(of(17).map(|it| (it.tls, it.name)), Some((true, None)));
        assert!(!present.is_ended());
        assert!(sessions.end(ConnectionId(17)).is_some());
        assert!(present.is_ended() && !other.is_ended());
        drop(present);
        assert_eq!((of(17), sessions.end(ConnectionId(17))), (None, None));
        assert_eq!(sessions.list().len(), 1);
    }
}
