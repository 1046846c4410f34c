//! What is kept of an account's password, and how one is made.
//!
//! argon2id takes some tens of milliseconds and 19 MiB each time: nothing here is called on a worker's
//! own thread.

use crate::domain::secret::Secret;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;
use std::sync::Arc;
use thiserror::Error;
use zeroize::Zeroizing;

/// The fewest and the most bytes of a password that is given rather than made.
pub const GIVEN: std::ops::RangeInclusive<usize> = 12..=1024;

/// What a password that is made here begins with, so that it is known for one where it is found.
const PREFIX: &str = "bga_";
/// The random bytes of one.
const RANDOM_BYTES: usize = 24;
/// The random bytes beside a password.
const SALT_BYTES: usize = 16;

/// One that no password is known for, of the form that is made here: looking at it takes as long as
/// looking at an account's.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$3ZEc1yjSgFXsPuKxhN5aRQ$\
                     vJ2rO7mX0dQkT5bWq9sYcF3hLzN8uE1gA6iKpR4tMxo";

/// The system gave no random bytes, or no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no password can be hashed at this time")]
pub struct Unhashed;

/// What is kept of a password: argon2id as a PHC string. It is not printed: nobody has to see it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash(Arc<str>);

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(…)")
    }
}

impl Hash {
    /// That of a password, with salt of its own.
    pub fn of(password: &Secret) -> Result<Self, Unhashed> {
        let mut salt = [0; SALT_BYTES];
        SystemRandom::new().fill(&mut salt).map_err(|_| Unhashed)?;
        let hash = Argon2::default().hash_password_with_salt(password.expose(), &salt);
        hash.map(|hash| Self(hash.to_string().into())).map_err(|_| Unhashed)
    }

    /// The text of one that is kept; `None` if it is none.
    pub fn read(text: &str) -> Option<Self> {
        let is_one = argon2::PasswordHash::new(text).is_ok() && text.starts_with("$argon2id$");
        is_one.then(|| Self(text.into()))
    }

    /// The text, for the one place that keeps it.
    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// One that is nobody's.
    pub fn decoy() -> Self {
        Self(DECOY.into())
    }

    /// Whether it is of this password.
    pub fn is_of(&self, password: &Secret) -> bool {
        Argon2::default().verify_password(password.expose(), &*self.0).is_ok()
    }
}

/// A new password, which nobody can guess.
pub fn made() -> Result<Zeroizing<String>, Unhashed> {
    let mut random = Zeroizing::new([0u8; RANDOM_BYTES]);
    SystemRandom::new().fill(random.as_mut()).map_err(|_| Unhashed)?;
    let mut text = Zeroizing::new(String::with_capacity(2 * RANDOM_BYTES));
    text.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(random.as_ref(), &mut text);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_and_another_is_not() {
        let (right, wrong) = (Secret::new(b"correct horse".to_vec()), Secret::new(b"x".to_vec()));
        let hash = Hash::of(&right).unwrap();
        assert!(hash.is_of(&right) && !hash.is_of(&wrong));
        assert_ne!(hash, Hash::of(&right).unwrap(), "each has salt of its own");
        assert!(Hash::read(hash.as_text()).unwrap().is_of(&right));
        assert_eq!(format!("{hash:?}"), "Hash(…)");
        for text in ["", "x", "$argon2id$", "$2b$10$N9qo8uLOickgx2ZMRZoMye"] {
            assert_eq!(Hash::read(text), None, "{text}");
        }
    }

    #[test]
    fn the_decoy_is_a_hash_like_any_other() {
        let decoy = Hash::read(DECOY).unwrap();
        assert!(!decoy.is_of(&Secret::new(Vec::new())));
        let own = Hash::of(&Secret::new(b"x".to_vec())).unwrap();
        let parameters = |hash: &Hash| hash.as_text().split('$').nth(3).map(str::to_owned);
        assert_eq!(parameters(&own), parameters(&decoy), "it takes as long");
    }

    #[test]
    fn passwords_that_are_made_differ_and_are_long() {
        let (one, other) = (made().unwrap(), made().unwrap());
        assert!(one.starts_with(PREFIX) && one.len() == PREFIX.len() + 32 && one != other);
    }
}
