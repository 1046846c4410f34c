//! The sign-on of a user of whom nothing has changed, which is nearly every one.
//!
//! The live copy shows the entry and the groups that the record was brought up to date with: then
//! nothing is to be done, and the directory is asked for nothing but how far it has got. This runs
//! within the client's own task, once for each bind.

use super::update::Report;
use super::{Luggage, Shared};
use crate::app::events::{Event, GroupSource, SignOnOutcome};
use crate::app::observe;
use crate::app::ports::{Clock, Events, Ports, Records, Replica};
use crate::app::switches;
use crate::domain::membership::graph::{Graph, Scratch, UserPlace};
use crate::domain::observation::Observed;
use crate::domain::plan::asks_for_groups;
use crate::domain::policy::{DirectoryPolicy, GroupPolicy, Switch, UserType};
use crate::domain::record::{Record, Seen, Times, UserKey};
use std::cell::RefCell;
use std::time::Instant;

thread_local! {
    /// Where closures are found; each worker keeps its own.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl<P: Ports> Shared<P> {
    /// What the sign-on came to, if the live copy tells that nothing is to be done. The copy has to be as
    /// young as the sign-on.
    pub(super) fn settled(
        &self,
        directory: usize,
        luggage: &Luggage<P>,
        since: Instant,
    ) -> Option<SignOnOutcome> {
        if self.is_up_to_date(directory, luggage, since) {
            return Some(SignOnOutcome::Unchanged);
        }
        let is_stranger = self.is_stranger(directory, &luggage.dn, since);
        is_stranger.then_some(SignOnOutcome::NotAUser)
    }

    /// Whether the live copy shows what the record was brought up to date with; then the sign-on
    /// is over. The copy has to be as young as the sign-on.
    fn is_up_to_date(&self, directory: usize, luggage: &Luggage<P>, since: Instant) -> bool {
        self.look(directory, |graph| self.is_as_seen(directory, luggage, graph, since))
            .unwrap_or(false)
    }

    fn is_as_seen(
        &self,
        directory: usize,
        luggage: &Luggage<P>,
        graph: &Graph,
        since: Instant,
    ) -> bool {
        let policy = &self.directories[directory].policy;
        let Some(known) = graph.user(luggage.dn.normalized()) else { return false };
        let key = UserKey { directory: policy.name.clone(), upstream_id: known.id.clone() };
        let Some(stored) = self.records.find(&key) else { return false };
        // Whose name another had may have it by now, whatever the entry shows.
        if !stored.record.is_active() || stored.record.collision.is_some() {
            return false;
        }
        let is_type = |user_type: &&UserType| user_type.name == stored.record.user_type;
        let Some(user_type) = policy.user_types.iter().find(is_type) else { return false };
        let record = Some(&*stored.record);
        let plain = switches::effective(&self.records, &policy.name, user_type, record);
        let switch = match (record.and_then(|record| record.switch), &luggage.callers) {
            (None, callers) => callers.decide(plain),
            (Some(own), _) => own,
        };
        // What it was brought up to date with was what others let follow.
        if switch.is_on() && !plain.is_on() {
            return false;
        }
        let asked = asked_for(policy, user_type, plain, record);
        let era = Some(graph.era());
        let before = stored.mark.seen.filter(|seen| seen.era == era).and_then(|seen| seen.groups);
        let groups = match (asked, before) {
            (None, _) => None,
            (Some(_), Some(before)) => Some(before),
            (Some(groups), None) => match fingerprint(graph, groups, known.at) {
                Observed::Known(fingerprint) => Some(fingerprint),
                Observed::Unknown(_) => return false,
            },
        };
        let version = stored.record.version;
        let seen = Seen { entry: known.digest, groups, switch: plain, version, era };
        let (outcome, observed_at) = match switch {
            Switch::On => (SignOnOutcome::Unchanged, Some(luggage.since)),
            Switch::Off => (SignOnOutcome::SwitchedOff, None),
        };
        let times = Times { last_sign_on: self.clock.now(), observed_at };
        if !self.records.renew(&key, &seen, times) {
            return false;
        }
        let source = asked.map_or(GroupSource::Nowhere, |_| GroupSource::Replica);
        let report = Report { source, ..Report::plain(outcome) };
        let view = luggage.callers.who_says(switch).filter(|_| stored.record.switch.is_none());
        self.emit(directory, Some(user_type), (&stored.record.dn, view), &report, since);
        true
    }

    pub(super) fn look<T>(&self, directory: usize, look: impl FnOnce(&Graph) -> T) -> Option<T> {
        let barrier = self.directories[directory].barrier.as_ref()?;
        Some(barrier.replica().read(look))
    }

    pub(super) fn emit(
        &self,
        directory: usize,
        user_type: Option<&UserType>,
        (user, view): (&str, Option<&str>),
        report: &Report,
        since: Instant,
    ) {
        self.events.emit(&Event::SignOn {
            directory: &self.directories[directory].policy.name,
            user_type: user_type.map(|user_type| &*user_type.name),
            user,
            view,
            outcome: report.outcome,
            added: report.added,
            removed: report.removed,
            source: report.source,
            elapsed: since.elapsed(),
        });
    }
}

/// How the user's groups are to be found, if they are asked for.
pub(super) fn asked_for<'p>(
    policy: &'p DirectoryPolicy,
    user_type: &UserType,
    switch: Switch,
    record: Option<&Record>,
) -> Option<&'p GroupPolicy> {
    policy.groups.as_ref().filter(|_| asks_for_groups(user_type, switch, record))
}

fn fingerprint(graph: &Graph, policy: &GroupPolicy, user: UserPlace) -> Observed<u128> {
    let limits = observe::closure_limits(policy);
    SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
        Ok(mut scratch) => graph.fingerprint_at(user, limits, &mut scratch),
        Err(_) => graph.fingerprint_at(user, limits, &mut Scratch::default()),
    })
}
