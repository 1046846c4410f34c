//! Sign-ons of users of whom nothing has changed, beside a live copy, with the store that serves.
//!
//! Several clients take turns, each polled by hand, and share the barrier's questions as they would
//! on a worker; the tasks that they leave run between the turns. The writer's thread has nothing to do.

use crate::directory::{Directory, Script};
use crate::relay::{Absent, Asks, Client, NEVER, Turn, config};
use crate::scenarios::repeat;
use bindgate::app::barrier::Barrier;
use bindgate::app::gateway::{self, Gateway};
use bindgate::app::kind::KnownKind;
use bindgate::app::ports::{Coverage, Gone, LookupError, Lookups, Marker, Ports, Replica};
use bindgate::app::sign_on::{self, SignOns, SyncMode};
use bindgate::domain::digest::digest;
use bindgate::domain::membership::graph::Graph;
use bindgate::domain::membership::{GroupEntry, MemberAttribute, MemberKey, UserEntry};
use bindgate::domain::observation::UnknownReason;
use bindgate::domain::policy::{
    AttributeMapping, DirectoryPolicy, Flatten, GroupPolicy, Resolve, UserType,
};
use bindgate::domain::record::{Group, UpstreamId};

use bindgate::frontend::{Drain, serve_client};
use bindgate::proto::dn::DistinguishedName;
use bindgate::proto::filter::Filter;
use bindgate::proto::search::{Attribute, Entry, Scope, Search};
use bindgate::server::SystemClock;
use bindgate::store::{self, Store};
use bindgate::telemetry::Telemetry;
use std::cell::Cell;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Wake, Waker};

/// Clients that take turns.
const CLIENTS: usize = 32;
/// Groups above each user: as many chains, each so deep.
const CHAINS: usize = 3;
const DEPTH: usize = 4;
/// The search whose answer says how far the directory has got.
const QUESTION: &str = "how far";

/// Serves clients that bind again and again. A repetition is an answer for each of `CLIENTS`.
pub(crate) fn serve(answer: Vec<u8>, request: impl Fn(&str) -> Vec<u8>, answers: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime starts");
    let _inside = runtime.enter();
    let folder = Scrap::new();
    let gateway = gateway(Directory::new(Script::Answer, [answer]), &folder.0);
    let requests: Vec<Vec<u8>> = (0..CLIENTS).map(|number| request(&user_name(number))).collect();
    let mut clients: Vec<_> =
        requests.iter().map(|request| Served::new(request, gateway.clone())).collect();
    let turn = |clients: &mut [Served<'_>]| {
        clients.iter_mut().for_each(Served::turn);
        runtime.block_on(tokio::task::yield_now());
    };
    // Everybody's first sign-on makes a record, on the writer's thread; the second finds it.
    while clients.iter().any(|client| client.got.get() < 4) {
        turn(&mut clients);
        std::thread::yield_now();
    }
    let answered = |clients: &[Served<'_>]| clients.iter().map(|client| client.got.get()).sum();
    let begun: u64 = answered(&clients);
    let mut wanted = begun;
    repeat(answers, || {
        wanted += 1;
        while answered(&clients) < wanted {
            turn(&mut clients);
        }
    });
}

/// A client that is served, and what is known of how far it is.
struct Served<'a> {
    serving: Pin<Box<dyn Future<Output = ()> + 'a>>,
    got: Rc<Cell<u64>>,
    seen: u64,
    /// In how many turns there is something for it, whatever is woken.
    due: u32,
    woken: Arc<Woken>,
}

/// A request, and an answer of the directory, take two turns each: see [`Turn`].
const TURNS: u32 = 4;

impl<'a> Served<'a> {
    fn new(request: &'a [u8], gateway: Arc<Gateway<Signing>>) -> Self {
        let got = Rc::new(Cell::new(0));
        let client = Client { request, asks: Asks::Again, got: got.clone(), turn: Turn::There };
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
        let serving = serve_client(client, peer, gateway, Arc::new(config()), Drain::default());
        let serving = Box::pin(async move {
            serving.await;
        });
        Self { serving, got, seen: 0, due: TURNS, woken: Arc::default() }
    }

    fn turn(&mut self) {
        let is_woken = self.woken.0.swap(false, Relaxed);
        if self.due == 0 && !is_woken {
            return;
        }
        self.due = self.due.saturating_sub(1);
        let waker = Waker::from(self.woken.clone());
        let polled = self.serving.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending(), "a client was sent away");
        let got = self.got.get();
        if std::mem::replace(&mut self.seen, got) < got {
            self.due = TURNS;
        }
    }
}

/// Whether a client was woken since its last turn.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

pub(crate) fn user_name(number: usize) -> String {
    format!("uid=user{number:05},ou=people,dc=example,dc=com")
}

pub(crate) fn dn(text: &str) -> DistinguishedName {
    DistinguishedName::parse(text).expect("it is a name")
}

/// A folder that is gone in the end.
struct Scrap(PathBuf);

impl Scrap {
    fn new() -> Self {
        let name = format!("bindgate-instructions-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scrap {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Signing;

impl Ports for Signing {
    type Replica = Copy;
    type Links = Directory;
    type Shared = Absent;
    type Lookups = People;
    type Records = Store<Telemetry>;
    type Clock = SystemClock;
    type Events = Telemetry;
}

fn gateway(links: Directory, folder: &Path) -> Arc<Gateway<Signing>> {
    let policy = Arc::new(policy());
    let telemetry = Telemetry::new(&["memory"]);
    let sign_on = sign_on::Config {
        enabled: true,
        sync: SyncMode::BeforeReply,
        budget: NEVER,
        barrier_patience: NEVER,
    };
    let store = store::Config {
        folder: folder.to_owned(),
        max_waiting: 1000,
        mark_interval: NEVER,
        max_audit_rows: 1000,
        max_observation_size: 65_536,
        max_audit_age: NEVER,
    };
    let store = Store::open(store, telemetry.clone()).expect("the store opens");
    let barrier =
        Barrier::new(policy.name.clone(), Copy::new(), sign_on.barrier_patience, telemetry.clone());
    let clock = SystemClock::default();
    let policies = [policy.clone()];
    let sign_ons = SignOns::new(sign_on, &policies, vec![People], store, clock, telemetry.clone());
    let directory = gateway::Directory {
        policy,
        relay: Arc::default(),
        links,
        shared: Absent,
        kind: KnownKind::default(),
        outstanding: gateway::Outstanding { anonymous: 100, authenticated: 100 },
        bind_timeout: NEVER,
        max_message_size: 1 << 20,
    };
    let sign_ons = sign_ons.with_barriers(vec![Some(barrier)]);
    Arc::new(Gateway::new(vec![directory], sign_ons, telemetry))
}

pub(crate) fn policy() -> DirectoryPolicy {
    let staff = UserType {
        attributes: vec![AttributeMapping::new("cn", "cn")],
        ..UserType::new("staff", dn("ou=people,dc=example,dc=com"))
    };
    let groups = GroupPolicy {
        base: dn("ou=groups,dc=example,dc=com"),
        filter: Filter::any_entry(),
        member_attributes: vec![MemberAttribute::new("member")],
        name_attribute: "cn".to_owned(),
        max_depth: 50,
        max_groups_per_user: 10_000,
        max_filter_size: 1 << 16,
        flatten: Flatten::Ancestors,
        resolve: Resolve::Auto,
        canary: None,
        replica: None,
        max_replica_pause: NEVER,
        max_replica_names: 1_000_000,
        max_kept_lookups: 0,
    };
    DirectoryPolicy {
        name: "memory".into(),
        suffixes: vec![dn("dc=example,dc=com")],
        is_default: true,
        service_account: dn("cn=gateway,dc=example,dc=com"),
        groups: Some(groups),
        user_types: vec![staff],
    }
}

/// What the service account reads: a user's entry, and how far the directory has got.
#[derive(Clone)]
struct People;

impl Lookups for People {
    async fn search(&self, search: Search) -> Result<Vec<Entry>, LookupError> {
        let number = search.base.strip_prefix("uid=user").and_then(|rest| rest.get(..5));
        match number.and_then(|number| number.parse().ok()) {
            Some(number) => Ok(vec![user(number)]),
            None => Ok(Vec::new()),
        }
    }
}

pub(crate) fn user(number: usize) -> Entry {
    let (uid, id) = (format!("user{number:05}"), user_id(number));
    let attributes = [("uid", uid), ("cn", format!("User {number}")), ("entryUUID", id)];
    let attributes = attributes
        .map(|(name, value)| Attribute { name: name.to_owned(), values: vec![value.into_bytes()] });
    Entry { dn: user_name(number), attributes: attributes.into() }
}

pub(crate) fn user_id(number: usize) -> String {
    format!("{number:08x}-5c5d-103f-9d2b-c1ddc1b1a001")
}

/// The directory stands where it always stood.
#[derive(Clone, PartialEq, Eq)]
struct Still;

impl Marker for Still {
    fn covers(&self, _: &Self) -> bool {
        true
    }

    fn advance(&mut self, _: &Self) {}

    fn text(&self) -> String {
        String::new()
    }

    fn read(_: &str) -> Option<Self> {
        Some(Self)
    }
}

/// A copy of everybody and of the groups above them.
#[derive(Clone)]
struct Copy {
    graph: Arc<Graph>,
}

impl Copy {
    fn new() -> Self {
        Self { graph: Arc::new(graph()) }
    }
}

/// Everybody, and the groups above them: three chains of four.
pub(crate) fn graph() -> Graph {
    let mut graph = Graph::new((1, 2));
    for number in 0..CLIENTS {
        graph.put_user(&UserEntry {
            id: UpstreamId::new(&user_id(number)),
            dn: dn(&user_name(number)).normalized().clone(),
            uids: Vec::new(),
            digest: digest(graph.seed(), &user(number)),
        });
    }
    let everybody = || (0..CLIENTS).map(user_name).collect();
    for (chain, level) in (0..CHAINS).flat_map(|chain| (0..DEPTH).map(move |at| (chain, at))) {
        let members: Vec<String> = match level {
            0 => everybody(),
            _ => vec![group_name(chain, level - 1)],
        };
        let name = group_name(chain, level);
        let members = members.iter().map(|name| MemberKey::Dn(dn(name).normalized().clone()));
        graph.put_group(&GroupEntry {
            dn: dn(&name).normalized().clone(),
            group: Group {
                id: UpstreamId::new(&format!("{chain:08x}-5c5d-103f-9d2b-{level:012x}")),
                dn: name,
                name: format!("group {chain} {level}"),
            },
            members: members.collect(),
        });
    }
    graph
}

fn group_name(chain: usize, level: usize) -> String {
    format!("cn=group{chain}-{level},ou=groups,dc=example,dc=com")
}

impl Replica for Copy {
    type Marker = Still;

    fn coverage(&self) -> Option<Coverage> {
        Some(Coverage::GroupsAndUsers)
    }

    fn is_held(&self) -> bool {
        false
    }

    fn can_be_asked_for(&self) -> bool {
        true
    }

    fn question(&self) -> Option<Search> {
        Some(Search {
            base: QUESTION.to_owned(),
            scope: Scope::Base,
            filter: Filter::any_entry(),
            attributes: Vec::new(),
            size_limit: 0,
            time_limit: 0,
            controls: Vec::new(),
        })
    }

    async fn find_question<L: Lookups>(&self, _: &L) -> Result<Option<Search>, UnknownReason> {
        Ok(self.question())
    }

    fn seen(&self) -> Option<Still> {
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

    fn marker(&self, _: &[Entry]) -> Option<Still> {
        Some(Still)
    }

    fn has(&self, _: &Still) -> bool {
        true
    }

    async fn arrived(&self, _: &Still) -> Result<(), Gone> {
        Ok(())
    }

    async fn poll(&self) -> Result<(), Gone> {
        Ok(())
    }

    fn read<T>(&self, look: impl FnOnce(&Graph) -> T) -> T {
        look(&self.graph)
    }
}
