//! Clients that are connected, as an administrator sees them, and the end of one.

use super::events::{AuditEntry, ConnectionId};
use super::ports::{Catalogue, Clock, StoreError};
use crate::domain::time::Timestamp;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// A client that is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its number, as logs show it.
    pub id: ConnectionId,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// For how long it has been connected.
    pub age: Duration,
    /// The name under which its last bind succeeded; `None` for nobody.
    pub name: Option<String>,
}

/// Those who are connected.
pub trait Sessions: Send + Sync + 'static {
    /// All of them, in no order.
    fn list(&self) -> Vec<Session>;

    /// Has one end, whatever it does: it gets a notice of disconnection. `None` if it is not there.
    fn end(&self, id: ConnectionId) -> Option<Session>;
}

/// Which of them are asked for; all of them if nothing is said.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Those with this text, whatever its case, in the name or the address.
    pub text: Option<String>,
    /// Those that are bound, or those that are not.
    pub bound: Option<bool>,
}

/// Those that are wanted, the oldest first, behind the one of this number; at most so many, and how
/// many there are at all.
pub fn list(
    sessions: &dyn Sessions,
    wanted: &Wanted,
    after: Option<u64>,
    limit: usize,
) -> (Vec<Session>, usize) {
    let text = wanted.text.as_deref().map(str::to_lowercase);
    let has = |session: &Session, text: &str| {
        let name = session.name.as_deref().unwrap_or_default();
        name.to_lowercase().contains(text) || session.peer.to_string().contains(text)
    };
    let mut found = sessions.list();
    found.retain(|session| {
        wanted.bound.is_none_or(|bound| bound == session.name.is_some())
            && text.as_ref().is_none_or(|text| has(session, text))
    });
    let total = found.len();
    found.retain(|session| after.is_none_or(|after| session.id.0 > after));
    found.sort_by_key(|session| session.id.0);
    found.truncate(limit);
    (found, total)
}

/// Why a session was not ended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EndError {
    /// It is not there, or no more.
    #[error("no client is connected under number {0}")]
    NotFound(u64),
    /// The store did not take it; nothing has changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Ends a session in the name of `who`; the row of the audit is on disk before it is told to.
pub async fn end(
    sessions: &Arc<dyn Sessions>,
    catalogue: &impl Catalogue,
    clock: &impl Clock,
    id: u64,
    who: &str,
) -> Result<Session, EndError> {
    let is_it = |session: &Session| session.id.0 == id;
    let found = sessions.list().into_iter().find(is_it).ok_or(EndError::NotFound(id))?;
    let name = found.name.as_deref().unwrap_or_default();
    let detail = format!("client {id} from {}, bound as {name:?}", found.peer);
    let row = AuditEntry::new(clock.now(), "admin", who, "session-ended");
    catalogue.note(None, row.saying(detail)).await?;
    sessions.end(ConnectionId(id)).ok_or(EndError::NotFound(id))
}

/// Since when a session has been there.
pub fn since(session: &Session, now: Timestamp) -> Timestamp {
    let age = i64::try_from(session.age.as_micros()).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_sub(age))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Three;

    impl Sessions for Three {
        fn list(&self) -> Vec<Session> {
            let one = |id: u64, name: Option<&str>| Session {
                id: ConnectionId(id),
                peer: SocketAddr::from(([10, 0, 0, 7], u16::try_from(id).unwrap_or(0))),
                tls: false,
                age: Duration::from_secs(id),
                name: name.map(str::to_owned),
            };
            vec![one(3, Some("uid=Ann,dc=x")), one(1, None), one(2, Some("uid=bob,dc=x"))]
        }

        fn end(&self, _: ConnectionId) -> Option<Session> {
            None
        }
    }

    #[test]
    fn sessions_are_found_by_name_and_address_and_paged_by_number() {
        let check = |text: Option<&str>, bound, after, limit, expected: &[u64], of| {
            let wanted = Wanted { text: text.map(str::to_owned), bound };
            let (found, total) = list(&Three, &wanted, after, limit);
            assert_eq!(found.iter().map(|it| it.id.0).collect::<Vec<_>>(), expected);
            assert_eq!(total, of);
        };
        check(None, None, None, 9, &[1, 2, 3], 3);
        check(None, None, Some(1), 1, &[2], 3);
        check(None, Some(true), None, 9, &[2, 3], 2);
        check(None, Some(false), None, 9, &[1], 1);
        check(Some("ANN"), None, None, 9, &[3], 1);
        check(Some("10.0.0.7:2"), None, None, 9, &[2], 1);
    }

    #[test]
    fn the_time_of_a_session_is_told_from_its_age() {
        let [session, ..] = &Three.list()[..] else { panic!("there are three") };
        assert_eq!(since(session, Timestamp(5_000_000)), Timestamp(2_000_000));
    }
}
