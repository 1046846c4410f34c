//! Looks at users who do not sign on (S4.9), so that accounts that were disabled, changed or deleted
//! are seen all the same.
//!
//! It goes through all records in turn, at a bounded pace. A record is looked at when nobody has
//! observed its user for too long, and at once when the live copy shows another entry or other groups
//! than the record was brought up to date with; the copy tells that from memory. How many looks the
//! directory is asked for is bounded too, and one that failed is not tried again for a while.

use super::events::{Event, SignOnOutcome};
use super::ports::{Catalogue, Clock, Events, Ports, Records, Stored};
use super::sign_on::SignOns;
use crate::domain::record::UserKey;
use crate::domain::time::Timestamp;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often some records are gone through.
const TICK: Duration = Duration::from_millis(100);
/// How many records are gone through then.
const PAGE: usize = 100;
/// How long a user is left alone who could not be read.
const REST: Duration = Duration::from_secs(30);
/// Of how many users it is remembered that they could not be read; then they are tried again.
const MAX_RESTING: usize = 10_000;

/// How users are looked at who do not sign on: the section `[reconcile]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Whether they are (`enabled`).
    pub enabled: bool,
    /// How long a user may be unobserved (`after`).
    pub after: Duration,
    /// How many are looked at in a second (`per_second`).
    pub per_second: u64,
}

/// Goes through the records of `sign_ons` until it is dropped.
pub async fn run<P: Ports>(
    sign_ons: SignOns<P>,
    records: P::Records,
    clock: P::Clock,
    events: P::Events,
    config: Config,
) where
    P::Records: Catalogue,
{
    if !config.enabled {
        return;
    }
    let mut round = Round::new(config);
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let page = records.list(round.cursor.as_deref(), PAGE);
        for stored in &page.items {
            let is_overdue = round.is_overdue(stored, clock.now());
            if (is_overdue || sign_ons.is_outdated(stored)) && round.may_look(&stored.record.key) {
                round.pace().await;
                let key = &stored.record.key;
                let outcome = sign_ons.reconcile(key.clone()).await;
                let is_settled =
                    records.find(key).is_none_or(|stored| !sign_ons.is_outdated(&stored));
                round.note(key, outcome, is_settled);
            }
        }
        round.passed += page.items.len();
        round.cursor = page.next;
        if round.cursor.is_none() {
            round.end(&events);
        }
    }
}

/// One way through all records.
struct Round {
    config: Config,
    cursor: Option<String>,
    passed: usize,
    looked: usize,
    changed: usize,
    began: Instant,
    /// When the next look may be.
    next: Instant,
    /// Who could not be read, and until when they are left alone.
    resting: HashMap<UserKey, Instant>,
}

impl Round {
    fn new(config: Config) -> Self {
        let now = Instant::now();
        let (cursor, resting) = (None, HashMap::new());
        Self { config, cursor, passed: 0, looked: 0, changed: 0, began: now, next: now, resting }
    }

    fn is_overdue(&self, stored: &Stored, now: Timestamp) -> bool {
        let after = i64::try_from(self.config.after.as_micros()).unwrap_or(i64::MAX);
        let observed = stored.mark.observed_at.unwrap_or(stored.record.created_at);
        observed.0.saturating_add(after) <= now.0
    }

    fn may_look(&self, key: &UserKey) -> bool {
        self.resting.get(key).is_none_or(|until| *until <= Instant::now())
    }

    /// Waits until another look is within the pace.
    async fn pace(&mut self) {
        tokio::time::sleep_until(self.next).await;
        let gap =
            Duration::from_secs(1) / u32::try_from(self.config.per_second).unwrap_or(1).max(1);
        self.next = Instant::now() + gap;
    }

    /// Notes a look; one that settled nothing would be repeated at once without a rest.
    fn note(&mut self, key: &UserKey, outcome: Option<SignOnOutcome>, is_settled: bool) {
        self.looked += 1;
        self.changed += usize::from(outcome == Some(SignOnOutcome::Changed));
        if is_settled && !matches!(outcome, Some(SignOnOutcome::Unknown(_))) {
            return;
        }
        if self.resting.len() >= MAX_RESTING {
            self.resting.clear();
        }
        self.resting.insert(key.clone(), Instant::now() + REST);
    }

    /// Tells of a round in which anybody was looked at, and begins the next.
    fn end(&mut self, events: &impl Events) {
        if self.looked > 0 {
            events.emit(&Event::ReconcileRound {
                records: self.passed,
                looked_at: self.looked,
                changed: self.changed,
                elapsed: self.began.elapsed(),
            });
        }
        let now = Instant::now();
        self.resting.retain(|_, until| *until > now);
        (self.passed, self.looked, self.changed, self.began) = (0, 0, 0, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::observation::UnknownReason;
    use crate::domain::record::UpstreamId;

    fn round(per_second: u64) -> Round {
        Round::new(Config { enabled: true, after: Duration::from_secs(1), per_second })
    }

    #[tokio::test(start_paused = true)]
    async fn looks_come_at_a_pace_and_who_could_not_be_read_rests() {
        let began = Instant::now();
        let mut round = round(10);
        for _ in 0..31 {
            round.pace().await;
        }
        assert!(began.elapsed() >= Duration::from_secs(3), "{:?}", began.elapsed());
        let key = UserKey { directory: "corp".into(), upstream_id: UpstreamId::new("a") };
        let check = |round: &mut Round, outcome, is_settled, may_look| {
            round.resting.clear();
            round.note(&key, Some(outcome), is_settled);
            assert_eq!(round.may_look(&key), may_look, "{outcome:?}");
        };
        check(&mut round, SignOnOutcome::Changed, true, true);
        check(&mut round, SignOnOutcome::Unknown(UnknownReason::Timeout), true, false);
        check(&mut round, SignOnOutcome::Unchanged, false, false);
        tokio::time::advance(REST).await;
        assert!(round.may_look(&key), "after a while it is tried again");
        assert_eq!((round.looked, round.changed), (3, 1));
    }
}
