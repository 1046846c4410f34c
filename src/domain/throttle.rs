//! Who keeps failing: a source most of whose binds have a wrong password, many of them in a short
//! time.
//!
//! Failures are counted in a window that fades: what was counted halves with every half-life. From
//! so many on a source is *suspected*, and from then on its successes are counted too, so that the
//! binds of a source that does not fail cost nothing. It *keeps failing* when there are half as many
//! failures again, and more than successes. It ends when few failures are left in the window, or two
//! successes come for each. So a server of applications of whose users one in ten mistypes a password
//! is suspected at most, and whoever is near the border does not go to and fro.
//!
//! A name's successes count once in a half-life: many users behind one address vouch for it, and one
//! password, used over and over between guesses, does not. A failure under a name that succeeded in
//! the same half-life is somebody's slip of the finger: it makes a suspect, and no more. So the pace
//! of a busy server of applications does not matter, nor how few its users are.
//!
//! What is kept is bounded: where there is no room, the source with the fewest failures among a few
//! makes room, never one that is suspected.

use super::source::Source;
use super::throttle_names::Names;
use std::collections::HashMap;
use std::time::Duration;

/// How many entries are compared to find one that makes room.
const COMPARED: usize = 8;

/// When a source keeps failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// From how many failures in the window on a source is suspected.
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
    /// The source is suspected from now on: its successes have to be told.
    Suspected,
    /// The source keeps failing from now on.
    Began,
    /// The source does not keep failing any more, but is suspected still.
    Ended,
    /// It could not be counted: all places looked at are taken by suspects.
    Full,
}

/// What is thought of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Quiet,
    Suspected,
    Failing,
}

/// What is remembered of one source.
#[derive(Debug, Clone)]
struct Tally {
    source: Source,
    failures: u32,
    /// Failures, and names that succeeded, since it was suspected.
    sample: (u32, u32),
    /// The names that succeeded in this half-life; of suspects alone.
    names: Option<Names>,
    /// Up to when the counts have faded.
    faded_to: Duration,
    standing: Standing,
}

impl Tally {
    fn fade(&mut self, now: Duration, half_life: Duration) {
        let passed = now.saturating_sub(self.faded_to).as_nanos();
        let halvings = passed / half_life.as_nanos().max(1);
        if halvings == 0 {
            return;
        }
        let halvings = u32::try_from(halvings).unwrap_or(u32::MAX);
        let halved = |count: u32| count.checked_shr(halvings).unwrap_or(0);
        self.failures = halved(self.failures);
        self.sample = (halved(self.sample.0), halved(self.sample.1));
        self.names = None;
        self.faded_to = self.faded_to.saturating_add(half_life.saturating_mul(halvings)).min(now);
    }

    fn failed(&mut self, name: Option<u64>) {
        self.failures = self.failures.saturating_add(1);
        let has = |name| self.names.as_ref().is_some_and(|names| names.has(name));
        if self.standing > Standing::Quiet && !name.is_some_and(has) {
            self.sample.0 = self.sample.0.saturating_add(1);
        }
    }

    fn succeeded(&mut self, name: u64) {
        if self.standing > Standing::Quiet {
            let new = self.names.get_or_insert_default().note(name);
            self.sample.1 = self.sample.1.saturating_add(new);
        }
    }

    fn judge(&mut self, least: u32) -> Noted {
        let (failures, successes) = self.sample;
        let (standing, noted) = match self.standing {
            Standing::Quiet if self.failures >= least => (Standing::Suspected, Noted::Suspected),
            Standing::Suspected if failures >= least.div_ceil(2) && failures > successes => {
                (Standing::Failing, Noted::Began)
            }
            Standing::Failing if self.is_calm(least) || successes / 2 >= failures => {
                (Standing::Suspected, Noted::Ended)
            }
            standing => (standing, Noted::Nothing),
        };
        if noted == Noted::Suspected {
            (self.sample, self.names) = ((0, 0), None);
        }
        self.standing = standing;
        noted
    }

    /// Whether it has failed so little lately that it is not even suspected.
    fn is_calm(&self, least: u32) -> bool {
        self.failures < least.div_ceil(2)
    }
}

/// What a review found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Review {
    /// Those who do not keep failing any more.
    pub ended: Vec<Source>,
    /// Those who are not suspected any more; among them may be some of the others.
    pub cleared: Vec<Source>,
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

    /// A bind failed, under a name that is not known.
    pub fn failed(&mut self, source: Source, now: Duration) -> Noted {
        let Some(place) = self.place(source).or_else(|| self.make_place(source, now)) else {
            return Noted::Full;
        };
        self.count(place, now, |tally| tally.failed(None))
    }

    /// A bind failed under a name: an even hash of it, the same for each of its spellings.
    pub fn failed_as(&mut self, source: Source, name: u64, now: Duration) -> Noted {
        let Some(place) = self.place(source).or_else(|| self.make_place(source, now)) else {
            return Noted::Full;
        };
        self.count(place, now, |tally| tally.failed(Some(name)))
    }

    /// A bind succeeded; `name` is an even hash of the name, the same for each of its spellings. Of
    /// who is not suspected it need not be told.
    pub fn succeeded(&mut self, source: Source, name: u64, now: Duration) -> Noted {
        let place = self.place(source);
        place.map_or(Noted::Nothing, |place| self.count(place, now, |tally| tally.succeeded(name)))
    }

    /// Looks at the next so many sources. Those without a failure left are forgotten.
    pub fn review(&mut self, count: usize, now: Duration) -> Review {
        let mut review = Review::default();
        for _ in 0..count.min(self.tallies.len()) {
            self.hand = if self.hand < self.tallies.len() { self.hand } else { 0 };
            let tally = &mut self.tallies[self.hand];
            tally.fade(now, self.rule.half_life);
            if tally.judge(self.rule.failures) == Noted::Ended {
                review.ended.push(tally.source);
            }
            if tally.standing == Standing::Suspected && tally.is_calm(self.rule.failures) {
                (tally.standing, tally.names) = (Standing::Quiet, None);
                review.cleared.push(tally.source);
            }
            if tally.failures == 0 {
                self.forget(self.hand);
            } else {
                self.hand += 1;
            }
        }
        review
    }

    fn place(&self, source: Source) -> Option<usize> {
        self.places.get(&source).copied()
    }

    fn count(&mut self, place: usize, now: Duration, act: impl FnOnce(&mut Tally)) -> Noted {
        let tally = &mut self.tallies[place];
        tally.fade(now, self.rule.half_life);
        act(tally);
        tally.judge(self.rule.failures)
    }

    fn make_place(&mut self, source: Source, now: Duration) -> Option<usize> {
        if self.tallies.len() >= self.rule.max_sources {
            self.make_room(now)?;
        }
        let (standing, sample) = (Standing::Quiet, (0, 0));
        let names = None;
        self.tallies.push(Tally { source, failures: 0, sample, names, faded_to: now, standing });
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
            if tally.standing == Standing::Quiet
                && weakest.is_none_or(|(least, _)| tally.failures < least)
            {
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
