//! The wait between the directory's success and the answer to the client.

use super::{
    Attempt, BARRED, EntryRead, Landed, SignOns, SyncMode, UNKNOWN_DENIED, Verdict, open_verdict,
};
use crate::app::events::SignOnOutcome;
use crate::app::flights::Ride;
use crate::app::ports::{Coverage, Ports, Records};
use crate::app::trace::Span;
use crate::domain::identity;
use crate::domain::observation::{Observed, ObservedEntry, UnknownReason};
use crate::domain::policy::{OnUnknown, OnUnprovisioned};
use crate::domain::record::UserKey;
use crate::proto::dn::DistinguishedName;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

/// What the answer waits for.
enum Wait {
    /// Whose name it is; then for the record, if that has a say.
    Identity(Ride<EntryRead>),
    /// The record.
    Record,
}

/// The wait of one bind. Dropping it gives the wait up, not the sign-on.
pub struct Gate<P: Ports> {
    state: State<P>,
    /// From the directory's success to the verdict.
    span: Span,
}

enum State<P: Ports> {
    /// It waits for the live copy, of which is expected that it says enough; `None` once it has.
    Asking { attempt: Option<Box<Attempt<P>>>, since: Instant },
    /// A flight is under way.
    Flying(Box<Flying<P>>),
}

/// The wait for a flight.
struct Flying<P: Ports> {
    sign_ons: SignOns<P>,
    directory: usize,
    dn: DistinguishedName,
    /// The read of the entry that began with the bind.
    read: Option<Ride<EntryRead>>,
    flight: Ride<Landed>,
    wait: Wait,
}

impl<P: Ports> Gate<P> {
    pub(super) fn new(mut attempt: Box<Attempt<P>>) -> Self {
        let mut span = attempt.luggage.sake.child("sign-on");
        attempt.luggage.sake = span.sake();
        if let Some((user, since)) = &attempt.recent
            && attempt.sign_ons.shared.pass_recent(attempt.directory, user, *since)
        {
            span.set("bindgate.outcome", SignOnOutcome::Recent.name());
            return Self { state: State::Asking { attempt: None, since: *since }, span };
        }
        let luggage = &attempt.luggage;
        let state = match luggage.read.is_none() && luggage.question.is_some() {
            true => State::Asking { attempt: Some(attempt), since: Instant::now() },
            false => State::Flying(Flying::new(*attempt)),
        };
        Self { state, span }
    }

    /// The verdict when the budget has run out: the observation is unknown.
    pub fn overdue(&mut self) -> Verdict {
        self.span.set("bindgate.outcome", SignOnOutcome::Unknown(UnknownReason::Timeout).name());
        self.span.set("bindgate.unknown", UnknownReason::Timeout.to_string());
        self.span.failed();
        let verdict = self.verdict_by_now();
        tell(&mut self.span, verdict);
        verdict
    }

    fn verdict_by_now(&self) -> Verdict {
        match &self.state {
            State::Asking { attempt: Some(attempt), .. } => {
                let shared = &attempt.sign_ons.shared;
                open_verdict::<P>(shared, attempt.directory, &attempt.luggage.dn)
            }
            State::Asking { attempt: None, .. } => Verdict::Admit,
            State::Flying(flying) => flying.overdue(),
        }
    }
}

impl Verdict {
    /// The same, for which no flight was waited.
    fn at_once(self) -> Landed {
        Landed { verdict: self, span: None }
    }
}

/// Says on the sign-on's span what it came to.
#[cold]
fn tell(span: &mut Span, verdict: Verdict) {
    span.set("bindgate.verdict", verdict.name());
}

#[cold]
fn tell_settled<P: Ports>(span: &mut Span, attempt: &Attempt<P>, outcome: SignOnOutcome) {
    let shared = &attempt.sign_ons.shared;
    let directory = &shared.directories[attempt.directory].policy.name;
    let known = shared.records.located(directory, attempt.luggage.dn.normalized());
    if let [stored] = known.as_slice() {
        span.set("bindgate.record", stored.record.id.0.to_string());
    }
    span.set("bindgate.outcome", outcome.name());
    tell(span, Verdict::Admit);
}

/// What the sign-on came to, if the copy is young enough and tells that nothing is to be done.
fn poll_settled<P: Ports>(
    attempt: &mut Attempt<P>,
    since: Instant,
    cx: &mut Context<'_>,
) -> Poll<Option<SignOnOutcome>> {
    let Some(question) = &mut attempt.luggage.question else { return Poll::Ready(None) };
    let answer = ready!(Pin::new(question).poll(cx));
    let shared = &attempt.sign_ons.shared;
    let barrier = shared.directories[attempt.directory].barrier.as_ref();
    let coverage = barrier.and_then(|barrier| barrier.glance(answer.as_ref()));
    let is_young = coverage == Some(Coverage::GroupsAndUsers);
    let settled = || shared.settled(attempt.directory, &attempt.luggage, since);
    Poll::Ready(is_young.then(settled).flatten())
}

impl<P: Ports> Flying<P> {
    fn new(attempt: Attempt<P>) -> Box<Self> {
        let Attempt { sign_ons, directory, luggage, .. } = attempt;
        let (dn, read) = (luggage.dn.clone(), luggage.read.clone());
        let flight = sign_ons.fly(directory, luggage);
        let wait = match (sign_ons.shared.config.sync, &read) {
            (SyncMode::AfterReply, Some(read)) => Wait::Identity(read.clone()),
            _ => Wait::Record,
        };
        Box::new(Self { sign_ons, directory, dn, read, flight, wait })
    }

    fn overdue(&self) -> Verdict {
        let landed = self.read.as_ref().and_then(Ride::landed);
        let entry = landed.as_ref().map(|read| &*read.entry);
        match entry {
            Some(Observed::Known(entry)) => match self.settled(entry) {
                Settled::Free => Verdict::Admit,
                Settled::Refused => Verdict::Refuse(BARRED),
                Settled::Waits => UNKNOWN_DENIED,
            },
            _ => open_verdict::<P>(&self.sign_ons.shared, self.directory, &self.dn),
        }
    }

    /// What is known as soon as it is known whose name it is (S9.4).
    fn settled(&self, entry: &ObservedEntry) -> Settled {
        let shared = &self.sign_ons.shared;
        let policy = &shared.directories[self.directory].policy;
        let key =
            UserKey { directory: policy.name.clone(), upstream_id: entry.upstream_id.clone() };
        let record = shared.records.find(&key).map(|stored| stored.record);
        if record.as_ref().is_some_and(|record| record.is_barred()) {
            return Settled::Refused;
        }
        let user_type = identity::user_type(policy, &entry.entry);
        let denies = user_type.is_some_and(|user_type| user_type.on_unknown == OnUnknown::Deny);
        let refuses = user_type.is_some_and(|t| t.on_unprovisioned == OnUnprovisioned::Refuse);
        // With `refuse` nobody is let in before it is known that there is a record.
        let denies = denies || refuses;
        let is_suspended = record.is_some_and(|record| record.is_suspended());
        let known = shared.records.located(&policy.name, self.dn.normalized());
        let is_another = known.iter().any(|stored| stored.record.key != key);
        if denies || is_suspended || is_another { Settled::Waits } else { Settled::Free }
    }
}

/// Whether the answer may go out before the record is up to date.
enum Settled {
    Free,
    Refused,
    Waits,
}

impl<P: Ports> Flying<P> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Landed> {
        if let Wait::Identity(ride) = &mut self.wait {
            let read = ready!(Pin::new(ride).poll(cx));
            let entry = read.as_ref().map(|read| &*read.entry);
            let settled = match entry {
                Some(Observed::Known(entry)) => self.settled(entry),
                // The flight reads it again.
                _ => Settled::Waits,
            };
            match settled {
                Settled::Free => return Poll::Ready(Verdict::Admit.at_once()),
                Settled::Refused => return Poll::Ready(Verdict::Refuse(BARRED).at_once()),
                Settled::Waits => self.wait = Wait::Record,
            }
        }
        match ready!(Pin::new(&mut self.flight).poll(cx)) {
            Some(landed) => Poll::Ready(landed),
            None => Poll::Ready(Landed { verdict: self.overdue(), span: None }),
        }
    }
}

impl<P: Ports> Future for Gate<P> {
    type Output = Verdict;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        let Self { state, span } = self.get_mut();
        if let State::Asking { attempt, since } = state {
            let Some(asking) = attempt else { return Poll::Ready(Verdict::Admit) };
            let settled = ready!(poll_settled(asking, *since, cx));
            if let Some(outcome) = settled.filter(|_| span.is_on()) {
                tell_settled(span, asking, outcome);
            }
            let asked = attempt.take();
            match asked.filter(|_| settled.is_none()) {
                None => return Poll::Ready(Verdict::Admit),
                Some(asked) => *state = State::Flying(Flying::new(*asked)),
            }
        }
        let State::Flying(flying) = state else { return Poll::Ready(Verdict::Admit) };
        let landed = ready!(flying.poll(cx));
        if span.is_on() {
            span.link(landed.span);
            tell(span, landed.verdict);
        }
        Poll::Ready(landed.verdict)
    }
}

impl<P: Ports> Drop for Gate<P> {
    fn drop(&mut self) {
        if let State::Asking { attempt, .. } = &mut self.state
            && let Some(attempt) = attempt.take()
        {
            attempt.sign_ons.fly(attempt.directory, attempt.luggage);
        }
    }
}
