//! Sign-ons beside a live copy: who is unchanged is admitted by what the copy shows, and by nothing
//! that is older than the bind.

use super::fakes::{ANN, Memory, Seen, Ticks, Tree, dn, group_dn, person, policy, read_of};
use super::links::FakeLinks;
use bindgate::app::barrier::Barrier;
use bindgate::app::edits::{Edit, edit};
use bindgate::app::ports::{Coverage, Gone, LookupError, Lookups, Marker, Ports, Replica, Stored};
use bindgate::app::sign_on::{Attempt, BARRED, Config, SignOns, SyncMode, Verdict};
use bindgate::domain::digest::digest;
use bindgate::domain::membership::graph::Graph;
use bindgate::domain::membership::{GroupEntry, MemberKey, UserEntry};
use bindgate::domain::observation::UnknownReason;
use bindgate::domain::policy::OnUnknown;
use bindgate::domain::record::{Group, InactiveReason, UpstreamId, UserKey};
use bindgate::proto::filter::Filter;
use bindgate::proto::search::{Attribute, Entry, Search};
use bindgate::upstream::SharedLinks;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// What those are called who are no users.
const ROBOT: &str = "Robot";

/// The search whose answer is the number of the directory's last change.
const QUESTION: &str = "the last change";

pub(crate) struct Copied;

impl Ports for Copied {
    type Links = FakeLinks;
    type Shared = SharedLinks;
    type Lookups = Directory;
    type Replica = Directory;
    type Records = Memory;
    type Clock = Ticks;
    type Events = Seen;
}

/// How many changes there were.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Changes(u64);

impl Marker for Changes {
    fn covers(&self, other: &Self) -> bool {
        self >= other
    }

    fn advance(&mut self, other: &Self) {
        *self = (*self).max(*other);
    }

    fn text(&self) -> String {
        self.0.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

/// A directory that counts its changes, and its copy.
#[derive(Clone)]
pub(crate) struct Directory {
    pub(crate) tree: Tree,
    changes: Arc<AtomicU64>,
    asked: Arc<AtomicU64>,
    /// A question is answered, with what was so when it was sent, for each permit.
    words: Arc<Semaphore>,
    graph: Arc<RwLock<Graph>>,
    arrived: Arc<watch::Sender<Option<Changes>>>,
}

impl Directory {
    fn new() -> Self {
        let directory = Self {
            tree: Tree::new(),
            changes: Arc::default(),
            asked: Arc::default(),
            words: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            graph: Arc::new(RwLock::new(Graph::new((1, 2)))),
            arrived: Arc::new(watch::Sender::new(None)),
        };
        directory.copy();
        directory
    }

    /// Ann comes into a group.
    pub(crate) fn change(&self, group: &str) {
        self.tree.group(group, &[ANN]);
        self.changes.fetch_add(1, SeqCst);
    }

    /// The copy gets as far as the directory has got.
    fn copy(&self) {
        let mut graph = Graph::new((1, 2));
        let people = self.tree.state().people.clone();
        let users = people.iter().filter(|(_, name)| *name != ROBOT);
        for entry in users.map(|(dn, name)| person(dn, name)) {
            graph.put_user(&UserEntry {
                id: UpstreamId::new(entry.text("entryUUID").unwrap()),
                dn: dn(&entry.dn).normalized().clone(),
                uids: Vec::new(),
                digest: digest(graph.seed(), &entry),
            });
        }
        for (name, members) in &self.tree.state().groups {
            let text = group_dn(name);
            let members = members.iter().map(|of| MemberKey::Dn(dn(of).normalized().clone()));
            graph.put_group(&GroupEntry {
                dn: dn(&text).normalized().clone(),
                group: Group {
                    id: UpstreamId::new(&format!("id-{name}")),
                    dn: text,
                    name: name.clone(),
                },
                members: members.collect(),
            });
        }
        let mut old = self.graph.write().unwrap();
        graph.succeed(&old);
        *old = graph;
        self.arrived.send_replace(Some(Changes(self.changes.load(SeqCst))));
    }
}

impl Lookups for Directory {
    fn search(
        &self,
        search: Search,
    ) -> impl Future<Output = Result<Vec<Entry>, LookupError>> + Send {
        let is_question = search.base == QUESTION;
        let changes = self.changes.load(SeqCst);
        let other = (!is_question).then(|| self.tree.search(search));
        let words = self.words.clone();
        self.asked.fetch_add(u64::from(is_question), SeqCst);
        async move {
            if let Some(other) = other {
                return other.await;
            }
            let word = words.acquire().await.map_err(|_| LookupError::Disconnected)?;
            word.forget();
            let values = vec![changes.to_string().into_bytes()];
            let attributes = vec![Attribute { name: "changes".to_owned(), values }];
            Ok(vec![Entry { dn: QUESTION.to_owned(), attributes }])
        }
    }
}

impl Replica for Directory {
    type Marker = Changes;

    fn coverage(&self) -> Option<Coverage> {
        self.arrived.borrow().map(|_| Coverage::GroupsAndUsers)
    }

    fn is_held(&self) -> bool {
        false
    }

    fn can_be_asked_for(&self) -> bool {
        true
    }

    fn question(&self) -> Option<Search> {
        Some(read_of(QUESTION))
    }

    async fn find_question<L: Lookups>(&self, _: &L) -> Result<Option<Search>, UnknownReason> {
        Ok(self.question())
    }

    fn seen(&self) -> Option<Changes> {
        None
    }

    fn went_back(&self) -> bool {
        false
    }

    fn forget_seen(&self) {}

    async fn vouched(&self) -> Result<(), Gone> {
        Ok(())
    }

    async fn testified(&self) {}

    fn marker(&self, answer: &[Entry]) -> Option<Changes> {
        answer.first()?.text("changes")?.parse().ok().map(Changes)
    }

    fn has(&self, marker: &Changes) -> bool {
        self.arrived.borrow().is_some_and(|at| at >= *marker)
    }

    async fn arrived(&self, marker: &Changes) -> Result<(), Gone> {
        let mut arrived = self.arrived.subscribe();
        let at = arrived.wait_for(|at| at.is_none_or(|at| at >= *marker)).await;
        at.ok().and_then(|at| *at).map(|_| ()).ok_or(Gone)
    }

    async fn poll(&self) -> Result<(), Gone> {
        std::future::pending().await
    }

    fn read<T>(&self, look: impl FnOnce(&Graph) -> T) -> T {
        look(&self.graph.read().unwrap())
    }
}

pub(crate) struct Stage {
    pub(crate) directory: Directory,
    memory: Memory,
    pub(crate) seen: Seen,
    sign_ons: SignOns<Copied>,
}

impl Stage {
    fn new() -> Self {
        Self::before(Directory::new(), 0)
    }

    /// Before a directory that counts its changes and has no copy; so many look-ups are kept.
    pub(crate) fn without_a_copy(max_kept_lookups: usize) -> Self {
        let directory = Directory::new();
        directory.arrived.send_replace(None);
        Self::before(directory, max_kept_lookups)
    }

    fn before(directory: Directory, max_kept_lookups: usize) -> Self {
        let (memory, seen) = (Memory::default(), Seen::default());
        let patience = Duration::from_millis(50);
        let config = Config {
            enabled: true,
            sync: SyncMode::BeforeReply,
            budget: Duration::from_secs(2),
            barrier_patience: patience,
        };
        let mut policy = policy("one", OnUnknown::Keep);
        policy.groups.as_mut().unwrap().max_kept_lookups = max_kept_lookups;
        policy.user_types[0].filter = Filter::parse(&format!("(!(cn={ROBOT}))")).unwrap();
        let policy = Arc::new(policy);
        let barrier = Barrier::new("one".into(), directory.clone(), patience, seen.clone());
        let (lookups, records) = (vec![directory.clone()], memory.clone());
        let sign_ons =
            SignOns::new(config, &[policy], lookups, records, Ticks::default(), seen.clone())
                .with_barriers(vec![Some(barrier)]);
        Self { directory, memory, seen, sign_ons }
    }

    /// Ann has signed on twice: once to have a record, once more to have it known by the copy.
    async fn with_a_known_user() -> Self {
        let stage = Self::new();
        stage.directory.change("a");
        stage.directory.copy();
        for _ in 0..2 {
            assert_eq!(stage.bind().succeeded().await, Verdict::Admit);
        }
        assert_eq!(stage.groups(), "a");
        stage
    }

    pub(crate) fn bind(&self) -> Box<Attempt<Copied>> {
        self.bind_of(ANN)
    }

    fn bind_of(&self, name: &str) -> Box<Attempt<Copied>> {
        self.sign_ons.begin(0, name.as_bytes()).expect("anybody may be a user")
    }

    pub(crate) fn groups(&self) -> String {
        self.memory.groups_of("ann").join(" ")
    }

    /// Questions so far, other searches so far.
    pub(crate) fn asked(&self) -> (u64, usize) {
        (self.directory.asked.load(SeqCst), self.directory.tree.state().searches.len())
    }

    fn shut(&self) {
        self.directory.words.forget_permits(Semaphore::MAX_PERMITS);
    }

    fn open(&self) {
        self.directory.words.add_permits(1000);
    }

    async fn settle(&self) {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn who_is_unchanged_costs_a_share_of_one_question_and_no_flight() {
    let stage = Stage::with_a_known_user().await;
    let (questions, searches) = stage.asked();
    let commits = stage.memory.state().commits;
    stage.shut();
    let attempts: Vec<_> = (0..20).map(|_| stage.bind()).collect();
    let gates: Vec<_> = attempts.into_iter().map(|attempt| attempt.succeeded()).collect();
    assert_eq!(stage.sign_ons.under_way(), 0);
    stage.open();
    for gate in gates {
        assert_eq!(gate.await, Verdict::Admit);
    }
    // The first of them found no question that waited; the others share one.
    assert!(stage.asked().0 <= questions + 2);
    assert_eq!(stage.asked().1, searches);
    assert_eq!(stage.memory.state().commits, commits);
    assert!(stage.seen.all().iter().rev().take(20).all(|event| event == "unchanged +0 -0"));
}

#[tokio::test]
async fn a_question_that_was_sent_before_a_change_admits_nobody_who_came_after_it() {
    let stage = Stage::with_a_known_user().await;
    stage.shut();
    let first = stage.bind();
    stage.settle().await;
    stage.directory.change("b");
    let second = stage.bind();
    let (first, mut second) = (first.succeeded(), tokio::spawn(second.succeeded()));
    stage.directory.words.add_permits(1);
    assert_eq!(first.await, Verdict::Admit, "the change came after its bind");
    assert_eq!(stage.groups(), "a");
    stage.settle().await;
    assert!(is_there(&mut second).await.is_none(), "its own question has no answer yet");
    stage.open();
    stage.settle().await;
    stage.directory.copy();
    assert_eq!(second.await.unwrap(), Verdict::Admit);
    assert_eq!(stage.groups(), "a b");
}

/// What is there already.
async fn is_there<T>(task: &mut tokio::task::JoinHandle<T>) -> Option<()> {
    tokio::task::yield_now().await;
    task.is_finished().then_some(())
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_late_is_waited_for_and_then_done_without() {
    for is_late in [false, true] {
        let stage = Stage::with_a_known_user().await;
        stage.directory.change("b");
        let gate = tokio::spawn(stage.bind().succeeded());
        stage.settle().await;
        assert_eq!(stage.groups(), "a", "late: {is_late}");
        if !is_late {
            stage.directory.copy();
        }
        assert_eq!(gate.await.unwrap(), Verdict::Admit);
        assert_eq!(stage.groups(), "a b", "late: {is_late}");
    }
}

#[tokio::test]
async fn who_leaves_before_the_question_is_answered_is_signed_on_all_the_same() {
    let stage = Stage::with_a_known_user().await;
    stage.shut();
    let gate = stage.bind().succeeded();
    stage.directory.change("b");
    stage.directory.copy();
    drop(gate);
    stage.open();
    stage.settle().await;
    assert_eq!(stage.groups(), "a b");
    assert_eq!(stage.sign_ons.under_way(), 0);
}

/// Nobody knows then whether the directory is behind what was seen of it (rule K6), so that not even
/// a walk would count.
#[tokio::test]
async fn a_question_without_an_answer_where_there_was_one_leaves_the_groups_as_they_are() {
    let stage = Stage::with_a_known_user().await;
    stage.directory.change("b");
    stage.directory.words.close();
    assert_eq!(stage.bind().succeeded().await, Verdict::Admit);
    assert_eq!(stage.groups(), "a");
}

#[tokio::test]
async fn a_bind_that_fails_signs_nobody_on() {
    let stage = Stage::with_a_known_user().await;
    let events = stage.seen.all().len();
    stage.directory.change("b");
    stage.directory.copy();
    drop(stage.bind());
    stage.settle().await;
    assert_eq!(stage.groups(), "a");
    assert_eq!(stage.seen.all().len(), events);
}

#[tokio::test]
async fn s9_4_who_is_shut_out_is_refused_beside_a_copy_and_past_the_budget() {
    let stage = Stage::with_a_known_user().await;
    let ann = UserKey { directory: "one".into(), upstream_id: UpstreamId::new("id-ann") };
    edit(&stage.memory, &Ticks::default(), &ann, &Edit::Disable, "alice").await.unwrap();
    assert_eq!(stage.bind().succeeded().await, Verdict::Refuse(BARRED));
    stage.shut();
    assert_eq!(stage.bind().succeeded().overdue(), Verdict::Refuse(BARRED));
}

const APP: &str = "uid=app,dc=one";

/// An application's account binds again and again.
#[tokio::test]
async fn who_was_read_and_is_no_user_is_not_read_again_until_somebody_comes() {
    let stage = Stage::with_a_known_user().await;
    let names =
        |name: &str| stage.directory.tree.state().people.insert(APP.to_owned(), name.to_owned());
    let binds = async |name: &'static str, searches: usize, outcome: &str| {
        let before = stage.asked().1;
        assert_eq!(stage.bind_of(name).succeeded().await, Verdict::Admit);
        assert_eq!(stage.asked().1 - before, searches, "{name}");
        let last = stage.seen.all().pop().unwrap();
        assert!(last.starts_with(outcome), "{last}");
    };
    names(ROBOT);
    binds(APP, 1, "not-a-user").await;
    binds(APP, 0, "not-a-user").await;
    // The same name, spelled otherwise.
    binds("UID=App, DC=one", 0, "not-a-user").await;

    stage.directory.tree.state().people.insert("uid=bob,dc=one".to_owned(), "Bob".to_owned());
    stage.directory.copy();
    binds(APP, 1, "not-a-user").await;
    binds(APP, 0, "not-a-user").await;

    names("App");
    stage.directory.copy();
    binds(APP, 1, "created").await;
    binds(APP, 0, "unchanged").await;

    names(ROBOT);
    stage.directory.copy();
    binds(APP, 1, "changed").await;
    let record = stage.memory.record("app").unwrap();
    assert_eq!(record.inactive, [InactiveReason::Scope].into());
}

/// An import may bring the record of somebody who is shut out, under an older name.
#[tokio::test]
async fn s9_4_a_record_that_comes_for_a_stranger_has_its_say_at_the_next_bind() {
    let stage = Stage::with_a_known_user().await;
    stage.directory.tree.state().people.insert(APP.to_owned(), ROBOT.to_owned());
    for _ in 0..2 {
        assert_eq!(stage.bind_of(APP).succeeded().await, Verdict::Admit);
    }
    let mut record = (*stage.memory.record("ann").unwrap()).clone();
    record.key.upstream_id = UpstreamId::new("id-app");
    record.dn = "uid=older,dc=one".to_owned();
    record.inactive.insert(InactiveReason::Admin);
    let key = record.key.clone();
    let mark = stage.memory.state().records.values().next().unwrap().mark.clone();
    stage.memory.state().records.insert(key, Stored { record: Arc::new(record), mark });
    assert_eq!(stage.bind_of(APP).succeeded().await, Verdict::Refuse(BARRED));
}

/// What was read before somebody came may not be so any more.
#[tokio::test]
async fn who_comes_while_a_stranger_is_read_is_signed_on_at_the_next_bind() {
    let stage = Stage::with_a_known_user().await;
    let tree = &stage.directory.tree;
    tree.state().people.insert(APP.to_owned(), ROBOT.to_owned());
    tree.shut();
    let gate = tokio::spawn(stage.bind_of(APP).succeeded());
    stage.settle().await;
    tree.state().people.insert(APP.to_owned(), "App".to_owned());
    stage.directory.copy();
    tree.open();
    assert_eq!(gate.await.unwrap(), Verdict::Admit);
    assert!(stage.memory.record("app").is_none(), "it was none yet when it bound");
    assert_eq!(stage.bind_of(APP).succeeded().await, Verdict::Admit);
    assert!(stage.memory.record("app").is_some());
}
