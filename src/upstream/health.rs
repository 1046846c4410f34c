//! When something that failed is tried again: after a growing, bounded pause, by one at a time.

use std::time::Duration;
use tokio::time::Instant;

/// How often the pause doubles.
const DOUBLINGS: u32 = 5;

/// What is known of one server, or of the service account.
#[derive(Debug)]
pub(super) struct Health {
    first_pause: Duration,
    state: State,
    failures: u32,
    probing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Untried,
    Up,
    Down { retry_at: Instant, proof: Proof },
}

/// What shows that something that failed works again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// A connection.
    Connection,
    /// An answer: it took connections and said nothing on them.
    Answer,
}

/// The leave to try once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt {
    failures: u32,
    probe: bool,
    /// What has to come of it.
    pub(super) proof: Proof,
}

/// What an attempt's outcome changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transition {
    /// Nothing, or it is the first that is known and good.
    None,
    /// It worked or was untried, and failed.
    WentDown,
    /// It had failed, and works.
    CameUp,
}

impl Health {
    /// Of something untried. The pause after its first failure doubles up to 32 times that.
    pub(super) fn new(first_pause: Duration) -> Self {
        Self { first_pause, state: State::Untried, failures: 0, probing: false }
    }

    /// Leave to try, unless it failed lately or somebody else is finding out.
    pub(super) fn admit(&mut self, now: Instant) -> Option<Attempt> {
        let (probe, proof) = match self.state {
            State::Untried | State::Up => (false, Proof::Connection),
            State::Down { retry_at, proof } if now >= retry_at && !self.probing => (true, proof),
            State::Down { .. } => return None,
        };
        self.probing |= probe;
        Some(Attempt { failures: self.failures, probe, proof })
    }

    /// The attempt succeeded.
    pub(super) fn succeeded(&mut self, attempt: Attempt) -> Transition {
        self.ended(attempt);
        let is_proof = attempt.proof == Proof::Answer;
        if matches!(self.state, State::Down { proof: Proof::Answer, .. }) && !is_proof {
            return Transition::None;
        }
        self.failures = 0;
        match std::mem::replace(&mut self.state, State::Up) {
            State::Down { .. } => Transition::CameUp,
            State::Untried | State::Up => Transition::None,
        }
    }

    /// The attempt failed. Of many that were under way together, one counts: the pause grows with
    /// failures in a row, not with how many had to wait for the same one. `jitter` is any number.
    pub(super) fn failed(&mut self, attempt: Attempt, now: Instant, jitter: u16) -> Transition {
        self.ended(attempt);
        if attempt.failures != self.failures {
            return Transition::None;
        }
        self.go_down(attempt.proof, now, jitter)
    }

    /// It takes connections and does not answer: only an answer shows that it works again.
    pub(super) fn silent(&mut self, now: Instant, jitter: u16) -> Transition {
        match self.state {
            State::Down { proof: Proof::Answer, .. } => Transition::None,
            _ => self.go_down(Proof::Answer, now, jitter),
        }
    }

    fn go_down(&mut self, proof: Proof, now: Instant, jitter: u16) -> Transition {
        self.failures = self.failures.saturating_add(1);
        let retry_at = now + pause(self.first_pause, self.failures, jitter);
        match std::mem::replace(&mut self.state, State::Down { retry_at, proof }) {
            State::Down { .. } => Transition::None,
            State::Untried | State::Up => Transition::WentDown,
        }
    }

    /// The attempt ended without an outcome.
    pub(super) fn ended(&mut self, attempt: Attempt) {
        if attempt.probe {
            self.probing = false;
        }
    }

    /// Whether the last attempt succeeded.
    pub(super) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Whether the last attempt failed.
    pub(super) fn is_down(&self) -> bool {
        matches!(self.state, State::Down { .. })
    }
}

/// Doubles with each failure up to the longest, and lies within a quarter around that.
fn pause(first: Duration, failures: u32, jitter: u16) -> Duration {
    let doubled = first * 2u32.pow(failures.saturating_sub(1).min(DOUBLINGS));
    doubled * (768 + u32::from(jitter) % 513) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIRST: Duration = Duration::from_millis(100);

    #[test]
    fn what_failed_is_tried_again_by_one_at_a_time_after_its_pause() {
        let start = Instant::now();
        let mut health = Health::new(FIRST);
        let first = health.admit(start).expect("untried is tried");
        let second = health.admit(start).expect("untried is tried by many");
        assert_eq!(health.failed(first, start, 0), Transition::WentDown);
        assert_eq!(health.failed(second, start, 0), Transition::None);
        assert_eq!(health.failures, 1);
        assert_eq!(health.admit(start), None);
        let later = start + FIRST;
        let probe = health.admit(later).expect("the pause is over");
        assert_eq!(health.admit(later), None, "one probe at a time");
        health.ended(probe);
        let probe = health.admit(later).expect("a probe that was given up makes room");
        assert_eq!(health.succeeded(probe), Transition::CameUp);
        assert!(health.is_up());
    }

    /// A server that took connections and never answered came up with each connection: half of
    /// the binds went there, and each waited for its time-out.
    #[test]
    fn what_was_silent_comes_up_by_an_answer_and_not_by_a_connection() {
        let start = Instant::now();
        let mut health = Health::new(FIRST);
        let early = health.admit(start).expect("untried is tried");
        assert_eq!(health.silent(start, 0), Transition::WentDown);
        assert_eq!(health.silent(start, 0), Transition::None);
        assert_eq!(health.succeeded(early), Transition::None);
        assert!(health.is_down());
        let probe = health.admit(start + FIRST).expect("the pause is over");
        assert_eq!(probe.proof, Proof::Answer);
        assert_eq!(health.failed(probe, start + FIRST, 0), Transition::None);
        let probe = health.admit(start + FIRST * 4).expect("the longer pause is over");
        assert_eq!(health.succeeded(probe), Transition::CameUp);
    }

    proptest! {
        #[test]
        fn a_pause_lies_between_its_bounds_after_any_number_of_failures(failures in 1u32.., jitter: u16) {
            let pause = pause(FIRST, failures, jitter);
            prop_assert!(pause >= FIRST * 3 / 4);
            prop_assert!(pause <= FIRST * 32 * 5 / 4);
        }
    }
}
