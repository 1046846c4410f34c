//! What the gateway did lately: its own counters, by minutes and by quarters of an hour, in memory. A
//! restart begins anew; who wants more keeps the metrics.

use crate::domain::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// Upper bounds of the buckets of times, in seconds.
pub const BUCKETS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// How many minutes are kept.
pub const MINUTES: usize = 120;
/// How many quarters of an hour are kept.
pub const QUARTERS: usize = 192;

const MINUTE: i64 = 60;
const QUARTER: i64 = 900;
const SECOND: i64 = 1_000_000;

/// How many there were, by a name from a fixed list.
pub type Counts = BTreeMap<&'static str, u64>;

/// What was counted, since the start or within a step of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Sign-ons by what they did to the record.
    pub sign_ons: Counts,
    /// Sign-ons whose observation was unknown, by reason.
    pub unknown: Counts,
    /// Binds by result.
    pub binds: Counts,
    /// From a whole bind request to its answer.
    pub bind_seconds: Spent,
    /// The same time by where it went.
    pub bind_parts: BindParts,
    /// From the beginning of a sign-on's flight to its end.
    pub sign_on_seconds: Spent,
}

/// Where the time of binds went; together it is all of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BindParts {
    /// Until the directory had answered, of binds that it was asked for.
    pub upstream: Spent,
    /// From there until the record was up to date, of binds that waited for that.
    pub sign_on: Spent,
    /// All the rest, of every bind.
    pub gateway: Spent,
}

/// How long something took.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spent {
    /// How many took at most as long as each of [`BUCKETS`] and longer than the one before; the last
    /// is for all that took longer.
    pub buckets: [u64; BUCKETS.len() + 1],
    /// All together.
    pub seconds: f64,
}

impl Spent {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The mean.
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.seconds / count as f64)
    }

    /// How long that part took at most, such as 0.95 of all: within its bucket by interpolation, and
    /// never more than the last bound.
    pub fn at_most(&self, part: f64) -> Option<f64> {
        let rank = self.count() as f64 * part;
        let mut before = 0;
        for (at, bound) in BUCKETS.into_iter().enumerate() {
            let here = self.buckets[at];
            if here > 0 && (before + here) as f64 >= rank {
                let from = if at == 0 { 0.0 } else { BUCKETS[at - 1] };
                return Some(from + (bound - from) * (rank - before as f64) / here as f64);
            }
            before += here;
        }
        (self.count() > 0).then(|| BUCKETS[BUCKETS.len() - 1])
    }

    fn add(&mut self, more: &Self) {
        self.buckets.iter_mut().zip(more.buckets).for_each(|(sum, count)| *sum += count);
        self.seconds += more.seconds;
    }

    fn since(&self, before: &Self) -> Self {
        let mut buckets = self.buckets;
        buckets.iter_mut().zip(before.buckets).for_each(|(n, b)| *n = n.saturating_sub(b));
        Self { buckets, seconds: (self.seconds - before.seconds).max(0.0) }
    }
}

impl BindParts {
    fn add(&mut self, more: &Self) {
        self.upstream.add(&more.upstream);
        self.sign_on.add(&more.sign_on);
        self.gateway.add(&more.gateway);
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            upstream: self.upstream.since(&before.upstream),
            sign_on: self.sign_on.since(&before.sign_on),
            gateway: self.gateway.since(&before.gateway),
        }
    }
}

impl Figures {
    fn add(&mut self, more: &Self) {
        add(&mut self.sign_ons, &more.sign_ons);
        add(&mut self.unknown, &more.unknown);
        add(&mut self.binds, &more.binds);
        self.bind_seconds.add(&more.bind_seconds);
        self.bind_parts.add(&more.bind_parts);
        self.sign_on_seconds.add(&more.sign_on_seconds);
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            sign_ons: since(&self.sign_ons, &before.sign_ons),
            unknown: since(&self.unknown, &before.unknown),
            binds: since(&self.binds, &before.binds),
            bind_seconds: self.bind_seconds.since(&before.bind_seconds),
            bind_parts: self.bind_parts.since(&before.bind_parts),
            sign_on_seconds: self.sign_on_seconds.since(&before.sign_on_seconds),
        }
    }
}

fn add(sum: &mut Counts, more: &Counts) {
    for (name, count) in more {
        *sum.entry(name).or_default() += count;
    }
}

fn since(now: &Counts, before: &Counts) -> Counts {
    let grown = |name, count: &u64| count.saturating_sub(before.get(name).copied().unwrap_or(0));
    now.iter().map(|(name, count)| (*name, grown(name, count))).filter(|(_, n)| *n > 0).collect()
}

/// How long a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// A minute.
    Minute,
    /// A quarter of an hour.
    Quarter,
}

impl Resolution {
    /// In seconds.
    pub fn seconds(self) -> i64 {
        match self {
            Self::Minute => MINUTE,
            Self::Quarter => QUARTER,
        }
    }

    /// How many steps are kept.
    pub fn kept(self) -> usize {
        match self {
            Self::Minute => MINUTES,
            Self::Quarter => QUARTERS,
        }
    }

    fn begin(self, at: Timestamp) -> Timestamp {
        Timestamp(at.0 - at.0.rem_euclid(self.seconds() * SECOND))
    }
}

/// A step of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// When it began.
    pub at: Timestamp,
    /// What was counted in it.
    pub figures: Figures,
}

/// The steps of the last hours. Time and counters are handed in.
#[derive(Debug, Default)]
pub struct History {
    /// The minute that is under way, and the counters when it began.
    current: Option<(Timestamp, Figures)>,
    minutes: VecDeque<Step>,
    quarters: VecDeque<Step>,
}

impl History {
    /// Whether a minute is over that was not noted yet.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let begin = Resolution::Minute.begin(now);
        self.current.as_ref().is_none_or(|(current, _)| *current != begin)
    }

    /// Notes the counters; to be called soon after each minute begins. A minute in which nobody came
    /// belongs to the one before it: it stays unknown.
    pub fn note(&mut self, now: Timestamp, counters: Figures) {
        if !self.is_due(now) {
            return;
        }
        let begin = Resolution::Minute.begin(now);
        if let Some((at, before)) = self.current.take() {
            // A clock that was set back leaves nothing behind it that is yet to come.
            self.minutes.retain(|step| step.at < begin);
            self.quarters.retain(|step| step.at < begin);
            if at < begin {
                self.push(Step { at, figures: counters.since(&before) });
            }
        }
        self.current = Some((begin, counters));
    }

    fn push(&mut self, step: Step) {
        let quarter = Resolution::Quarter.begin(step.at);
        match self.quarters.back_mut().filter(|last| last.at == quarter) {
            Some(last) => last.figures.add(&step.figures),
            None => self.quarters.push_back(Step { at: quarter, figures: step.figures.clone() }),
        }
        self.minutes.push_back(step);
        let bound = |steps: &mut VecDeque<Step>, most| {
            let over = steps.len().saturating_sub(most);
            steps.drain(..over);
        };
        bound(&mut self.minutes, MINUTES);
        bound(&mut self.quarters, QUARTERS);
    }

    /// The steps that are known, the last one last; that is the one under way, by what the counters
    /// say now.
    pub fn steps(&self, resolution: Resolution, counters: &Figures) -> Vec<Step> {
        let kept = match resolution {
            Resolution::Minute => &self.minutes,
            Resolution::Quarter => &self.quarters,
        };
        let mut steps: Vec<_> = kept.iter().cloned().collect();
        if let Some((minute, before)) = &self.current {
            let (at, figures) = (resolution.begin(*minute), counters.since(before));
            match steps.last_mut().filter(|last| last.at == at) {
                Some(last) => last.figures.add(&figures),
                None => steps.push(Step { at, figures }),
            }
        }
        let over = steps.len().saturating_sub(resolution.kept());
        steps.drain(..over);
        steps
    }
}

#[cfg(test)]
mod tests;
