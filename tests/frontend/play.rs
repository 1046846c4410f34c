//! Plays a script: what a client, the directory, the network and the clock do, line by line, and
//! what has to come of it. The clock stands still but for what the script lets pass.
//!
//! ```text
//! > 1 bind ann & 2 search x   the client sends, all in one piece      (>. byte by byte, >x hex)
//! < 1 bound 0 & 2 done 0      the client receives, in this order
//! < nothing      < end        the client receives nothing; sees the end of the stream
//! 1> …   1< …    1>. 1>x      the same for the directory's end of connection 1
//! 1 dies                      the directory's end of connection 1 is closed
//! 1 back Binds   1 closed     connection 1 went back to the pool; was closed
//! later   grant   refuse      leases have to be waited for; the first who waits gets one, gets none
//! overdue                     the first who waits has waited too long
//! recall 1                    the pool asks connection 1 back
//! kept 1                      the pool may not ask connection 1 back
//! number 9                    on new connections the messageIDs go on behind this one
//! wait 5                      so many seconds pass
//! leave   eof                 the client closes; closes its sending half
//! drain   ending              the gateway's shutdown
//! shut   open                 the gateway's own searches are not answered; are answered
//! event …                     there was this event
//! fails                       the client's source fails until it is held back (`check_proxying`)
//! ```

use super::fakes::{Fakes, Memory, OUTSTANDING, Seen, Ticks, Tree, policy, shared};
use super::links::{FakeLinks, FarEnds, Granting};
use super::words;
use bindgate::app::gateway::{Directory, Gateway, Outstanding};
use bindgate::app::kind::KnownKind;
use bindgate::app::ports::LinkError;
use bindgate::app::sign_on::{self, SignOns, SyncMode};
use bindgate::app::suffix::Suffix;
use bindgate::app::throttle::{self, Throttle, Watch};
use bindgate::domain::kind::Kind;
use bindgate::domain::policy::OnUnknown;
use bindgate::domain::referral::Referrals;
use bindgate::domain::relay::RelayPolicy;
use bindgate::domain::view::Views;
use bindgate::frontend::{Confidentiality, Config, Drain, Phase, serve_client};
use bindgate::proto::envelope::MessageId;
use bindgate::proto::framing::{Frame, frame};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// How long something that has to happen may take; shorter than every limit of the gateway.
const SOON: Duration = Duration::from_millis(500);

/// Where clients come from.
const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// When a source is held back.
pub(crate) const THROTTLE: throttle::Config = throttle::Config {
    enabled: true,
    failures: 20,
    half_life: Duration::from_secs(60),
    binds_per_second: 1000,
    max_waiting: 100,
    queue_timeout: Duration::from_secs(600),
    max_tracked_sources: 100,
};

/// The gateway's limits in these tests.
pub(crate) const MAX_UNREAD: usize = 64 * 1024;
const BIND_TIMEOUT: Duration = Duration::from_secs(30);
const BUDGET: Duration = Duration::from_secs(2);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A gateway before two directories, `dc=one` and `dc=two`.
pub(crate) struct House {
    pub(crate) gateway: Arc<Gateway<Fakes>>,
    pub(crate) config: Arc<Config>,
    pub(crate) drain: Drain,
    pub(crate) links: FakeLinks,
    pub(crate) tree: Tree,
    pub(crate) seen: Seen,
}

impl House {
    pub(crate) fn new(on_unknown: OnUnknown, granting: Granting) -> (Self, FarEnds) {
        Self::with(on_unknown, granting, false)
    }

    /// A house that may go on by proxied authorisation, or not.
    pub(crate) fn with(
        on_unknown: OnUnknown,
        granting: Granting,
        proxying: bool,
    ) -> (Self, FarEnds) {
        let relay = RelayPolicy { referrals: Referrals::Pass, ..RelayPolicy::default() };
        Self::relaying(on_unknown, granting, proxying, relay)
    }

    /// A house with a policy of what is relayed.
    pub(crate) fn relaying(
        on_unknown: OnUnknown,
        granting: Granting,
        proxying: bool,
        relay: RelayPolicy,
    ) -> (Self, FarEnds) {
        Self::of_kind(Kind::OpenLdap, on_unknown, granting, proxying, relay)
    }

    fn of_kind(
        kind: Kind,
        on_unknown: OnUnknown,
        granting: Granting,
        proxying: bool,
        relay: RelayPolicy,
    ) -> (Self, FarEnds) {
        let relay = Arc::new(relay);
        let (links, far_ends) = FakeLinks::new(granting);
        let (tree, seen) = (Tree::new(), Seen::default());
        let policies = ["one", "two"].map(|name| Arc::new(policy(name, on_unknown)));
        let sign_on = sign_on::Config {
            enabled: true,
            sync: SyncMode::BeforeReply,
            budget: BUDGET,
            barrier_patience: BUDGET,
        };
        let lookups = vec![tree.clone(), tree.clone()];
        let (records, clock) = (Memory::default(), Ticks::default());
        let sign_ons = SignOns::new(sign_on, &policies, lookups, records, clock, seen.clone());
        let directories = policies.map(|policy| Directory {
            policy,
            relay: relay.clone(),
            links: links.clone(),
            shared: shared(&links, &seen, proxying),
            kind: KnownKind::of(kind),
            outstanding: Outstanding { anonymous: OUTSTANDING, authenticated: OUTSTANDING },
            bind_timeout: BIND_TIMEOUT,
            max_message_size: 1 << 20,
        });
        let gateway = Arc::new(Gateway::new(directories.into(), sign_ons, seen.clone()));
        let config = Arc::new(config());
        let house = Self { gateway, config, drain: Drain::default(), links, tree, seen };
        (house, far_ends)
    }

    /// Holds back who keeps failing.
    pub(crate) fn with_throttle(mut self, throttle: Arc<Throttle>) -> Self {
        let gateway = Arc::into_inner(self.gateway).expect("nobody uses it yet");
        self.gateway = Arc::new(gateway.with_throttle(throttle));
        self
    }

    /// Serves the records' own suffix.
    pub(crate) fn with_suffix(mut self, suffix: Arc<Suffix>) -> Self {
        let gateway = Arc::into_inner(self.gateway).expect("nobody uses it yet");
        self.gateway = Arc::new(gateway.with_suffix(Some(suffix)));
        self
    }

    /// Has a source fail until it is held back.
    fn fail(&self, source: IpAddr) {
        let throttle = self.gateway.throttle();
        for _ in 0..THROTTLE.failures * 2 {
            throttle.failed(source, Instant::now());
        }
        assert_eq!(throttle.watch(), Watch::Holding);
    }

    /// A client's end of a new connection, over a pipe that holds `room` bytes.
    pub(crate) fn connect(&self, room: usize) -> (Wire, JoinHandle<()>) {
        self.connect_from(CLIENT, room)
    }

    /// The same, from another address.
    pub(crate) fn connect_from(&self, address: IpAddr, room: usize) -> (Wire, JoinHandle<()>) {
        let (near, far) = duplex(room);
        let peer = SocketAddr::new(address, 9);
        let (gateway, config) = (self.gateway.clone(), self.config.clone());
        let served = tokio::spawn(serve_client(far, peer, gateway, config, self.drain.clone()));
        (Wire::new(near), served)
    }
}

fn config() -> Config {
    Config {
        ldap: Vec::new(),
        ldaps: Vec::new(),
        tls: None,
        public_url: Some("ldap://gateway".to_owned()),
        confidentiality: Confidentiality::NotRequired,
        bind_only: false,
        views: Views::default(),
        proxy_protocol: Vec::new(),
        max_message_size: 300_000,
        max_outstanding: 3,
        max_controls: 2,
        max_filter_depth: 64,
        max_filter_items: 10_000,
        max_cookies: 2,
        max_transaction: 2,
        max_clients_per_address: 0,
        max_clients: 100,
        max_unread: MAX_UNREAD,
        handshake_timeout: Duration::from_secs(10),
        pre_bind_timeout: Duration::from_secs(40),
        sasl_step_timeout: Duration::from_secs(15),
        read_timeout: Duration::from_secs(20),
        write_timeout: Duration::from_secs(50),
        operation_timeout: Duration::from_secs(200),
        bind_wait_timeout: Duration::from_secs(45),
        idle_timeout: IDLE_TIMEOUT,
        drain_timeout: Duration::from_secs(10),
        workers: 1,
    }
}

/// One end of a pipe.
pub(crate) struct Wire {
    pub(crate) stream: DuplexStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The next message; `None` at the end of the stream.
    pub(crate) async fn message(&mut self) -> Option<Vec<u8>> {
        loop {
            let found = frame(&self.buffer, 1 << 20).expect("the gateway speaks LDAP");
            if let Frame::Whole(length) = found {
                return Some(self.buffer.drain(..length).collect());
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The next message in words, or what there is instead.
    async fn heard(&mut self) -> String {
        match timeout(SOON, self.message()).await {
            Err(_) => "nothing".to_owned(),
            Ok(None) => "end".to_owned(),
            Ok(Some(pdu)) => words::words(&pdu),
        }
    }

    async fn send(&mut self, how: &str, text: &str) {
        let bytes: Vec<u8> = match how {
            "x" => text.split_whitespace().map(hex).collect(),
            _ => text.split(" & ").flat_map(words::message).collect(),
        };
        let size = if how == "." { 1 } else { bytes.len() };
        for piece in bytes.chunks(size) {
            let sent = timeout(SOON, self.stream.write_all(piece)).await;
            sent.expect("the gateway reads").expect("the gateway has not closed");
            if how == "." {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn expect(&mut self, line: &str, text: &str) {
        for expected in text.split(" & ") {
            let heard = self.heard().await;
            assert_eq!(heard, expected, "in the line: {line}");
        }
    }
}

fn hex(digits: &str) -> u8 {
    u8::from_str_radix(digits, 16).expect("hex digits")
}

/// Plays a script before directories that keep what is unknown.
#[track_caller]
pub(crate) fn check(script: &str) {
    play(OnUnknown::Keep, script);
}

/// Plays a script.
#[track_caller]
pub(crate) fn play(on_unknown: OnUnknown, script: &str) {
    paused(async {
        let (house, far_ends) = House::new(on_unknown, Granting::Up(usize::MAX));
        Stage::over(house, far_ends).play(script).await;
    });
}

/// Plays a script before directories with a policy of what is relayed.
#[track_caller]
pub(crate) fn check_relaying(relay: RelayPolicy, script: &str) {
    play_relaying(OnUnknown::Keep, relay, script);
}

/// Plays a script before directories of a kind.
#[track_caller]
pub(crate) fn play_of_kind(kind: Kind, on_unknown: OnUnknown, script: &str) {
    paused(async {
        let (up, relay) = (Granting::Up(usize::MAX), RelayPolicy::default());
        let (house, far_ends) = House::of_kind(kind, on_unknown, up, false, relay);
        Stage::over(house, far_ends).play(script).await;
    });
}

/// The same before directories that deny, or keep, what is unknown.
#[track_caller]
pub(crate) fn play_relaying(on_unknown: OnUnknown, relay: RelayPolicy, script: &str) {
    paused(async {
        let up = Granting::Up(usize::MAX);
        let (house, far_ends) = House::relaying(on_unknown, up, false, relay);
        Stage::over(house, far_ends).play(script).await;
    });
}

/// Plays a script before directories that are asked whether they grant proxied authorisation.
#[track_caller]
pub(crate) fn check_proxying(script: &str) {
    paused(async {
        let (house, far_ends) = House::with(OnUnknown::Keep, Granting::Up(usize::MAX), true);
        let house = house.with_throttle(Arc::new(Throttle::new(THROTTLE, &[8, 8])));
        let mut stage = Stage::over(house, far_ends);
        stage.play(script).await;
    });
}

/// Runs a test whose clock moves only when everybody waits.
pub(crate) fn paused<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
}

struct Stage {
    house: House,
    client: Option<Wire>,
    far_ends: FarEnds,
    ends: HashMap<usize, Wire>,
}

impl Stage {
    fn over(house: House, far_ends: FarEnds) -> Self {
        let (client, _) = house.connect(1 << 20);
        Self { house, client: Some(client), far_ends, ends: HashMap::new() }
    }

    async fn play(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.act(line).await;
        }
    }

    async fn act(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Some(at) = word.find(['>', '<']) {
            return self.speak(line, word.split_at(at), rest).await;
        }
        match (word, rest) {
            ("wait", seconds) => self.pass(seconds.parse().expect("seconds")).await,
            ("later", _) => self.house.links.set(Granting::ByHand),
            ("number", id) => {
                let id = MessageId::new(id.parse().expect("a number")).expect("a messageID");
                self.house.links.number_from(id);
            }
            ("now", _) => self.house.links.set(Granting::Up(usize::MAX)),
            ("kept", number) => {
                let number = number.parse().expect("a connection");
                assert!(!self.house.links.recall(number), "{line}: it is recallable");
            }
            ("recall", number) => {
                let number = number.parse().expect("a connection");
                assert!(self.house.links.recall(number), "{line}: not recallable");
            }
            ("grant" | "refuse" | "overdue", _) => {
                self.eventually(line, |house| house.links.waiting() > 0).await;
                match word {
                    "grant" => self.house.links.grant(),
                    "overdue" => self.house.links.refuse(LinkError::TimedOut),
                    _ => self.house.links.refuse(LinkError::Unreachable),
                }
            }
            ("leave", _) => drop(self.client.take()),
            ("eof", _) => self.client().stream.shutdown().await.expect("the pipe is there"),
            ("drain", _) => self.house.drain.advance(Phase::Draining),
            ("ending", _) => self.house.drain.advance(Phase::Ending),
            ("fails", _) => self.house.fail(CLIENT),
            ("shut", _) => self.house.tree.shut(),
            ("open", _) => self.house.tree.open(),
            ("event", text) => self.eventually(line, |house| house.seen.take(text)).await,
            (number, "dies") => {
                self.meet();
                self.ends.remove(&number.parse().expect("a connection"));
            }
            _ => self.eventually(line, |house| house.links.said(line)).await,
        }
    }

    async fn speak(&mut self, line: &str, (number, how): (&str, &str), text: &str) {
        let wire = match number.parse() {
            Ok(number) => self.end(line, number).await,
            Err(_) => self.client(),
        };
        match how.split_at(1) {
            (">", how) => wire.send(how, text).await,
            _ => wire.expect(line, text).await,
        }
    }

    /// Polls what is no message until it is there, for as long as others have something to do.
    async fn eventually(&mut self, line: &str, mut look: impl FnMut(&House) -> bool) {
        for _ in 0..1000 {
            if look(&self.house) {
                return;
            }
            tokio::task::yield_now().await;
        }
        let (log, events) = (self.house.links.log(), self.house.seen.all());
        panic!("in vain: {line}; connections: {log:?}; events: {events:?}");
    }

    /// Lets time pass, in small steps as a real clock does.
    async fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds * 4 {
            tokio::time::advance(Duration::from_millis(250)).await;
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn client(&mut self) -> &mut Wire {
        self.client.as_mut().expect("the client is there")
    }

    fn meet(&mut self) {
        while let Ok((number, far)) = self.far_ends.try_recv() {
            self.ends.insert(number, Wire::new(far));
        }
    }

    async fn end(&mut self, line: &str, number: usize) -> &mut Wire {
        for _ in 0..1000 {
            self.meet();
            if self.ends.contains_key(&number) {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.ends.get_mut(&number).unwrap_or_else(|| panic!("no such connection: {line}"))
    }
}
