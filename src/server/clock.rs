//! The clock and the source of new ids.

use crate::app::ports::Clock;
use crate::domain::record::RecordId;
use crate::domain::time::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

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

    fn new_record_id(&self) -> RecordId {
        let mut bytes = [0; 16];
        let source = self.random.source.get_or_init(SystemRandom::new);
        if source.fill(&mut bytes).is_err() {
            // Ids have to be unique, not secret: time and a counter do as well.
            let count = self.random.counter.fetch_add(1, Ordering::Relaxed);
            bytes[..8].copy_from_slice(&self.now().0.to_be_bytes());
            bytes[8..].copy_from_slice(&count.to_be_bytes());
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
    }
}
