//! How many spare connections are worth having: as many as demand was lately surprised by, halved.

/// Follows how often somebody came for whom nothing warm was there.
#[derive(Debug)]
pub(super) struct Ahead {
    most: usize,
    misses: usize,
    kept: usize,
}

impl Ahead {
    /// Never asks for more than `most`.
    pub(super) fn new(most: usize) -> Self {
        Self { most, misses: 0, kept: 0 }
    }

    /// Somebody came for whom nothing warm was there, or not on the right worker.
    pub(super) fn missed(&mut self) {
        self.misses = self.misses.saturating_add(1);
    }

    /// A period is over: what is asked for halves with each that has no misses.
    pub(super) fn tick(&mut self) {
        self.kept = self.spares().min(self.kept / 2 + self.misses);
        self.misses = 0;
    }

    /// How many spare ones to have. One miss alone asks for none.
    pub(super) fn spares(&self) -> usize {
        self.kept.max(self.misses / 2).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(most: usize, misses: &[usize], expected: &[usize]) {
        let mut ahead = Ahead::new(most);
        let spares = misses.iter().map(|misses| {
            (0..*misses).for_each(|_| ahead.missed());
            let spares = ahead.spares();
            ahead.tick();
            spares
        });
        assert_eq!(spares.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn spares_follow_demand_up_at_once_and_down_slowly_and_never_above_the_most() {
        check(8, &[0, 1, 0], &[0, 0, 0]);
        check(8, &[6, 0, 0, 0, 0], &[3, 3, 1, 0, 0]);
        check(8, &[100, 0, 100], &[8, 8, 8]);
        check(0, &[100, 0], &[0, 0]);
    }
}
