//! A whole gateway in memory, relaying for one client: everything between the bytes that a client
//! sends and those that it gets, without the kernel and without the runtime's own loop.
//!
//! The connection's future is polled by hand. Every answer takes two polls, as on a network: one
//! when the request is there, one when the directory's answer is.

use crate::directory::Directory;
use crate::scenarios::repeat;
use bindgate::app::gateway::{self, Gateway};
use bindgate::app::kind::KnownKind;
use bindgate::app::ports::{
    Clock, Commit, LookupError, Lookups, NoReplica, Ports, Records, Responses, Seat, SeatNews,
    Shared, SharedId, StoreError, Stored, StoredSwitch,
};
use bindgate::app::sign_on::{self, SignOns, SyncMode};
use bindgate::domain::policy::DirectoryPolicy;
use bindgate::domain::record::{Group, Mark, Record, RecordId, UpstreamId, UserKey};
use bindgate::domain::time::Timestamp;
use bindgate::domain::view::Views;
use bindgate::frontend::{Confidentiality, Config, Drain, serve_client};
use bindgate::proto::dn::{DistinguishedName, NormalizedDn};
use bindgate::proto::op::Operation;
use bindgate::proto::search::{Entry, Search};
use bindgate::telemetry::Telemetry;
use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Longer than any run: no time-out fires.
pub(crate) const NEVER: Duration = Duration::from_secs(100_000);

/// What a client asks, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// Once.
    Once,
    /// Again after every answer.
    Again,
}

/// Serves one client that sends `request` until it has got `answers` answers (reads' worth).
pub(crate) fn serve(directory: Directory, request: &[u8], asks: Asks, answers: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime starts");
    let _inside = runtime.enter();
    let got = Rc::new(Cell::new(0));
    let client = Client { request, asks, got: got.clone(), turn: Turn::There };
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
    let serving =
        serve_client(client, peer, gateway(directory), Arc::new(config()), Drain::default());
    let mut serving = pin!(serving);
    let mut context = Context::from_waker(Waker::noop());
    let mut polls = 0;
    repeat(answers, || {
        let before = got.get();
        while got.get() == before {
            assert!(serving.as_mut().poll(&mut context).is_pending(), "the client was sent away");
            polls += 1;
            assert!(polls <= 4 * answers + 8, "the relay is stuck");
        }
    });
}

/// How far the client's next request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Nothing,
    UnderWay,
    There,
}

/// The client's end of its connection.
pub(crate) struct Client<'a> {
    pub(crate) request: &'a [u8],
    pub(crate) asks: Asks,
    pub(crate) got: Rc<Cell<u64>>,
    pub(crate) turn: Turn,
}

impl AsyncRead for Client<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.turn {
            Turn::Nothing => Poll::Pending,
            Turn::UnderWay => {
                self.turn = Turn::There;
                Poll::Pending
            }
            Turn::There => {
                self.turn = Turn::Nothing;
                buffer.put_slice(self.request);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Client<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.got.set(self.got.get() + 1);
        if self.asks == Asks::Again {
            self.turn = Turn::UnderWay;
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

pub(crate) fn config() -> Config {
    Config {
        bind_only: false,
        views: Views::default(),
        ldap: Vec::new(),
        ldaps: Vec::new(),
        tls: None,
        public_url: None,
        confidentiality: Confidentiality::RequiredElsewhere,
        proxy_protocol: Vec::new(),
        max_message_size: 1 << 20,
        max_outstanding: 100,
        max_controls: 16,
        max_filter_depth: 64,
        max_filter_items: 10_000,
        max_cookies: 100,
        max_transaction: 100,
        max_clients_per_address: 0,
        max_clients: 1,
        max_unread: 1 << 20,
        handshake_timeout: NEVER,
        pre_bind_timeout: NEVER,
        sasl_step_timeout: NEVER,
        read_timeout: NEVER,
        write_timeout: NEVER,
        operation_timeout: Duration::ZERO,
        bind_wait_timeout: NEVER,
        idle_timeout: Duration::ZERO,
        drain_timeout: NEVER,
        workers: 1,
    }
}

/// Sign-ons are off: a plain relay. Events go where those of the real gateway go.
fn gateway(links: Directory) -> Arc<Gateway<InMemory>> {
    let root = || DistinguishedName::parse("").expect("the empty name is a name");
    let policy = Arc::new(DirectoryPolicy {
        name: "memory".into(),
        suffixes: vec![root()],
        is_default: true,
        service_account: root(),
        groups: None,
        user_types: Vec::new(),
    });
    let telemetry = Telemetry::new(&["memory"]);
    let relay = sign_on::Config {
        enabled: false,
        sync: SyncMode::BeforeReply,
        budget: Duration::ZERO,
        barrier_patience: Duration::ZERO,
    };
    let policies = [policy.clone()];
    let sign_ons = SignOns::new(relay, &policies, vec![Absent], Absent, Absent, telemetry.clone());
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
    Arc::new(Gateway::new(vec![directory], sign_ons, telemetry))
}

/// The parts that the gateway in memory is made of.
struct InMemory;

impl Ports for InMemory {
    type Replica = NoReplica;
    type Links = Directory;
    type Shared = Absent;
    type Lookups = Absent;
    type Records = Absent;
    type Clock = Absent;
    type Events = Telemetry;
}

/// What a relay never asks for.
#[derive(Clone)]
pub(crate) struct Absent;

impl Shared for Absent {
    type Seat = Self;

    fn anonymous(&self, _: IpAddr) -> Self {
        Self
    }

    fn proxied(&self, _: IpAddr, _: &[u8]) -> Option<Self> {
        None
    }

    fn grants_proxying(&self) -> bool {
        false
    }

    fn bound(&self, _: &[u8]) {}

    fn settle_proxying(&self, _: &[u8]) -> impl Future<Output = bool> + Send + use<> {
        std::future::ready(false)
    }

    fn denied(&self) {}
}

impl Seat for Absent {
    fn send(&mut self, _: Operation, _: &[u8]) -> Option<SharedId> {
        None
    }

    fn cancel(&mut self, _: SharedId) -> Option<SharedId> {
        None
    }

    fn abandon(&mut self, _: SharedId, _: Option<&[u8]>) {}

    fn give_up(&mut self) {}

    fn poll_news(&mut self, _: &mut Context<'_>) -> Poll<SeatNews> {
        Poll::Pending
    }

    fn poll_responses(&mut self, _: &mut Context<'_>) -> Poll<Responses> {
        Poll::Pending
    }
}

impl Lookups for Absent {
    async fn search(&self, _: Search) -> Result<Vec<Entry>, LookupError> {
        Err(LookupError::Unreachable)
    }
}

impl Records for Absent {
    fn find(&self, _: &UserKey) -> Option<Stored> {
        None
    }

    fn group(&self, _: &str, _: &UpstreamId) -> Option<Arc<Group>> {
        None
    }

    fn switch(&self, _: &str, _: &str) -> Option<StoredSwitch> {
        None
    }

    fn named(&self, _: &str, _: &str, _: &str) -> Vec<Stored> {
        Vec::new()
    }

    fn located(&self, _: &str, _: &NormalizedDn) -> Vec<Stored> {
        Vec::new()
    }

    fn has_barred(&self, _: &str) -> bool {
        false
    }

    fn given(&self, _: &str, _: Option<&UpstreamId>, _: usize) -> Option<Vec<UpstreamId>> {
        Some(Vec::new())
    }

    fn mark(&self, _: &UserKey, _: Mark) {}

    fn renew(
        &self,
        _: &UserKey,
        _: &bindgate::domain::record::Seen,
        _: bindgate::domain::record::Times,
    ) -> bool {
        false
    }

    async fn commit(&self, _: Commit) -> Result<Arc<Record>, StoreError> {
        Err(StoreError::Closed)
    }
}

impl Clock for Absent {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn new_record_id(&self) -> RecordId {
        RecordId("".into())
    }
}
