//! A sign-on in a test: record, entry, groups, policy and switch, each changed where a test cares.

use super::graph::{dn, group, id};
use bindgate::domain::change::{Change, apply};
use bindgate::domain::observation::{Closure, Observation, Observed, ObservedEntry, ObservedGroup};
use bindgate::domain::plan::{Assigned, Cause, KnownGroups, Names, NoPlan, Plan, Question, plan};
use bindgate::domain::policy::{AttributeMapping, Switch, UserType};
use bindgate::domain::record::{
    Group, Membership, MembershipKey, Provenance, Record, RecordId, Route, UpstreamId, UserKey,
};
use bindgate::domain::time::Timestamp;
use bindgate::proto::search::{Attribute, Entry};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) const BEFORE: Timestamp = Timestamp(1_000);
pub(crate) const NOW: Timestamp = Timestamp(2_000);
pub(crate) const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";

#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) record: Option<Record>,
    pub(crate) entry: Entry,
    pub(crate) groups: Observed<Closure>,
    pub(crate) user_type: UserType,
    pub(crate) switch: Switch,
    pub(crate) held: Held,
    /// Whether a user type takes the entry.
    pub(crate) in_scope: bool,
    pub(crate) seen: Closure,
    pub(crate) readable: BTreeSet<String>,
    pub(crate) assigned: Assigned,
    pub(crate) cause: Cause,
    pub(crate) taken: Taken,
    pub(crate) observed_at: Option<Timestamp>,
}

/// The names that others have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taken(pub(crate) BTreeSet<String>);

impl Names for Taken {
    fn is_taken(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// The groups that are kept already.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held(pub(crate) BTreeMap<UpstreamId, Group>);

impl KnownGroups for Held {
    fn holds(&self, group: &Group) -> bool {
        self.0.get(&group.id) == Some(group)
    }

    fn group(&self, id: &UpstreamId) -> Option<Group> {
        self.0.get(id).cloned()
    }
}

impl Scene {
    /// Ann's first sign-on, with no groups, everything switched on.
    pub(crate) fn first() -> Self {
        let attributes = [("uid", "ann"), ("cn", "Ann Example"), ("mail", "ann@example.com")];
        Self {
            record: None,
            entry: Entry { dn: ANN.to_owned(), attributes: attributes.map(single).into() },
            groups: Observed::Known(Closure::new()),
            user_type: staff(),
            switch: Switch::On,
            held: Held::default(),
            in_scope: true,
            seen: Closure::new(),
            readable: BTreeSet::new(),
            assigned: Assigned::default(),
            cause: Cause::SignOn,
            taken: Taken::default(),
            observed_at: None,
        }
    }

    /// A later sign-on of Ann, whose record and groups are up to date with `numbers` direct groups.
    pub(crate) fn later(numbers: &[usize]) -> Self {
        let mut scene = Self { groups: direct(numbers), ..Self::first() };
        scene.settle(BEFORE);
        scene
    }

    pub(crate) fn plan(&self) -> Result<Plan, NoPlan> {
        self.plan_at(NOW)
    }

    /// The plan's changes; none of the groups that it keeps.
    #[track_caller]
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.plan().expect("there is a plan").changes
    }

    /// Plans, and takes the plan over into record and groups.
    #[track_caller]
    pub(crate) fn settle(&mut self, now: Timestamp) {
        let plan = self.plan_at(now).expect("there is a plan");
        self.record = apply(self.record.take(), &plan.changes).expect("the plan fits the record");
        self.held.0.extend(plan.groups.into_iter().map(|group| (group.id.clone(), group)));
    }

    pub(crate) fn set(&mut self, name: &str, values: &[&str]) {
        self.entry.attributes.retain(|attribute| attribute.name != name);
        if !values.is_empty() {
            let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
            self.entry.attributes.push(Attribute { name: name.to_owned(), values });
        }
    }

    fn plan_at(&self, now: Timestamp) -> Result<Plan, NoPlan> {
        self.plan_of(now, self.observed_at, now)
    }

    /// The plan of reads that were sent at one time, made at another.
    pub(crate) fn plan_of(
        &self,
        sent_at: Timestamp,
        observed_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Plan, NoPlan> {
        let key = ann();
        let user =
            ObservedEntry { upstream_id: key.upstream_id.clone(), entry: self.entry.clone() };
        plan(&Question {
            record: self.record.as_ref(),
            key: &key,
            observation: &Observation {
                sent_at,
                user,
                groups: self.groups.clone(),
                seen: self.seen.clone(),
                readable: self.readable.clone(),
            },
            observed_at,
            user_type: self.in_scope.then_some(&self.user_type),
            update_on_sign_on: self.switch,
            groups: &self.held,
            names: &self.taken,
            assigned: &self.assigned,
            cause: self.cause,
            new_id: &RecordId(Arc::from("rec-1")),
            now,
        })
    }
}

pub(crate) fn ann() -> UserKey {
    UserKey { directory: Arc::from("corp"), upstream_id: UpstreamId::new("ann-id") }
}

pub(crate) fn staff() -> UserType {
    let mapping = |(local, upstream): (&str, &str)| AttributeMapping::new(local, upstream);
    UserType {
        attributes: [("cn", "cn"), ("display_name", "displayName"), ("mail", "mail")]
            .map(mapping)
            .into(),
        ..UserType::new("staff", dn("ou=people,dc=example,dc=com"))
    }
}

/// Groups that hold the user directly.
pub(crate) fn direct(numbers: &[usize]) -> Observed<Closure> {
    let seen = |number: &usize| {
        let route = Route { path: [id(*number)].into(), direct: true };
        (id(*number), ObservedGroup { group: group(*number), route, members: [].into() })
    };
    Observed::Known(numbers.iter().map(seen).collect())
}

pub(crate) fn key(number: usize, provenance: Provenance) -> MembershipKey {
    MembershipKey { group: id(number), provenance }
}

pub(crate) fn membership(number: usize) -> Membership {
    Membership::new(Route { path: [id(number)].into(), direct: true }, BEFORE)
}

fn single((name, value): (&str, &str)) -> Attribute {
    Attribute { name: name.to_owned(), values: vec![value.as_bytes().to_vec()] }
}
