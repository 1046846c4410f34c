//! Latencies, counted in buckets that are about 3 % wide.

use std::time::Duration;

/// Each power of two is divided into this many buckets.
const PER_OCTAVE: u64 = 32;

/// A histogram of durations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    /// Counts a duration.
    pub(crate) fn record(&mut self, duration: Duration) {
        let bucket = bucket(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
    }

    /// The duration below which the given share, 0 to 1, of all lies; zero if there are none.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(start(bucket as u64));
            }
        }
        Duration::ZERO
    }
}

fn bucket(value: u64) -> usize {
    let value = value.max(PER_OCTAVE);
    let shift = u64::from(value.ilog2() - PER_OCTAVE.ilog2());
    (shift * PER_OCTAVE + (value >> shift) - PER_OCTAVE) as usize
}

fn start(bucket: u64) -> u64 {
    (bucket % PER_OCTAVE + PER_OCTAVE) << (bucket / PER_OCTAVE)
}
