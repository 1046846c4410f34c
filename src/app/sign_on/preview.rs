//! What would change if a user signed on now: everything is read as a sign-on reads it, and nothing
//! is written.

use super::flight::{Flight, Look, era_of};
use super::look::{Given, MAX_LOOKS};
use super::update::{Ahead, Update};
use super::{BARRED, SignOns, UNKNOWN_DENIED, Verdict};
use crate::app::callers::Callers;
use crate::app::observe::{self, Around};
use crate::app::ports::{Clock, Ports, Records, Replica, Stored};
use crate::app::protection;
use crate::domain::change::apply;
use crate::domain::identity;
use crate::domain::membership::graph::Beside;
use crate::domain::observation::{Observation, Observed, UnknownReason};
use crate::domain::plan::{Cause, NoPlan, Plan, Reactivation, missing};
use crate::domain::policy::{OnUnknown, OnUnprovisioned, Switch, UnknownReactivation, UserType};
use crate::domain::record::{Group, Record, UpstreamId, UserKey};
use crate::domain::time::Timestamp;
use crate::domain::view::View;
use crate::proto::dn::DistinguishedName;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Whom it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Somebody who has a record.
    Known(UserKey),
    /// Somebody of a directory, by DN.
    Named(Arc<str>, DistinguishedName),
}

/// What a sign-on would do.
#[derive(Debug, Clone)]
pub struct Foreseen {
    /// Whose record it is or would be.
    pub key: UserKey,
    /// The record as it is.
    pub stored: Option<Stored>,
    /// The user type that takes the entry, or took it last.
    pub user_type: Option<Arc<str>>,
    /// The switch as it stands for this user.
    pub switch: Switch,
    /// The view that says so, if it is one.
    pub view: Option<String>,
    /// What was read; `None` if the entry is gone.
    pub observation: Option<Observation>,
    /// What would be written.
    pub plan: Result<Plan, NoPlan>,
    /// Protected groups that would have nobody any more: this part of the plan would be held.
    pub held: BTreeSet<UpstreamId>,
    /// How the bind would be answered, once the directory has said success.
    pub verdict: Verdict,
    /// When it was looked at.
    pub at: Timestamp,
}

/// The same, or why it cannot be told.
pub type Preview = Result<Foreseen, UnknownReason>;

impl<P: Ports> SignOns<P> {
    /// What would change if that user signed on now; `None` if the directory is not one of these.
    pub async fn preview(&self, who: Who) -> Option<Preview> {
        self.preview_by(who, None).await
    }

    /// The same by a client application.
    pub async fn preview_by(&self, who: Who, view: Option<&Arc<View>>) -> Option<Preview> {
        let name = match &who {
            Who::Known(key) => &key.directory,
            Who::Named(directory, _) => directory,
        };
        let directories = &self.shared.directories;
        let at = directories.iter().position(|directory| directory.policy.name == *name)?;
        let mut flight = Flight::<P>::new(self.shared.clone(), self.lookups.clone(), at);
        flight.callers = Callers::of(view, &self.shared.records);
        Some(flight.foresee(who).await)
    }

    /// The group of a directory that has this DN; one of the gateway's own where the name is outside
    /// of the directory's groups. `None` if the directory is not one of these.
    pub async fn group_at(
        &self,
        directory: &str,
        name: &DistinguishedName,
    ) -> Option<Result<Group, UnknownReason>> {
        let directories = &self.shared.directories;
        let at = directories.iter().position(|one| *one.policy.name == *directory)?;
        let policy = directories[at].policy.groups.as_ref();
        let Some(groups) = policy.filter(|groups| name.is_within(&groups.base)) else {
            return Some(Ok(super::look::own_group(name)));
        };
        Some(observe::group_at(&self.lookups[at], groups, name).await)
    }

    /// The groups around the group of that name, as the directory says now; `None` where it has none
    /// of its own there.
    pub async fn around(
        &self,
        directory: &str,
        name: &DistinguishedName,
    ) -> Option<Result<Around, UnknownReason>> {
        let directories = &self.shared.directories;
        let at = directories.iter().position(|one| *one.policy.name == *directory)?;
        let policy = directories[at].policy.groups.as_ref();
        let groups = policy.filter(|groups| name.is_within(&groups.base))?;
        Some(observe::around(&self.lookups[at], groups, name).await)
    }

    /// The groups around a group, as the live copy has them; `None` if there is no copy, or no such
    /// group in it.
    pub fn beside(&self, directory: &str, group: &UpstreamId) -> Option<Beside> {
        let mut directories = self.shared.directories.iter();
        let here = directories.find(|one| *one.policy.name == *directory)?;
        let replica = here.barrier.as_ref()?.replica();
        replica.coverage()?;
        replica.read(|graph| Some(graph.beside(graph.group_as(group)?)))
    }
}

impl<P: Ports> Flight<P> {
    async fn foresee(&self, who: Who) -> Preview {
        let sent_at = self.shared.clock.now();
        let here = &self.shared.directories[self.directory];
        let lookups = &self.lookups[self.directory];
        let mut question = here.barrier.as_ref().and_then(|barrier| barrier.ask(lookups));
        let entry = match &who {
            Who::Known(key) => {
                let id = &key.upstream_id;
                match observe::user_of_id(lookups, &here.policy, id, &here.attributes).await {
                    Observed::Known(Some(entry)) => entry,
                    Observed::Known(None) => return self.foresee_gone(key).await,
                    Observed::Unknown(reason) => return Err(reason),
                }
            }
            Who::Named(_, dn) => {
                match observe::entry(lookups, dn.as_str(), &here.attributes).await {
                    Observed::Known(entry) => entry,
                    Observed::Unknown(reason) => return Err(reason),
                }
            }
        };
        let policy = here.policy.clone();
        let look = Look {
            key: self.key(&entry.upstream_id),
            user_type: identity::user_type(&policy, &entry.entry),
            sent_at,
            entry: &entry,
            passage: self.pass(question.as_mut()).await,
            era: era_of(question.as_ref()),
            cause: Cause::SignOn,
        };
        Ok(self.foresee_look(&look).await)
    }

    async fn foresee_look(&self, look: &Look<'_>) -> Foreseen {
        let stored = self.shared.records.find(&look.key);
        let ahead = self.ahead(look, stored.as_ref()).await;
        let switch = self.switch(look, stored.as_ref());
        let (observation, mut plan) = self.planned(look, stored.as_ref(), &ahead).await;
        let mut held = BTreeSet::new();
        if let Ok(plan) = &mut plan {
            let records = &self.shared.records;
            held = protection::would_hold(records, look.user_type, stored.as_ref(), plan);
        }
        let verdict = foreseen_verdict(look.user_type, stored.as_ref(), &plan, &observation);
        Foreseen {
            key: look.key.clone(),
            user_type: look.user_type.map(|user_type| user_type.name.clone()),
            switch,
            view: self.view_behind(look, switch, stored.as_ref()).map(str::to_owned),
            observation: Some(observation),
            plan,
            held,
            verdict,
            at: self.shared.clock.now(),
            stored,
        }
    }

    /// What a look learns and plans; others are as they will be `ahead` of it.
    async fn planned(
        &self,
        look: &Look<'_>,
        stored: Option<&Stored>,
        ahead: &Ahead,
    ) -> (Observation, Result<Plan, NoPlan>) {
        let switch = self.switch(look, stored);
        let learnt = self.learn(look, switch, stored).await;
        let update = self.update(look, switch, &learnt.given);
        let ids = (&self.shared.clock.new_record_id(), self.shared.clock.now());
        let plan = update.plan(&self.shared.records, stored, &learnt.observation, ahead, ids);
        (learnt.observation, plan)
    }

    /// Nobody can sign on who is gone; what is told is what a look of the gateway's own would do.
    async fn foresee_gone(&self, key: &UserKey) -> Preview {
        let stored = self.shared.records.find(key).ok_or(UnknownReason::NotOneEntry)?;
        let policy = self.policy().clone();
        let is_last = |user_type: &&UserType| user_type.name == stored.record.user_type;
        let user_type = policy.user_types.iter().find(is_last);
        let given = self.given(user_type, Some(&stored)).await;
        let now = self.shared.clock.now();
        let parking = given.assigned.parking.as_ref();
        let mut plan = missing(&stored.record, user_type, parking, now);
        let records = &self.shared.records;
        let held = protection::would_hold(records, user_type, Some(&stored), &mut plan);
        Ok(Foreseen {
            key: key.clone(),
            user_type: user_type.map(|user_type| user_type.name.clone()),
            switch: Switch::On,
            view: None,
            observation: None,
            plan: Ok(plan),
            held,
            verdict: if stored.record.is_barred() {
                Verdict::Refuse(BARRED)
            } else {
                Verdict::Admit
            },
            at: now,
            stored: Some(stored),
        })
    }

    /// Those whose name or DN this user bears, as a sign-on leaves them: it looks at them first, and
    /// they may come to the name by that as well as make way.
    async fn ahead(&self, look: &Look<'_>, stored: Option<&Stored>) -> Ahead {
        let mut ahead = Ahead::new();
        if look.user_type.is_none() {
            return ahead;
        }
        for other in self.others(look, stored).into_iter().take(MAX_LOOKS) {
            let after = self.foresee_other(&other, &ahead).await;
            ahead.insert(other, after);
        }
        ahead
    }

    /// The record of somebody else as a look of the gateway's own would leave it.
    async fn foresee_other(&self, key: &UserKey, ahead: &Ahead) -> Option<Record> {
        let here = &self.shared.directories[self.directory];
        let lookups = &self.lookups[self.directory];
        let stored = self.shared.records.find(key)?;
        let record = (*stored.record).clone();
        let sent_at = self.shared.clock.now();
        let id = &key.upstream_id;
        let mut question = here.barrier.as_ref().and_then(|barrier| barrier.ask(lookups));
        let changes = match observe::user_of_id(lookups, &here.policy, id, &here.attributes).await {
            Observed::Known(Some(entry)) => {
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
                let (_, plan) = self.planned(&look, Some(&stored), ahead).await;
                plan.map(|plan| plan.changes).unwrap_or_default()
            }
            Observed::Known(None) => missing(&record, None, None, sent_at).changes,
            Observed::Unknown(_) => Vec::new(),
        };
        apply(Some(record), &changes).ok().flatten()
    }

    fn update<'a>(
        &'a self,
        look: &'a Look<'_>,
        switch: Switch,
        given: &'a Given,
    ) -> Update<'a, P::Events> {
        Update {
            key: &look.key,
            user_type: look.user_type,
            switch,
            assigned: &given.assigned,
            kept: &self.shared.directories[self.directory].kept,
            is_plain: true,
            cause: look.cause,
            view: None,
            // What is held is not foretold: that depends on who else signs on.
            breaker: None,
            span: &self.span,
        }
    }
}

/// How the bind would be answered (S4.3, S4.4).
fn foreseen_verdict(
    user_type: Option<&UserType>,
    stored: Option<&Stored>,
    plan: &Result<Plan, NoPlan>,
    observation: &Observation,
) -> Verdict {
    if stored.is_some_and(|stored| stored.record.is_barred()) {
        return Verdict::Refuse(BARRED);
    }
    let Some(user_type) = user_type else { return Verdict::Admit };
    let Ok(plan) = plan else {
        return match user_type.on_unprovisioned {
            OnUnprovisioned::Admit => Verdict::Admit,
            OnUnprovisioned::Refuse => Verdict::Refuse(BARRED),
        };
    };
    let is_held = matches!(plan.reactivation, Reactivation::Held(_));
    let is_unknown = is_held
        || matches!(observation.groups, Observed::Unknown(reason) if reason != UnknownReason::NotAsked);
    let is_closed = is_held && user_type.unknown_reactivation == UnknownReactivation::Deny;
    match is_closed || is_unknown && user_type.on_unknown == OnUnknown::Deny {
        true => UNKNOWN_DENIED,
        false => Verdict::Admit,
    }
}
