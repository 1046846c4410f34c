//! Axes: which values and times are marked, and how they are said.

use super::plot::Unit;

/// The most marks of an axis of values beside zero.
const MAX_MARKS: f64 = 4.0;
/// The most marks of an axis of time.
const MAX_TIMES: i64 = 8;
/// How far apart marks of time may be, in seconds.
const APART: [i64; 11] = [60, 300, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800];

/// An axis of values from zero.
#[derive(Debug, PartialEq)]
pub(super) struct Scale {
    /// Its end.
    pub(super) top: f64,
    /// Values with what is said of them, from zero on.
    pub(super) marks: Vec<(f64, String)>,
}

impl Scale {
    /// One that has room for a value, and round marks.
    pub(super) fn new(highest: f64, unit: Unit) -> Self {
        let least = match unit {
            Unit::Count => 1.0,
            Unit::Seconds => 0.000_1,
        };
        // what is larger is cut off: no counter gets there
        let highest = highest.clamp(least, 1e15);
        let power = 10_f64.powf((highest / MAX_MARKS).log10().floor());
        let rounds = [1.0, 2.0, 5.0, 10.0].map(|round| round * power);
        let fits = |step: &f64| highest / step <= MAX_MARKS + 1e-9;
        let step = rounds.into_iter().find(fits).unwrap_or(rounds[3]).max(match unit {
            Unit::Count => 1.0,
            Unit::Seconds => 0.0,
        });
        // exact: at most MAX_MARKS and one
        let steps = (highest / step - 1e-9).ceil().max(1.0) as u32;
        let mark = |at: u32| (f64::from(at) * step, said(f64::from(at) * step, unit));
        Self { top: f64::from(steps) * step, marks: (0..=steps).map(mark).collect() }
    }
}

/// A value with its unit.
pub(super) fn said(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count if value >= 1e6 => format!("{} M", short(value / 1e6)),
        Unit::Count if value >= 10_000.0 => format!("{} k", short(value / 1e3)),
        Unit::Count => short(value),
        Unit::Seconds if value == 0.0 => "0".to_owned(),
        Unit::Seconds if value < 0.000_999_5 => format!("{} µs", short(value * 1e6)),
        Unit::Seconds if value < 0.999_5 => format!("{} ms", short(value * 1e3)),
        Unit::Seconds => format!("{} s", short(value)),
    }
}

/// A number with three digits that matter.
fn short(value: f64) -> String {
    let text = match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A span of time in words.
pub(super) fn span(seconds: u64) -> String {
    let counted = |count: u64, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    match seconds {
        0..7200 => counted(seconds.div_ceil(60), "minute"),
        _ => counted(seconds.div_ceil(3600), "hour"),
    }
}

/// The moments to be marked between two, in seconds since 1970, with what is said of them in UTC.
pub(super) fn times(from: i64, until: i64) -> Vec<(i64, String)> {
    if until <= from {
        return Vec::new();
    }
    let fits = |apart: &&i64| (until - from) / **apart <= MAX_TIMES;
    let apart = *APART.iter().find(fits).unwrap_or(&APART[APART.len() - 1]);
    let first = (from.div_euclid(apart) * apart).saturating_add(apart);
    let all = (0..=MAX_TIMES).map(|at| first.saturating_add(at * apart));
    all.take_while(|at| *at <= until).filter_map(|at| Some((at, moment(at)?))).collect()
}

/// A time of day; the day itself where it begins.
fn moment(seconds: i64) -> Option<String> {
    let moment = jiff::Timestamp::from_second(seconds).ok()?;
    let form = if seconds.rem_euclid(86_400) == 0 { "%b %-d" } else { "%H:%M" };
    Some(moment.strftime(form).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_have_room_for_the_highest() {
        #[track_caller]
        fn check(highest: f64, unit: Unit, expected: &[&str]) {
            let scale = Scale::new(highest, unit);
            let said: Vec<_> = scale.marks.iter().map(|(_, said)| said.as_str()).collect();
            assert_eq!(said, expected);
            assert!(scale.top >= highest.min(1e15), "{scale:?}");
        }
        check(0.0, Unit::Count, &["0", "1"]);
        check(1.0, Unit::Count, &["0", "1"]);
        check(3.0, Unit::Count, &["0", "1", "2", "3"]);
        check(5.0, Unit::Count, &["0", "2", "4", "6"]);
        check(23.0, Unit::Count, &["0", "10", "20", "30"]);
        check(1_000.0, Unit::Count, &["0", "500", "1000"]);
        check(40_000.0, Unit::Count, &["0", "10 k", "20 k", "30 k", "40 k"]);
        check(0.0, Unit::Seconds, &["0", "50 µs", "100 µs"]);
        check(0.003, Unit::Seconds, &["0", "1 ms", "2 ms", "3 ms"]);
        check(1.7, Unit::Seconds, &["0", "500 ms", "1 s", "1.5 s", "2 s"]);
        check(f64::MAX, Unit::Count, &["0", "500000000 M", "1000000000 M"]);
    }

    #[test]
    fn times_are_round_and_said_in_utc() {
        #[track_caller]
        fn check(from: i64, long: i64, expected: &[&str]) {
            let times = times(from, from + long);
            let said: Vec<_> = times.iter().map(|(_, said)| said.as_str()).collect();
            assert_eq!(said, expected);
        }
        let evening = 1_767_225_600 - 3_700; // 2025-12-31T22:58:20Z
        check(
            evening,
            7_200,
            &["23:00", "23:15", "23:30", "23:45", "Jan 1", "00:15", "00:30", "00:45"],
        );
        check(
            evening,
            172_800,
            &["Jan 1", "06:00", "12:00", "18:00", "Jan 2", "06:00", "12:00", "18:00"],
        );
        check(evening, 0, &[]);
        check(i64::MAX - 10, 5, &[]);
    }

    #[test]
    fn spans_are_said_in_words() {
        assert_eq!(
            [60, 3600, 7200, 172_800].map(span),
            ["1 minute", "60 minutes", "2 hours", "48 hours"]
        );
    }
}
