//! What every bind moves: counted for each worker apart, so that no two workers write to one cache
//! line, and in buckets at once, so that nothing is kept for later. Summed up when the metrics are
//! asked for.

use super::table::{self, BUCKETS, Metric};
use crate::app::events::BindSpent;
use metrics_exporter_prometheus::formatting::sanitize_label_value;
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
    whole: Times,
    gateway: Times,
    upstream: Times,
    sign_on: Times,
}

/// How often something took how long.
struct Times {
    /// The last one holds what no bucket does.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Times {
    fn new() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS.len() + 1],
            nanoseconds: AtomicU64::new(0),
        }
    }

    fn count(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| nanoseconds <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Relaxed);
    }
}

/// Finds one kind of times in a place.
type Of<const RESULTS: usize> = fn(&Place<RESULTS>) -> &Times;

impl<const RESULTS: usize> Place<RESULTS> {
    /// The parts that a bind's time is split into, by their labels.
    const PARTS: [(&'static str, Of<RESULTS>); 3] = [
        ("gateway", |place| &place.gateway),
        ("upstream", |place| &place.upstream),
        ("sign_on", |place| &place.sign_on),
    ];
}

impl<const RESULTS: usize> Tally<RESULTS> {
    pub(super) fn new() -> Self {
        let place = |_| Place {
            results: [const { AtomicU64::new(0) }; RESULTS],
            whole: Times::new(),
            gateway: Times::new(),
            upstream: Times::new(),
            sign_on: Times::new(),
        };
        Self { places: (0..PLACES).map(place).collect() }
    }

    /// Counts a bind of a worker.
    pub(super) fn count(&self, worker: usize, result: usize, whole: Duration, spent: BindSpent) {
        let place = &self.places[worker % PLACES];
        place.results[result].fetch_add(1, Relaxed);
        place.whole.count(whole);
        let mut own = whole;
        if let Some(upstream) = spent.upstream {
            place.upstream.count(upstream);
            own = own.saturating_sub(upstream);
        }
        if let Some(sign_on) = spent.sign_on {
            place.sign_on.count(sign_on);
            own = own.saturating_sub(sign_on);
        }
        place.gateway.count(own);
    }

    /// How many binds ended in that way.
    pub(super) fn total(&self, result: usize) -> u64 {
        self.places.iter().map(|place| place.results[result].load(Relaxed)).sum()
    }

    fn render(&self, out: &mut String, metric: Metric, labels: &str, of: Of<RESULTS>) {
        let name = metric.name;
        let sum = |counter: &dyn Fn(&Times) -> &AtomicU64| -> u64 {
            self.places.iter().map(|place| counter(of(place)).load(Relaxed)).sum()
        };
        let mut count = 0;
        // A string takes whatever is written to it.
        for at in 0..=BUCKETS.len() {
            count += sum(&|times| &times.buckets[at]);
            let _ = match BUCKETS.get(at) {
                Some(bound) => {
                    writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}")
                }
                None => writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}"),
            };
        }
        let seconds = Duration::from_nanos(sum(&|times| &times.nanoseconds)).as_secs_f64();
        let _ = writeln!(out, "{name}_sum{{{labels}}} {seconds}");
        let _ = writeln!(out, "{name}_count{{{labels}}} {count}");
    }
}

/// The time that binds took, by directory, as histograms in Prometheus' text format.
pub(super) fn render<const RESULTS: usize>(tallies: &[(&str, &Tally<RESULTS>)], out: &mut String) {
    let head = |metric: Metric, out: &mut String| {
        let Metric { name, help, .. } = metric;
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} histogram");
    };
    let of = |directory| format!("directory=\"{}\"", sanitize_label_value(directory));
    head(table::BIND_SECONDS, out);
    for (directory, tally) in tallies {
        tally.render(out, table::BIND_SECONDS, &of(directory), |place| &place.whole);
    }
    out.push('\n');
    head(table::BIND_PART_SECONDS, out);
    for (directory, tally) in tallies {
        for (part, times) in Place::PARTS {
            let labels = format!("{},part=\"{part}\"", of(directory));
            tally.render(out, table::BIND_PART_SECONDS, &labels, times);
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_workers_count_apart_is_summed_up() {
        let tally = Tally::<2>::new();
        let micros = Duration::from_micros;
        for (worker, result, whole) in
            [(0, 0, 100), (1, 0, 101), (PLACES, 1, 2_500_000), (3, 1, 9_000_000)]
        {
            tally.count(worker, result, micros(whole), BindSpent::default());
        }
        assert_eq!((tally.total(0), tally.total(1)), (2, 2));
        let mut text = String::new();
        render(&[("a\"b", &tally)], &mut text);
        for line in [
            "# TYPE bindgate_bind_seconds histogram",
            "bindgate_bind_seconds_bucket{directory=\"a\\\"b\",le=\"0.0001\"} 1",
            "bindgate_bind_seconds_bucket{directory=\"a\\\"b\",le=\"0.00025\"} 2",
            "bindgate_bind_seconds_bucket{directory=\"a\\\"b\",le=\"2.5\"} 3",
            "bindgate_bind_seconds_bucket{directory=\"a\\\"b\",le=\"+Inf\"} 4",
            "bindgate_bind_seconds_sum{directory=\"a\\\"b\"} 11.500201",
            "bindgate_bind_seconds_count{directory=\"a\\\"b\"} 4",
        ] {
            assert!(text.lines().any(|candidate| candidate == line), "no {line:?} in\n{text}");
        }
    }

    #[test]
    fn the_parts_of_a_bind_make_up_the_whole() {
        let tally = Tally::<1>::new();
        let millis = Duration::from_millis;
        let spent = |upstream, sign_on| BindSpent {
            upstream: Some(millis(upstream)),
            sign_on: Some(millis(sign_on)),
        };
        tally.count(0, 0, millis(10), spent(6, 3));
        tally.count(1, 0, millis(5), BindSpent { sign_on: None, ..spent(4, 0) });
        tally.count(0, 0, millis(7), BindSpent::default());
        let mut text = String::new();
        render(&[("corp", &tally)], &mut text);
        for (part, count, sum) in
            [("gateway", 3, "0.009"), ("upstream", 2, "0.01"), ("sign_on", 1, "0.003")]
        {
            let labels = format!("{{directory=\"corp\",part=\"{part}\"}}");
            for line in [
                format!("bindgate_bind_part_seconds_count{labels} {count}"),
                format!("bindgate_bind_part_seconds_sum{labels} {sum}"),
            ] {
                assert!(text.lines().any(|candidate| candidate == line), "no {line:?} in\n{text}");
            }
        }
    }
}
