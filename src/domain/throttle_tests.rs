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

/// Splitmix: as even as any.
fn hash(name: u64) -> u64 {
    let mut mixed = name.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

#[test]
fn who_only_fails_is_suspected_and_then_held_back_once_each() {
    let mut failures = Failures::new(RULE);
    let noted: Vec<_> = (0..50).map(|_| failures.failed(source(1), seconds(5))).collect();
    let at = |wanted| noted.iter().position(|noted| *noted == wanted);
    assert_eq!((at(Noted::Suspected), at(Noted::Began)), (Some(19), Some(29)));
    assert_eq!(noted.iter().filter(|noted| **noted == Noted::Nothing).count(), 48);
}

/// Successes from before a suspicion do not count, so that they need not be told: a server that has
/// just come up, with a user on each of its many connections, must not be judged by its failures
/// alone.
#[test]
fn many_failures_among_many_more_successes_make_a_suspect_and_no_more() {
    let mut failures = Failures::new(RULE);
    for bind in 0..10_000 {
        let noted = match bind % 10 {
            0 => failures.failed(source(1), seconds(0)),
            name => failures.succeeded(source(1), hash(bind + name), seconds(0)),
        };
        assert!(matches!(noted, Noted::Nothing | Noted::Suspected), "{bind}: {noted:?}");
    }
}

/// Sixty-four users, of whose many binds a tenth fails, at a pace that leaves no new name to count.
#[test]
fn slips_of_those_who_sign_on_do_not_count_however_many_and_however_few_they_are() {
    for users in [1, 64, 10_000] {
        let mut failures = Failures::new(RULE);
        let mut began = 0;
        for bind in 0..200_000_u64 {
            let (name, now) = (hash(bind % users), Duration::from_micros(bind * 60));
            let noted = match bind % 11 {
                0 => failures.failed_as(source(1), name, now),
                _ => failures.succeeded(source(1), name, now),
            };
            began += u32::from(noted == Noted::Began);
        }
        assert_eq!(began, 0, "{users} users");
    }
}

#[test]
fn who_fails_slowly_is_not_noticed() {
    let mut failures = Failures::new(RULE);
    // Eight a minute: never more than sixteen in the window.
    for step in 0..1000 {
        assert_eq!(failures.failed(source(1), seconds(step * 60 / 8)), Noted::Nothing);
    }
}

fn ended(failures: &mut Failures, now: Duration) -> Vec<Source> {
    failures.review(9, now).ended
}

#[test]
fn a_throttle_ends_with_silence_and_with_successes() {
    let mut failures = Failures::new(RULE);
    (0..30).for_each(|_| _ = failures.failed(source(1), seconds(0)));
    assert_eq!(ended(&mut failures, seconds(59)), []);
    assert_eq!(ended(&mut failures, seconds(119)), [], "fifteen are left");
    let review = failures.review(9, seconds(120));
    assert_eq!(
        (review.ended, review.cleared),
        (vec![source(1)], vec![source(1)]),
        "seven are left"
    );
    (0..30).for_each(|_| _ = failures.failed(source(2), seconds(0)));
    let noted: Vec<_> =
        (0..20).map(|name| failures.succeeded(source(2), hash(name), seconds(1))).collect();
    assert_eq!(noted.iter().position(|noted| *noted == Noted::Ended), Some(19), "two for each");
    assert_eq!(failures.failed(source(2), seconds(1)), Noted::Nothing);
}

#[test]
fn those_who_are_held_back_are_never_forgotten_for_others() {
    let mut failures = Failures::new(Rule { max_sources: 3, ..RULE });
    for number in 1..=3 {
        (0..25).for_each(|_| _ = failures.failed(source(number), seconds(0)));
    }
    assert_eq!(failures.failed(source(4), seconds(1)), Noted::Full);
    assert_eq!(failures.remembered(), 3);
    assert_eq!(failures.review(9, seconds(130)).cleared.len(), 3);
    assert_eq!(failures.failed(source(4), seconds(130)), Noted::Nothing);
}

#[derive(Debug, Clone)]
enum Step {
    Fail(u8),
    Succeed(u8, u8),
    Review(usize),
    Wait(u64),
}

fn step(sources: u8) -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..sources).prop_map(Step::Fail),
        2 => (0..sources, any::<u8>()).prop_map(|(source, name)| Step::Succeed(source, name)),
        1 => (0usize..20).prop_map(Step::Review),
        1 => (0u64..90).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn what_is_kept_is_bounded_and_beginnings_and_ends_alternate(
        steps in (4u8..40).prop_flat_map(|many| proptest::collection::vec(step(many), 0..900)),
    ) {
        let rule = Rule { failures: 5, ..RULE };
        let (mut failures, mut now) = (Failures::new(rule), Duration::ZERO);
        let mut failing = std::collections::HashSet::new();
        let mut suspected = std::collections::HashSet::new();
        for step in steps {
            let (who, noted) = match step {
                Step::Wait(time) => {
                    now += seconds(time);
                    continue;
                }
                Step::Review(count) => {
                    let Review { ended, cleared } = failures.review(count, now);
                    for source in ended {
                        prop_assert!(failing.remove(&source), "it ended twice");
                    }
                    for source in cleared {
                        prop_assert!(suspected.remove(&source), "it was no suspect");
                        prop_assert!(!failing.contains(&source), "it keeps failing");
                    }
                    continue;
                }
                Step::Fail(number) => (source(number), failures.failed(source(number), now)),
                Step::Succeed(number, name) => {
                    (source(number), failures.succeeded(source(number), hash(name.into()), now))
                }
            };
            match noted {
                Noted::Suspected => prop_assert!(suspected.insert(who), "it was a suspect"),
                Noted::Began => {
                    prop_assert!(failing.insert(who), "it began twice");
                    prop_assert!(suspected.contains(&who), "it was no suspect");
                }
                Noted::Ended => prop_assert!(failing.remove(&who), "it ended without a beginning"),
                Noted::Full => prop_assert!(suspected.len() >= COMPARED),
                Noted::Nothing => {}
            }
            prop_assert!(failures.remembered() <= rule.max_sources);
            prop_assert_eq!(failures.places.len(), failures.tallies.len());
            let kept = |who: &Source| failures.place(*who).is_some();
            prop_assert!(suspected.iter().all(kept), "a suspect was forgotten");
        }
        // When nobody does anything any more, everybody is forgotten.
        let last = failures.review(usize::MAX, now + 40 * MINUTE);
        prop_assert_eq!(last.ended.len(), failing.len());
        prop_assert_eq!(last.cleared.len(), suspected.len());
        prop_assert_eq!(failures.remembered(), 0);
    }

    /// The server of applications: for each failure at least one name has succeeded before that has
    /// not succeeded in this half-life. What else succeeds, and how often, makes no difference.
    #[test]
    fn for_whom_a_new_name_vouches_before_each_failure_is_never_held_back(
        history in proptest::collection::vec((0u64..20, 0u64..30), 0..400),
    ) {
        let (mut failures, mut now) = (Failures::new(RULE), Duration::ZERO);
        for (fresh, (others, wait)) in history.into_iter().enumerate() {
            now += seconds(wait);
            failures.succeeded(source(1), 1000 + fresh as u64, now);
            (0..others).for_each(|name| _ = failures.succeeded(source(1), name, now));
            prop_assert_ne!(failures.failed(source(1), now), Noted::Began);
        }
    }

    /// Many users behind one address, of whose binds one in ten fails: at any pace up to four binds
    /// of each in a half-life.
    #[test]
    fn a_server_of_applications_whose_users_mistype_one_in_ten_is_never_held_back(
        users in 100u64..5000,
        binds_each in 1u64..=4,
        seed: u64,
    ) {
        let (mut failures, mut dice) = (Failures::new(RULE), hash(seed));
        let each_minute = users * binds_each;
        for bind in 0..each_minute.min(3000) * 3 {
            dice = hash(dice);
            let now = Duration::from_secs_f64(bind as f64 * 60.0 / each_minute as f64);
            let noted = match dice % 10 {
                0 => failures.failed(source(1), now),
                _ => failures.succeeded(source(1), hash(dice / 10 % users), now),
            };
            prop_assert!(matches!(noted, Noted::Nothing | Noted::Suspected), "{}: {:?}", bind, noted);
        }
    }

    /// Whoever has a few passwords can use them as often as they like between guesses, and in
    /// whatever order: guessing twenty passwords more than they have names in half a minute is
    /// noticed.
    #[test]
    fn a_few_names_of_ones_own_do_not_hide_failures_whatever_the_order(
        names in 1u64..6,
        order in proptest::collection::vec(any::<bool>(), 400..800),
    ) {
        let mut failures = Failures::new(RULE);
        let began = order.iter().zip(0u64..).any(|(guesses, step)| {
            let noted = match guesses {
                true => failures.failed(source(1), seconds(step * 30 / 800)),
                false => failures.succeeded(source(1), hash(step % names), seconds(step * 30 / 800)),
            };
            noted == Noted::Began
        });
        let guesses = order.iter().filter(|guesses| **guesses).count();
        prop_assert!(began || guesses < 40);
    }

    /// Whoever fails twice as often as needed, and succeeds less often than it fails, is noticed.
    #[test]
    fn who_mostly_fails_is_held_back_whatever_the_order(
        history in Just([vec![true; 40], vec![false; 9]].concat()).prop_shuffle(),
    ) {
        let mut failures = Failures::new(RULE);
        let noted = history.into_iter().map(|fails| match fails {
            true => failures.failed(source(1), seconds(0)),
            false => failures.succeeded(source(1), 7, seconds(0)),
        });
        prop_assert!(noted.into_iter().any(|noted| noted == Noted::Began));
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
