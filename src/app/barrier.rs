//! The barrier: no sign-on is answered from a live copy that is older than the sign-on.
//!
//! It is a pull, shared by all who wait: the directory is asked how far it has got, and the copy
//! may be used once it has got as far. One question is under way at a time, and one more waits to
//! be asked for all who came later, so a question that somebody joins is sent after they came.
//!
//! A copy that does not arrive in time is a miss. A miss costs a poll and then a walk. After
//! several in a row the copy is not waited for any more until it has caught up.

mod rollback;

pub use rollback::{Difference, Progress};

use super::events::Event;
use super::flights::{Deserted, Flights, Ride};
use super::ports::{Coverage, Events, Lookups, Replica};
use crate::domain::observation::UnknownReason;
use rollback::Seen;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// After so many misses in a row the copy is not waited for.
const MAX_MISSES: u32 = 5;

/// The answer to a question: its number, and how far the directory had got.
pub type Answer<M> = Result<(u64, M), UnknownReason>;

/// A place among those who wait for a question's answer.
pub type Question<M> = Ride<Answer<M>>;

/// What a sign-on may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// The copy is at least as young as the question.
    Fresh(Coverage),
    /// The copy cannot be had in time: the directory has to be asked.
    Walk,
    /// The directory has said before how far it has got, and could not be asked that now: nobody
    /// knows whether it is behind.
    Failed(UnknownReason),
    /// The directory is behind what was already seen of it: nothing that it says counts.
    Behind,
    /// The directory shows far fewer groups than before, and nobody has confirmed that: what it says
    /// of groups does not count.
    Held,
}

/// One directory's barrier; for all workers.
pub struct Barrier<R: Replica, E: Events> {
    directory: Arc<str>,
    replica: R,
    patience: Duration,
    questions: Arc<Flights<(), (), Answer<R::Marker>>>,
    polls: Arc<Flights<(), (), ()>>,
    state: Arc<Mutex<State<R::Marker>>>,
    events: E,
}

struct State<M> {
    seen: Seen<M>,
    asked: u64,
    misses: u32,
    /// The question that was missed last: all who waited for it count once.
    last_miss: u64,
    /// Set after too many misses in a row: what the copy has to have before it is waited for again.
    waits_for: Option<M>,
}

impl<R: Replica, E: Events> Clone for Barrier<R, E> {
    fn clone(&self) -> Self {
        Self {
            directory: self.directory.clone(),
            replica: self.replica.clone(),
            patience: self.patience,
            questions: self.questions.clone(),
            polls: self.polls.clone(),
            state: self.state.clone(),
            events: self.events.clone(),
        }
    }
}

impl<R: Replica, E: Events> Barrier<R, E> {
    /// The barrier before a directory's copy. `patience` is how long the copy may take to get as
    /// far as the directory has got.
    pub fn new(directory: Arc<str>, replica: R, patience: Duration, events: E) -> Self {
        let state =
            State { seen: Seen::default(), asked: 0, misses: 0, last_miss: 0, waits_for: None };
        Self {
            directory,
            replica,
            patience,
            questions: Flights::new(Deserted::Skip),
            polls: Flights::new(Deserted::Skip),
            state: Arc::new(Mutex::new(state)),
            events,
        }
    }

    /// The copy.
    pub fn replica(&self) -> &R {
        &self.replica
    }

    /// What the copy holds, if it is to be asked.
    pub fn coverage(&self) -> Option<Coverage> {
        self.replica.coverage()
    }

    /// Joins the question that is not sent yet, or has one sent; `None` if there is nothing to be
    /// asked.
    pub fn ask<L: Lookups>(&self, lookups: &L) -> Option<Question<R::Marker>> {
        let search = self.replica.question();
        if search.is_none() && self.is_nowhere() {
            return None;
        }
        let (barrier, lookups) = (self.clone(), lookups.clone());
        let fly = move |()| {
            let (barrier, lookups, search) = (barrier.clone(), lookups.clone(), search.clone());
            async move {
                let search = match search {
                    Some(search) => search,
                    None => barrier.find_question(&lookups).await?,
                };
                let number = barrier.next_number();
                let answer = lookups.search(search).await.map_err(|error| error.reason())?;
                let marker = barrier.replica.marker(&answer).ok_or_else(|| barrier.nowhere())?;
                barrier.saw(barrier.replica.seen());
                Ok((number, marker))
            }
        };
        Some(self.questions.join((), (), fly, spawn))
    }

    /// Waits until the copy is at least as young as the question.
    pub async fn pass<L: Lookups>(&self, lookups: &L, question: Question<R::Marker>) -> Passage {
        let (number, marker) = match self.insist(lookups, question).await {
            Ok(answer) => answer,
            Err(passage) => return passage,
        };
        let seen = self.lacks(&marker);
        if self.replica.is_held() {
            return Passage::Held;
        }
        if self.replica.went_back() {
            return self.tell_behind();
        }
        if let Some(seen) = seen {
            return self.pass_behind(&seen).await;
        }
        match self.replica.coverage() {
            Some(coverage) if self.arrives(number, &marker).await => Passage::Fresh(coverage),
            _ => Passage::Walk,
        }
    }

    /// Whether the copy gets as far as the marker in time.
    async fn arrives(&self, number: u64, marker: &R::Marker) -> bool {
        if self.replica.has(marker) {
            self.hit();
            return true;
        }
        if self.is_given_up() {
            return false;
        }
        let arrival = timeout(self.patience, self.replica.arrived(marker)).await;
        if matches!(arrival, Ok(Ok(()))) {
            self.hit();
            return true;
        }
        if arrival.is_err() && self.poll_arrives(marker).await {
            self.hit();
            return true;
        }
        self.miss(number, marker);
        false
    }

    /// The copy is late: perhaps the directory says when asked what it did not say by itself.
    async fn poll_arrives(&self, marker: &R::Marker) -> bool {
        let replica = self.replica.clone();
        let fly = move |()| {
            let replica = replica.clone();
            // Whether it helped is seen by what has arrived.
            async move {
                let _ = replica.poll().await;
            }
        };
        let poll = self.polls.join((), (), fly, spawn);
        let _ = timeout(self.patience, poll).await;
        self.replica.has(marker)
    }

    fn next_number(&self) -> u64 {
        let mut state = self.state();
        state.asked += 1;
        state.asked
    }

    /// Whether the copy is not waited for; once it has what it lacked then, it is again.
    fn is_given_up(&self) -> bool {
        let lacked = self.state().waits_for.clone();
        let is_given_up = lacked.is_some_and(|marker| !self.replica.has(&marker));
        if !is_given_up {
            self.take_up();
        }
        is_given_up
    }

    fn take_up(&self) {
        let was_given_up = self.state().waits_for.take().is_some();
        if was_given_up {
            self.events.emit(&Event::ReplicaCaughtUp { directory: &self.directory });
        }
    }

    fn hit(&self) {
        self.state().misses = 0;
        self.take_up();
    }

    fn miss(&self, number: u64, marker: &R::Marker) {
        let mut state = self.state();
        if number <= state.last_miss {
            return;
        }
        state.last_miss = number;
        state.misses += 1;
        let gives_up = state.misses >= MAX_MISSES && state.waits_for.is_none();
        if gives_up {
            state.waits_for = Some(marker.clone());
        }
        drop(state);
        self.events.emit(&Event::ReplicaMissed { directory: &self.directory });
        if gives_up {
            self.events.emit(&Event::ReplicaGivenUp { directory: &self.directory });
        }
    }

    fn state(&self) -> MutexGuard<'_, State<R::Marker>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spawn(future: Pin<Box<dyn Future<Output = ()> + Send>>) {
    tokio::spawn(future);
}

#[cfg(test)]
#[path = "barrier_tests.rs"]
mod tests;
