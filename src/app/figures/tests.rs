use super::*;

fn at(minute: i64, second: i64) -> Timestamp {
    Timestamp((minute * MINUTE + second) * SECOND)
}

/// Counters after so many sign-ons.
fn counted(sign_ons: u64) -> Figures {
    Figures { sign_ons: Counts::from([("created", sign_ons)]), ..Figures::default() }
}

/// The steps as minutes and sign-ons.
#[track_caller]
fn check(history: &History, resolution: Resolution, now: u64, expected: &[(i64, u64)]) {
    let steps = history.steps(resolution, &counted(now));
    let created = |step: &Step| step.figures.sign_ons.get("created").copied().unwrap_or(0);
    let found: Vec<_> =
        steps.iter().map(|step| (step.at.0 / SECOND / MINUTE, created(step))).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_minute_has_what_was_counted_in_it_and_the_last_one_what_was_counted_so_far() {
    let mut history = History::default();
    check(&history, Resolution::Minute, 7, &[]);
    history.note(at(100, 30), counted(7));
    check(&history, Resolution::Minute, 9, &[(100, 2)]);
    history.note(at(100, 59), counted(10));
    assert!(!history.is_due(at(100, 59)) && history.is_due(at(101, 0)));
    history.note(at(101, 2), counted(12));
    check(&history, Resolution::Minute, 12, &[(100, 5), (101, 0)]);
    check(&history, Resolution::Minute, 13, &[(100, 5), (101, 1)]);
}

#[test]
fn a_minute_in_which_nobody_came_to_note_it_is_not_taken_for_a_quiet_one() {
    let mut history = History::default();
    history.note(at(100, 0), counted(0));
    history.note(at(104, 0), counted(3));
    check(&history, Resolution::Minute, 4, &[(100, 3), (104, 1)]);
}

#[test]
fn quarters_are_sums_of_their_minutes_and_outlast_them() {
    let mut history = History::default();
    for minute in 0..=200 {
        history.note(at(minute, 1), counted(minute as u64));
    }
    let minutes = history.steps(Resolution::Minute, &counted(200));
    assert_eq!(minutes.len(), MINUTES);
    assert_eq!(minutes[0].at, at(81, 0));
    let quarters: Vec<_> = (0..13).map(|quarter| (quarter * 15, 15)).chain([(195, 6)]).collect();
    check(&history, Resolution::Quarter, 201, &quarters);
}

#[test]
fn what_is_kept_is_bounded() {
    let mut history = History::default();
    for minute in 0..20_000 {
        history.note(at(minute, 1), counted(minute as u64));
    }
    assert_eq!((history.minutes.len(), history.quarters.len()), (MINUTES, QUARTERS));
    assert_eq!(history.steps(Resolution::Quarter, &counted(20_000)).len(), QUARTERS);
}

#[test]
fn a_clock_that_is_set_back_leaves_nothing_in_the_future() {
    let mut history = History::default();
    for minute in 100..110 {
        history.note(at(minute, 0), counted(minute as u64));
    }
    history.note(at(105, 0), counted(120));
    check(
        &history,
        Resolution::Minute,
        121,
        &[(100, 1), (101, 1), (102, 1), (103, 1), (104, 1), (105, 1)],
    );
}

#[test]
fn times_are_told_by_mean_and_parts() {
    #[track_caller]
    fn check(buckets: &[(usize, u64)], part: f64, expected: Option<f64>) {
        let mut spent = Spent::default();
        for (at, count) in buckets {
            spent.buckets[*at] = *count;
        }
        let found = spent.at_most(part);
        let is_near = |(a, b): (f64, f64)| (a - b).abs() < 1e-9;
        assert!(found.zip(expected).map_or(found == expected, is_near), "{found:?}");
    }
    check(&[], 0.5, None);
    check(&[(0, 4)], 0.5, Some(0.00005));
    // two of four are within 1 ms and 2.5 ms: the median is the end of the first bucket
    check(&[(3, 2), (4, 2)], 0.5, Some(0.001));
    check(&[(3, 2), (4, 2)], 1.0, Some(0.0025));
    check(&[(14, 1)], 0.5, Some(2.5));
    let spent = Spent { buckets: std::array::from_fn(|at| u64::from(at < 2)), seconds: 3.0 };
    assert_eq!((spent.mean(), Spent::default().mean()), (Some(1.5), None));
}
