//! One flight: what is learnt for a sign-on, what is planned, and what is written.
//!
//! Where the live copy is as young as the sign-on and knows users, it is looked at first: if it
//! shows the entry and the groups that the record was brought up to date with, nothing is to be
//! done, and the directory was asked for nothing but how far it has got.

use super::look::Given;
use super::traced;
use super::unchanged::asked_for;
use super::update::{Report, Update};
use super::{
    BARRED, BarrierOf, EntryRead, Landed, Luggage, QuestionOf, Shared, UNKNOWN_DENIED, Verdict,
    open_verdict, read_entry,
};
use crate::app::barrier::{Difference, Passage, Question};
use crate::app::breaker::Breaker;
use crate::app::callers::Callers;
use crate::app::events::{AuditEntry, Event, GroupSource, SignOnOutcome};
use crate::app::observe;
use crate::app::ports::{Clock, Coverage, Events, Ports, Records, Replica, Stored};
use crate::app::switches;
use crate::app::trace::Span;
use crate::domain::activation::{Standing, standing};
use crate::domain::digest::digest;
use crate::domain::identity;
use crate::domain::membership::Member;
use crate::domain::membership::graph::Graph;
use crate::domain::observation::{Closure, Observation, Observed, ObservedEntry, UnknownReason};
use crate::domain::plan::{Cause, Reactivation, doubtful};
use crate::domain::policy::{
    DirectoryPolicy, GroupPolicy, OnUnknown, OnUnprovisioned, Switch, UnknownReactivation, UserType,
};
use crate::domain::record::{Mark, Record, Seen, UpstreamId, UserKey};
use crate::domain::time::Timestamp;
use crate::proto::dn::DistinguishedName;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// One flight: it serves every sign-on that joined before its first read.
pub(super) struct Flight<P: Ports> {
    pub(super) shared: Arc<Shared<P>>,
    pub(super) lookups: Arc<[P::Lookups]>,
    pub(super) directory: usize,
    started: Instant,
    /// By which client applications the sign-ons are.
    pub(super) callers: Callers,
    /// Of a flight that is traced.
    pub(super) span: Span,
}

/// An entry that was read, and what it was read for.
pub(super) struct Look<'a> {
    pub(super) key: UserKey,
    /// The user type that takes it.
    pub(super) user_type: Option<&'a UserType>,
    pub(super) sent_at: Timestamp,
    pub(super) entry: &'a ObservedEntry,
    pub(super) passage: Passage,
    /// The time in which the directory says that it has got as far.
    pub(super) era: Option<u64>,
    pub(super) cause: Cause,
}

/// A user's groups as one look found them.
struct Groups {
    found: observe::Found,
    source: GroupSource,
    /// The fingerprint of the closure in the live copy, if they were read there.
    fingerprint: Option<u128>,
}

/// All that one look learnt.
pub(super) struct Learnt {
    pub(super) observation: Observation,
    pub(super) given: Given,
    source: GroupSource,
    fingerprint: Option<u128>,
}

impl Groups {
    fn unknown(reason: UnknownReason) -> Self {
        let found = observe::Found::unknown(reason);
        Self { found, source: GroupSource::Nowhere, fingerprint: None }
    }
}

/// The time in which the directory says the same, of a question that was passed.
pub(super) fn era_of<M>(question: Option<&Question<M>>) -> Option<u64> {
    question.and_then(Question::era)
}

impl<P: Ports> Flight<P> {
    pub(super) fn new(
        shared: Arc<Shared<P>>,
        lookups: Arc<[P::Lookups]>,
        directory: usize,
    ) -> Self {
        let (started, callers) = (Instant::now(), Callers::PLAIN);
        Self { shared, lookups, directory, started, callers, span: Span::OFF }
    }

    pub(super) async fn run(mut self, luggage: Luggage<P>) -> Landed {
        self.callers = luggage.callers.clone();
        self.span = luggage.sake.child("flight");
        let verdict = self.fly(luggage).await;
        self.span.set("bindgate.verdict", verdict.name());
        Landed { verdict, span: self.span.id() }
    }

    async fn fly(&mut self, mut luggage: Luggage<P>) -> Verdict {
        let passage = self.pass(luggage.question.as_mut()).await;
        let is_whole = passage == Passage::Fresh(Coverage::GroupsAndUsers);
        if is_whole
            && let Some(outcome) = self.shared.settled(self.directory, &luggage, self.started)
        {
            self.span.set("bindgate.outcome", outcome.name());
            return Verdict::Admit;
        }
        // Before the entry is read: who comes in between counts as not having come.
        let arrivals = (is_whole && luggage.read.is_none())
            .then(|| self.shared.arrivals_without(self.directory, &luggage.dn))
            .flatten();
        let (sent_at, entry) = match self.settle_entry(&luggage).await {
            Ok(settled) => settled,
            Err(reason) => return self.without_entry(&luggage, reason),
        };
        let policy = self.policy().clone();
        let look = Look {
            key: self.key(&entry.upstream_id),
            user_type: identity::user_type(&policy, &entry.entry),
            sent_at: sent_at.min(luggage.since),
            entry: &entry,
            passage,
            era: era_of(luggage.question.as_ref()),
            cause: Cause::SignOn,
        };
        if look.user_type.is_none() && self.shared.records.find(&look.key).is_none() {
            // Whoever had this name before may be gone all the same.
            self.make_way(&look, None).await;
            self.shared.note_stranger(self.directory, &luggage.dn, (arrivals, &entry));
            self.tell(None, &entry.entry.dn, &Report::plain(SignOnOutcome::NotAUser));
            return Verdict::Admit;
        }
        let (mut report, reactivation) = self.synchronise(&look).await;
        let verdict = self.verdict(&look, &mut report, reactivation);
        self.note(&look.key, report.outcome, look.cause);
        if self.span.is_on()
            && let Some(stored) = self.shared.records.find(&look.key)
        {
            self.span.set("bindgate.record", stored.record.id.0.to_string());
        }
        self.tell(look.user_type, &entry.entry.dn, &report);
        verdict
    }

    /// Who this is could not be read.
    fn without_entry(&mut self, luggage: &Luggage<P>, reason: UnknownReason) -> Verdict {
        let verdict = open_verdict::<P>(&self.shared, self.directory, &luggage.dn);
        // No user type could take it, whatever a read would show: the directory's root DN, which
        // has no entry, or an account elsewhere that the service account may not see.
        let is_nobody = !self.may_be_a_user(&luggage.dn)
            && self.shared.records.located(&self.policy().name, luggage.dn.normalized()).is_empty();
        let (outcome, verdict) = match is_nobody {
            true => (SignOnOutcome::NotAUser, Verdict::Admit),
            false => (SignOnOutcome::Unknown(reason), verdict),
        };
        let located = self.shared.records.located(&self.policy().name, luggage.dn.normalized());
        for stored in located {
            self.note(&stored.record.key, outcome, Cause::SignOn);
        }
        self.tell(None, luggage.dn.as_str(), &Report::plain(outcome));
        verdict
    }

    /// Tells in the audit what was not known, and who was refused.
    pub(super) fn note(&self, key: &UserKey, outcome: SignOnOutcome, cause: Cause) {
        let say = |row: AuditEntry, text: String| row.saying(text);
        match outcome {
            SignOnOutcome::Unknown(reason) => {
                let told = |row| AuditEntry {
                    outcome: Some(reason.to_string()),
                    ..say(row, format!("unknown: {reason}; memberships are left as they are"))
                };
                self.shared.remark(key, "unknown", told, cause);
            }
            SignOnOutcome::Refused => {
                let text = "an admin or a policy has shut the user out".to_owned();
                self.shared.remark(key, "refused", |row| say(row, text), cause);
            }
            _ => {}
        }
    }

    /// What the record says to the bind's success (S4.3, S4.4, S9.4).
    fn verdict(&self, look: &Look<'_>, report: &mut Report, reactivation: Reactivation) -> Verdict {
        let record = self.shared.records.find(&look.key).map(|stored| stored.record);
        if record.as_ref().is_some_and(|record| record.is_barred()) {
            report.outcome = SignOnOutcome::Refused;
            return Verdict::Refuse(BARRED);
        }
        let Some(user_type) = look.user_type else { return Verdict::Admit };
        let is_unprovisioned = report.outcome == SignOnOutcome::NotProvisioned;
        if is_unprovisioned && user_type.on_unprovisioned == OnUnprovisioned::Refuse {
            return Verdict::Refuse(BARRED);
        }
        let is_suspended = record.is_some_and(|record| record.is_suspended());
        let is_unstored = report.outcome == SignOnOutcome::Unknown(UnknownReason::Store);
        let is_held = matches!(reactivation, Reactivation::Held(_));
        let fails_closed = is_suspended && (is_held || is_unstored);
        if fails_closed && user_type.unknown_reactivation == UnknownReactivation::Deny {
            return UNKNOWN_DENIED;
        }
        match (report.outcome, user_type.on_unknown) {
            (SignOnOutcome::Unknown(_), OnUnknown::Deny) => UNKNOWN_DENIED,
            _ => Verdict::Admit,
        }
    }

    /// Waits for the live copy, if there is one, to be as young as the sign-on.
    pub(super) async fn pass(&self, question: Option<&mut QuestionOf<P>>) -> Passage {
        match (self.barrier(), question) {
            (Some(barrier), Some(question)) => {
                let mut span = self.span.child("barrier");
                let passage = barrier.pass(&self.lookups[self.directory], question).await;
                traced::passage(&mut span, passage);
                passage
            }
            (Some(barrier), None) => barrier.unasked(),
            (None, _) => Passage::Walk,
        }
    }

    pub(super) fn breaker(&self) -> Option<&Breaker<P::Events>> {
        self.shared.directories[self.directory].breaker.as_ref()
    }

    fn barrier(&self) -> Option<&BarrierOf<P>> {
        self.shared.directories[self.directory].barrier.as_ref()
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&Graph) -> T) -> Option<T> {
        self.shared.look(self.directory, look)
    }

    /// The entry that was read while the bind was under way; if that read contradicts the bind's
    /// success or failed, or there was none, it is read now, and only that read counts.
    async fn settle_entry(
        &self,
        luggage: &Luggage<P>,
    ) -> Result<(Timestamp, ObservedEntry), UnknownReason> {
        let _span = self.span.child("entry");
        let first = match luggage.read.clone() {
            Some(read) => read.await,
            None => None,
        };
        let read = match first {
            Some(read) if self.agrees(&read.entry, &luggage.dn) => read,
            _ => self.read_entry(luggage).await,
        };
        match (*read.entry).clone() {
            Observed::Known(entry) => Ok((read.sent_at, entry)),
            Observed::Unknown(reason) => Err(reason),
        }
    }

    /// Whether an entry that was read while its bind was under way can be that of an account that
    /// may bind, and of whom the name was before (S4.8).
    fn agrees(&self, entry: &Observed<ObservedEntry>, dn: &DistinguishedName) -> bool {
        let Observed::Known(ObservedEntry { upstream_id, entry }) = entry else { return false };
        let user_type = identity::user_type(self.policy(), entry);
        let filter = user_type.and_then(|user_type| user_type.disabled.as_ref());
        let standing = standing(entry, filter, self.shared.clock.now());
        let known = self.shared.records.located(&self.policy().name, dn.normalized());
        let is_another = !known.is_empty()
            && known.iter().all(|stored| stored.record.key.upstream_id != *upstream_id);
        standing == Observed::Known(Standing::Enabled) && !is_another
    }

    async fn read_entry(&self, luggage: &Luggage<P>) -> EntryRead {
        let (shared, lookups) = (self.shared.clone(), self.lookups.clone());
        let name = Arc::from(luggage.dn.as_str());
        let span = self.span.asked("read entry");
        read_entry::<P>(shared, lookups, self.directory, name, span).await
    }

    /// Whether the base of some user type holds the name.
    fn may_be_a_user(&self, dn: &DistinguishedName) -> bool {
        self.policy().user_types.iter().any(|user_type| dn.is_within(&user_type.base))
    }

    pub(super) fn policy(&self) -> &Arc<DirectoryPolicy> {
        &self.shared.directories[self.directory].policy
    }

    pub(super) fn key(&self, id: &UpstreamId) -> UserKey {
        UserKey { directory: self.policy().name.clone(), upstream_id: id.clone() }
    }

    /// The switch of a look: of the type that takes the entry, else of the one that took it last.
    pub(super) fn switch(&self, look: &Look<'_>, stored: Option<&Stored>) -> Switch {
        match look.cause {
            Cause::SignOn => self.switch_by(look, stored, &self.callers),
            // Whoever else has to be looked at did not come by that application.
            Cause::Reconciliation => self.switch_by(look, stored, &Callers::PLAIN),
        }
    }

    fn switch_by(&self, look: &Look<'_>, stored: Option<&Stored>, callers: &Callers) -> Switch {
        let policy = self.policy();
        let last = || {
            let name = &stored?.record.user_type;
            policy.user_types.iter().find(|user_type| user_type.name == *name)
        };
        look.user_type.or_else(last).map_or(Switch::On, |user_type| {
            let record = stored.map(|stored| &*stored.record);
            switches::at_sign_on(&self.shared.records, &policy.name, user_type, record, callers)
        })
    }

    /// The view that decided what the switch is, if it was one.
    pub(super) fn view_behind(
        &self,
        look: &Look<'_>,
        switch: Switch,
        stored: Option<&Stored>,
    ) -> Option<&str> {
        let is_own = stored.is_some_and(|stored| stored.record.switch.is_some());
        self.callers.who_says(switch).filter(|_| !is_own && look.cause == Cause::SignOn)
    }

    /// Observes, plans and commits.
    pub(super) async fn synchronise(&self, look: &Look<'_>) -> (Report, Reactivation) {
        let stored = self.shared.records.find(&look.key);
        let switch = self.switch(look, stored.as_ref());
        let learnt = self.learn(look, switch, stored.as_ref()).await;
        let Learnt { observation, given, source, fingerprint } = learnt;
        // While somebody is in the way, that is looked at again at the next sign-on.
        let is_alone = match look.cause {
            Cause::SignOn => self.make_way(look, stored.as_ref()).await,
            // Who is in the way is not looked at from here on, and so the next sign-on has to.
            Cause::Reconciliation => self.others(look, stored.as_ref()).is_empty(),
        };
        // Where a client application says otherwise than all others, they have theirs to do yet.
        let is_plain = switch == self.switch_by(look, stored.as_ref(), &Callers::PLAIN);
        let update = Update {
            key: &look.key,
            user_type: look.user_type,
            switch,
            assigned: &given.assigned,
            kept: &self.shared.directories[self.directory].kept,
            is_plain,
            cause: look.cause,
            view: self.view_behind(look, switch, stored.as_ref()),
            breaker: self.breaker(),
            span: &self.span,
        };
        let done = update.bring(&*self.shared, &observation).await;
        let is_held = done.report.outcome == SignOnOutcome::Unknown(UnknownReason::Held);
        let is_whole = given.is_whole && is_alone && !is_held && done.left_out == 0;
        let is_whole = is_whole && is_plain;
        if let (Some(record), Some(user_type), true) = (&done.record, look.user_type, is_whole)
            && look.passage == Passage::Fresh(Coverage::GroupsAndUsers)
        {
            self.remember(user_type, switch, record, &observation, fingerprint);
        }
        let view = update.view.map(Arc::from);
        (Report { source, view, ..done.report }, done.reactivation)
    }

    /// Reads what is to be known beside the entry; writes nothing.
    pub(super) async fn learn(
        &self,
        look: &Look<'_>,
        switch: Switch,
        stored: Option<&Stored>,
    ) -> Learnt {
        let mut span = self.span.child("groups");
        let groups = self.observe_groups(look, switch, stored).await;
        traced::groups(&mut span, groups.source, &groups.found.closure);
        drop(span);
        let given = self.given(look.user_type, stored).await;
        let readable = self.readable(look, switch, stored).await;
        let observation = Observation {
            sent_at: look.sent_at,
            user: look.entry.clone(),
            groups: groups.found.closure,
            seen: groups.found.seen,
            readable,
        };
        let (source, fingerprint) = (groups.source, groups.fingerprint);
        Learnt { observation, given, source, fingerprint }
    }

    /// The attributes of which it is seen that they may be read, of those for which that counts.
    async fn readable(
        &self,
        look: &Look<'_>,
        switch: Switch,
        stored: Option<&Stored>,
    ) -> BTreeSet<String> {
        let mut readable = BTreeSet::new();
        let (Some(user_type), Some(stored), Switch::On) = (look.user_type, stored, switch) else {
            return readable;
        };
        for name in doubtful(&user_type.attributes, &look.entry.entry, &stored.record) {
            if observe::is_readable(&self.lookups[self.directory], user_type, name).await {
                readable.insert(name.to_ascii_lowercase());
            }
        }
        readable
    }

    /// Notes what the record was brought up to date with.
    fn remember(
        &self,
        user_type: &UserType,
        switch: Switch,
        record: &Record,
        observation: &Observation,
        fingerprint: Option<u128>,
    ) {
        let asked = asked_for(self.policy(), user_type, switch, Some(record));
        let is_whole = asked.is_none() || fingerprint.is_some();
        let fingerprint = fingerprint.filter(|_| asked.is_some());
        let Some(stored) = self.shared.records.find(&record.key).filter(|_| is_whole) else {
            return;
        };
        let Some(seed) = self.look(Graph::seed) else { return };
        let entry = digest(seed, &observation.user.entry);
        let (groups, version) = (fingerprint, record.version);
        let seen = Some(Seen { entry, groups, switch, version, era: None });
        self.shared.records.mark(&record.key, Mark { seen, ..stored.mark });
    }

    async fn observe_groups(
        &self,
        look: &Look<'_>,
        switch: Switch,
        stored: Option<&Stored>,
    ) -> Groups {
        let (entry, passage) = (look.entry, look.passage);
        let Some(user_type) = look.user_type else {
            return Groups::unknown(UnknownReason::NotAsked);
        };
        let told = standing(&entry.entry, user_type.disabled.as_ref(), self.shared.clock.now());
        let is_disabled = matches!(told, Observed::Known(standing) if standing.is_disabled());
        let record = stored.map(|stored| &*stored.record);
        let asked = asked_for(self.policy(), user_type, switch, record).filter(|_| !is_disabled);
        let Some(policy) = asked else {
            return Groups::unknown(UnknownReason::NotAsked);
        };
        let Ok(dn) = DistinguishedName::parse(&entry.entry.dn) else {
            return Groups::unknown(UnknownReason::Malformed);
        };
        let user = match identity::member(policy, dn, &entry.entry) {
            Ok(user) => user,
            Err(reason) => return Groups::unknown(reason),
        };
        let copied = match passage {
            Passage::Fresh(_) => self.copied(policy, &user, &entry.upstream_id).await,
            Passage::Failed(reason) => return Groups::unknown(reason),
            Passage::Behind => return Groups::unknown(UnknownReason::Rollback),
            Passage::Held => return Groups::unknown(UnknownReason::Visibility),
            Passage::Walk => None,
        };
        if let Some((closure, fingerprint)) = copied {
            let fingerprint = match fingerprint {
                Observed::Known(fingerprint) => Some(fingerprint),
                Observed::Unknown(_) => None,
            };
            return Groups { found: closure.into(), source: GroupSource::Replica, fingerprint };
        }
        let held = record.map(managed).unwrap_or_default();
        let finder = &self.shared.directories[self.directory].finder;
        let lookups = &self.lookups[self.directory];
        let found = finder.groups(lookups, policy, &user, &held, look.era).await;
        if finder.was_full() {
            let limit = "groups.max_kept_lookups";
            self.shared.events.emit(&Event::LimitHit { limit, peer: None });
        }
        if let (Observed::Known(closure), Some(barrier)) = (&found.closure, self.barrier())
            && let Some(difference) = difference(closure, &held).filter(|_| stored.is_some())
            && let Err(reason) = barrier.vouch(lookups, difference).await
        {
            return Groups::unknown(reason);
        }
        Groups { found, source: GroupSource::Directory, fingerprint: None }
    }

    /// The groups of a user in the live copy, and their fingerprint.
    async fn copied(
        &self,
        policy: &GroupPolicy,
        user: &Member,
        id: &UpstreamId,
    ) -> Option<(Observed<Closure>, Observed<u128>)> {
        let limits = observe::closure_limits(policy);
        let found = |graph: &Graph, keys: &[_]| {
            (graph.closure(keys, limits), graph.fingerprint(keys, limits))
        };
        let unknown = |reason| (Observed::Unknown(reason), Observed::Unknown(reason));
        if !self.barrier()?.replica().knows_by_id() {
            return self.look(|graph| match observe::hear_canary_in(graph, policy) {
                Ok(()) => found(graph, &user.keys()),
                Err(reason) => unknown(reason),
            });
        }
        // The canary's name leads nowhere in that copy.
        let finder = &self.shared.directories[self.directory].finder;
        match finder.hear_canary(&self.lookups[self.directory], policy).await {
            Ok(()) => self.look(|graph| found(graph, &user.keys_by_id(id))),
            Err(reason) => Some(unknown(reason)),
        }
    }

    fn tell(&mut self, user_type: Option<&UserType>, user: &str, report: &Report) {
        if self.span.is_on() {
            let policy = self.policy().clone();
            traced::flight(&mut self.span, (policy, user_type), user, report);
        }
        let user = (user, report.view.as_deref());
        self.shared.emit(self.directory, user_type, user, report, self.started);
    }
}

/// What was found that a record does not have, or not any more.
fn difference(closure: &Closure, held: &BTreeSet<UpstreamId>) -> Option<Difference> {
    if !held.iter().all(|id| closure.contains_key(id)) {
        return Some(Difference::Less);
    }
    (closure.len() > held.len()).then_some(Difference::More)
}

/// The groups that a record has from the directory.
fn managed(record: &Record) -> BTreeSet<UpstreamId> {
    record.managed_memberships().map(|(id, _)| id.clone()).collect()
}
