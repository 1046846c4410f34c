//! Goal: whoever mostly fails is noticed soon, whoever mostly succeeds never, what is kept is
//! bounded, and everybody is forgotten. Method: random histories, and a few told by hand.

use super::*;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

const MINUTE: Duration = Duration::from_secs(60);
const RULE: Rule = Rule { failures: 20, half_life: MINUTE, max_sources: 16 };

fn source(number: u8) -> Source {
    Source::of(IpAddr::V4(Ipv4Addr::new(10, 0, 0, number)))
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

#[test]
fn who_only_fails_is_noticed_at_the_least_number_and_once() {
    let mut failures = Failures::new(RULE);
    let noted: Vec<_> = (0..30).map(|_| failures.failed(source(1), 0, seconds(5))).collect();
    assert_eq!(noted.iter().position(|noted| *noted == Noted::Began), Some(19));
    assert_eq!(noted.iter().filter(|noted| **noted == Noted::Nothing).count(), 29);
}

#[test]
fn who_fails_slowly_is_not_noticed() {
    let mut failures = Failures::new(RULE);
    // Eight a minute: never more than sixteen in the window.
    for step in 0..1000 {
        assert_eq!(failures.failed(source(1), 0, seconds(step * 60 / 8)), Noted::Nothing);
    }
}

#[test]
fn a_throttle_ends_with_silence_and_with_successes() {
    let mut failures = Failures::new(RULE);
    (0..25).for_each(|_| _ = failures.failed(source(1), 0, seconds(0)));
    assert_eq!(failures.review(9, seconds(59)), []);
    assert_eq!(failures.review(9, seconds(119)), [], "twelve are left");
    assert_eq!(failures.review(9, seconds(120)), [source(1)], "six are left");
    (0..25).for_each(|_| _ = failures.failed(source(2), 0, seconds(0)));
    assert_eq!(failures.succeeded(source(2), 49, seconds(1)), Noted::Nothing);
    assert_eq!(failures.succeeded(source(2), 1, seconds(1)), Noted::Ended);
    assert_eq!(failures.failed(source(2), 0, seconds(1)), Noted::Nothing);
}

#[test]
fn those_who_are_held_back_are_never_forgotten_for_others() {
    let mut failures = Failures::new(Rule { max_sources: 3, ..RULE });
    for number in 1..=3 {
        (0..25).for_each(|_| _ = failures.failed(source(number), 0, seconds(0)));
    }
    assert_eq!(failures.failed(source(4), 0, seconds(1)), Noted::Full);
    assert_eq!(failures.remembered(), 3);
    assert_eq!(failures.review(9, seconds(130)).len(), 3);
    assert_eq!(failures.failed(source(4), 0, seconds(130)), Noted::Nothing);
}

#[derive(Debug, Clone)]
enum Step {
    Fail { source: u8, successes: u32 },
    Succeed { source: u8, count: u32 },
    Review(usize),
    Wait(u64),
}

fn step(sources: u8) -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..sources, 0u32..4).prop_map(|(source, successes)| Step::Fail { source, successes }),
        2 => (0..sources, 0u32..40).prop_map(|(source, count)| Step::Succeed { source, count }),
        1 => (0usize..20).prop_map(Step::Review),
        1 => (0u64..90).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn what_is_kept_is_bounded_and_beginnings_and_ends_alternate(
        steps in proptest::collection::vec(step(40), 0..600),
    ) {
        let rule = Rule { failures: 5, ..RULE };
        let (mut failures, mut now) = (Failures::new(rule), Duration::ZERO);
        let mut failing = std::collections::HashSet::new();
        for step in steps {
            let (who, noted) = match step {
                Step::Wait(time) => {
                    now += seconds(time);
                    continue;
                }
                Step::Review(count) => {
                    for ended in failures.review(count, now) {
                        prop_assert!(failing.remove(&ended), "it ended twice");
                    }
                    continue;
                }
                Step::Fail { source: number, successes } => {
                    (source(number), failures.failed(source(number), successes, now))
                }
                Step::Succeed { source: number, count } => {
                    (source(number), failures.succeeded(source(number), count, now))
                }
            };
            match noted {
                Noted::Began => prop_assert!(failing.insert(who), "it began twice"),
                Noted::Ended => prop_assert!(failing.remove(&who), "it ended without a beginning"),
                Noted::Full => prop_assert!(failing.len() >= COMPARED),
                Noted::Nothing => {}
            }
            prop_assert!(failures.remembered() <= rule.max_sources);
            prop_assert_eq!(failures.places.len(), failures.tallies.len());
            let kept = |who: &Source| failures.place(*who).is_some();
            prop_assert!(failing.iter().all(kept), "one that is held back was forgotten");
        }
        // When nobody does anything any more, everybody is forgotten.
        let ended = failures.review(usize::MAX, now + 40 * MINUTE);
        prop_assert_eq!(ended.len(), failing.len());
        prop_assert_eq!(failures.remembered(), 0);
    }

    /// The server of applications: for each failure at least one success was told.
    #[test]
    fn who_succeeds_as_often_as_it_fails_is_never_held_back(
        history in proptest::collection::vec((1u32..20, 0u64..30), 0..400),
    ) {
        let (mut failures, mut now) = (Failures::new(RULE), Duration::ZERO);
        for (successes, wait) in history {
            now += seconds(wait);
            prop_assert_eq!(failures.failed(source(1), successes, now), Noted::Nothing);
        }
    }

    #[test]
    fn a_pace_is_kept_over_every_stretch_of_time(
        waits in proptest::collection::vec(0u64..300, 1..200),
        per_second in 1u32..50,
        at_once in 1u32..10,
    ) {
        let patience = Duration::from_secs(3);
        let (mut pace, mut now) = (Pace::new(per_second, at_once), Duration::ZERO);
        let mut turns: Vec<Duration> = Vec::new();
        for wait in waits {
            now += Duration::from_millis(wait);
            match pace.wait(now, patience) {
                Some(wait) => {
                    prop_assert!(wait <= patience);
                    turns.push(now + wait);
                }
                None => prop_assert!(turns.iter().filter(|turn| **turn > now).count() > 1),
            }
        }
        prop_assert!(turns.is_sorted(), "nobody is overtaken");
        // Of any turns in a row, those beyond what may come at once are an interval apart.
        let many = at_once as usize;
        let interval = Duration::from_secs(1) / per_second;
        for stretch in turns.windows(many + 1) {
            prop_assert!(stretch[many] - stretch[0] + Duration::from_nanos(1) >= interval);
        }
    }
}
