//! Who binds and is no user, so that nothing is to be done: the account of an application, mostly, which may
//! bind as often as users do.
//!
//! A live copy of users shows whoever is of a user type, by the name that the directory spells; whether
//! another spelling is meant only a read tells. So a name is read once, and not again for as long as
//! nobody has come to the copy and no name in it has changed hands.

use super::Shared;
use super::update::Report;
use crate::app::events::SignOnOutcome;
use crate::app::ports::{Ports, Records};
use crate::domain::membership::graph::{Arrivals, Graph};
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Instant;

/// How many names are kept; one more makes them all be read again.
const MOST: usize = 1024;

/// Names of a directory that were read and are no user's, each with who had come to the copy until then.
#[derive(Debug, Default)]
pub(super) struct Strangers(RwLock<HashMap<NormalizedDn, Arrivals>>);

impl Strangers {
    /// A name was read after so many had come, and is no user's.
    fn note(&self, name: &NormalizedDn, arrivals: Arrivals) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST && !known.contains_key(name) {
            known.clear();
        }
        known.insert(name.clone(), arrivals);
    }

    /// Whether a name is no user's, if nobody has come since these.
    fn has(&self, name: &NormalizedDn, arrivals: Arrivals) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(name) == Some(&arrivals)
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
        (arrivals, entry): (Option<Arrivals>, &str),
    ) {
        let is_its_own = || DistinguishedName::parse(entry).is_ok_and(|entry| entry == *dn);
        if let Some(arrivals) = arrivals
            && is_its_own()
        {
            self.directories[directory].strangers.note(dn.normalized(), arrivals);
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
        let here = &self.directories[directory];
        let arrivals = self.look(directory, Graph::arrivals);
        let is_known = arrivals.is_some_and(|come| here.strangers.has(dn.normalized(), come));
        // Whoever bore the name before has to be looked at.
        if !is_known || !self.records.located(&here.policy.name, dn.normalized()).is_empty() {
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
        assert!(!strangers.has(&name(0), early));
        strangers.note(&name(0), early);
        assert!(strangers.has(&name(0), early) && !strangers.has(&name(0), early.next()));
        for number in 1..MOST {
            strangers.note(&name(number), early);
        }
        strangers.note(&name(0), early.next());
        assert!(strangers.has(&name(0), early.next()) && strangers.has(&name(1), early));
        strangers.note(&name(MOST), early);
        assert!(strangers.has(&name(MOST), early) && !strangers.has(&name(1), early));
    }
}
