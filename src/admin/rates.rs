//! How often somebody may ask: so many times a second, and as many at once after a quiet second.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many are told apart at a time; whoever comes beyond that counts as one with the others who do.
const TOLD_APART: usize = 4096;
/// How much may be asked for ahead.
const AHEAD: Duration = Duration::from_secs(1);

/// What each of many has asked for lately.
pub(super) struct Rates<K> {
    gap: Duration,
    /// When each would have been done if it had asked evenly.
    done: Mutex<HashMap<Option<K>, Instant>>,
}

impl<K: Eq + Hash> Rates<K> {
    pub(super) fn new(per_second: usize) -> Self {
        let per_second = u32::try_from(per_second.max(1)).unwrap_or(u32::MAX);
        Self { gap: AHEAD / per_second, done: Mutex::default() }
    }

    /// Counts a request; an error says after how long there is room for it.
    pub(super) fn admit(&self, who: K, now: Instant) -> Result<(), Duration> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let mut who = Some(who);
        if done.len() >= TOLD_APART && !done.contains_key(&who) {
            done.retain(|_, at| *at > now);
            if done.len() >= TOLD_APART {
                who = None;
            }
        }
        let at = done.entry(who).or_insert(now);
        *at = now.max(*at);
        let next = *at + self.gap;
        match (next - now).checked_sub(AHEAD) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                *at = next;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_let_in_at_once_and_then_one_by_one() {
        let rates = Rates::new(10);
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        for _ in 0..10 {
            assert_eq!(rates.admit("ann", at(0)), Ok(()));
        }
        assert_eq!(rates.admit("ann", at(0)), Err(Duration::from_millis(100)));
        assert_eq!(rates.admit("bob", at(0)), Ok(()), "others are counted apart");
        assert_eq!(rates.admit("ann", at(99)), Err(Duration::from_millis(1)));
        assert_eq!(rates.admit("ann", at(100)), Ok(()));
        assert!(rates.admit("ann", at(100)).is_err());
        for _ in 0..10 {
            assert_eq!(rates.admit("ann", at(1_200)), Ok(()));
        }
        assert!(rates.admit("ann", at(1_200)).is_err());
    }

    #[test]
    fn who_cannot_be_told_apart_counts_as_one_until_others_are_forgotten() {
        let rates = Rates::new(1);
        let start = Instant::now();
        for who in 0..TOLD_APART {
            assert_eq!(rates.admit(who, start), Ok(()));
        }
        assert_eq!(rates.admit(TOLD_APART, start), Ok(()));
        assert!(rates.admit(TOLD_APART + 1, start).is_err());
        let later = start + Duration::from_secs(5);
        assert_eq!(rates.admit(TOLD_APART + 1, later), Ok(()));
        assert!(rates.done.lock().unwrap().len() < 3);
    }
}
