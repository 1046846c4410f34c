//! Holds losses of groups of many users at once (S3.8), and keeps over restarts what is held.
//!
//! What is decided is decided in [`crate::domain::mass_change`]. Nobody waits for the breaker who
//! loses nothing, unless something is held.

mod text;

use super::events::Event;
use super::oversight::{Held, HeldKind};
use super::ports::{Clock, Events, StoreError};
use super::saved::HeldChanges;
use crate::domain::mass_change::{self, Judgement, Limits, Loss, News};
use crate::domain::record::UpstreamId;
use crate::domain::replication::Decision;
use crate::domain::time::Timestamp;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most users that are named as examples.
const MAX_EXAMPLES: usize = 10;

/// How much of a new id is enough to tell items apart: of its end, which is random.
const ID_LENGTH: usize = 8;

/// The breaker of one directory; clones share it.
pub struct Breaker<E> {
    inner: Arc<Inner<E>>,
}

impl<E> Clone for Breaker<E> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

struct Inner<E> {
    directory: Arc<str>,
    state: Mutex<mass_change::Breaker>,
    /// Whether anything is held: as a rule not, and then nobody asks further.
    is_holding: AtomicBool,
    /// Users who are not held any more and still have to be brought up to date.
    released: Mutex<Vec<UpstreamId>>,
    store: Arc<dyn HeldChanges>,
    /// One writes at a time, so that what is kept is what was last.
    turn: tokio::sync::Mutex<()>,
    events: E,
}

impl<E: Events> Breaker<E> {
    /// The breaker of a directory, which goes on from what the store has kept.
    pub fn new(
        directory: Arc<str>,
        limits: Limits,
        store: Arc<dyn HeldChanges>,
        events: E,
    ) -> Self {
        let mut kept =
            store.kept(&directory).and_then(|kept| text::read(&kept)).unwrap_or_default();
        let users = if kept.items.is_empty() { Vec::new() } else { store.held_users(&directory) };
        if let Some(many) = kept.items.iter_mut().find(|item| item.only.is_none()) {
            many.users.extend(users.into_iter().take(mass_change::MAX_USERS));
        }
        let state = mass_change::Breaker::new(limits, kept);
        let is_holding = AtomicBool::new(state.is_holding());
        let (released, turn) = Default::default();
        let state = Mutex::new(state);
        let inner = Inner { directory, state, is_holding, released, store, turn, events };
        let breaker = Self { inner: Arc::new(inner) };
        breaker.tell_how_many();
        breaker
    }

    /// Whether a judgement is needed of somebody who loses nothing.
    pub fn is_holding(&self) -> bool {
        self.inner.is_holding.load(Ordering::Acquire)
    }

    /// Judges what would be lost. What is held from now on is on disk when this returns, if the
    /// store takes it: else it is held all the same, until the gateway ends.
    pub async fn judge(&self, loss: &Loss, clock: &impl Clock) -> Judgement {
        let now = clock.now();
        let id = || {
            let whole = clock.new_record_id().0;
            whole.chars().skip(whole.len().saturating_sub(ID_LENGTH)).collect()
        };
        let (directory, store) = (&self.inner.directory, &self.inner.store);
        let signed_on = |since, enough| store.signed_on_since(directory, since, enough);
        let (judgement, news) = self.state().judge(loss, now, id, signed_on);
        self.settle(news).await;
        judgement
    }

    /// A user loses nothing, or is gone.
    pub async fn let_go(&self, user: &UpstreamId) {
        if self.is_holding() {
            let news = self.state().let_go(user);
            self.settle(news).await;
        }
    }

    /// A look of the gateway's own found that a user loses nothing.
    pub fn unharmed(&self) {
        self.state().unharmed();
    }

    /// So many of so many records are not up to date, as the live copy shows.
    pub fn outdated(&self, outdated: u64, of: u64) {
        self.state().outdated(outdated, of);
    }

    /// Users who are not held any more and have to be brought up to date; each is told once.
    pub fn take_released(&self) -> Vec<UpstreamId> {
        std::mem::take(&mut *self.released())
    }

    /// Everything that is held.
    pub fn held(&self) -> Vec<Held> {
        self.state().kept().items.iter().map(|item| self.shown(item)).collect()
    }

    /// Says what is held under that id, and keeps that; `None` if nothing is.
    pub async fn decide(
        &self,
        id: &str,
        decision: Decision,
        now: Timestamp,
    ) -> Result<Option<Held>, StoreError> {
        let decided = self.state().decide(id, decision, now);
        let Some(item) = decided else { return Ok(None) };
        if decision == Decision::Confirmed {
            self.release(&item);
        }
        self.tell_how_many();
        self.keep().await?;
        Ok(Some(self.shown(&item)))
    }

    async fn settle(&self, news: Vec<News>) {
        self.tell_how_many();
        if news.is_empty() {
            return;
        }
        for one in &news {
            match one {
                News::Held(item) => self.inner.events.emit(&Event::ChangeHeld {
                    directory: &self.inner.directory,
                    id: &item.id,
                    kind: kind(item),
                    seen: item.seen,
                }),
                News::Passed(item) => {
                    self.release(item);
                    let (directory, id) = (&*self.inner.directory, &*item.id);
                    self.inner.events.emit(&Event::HeldPassed { directory, id });
                }
                News::Grown => {}
            }
        }
        // A store that fails tells of that itself.
        let _ = self.keep().await;
    }

    /// Writes what is to be kept, as it is by then.
    async fn keep(&self) -> Result<(), StoreError> {
        let _turn = self.inner.turn.lock().await;
        let text = text::write(self.state().kept());
        self.inner.store.keep(&self.inner.directory, text).await
    }

    /// Has those looked at who were held. Where nobody looks the list stays, and is bounded.
    fn release(&self, item: &mass_change::Item) {
        let mut released = self.released();
        let room = mass_change::MAX_USERS.saturating_sub(released.len());
        released.extend(item.users.iter().take(room).cloned());
    }

    fn tell_how_many(&self) {
        let state = self.state();
        let was_holding = self.inner.is_holding.swap(state.is_holding(), Ordering::AcqRel);
        if was_holding || state.is_holding() {
            let users = state.kept().items.iter().map(|item| item.users.len()).sum();
            let directory = &self.inner.directory;
            self.inner.events.emit(&Event::UsersHeld { directory, users });
        }
    }

    fn shown(&self, item: &mass_change::Item) -> Held {
        let directory = &self.inner.directory;
        let name = |user| self.inner.store.name_of(directory, user);
        Held {
            id: item.id.clone(),
            directory: directory.clone(),
            kind: kind(item),
            since: item.since,
            gone: item.users.len(),
            of: item.seen.max(item.users.len()),
            examples: item.users.iter().filter_map(name).take(MAX_EXAMPLES).collect(),
            decision: item.decision,
        }
    }

    fn state(&self) -> MutexGuard<'_, mass_change::Breaker> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn released(&self) -> MutexGuard<'_, Vec<UpstreamId>> {
        self.inner.released.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kind(item: &mass_change::Item) -> HeldKind {
    if item.only.is_some() { HeldKind::LastGroups } else { HeldKind::MassChange }
}
