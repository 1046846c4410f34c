//! What binds go by: whether a name is that of an account, and whether the password is the account's.
//!
//! Looking at a password takes long and much memory, so it is done on a thread of its own, no more at a
//! time than may be, and whoever waits for that is bounded in number and time. Whatever is wrong with
//! an account, and where there is none, a password is looked at all the same: how long it takes tells
//! nothing. While no account was ever made a bind costs one relaxed load here.

use super::hash::Hash;
use super::{Account, NotAdmitted, Shelf, account_dn};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::proto::dn::DistinguishedName;
use ring::hmac;
use ring::rand::SystemRandom;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How exact the time of the last use is, in microseconds: an hour.
const COARSE: i64 = 3_600_000_000;

/// How accounts are looked after: the section `[accounts]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Below which name they are (`base`).
    pub base: DistinguishedName,
    /// The most accounts (`max_accounts`).
    pub max_accounts: usize,
    /// The most passwords that are looked at at a time (`max_verifying`).
    pub max_verifying: usize,
    /// The most binds that wait for that (`max_waiting`).
    pub max_waiting: usize,
    /// How long each of them waits (`queue_timeout`).
    pub queue_timeout: Duration,
    /// Whether a password that was right is known again without argon2 (`remember`).
    pub remember: bool,
}

/// A name below that of the accounts; nobody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim(String);

/// Whom a session acts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    account: Arc<Account>,
    dn: String,
    /// The shelf's version when it was last seen that the account stands.
    seen: u64,
}

impl Acting {
    /// The account's name.
    pub fn name(&self) -> &str {
        &self.account.name
    }

    /// What the session is bound as.
    pub fn dn(&self) -> &str {
        &self.dn
    }

    /// The view that it reads in, by name.
    pub fn view(&self) -> &str {
        &self.account.view
    }
}

/// Why a bind is not answered with success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is not admitted.
    Not(NotAdmitted),
    /// This limit was hit.
    Busy(&'static str),
}

/// What looking at a bind gives.
pub type Outcome = Result<Box<Acting>, Refused>;

/// The look at a password; dropping it gives up the wait, not what has begun.
pub type Wait = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What a bind gives: at once, or later.
pub enum Verifying {
    /// At once.
    Now(Outcome),
    /// After this.
    Later(Wait),
}

/// The accounts as binds see them: one for all workers, from one reload to the next.
pub struct Roll {
    config: Config,
    /// How every plain spelling of a name below the base ends, in lower case; `None` if that cannot be
    /// said.
    tail: Option<String>,
    shelf: Arc<Shelf>,
    places: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// Of a process alone, so that nothing of what is remembered can be known outside.
    key: Option<hmac::Key>,
    remembered: Mutex<HashMap<String, Remembered>>,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    used: Box<Used>,
}

/// Who hears of an account that was used.
type Used = dyn Fn(&str, Timestamp) + Send + Sync;

/// What is known of an account's last success.
#[derive(Default)]
struct Remembered {
    /// A keyed digest of hash and password.
    proof: Option<hmac::Tag>,
    /// When it was told that it was used.
    told: Option<Timestamp>,
}

impl fmt::Debug for Roll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roll").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Roll {
    /// The accounts on this shelf. `now` says what time it is, `used` hears of an account that was used,
    /// about once an hour.
    pub fn new(
        config: Config,
        shelf: Arc<Shelf>,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        used: impl Fn(&str, Timestamp) + Send + Sync + 'static,
    ) -> Self {
        let key = match config.remember {
            true => hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok(),
            false => None,
        };
        Self {
            places: Arc::new(Semaphore::new(config.max_verifying)),
            waiting: Arc::default(),
            tail: tail(&config.base),
            config,
            shelf,
            key,
            remembered: Mutex::default(),
            now: Box::new(now),
            used: Box::new(used),
        }
    }

    /// Whether there has been any account: until then no name is looked at.
    pub fn is_used(&self) -> bool {
        self.shelf.is_used()
    }

    /// What a bind claims under a name, in any spelling, that nobody but an account can have; `None` if
    /// it is another's. It is settled here, whether there is such an account or not.
    pub fn claim(&self, name: &[u8]) -> Option<Claim> {
        if !self.is_used() || self.is_elsewhere(name) {
            return None;
        }
        let name = DistinguishedName::from_bytes(name).ok()?;
        let above = self.config.base.normalized();
        if !name.normalized().is_within(above) {
            return None;
        }
        let below = name.normalized().as_str().strip_suffix(above.as_str());
        // What is no account's name here, another attribute's value say, is no account's.
        let own = below.and_then(|below| below.strip_suffix(',')?.strip_prefix("cn="));
        Some(Claim(own.unwrap_or_default().to_owned()))
    }

    /// Whether it is seen at a glance that a name is not below the base: it is spelled without anything
    /// that has to be decoded, and ends otherwise. So others' binds pay next to nothing.
    fn is_elsewhere(&self, name: &[u8]) -> bool {
        let Some(tail) = &self.tail else { return false };
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !b"\\#\"".contains(byte);
        let end = name.trim_ascii_end();
        let at = end.len().checked_sub(tail.len());
        let ends_so = at.is_some_and(|at| end[at..].eq_ignore_ascii_case(tail.as_bytes()));
        !ends_so && name.iter().all(is_plain)
    }

    /// The account that is claimed, if there is one.
    pub fn claimed(&self, claim: &Claim) -> Option<Arc<Account>> {
        self.shelf.find(&claim.0)
    }

    /// Whether the password is that of the account, and the account one that is taken. With a
    /// `hindrance` it is refused in any case, and as late as for a wrong password.
    pub fn verify(
        self: &Arc<Self>,
        claim: &Claim,
        password: Secret,
        hindrance: Option<NotAdmitted>,
    ) -> Verifying {
        let account = self.claimed(claim);
        let fault = match &account {
            None => Some(NotAdmitted::Unknown),
            Some(account) => self.fault(account).or(hindrance),
        };
        if let (Some(account), None) = (&account, fault)
            && self.remembers(account, &password)
        {
            return Verifying::Now(Ok(self.admit(account.clone())));
        }
        let place = match self.places.clone().try_acquire_owned() {
            Ok(place) => Ok(place),
            Err(_) => match Waiting::begin(&self.waiting, self.config.max_waiting) {
                Some(waiting) => Err(waiting),
                None => return Verifying::Now(Err(Refused::Busy("accounts.max_waiting"))),
            },
        };
        let roll = self.clone();
        Verifying::Later(Box::pin(async move {
            let place = match place {
                Ok(place) => place,
                Err(waiting) => roll.wait(waiting).await?,
            };
            let hash = account.as_ref().map_or_else(Hash::decoy, |account| account.hash.clone());
            // The place is left by the thread, not by a client that leaves before it has done.
            let looking = tokio::task::spawn_blocking(move || {
                let (_place, is_right) = (place, hash.is_of(&password));
                (is_right, password)
            });
            let (is_right, password) =
                looking.await.map_err(|_| Refused::Not(NotAdmitted::Failed))?;
            roll.judge(account, &password, is_right, fault)
        }))
    }

    async fn wait(&self, waiting: Waiting) -> Result<OwnedSemaphorePermit, Refused> {
        let place = self.places.clone().acquire_owned();
        let place = tokio::time::timeout(self.config.queue_timeout, place).await;
        drop(waiting);
        match place {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Refused::Busy("accounts.queue_timeout")),
        }
    }

    fn judge(
        &self,
        account: Option<Arc<Account>>,
        password: &Secret,
        is_right: bool,
        fault: Option<NotAdmitted>,
    ) -> Outcome {
        let not = |why| Err(Refused::Not(why));
        let Some(account) = account else { return not(NotAdmitted::Unknown) };
        if !is_right {
            return not(NotAdmitted::WrongPassword);
        }
        if let Some(why) = fault {
            return not(why);
        }
        // It may have been changed meanwhile.
        match self.shelf.find(&account.name) {
            Some(now) if is_same(&now, &account) => {
                if let Some(why) = self.fault(&now) {
                    return not(why);
                }
            }
            Some(_) => return not(NotAdmitted::WrongPassword),
            None => return not(NotAdmitted::Unknown),
        }
        self.remember(&account, password);
        Ok(self.admit(account))
    }

    /// Why an account is not taken, if it is not.
    fn fault(&self, account: &Account) -> Option<NotAdmitted> {
        if !account.enabled {
            return Some(NotAdmitted::Disabled);
        }
        account.is_expired((self.now)()).then_some(NotAdmitted::Expired)
    }

    fn admit(&self, account: Arc<Account>) -> Box<Acting> {
        self.tell_of_use(&account);
        let dn = account_dn(&account.name, &self.config.base);
        // Looked at anew with the first request.
        Box::new(Acting { account, dn, seen: 0 })
    }

    /// Whether the account is still the one that the session was begun with, and taken.
    pub fn stands(&self, acting: &mut Acting) -> bool {
        if acting.account.is_expired((self.now)()) {
            return false;
        }
        let version = self.shelf.version();
        if acting.seen == version {
            return true;
        }
        acting.seen = version;
        let now = self.shelf.find(&acting.account.name);
        now.is_some_and(|now| is_same(&now, &acting.account) && now.enabled)
    }

    fn remembers(&self, account: &Account, password: &Secret) -> bool {
        let Some(key) = &self.key else { return false };
        let remembered = self.remembered();
        let proof = remembered.get(&account.name).and_then(|known| known.proof);
        proof.is_some_and(|proof| {
            hmac::verify(key, &proven(account, password), proof.as_ref()).is_ok()
        })
    }

    fn remember(&self, account: &Account, password: &Secret) {
        let Some(key) = &self.key else { return };
        let proof = hmac::sign(key, &proven(account, password));
        let mut remembered = self.remembered();
        // Of accounts that are gone nothing is kept.
        if remembered.len() > 2 * self.config.max_accounts {
            remembered.retain(|name, _| self.shelf.find(name).is_some());
        }
        remembered.entry(account.name.clone()).or_default().proof = Some(proof);
    }

    fn tell_of_use(&self, account: &Account) {
        let now = (self.now)();
        let is_late = |at: Option<Timestamp>| at.is_none_or(|at| now.0 - at.0 >= COARSE);
        if !is_late(account.last_used) {
            return;
        }
        let mut remembered = self.remembered();
        let told = &mut remembered.entry(account.name.clone()).or_default().told;
        // Once, though the disk may take its time; again for one that was made anew.
        if is_late(*told) || *told < Some(account.created_at) {
            *told = Some(now);
            drop(remembered);
            (self.used)(&account.name, now);
        }
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<String, Remembered>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value that names below a base end with, if it is nothing but letters and digits.
fn tail(base: &DistinguishedName) -> Option<String> {
    let (_, value) = base.normalized().as_str().rsplit_once('=')?;
    let is_simple = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_simple.then(|| value.to_ascii_lowercase())
}

/// Whether an account is the same one with the same password.
fn is_same(one: &Account, other: &Account) -> bool {
    one.created_at == other.created_at && one.hash == other.hash
}

/// What a proof is made of: another password is another hash, so that nothing has to be forgotten.
fn proven(account: &Account, password: &Secret) -> zeroize::Zeroizing<Vec<u8>> {
    let hash = account.hash.as_text().as_bytes();
    let mut bytes =
        zeroize::Zeroizing::new(Vec::with_capacity(hash.len() + password.expose().len() + 1));
    bytes.extend_from_slice(hash);
    bytes.push(0);
    bytes.extend_from_slice(password.expose());
    bytes
}

/// One that waits; counted until it is dropped.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn begin(waiting: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let room = |now: usize| (now < most).then_some(now + 1);
        waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).ok()?;
        Some(Self(waiting.clone()))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
#[path = "roll_tests.rs"]
mod tests;
