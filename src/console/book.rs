//! Logins: random ids, kept in memory by their digests and gone with the process. A login holds the
//! digest of a token and never what it allows: that is asked for at each request, so a token that is
//! revoked ends its logins.

use super::Config;
use crate::app::tokens::Digest;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The random bytes of an id, and of what forms bear.
const BYTES: usize = 32;

/// All logins.
pub(super) struct Book {
    config: Config,
    logins: Mutex<HashMap<[u8; 32], Login>>,
}

/// A login.
struct Login {
    token: Digest,
    form_key: Arc<str>,
    began: Instant,
    used: Instant,
    notice: Option<Notice>,
}

/// Said once, on the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) text: String,
    /// Whether what was asked for was not done.
    pub(super) is_fault: bool,
}

/// What a request finds of its login.
pub(super) struct Found {
    pub(super) token: Digest,
    /// What every form has to bear.
    pub(super) form_key: Arc<str>,
}

/// Whether a login made another one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Enough,
    MadeByEnding,
}

impl Book {
    pub(super) fn new(config: Config) -> Self {
        Self { config, logins: Mutex::default() }
    }

    /// Begins a login; gives its id, which is nowhere kept. `None` if there are no random bytes.
    pub(super) fn begin(&self, token: Digest, now: Instant) -> Option<(String, Room)> {
        let (id, form_key) = (random()?, random()?.into());
        let login = Login { token, form_key, began: now, used: now, notice: None };
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.retain(|_, login| self.lasts(login, now));
        let mut room = Room::Enough;
        while logins.len() >= self.config.max_sessions.max(1) {
            let oldest = logins.iter().min_by_key(|(_, login)| login.used).map(|(key, _)| *key);
            oldest.and_then(|key| logins.remove(&key));
            room = Room::MadeByEnding;
        }
        logins.insert(key(&id), login);
        Some((id, room))
    }

    /// The login of an id, which is used now.
    pub(super) fn find(&self, id: &str, now: Instant) -> Option<Found> {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(id);
        let login = logins.get_mut(&key)?;
        if !self.lasts(login, now) {
            logins.remove(&key);
            return None;
        }
        login.used = now;
        Some(Found { token: login.token, form_key: login.form_key.clone() })
    }

    /// Keeps a notice for the next page.
    pub(super) fn tell(&self, id: &str, notice: Notice) {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(login) = logins.get_mut(&key(id)) {
            login.notice = Some(notice);
        }
    }

    /// The notice that is to be shown, which is forgotten by that.
    pub(super) fn told(&self, id: &str) -> Option<Notice> {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.get_mut(&key(id))?.notice.take()
    }

    /// Ends a login.
    pub(super) fn end(&self, id: &str) {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(id));
    }

    fn lasts(&self, login: &Login, now: Instant) -> bool {
        now.saturating_duration_since(login.used) < self.config.idle
            && now.saturating_duration_since(login.began) < self.config.longest
    }
}

/// An id is as long as a key, so its digest says nothing of it, and looking it up takes a time that
/// says nothing either.
fn key(id: &str) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, id.as_bytes()).as_ref());
    key
}

fn random() -> Option<String> {
    let mut bytes = [0; BYTES];
    SystemRandom::new().fill(&mut bytes).ok()?;
    let mut text = String::with_capacity(2 * BYTES);
    for byte in bytes {
        // writing to a string cannot fail
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const TOKEN: Digest = Digest([7; 32]);

    fn book(max_sessions: usize) -> Book {
        let (idle, longest) = (Duration::from_secs(60), Duration::from_secs(150));
        Book::new(Config { max_sessions, idle, longest, is_secure: false, url: None })
    }

    #[test]
    fn a_login_ends_when_it_rests_and_when_it_is_old() {
        let (book, start) = (book(9), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let (rests, _) = book.begin(TOKEN, start).unwrap();
        let (works, _) = book.begin(TOKEN, start).unwrap();
        assert!(book.find(&works, at(59)).is_some());
        assert!(book.find(&rests, at(60)).is_none());
        assert!(book.find(&works, at(110)).is_some());
        assert!(book.find(&works, at(149)).is_some());
        assert!(book.find(&works, at(150)).is_none(), "it is used, and old");
        assert!(book.logins.lock().unwrap().is_empty());
    }

    #[test]
    fn one_login_too_many_ends_the_one_that_rested_for_longest() {
        let (book, start) = (book(2), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let (first, room) = book.begin(TOKEN, start).unwrap();
        assert_eq!(room, Room::Enough);
        let (second, _) = book.begin(TOKEN, at(1)).unwrap();
        assert!(book.find(&first, at(2)).is_some());
        let (third, room) = book.begin(TOKEN, at(3)).unwrap();
        assert_eq!(room, Room::MadeByEnding);
        assert!(book.find(&second, at(4)).is_none());
        assert!(book.find(&first, at(4)).is_some() && book.find(&third, at(4)).is_some());
        let (_, room) = book.begin(TOKEN, at(80)).unwrap();
        assert_eq!(room, Room::Enough, "those that are over make room");
    }

    #[test]
    fn a_notice_is_told_once_and_to_its_login() {
        let (book, now) = (book(2), Instant::now());
        let (id, _) = book.begin(TOKEN, now).unwrap();
        let notice = Notice { text: "done".to_owned(), is_fault: false };
        book.tell(&id, notice.clone());
        assert_eq!(book.told("another"), None);
        assert_eq!(book.told(&id), Some(notice));
        assert_eq!(book.told(&id), None);
        book.end(&id);
        assert!(book.find(&id, now).is_none());
    }
}
