//! Whether a loss of groups is believed: the account may only have lost its right to see them.

/// A loss of more than this share of the groups, in per cent, is held.
const LOSS_HELD: u128 = 30;

/// What to make of a number of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Believe,
    /// It does not, until it is confirmed or passes.
    Hold,
}

/// Compares what a refresh leaves with what there was when the copy was complete last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guard {
    trusted: usize,
    held: Option<usize>,
    accepted: Option<usize>,
}

impl Guard {
    /// A guard over a copy that held so many groups when it was complete.
    pub fn new(trusted: usize) -> Self {
        Self { trusted, held: None, accepted: None }
    }

    /// How many groups the copy held when it was complete.
    pub fn trusted(&self) -> usize {
        self.trusted
    }

    /// Judges a change that leaves so many groups.
    pub fn judge(&mut self, left: usize) -> Verdict {
        let lost = self.trusted.saturating_sub(left);
        let is_loss = lost as u128 * 100 > self.trusted as u128 * LOSS_HELD;
        let is_accepted = self.accepted.is_some_and(|accepted| left >= accepted);
        if !is_loss || is_accepted {
            return Verdict::Believe;
        }
        self.held = Some(left);
        Verdict::Hold
    }

    /// The copy is complete with so many groups; whatever was held has passed.
    pub fn settled(&mut self, groups: usize) {
        *self = Self::new(groups);
    }

    /// Somebody says that what is held is so; a later refresh is believed that leaves as many
    /// groups. `false` if nothing is held.
    pub fn confirm(&mut self) -> bool {
        self.accepted = self.held.or(self.accepted);
        self.held.is_some()
    }

    /// How many groups the change leaves that is held.
    pub fn held(&self) -> Option<usize> {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(trusted: usize, left: usize, expected: Verdict) {
        assert_eq!(Guard::new(trusted).judge(left), expected, "{left} of {trusted}");
    }

    #[test]
    fn a_loss_of_more_than_thirty_in_a_hundred_is_held() {
        check(100, 70, Verdict::Believe);
        check(100, 69, Verdict::Hold);
        check(100, 0, Verdict::Hold);
        check(1, 0, Verdict::Hold);
        check(10, 7, Verdict::Believe);
        check(100, 500, Verdict::Believe);
        check(0, 0, Verdict::Believe);
        check(usize::MAX / 100, 0, Verdict::Hold);
    }

    #[test]
    fn what_was_confirmed_passes_once_and_a_greater_loss_does_not() {
        let mut guard = Guard::new(100);
        assert!(!guard.confirm(), "nothing is held");
        assert_eq!(guard.judge(50), Verdict::Hold);
        assert_eq!(guard.judge(50), Verdict::Hold, "saying it twice does not make it true");
        assert_eq!(guard.held(), Some(50));
        assert!(guard.confirm());
        assert_eq!(guard.judge(40), Verdict::Hold, "that is not what was confirmed");
        assert_eq!(guard.judge(51), Verdict::Believe);
        guard.settled(51);
        assert_eq!((guard.held(), guard.judge(20)), (None, Verdict::Hold));
    }
}
