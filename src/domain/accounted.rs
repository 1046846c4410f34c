//! Numbers of changes of which it is known what they changed.
//!
//! A directory that numbers its changes shows of each entry the last one alone. A number that no
//! entry bears is that of a change that was overwritten since, or of an entry that is gone: only who
//! knows of every number in between knows that nothing is.

use std::collections::BTreeMap;

/// The most runs of numbers that are remembered: where there are more, the first are forgotten, as if
/// nobody had told of them.
const MAX_RUNS: usize = 4096;

/// A set of numbers, as runs without a gap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounted {
    /// The first of each run, and its last.
    runs: BTreeMap<u64, u64>,
}

impl Accounted {
    /// It is known what that change was.
    pub fn put(&mut self, number: u64) {
        let before = self.runs.range(..=number).next_back().map(|(first, last)| (*first, *last));
        let (first, last) = match before {
            Some((_, last)) if last >= number => return,
            Some((first, last)) if last.checked_add(1) == Some(number) => (first, number),
            _ => (number, number),
        };
        let behind = number.checked_add(1).and_then(|next| self.runs.remove(&next));
        self.runs.insert(first, behind.unwrap_or(last));
        if self.runs.len() > MAX_RUNS {
            self.runs.pop_first();
        }
    }

    /// Numbers up to this one are of no interest any more.
    pub fn forget_through(&mut self, number: u64) {
        while let Some(run) = self.runs.first_entry().filter(|run| *run.key() <= number) {
            let (_, last) = run.remove_entry();
            if let Some(first) = number.checked_add(1).filter(|first| *first <= last) {
                self.runs.insert(first, last);
            }
        }
    }

    /// How many of the numbers after one and up to another nobody has told of.
    pub fn missing(&self, after: u64, to: u64) -> u64 {
        let known = self.runs.iter().map(|(first, last)| {
            let (first, last) = ((*first).max(after.saturating_add(1)), (*last).min(to));
            last.checked_sub(first).map_or(0, |steps| steps + 1)
        });
        to.saturating_sub(after).saturating_sub(known.sum::<u64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn of(numbers: &[u64]) -> Accounted {
        let mut accounted = Accounted::default();
        numbers.iter().for_each(|number| accounted.put(*number));
        accounted
    }

    #[test]
    fn numbers_that_nobody_has_told_of_are_counted() {
        for (after, to, told, expected) in [
            (5, 5, &[][..], 0),
            (5, 8, &[6, 7, 8], 0),
            (5, 8, &[8, 6, 6, 9, 5], 1),
            (5, 8, &[], 3),
            (8, 5, &[], 0),
            (0, u64::MAX, &[1], u64::MAX - 1),
            (u64::MAX - 1, u64::MAX, &[u64::MAX], 0),
        ] {
            assert_eq!(of(told).missing(after, to), expected, "after {after} to {to}");
        }
    }

    #[test]
    fn numbers_come_in_any_order_and_are_kept_as_runs() {
        let mut accounted = of(&[3, 1, 2, 7, 5, 6, 6]);
        assert_eq!(accounted.runs, BTreeMap::from([(1, 3), (5, 7)]));
        accounted.forget_through(5);
        assert_eq!(accounted.runs, BTreeMap::from([(6, 7)]));
        accounted.forget_through(u64::MAX);
        assert_eq!(accounted, Accounted::default());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_first_are_forgotten() {
        let mut accounted = Accounted::default();
        (0..2 * MAX_RUNS as u64).for_each(|number| accounted.put(2 * number + 1));
        assert_eq!(accounted.runs.len(), MAX_RUNS);
        let last = 4 * MAX_RUNS as u64 - 1;
        assert_eq!(accounted.missing(last - 1, last), 0);
        assert_eq!(accounted.missing(0, 1), 1);
    }

    proptest! {
        #[test]
        fn they_are_counted_as_in_a_set(
            told in prop::collection::vec(0_u64..60, 0..80), after in 0_u64..60, to in 0_u64..60, past in 0_u64..60,
        ) {
            let mut accounted = of(&told);
            let set: BTreeSet<u64> = told.into_iter().collect();
            let missing = |from: u64| (from + 1..=to).filter(|n| !set.contains(n)).count() as u64;
            prop_assert_eq!(accounted.missing(after, to), missing(after));
            accounted.forget_through(past);
            let from = after.max(past);
            prop_assert_eq!(accounted.missing(from, to), missing(from));
        }
    }
}
