//! Who keeps failing: a source most of whose binds have a wrong password, many of them in a short
//! time.
//!
//! Failures and successes are counted in a window that fades: both counts halve with every
//! half-life. A source begins to be one that keeps failing when it has at least so many failures and
//! more failures than successes; it ends to be one when it has less than half as many failures, or
//! two successes for each. So a server of applications of whose users one in ten mistypes a password
//! never is one, and whoever is near the border does not go to and fro.
//!
//! What is kept is bounded: where there is no room, the source with the fewest failures among a few
//! makes room, never one that is held back.

use super::source::Source;
use std::collections::HashMap;
use std::time::Duration;

/// How many entries are compared to find one that makes room.
const COMPARED: usize = 8;

/// When a source keeps failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The least failures in the window.
    pub failures: u32,
    /// After how long what was counted counts half.
    pub half_life: Duration,
    /// The most sources that are remembered.
    pub max_sources: usize,
}

/// What a count changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// Nothing that anybody has to know.
    Nothing,
    /// The source keeps failing from now on.
    Began,
    /// The source does not keep failing any more.
    Ended,
    /// It could not be counted: all places are taken by those who keep failing.
    Full,
}

/// What is remembered of one source.
#[derive(Debug, Clone, Copy)]
struct Tally {
    source: Source,
    failures: u32,
    successes: u32,
    /// Up to when the counts have faded.
    faded_to: Duration,
    is_failing: bool,
}

impl Tally {
    fn fade(&mut self, now: Duration, half_life: Duration) {
        let passed = now.saturating_sub(self.faded_to).as_nanos();
        let halvings = passed / half_life.as_nanos().max(1);
        if halvings == 0 {
            return;
        }
        let halvings = u32::try_from(halvings).unwrap_or(u32::MAX);
        self.failures = self.failures.checked_shr(halvings).unwrap_or(0);
        self.successes = self.successes.checked_shr(halvings).unwrap_or(0);
        self.faded_to = self.faded_to.saturating_add(half_life.saturating_mul(halvings)).min(now);
    }

    fn judge(&mut self, least: u32) -> Noted {
        let begins = self.failures >= least && self.failures > self.successes;
        let is_few = self.failures < least.div_ceil(2);
        let ends = is_few || self.successes >= self.failures.saturating_mul(2);
        match self.is_failing {
            false if begins => {
                self.is_failing = true;
                Noted::Began
            }
            true if ends => {
                self.is_failing = false;
                Noted::Ended
            }
            _ => Noted::Nothing,
        }
    }
}

/// All sources that have failed lately. Moments are durations since one that the caller chooses.
#[derive(Debug)]
pub struct Failures {
    rule: Rule,
    tallies: Vec<Tally>,
    places: HashMap<Source, usize>,
    /// Where the next look for room, and the next review, begins.
    hand: usize,
}

impl Failures {
    /// Nobody has failed.
    pub fn new(rule: Rule) -> Self {
        let rule = Rule { failures: rule.failures.max(1), ..rule };
        Self { rule, tallies: Vec::new(), places: HashMap::new(), hand: 0 }
    }

    /// How many sources are remembered.
    pub fn remembered(&self) -> usize {
        self.tallies.len()
    }

    /// A bind failed, after so many of the source that had succeeded and were not told.
    pub fn failed(&mut self, source: Source, successes: u32, now: Duration) -> Noted {
        let Some(place) = self.place(source).or_else(|| self.make_place(source, now)) else {
            return Noted::Full;
        };
        self.count(place, 1, successes, now)
    }

    /// So many binds succeeded. Who has not failed lately is not remembered for it.
    pub fn succeeded(&mut self, source: Source, count: u32, now: Duration) -> Noted {
        self.place(source).map_or(Noted::Nothing, |place| self.count(place, 0, count, now))
    }

    /// Looks at the next so many sources: those without a failure left are forgotten, and those who
    /// do not keep failing any more are given.
    pub fn review(&mut self, count: usize, now: Duration) -> Vec<Source> {
        let mut ended = Vec::new();
        for _ in 0..count.min(self.tallies.len()) {
            self.hand = if self.hand < self.tallies.len() { self.hand } else { 0 };
            let tally = &mut self.tallies[self.hand];
            tally.fade(now, self.rule.half_life);
            if tally.judge(self.rule.failures) == Noted::Ended {
                ended.push(tally.source);
            }
            if tally.failures == 0 {
                self.forget(self.hand);
            } else {
                self.hand += 1;
            }
        }
        ended
    }

    fn place(&self, source: Source) -> Option<usize> {
        self.places.get(&source).copied()
    }

    fn count(&mut self, place: usize, failures: u32, successes: u32, now: Duration) -> Noted {
        let tally = &mut self.tallies[place];
        tally.fade(now, self.rule.half_life);
        tally.failures = tally.failures.saturating_add(failures);
        tally.successes = tally.successes.saturating_add(successes);
        tally.judge(self.rule.failures)
    }

    fn make_place(&mut self, source: Source, now: Duration) -> Option<usize> {
        if self.tallies.len() >= self.rule.max_sources {
            self.make_room(now)?;
        }
        let (failures, successes) = (0, 0);
        self.tallies.push(Tally { source, failures, successes, faded_to: now, is_failing: false });
        self.places.insert(source, self.tallies.len() - 1);
        Some(self.tallies.len() - 1)
    }

    fn make_room(&mut self, now: Duration) -> Option<()> {
        let count = self.tallies.len();
        let looked_at = (0..COMPARED.min(count)).map(|step| (self.hand + step) % count);
        let mut weakest: Option<(u32, usize)> = None;
        for place in looked_at {
            let tally = &mut self.tallies[place];
            tally.fade(now, self.rule.half_life);
            if !tally.is_failing && weakest.is_none_or(|(least, _)| tally.failures < least) {
                weakest = Some((tally.failures, place));
            }
        }
        self.hand = (self.hand + COMPARED) % count.max(1);
        let (_, place) = weakest?;
        self.forget(place);
        Some(())
    }

    fn forget(&mut self, place: usize) {
        let gone = self.tallies.swap_remove(place);
        self.places.remove(&gone.source);
        if let Some(moved) = self.tallies.get(place) {
            self.places.insert(moved.source, place);
        }
    }
}

/// How fast one may go: so many at once, then evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two.
    interval: Duration,
    /// How far ahead of an even pace one may be.
    lead: Duration,
    /// When the next one is due at an even pace.
    next: Duration,
}

impl Pace {
    /// So many a second, and so many at once; at least one each.
    pub fn new(per_second: u32, at_once: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        let lead = interval.saturating_mul(at_once.max(1) - 1);
        Self { interval, lead, next: Duration::ZERO }
    }

    /// How long the next one has to wait; `None`, and it has no turn, if that were longer than
    /// `patience`.
    pub fn wait(&mut self, now: Duration, patience: Duration) -> Option<Duration> {
        let due = self.next.max(now);
        let wait = due.saturating_sub(self.lead).saturating_sub(now);
        if wait > patience {
            return None;
        }
        self.next = due + self.interval;
        Some(wait)
    }
}

#[cfg(test)]
#[path = "throttle_tests.rs"]
mod tests;
