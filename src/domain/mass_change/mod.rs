//! Whether it is believed that many users lose groups at once, or that one loses all (S3.8).
//!
//! Somebody may have taken the members out of the wrong groups, or the directory may show them to
//! nobody: what would be lost is held then, until somebody confirms or rejects it, or it passes.
//! What is held changes no membership. A loss that was confirmed is told by the memberships that it
//! ends: those of its groups that had begun by then. A later mistake is held again.

mod recent;

use super::plan::Cause;
use super::record::UpstreamId;
use super::replication::Decision;
use super::time::Timestamp;
use recent::Recent;
use std::collections::BTreeSet;
use std::time::Duration;

/// The most users whose losses are told apart in one item; more are held all the same.
pub const MAX_USERS: usize = 100_000;
/// The most groups of one item; with more it stands for all groups.
pub const MAX_GROUPS: usize = 1_000;
/// The most users at a time who are held because they would lose all groups.
pub const MAX_ITEMS: usize = 1_000;
/// The most confirmations that are remembered; the oldest makes room.
pub const MAX_CONFIRMED: usize = 200;

/// What is too much at once: the section `[directory.mass_change]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Whether many users at once are held (`enabled`).
    pub many: Many,
    /// How long losses are counted together (`window`).
    pub window: Duration,
    /// More than this share of the users who were seen, in per cent (`share`).
    pub share: u64,
    /// At least so many users who lose (`least_users`).
    pub least_users: usize,
    /// At least so many groups that each of them loses (`groups`).
    pub groups: usize,
    /// One user is held who would lose all of at least so many groups (`last_groups`).
    pub last_groups: Option<usize>,
}

/// Whether many users at once are looked out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Many {
    /// They are held.
    Held,
    /// They are believed.
    Believed,
}

/// What an observation would take from a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The user.
    pub user: UpstreamId,
    /// The managed groups that would go, and since when the user is in them.
    pub groups: Vec<(UpstreamId, Timestamp)>,
    /// Whether no managed group would be left.
    pub is_all: bool,
    /// Who saw it.
    pub cause: Cause,
}

/// What is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// One user who would lose all groups; `None` for many at once.
    pub only: Option<UpstreamId>,
    /// Since when.
    pub since: Timestamp,
    /// Of how many users who were seen the first were that lost groups: 1 for one user.
    pub seen: usize,
    /// The groups that would be lost; `None` for too many to name.
    pub groups: Option<BTreeSet<UpstreamId>>,
    /// The users who are held now.
    pub users: BTreeSet<UpstreamId>,
    /// How many were at most.
    pub most: usize,
    /// What was said of it.
    pub decision: Decision,
}

/// A loss that somebody has confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// Whose; `None` for everybody's.
    pub only: Option<UpstreamId>,
    /// Of which groups; `None` for all.
    pub groups: Option<BTreeSet<UpstreamId>>,
    /// Memberships that had begun by then may end.
    pub at: Timestamp,
}

impl Confirmed {
    fn covers(&self, user: &UpstreamId, group: &UpstreamId, since: Timestamp) -> bool {
        self.only.as_ref().is_none_or(|only| only == user)
            && self.groups.as_ref().is_none_or(|groups| groups.contains(group))
            && since <= self.at
    }
}

/// What is kept over a restart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// What is held.
    pub items: Vec<Item>,
    /// What was confirmed.
    pub confirmed: Vec<Confirmed>,
}

/// What becomes of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It counts.
    Believe,
    /// It does not: it is held, as [`UnknownReason::Held`](super::observation::UnknownReason).
    Hold,
}

/// What has changed with a judgement beside the users that are held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something is held from now on.
    Held(Item),
    /// The same item concerns more groups now.
    Grown,
    /// What was held has passed; these are still to be brought up to date.
    Passed(Item),
}

/// The breaker of one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    limits: Limits,
    signing_on: Recent,
    looked_at: Recent,
    /// Of how many records how many are not up to date, as the live copy shows.
    outdated: (u64, u64),
    kept: Kept,
}

impl Breaker {
    /// A breaker that goes on from what was kept.
    pub fn new(limits: Limits, kept: Kept) -> Self {
        let (signing_on, looked_at) = Default::default();
        Self { limits, signing_on, looked_at, outdated: (1, 1), kept }
    }

    /// What is to be kept.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Whether anything is held.
    pub fn is_holding(&self) -> bool {
        !self.kept.items.is_empty()
    }

    /// So many of so many records are not up to date, as the live copy shows: those are looked at,
    /// so that what is lost there says something of them alone.
    pub fn outdated(&mut self, outdated: u64, of: u64) {
        self.outdated = (outdated.min(of).max(1), of.max(1));
    }

    /// A look of the gateway's own found that a user loses nothing.
    pub fn unharmed(&mut self) {
        self.looked_at.unharmed(1);
    }

    /// Judges what would be lost. `signed_on` counts users, this one aside, who have signed on since
    /// some time, and may stop at a number that is enough.
    pub fn judge(
        &mut self,
        loss: &Loss,
        now: Timestamp,
        id: impl FnOnce() -> String,
        signed_on: impl FnOnce(Timestamp, usize) -> usize,
    ) -> (Judgement, Vec<News>) {
        let is_open = |(group, since): &&(UpstreamId, Timestamp)| {
            !self.kept.confirmed.iter().any(|c| c.covers(&loss.user, group, *since))
        };
        let open: Vec<UpstreamId> =
            loss.groups.iter().filter(is_open).map(|(group, _)| group.clone()).collect();
        let takes_all = |least: usize| loss.is_all && loss.groups.len() >= least.max(1);
        let is_much = self.limits.many == Many::Held && open.len() >= self.limits.groups.max(1);
        if !open.is_empty() && self.limits.last_groups.is_some_and(takes_all) {
            return self.hold(loss, &open, Some(&loss.user), now, 1, id);
        }
        if is_much && self.item(None).is_some() {
            return self.hold(loss, &open, None, now, 1, id);
        }
        if is_much && let Some(seen) = self.too_many(loss, now, signed_on) {
            return self.hold(loss, &open, None, now, seen, id);
        }
        (Judgement::Believe, self.let_go(&loss.user))
    }

    /// Counts a user who loses; of how many users who were seen, if that are too many.
    fn too_many(
        &mut self,
        loss: &Loss,
        now: Timestamp,
        signed_on: impl FnOnce(Timestamp, usize) -> usize,
    ) -> Option<usize> {
        let limits = self.limits;
        let losers = limits.least_users as u128;
        let of = match loss.cause {
            Cause::SignOn => {
                let burst = self.signing_on.loses(&loss.user, now, &limits)?;
                let enough = losers * 100 / u128::from(limits.share.max(1)) + 1;
                let enough = usize::try_from(enough).unwrap_or(usize::MAX);
                (signed_on(burst.since, enough) as u128 + 1).max(losers)
            }
            Cause::Reconciliation => {
                let burst = self.looked_at.loses(&loss.user, now, &limits)?;
                let (outdated, of) = self.outdated;
                (losers + u128::from(burst.unharmed)) * u128::from(of) / u128::from(outdated)
            }
        };
        let is_mass = losers * 100 > u128::from(limits.share) * of;
        is_mass.then(|| usize::try_from(of).unwrap_or(usize::MAX))
    }

    fn item(&mut self, only: Option<&UpstreamId>) -> Option<&mut Item> {
        self.kept.items.iter_mut().find(|item| item.only.as_ref() == only)
    }

    fn hold(
        &mut self,
        loss: &Loss,
        open: &[UpstreamId],
        only: Option<&UpstreamId>,
        now: Timestamp,
        seen: usize,
        id: impl FnOnce() -> String,
    ) -> (Judgement, Vec<News>) {
        if let Some(item) = self.item(only) {
            let news = if item.add(&loss.user, open) { vec![News::Grown] } else { Vec::new() };
            return (Judgement::Hold, news);
        }
        if self.kept.items.len() > MAX_ITEMS {
            // Held without being listed: there are enough to look at.
            return (Judgement::Hold, Vec::new());
        }
        let mut item = Item {
            id: id(),
            only: only.cloned(),
            since: now,
            seen,
            groups: Some(BTreeSet::new()),
            users: BTreeSet::new(),
            most: 0,
            decision: Decision::Open,
        };
        item.add(&loss.user, open);
        self.kept.items.push(item.clone());
        (Judgement::Hold, vec![News::Held(item)])
    }

    /// A user would lose nothing any more that is not believed, or is gone.
    pub fn let_go(&mut self, user: &UpstreamId) -> Vec<News> {
        let limits = self.limits;
        let mut passed = Vec::new();
        self.kept.items.retain_mut(|item| {
            let is_over = item.users.remove(user) && item.is_over(&limits);
            if is_over {
                passed.push(News::Passed(item.clone()));
            }
            !is_over
        });
        if !passed.is_empty() {
            self.signing_on.clear();
            self.looked_at.clear();
        }
        passed
    }

    /// Says what is held under that id; `None` if nothing is. What is confirmed is not held any
    /// more, what is rejected is held until it passes.
    pub fn decide(&mut self, id: &str, decision: Decision, now: Timestamp) -> Option<Item> {
        let at = self.kept.items.iter().position(|item| item.id == id)?;
        self.kept.items[at].decision = decision;
        let item = self.kept.items[at].clone();
        if decision == Decision::Confirmed {
            self.kept.items.remove(at);
            let surplus = (self.kept.confirmed.len() + 1).saturating_sub(MAX_CONFIRMED);
            self.kept.confirmed.drain(..surplus);
            let (only, groups) = (item.only.clone(), item.groups.clone());
            // All that one user would lose is one thing, whatever is lost by then.
            let groups = groups.filter(|_| only.is_none());
            self.kept.confirmed.push(Confirmed { only, groups, at: now });
            self.signing_on.clear();
            self.looked_at.clear();
        }
        Some(item)
    }
}

impl Item {
    /// Adds a user and groups; whether there are more groups then.
    fn add(&mut self, user: &UpstreamId, groups: &[UpstreamId]) -> bool {
        if self.users.len() < MAX_USERS {
            self.users.insert(user.clone());
        }
        self.most = self.most.max(self.users.len());
        let Some(named) = &mut self.groups else { return false };
        let before = named.len();
        named.extend(groups.iter().cloned());
        if named.len() > MAX_GROUPS {
            self.groups = None;
            return true;
        }
        named.len() > before
    }

    /// Whether so few are left of those who were held that it was not their losses that were too
    /// many.
    fn is_over(&self, limits: &Limits) -> bool {
        let left = self.users.len();
        let is_small = left < limits.least_users
            && left as u128 * 100 < u128::from(limits.share) * self.most as u128;
        left == 0 || self.only.is_none() && is_small
    }
}
