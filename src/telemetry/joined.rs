//! Joining log lines that would come in floods: the first is written, those within a minute of it
//! are only counted, and the next line tells how many there were.

use std::sync::atomic::{AtomicU64, Ordering};

/// How long after a line its likes are only counted.
const INTERVAL_SECONDS: u64 = 60;

/// One kind of line. Counting needs no lock: two threads at the same instant may both write.
#[derive(Default)]
pub(super) struct Joined {
    /// The second of the last line, plus one; 0 while there was none.
    last: AtomicU64,
    left_out: AtomicU64,
}

impl Joined {
    /// Whether to write a line at `second` (of any monotonic clock), and how many were left out
    /// before it.
    pub(super) fn admit(&self, second: u64) -> Option<u64> {
        let last = self.last.load(Ordering::Relaxed);
        if last != 0 && second < (last - 1).saturating_add(INTERVAL_SECONDS) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        self.last.store(second.saturating_add(1), Ordering::Relaxed);
        Some(self.left_out.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_one_line_a_minute_is_written_and_the_rest_is_told() {
        let joined = Joined::default();
        assert_eq!(joined.admit(0), Some(0));
        assert_eq!(joined.admit(1), None);
        assert_eq!(joined.admit(59), None);
        assert_eq!(joined.admit(60), Some(2));
        assert_eq!(joined.admit(61), None);
        assert_eq!(joined.admit(1000), Some(1));
        assert_eq!(joined.admit(2000), Some(0));
    }
}
