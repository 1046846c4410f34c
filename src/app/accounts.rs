//! Service accounts of the gateway's own: names that an application binds as and that no directory
//! knows. Each reads inside its view and does nothing else (rule S10.7).
//!
//! What is kept of them is here, and what administration does with them; `roll` is what binds go by.

pub mod hash;
pub mod roll;

use super::events::{AuditEntry, Event};
use super::ports::{Catalogue, Clock, Events, StoreError};
use crate::domain::plain_name::{MAX, is_plain_name};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::domain::view::Views;
use crate::proto::dn::DistinguishedName;
use arc_swap::ArcSwap;
use hash::{Hash, Unhashed};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use thiserror::Error;

/// An account as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name: the value of its `cn`. No other has it in any case.
    pub name: String,
    /// The view that it reads in, by name.
    pub view: String,
    /// What is kept of its password.
    pub hash: Hash,
    /// Since when there is one.
    pub created_at: Timestamp,
    /// The name of the token that it was made with.
    pub created_by: String,
    /// Since when it has its password.
    pub password_set_at: Timestamp,
    /// From when on it is not taken any more.
    pub expires_at: Option<Timestamp>,
    /// Whether it is taken at all.
    pub enabled: bool,
    /// When it was last used, to about an hour; `None` is never.
    pub last_used: Option<Timestamp>,
}

impl Account {
    /// Whether it is not taken any more.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// Why a bind as an account did not succeed. A client is told none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum NotAdmitted {
    /// There is no account of that name.
    #[error("there is no such account")]
    Unknown,
    /// The password is another.
    #[error("wrong password")]
    WrongPassword,
    /// It is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// Its time is over.
    #[error("the account has expired")]
    Expired,
    /// The view that it reads in is not configured, or lets nobody bind.
    #[error("its view is not there, or lets nobody bind")]
    NoView,
    /// Its view is not for clients that come from there.
    #[error("its view is for clients from elsewhere")]
    Elsewhere,
    /// A SASL mechanism was chosen: these accounts have passwords.
    #[error("by a SASL mechanism")]
    Mechanism,
    /// More were looked at than may be.
    #[error("too many binds of accounts are looked at")]
    Busy,
    /// The password could not be looked at.
    #[error("the password could not be looked at")]
    Failed,
}

impl NotAdmitted {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Unknown,
        Self::WrongPassword,
        Self::Disabled,
        Self::Expired,
        Self::NoView,
        Self::Elsewhere,
        Self::Mechanism,
        Self::Busy,
        Self::Failed,
    ];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::WrongPassword => "wrong-password",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::NoView => "no-view",
            Self::Elsewhere => "elsewhere",
            Self::Mechanism => "mechanism",
            Self::Busy => "busy",
            Self::Failed => "failed",
        }
    }
}

/// All accounts, as they are handed to whoever looks.
pub type Kept = Arc<Vec<Arc<Account>>>;

/// The accounts in memory, as they are on disk.
#[derive(Default)]
pub struct Shelf {
    all: ArcSwap<Vec<Arc<Account>>>,
    /// Whether there has been any: until then no bind looks for one.
    is_used: AtomicBool,
    /// Goes up with each change but that of the time of the last use.
    version: AtomicU64,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("accounts", &self.all.load().len()).finish_non_exhaustive()
    }
}

impl Shelf {
    /// All of them.
    pub fn all(&self) -> Kept {
        self.all.load_full()
    }

    /// Whether there has been any since this process began.
    pub fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    /// How often something has changed.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The account of that name, in any case.
    pub fn find(&self, name: &str) -> Option<Arc<Account>> {
        self.all.load().iter().find(|account| account.name.eq_ignore_ascii_case(name)).cloned()
    }

    /// Takes over an account that is on disk, or that is not any more. For the one that writes.
    pub fn put(&self, name: &str, account: Option<Account>) {
        let is_other = |kept: &&Arc<Account>| kept.name != name;
        let mut all: Vec<_> = self.all.load().iter().filter(is_other).cloned().collect();
        all.extend(account.map(Arc::new));
        self.all.store(Arc::new(all));
        self.version.fetch_add(1, Ordering::AcqRel);
        self.is_used.store(true, Ordering::Release);
    }

    /// An account was used. For the one that writes.
    pub fn used(&self, name: &str, at: Timestamp) {
        let touched = |kept: &Arc<Account>| match kept.name == name {
            true => Arc::new(Account { last_used: Some(at), ..(**kept).clone() }),
            false => kept.clone(),
        };
        let all = self.all.load().iter().map(touched).collect();
        self.all.store(Arc::new(all));
    }
}

/// Why an account was not made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AccountFault {
    /// A name that cannot be one.
    #[error("an account's name has 1 to {MAX} of the characters a-z, A-Z, 0-9, '.', '_' and '-'")]
    BadName,
    /// A password that cannot be one.
    #[error("a password has {0} to {1} bytes, none of which is NUL", hash::GIVEN.start(), hash::GIVEN.end())]
    BadPassword,
    /// A view that is not there.
    #[error("there is no view {0:?}")]
    NoView(String),
    /// There is one of that name.
    #[error("there is an account {0:?} already")]
    Exists(String),
    /// There are as many as there may be.
    #[error("there are {0} accounts already, as many as max_accounts allows")]
    TooMany(usize),
    /// It would be over before it began.
    #[error("the time at which it would expire has passed")]
    Past,
    /// There is none of that name.
    #[error("there is no account {0:?}")]
    NotFound(String),
    /// The password could not be hashed.
    #[error(transparent)]
    Unhashed(#[from] Unhashed),
    /// The store did not take it; nothing has changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An account that is to be made.
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// The view that it reads in.
    pub view: String,
    /// Its password.
    pub password: Secret,
    /// From when on it is not taken any more.
    pub expires_at: Option<Timestamp>,
}

/// What administration does with accounts.
pub struct Accounts<C, K, E> {
    catalogue: C,
    clock: K,
    events: E,
    views: Views,
    /// The most accounts (`max_accounts`).
    most: usize,
    /// One at a time, so that no name is given twice and no change is lost.
    turn: tokio::sync::Mutex<()>,
}

impl<C: Catalogue, K: Clock, E: Events> Accounts<C, K, E> {
    /// At most `most` accounts, each in one of these views.
    pub fn new(catalogue: C, clock: K, events: E, views: Views, most: usize) -> Self {
        Self { catalogue, clock, events, views, most, turn: tokio::sync::Mutex::new(()) }
    }

    /// All of them, by name, and the time at which they were looked at.
    pub fn list(&self) -> (Vec<Arc<Account>>, Timestamp) {
        let mut all = (*self.catalogue.accounts()).clone();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        (all, self.clock.now())
    }

    /// Whether the view of an account is there.
    pub fn has_view(&self, account: &Account) -> bool {
        self.views.named(&account.view).is_some()
    }

    /// Makes one in the name of `who`; it is on disk when this returns.
    pub async fn make(&self, wanted: Wanted, who: &str) -> Result<Arc<Account>, AccountFault> {
        let Wanted { name, view, password, expires_at } = wanted;
        if !is_plain_name(&name) {
            return Err(AccountFault::BadName);
        }
        if self.views.named(&view).is_none() {
            return Err(AccountFault::NoView(view));
        }
        let hash = hashed(password).await?;
        let _turn = self.turn.lock().await;
        let (kept, now) = (self.catalogue.accounts(), self.clock.now());
        if kept.iter().any(|account| account.name.eq_ignore_ascii_case(&name)) {
            return Err(AccountFault::Exists(name));
        }
        if expires_at.is_some_and(|end| end <= now) {
            return Err(AccountFault::Past);
        }
        if kept.len() >= self.most {
            self.events.emit(&Event::LimitHit { limit: "accounts.max_accounts", peer: None });
            return Err(AccountFault::TooMany(self.most));
        }
        let account = Account {
            name,
            view,
            hash,
            created_at: now,
            created_by: who.to_owned(),
            password_set_at: now,
            expires_at,
            enabled: true,
            last_used: None,
        };
        self.keep(account, "account-made", who).await
    }

    /// Gives one another password in the name of `who`: the old one is not taken any more when this
    /// returns, and who is bound by it is sent away.
    pub async fn set_password(
        &self,
        name: &str,
        password: Secret,
        who: &str,
    ) -> Result<Arc<Account>, AccountFault> {
        let hash = hashed(password).await?;
        let _turn = self.turn.lock().await;
        let found = self.found(name)?;
        let password_set_at = self.clock.now();
        let account = Account { hash, password_set_at, ..(*found).clone() };
        self.keep(account, "account-password", who).await
    }

    /// Enables or disables one in the name of `who`.
    pub async fn set_enabled(
        &self,
        name: &str,
        enabled: bool,
        who: &str,
    ) -> Result<Arc<Account>, AccountFault> {
        let _turn = self.turn.lock().await;
        let found = self.found(name)?;
        if found.enabled == enabled {
            return Ok(found);
        }
        let action = if enabled { "account-enabled" } else { "account-disabled" };
        self.keep(Account { enabled, ..(*found).clone() }, action, who).await
    }

    /// Takes one away in the name of `who`: it is not taken any more when this returns.
    pub async fn revoke(&self, name: &str, who: &str) -> Result<Arc<Account>, AccountFault> {
        let _turn = self.turn.lock().await;
        let found = self.found(name)?;
        let audit = self.row(&found, "account-revoked", who);
        self.catalogue.set_account(&found.name, None, audit).await?;
        Ok(found)
    }

    fn found(&self, name: &str) -> Result<Arc<Account>, AccountFault> {
        let kept = self.catalogue.accounts();
        let found = kept.iter().find(|account| account.name.eq_ignore_ascii_case(name));
        found.cloned().ok_or_else(|| AccountFault::NotFound(name.to_owned()))
    }

    fn row(&self, account: &Account, action: &'static str, who: &str) -> AuditEntry {
        let row = AuditEntry::new(self.clock.now(), "admin", who, action);
        row.saying(format!("account {:?}, view {:?}", account.name, account.view))
    }

    async fn keep(
        &self,
        account: Account,
        action: &'static str,
        who: &str,
    ) -> Result<Arc<Account>, AccountFault> {
        let audit = self.row(&account, action, who);
        self.catalogue.set_account(&account.name, Some(account.clone()), audit).await?;
        Ok(Arc::new(account))
    }
}

/// The hash of a password that is given.
async fn hashed(password: Secret) -> Result<Hash, AccountFault> {
    let bytes = password.expose();
    if !hash::GIVEN.contains(&bytes.len()) || bytes.contains(&0) {
        return Err(AccountFault::BadPassword);
    }
    let hashing = tokio::task::spawn_blocking(move || Hash::of(&password));
    Ok(hashing.await.map_err(|_| Unhashed)??)
}

/// What an account of that name binds as.
pub fn account_dn(name: &str, base: &DistinguishedName) -> String {
    format!("cn={name},{base}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shelf_has_an_account_as_it_was_put_last_and_says_that_it_changed() {
        let shelf = Shelf::default();
        assert!(!shelf.is_used());
        let password = Secret::new(b"correct horse".to_vec());
        let account = Account {
            name: "Wiki".to_owned(),
            view: "wiki".to_owned(),
            hash: Hash::of(&password).unwrap(),
            created_at: Timestamp(1),
            created_by: "admin".to_owned(),
            password_set_at: Timestamp(1),
            expires_at: Some(Timestamp(9)),
            enabled: true,
            last_used: None,
        };
        assert!(!account.is_expired(Timestamp(8)) && account.is_expired(Timestamp(9)));
        shelf.put("Wiki", Some(account.clone()));
        assert_eq!(shelf.find("wIKI").as_deref(), Some(&account));
        let version = shelf.version();
        shelf.used("Wiki", Timestamp(5));
        assert_eq!((shelf.all()[0].last_used, shelf.version()), (Some(Timestamp(5)), version));
        shelf.put("Wiki", None);
        assert!(shelf.find("wiki").is_none() && shelf.version() > version && shelf.is_used());
    }

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> =
            NotAdmitted::ALL.iter().map(|why| why.name()).collect();
        assert_eq!(names.len(), NotAdmitted::ALL.len());
    }
}
