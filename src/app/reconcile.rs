//! Looks at users who do not sign on (S4.9), so that accounts that were disabled, changed or deleted
//! are seen all the same.
//!
//! It goes through all records in turn: at a slow pace as a rule, and at once when the live copy of a
//! directory was told of a change (S4.4). A record is to be looked at when nobody has observed its
//! user for too long, or when the live copy shows another entry or other groups than the record was
//! brought up to date with; the copy tells that from memory. Those wait in a queue, and the directory
//! is asked about them at a bounded pace. What finds no room there is found again in the next round.

mod queue;
mod round;

use super::events::{AuditEntry, Event, SignOnOutcome};
use super::ports::{Catalogue, Clock, Events, Ports, Records, Stored};
use super::sign_on::SignOns;
use crate::domain::record::{Record, UpstreamId, UserKey};
use crate::domain::time::Timestamp;
use queue::Queue;
use round::Round;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often some records are gone through.
const TICK: Duration = Duration::from_millis(100);
/// How many records are gone through then.
const PAGE: usize = 100;
/// How many are in a hurry before clients of the same worker have their turn.
const HURRIED_PAGE: usize = 25;

/// How users are looked at who do not sign on: the section `[reconcile]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Whether they are (`enabled`).
    pub enabled: bool,
    /// How long a user may be unobserved (`after`).
    pub after: Duration,
    /// How many are looked at in a second (`per_second`).
    pub per_second: u64,
    /// How many wait for that at most (`max_waiting`).
    pub max_waiting: usize,
}

/// What has changed in a live copy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Users whose entries were told anew.
    pub users: BTreeSet<UpstreamId>,
    /// Whether anybody's groups may be others now, or it is not known whose entries were told.
    pub anybody: bool,
}

impl Changes {
    /// The most users that are told one by one.
    const MAX_USERS: usize = 1000;

    /// A user's entry was told anew.
    pub fn note(&mut self, user: UpstreamId) {
        if self.users.len() < Self::MAX_USERS {
            self.users.insert(user);
        } else {
            self.anybody = true;
        }
    }

    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && !self.anybody
    }
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
    let mut changes = sign_ons.changes();
    let (queue, round) = (Queue::new(&config), Round::default());
    let mut work = Work { sign_ons, records, clock, events, config, queue, round };
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (sweeps, is_idle) = (work.round.sweeps(), work.queue.is_empty());
        tokio::select! {
            biased;
            Some((directory, changes)) = changes.recv() => work.note(&directory, changes),
            () = tokio::task::yield_now(), if sweeps => work.go_through(),
            () = work.queue.turn(), if !sweeps && !is_idle => work.look().await,
            _ = tick.tick(), if !sweeps => work.go_through(),
        }
    }
}

/// All that the reconciliation works with.
struct Work<P: Ports> {
    sign_ons: SignOns<P>,
    records: P::Records,
    clock: P::Clock,
    events: P::Events,
    config: Config,
    queue: Queue,
    round: Round,
}

impl<P: Ports> Work<P>
where
    P::Records: Catalogue,
{
    /// A live copy was told of a change.
    fn note(&mut self, directory: &Arc<str>, changes: Changes) {
        for upstream_id in changes.users {
            let key = UserKey { directory: directory.clone(), upstream_id };
            if self.records.find(&key).is_some_and(|stored| self.sign_ons.is_outdated(&stored)) {
                // Whoever rests was looked at before this was known.
                self.queue.wake(&key);
                self.enqueue(key);
            }
        }
        if changes.anybody {
            self.queue.wake_unsettled();
            self.round.hurry();
        }
        self.tell();
    }

    /// Goes through some records.
    fn go_through(&mut self) {
        for key in self.sign_ons.take_released() {
            self.queue.wake(&key);
            self.enqueue(key);
        }
        let size = if self.round.sweeps() { HURRIED_PAGE } else { PAGE };
        let page = self.records.list(self.round.cursor.as_deref(), size);
        for stored in &page.items {
            let is_outdated = self.sign_ons.is_outdated(stored);
            self.round.pass(&stored.record.key.directory, is_outdated);
            if is_outdated || self.is_overdue(stored, self.clock.now()) {
                self.enqueue(stored.record.key.clone());
            }
        }
        if let Some(shares) = self.round.turn_to(page.next) {
            for (directory, (outdated, of)) in shares {
                self.sign_ons.outdated(&directory, outdated, of);
            }
            if let Some(event) = self.round.report() {
                self.events.emit(&event);
            }
            self.queue.tidy();
        }
        self.tell();
    }

    /// Looks at the one who has waited longest.
    async fn look(&mut self) {
        let Some(key) = self.queue.pop() else { return };
        let outcome = self.sign_ons.reconcile(key.clone()).await;
        let found = self.records.find(&key);
        // Whoever could not be read is not seen to be gone.
        let is_known = outcome.is_some_and(|o| !matches!(o, SignOnOutcome::Unknown(_)));
        if let Some(stored) = found.as_ref().filter(|stored| is_known && self.is_over(stored)) {
            self.delete(stored).await;
        }
        let is_settled = found.is_none_or(|stored| !self.sign_ons.is_outdated(&stored));
        self.round.looked(outcome);
        self.queue.note(key, outcome, is_settled);
        self.tell();
    }

    fn is_over(&self, stored: &Stored) -> bool {
        self.sign_ons.is_to_be_deleted(stored)
    }

    /// Deletes the record of somebody who is gone, unless it has changed meanwhile: then the next
    /// look decides.
    async fn delete(&self, stored: &Stored) {
        let Record { key, version, name, dn, .. } = &*stored.record;
        let detail = format!("missing for too long: name {name:?}, dn {dn:?}");
        let audit = AuditEntry::new(self.clock.now(), "reconcile", "", "deleted");
        let audit = audit.about(key).saying(detail);
        if self.records.delete(key, *version, audit).await.is_ok() {
            let (directory, user) = (&*key.directory, key.upstream_id.as_str());
            self.events.emit(&Event::RecordDeleted { directory, user });
        }
    }

    fn enqueue(&mut self, key: UserKey) {
        if self.queue.push(key).is_err() && self.round.is_news() {
            self.events.emit(&Event::LimitHit { limit: "reconcile.max_waiting", peer: None });
        }
    }

    fn tell(&mut self) {
        if let Some(waiting) = self.queue.news() {
            self.events.emit(&Event::ReconcileWaiting { waiting });
        }
    }

    fn is_overdue(&self, stored: &Stored, now: Timestamp) -> bool {
        let after = i64::try_from(self.config.after.as_micros()).unwrap_or(i64::MAX);
        let observed = stored.mark.observed_at.unwrap_or(stored.record.created_at);
        observed.0.saturating_add(after) <= now.0
    }
}
