//! The sign-on of a user of whom nothing has changed, which is nearly every one.
//!
//! The live copy shows the entry and the groups that the record was brought up to date with: then
//! nothing is to be done, and the directory is asked for nothing but how far it has got. This runs
//! within the client's own task, once for each bind.

use super::flight::Report;
use super::{Luggage, Shared};
use crate::app::events::{Event, GroupSource, SignOnOutcome};
use crate::app::observe;
use crate::app::ports::{Clock, Events, Ports, Records, Replica, Stored};
use crate::app::switches;
use crate::domain::membership::graph::{Graph, Scratch, UserPlace};
use crate::domain::observation::Observed;
use crate::domain::policy::{DirectoryPolicy, GroupPolicy, GroupSync, Switch, UserType};
use crate::domain::record::{Mark, Seen, Times, UserKey};
use std::cell::RefCell;
use std::time::Instant;

thread_local! {
    /// Where closures are found; each worker keeps its own.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl<P: Ports> Shared<P> {
    /// Whether the live copy shows what the record was brought up to date with; then the sign-on
    /// is over. The copy has to be as young as the sign-on.
    pub(super) fn is_up_to_date(
        &self,
        directory: usize,
        luggage: &Luggage<P>,
        since: Instant,
    ) -> bool {
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
        let is_type = |user_type: &&UserType| user_type.name == stored.record.user_type;
        let Some(user_type) = policy.user_types.iter().find(is_type) else { return false };
        if switches::effective(&self.records, &policy.name, user_type) == Switch::Off {
            self.leave_alone(directory, user_type, &key, &stored, since);
            return true;
        }
        let asked = asked_for(policy, user_type, true);
        let groups = match asked {
            None => None,
            Some(groups) => match fingerprint(graph, groups, known.at) {
                Observed::Known(fingerprint) => Some(fingerprint),
                Observed::Unknown(_) => return false,
            },
        };
        let seen = Seen { entry: known.digest, groups, version: stored.record.version };
        let times = Times { last_sign_on: self.clock.now(), observed_at: luggage.since };
        if !self.records.renew(&key, &seen, times) {
            return false;
        }
        let source = asked.map_or(GroupSource::Nowhere, |_| GroupSource::Replica);
        let report = Report { source, ..Report::plain(SignOnOutcome::Unchanged) };
        self.emit(directory, Some(user_type), &stored.record.dn, &report, since);
        true
    }

    /// The switch is off: nothing but the last sign-on is noted.
    fn leave_alone(
        &self,
        directory: usize,
        user_type: &UserType,
        key: &UserKey,
        stored: &Stored,
        since: Instant,
    ) {
        let mark = Mark { last_sign_on: self.clock.now(), ..stored.mark.clone() };
        self.records.mark(key, mark);
        let report = Report::plain(SignOnOutcome::SwitchedOff);
        self.emit(directory, Some(user_type), &stored.record.dn, &report, since);
    }

    pub(super) fn look<T>(&self, directory: usize, look: impl FnOnce(&Graph) -> T) -> Option<T> {
        let barrier = self.directories[directory].barrier.as_ref()?;
        Some(barrier.replica().read(look))
    }

    pub(super) fn emit(
        &self,
        directory: usize,
        user_type: Option<&UserType>,
        user: &str,
        report: &Report,
        since: Instant,
    ) {
        self.events.emit(&Event::SignOn {
            directory: &self.directories[directory].policy.name,
            user_type: user_type.map(|user_type| &*user_type.name),
            user,
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
    has_record: bool,
) -> Option<&'p GroupPolicy> {
    let wanted = match user_type.groups {
        GroupSync::Always => true,
        GroupSync::FirstSignOn => !has_record,
        GroupSync::Never => false,
    };
    policy.groups.as_ref().filter(|_| wanted)
}

fn fingerprint(graph: &Graph, policy: &GroupPolicy, user: UserPlace) -> Observed<u128> {
    let limits = observe::closure_limits(policy);
    SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
        Ok(mut scratch) => graph.fingerprint_at(user, limits, &mut scratch),
        Err(_) => graph.fingerprint_at(user, limits, &mut Scratch::default()),
    })
}
