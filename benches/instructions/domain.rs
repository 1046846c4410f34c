//! What a sign-on works out, each alone: pure functions, with a user in twelve groups.

use crate::jit;
use crate::scenarios::repeat;
use bindgate::domain::change::apply;
use bindgate::domain::digest::digest;
use bindgate::domain::membership::MemberKey;
use bindgate::domain::membership::graph::{ClosureLimits, Graph, KnownUser, Scratch};
use bindgate::domain::observation::{Closure, Observation, Observed, ObservedEntry};
use bindgate::domain::plan::{Assigned, Cause, KnownGroups, Names, Plan, Question, plan};
use bindgate::domain::policy::{DirectoryPolicy, Switch};
use bindgate::domain::record::{Group, Record, RecordId, UpstreamId, UserKey};
use bindgate::domain::time::Timestamp;
use bindgate::proto::search::{Attribute, Entry};
use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;

/// The user whom all of it is about.
const USER: usize = 7;
const LIMITS: ClosureLimits = ClosureLimits { max_depth: 50, max_groups: 10_000 };
const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

/// The digest of an entry of eight attributes, four of one of them.
pub(crate) fn digest_of_an_entry(times: u64) {
    let attribute = |(name, values): (&str, &[&str])| Attribute {
        name: name.to_owned(),
        values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
    };
    let attributes: [(&str, &[&str]); 8] = [
        ("objectClass", &["inetOrgPerson", "organizationalPerson", "person", "top"]),
        ("entryUUID", &["00000007-5c5d-103f-9d2b-c1ddc1b1a001"]),
        ("uid", &["user00007"]),
        ("cn", &["User Number 7"]),
        ("sn", &["Number 7"]),
        ("givenName", &["User"]),
        ("mail", &["user00007@example.com"]),
        ("telephoneNumber", &["+41 44 555 47 11"]),
    ];
    let attributes = attributes.map(attribute).into();
    let entry = Entry { dn: jit::user_name(USER), attributes };
    repeat(times, || {
        black_box(digest(black_box((1, 2)), black_box(&entry)));
    });
}

/// The fingerprint of a closure, as a sign-on beside a copy compares it.
pub(crate) fn fingerprint_of_a_closure(times: u64) {
    let graph = jit::graph();
    let user = known(&graph);
    let mut scratch = Scratch::default();
    repeat(times, || {
        let _ = black_box(graph.fingerprint_at(black_box(user.at), LIMITS, &mut scratch));
    });
}

/// The closure itself, with the ways.
pub(crate) fn whole_closure(times: u64) {
    let graph = jit::graph();
    repeat(times, || {
        black_box(closure(black_box(&graph)));
    });
}

/// The plan for a record that is up to date.
pub(crate) fn plan_of_nothing(times: u64) {
    let case = Case::new();
    let record = case.record();
    repeat(times, || {
        let plan = case.plan(black_box(Some(&record)));
        assert!(black_box(plan).is_empty());
    });
}

/// The plan for a first sign-on.
pub(crate) fn plan_of_a_record(times: u64) {
    let case = Case::new();
    repeat(times, || {
        black_box(case.plan(black_box(None)));
    });
}

fn known(graph: &Graph) -> KnownUser {
    graph.user(jit::dn(&jit::user_name(USER)).normalized()).expect("the user is there")
}

fn closure(graph: &Graph) -> Closure {
    let user = MemberKey::Dn(jit::dn(&jit::user_name(USER)).normalized().clone());
    match graph.closure(&[user], LIMITS) {
        Observed::Known(closure) => closure,
        Observed::Unknown(reason) => unreachable!("{reason}"),
    }
}

/// What a plan depends on, but for the record.
struct Case {
    policy: DirectoryPolicy,
    key: UserKey,
    observation: Observation,
    assigned: Assigned,
    new_id: RecordId,
}

impl Case {
    fn new() -> Self {
        let policy = jit::policy();
        let upstream_id = UpstreamId::new(&jit::user_id(USER));
        let key = UserKey { directory: policy.name.clone(), upstream_id: upstream_id.clone() };
        let observation = Observation {
            sent_at: NOW,
            user: ObservedEntry { upstream_id, entry: jit::user(USER) },
            groups: Observed::Known(closure(&jit::graph())),
            seen: Closure::new(),
            readable: BTreeSet::from(["cn".to_owned(), "uid".to_owned()]),
        };
        let new_id = RecordId(Arc::from("0190b5c5-5c5d-703f-9d2b-c1ddc1b1a001"));
        Self { policy, key, observation, assigned: Assigned::default(), new_id }
    }

    fn plan(&self, record: Option<&Record>) -> Plan {
        let planned = plan(&Question {
            record,
            key: &self.key,
            observation: &self.observation,
            observed_at: record.map(|_| NOW),
            user_type: self.policy.user_types.first(),
            update_on_sign_on: Switch::On,
            groups: &AllKept,
            names: &Free,
            assigned: &self.assigned,
            cause: Cause::SignOn,
            new_id: &self.new_id,
            now: NOW,
        });
        planned.expect("there is a plan for everybody here")
    }

    /// The record that the first sign-on makes.
    fn record(&self) -> Record {
        let record = apply(None, &self.plan(None).changes).expect("the plan fits");
        record.expect("the first change makes it")
    }
}

/// The groups are kept already.
struct AllKept;

impl KnownGroups for AllKept {
    fn holds(&self, _: &Group) -> bool {
        true
    }

    fn group(&self, _: &UpstreamId) -> Option<Group> {
        None
    }
}

/// No name is anybody's.
struct Free;

impl Names for Free {
    fn is_taken(&self, _: &str) -> bool {
        false
    }
}
