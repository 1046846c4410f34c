//! One way through all records after the other, slowly or in a hurry.

use crate::app::events::{Event, SignOnOutcome};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The least time between two rounds in a hurry, and how many times as long as such a round took: so
/// that a directory in which something changes all the time costs a tenth of a core at most.
const MIN_PAUSE: Duration = Duration::from_millis(250);
const PAUSE: u32 = 9;

/// Of each directory, how many records are not up to date, and of how many.
type Shares = HashMap<Arc<str>, (u64, u64)>;

/// A way through all records.
pub(super) struct Round {
    pub(super) cursor: Option<String>,
    passed: usize,
    looked: usize,
    changed: usize,
    began: Instant,
    shares: Shares,
    /// Whether this round is one in a hurry.
    hurries: bool,
    /// Whether something has changed that this round may have passed by.
    is_wanted: bool,
    /// When the next one in a hurry may begin.
    not_before: Instant,
    /// Whether it was told that there was no room.
    has_told: bool,
}

impl Default for Round {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            cursor: None,
            passed: 0,
            looked: 0,
            changed: 0,
            began: now,
            shares: Shares::new(),
            hurries: false,
            is_wanted: false,
            not_before: now,
            has_told: false,
        }
    }
}

impl Round {
    /// Something has changed: all records are to be gone through, from the first one on.
    pub(super) fn hurry(&mut self) {
        self.is_wanted = true;
    }

    /// Whether the next records are to be gone through at once.
    pub(super) fn sweeps(&mut self) -> bool {
        if self.is_wanted && !self.hurries && self.not_before <= Instant::now() {
            (self.is_wanted, self.hurries) = (false, true);
            self.cursor = None;
            self.begin();
        }
        self.hurries
    }

    /// A record was passed.
    pub(super) fn pass(&mut self, directory: &Arc<str>, is_outdated: bool) {
        self.passed += 1;
        let (outdated, of) = self.shares.entry(directory.clone()).or_default();
        (*outdated, *of) = (*outdated + u64::from(is_outdated), *of + 1);
    }

    /// Somebody was looked at.
    pub(super) fn looked(&mut self, outcome: Option<SignOnOutcome>) {
        self.looked += 1;
        self.changed += usize::from(outcome == Some(SignOnOutcome::Changed));
    }

    /// Whether it was not told yet in this round that there is no room.
    pub(super) fn is_news(&mut self) -> bool {
        !std::mem::replace(&mut self.has_told, true)
    }

    /// Goes on behind that record; at the end of the round, what it showed.
    pub(super) fn turn_to(&mut self, next: Option<String>) -> Option<Shares> {
        self.cursor = next;
        if self.cursor.is_some() {
            return None;
        }
        if std::mem::take(&mut self.hurries) {
            let pause = (self.began.elapsed() * PAUSE).max(MIN_PAUSE);
            self.not_before = Instant::now() + pause;
        }
        Some(std::mem::take(&mut self.shares))
    }

    /// Tells of a round in which anybody was looked at, and begins the next.
    pub(super) fn report(&mut self) -> Option<Event<'static>> {
        let event = Event::ReconcileRound {
            records: self.passed,
            looked_at: self.looked,
            changed: self.changed,
            elapsed: self.began.elapsed(),
        };
        let is_worth_it = self.looked > 0;
        (self.looked, self.changed) = (0, 0);
        self.begin();
        is_worth_it.then_some(event)
    }

    fn begin(&mut self) {
        (self.passed, self.began, self.has_told) = (0, Instant::now(), false);
        self.shares.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_change_has_all_records_gone_through_from_the_first_and_not_without_a_pause() {
        let corp: Arc<str> = "corp".into();
        let mut round = Round::default();
        assert!(!round.sweeps());
        round.pass(&corp, true);
        assert_eq!(round.turn_to(Some("a".to_owned())), None);
        round.hurry();
        assert!(round.sweeps());
        assert_eq!(round.cursor, None, "from the first one on");
        round.pass(&corp, true);
        round.pass(&corp, false);
        assert_eq!(round.turn_to(Some("a".to_owned())), None);
        // It may have passed by what has changed now.
        round.hurry();
        advance(Duration::from_millis(100)).await;
        assert_eq!(round.turn_to(None), Some([(corp, (1, 2))].into()));
        assert!(!round.sweeps());
        advance(Duration::from_millis(899)).await;
        assert!(!round.sweeps());
        advance(Duration::from_millis(1)).await;
        assert!(round.sweeps());
    }
}
