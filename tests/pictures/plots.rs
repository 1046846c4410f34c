//! Figures over time: what is known is drawn where it belongs, and what is not known is not drawn as
//! nothing.

use super::seen::Seen;
use bindgate::console::picture::{MAX_SERIES, MAX_STEPS, Plot, Series, Unit, lines, stacked};
use bindgate::domain::time::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;

/// 2026-01-01T00:00:00Z.
const NEW_YEAR: Timestamp = Timestamp(1_767_225_600_000_000);

fn plot(unit: Unit, draw: fn(&Plot<'_>) -> String, series: &[(&str, &[Option<f64>])]) -> Seen {
    let series: Vec<_> = series.iter().map(|(name, values)| Series { name, values }).collect();
    let plot = Plot { title: "Sign-ons", unit, until: NEW_YEAR, step: 60, series: &series };
    Seen::read(&draw(&plot))
}

/// The ends of the bars of a path such as `M58.0 162.0V12.0h4.1V162.0z`: from where to where.
fn bars(path: &str) -> Vec<(f64, f64)> {
    let number = |text: &str| text.parse::<f64>().unwrap();
    path.split('z')
        .filter(|bar| !bar.is_empty())
        .map(|bar| {
            let (start, rest) = bar.split_once('V').unwrap();
            (number(start.split_once(' ').unwrap().1), number(rest.split_once('h').unwrap().0))
        })
        .collect()
}

#[test]
fn bars_stand_one_upon_the_other() {
    let seen = plot(
        Unit::Count,
        stacked,
        &[("created", &[Some(1.0), Some(0.0)]), ("changed", &[Some(3.0), Some(4.0)])],
    );
    let (created, changed) = (seen.path("bars series-1"), seen.path("bars series-2"));
    assert_eq!(bars(&created), [(162.0, 124.5)]);
    assert_eq!(bars(&changed), [(124.5, 12.0), (162.0, 12.0)]);
    assert_eq!(seen.legend(), ["created: 1", "changed: 7"]);
    assert_eq!(seen.description(), "Sign-ons, over 2 minutes. created: 1; changed: 7.");
    assert!(!seen.has("unknown") && !seen.has("empty"));
}

#[test]
fn a_line_is_cut_where_nothing_is_known_and_a_value_alone_is_a_point() {
    let values = [Some(0.001), Some(0.002), None, Some(0.003), None];
    let seen = plot(Unit::Seconds, lines, &[("median", &values)]);
    let line = seen.path("line series-1");
    assert_eq!(
        (line.matches('M').count(), line.matches('L').count(), line.matches('h').count()),
        (2, 1, 1)
    );
    assert_eq!(seen.legend(), ["median: at most 3 ms"]);
    assert_eq!(seen.path("unknown").matches('M').count(), 2);
}

#[test]
fn nothing_is_said_to_be_nothing_and_unknown_to_be_unknown() {
    #[track_caller]
    fn check(values: &[Option<f64>], is_empty: bool, is_unknown: bool) {
        for draw in [stacked, lines] {
            let seen = plot(Unit::Count, draw, &[("created", values)]);
            assert_eq!(
                (seen.has("empty"), seen.has("unknown")),
                (is_empty, is_unknown),
                "{values:?}"
            );
        }
    }
    check(&[], true, false);
    check(&[None, None], true, true);
    check(&[Some(0.0)], true, false);
    check(&[None, Some(1.0)], false, true);
}

#[test]
fn the_last_steps_and_a_handful_of_series_are_plotted() {
    let values = vec![Some(1.0); MAX_STEPS + 50];
    let names: Vec<_> = (0..MAX_SERIES + 2).map(|at| format!("series {at}")).collect();
    let series: Vec<(&str, &[Option<f64>])> =
        names.iter().map(|name| (name.as_str(), values.as_slice())).collect();
    let seen = plot(Unit::Count, stacked, &series);
    assert_eq!(seen.legend().len(), MAX_SERIES);
    assert_eq!(bars(&seen.path("bars series-1")).len(), MAX_STEPS);
}

/// Two values that are numbers came to a sum that is none.
#[test]
fn the_largest_values_still_add_up() {
    let largest = [Some(f64::MAX); 3];
    for draw in [stacked, lines] {
        let seen = plot(Unit::Count, draw, &[("created", &largest), ("changed", &largest)]);
        let legend = seen.legend();
        assert!(legend.iter().all(|text| !text.contains("inf")), "{legend:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_plotted_stays_within_its_axes(
        values in vec(vec(proptest::option::of(any::<f64>()), 0..260), 0..10),
        name in "\\PC{0,20}",
        until in any::<i64>(),
        step in any::<u64>(),
    ) {
        let series: Vec<_> = values.iter().map(|values| Series { name: &name, values }).collect();
        for (draw, unit) in [(stacked as fn(&Plot<'_>) -> String, Unit::Count), (lines, Unit::Seconds)] {
            let plot = Plot { title: &name, unit, until: Timestamp(until), step, series: &series };
            let text = draw(&plot);
            Seen::read(&text);
            prop_assert!(!text.contains("NaN") && !text.contains("inf "), "{}", text);
            prop_assert!(text.len() < 100_000, "{} bytes", text.len());
        }
    }
}
