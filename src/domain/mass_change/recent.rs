//! The last users who lost groups, and whether they are too many of those who were seen.

use super::Limits;
use crate::domain::record::UpstreamId;
use crate::domain::time::Timestamp;
use std::collections::VecDeque;

/// A user who lost groups.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Loser {
    user: UpstreamId,
    at: Timestamp,
    /// How many had been seen by then who lost nothing.
    unharmed: u64,
}

/// The last users who lost groups in one way of seeing them; each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Recent {
    losers: VecDeque<Loser>,
    unharmed: u64,
}

/// That as many users as it takes have lost groups within the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Burst {
    /// When the first of them did.
    pub(super) since: Timestamp,
    /// How many have been seen since who lost nothing.
    pub(super) unharmed: u64,
}

impl Recent {
    /// Somebody was seen who lost nothing.
    pub(super) fn unharmed(&mut self, users: u64) {
        self.unharmed = self.unharmed.saturating_add(users);
    }

    /// Somebody loses groups; whether enough have within the window.
    pub(super) fn loses(
        &mut self,
        user: &UpstreamId,
        now: Timestamp,
        limits: &Limits,
    ) -> Option<Burst> {
        self.losers.retain(|loser| loser.user != *user);
        self.losers.push_back(Loser { user: user.clone(), at: now, unharmed: self.unharmed });
        let surplus = self.losers.len().saturating_sub(limits.least_users);
        self.losers.drain(..surplus);
        let first = self.losers.front().filter(|_| self.losers.len() >= limits.least_users)?;
        // A clock that was set back makes nothing old.
        let age = now.0.saturating_sub(first.at.0);
        let window = i64::try_from(limits.window.as_micros()).unwrap_or(i64::MAX);
        let burst = Burst { since: first.at, unharmed: self.unharmed - first.unharmed };
        (age <= window).then_some(burst)
    }

    /// What was counted so far is accounted for.
    pub(super) fn clear(&mut self) {
        self.losers.clear();
    }
}
