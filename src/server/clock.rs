//! The clock and the source of new ids.

use crate::app::ports::Clock;
use crate::domain::record::RecordId;
use crate::domain::time::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many bytes of an id are microseconds since 1970: enough until the year 4253.
const TIME_BYTES: usize = 7;

/// The system's clock and randomness.
#[derive(Clone, Default)]
pub struct SystemClock {
    random: Arc<SystemRandomness>,
}

#[derive(Default)]
struct SystemRandomness {
    source: std::sync::OnceLock<SystemRandom>,
    counter: AtomicU64,
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// The first part is the time: records that are made one after another are neighbours in the
    /// store, which then writes few pages for many of them. The rest is random.
    fn new_record_id(&self) -> RecordId {
        let mut bytes = [0; 16];
        let (time, rest) = bytes.split_at_mut(TIME_BYTES);
        time.copy_from_slice(&self.now().0.to_be_bytes()[8 - TIME_BYTES..]);
        let source = self.random.source.get_or_init(SystemRandom::new);
        if source.fill(rest).is_err() {
            // Ids have to be unique, not secret: a counter does as well.
            let count = self.random.counter.fetch_add(1, Ordering::Relaxed);
            rest[..8].copy_from_slice(&count.to_be_bytes());
        }
        let mut text = String::with_capacity(32);
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        RecordId(Arc::from(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_ids_are_not_given_twice() {
        let clock = SystemClock::default();
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| clock.new_record_id()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.0.len() == 32));
        let (first, later) = (clock.new_record_id(), clock.now());
        while clock.now() == later {}
        assert!(first < clock.new_record_id(), "what is made later comes later");
    }
}
