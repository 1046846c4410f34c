//! Rule K6: a directory that is behind what was seen of it is not believed, until somebody says that
//! a backup was restored, or it has got farther.
//!
//! And rule K5, where it is about time: what a walk does not find any more may only not be seen any
//! more, and the copy finds that out.
//!
//! What was seen is what the directory has answered, what its copy had, and what the store keeps of
//! both from an earlier process.

use super::{Answered, Barrier, Passage, Question};
use crate::app::events::Event;
use crate::app::ports::{Events, Lookups, Marker, Replica};
use crate::app::saved::SeenMarker;
use crate::domain::observation::UnknownReason;
use crate::proto::search::Search;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a directory that does not say how far it has got is not asked again.
const NOWHERE_PAUSE: Duration = Duration::from_secs(60);

/// What a walk found that the record does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// More, and nothing less.
    More,
    /// Something that the record has is not there.
    Less,
}

/// How long a walk that changes something waits for the copy that is being made whole again.
pub(super) const VOUCH_PATIENCE: Duration = Duration::from_secs(1);

/// How far a directory was ever seen to have got, and where it says so.
#[derive(Debug)]
pub(super) struct Seen<M> {
    highest: Option<M>,
    /// Whether sign-ons are not believed because the directory is behind, and that was told.
    is_behind: bool,
    /// The question, where it had to be found out without a copy.
    question: Option<Search>,
    /// It does not say so; this is when it is asked again.
    nowhere_until: Option<Instant>,
}

impl<M> Default for Seen<M> {
    fn default() -> Self {
        Self { highest: None, is_behind: false, question: None, nowhere_until: None }
    }
}

/// How far a directory has got, as text for a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// How far it was ever seen to have got.
    pub seen: Option<String>,
    /// How far it says that it has got; `None` if it does not say so.
    pub shown: Option<String>,
    /// Whether it is behind what was seen.
    pub is_behind: bool,
}

impl<R: Replica, E: Events> Barrier<R, E> {
    /// The same, with what an earlier process has seen.
    pub fn with_seen(self, seen: Option<&str>) -> Self {
        self.saw(seen.and_then(R::Marker::read));
        self
    }

    /// The answer to a question. One that failed is asked once more: a server that was just
    /// restarted, perhaps with an older state, has lost its connections.
    pub(super) async fn insist<L: Lookups>(
        &self,
        lookups: &L,
        question: &mut Question<R::Marker>,
    ) -> Result<Arc<Answered<R::Marker>>, Passage> {
        let first = question.await;
        if let Some(Ok(answer)) = first {
            return Ok(answer);
        }
        // One that was lost with its worker says nothing.
        let silent = matches!(first, Some(Err(UnknownReason::NotAsked)));
        let unasked = self.unasked();
        self.saw(self.shared.replica.seen());
        if silent || unasked != Passage::Walk || self.state().seen.highest.is_none() {
            return Err(unasked);
        }
        let second = match self.ask(lookups) {
            Some(question) => question.await,
            None => return Err(unasked),
        };
        match second.unwrap_or(Err(UnknownReason::Disconnected)) {
            Ok(answer) => Ok(answer),
            Err(UnknownReason::NotAsked) => Err(unasked),
            Err(reason) => Err(Passage::Failed(reason)),
        }
    }

    /// What holds for a sign-on for which the directory did not say how far it has got.
    pub fn unasked(&self) -> Passage {
        if self.shared.replica.is_held() {
            Passage::Held
        } else if self.state().seen.is_behind {
            Passage::Behind
        } else {
            Passage::Walk
        }
    }

    /// Asks the directory how far it has got.
    pub async fn progress<L: Lookups>(&self, lookups: &L) -> Progress {
        let answer = match self.ask(lookups) {
            Some(question) => question.await,
            None => None,
        };
        let answered = answer.and_then(Result::ok);
        let lacks = match &answered {
            Some(answered) => {
                answered.lacks.as_ref().is_some_and(|seen| !self.shared.replica.has(seen))
            }
            None => self.state().seen.is_behind,
        };
        let is_behind = lacks || self.shared.replica.went_back();
        let seen = self.highest();
        Progress { seen, shown: answered.map(|answered| answered.marker.text()), is_behind }
    }

    /// Whether a walk is believed that changes something of a record, or why not.
    ///
    /// While the copy is lost that was whole before, the account may have lost its right to see
    /// groups as well, and only the refresh that is on its way will tell. And between the question
    /// and the walk the directory may have been restarted with an older state.
    pub async fn vouch<L: Lookups>(
        &self,
        lookups: &L,
        difference: Difference,
    ) -> Result<(), UnknownReason> {
        let is_known = async {
            self.shared.replica.testified().await;
            // That more is seen than before says nothing against the account.
            difference == Difference::More || self.shared.replica.vouched().await.is_ok()
        };
        if !timeout(VOUCH_PATIENCE, is_known).await.unwrap_or(false) {
            return Err(UnknownReason::Visibility);
        }
        let mut question = match self.ask(lookups) {
            Some(question) if self.state().seen.highest.is_some() => question,
            _ => return Ok(()),
        };
        let unbelieved = match self.insist(lookups, &mut question).await {
            Ok(answered) => match &answered.lacks {
                _ if self.shared.replica.went_back() => self.tell_behind(),
                None => return Ok(()),
                Some(seen) => self.pass_behind(seen).await,
            },
            Err(passage) => passage,
        };
        match unbelieved {
            Passage::Walk | Passage::Fresh(_) => Ok(()),
            Passage::Failed(reason) => Err(reason),
            Passage::Behind => Err(UnknownReason::Rollback),
            Passage::Held => Err(UnknownReason::Visibility),
        }
    }

    /// Whether there is no use in asking for now.
    pub(super) fn is_nowhere(&self) -> bool {
        self.state().seen.nowhere_until.is_some_and(|until| Instant::now() < until)
    }

    /// The question, where the copy does not know it (yet).
    pub(super) async fn find_question<L: Lookups>(
        &self,
        lookups: &L,
    ) -> Result<Search, UnknownReason> {
        let known = self.state().seen.question.clone();
        if let Some(question) = known {
            return Ok(question);
        }
        let found = self.shared.replica.find_question(lookups).await?;
        self.state().seen.question.clone_from(&found);
        found.ok_or_else(|| self.nowhere())
    }

    /// The directory does not say how far it has got.
    pub(super) fn nowhere(&self) -> UnknownReason {
        if self.shared.replica.coverage().is_none() {
            let mut state = self.state();
            state.seen.question = None;
            state.seen.nowhere_until = Some(Instant::now() + NOWHERE_PAUSE);
        }
        UnknownReason::NotAsked
    }

    /// Takes what the copy has, or had before it was lost.
    pub(super) fn saw(&self, marker: Option<R::Marker>) {
        let Some(marker) = marker else { return };
        match &mut self.state().seen.highest {
            Some(highest) => highest.advance(&marker),
            none => *none = Some(marker),
        }
    }

    /// How far the directory was seen to have got, as a question is sent: what its answer has to have.
    pub(super) fn seen_before(&self) -> Option<R::Marker> {
        self.saw(self.shared.replica.seen());
        self.state().seen.highest.clone()
    }

    /// Notes how far the directory has got. If it is behind what was seen `before` it was asked: what a
    /// copy has to have that is to be believed all the same. What was seen since, by another question or
    /// by the copy, it need not have had yet when it answered.
    pub(super) fn lacks(
        &self,
        marker: &R::Marker,
        before: Option<&R::Marker>,
    ) -> Option<R::Marker> {
        let mut state = self.state();
        let seen = &mut state.seen;
        let Some(highest) = &mut seen.highest else {
            seen.highest = Some(marker.clone());
            return None;
        };
        if before.is_some_and(|before| !marker.covers(before)) {
            let mut both = highest.clone();
            both.advance(marker);
            return Some(both);
        }
        // An answer that was overtaken says nothing of how it is now.
        let is_newest = marker.covers(highest);
        highest.advance(marker);
        let is_over = is_newest && seen.is_behind && !self.shared.replica.went_back();
        seen.is_behind &= !is_over;
        drop(state);
        if is_over {
            self.shared.events.emit(&Event::RollbackOver { directory: &self.shared.directory });
        }
        None
    }

    /// The directory is behind: only a copy that has what was seen is believed.
    pub(super) async fn pass_behind(&self, seen: &R::Marker) -> Passage {
        if self.shared.replica.coverage().is_some() {
            let arrival = timeout(self.shared.patience, self.shared.replica.arrived(seen)).await;
            if let (Ok(Ok(())), Some(coverage)) = (arrival, self.shared.replica.coverage()) {
                return Passage::Fresh(coverage);
            }
        }
        self.tell_behind()
    }

    /// The directory is not believed, which is told once.
    pub(super) fn tell_behind(&self) -> Passage {
        let was_behind = std::mem::replace(&mut self.state().seen.is_behind, true);
        if !was_behind {
            self.shared.events.emit(&Event::RollbackSeen { directory: &self.shared.directory });
        }
        Passage::Behind
    }

    fn highest(&self) -> Option<String> {
        self.saw(self.shared.replica.seen());
        self.state().seen.highest.as_ref().map(Marker::text)
    }
}

impl<R: Replica, E: Events> SeenMarker for Barrier<R, E> {
    fn seen(&self) -> Option<String> {
        self.highest()
    }

    /// The directory was set back on purpose.
    fn forget(&self) {
        self.shared.replica.forget_seen();
        let mut state = self.state();
        state.seen.highest = None;
        state.era.0 = None;
        state.waits_for = None;
        state.misses = 0;
        let was_behind = std::mem::take(&mut state.seen.is_behind);
        drop(state);
        if was_behind {
            self.shared.events.emit(&Event::RollbackOver { directory: &self.shared.directory });
        }
    }
}
