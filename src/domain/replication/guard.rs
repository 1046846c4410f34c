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

/// What somebody said of a loss that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing yet.
    Open,
    /// It is so.
    Confirmed,
    /// It is not: the groups are there, though they are not seen.
    Rejected,
}

impl Decision {
    /// Every decision.
    pub const ALL: [Self; 3] = [Self::Open, Self::Confirmed, Self::Rejected];

    /// The name in JSON, in the audit and on disk.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
        }
    }
}

/// Compares what a refresh leaves with what there was when the copy was complete last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guard {
    trusted: usize,
    held: Option<usize>,
    accepted: Option<usize>,
    rejected: Option<usize>,
    /// Somebody has said that there are no groups, and that counts.
    is_empty_believed: bool,
}

impl Guard {
    /// A guard over a copy that held so many groups when it was complete.
    pub fn new(trusted: usize) -> Self {
        Self { trusted, ..Self::default() }
    }

    /// The same, over one of which a loss was held that leaves so many groups.
    pub fn holding(trusted: usize, left: usize, decision: Decision) -> Self {
        let mut guard = Self { held: Some(left), ..Self::new(trusted) };
        guard.decide(decision);
        guard
    }

    /// A guard over a copy without groups, of which somebody has said that there are none.
    pub fn believed_empty() -> Self {
        Self { is_empty_believed: true, ..Self::default() }
    }

    /// How many groups the copy held when it was complete.
    pub fn trusted(&self) -> usize {
        self.trusted
    }

    /// Whether an account that sees no group at all is not believed.
    pub fn expects_groups(&self) -> bool {
        self.trusted > 0 && self.accepted != Some(0)
    }

    /// Whether somebody has said that there are no groups, and none has come since.
    pub fn is_empty_believed(&self) -> bool {
        self.is_empty_believed
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
        let is_said = self.is_empty_believed || self.accepted == Some(0);
        *self = Self { is_empty_believed: groups == 0 && is_said, ..Self::new(groups) };
    }

    /// Somebody says what a held loss is. Once confirmed, a later refresh is believed that leaves as
    /// many groups; once rejected, it is not, as before, and nobody has to be asked again until
    /// fewer are left. `false` if nothing is held.
    pub fn decide(&mut self, decision: Decision) -> bool {
        let Some(left) = self.held else { return false };
        self.accepted = (decision == Decision::Confirmed).then_some(left);
        self.rejected = (decision == Decision::Rejected).then_some(left);
        true
    }

    /// What was said of the loss that is held.
    pub fn decision(&self) -> Decision {
        let covers =
            |said: Option<usize>| self.held.zip(said).is_some_and(|(left, said)| left >= said);
        if covers(self.accepted) {
            Decision::Confirmed
        } else if covers(self.rejected) {
            Decision::Rejected
        } else {
            Decision::Open
        }
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
        assert!(!guard.decide(Decision::Confirmed), "nothing is held");
        assert_eq!(guard.judge(50), Verdict::Hold);
        assert_eq!(guard.judge(50), Verdict::Hold, "saying it twice does not make it true");
        assert_eq!(guard.held(), Some(50));
        assert!(guard.decide(Decision::Confirmed));
        assert_eq!(guard.decision(), Decision::Confirmed);
        assert_eq!(guard.judge(40), Verdict::Hold, "that is not what was confirmed");
        assert_eq!(guard.decision(), Decision::Open);
        assert_eq!(guard.judge(51), Verdict::Believe);
        guard.settled(51);
        assert_eq!((guard.held(), guard.judge(20)), (None, Verdict::Hold));
    }

    #[test]
    fn what_was_rejected_is_held_until_it_passes_and_a_greater_loss_is_asked_about() {
        let mut guard = Guard::new(100);
        assert_eq!(guard.judge(50), Verdict::Hold);
        assert!(guard.decide(Decision::Rejected));
        for left in [50, 60] {
            assert_eq!((guard.judge(left), guard.decision()), (Verdict::Hold, Decision::Rejected));
        }
        assert_eq!((guard.judge(49), guard.decision()), (Verdict::Hold, Decision::Open));
        assert!(guard.decide(Decision::Rejected) && guard.decide(Decision::Confirmed));
        assert_eq!(guard.judge(49), Verdict::Believe, "somebody thought better of it");
        guard.settled(49);
        assert_eq!(guard.decision(), Decision::Open);
    }

    #[test]
    fn that_there_are_no_groups_is_believed_once_somebody_says_so_until_one_comes() {
        let mut guard = Guard::new(3);
        assert!(guard.expects_groups());
        assert_eq!(guard.judge(0), Verdict::Hold);
        assert!(guard.decide(Decision::Confirmed));
        assert!(!guard.expects_groups() && !guard.is_empty_believed());
        assert_eq!(guard.judge(0), Verdict::Believe);
        guard.settled(0);
        guard.settled(0);
        assert_eq!(guard, Guard::believed_empty());
        guard.settled(1);
        guard.settled(0);
        assert!(!guard.is_empty_believed(), "nobody has said anything of this");
    }

    #[test]
    fn a_guard_goes_on_where_another_process_left_it() {
        for decision in Decision::ALL {
            let guard = Guard::holding(10, 4, decision);
            assert_eq!((guard.held(), guard.decision()), (Some(4), decision));
        }
    }
}
