//! A directory's tree, a store, a clock and a place for events, all in memory and with faults.

use super::links::FakeLinks;
use bindgate::app::events::{AuditEntry, Event};
use bindgate::app::ports::{
    Clock, Commit, Events, LookupError, Lookups, NoReplica, Ports, Records, StoreError, Stored,
    StoredSwitch,
};
use bindgate::domain::change::apply;
use bindgate::domain::membership::MemberAttribute;
use bindgate::domain::policy::{
    AttributeMapping, DirectoryPolicy, Flatten, GroupPolicy, OnUnknown, Resolve, Switch, UserType,
};
use bindgate::domain::record::{self, Group, Mark, Record, RecordId, UpstreamId, UserKey};
use bindgate::domain::time::Timestamp;
use bindgate::proto::dn::{DistinguishedName, NormalizedDn};
use bindgate::proto::filter::Filter;
use bindgate::proto::search::{Attribute, Entry, Scope, Search};
use bindgate::upstream::{Kind, SharedCommon, SharedLimits, SharedLinks, Told};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Semaphore;

pub(crate) const ANN: &str = "uid=ann,dc=one";

/// Everything is a fake.
pub(crate) struct Fakes;

impl Ports for Fakes {
    type Links = FakeLinks;
    type Shared = SharedLinks;
    type Lookups = Tree;
    type Replica = NoReplica;
    type Records = Memory;
    type Clock = Ticks;
    type Events = Seen;
}

/// The most operations on one connection, of one client or shared.
pub(crate) const OUTSTANDING: usize = 3;

/// How long a client may hold a shared connection up.
pub(crate) const INBOX_TIMEOUT: Duration = Duration::from_secs(30);

/// The real shared connections, over pipes.
pub(crate) fn shared(links: &FakeLinks, seen: &Seen, proxying: bool) -> SharedLinks {
    let limits = SharedLimits {
        connections: 2,
        outstanding: OUTSTANDING,
        inbox: 64 * 1024,
        inbox_timeout: INBOX_TIMEOUT,
        idle_timeout: Duration::from_secs(300),
        message: 1 << 20,
        queue_timeout: Duration::from_secs(20),
    };
    let seen = seen.clone();
    let tell = move |told| match told {
        Told::LimitHit(limit, _) => seen.emit(&Event::LimitHit { limit, peer: None }),
        Told::Repeated => seen.emit(&Event::UpstreamRetried { directory: "one" }),
    };
    let common = SharedCommon::new("one", proxying, Duration::from_secs(10), tell);
    let kind = || Kind { limits, dial: links.clone() };
    SharedLinks::new(common, kind(), kind())
}

/// What a search of the gateway's own meets with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    Error(LookupError),
    Panic,
}

/// Which search meets with it: the read of the entry, or the walk's search of this level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Entry,
    Level(usize),
}

pub(crate) struct TreeState {
    /// Groups by name, with their members' DNs.
    pub(crate) groups: BTreeMap<String, Vec<String>>,
    /// The users' full names.
    pub(crate) people: BTreeMap<String, String>,
    pub(crate) faults: Vec<(At, Fault)>,
    pub(crate) searches: Vec<Search>,
    level: usize,
}

/// A directory that answers the gateway's own searches.
#[derive(Clone)]
pub(crate) struct Tree {
    state: Arc<Mutex<TreeState>>,
    /// Searches are answered with what the tree held when they were sent, once there is a permit.
    pub(crate) gate: Arc<Semaphore>,
}

impl Tree {
    /// Ann, who is in no group.
    pub(crate) fn new() -> Self {
        let state = TreeState {
            groups: BTreeMap::new(),
            people: [(ANN.to_owned(), "Ann".to_owned())].into(),
            faults: Vec::new(),
            searches: Vec::new(),
            level: 0,
        };
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        Self { state: Arc::new(Mutex::new(state)), gate }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, TreeState> {
        // A search that panicked is part of the tests.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Puts a group with these members in.
    pub(crate) fn group(&self, name: &str, members: &[&str]) {
        let members = members.iter().map(|dn| (*dn).to_owned()).collect();
        self.state().groups.insert(name.to_owned(), members);
    }

    /// No search is answered until [`Tree::open`].
    pub(crate) fn shut(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn open(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS - self.gate.available_permits());
    }
}

impl TreeState {
    fn answer(&mut self, search: &Search) -> Result<Vec<Entry>, LookupError> {
        self.searches.push(search.clone());
        self.level = if search.scope == Scope::Base { 0 } else { self.level + 1 };
        let at = if self.level == 0 { At::Entry } else { At::Level(self.level) };
        match self.faults.iter().find(|(place, _)| *place == at) {
            Some((_, Fault::Error(error))) => return Err(*error),
            Some((_, Fault::Panic)) => panic!("the test asked for it"),
            None => {}
        }
        if at == At::Entry {
            let name = self
                .people
                .get(&search.base)
                .ok_or(LookupError::Result(bindgate::proto::result::ResultCode::NO_SUCH_OBJECT))?;
            return Ok(vec![person(&search.base, name)]);
        }
        if search.size_limit == 1 {
            let some = self.groups.iter().take(1);
            return Ok(some.map(|(name, members)| group_entry(name, members)).collect());
        }
        let asked = asked_members(&search.filter);
        let holds = |members: &[String]| members.iter().any(|member| asked.contains(member));
        let groups = self.groups.iter().filter(|(_, members)| holds(members));
        Ok(groups.map(|(name, members)| group_entry(name, members)).collect())
    }
}

impl Lookups for Tree {
    fn search(
        &self,
        search: Search,
    ) -> impl Future<Output = Result<Vec<Entry>, LookupError>> + Send {
        let answer = self.state().answer(&search);
        let gate = self.gate.clone();
        async move {
            drop(gate.acquire().await.unwrap());
            answer
        }
    }
}

/// A search that reads the entry of that name.
pub(crate) fn read_of(base: &str) -> Search {
    Search {
        base: base.to_owned(),
        scope: Scope::Base,
        filter: Filter::any_entry(),
        attributes: Vec::new(),
        size_limit: 0,
        time_limit: 0,
        controls: Vec::new(),
    }
}

pub(crate) fn group_dn(name: &str) -> String {
    format!("cn={name},ou=groups,dc=one")
}

/// A person's entry.
pub(crate) fn person(dn: &str, name: &str) -> Entry {
    let uid = dn.split([',', '=']).nth(1).unwrap_or_default();
    let id = format!("id-{uid}");
    let attributes = [("uid", uid), ("cn", name), ("entryUUID", &id)].map(single);
    Entry { dn: dn.to_owned(), attributes: attributes.into() }
}

fn group_entry(name: &str, members: &[String]) -> Entry {
    let id = format!("id-{name}");
    let mut attributes: Vec<_> = [("cn", name), ("entryUUID", &id)].map(single).into();
    let values = members.iter().map(|dn| dn.clone().into_bytes()).collect();
    attributes.push(Attribute { name: "member".to_owned(), values });
    Entry { dn: group_dn(name), attributes }
}

fn single((name, value): (&str, &str)) -> Attribute {
    Attribute { name: name.to_owned(), values: vec![value.as_bytes().to_vec()] }
}

fn asked_members(filter: &Filter) -> Vec<String> {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().flat_map(asked_members).collect(),
        Filter::Equal(name, value) if name == "member" => {
            vec![String::from_utf8(value.clone()).unwrap()]
        }
        _ => Vec::new(),
    }
}

#[derive(Default)]
pub(crate) struct MemoryState {
    pub(crate) records: HashMap<UserKey, Stored>,
    groups: HashMap<UpstreamId, Arc<Group>>,
    pub(crate) switch: Option<Switch>,
    pub(crate) faults: VecDeque<StoreError>,
    pub(crate) commits: usize,
    /// Rows of the audit that nobody waits for.
    pub(crate) remarks: Vec<AuditEntry>,
    pub(crate) marks: usize,
}

/// Records in memory; a commit meets with the next fault, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<MemoryState>>);

impl Memory {
    pub(crate) fn state(&self) -> MutexGuard<'_, MemoryState> {
        self.0.lock().unwrap()
    }

    fn filter(&self, wanted: impl Fn(&Record) -> bool) -> Vec<Stored> {
        let state = self.state();
        state.records.values().filter(|stored| wanted(&stored.record)).cloned().collect()
    }

    /// Changes a user's record behind the gateway's back.
    pub(crate) fn edit(&self, uid: &str, change: impl FnOnce(&mut Record)) {
        let mut state = self.state();
        let id = UpstreamId::new(&format!("id-{uid}"));
        let stored = state.records.values_mut().find(|s| s.record.key.upstream_id == id).unwrap();
        let mut record = (*stored.record).clone();
        change(&mut record);
        record.version += 1;
        stored.record = Arc::new(record);
    }

    /// A user's record.
    pub(crate) fn record(&self, uid: &str) -> Option<Arc<Record>> {
        let key =
            UserKey { directory: "one".into(), upstream_id: UpstreamId::new(&format!("id-{uid}")) };
        self.find(&key).map(|stored| stored.record)
    }

    /// The ids of a user's managed groups, without what makes them ids.
    pub(crate) fn groups_of(&self, uid: &str) -> Vec<String> {
        let record = self.record(uid);
        let groups = record.iter().flat_map(|record| record.managed_memberships());
        groups.map(|(id, _)| id.as_str().trim_start_matches("id-").to_owned()).collect()
    }
}

impl Records for Memory {
    fn find(&self, key: &UserKey) -> Option<Stored> {
        self.state().records.get(key).cloned()
    }

    fn group(&self, _directory: &str, id: &UpstreamId) -> Option<Arc<Group>> {
        self.state().groups.get(id).cloned()
    }

    fn switch(&self, _directory: &str, _user_type: &str) -> Option<StoredSwitch> {
        self.state().switch.map(|value| StoredSwitch { value, set_at: Timestamp(0) })
    }

    fn named(&self, directory: &str, user_type: &str, name: &str) -> Vec<Stored> {
        self.filter(|record| {
            (&*record.key.directory, &*record.user_type) == (directory, user_type)
                && record.name.eq_ignore_ascii_case(name)
        })
    }

    fn located(&self, directory: &str, at: &NormalizedDn) -> Vec<Stored> {
        self.filter(|record| {
            *record.key.directory == *directory && dn(&record.dn).normalized() == at
        })
    }

    fn has_barred(&self, directory: &str) -> bool {
        let barred = |record: &Record| *record.key.directory == *directory && record.is_barred();
        !self.filter(barred).is_empty()
    }

    fn given(&self, _: &str, _: Option<&UpstreamId>, _: usize) -> Option<Vec<UpstreamId>> {
        Some(Vec::new())
    }

    fn mark(&self, key: &UserKey, mark: Mark) {
        let mut state = self.state();
        state.marks += 1;
        if let Some(stored) = state.records.get_mut(key) {
            stored.mark = mark;
        }
    }

    fn renew(&self, key: &UserKey, seen: &record::Seen, times: record::Times) -> bool {
        let mut state = self.state();
        let renewed = state.records.get_mut(key).is_some_and(|at| at.mark.renew(seen, times));
        state.marks += usize::from(renewed);
        renewed
    }

    fn remark(&self, audit: AuditEntry) {
        self.state().remarks.push(audit);
    }

    fn counted_in(&self, directory: &str, group: &UpstreamId) -> usize {
        let in_it = |record: &Record| {
            *record.key.directory == *directory && record.effective_groups().contains(group)
        };
        self.filter(in_it).len()
    }

    async fn commit(&self, commit: Commit) -> Result<Arc<Record>, StoreError> {
        let mut state = self.state();
        let stored = state.records.get(&commit.key).cloned();
        if let Some(fault) = state.faults.pop_front() {
            if let (StoreError::Conflict, Some(stored)) = (&fault, stored) {
                // Somebody else was first.
                let record =
                    Record { version: stored.record.version + 1, ..(*stored.record).clone() };
                let stored = Stored { record: Arc::new(record), ..stored };
                state.records.insert(commit.key, stored);
            }
            return Err(fault);
        }
        let version = stored.as_ref().map(|stored| stored.record.version);
        if version != commit.base_version {
            return Err(StoreError::Conflict);
        }
        let before = stored.map(|stored| (*stored.record).clone());
        let mut record = apply(before, &commit.changes)?.expect("a commit leaves a record");
        record.version += 1;
        let record = Arc::new(record);
        state
            .groups
            .extend(commit.groups.into_iter().map(|group| (group.id.clone(), Arc::new(group))));
        state.records.insert(commit.key, Stored { record: record.clone(), mark: commit.mark });
        state.commits += 1;
        Ok(record)
    }
}

/// A clock that moves by one each time it is looked at.
#[derive(Clone, Default)]
pub(crate) struct Ticks(Arc<AtomicI64>);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::SeqCst))
    }

    fn new_record_id(&self) -> RecordId {
        RecordId(format!("record-{}", self.now().0).into())
    }
}

/// The events so far, as text.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Takes an event out.
    pub(crate) fn take(&self, text: &str) -> bool {
        let mut events = self.0.lock().unwrap();
        let Some(at) = events.iter().position(|event| event == text) else { return false };
        events.remove(at);
        true
    }
}

impl Events for Seen {
    fn emit(&self, event: &Event<'_>) {
        let text = match event {
            Event::Disconnected { reason, .. } => format!("left {}", reason.name()),
            Event::Bind { code, directory, elapsed, spent, .. } => {
                let seconds = |time: Duration| format!("{}s", time.as_secs());
                let part = |part: Option<Duration>| part.map_or("none".to_owned(), seconds);
                let (upstream, sign_on) = (part(spent.upstream), part(spent.sign_on));
                let whole = seconds(*elapsed);
                let spent = format!("spent [{directory}] {whole}: {upstream} and {sign_on}");
                self.0.lock().unwrap().push(spent);
                format!("bind {}", code.0)
            }
            Event::Answered { op, code, entries, .. } => {
                format!("answered {op} {} {entries}", code.0)
            }
            Event::SignOn { outcome, added, removed, .. } => match outcome {
                bindgate::app::events::SignOnOutcome::Unknown(reason) => {
                    format!("unknown {reason}")
                }
                other => format!("{} +{added} -{removed}", other.name()),
            },
            Event::UpstreamRetried { .. } => "retried".to_owned(),
            Event::ThrottleBegan { source } => format!("throttled {source}"),
            Event::ThrottleEnded { source } => format!("let go {source}"),
            Event::UpstreamSkipped { .. } => "skipped".to_owned(),
            Event::UpstreamOdd { .. } => "odd".to_owned(),
            Event::LimitHit { limit, .. } => format!("limit {limit}"),
            Event::SignOnUnidentified { reason, .. } => format!("unidentified {}", reason.name()),
            Event::ReferralSettled { settled, .. } => format!("referral {}", settled.name()),
            _ => return,
        };
        self.0.lock().unwrap().push(text);
    }
}

pub(crate) fn dn(text: &str) -> DistinguishedName {
    DistinguishedName::parse(text).unwrap()
}

/// A directory of that name with the suffix `dc=NAME`, whose people are users.
pub(crate) fn policy(name: &str, on_unknown: OnUnknown) -> DirectoryPolicy {
    let staff = UserType {
        attributes: vec![AttributeMapping::new("cn", "cn")],
        on_unknown,
        ..UserType::new("staff", dn(&format!("dc={name}")))
    };
    let groups = GroupPolicy {
        base: dn(&format!("ou=groups,dc={name}")),
        filter: Filter::any_entry(),
        member_attributes: vec![MemberAttribute::new("member")],
        name_attribute: "cn".to_owned(),
        max_depth: 4,
        max_groups_per_user: 6,
        max_filter_size: 1 << 16,
        flatten: Flatten::Ancestors,
        resolve: Resolve::Auto,
        canary: None,
        replica: None,
        max_replica_pause: Duration::from_secs(60),
        max_replica_names: 1_000_000,
        max_kept_lookups: 0,
    };
    DirectoryPolicy {
        name: name.into(),
        suffixes: vec![dn(&format!("dc={name}"))],
        is_default: false,
        service_account: dn(&format!("cn=gateway,dc={name}")),
        groups: Some(groups),
        user_types: vec![staff],
    }
}
