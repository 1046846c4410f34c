//! What every bind moves: counted for each worker apart, so that no two workers write to one cache
//! line, and in buckets at once, so that nothing is kept for later. Summed up when the metrics are
//! asked for.

use super::table::{self, BUCKETS};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Workers beyond so many share a place with another.
const PLACES: usize = 64;

/// Upper bounds of the buckets in nanoseconds.
const BOUNDS: [u64; BUCKETS.len()] = {
    let mut bounds = [0; BUCKETS.len()];
    let mut at = 0;
    while at < bounds.len() {
        bounds[at] = (BUCKETS[at] * 1e9) as u64;
        at += 1;
    }
    bounds
};

/// Binds by result, of `RESULTS` kinds, and the time that they took.
pub(super) struct Tally<const RESULTS: usize> {
    places: Box<[Place<RESULTS>]>,
}

/// One worker's counts.
#[repr(align(128))]
struct Place<const RESULTS: usize> {
    results: [AtomicU64; RESULTS],
    /// The last one holds what no bucket does.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    nanoseconds: AtomicU64,
}

impl<const RESULTS: usize> Tally<RESULTS> {
    pub(super) fn new() -> Self {
        let place = |_| Place {
            results: [const { AtomicU64::new(0) }; RESULTS],
            buckets: [const { AtomicU64::new(0) }; BUCKETS.len() + 1],
            nanoseconds: AtomicU64::new(0),
        };
        Self { places: (0..PLACES).map(place).collect() }
    }

    /// Counts a bind of a worker.
    pub(super) fn count(&self, worker: usize, result: usize, elapsed: Duration) {
        let place = &self.places[worker % PLACES];
        let nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| nanoseconds <= *bound).unwrap_or(BOUNDS.len());
        place.results[result].fetch_add(1, Relaxed);
        place.buckets[bucket].fetch_add(1, Relaxed);
        place.nanoseconds.fetch_add(nanoseconds, Relaxed);
    }

    /// How many binds ended in that way.
    pub(super) fn total(&self, result: usize) -> u64 {
        self.places.iter().map(|place| place.results[result].load(Relaxed)).sum()
    }

    /// The time that binds took, as a histogram in Prometheus' text format.
    pub(super) fn render(&self, out: &mut String) {
        let name = table::BIND_SECONDS.name;
        let mut count = 0;
        let mut line = |text: std::fmt::Arguments<'_>| {
            // A string takes whatever is written to it.
            let _ = writeln!(out, "{text}");
        };
        line(format_args!("# HELP {name} {}", table::BIND_SECONDS.help));
        line(format_args!("# TYPE {name} histogram"));
        for at in 0..=BUCKETS.len() {
            count += self.places.iter().map(|place| place.buckets[at].load(Relaxed)).sum::<u64>();
            match BUCKETS.get(at) {
                Some(bound) => line(format_args!("{name}_bucket{{le=\"{bound}\"}} {count}")),
                None => line(format_args!("{name}_bucket{{le=\"+Inf\"}} {count}")),
            }
        }
        let nanoseconds: u64 =
            self.places.iter().map(|place| place.nanoseconds.load(Relaxed)).sum();
        line(format_args!("{name}_sum {}", Duration::from_nanos(nanoseconds).as_secs_f64()));
        line(format_args!("{name}_count {count}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_workers_count_apart_is_summed_up() {
        let tally = Tally::<2>::new();
        for (worker, result, micros) in
            [(0, 0, 100), (1, 0, 101), (PLACES, 1, 2_500_000), (3, 1, 9_000_000)]
        {
            tally.count(worker, result, Duration::from_micros(micros));
        }
        assert_eq!((tally.total(0), tally.total(1)), (2, 2));
        let mut text = String::new();
        tally.render(&mut text);
        for line in [
            "# TYPE bindgate_bind_seconds histogram",
            "bindgate_bind_seconds_bucket{le=\"0.0001\"} 1",
            "bindgate_bind_seconds_bucket{le=\"0.00025\"} 2",
            "bindgate_bind_seconds_bucket{le=\"2.5\"} 3",
            "bindgate_bind_seconds_bucket{le=\"+Inf\"} 4",
            "bindgate_bind_seconds_sum 11.500201",
            "bindgate_bind_seconds_count 4",
        ] {
            assert!(text.lines().any(|candidate| candidate == line), "no {line:?} in\n{text}");
        }
    }
}
