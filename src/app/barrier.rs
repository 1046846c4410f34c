//! The barrier: no sign-on is answered from a live copy that is older than the sign-on.
//!
//! It is a pull, shared by all who wait: the directory is asked how far it has got, and the copy
//! may be used once it has got as far. A question that somebody shares is sent after they came
//! (`app::questions`).
//!
//! A copy that does not arrive in time is a miss. A miss costs a poll and then a walk. After
//! several in a row the copy is not waited for any more until it has caught up.

mod rollback;

pub use rollback::{Difference, Progress};

use super::events::Event;
use super::flights::{Deserted, Flights, Ride};
use super::ports::{Coverage, Events, Lookups, Marker, Replica};
use super::questions::{Asker, Questions};
use super::trace::{Sake, Span};
use crate::domain::observation::UnknownReason;
use rollback::Seen;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

/// A question waits for others to share it for no more than this part of the patience.
const GATHERING_SHARE: u32 = 10;
/// After so many misses in a row the copy is not waited for.
const MAX_MISSES: u32 = 5;

/// What a question found out.
#[derive(Debug)]
pub struct Answered<M> {
    number: u64,
    /// How far the directory had got.
    marker: M,
    /// If it had been seen to have got farther before: what a copy has to have that is believed.
    lacks: Option<M>,
    /// Whether it was the copy that asked, and has what it was told.
    is_pulled: bool,
    /// The time in which it says the same.
    era: u64,
}

/// The answer to a question, for all who waited for it.
pub type Answer<M> = Result<Arc<Answered<M>>, UnknownReason>;

/// A place among those who wait for a question's answer. While it is there, others who ask are
/// waited for with it in mind.
pub struct Question<M> {
    answer: Ride<Answer<M>>,
    era: Option<u64>,
    _asker: Asker,
}

impl<M> Question<M> {
    /// Once it was passed: the time in which the directory says the same, if it is believed.
    pub fn era(&self) -> Option<u64> {
        self.era
    }
}

impl<M> Future for Question<M> {
    type Output = Option<Answer<M>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(cx)
    }
}

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

/// One directory's barrier; for all workers. A handle is cheap to clone.
pub struct Barrier<R: Replica, E: Events> {
    shared: Arc<Common<R, E>>,
}

struct Common<R: Replica, E: Events> {
    directory: Arc<str>,
    replica: R,
    patience: Duration,
    questions: Arc<Questions<Sake, Answer<R::Marker>>>,
    polls: Arc<Flights<(), (), ()>>,
    state: Mutex<State<R::Marker>>,
    /// Whether the copy was missed since it was last in time: so that those who find it in time
    /// need not take the lock to learn that there is nothing to note.
    is_troubled: AtomicBool,
    events: E,
}

struct State<M> {
    seen: Seen<M>,
    asked: u64,
    /// What the directory said last, and the number of the time in which it has said that.
    era: (Option<M>, u64),
    misses: u32,
    /// The question that was missed last: all who waited for it count once.
    last_miss: u64,
    /// Set after too many misses in a row: what the copy has to have before it is waited for again.
    waits_for: Option<M>,
}

impl<R: Replica, E: Events> Clone for Barrier<R, E> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<R: Replica, E: Events> Barrier<R, E> {
    /// The barrier before a directory's copy. `patience` is how long the copy may take to get as
    /// far as the directory has got.
    pub fn new(directory: Arc<str>, replica: R, patience: Duration, events: E) -> Self {
        let state = State {
            seen: Seen::default(),
            asked: 0,
            era: (None, 0),
            misses: 0,
            last_miss: 0,
            waits_for: None,
        };
        let shared = Common {
            directory,
            replica,
            patience,
            questions: Questions::new(patience / GATHERING_SHARE),
            polls: Flights::new(Deserted::Skip),
            state: Mutex::new(state),
            is_troubled: AtomicBool::new(false),
            events,
        };
        Self { shared: Arc::new(shared) }
    }

    /// The copy.
    pub fn replica(&self) -> &R {
        &self.shared.replica
    }

    /// What the copy holds, if it is to be asked.
    pub fn coverage(&self) -> Option<Coverage> {
        self.shared.replica.coverage()
    }

    /// Joins the question that is not sent yet, or has one sent; `None` if there is nothing to be
    /// asked.
    pub fn ask<L: Lookups>(&self, lookups: &L) -> Option<Question<R::Marker>> {
        self.ask_for(lookups, Sake::NOBODY)
    }

    /// The same for the sake of somebody who is traced.
    pub fn ask_for<L: Lookups>(&self, lookups: &L, sake: Sake) -> Option<Question<R::Marker>> {
        if !self.shared.replica.can_be_asked_for() && self.is_nowhere() {
            return None;
        }
        let ask = || {
            let (barrier, lookups) = (self.clone(), lookups.clone());
            move |sake: Sake| async move { barrier.find_out(&lookups, sake.asked("how far")).await }
        };
        let (answer, asker) = self.shared.questions.join(sake, ask, spawn);
        Some(Question { answer, era: None, _asker: asker })
    }

    async fn find_out<L: Lookups>(&self, lookups: &L, mut span: Span) -> Answer<R::Marker> {
        let answer = self.find_marker(lookups).await;
        if let Err(reason) = &answer {
            span.set("bindgate.unknown", reason.to_string());
            span.failed();
        }
        answer
    }

    async fn find_marker<L: Lookups>(&self, lookups: &L) -> Answer<R::Marker> {
        let before = self.seen_before();
        if let Some(Ok(marker)) = self.shared.replica.pull().await {
            let number = self.next_number();
            self.saw(self.shared.replica.seen());
            let (lacks, era) = (self.lacks(&marker, before.as_ref()), self.era_of(&marker));
            return Ok(Arc::new(Answered { number, marker, lacks, is_pulled: true, era }));
        }
        let search = match self.shared.replica.question() {
            Some(search) => search,
            None => self.find_question(lookups).await?,
        };
        let number = self.next_number();
        let answer = lookups.search(search).await.map_err(|error| error.reason())?;
        let marker = self.shared.replica.marker(&answer).ok_or_else(|| self.nowhere())?;
        self.saw(self.shared.replica.seen());
        let (lacks, era) = (self.lacks(&marker, before.as_ref()), self.era_of(&marker));
        Ok(Arc::new(Answered { number, marker, lacks, is_pulled: false, era }))
    }

    /// What the copy holds, if it is as young as the question already, so that there is nothing to
    /// wait for.
    pub fn glance(&self, answer: Option<&Answer<R::Marker>>) -> Option<Coverage> {
        let Some(Ok(answered)) = answer else { return None };
        let replica = &self.shared.replica;
        if replica.is_held() || replica.went_back() || answered.lacks.is_some() {
            return None;
        }
        let coverage = self.shared.replica.coverage()?;
        self.has(answered).then_some(coverage)
    }

    /// Waits until the copy is at least as young as the question.
    pub async fn pass<L: Lookups>(
        &self,
        lookups: &L,
        question: &mut Question<R::Marker>,
    ) -> Passage {
        let answered = match self.insist(lookups, question).await {
            Ok(answered) => answered,
            Err(passage) => return passage,
        };
        if self.shared.replica.is_held() {
            return Passage::Held;
        }
        if self.shared.replica.went_back() {
            return self.tell_behind();
        }
        if let Some(seen) = &answered.lacks {
            return self.pass_behind(seen).await;
        }
        question.era = Some(answered.era).filter(|_| self.shared.replica.says_what_is_seen());
        match self.shared.replica.coverage() {
            Some(coverage) if self.arrives(&answered).await => Passage::Fresh(coverage),
            _ => Passage::Walk,
        }
    }

    /// Whether the copy gets as far as the directory had, in time.
    async fn arrives(&self, answered: &Answered<R::Marker>) -> bool {
        if self.has(answered) {
            return true;
        }
        if self.is_given_up() {
            return false;
        }
        let marker = &answered.marker;
        let arrival = timeout(self.shared.patience, self.shared.replica.arrived(marker)).await;
        if matches!(arrival, Ok(Ok(()))) {
            self.hit();
            return true;
        }
        if arrival.is_err() && self.poll_arrives(marker).await {
            self.hit();
            return true;
        }
        self.miss(answered.number, marker);
        false
    }

    fn has(&self, answered: &Answered<R::Marker>) -> bool {
        let has = answered.is_pulled || self.shared.replica.has(&answered.marker);
        if has {
            self.hit();
        }
        has
    }

    /// The copy is late: perhaps the directory says when asked what it did not say by itself.
    async fn poll_arrives(&self, marker: &R::Marker) -> bool {
        let replica = self.shared.replica.clone();
        let fly = move |()| {
            let replica = replica.clone();
            // Whether it helped is seen by what has arrived.
            async move {
                let _ = replica.poll().await;
            }
        };
        let poll = self.shared.polls.join((), (), || fly, spawn);
        let _ = timeout(self.shared.patience, poll).await;
        self.shared.replica.has(marker)
    }

    /// Whether the copy was not there in time when it was last waited for: somebody was told what is
    /// younger than it.
    pub fn is_missed(&self) -> bool {
        self.shared.is_troubled.load(Ordering::Acquire)
    }

    /// The number of the time in which the directory says this. It may be another one that says what
    /// was said before something else was, and is the same only where nothing else was said.
    fn era_of(&self, marker: &R::Marker) -> u64 {
        let (last, number) = &mut self.state().era;
        let is_same = |last: &R::Marker| last.covers(marker) && marker.covers(last);
        if !last.as_ref().is_some_and(is_same) {
            *last = Some(marker.clone());
            *number += 1;
        }
        *number
    }

    fn next_number(&self) -> u64 {
        let mut state = self.state();
        state.asked += 1;
        state.asked
    }

    /// Whether the copy is not waited for; once it has what it lacked then, it is again.
    fn is_given_up(&self) -> bool {
        let lacked = self.state().waits_for.clone();
        let is_given_up = lacked.is_some_and(|marker| !self.shared.replica.has(&marker));
        if !is_given_up {
            self.take_up();
        }
        is_given_up
    }

    fn take_up(&self) {
        let was_given_up = self.state().waits_for.take().is_some();
        if was_given_up {
            self.shared.events.emit(&Event::ReplicaCaughtUp { directory: &self.shared.directory });
        }
    }

    fn hit(&self) {
        if self.shared.is_troubled.swap(false, Ordering::AcqRel) {
            self.state().misses = 0;
            self.take_up();
        }
    }

    fn miss(&self, number: u64, marker: &R::Marker) {
        let mut state = self.state();
        if number <= state.last_miss {
            return;
        }
        state.last_miss = number;
        state.misses += 1;
        self.shared.is_troubled.store(true, Ordering::Release);
        let gives_up = state.misses >= MAX_MISSES && state.waits_for.is_none();
        if gives_up {
            state.waits_for = Some(marker.clone());
        }
        drop(state);
        self.shared.events.emit(&Event::ReplicaMissed { directory: &self.shared.directory });
        if gives_up {
            self.shared.events.emit(&Event::ReplicaGivenUp { directory: &self.shared.directory });
        }
    }

    fn state(&self) -> MutexGuard<'_, State<R::Marker>> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spawn(future: Pin<Box<dyn Future<Output = ()> + Send>>) {
    tokio::spawn(future);
}

#[cfg(test)]
#[path = "barrier_tests.rs"]
mod tests;
