//! A sign-on in a test: record, entry, groups, policy and switch, each changed where a test cares.

use super::graph::{dn, group, id};
use bindgate::domain::change::{Change, apply};
use bindgate::domain::observation::{Closure, Observation, Observed, ObservedEntry, ObservedGroup};
use bindgate::domain::plan::{KnownGroups, NoPlan, Plan, Question, plan};
use bindgate::domain::policy::{AttributeMapping, GroupSync, OnUnknown, Switch, UserType};
use bindgate::domain::record::{
    Group, Membership, MembershipKey, Provenance, Record, RecordId, Route, UpstreamId, UserKey,
};
use bindgate::domain::time::Timestamp;
use bindgate::proto::filter::Filter;
use bindgate::proto::search::{Attribute, Entry};
use std::collections::BTreeMap;
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
}

/// The groups that are kept already.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held(pub(crate) BTreeMap<UpstreamId, Group>);

impl KnownGroups for Held {
    fn holds(&self, group: &Group) -> bool {
        self.0.get(&group.id) == Some(group)
    }

    fn contains(&self, id: &UpstreamId) -> bool {
        self.0.contains_key(id)
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
        let key = ann();
        let user =
            ObservedEntry { upstream_id: key.upstream_id.clone(), entry: self.entry.clone() };
        plan(&Question {
            record: self.record.as_ref(),
            key: &key,
            observation: &Observation { sent_at: now, user, groups: self.groups.clone() },
            user_type: &self.user_type,
            update_on_sign_on: self.switch,
            groups: &self.held,
            new_id: &RecordId(Arc::from("rec-1")),
            now,
        })
    }
}

pub(crate) fn ann() -> UserKey {
    UserKey { directory: Arc::from("corp"), upstream_id: UpstreamId::new("ann-id") }
}

pub(crate) fn staff() -> UserType {
    let mapping = |(local, upstream): (&str, &str)| AttributeMapping {
        local: local.to_owned(),
        upstream: upstream.to_owned(),
    };
    UserType {
        name: Arc::from("staff"),
        base: dn("ou=people,dc=example,dc=com"),
        filter: Filter::any_entry(),
        username: "uid".to_owned(),
        attributes: [("cn", "cn"), ("display_name", "displayName"), ("mail", "mail")]
            .map(mapping)
            .into(),
        update_on_sign_on: Switch::On,
        groups: GroupSync::Always,
        on_unknown: OnUnknown::Keep,
        create: true,
    }
}

/// Groups that hold the user directly.
pub(crate) fn direct(numbers: &[usize]) -> Observed<Closure> {
    let seen = |number: &usize| {
        let route = Route { path: vec![id(*number)], direct: true };
        (id(*number), ObservedGroup { group: group(*number), route, members: [].into() })
    };
    Observed::Known(numbers.iter().map(seen).collect())
}

pub(crate) fn key(number: usize, provenance: Provenance) -> MembershipKey {
    MembershipKey { group: id(number), provenance }
}

pub(crate) fn membership(number: usize) -> Membership {
    Membership { route: Route { path: vec![id(number)], direct: true }, since: BEFORE }
}

fn single((name, value): (&str, &str)) -> Attribute {
    Attribute { name: name.to_owned(), values: vec![value.as_bytes().to_vec()] }
}
