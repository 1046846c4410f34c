//! Who binds and is no user, so that nothing is to be done: the account of an application, mostly, which may
//! bind as often as users do.
//!
//! A live copy of users shows whoever is of a user type, by the name that the directory spells; whether
//! another spelling is meant only a read tells. So a name is read once, and not again for as long as
//! nobody has come to the copy and no name in it has changed hands.

use super::update::Report;
use super::{Directory, Shared};
use crate::app::events::SignOnOutcome;
use crate::app::ports::{Ports, Records};
use crate::domain::membership::graph::{Arrivals, Graph};
use crate::domain::observation::ObservedEntry;
use crate::domain::record::{UpstreamId, UserKey};
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Instant;

/// How many names are kept; one more makes them all be read again.
const MOST: usize = 1024;

/// Names of a directory that were read and are no user's, each with the entry's id and with who had come to
/// the copy until then.
#[derive(Debug, Default)]
pub(super) struct Strangers(RwLock<HashMap<NormalizedDn, (Arrivals, UpstreamId)>>);

impl Strangers {
    /// A name was read after so many had come, and is no user's.
    fn note(&self, name: &NormalizedDn, arrivals: Arrivals, id: UpstreamId) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST && !known.contains_key(name) {
            known.clear();
        }
        known.insert(name.clone(), (arrivals, id));
    }

    /// Whose name it is, if that is no user and nobody has come since these.
    fn id(&self, name: &NormalizedDn, arrivals: Arrivals) -> Option<UpstreamId> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(name).filter(|(noted, _)| *noted == arrivals).map(|(_, id)| id.clone())
    }
}

impl<P: Ports> Shared<P> {
    /// Who has come to a live copy in which nobody has that name.
    pub(super) fn arrivals_without(
        &self,
        directory: usize,
        dn: &DistinguishedName,
    ) -> Option<Arrivals> {
        let is_nobody = |graph: &Graph| graph.user(dn.normalized()).is_none();
        let look = |graph: &Graph| is_nobody(graph).then(|| graph.arrivals());
        self.look(directory, look).flatten()
    }

    /// The entry of that name was read after these had come to the copy, and is no user's.
    pub(super) fn note_stranger(
        &self,
        directory: usize,
        dn: &DistinguishedName,
        (arrivals, read): (Option<Arrivals>, &ObservedEntry),
    ) {
        let is_its_own = || DistinguishedName::parse(&read.entry.dn).is_ok_and(|own| own == *dn);
        if let Some(arrivals) = arrivals
            && is_its_own()
        {
            let strangers = &self.directories[directory].strangers;
            strangers.note(dn.normalized(), arrivals, read.upstream_id.clone());
        }
    }

    /// Whether that name is known to be no user's; then the sign-on is over. The copy has to be as
    /// young as the sign-on.
    pub(super) fn is_stranger(
        &self,
        directory: usize,
        dn: &DistinguishedName,
        since: Instant,
    ) -> bool {
        let Directory { strangers, policy, .. } = &self.directories[directory];
        let arrivals = self.look(directory, Graph::arrivals);
        let known = arrivals.and_then(|come| strangers.id(dn.normalized(), come));
        let Some(upstream_id) = known else { return false };
        // Whoever bore the name before has to be looked at, and a record may have been imported.
        let key = UserKey { directory: policy.name.clone(), upstream_id };
        if self.records.find(&key).is_some()
            || !self.records.located(&policy.name, dn.normalized()).is_empty()
        {
            return false;
        }
        self.emit(
            directory,
            None,
            (dn.as_str(), None),
            &Report::plain(SignOnOutcome::NotAUser),
            since,
        );
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> NormalizedDn {
        DistinguishedName::parse(&format!("cn=app {number}")).unwrap().normalized().clone()
    }

    #[test]
    fn a_name_is_known_until_somebody_comes_and_no_more_are_kept_than_may_be() {
        let (strangers, early) = (Strangers::default(), Arrivals::default());
        let note = |number, come| strangers.note(&name(number), come, UpstreamId::new("app"));
        let has = |number, come| strangers.id(&name(number), come).is_some();
        assert!(!has(0, early));
        note(0, early);
        assert!(has(0, early) && !has(0, early.next()));
        (1..MOST).for_each(|number| note(number, early));
        note(0, early.next());
        assert!(has(0, early.next()) && has(1, early));
        note(MOST, early);
        assert!(has(MOST, early) && !has(1, early));
    }
}
