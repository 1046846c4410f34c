//! A gateway that runs: its workers, its administration, and its end.

mod administering;
mod guards;

use super::certificates::ShownTo;
use super::clock::SystemClock;
use super::oversight;
use super::signals::Signals;
use super::{Config, RunError, certificates, descriptors, pins};
use crate::admin::{PartState, ReadyPart};
use crate::app::breaker::Breaker;
use crate::app::events::Event;
use crate::app::gateway::{Directory, Gateway, Outstanding};
use crate::app::ports::{Catalogue, Clock, Events, Ports};
use crate::app::reconcile;
use crate::app::sign_on::{BarrierOf, SignOns};
use crate::app::suffix::Suffix;
use crate::app::throttle::Throttle;
use crate::domain::policy::DirectoryPolicy;
use crate::frontend::{self, Drain, Listeners, Phase, Tls};
use crate::store::{ReplicaFile, Store};
use crate::telemetry::Telemetry;
use crate::upstream;
use administering::Door;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// How often the metrics' histograms are folded, and those who kept failing are looked at.
const UPKEEP: Duration = Duration::from_secs(5);

/// How long clients have for their last bytes once a drain has run out of time.
const LAST_BYTES: Duration = Duration::from_secs(2);

/// How often a drain looks whether sign-ons are still under way.
const SIGN_ONS_LOOK: Duration = Duration::from_millis(5);

/// The parts that a gateway is made of.
struct Wiring;

type Upstream = Arc<upstream::Directory>;
type Records = Store<Telemetry>;
/// What is asked before something is believed, of each directory.
type Guards = (Vec<Option<BarrierOf<Wiring>>>, Vec<Option<Breaker<Telemetry>>>);

impl Ports for Wiring {
    type Links = upstream::ExclusiveLinks;
    type Shared = upstream::SharedLinks;
    type Lookups = upstream::SharedLookups;
    type Replica = upstream::LiveCopy;
    type Records = Records;
    type Clock = SystemClock;
    type Events = Telemetry;
}

/// A gateway that serves. Its threads run until [`Running::stop`].
pub struct Running {
    store: Records,
    archive: Option<Arc<ReplicaFile>>,
    drain: Drain,
    drain_timeout: Duration,
    upstreams: Vec<Upstream>,
    sign_ons: Option<SignOns<Wiring>>,
    telemetry: Telemetry,
    workers: Vec<JoinHandle<()>>,
    control: Control,
    followers: Vec<Background>,
    addresses: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    /// Has certificates read again.
    bell: certificates::Bell,
}

impl Running {
    /// Opens the store, binds every address, and starts the workers; nothing is served if
    /// anything of this fails.
    pub fn start(mut config: Config) -> Result<Self, RunError> {
        let names: Vec<&str> =
            config.directories.iter().map(|directory| &*directory.policy.name).collect();
        let telemetry = Telemetry::new(&names);
        let control = Control::start()?;
        let workers = worker_count(&config.listen);
        descriptors::provide(&mut config, workers);
        let listeners = Listeners::bind(&config.listen, workers)?;
        let addresses = listeners.first().map(Listeners::addresses).unwrap_or_default();
        let door = Door::open(&config.admin)?;
        let admin_tls = door.as_ref().and_then(Door::tls).cloned();
        let store = Store::open(config.store.clone(), telemetry.clone())?;
        let upstreams = config
            .directories
            .iter()
            .map(|directory| connect(directory, workers, &telemetry))
            .collect::<Result<Vec<_>, _>>()?;
        let wants_copies = config.directories.iter().any(|directory| {
            directory.policy.groups.as_ref().is_some_and(|groups| groups.replica.is_some())
        });
        // Inside the folder that the store has locked. Without it, all is loaded at each start.
        let archive = wants_copies.then(|| ReplicaFile::open(&config.store.folder)).flatten();
        let mut running = Self {
            store,
            archive: archive.map(Arc::new),
            drain: Drain::default(),
            drain_timeout: config.listen.drain_timeout,
            upstreams,
            sign_ons: None,
            telemetry: telemetry.clone(),
            workers: Vec::new(),
            control,
            followers: Vec::new(),
            addresses,
            admin: None,
            bell: certificates::Bell::default(),
        };
        let policies = policies(&config);
        let suffix = running.suffix(&config, &policies);
        let barriers = running.follow(&config, &policies)?;
        let breakers = oversight::breakers(&config.directories, &running.store, &telemetry);
        let guards = (barriers, breakers);
        let sign_ons = running.sign_ons(&config, &policies, &guards);
        if let Some(door) = door {
            let oversight = running.oversee(&policies, &guards);
            let live = Arc::new(running.over_worker(&sign_ons, 0));
            running.administer(&config, door, (oversight, live))?;
        }
        running.watch_certificates(&config, &listeners, admin_tls);
        let throttle = throttle(&config);
        running.keep_up(telemetry.clone(), throttle.clone());
        let ending = running.drain.reached(Phase::Ending);
        running.control.handle.spawn(pins::end(running.store.clone(), ending));
        running.work(&config, (policies, sign_ons), listeners, (&throttle, suffix))?;
        running.say_hello();
        Ok(running)
    }

    /// The clients' addresses, plain ones first.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The address of the admin API.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Serves until a signal asks for the end.
    pub fn until_signalled(self, mut signals: Signals) -> Result<(), RunError> {
        runtime()?.block_on(async {
            let mut hangups = signals.clone();
            let attend = async {
                loop {
                    hangups.hung_up().await;
                    self.bell.ring();
                }
            };
            tokio::select! {
                () = signals.reached(1) => {}
                () = attend => {}
            }
            self.begin_to_drain();
            tokio::select! {
                () = self.drained() => {}
                () = signals.reached(2) => {}
            }
        });
        self.end()
    }

    /// Ends as a signal would.
    pub fn stop(self) -> Result<(), RunError> {
        self.begin_to_drain();
        runtime()?.block_on(self.drained());
        self.end()
    }

    fn begin_to_drain(&self) {
        tracing::info!(target: "bindgate", "draining {} clients", self.drain.clients());
        self.telemetry.set_phase(Phase::Draining as u8);
        self.drain.advance(Phase::Draining);
    }

    /// Waits until the last client has left and the last sign-on is on disk, also one whose bind
    /// was answered before, or until the drain has run out of time.
    async fn drained(&self) {
        let all = async {
            self.drain.emptied().await;
            while self.sign_ons.as_ref().is_some_and(|sign_ons| sign_ons.under_way() > 0) {
                tokio::time::sleep(SIGN_ONS_LOOK).await;
            }
        };
        if tokio::time::timeout(self.drain_timeout, all).await.is_err() {
            self.telemetry.emit(&Event::LimitHit { limit: "drain_timeout", peer: None });
        }
    }

    fn end(self) -> Result<(), RunError> {
        tracing::info!(target: "bindgate", "ending with {} clients", self.drain.clients());
        self.telemetry.set_phase(Phase::Ending as u8);
        self.drain.advance(Phase::Ending);
        for upstream in &self.upstreams {
            upstream.close();
        }
        for worker in self.workers {
            worker.join().map_err(|_| RunError::Internal("a worker panicked".to_owned()))?;
        }
        self.followers.into_iter().for_each(Background::stop);
        if let Some(archive) = &self.archive {
            archive.close();
        }
        self.control.stop();
        let closed = self.store.close().map_err(|error| RunError::Internal(error.to_string()));
        tracing::info!(target: "bindgate", "stopped");
        closed
    }

    fn sign_ons(
        &self,
        config: &Config,
        policies: &[Arc<DirectoryPolicy>],
        (barriers, breakers): &Guards,
    ) -> SignOns<Wiring> {
        let (store, telemetry) = (self.store.clone(), self.telemetry.clone());
        let (clock, lookups) = (SystemClock::default(), Vec::new());
        let sign_ons = SignOns::new(config.sign_on, policies, lookups, store, clock, telemetry);
        let sign_ons = sign_ons.with_views(config.listen.views.clone());
        sign_ons.with_barriers(barriers.clone()).with_breakers(breakers.clone())
    }

    /// The records' own suffix, which follows the store from here on, if anybody may read it.
    fn suffix(&self, config: &Config, policies: &[Arc<DirectoryPolicy>]) -> Option<Arc<Suffix>> {
        if !config.records.is_on() {
            return None;
        }
        let clock = SystemClock::default();
        let suffix = Suffix::new(config.records.clone(), policies, move || clock.now());
        let suffix = Arc::new(suffix);
        self.store.follow(suffix.clone());
        Some(suffix)
    }

    /// The sign-ons over a worker's connections.
    fn over_worker(&self, sign_ons: &SignOns<Wiring>, index: usize) -> SignOns<Wiring> {
        sign_ons.over(self.upstreams.iter().map(|upstream| upstream.lookups(index)).collect())
    }

    fn work(
        &mut self,
        config: &Config,
        (policies, sign_ons): (Vec<Arc<DirectoryPolicy>>, SignOns<Wiring>),
        listeners: Vec<Listeners>,
        (throttle, suffix): (&Arc<Throttle>, Option<Arc<Suffix>>),
    ) -> Result<(), RunError> {
        let telemetry = self.telemetry.clone();
        self.sign_ons = Some(sign_ons.clone());
        let listen = Arc::new(config.listen.clone());
        for (index, listeners) in listeners.into_iter().enumerate() {
            let runtime = runtime()?;
            let sign_ons = self.over_worker(&sign_ons, index);
            let directories = config.directories.iter().zip(&policies).zip(&self.upstreams);
            let directories = directories
                .map(|((configured, policy), upstream)| Directory {
                    policy: policy.clone(),
                    relay: Arc::new(configured.relay.clone()),
                    links: upstream.links(index),
                    shared: upstream.shared(index),
                    kind: upstream.kind(),
                    outstanding: Outstanding {
                        anonymous: configured.upstream.max_outstanding_anonymous,
                        authenticated: configured.upstream.max_outstanding_upstream,
                    },
                    bind_timeout: configured.upstream.bind_timeout,
                    max_message_size: configured.upstream.max_message_size,
                })
                .collect();
            let gateway = Gateway::new(directories, sign_ons, telemetry.at_worker(index));
            let gateway = gateway.with_suffix(suffix.clone());
            let worker = Worker {
                index,
                listeners,
                gateway: Arc::new(gateway.with_throttle(throttle.clone())),
                upstreams: self.upstreams.clone(),
                listen: listen.clone(),
                drain: self.drain.clone(),
                reconciliation: (index == 0)
                    .then(|| reconciliation(config, &self.store, &telemetry)),
            };
            let thread = std::thread::Builder::new().name(format!("worker-{index}"));
            let thread = thread
                .spawn(move || runtime.block_on(worker.serve()))
                .map_err(|error| RunError::Internal(error.to_string()))?;
            self.workers.push(thread);
        }
        Ok(())
    }

    /// Folds the metrics' samples, and lets sources go that do not keep failing any more.
    fn keep_up(&self, telemetry: Telemetry, throttle: Arc<Throttle>) {
        let ending = self.drain.reached(Phase::Ending);
        self.control.handle.spawn(async move {
            let mut tick = tokio::time::interval(UPKEEP);
            tokio::pin!(ending);
            loop {
                tokio::select! {
                    _ = tick.tick() => {
                        telemetry.upkeep();
                        for source in throttle.review(tokio::time::Instant::now()) {
                            telemetry.emit(&Event::ThrottleEnded { source });
                        }
                    }
                    () = &mut ending => return,
                }
            }
        });
    }

    fn watch_certificates(&self, config: &Config, listeners: &[Listeners], admin: Option<Tls>) {
        let interval = config.listen.tls.as_ref().map(|tls| tls.reload_interval);
        let names = config.directories.iter().map(|directory| directory.upstream.name.clone());
        let trusted = names.zip(self.upstreams.iter().cloned()).collect();
        let watch = certificates::watch_trust(trusted, interval, self.bell.clone());
        self.control.handle.spawn(watch);
        let clients = listeners.first().and_then(Listeners::tls).cloned();
        let interval = config.listen.tls.as_ref().map(|tls| tls.reload_interval);
        let of_admin = config.admin.tls.as_ref().map(|tls| tls.reload_interval);
        for (tls, interval, whom) in
            [(clients, interval, ShownTo::Clients), (admin, of_admin, ShownTo::Administrators)]
        {
            let (Some(tls), Some(interval)) = (tls, interval) else { continue };
            let (bell, events) = (self.bell.clone(), self.telemetry.clone());
            let watch = certificates::watch((tls, whom), interval, bell, events);
            self.control.handle.spawn(watch);
        }
    }

    fn say_hello(&self) {
        let addresses: Vec<String> = self.addresses.iter().map(SocketAddr::to_string).collect();
        let admin = self.admin.map_or_else(|| "off".to_owned(), |address| address.to_string());
        tracing::info!(
            target: "bindgate",
            "bindgate {} serves LDAP on {}; administration on {admin}; {} workers",
            env!("CARGO_PKG_VERSION"),
            addresses.join(", "),
            self.workers.len(),
        );
    }
}

/// The directories of a configuration that is not in force; the files that it names need not be here.
fn read_policies(text: &str) -> Result<Vec<Arc<DirectoryPolicy>>, String> {
    let config = crate::config::parse(text, "configuration").map_err(|all| all.render())?;
    Ok(policies(&config))
}

/// The runtime of administration, on a thread of its own: nothing there delays a client.
struct Control {
    handle: Handle,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Control {
    fn start() -> Result<Self, RunError> {
        let runtime = runtime()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || drop(runtime.block_on(stopped)))
            .map_err(|error| RunError::Internal(error.to_string()))?;
        Ok(Self { handle, stop, thread })
    }

    /// Ends with whatever is still under way.
    fn stop(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}

/// A task with a thread and a runtime of its own.
struct Background {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Background {
    fn start(
        name: &str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Self, RunError> {
        let runtime = runtime()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let until_stopped = async {
            tokio::select! {
                () = task => {}
                _ = stopped => {}
            }
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || runtime.block_on(until_stopped))
            .map_err(|error| RunError::Internal(error.to_string()))?;
        Ok(Self { stop, thread })
    }

    fn stop(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}

/// One worker: a thread with a runtime of its own, its listeners and its connections.
struct Worker {
    index: usize,
    listeners: Listeners,
    gateway: Arc<Gateway<Wiring>>,
    upstreams: Vec<Upstream>,
    listen: Arc<frontend::Config>,
    drain: Drain,
    /// On one worker: what looks at users who do not sign on.
    reconciliation: Option<Reconciliation>,
}

/// What is handed to the reconciliation beside the worker's connections.
struct Reconciliation {
    config: reconcile::Config,
    records: Records,
    events: Telemetry,
}

fn reconciliation(config: &Config, store: &Records, telemetry: &Telemetry) -> Reconciliation {
    let enabled = config.reconcile.enabled && config.sign_on.enabled;
    let config = reconcile::Config { enabled, ..config.reconcile };
    Reconciliation { config, records: store.clone(), events: telemetry.clone() }
}

impl Worker {
    async fn serve(mut self) {
        for upstream in &self.upstreams {
            upstream.start(self.index);
            if self.listen.has_bind_only() && self.index == 0 {
                upstream.seek_fast_binds(self.index);
            }
        }
        if let Some(Reconciliation { config, records, events }) = self.reconciliation.take() {
            let (sign_ons, clock) = (self.gateway.sign_ons().clone(), SystemClock::default());
            tokio::spawn(reconcile::run(sign_ons, records, clock, events, config));
        }
        if let Err(error) = self.listeners.serve(self.gateway, self.listen, self.drain.clone()) {
            tracing::error!(target: "bindgate", "worker {}: {error}", self.index);
        }
        self.drain.reached(Phase::Ending).await;
        let _ = tokio::time::timeout(LAST_BYTES, self.drain.emptied()).await;
    }
}

fn throttle(config: &Config) -> Arc<Throttle> {
    let connections: Vec<_> =
        config.directories.iter().map(|directory| directory.upstream.max_connections).collect();
    Arc::new(Throttle::new(config.throttle, &connections))
}

fn connect(
    directory: &crate::config::Directory,
    workers: usize,
    telemetry: &Telemetry,
) -> Result<Upstream, RunError> {
    telemetry
        .recording(|| upstream::Directory::new(&directory.upstream, workers, telemetry.clone()))
        .map(|upstream| Arc::new(upstream.of_kind(directory.kind)))
        .map_err(|source| RunError::Directory { name: directory.upstream.name.clone(), source })
}

fn policies(config: &Config) -> Vec<Arc<DirectoryPolicy>> {
    config.directories.iter().map(|directory| Arc::new(directory.policy.clone())).collect()
}

fn readiness(
    store: &Records,
    names: &[Arc<str>],
    upstreams: &[Upstream],
    drain: &Drain,
) -> Vec<ReadyPart> {
    let part = |name: String, ready: bool, otherwise: &str| {
        let state = match ready {
            true => PartState::Ready,
            false => PartState::NotReady(otherwise.to_owned()),
        };
        ReadyPart { name, state }
    };
    let phase = drain.phase();
    let otherwise = if phase == Phase::Ending { "ending" } else { "draining" };
    let mut parts = vec![
        part("listeners".to_owned(), phase == Phase::Serving, otherwise),
        part("store".to_owned(), store.is_healthy(), "the last write failed"),
    ];
    parts.extend(names.iter().zip(upstreams).map(|(name, upstream)| {
        part(format!("directory {name}"), upstream.is_up(), "no server can be reached")
    }));
    parts
}

pub(super) fn worker_count(config: &frontend::Config) -> usize {
    match config.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    }
}

fn runtime() -> Result<Runtime, RunError> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| RunError::Internal(error.to_string()))
}
