//! Bearer tokens of administration: what each allows, until when, and who made it. Of the token itself
//! only a digest is kept: it is as long as a key, so a digest of it cannot be searched for.

use super::events::{AuditEntry, Event};
use super::ports::{Catalogue, Clock, Events, StoreError};
use crate::domain::plain_name::{MAX, is_plain_name};
use crate::domain::time::Timestamp;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// What a token allows; each role allows what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// To look at everything but tokens.
    Read,
    /// To act on users, groups, sessions, and on what is held.
    Operate,
    /// To make tokens, to set the switches of user types, and to erase records.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Operate, Self::Admin];

    /// The name in JSON, in the store and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// The SHA-256 digest of a token. It is not printed: nobody has to see it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name, which the audit shows as actor.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// What is kept of it.
    pub digest: Digest,
    /// Since when there is one.
    pub created_at: Timestamp,
    /// The name of the token that it was made with.
    pub created_by: String,
    /// From when on it is not taken any more.
    pub expires_at: Option<Timestamp>,
}

impl Token {
    /// Whether it is not taken any more.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// Why a token was not made or revoked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenFault {
    /// A name that cannot be one.
    #[error("a token's name has 1 to {MAX} of the characters a-z, A-Z, 0-9, '.', '_' and '-'")]
    BadName,
    /// There is one of that name.
    #[error("there is a token {0:?} already")]
    Exists(String),
    /// There are as many as there may be.
    #[error("there are {0} tokens already, as many as max_tokens allows")]
    TooMany(usize),
    /// It would be over before it began.
    #[error("the time at which it would expire has passed")]
    Past,
    /// There is none of that name.
    #[error("there is no token {0:?}")]
    NotFound(String),
    /// The store did not take it; nothing has changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A token that is to be made.
#[derive(Debug)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// What is kept of it.
    pub digest: Digest,
    /// From when on it is not taken any more.
    pub expires_at: Option<Timestamp>,
}

/// The tokens beside the one in the configured file.
pub struct Tokens<C, K, E> {
    catalogue: C,
    clock: K,
    events: E,
    /// The most tokens (`max_tokens`).
    most: usize,
    /// The name of the one in the configured file, which no other has.
    first: &'static str,
    /// One at a time, so that no name is given twice.
    turn: tokio::sync::Mutex<()>,
}

impl<C: Catalogue, K: Clock, E: Events> Tokens<C, K, E> {
    /// At most `most` tokens, none of which is called `first`.
    pub fn new(catalogue: C, clock: K, events: E, most: usize, first: &'static str) -> Self {
        Self { catalogue, clock, events, most, first, turn: tokio::sync::Mutex::new(()) }
    }

    /// All of them, by name, and the time at which they were looked at.
    pub fn list(&self) -> (Vec<Token>, Timestamp) {
        let mut all = (*self.catalogue.tokens()).clone();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        (all, self.clock.now())
    }

    /// Makes one in the name of `who`; it is on disk when this returns.
    pub async fn create(&self, wanted: Wanted, who: &str) -> Result<Token, TokenFault> {
        let Wanted { name, role, digest, expires_at } = wanted;
        if !is_plain_name(&name) {
            return Err(TokenFault::BadName);
        }
        let _turn = self.turn.lock().await;
        let (kept, now) = (self.catalogue.tokens(), self.clock.now());
        if name == self.first || kept.iter().any(|token| token.name == name) {
            return Err(TokenFault::Exists(name));
        }
        if expires_at.is_some_and(|end| end <= now) {
            return Err(TokenFault::Past);
        }
        if kept.len() >= self.most {
            self.events.emit(&Event::LimitHit { limit: "admin.max_tokens", peer: None });
            return Err(TokenFault::TooMany(self.most));
        }
        let created_by = who.to_owned();
        let token = Token { name, role, digest, created_at: now, created_by, expires_at };
        let row = AuditEntry::new(now, "admin", who, "token-created");
        let audit = row.saying(format!("token {:?}, role {}", token.name, role.name()));
        self.catalogue.set_token(&token.name, Some(token.clone()), audit).await?;
        Ok(token)
    }

    /// Takes one away in the name of `who`: it is not taken any more when this returns.
    pub async fn revoke(&self, name: &str, who: &str) -> Result<Token, TokenFault> {
        let _turn = self.turn.lock().await;
        let kept = self.catalogue.tokens();
        let found = kept.iter().find(|token| token.name == name);
        let token = found.ok_or_else(|| TokenFault::NotFound(name.to_owned()))?.clone();
        let row = AuditEntry::new(self.clock.now(), "admin", who, "token-revoked");
        let audit = row.saying(format!("token {name:?}, role {}", token.role.name()));
        self.catalogue.set_token(name, None, audit).await?;
        Ok(token)
    }
}

/// All tokens, as they are handed to whoever looks one up.
pub type Kept = Arc<Vec<Token>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_allows_what_those_before_it_do() {
        assert!(Role::ALL.is_sorted());
        assert!(Role::ALL.iter().all(|role| Role::from_name(role.name()) == Some(*role)));
        assert_eq!(Role::from_name("root"), None);
    }

    #[test]
    fn a_digest_is_not_printed() {
        assert_eq!(format!("{:?}", Digest([7; 32])), "Digest(…)");
    }
}
