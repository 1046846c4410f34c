//! A look at a user by upstream id: of a background reconciliation, or because somebody else came
//! under that user's name.

use super::flight::{Flight, Look, era_of};
use super::update::{Report, Update, is_in_the_way};
use crate::app::events::{Event, SignOnOutcome};
use crate::app::observe;
use crate::app::ports::{Clock, Coverage, Events, Ports, Records, Stored};
use crate::domain::identity;
use crate::domain::membership::graph::{Graph, Scratch};
use crate::domain::observation::Observed;
use crate::domain::plan::{Assigned, Cause, user_name};
use crate::domain::policy::{Switch, UserType};
use crate::domain::record::{Group, Provenance, Record, UpstreamId, UserKey};
use crate::domain::time::Timestamp;
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

/// How many users are looked at because of one who came under their name.
pub(super) const MAX_LOOKS: usize = 4;

/// What stands before the id of a group that is no directory's.
const OWN: &str = "own:";

/// What the configuration gives, and whether all of it was found.
pub(super) struct Given {
    pub(super) assigned: Assigned,
    pub(super) is_whole: bool,
}

impl<P: Ports> Flight<P> {
    /// Looks whether those whose name or DN this user bears are still called that: a name is not
    /// taken over, but whoever is gone or renamed does not keep it (S4.6, S4.11). Whether nobody else
    /// is known by this DN then.
    pub(super) async fn make_way(&self, look: &Look<'_>, stored: Option<&Stored>) -> bool {
        let others = self.others(look, stored);
        if others.is_empty() {
            return true;
        }
        for key in others.into_iter().take(MAX_LOOKS) {
            self.reconcile(key).await;
        }
        let left = self.here(look);
        !left.iter().any(|stored| is_in_the_way(&stored.record, &look.key))
    }

    /// Who is known by the DN of the entry.
    fn here(&self, look: &Look<'_>) -> Vec<Stored> {
        let dn = DistinguishedName::parse(&look.entry.entry.dn).ok();
        let directory = &self.policy().name;
        dn.map(|dn| self.shared.records.located(directory, dn.normalized())).unwrap_or_default()
    }

    /// Those whose name or DN this user bears.
    pub(super) fn others(&self, look: &Look<'_>, stored: Option<&Stored>) -> BTreeSet<UserKey> {
        let records = &self.shared.records;
        let directory = &self.policy().name;
        let mut others: BTreeSet<UserKey> = BTreeSet::new();
        let mut note = |found: Vec<Stored>| {
            let in_the_way = found.into_iter().filter(|s| is_in_the_way(&s.record, &look.key));
            others.extend(in_the_way.map(|stored| stored.record.key.clone()));
        };
        note(self.here(look));
        if let Some(user_type) = look.user_type
            && let Ok(wanted) = user_name(user_type, &look.entry.entry)
            && stored.is_none_or(|stored| stored.record.name != wanted)
        {
            note(records.named(directory, &user_type.name, &wanted));
        }
        others
    }

    /// Whether the live copy, if it knows users, is not known to show what an active record was
    /// brought up to date with.
    pub(super) fn is_outdated(&self, stored: &Stored) -> bool {
        let here = &self.shared.directories[self.directory];
        let coverage = here.barrier.as_ref().and_then(|barrier| barrier.coverage());
        let record = &*stored.record;
        if coverage != Some(Coverage::GroupsAndUsers) || !record.is_active() {
            return false;
        }
        // After a start it is not known yet, and an admin may have changed the record since.
        let Some(seen) = stored.mark.seen.filter(|seen| seen.version == record.version) else {
            return true;
        };
        let Ok(dn) = DistinguishedName::parse(&record.dn) else { return false };
        let known = self.look(|graph| graph.user(dn.normalized())).flatten();
        let Some(known) = known.filter(|known| known.id == record.key.upstream_id) else {
            return true;
        };
        let fingerprint = || {
            let groups = here.policy.groups.as_ref()?;
            let limits = observe::closure_limits(groups);
            let fingerprint = |graph: &Graph| {
                let known = graph.user(dn.normalized())?;
                Some(graph.fingerprint_at(known.at, limits, &mut Scratch::default()))
            };
            match self.look(fingerprint)?? {
                Observed::Known(fingerprint) => Some(fingerprint),
                Observed::Unknown(_) => None,
            }
        };
        known.digest != seen.entry || seen.groups.is_some() && fingerprint() != seen.groups
    }

    /// Reads a user who has a record by upstream id, and brings the record up to date with that.
    pub(super) fn reconcile(
        &self,
        key: UserKey,
    ) -> Pin<Box<dyn Future<Output = SignOnOutcome> + Send + '_>> {
        Box::pin(async move {
            let report = self.look_at(&key).await;
            self.note(&key, report.outcome, Cause::Reconciliation);
            self.shared.events.emit(&Event::Reconciled {
                directory: &key.directory,
                user: key.upstream_id.as_str(),
                outcome: report.outcome,
                added: report.added,
                removed: report.removed,
            });
            report.outcome
        })
    }

    async fn look_at(&self, key: &UserKey) -> Report {
        let sent_at = self.shared.clock.now();
        let here = &self.shared.directories[self.directory];
        let lookups = &self.lookups[self.directory];
        let mut question = here.barrier.as_ref().and_then(|barrier| barrier.ask(lookups));
        let id = &key.upstream_id;
        let entry = match observe::user_of_id(lookups, &here.policy, id, &here.attributes).await {
            Observed::Known(Some(entry)) => entry,
            Observed::Known(None) => return self.is_gone(key, sent_at).await,
            Observed::Unknown(reason) => return Report::plain(SignOnOutcome::Unknown(reason)),
        };
        let policy = here.policy.clone();
        let look = Look {
            key: key.clone(),
            user_type: identity::user_type(&policy, &entry.entry),
            sent_at,
            entry: &entry,
            passage: self.pass(question.as_mut()).await,
            era: era_of(question.as_ref()),
            cause: Cause::Reconciliation,
        };
        self.synchronise(&look).await.0
    }

    async fn is_gone(&self, key: &UserKey, sent_at: Timestamp) -> Report {
        let stored = self.shared.records.find(key);
        let policy = self.policy().clone();
        let last = stored.as_ref().map(|stored| stored.record.user_type.clone());
        let user_type = policy.user_types.iter().find(|t| Some(&t.name) == last.as_ref());
        let given = self.given(user_type, stored.as_ref()).await;
        let update = Update {
            key,
            user_type,
            switch: Switch::On,
            assigned: &given.assigned,
            kept: &self.shared.directories[self.directory].kept,
            is_plain: true,
            cause: Cause::Reconciliation,
            view: None,
            breaker: self.breaker(),
            span: &self.span,
        };
        update.note_missing(&self.shared, sent_at).await
    }

    /// The groups that the configuration gives, as far as the record does not have them.
    pub(super) async fn given(
        &self,
        user_type: Option<&UserType>,
        stored: Option<&Stored>,
    ) -> Given {
        let mut given = Given { assigned: Assigned::default(), is_whole: true };
        let Some(user_type) = user_type else { return given };
        let record = stored.map(|stored| &*stored.record);
        let at_first = user_type.default_groups.iter().filter(|_| record.is_none());
        for (names, is_first) in [
            (at_first.collect::<Vec<_>>(), true),
            (user_type.always_groups.iter().collect(), false),
        ] {
            for name in names {
                match self.give(record, name).await {
                    Some(group) if is_first => given.assigned.at_first.push(group),
                    Some(group) => given.assigned.always.push(group),
                    None => given.is_whole = false,
                }
            }
        }
        let is_missing = |record: &&Record| record.missing_since.is_some();
        if let (Some(name), Some(record)) = (&user_type.missing.parking, record.filter(is_missing))
        {
            given.assigned.parking = self.give(Some(record), name).await;
        }
        given
    }

    /// The group of a name that the configuration gives: one that the record was given already, one
    /// of the directory, or, outside of the directory's groups, one of the gateway's own.
    async fn give(&self, record: Option<&Record>, name: &DistinguishedName) -> Option<Group> {
        let has = |id: &UpstreamId| {
            let group = self.shared.records.group(&self.policy().name, id)?;
            (DistinguishedName::parse(&group.dn).ok()? == *name).then(|| (*group).clone())
        };
        let rows = record.into_iter().flat_map(|record| record.memberships.keys());
        let mut given = rows.filter(|key| key.provenance == Provenance::Default);
        if let Some(group) = given.find_map(|key| has(&key.group)) {
            return Some(group);
        }
        let groups = self.policy().groups.as_ref();
        let Some(groups) = groups.filter(|groups| name.is_within(&groups.base)) else {
            return Some(own_group(name));
        };
        let found = observe::group_at(&self.lookups[self.directory], groups, name).await;
        if let Err(reason) = &found {
            let directory = &self.policy().name;
            let group = name.as_str();
            self.shared.events.emit(&Event::GroupNotGiven { directory, group, reason: *reason });
        }
        found.ok()
    }
}

pub(in crate::app) fn own_group(name: &DistinguishedName) -> Group {
    let named = name.named_values();
    let text = named.first().map(|named| String::from_utf8_lossy(&named.value).into_owned());
    Group {
        id: own_id(name.normalized()),
        dn: name.as_str().to_owned(),
        name: text.unwrap_or_else(|| name.as_str().to_owned()),
    }
}

/// The id of a group of the gateway's own that has this name.
pub fn own_id(name: &NormalizedDn) -> UpstreamId {
    UpstreamId::new(&format!("{OWN}{}", name.as_str()))
}
