//! What the kernel says of this process: memory, and time for which it had to wait.

use std::fs;
use std::time::{Duration, Instant};

/// Resident memory in MiB.
pub(crate) fn resident() -> f64 {
    status("VmRSS:")
}

/// The most that was ever resident, in MiB.
pub(crate) fn peak() -> f64 {
    status("VmHWM:")
}

fn status(field: &str) -> f64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// Measures how much of a span of time the process waited for a processor that others had.
pub(crate) struct Waiting {
    began: Instant,
    before: Duration,
}

impl Waiting {
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now(), before: waited() }
    }

    /// The share since then, 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        waited().saturating_sub(self.before).as_secs_f64() / self.began.elapsed().as_secs_f64()
    }
}

fn waited() -> Duration {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let waited = text.split_ascii_whitespace().nth(1).and_then(|field| field.parse().ok());
    Duration::from_nanos(waited.unwrap_or(0))
}
