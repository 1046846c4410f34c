//! A gateway that runs: its workers, its reloads, and its end.

use super::administration::{self, Administration};
use super::entrance::{Entrance, Opened};
use super::generation::{self, Generation, Ground};
use super::notify::Manager;
use super::reload::{self, Watched};
use super::signals::Signals;
use super::worker::{Door, Next, Worker};
use super::{Config, RunError, certificates, clock::SystemClock, descriptors, pins};
use crate::app::events::Event;
use crate::app::gateway::Gateway;
use crate::app::ports::{Clock, Events, Ports};
use crate::app::sign_on::SignOns;
use crate::app::throttle::Throttle;
use crate::frontend::{self, Address, Drain, Listeners, Phase, Served};
use crate::store::{ReplicaFile, Store};
use crate::telemetry::{Telemetry, set_log_level};
use crate::upstream;
use arc_swap::ArcSwap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// How often the metrics' histograms are folded, and those who kept failing are looked at.
const UPKEEP: Duration = Duration::from_secs(5);

/// How often a drain looks whether sign-ons are still under way.
const SIGN_ONS_LOOK: Duration = Duration::from_millis(5);

/// The parts that a gateway is made of.
pub(super) struct Wiring;

pub(super) type Upstream = Arc<upstream::Directory>;
pub(super) type Records = Store<Telemetry>;

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
    ground: Ground,
    generation: Generation,
    /// Generations before this one, of which some session may still be.
    retired: Vec<Retired>,
    /// What is in force.
    config: Config,
    file: Option<Watched>,
    drain: Drain,
    workers: Vec<JoinHandle<()>>,
    doors: Vec<Door>,
    control: Control,
    entrance: Entrance,
    administration: Option<Administration>,
    throttle: Arc<ArcSwap<Throttle>>,
    /// Looks at the certificates by which directories are trusted.
    trust: Option<AbortHandle>,
    /// Has certificates read again.
    bell: certificates::Bell,
}

/// A generation that another has taken the place of: its connections are closed when no session is
/// left that was begun with it.
struct Retired {
    gateways: Vec<Weak<Gateway<Wiring>>>,
    upstreams: Vec<Upstream>,
    sign_ons: SignOns<Wiring>,
}

/// What the gateway has serving itself look at the configuration.
enum Occasion {
    /// Somebody asked.
    Asked,
    /// The file has changed.
    Changed,
}

impl Running {
    /// Opens the store, binds every address, and starts the workers; nothing is served if
    /// anything of this fails.
    pub fn start(mut config: Config) -> Result<Self, RunError> {
        let names: Vec<&str> =
            config.directories.iter().map(|directory| &*directory.policy.name).collect();
        let telemetry = Telemetry::new(&names);
        if let Some(traces) = &config.traces {
            telemetry.trace_to(traces)?;
        }
        let control = Control::start()?;
        let workers = worker_count(&config.listen);
        let as_read = config.clone();
        descriptors::provide(&mut config, workers);
        let opened = Entrance::open(config.listen.clone(), workers)?;
        let desk = administration::Door::open(&config.admin, None)?;
        let store = Store::open(config.store.clone(), telemetry.clone())?;
        let wants_copies = config.directories.iter().any(|directory| {
            directory.policy.groups.as_ref().is_some_and(|groups| groups.replica.is_some())
        });
        // Inside the folder that the store has locked. Without it, all is loaded at each start.
        let archive = wants_copies.then(|| ReplicaFile::open(&config.store.folder)).flatten();
        let accounts = generation::accounts(&store, &config);
        let archive = archive.map(Arc::new);
        let ground = Ground { store, archive, telemetry, accounts, workers };
        let generation = Generation::first(&ground, &config)?;
        let throttle = Arc::new(ArcSwap::new(generation.throttle.clone()));
        let mut running = Self {
            ground,
            generation,
            retired: Vec::new(),
            file: None,
            drain: Drain::default(),
            workers: Vec::new(),
            doors: Vec::new(),
            control,
            entrance: opened.entrance,
            administration: None,
            throttle,
            trust: None,
            bell: certificates::Bell::default(),
            config: as_read,
        };
        if let Some(desk) = desk {
            running.administration = Some(running.administer(desk)?);
        }
        let (handle, telemetry) = (&running.control.handle, &running.ground.telemetry);
        running.entrance.watch(handle, &running.bell, telemetry);
        running.watch_trust();
        running.keep_up();
        let ending = running.drain.reached(Phase::Ending);
        running.control.handle.spawn(pins::end(running.ground.store.clone(), ending));
        running.work(opened.listeners)?;
        running.say_hello();
        Ok(running)
    }

    /// The same, which reads its configuration again from that file when it is asked to by SIGHUP, and
    /// when the file has changed.
    pub fn reading(self, file: Option<PathBuf>) -> Self {
        Self { file: file.map(Watched::new), ..self }
    }

    /// The clients' addresses, plain ones first.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.entrance.addresses()
    }

    /// The address of the admin API.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.administration.as_ref().map(|administration| administration.address)
    }

    /// Serves until a signal asks for the end.
    pub fn until_signalled(mut self, mut signals: Signals) -> Result<(), RunError> {
        let manager = Manager::of_environment();
        runtime()?.block_on(async {
            manager.ready();
            let hangups = signals.clone();
            tokio::select! {
                biased;
                () = signals.reached(1) => {}
                () = self.attend(hangups, &manager) => {}
            }
            manager.stopping();
            self.begin_to_drain();
            tokio::select! {
                () = self.drained() => {}
                () = signals.reached(2) => {}
            }
        });
        self.end()
    }

    /// Reads files again when it is time to, and tells the service manager of that. Never ends.
    async fn attend(&mut self, mut signals: Signals, manager: &Manager) {
        let mut look = tokio::time::interval(reload::LOOK);
        let mut sign_of_life = tokio::time::interval(manager.interval.unwrap_or(reload::LOOK));
        let mut beats = Vec::new();
        loop {
            tokio::select! {
                () = signals.hung_up() => {
                    manager.reloading();
                    self.bell.ring();
                    self.reload(Occasion::Asked).await;
                    manager.ready();
                }
                _ = look.tick() => {
                    if self.file.as_mut().is_some_and(Watched::has_changed) {
                        self.reload(Occasion::Changed).await;
                    }
                    self.let_go();
                }
                _ = sign_of_life.tick(), if manager.interval.is_some() => {
                    // A worker that is stuck serves nobody, whoever else is well.
                    let now: Vec<u64> = self.doors.iter().map(Door::beats).collect();
                    if beats.iter().zip(&now).all(|(before, now)| before != now) {
                        manager.alive();
                    }
                    beats = now;
                }
            }
        }
    }

    /// Reads the configuration again and puts in force what can be; one that cannot be used changes
    /// nothing.
    async fn reload(&mut self, occasion: Occasion) {
        if matches!(occasion, Occasion::Asked) {
            self.read_token();
        }
        let Some(file) = &mut self.file else { return };
        let read = crate::config::load(file.path());
        file.was_read();
        let telemetry = self.ground.telemetry.clone();
        let refused = |error: &str| telemetry.emit(&Event::ConfigurationRefused { error });
        let config = match read {
            Ok(config) => config,
            Err(problems) => return refused(&problems.render()),
        };
        let reload::Difference { changed, restart } = reload::difference(&self.config, &config);
        if changed.is_empty() && restart.is_empty() {
            if matches!(occasion, Occasion::Asked) {
                tracing::info!(target: "bindgate", "configuration read again: unchanged");
            }
            return;
        }
        let config = reload::in_force(&self.config, config);
        if let Err(error) = self.replace(config).await {
            return refused(&error.to_string());
        }
        let (changed, restart) = (changed.join(", "), restart.join(", "));
        let event = Event::ConfigurationReloaded { changed: &changed, restart: &restart };
        telemetry.emit(&event);
    }

    /// The first admin token may be another although its file has the same name.
    fn read_token(&mut self) {
        let Some(administration) = &mut self.administration else { return };
        match administration.read_token() {
            Ok(false) => {}
            Ok(true) => {
                let of = (&self.ground, &self.generation);
                administration.exchange(of, &self.config, &self.drain);
                tracing::info!(target: "bindgate", "admin token read again: changed");
            }
            Err(error) => {
                tracing::warn!(target: "bindgate", "admin token stays as it was: {error}");
            }
        }
    }

    /// Has everybody who comes from now on, or binds again, served by another configuration. What may
    /// fail comes first: then all is as it was.
    async fn replace(&mut self, config: Config) -> Result<(), RunError> {
        let mut provided = config.clone();
        descriptors::provide(&mut provided, self.doors.len());
        let Opened { entrance, listeners, closing } =
            self.entrance.next(provided.listen, self.doors.len())?;
        let desk = match config.admin == self.config.admin {
            true => None,
            false => Some(administration::Door::open(&config.admin, self.administration.as_ref())?),
        };
        let next = self.generation.next(&self.ground, &config, &self.config)?;
        let before = std::mem::replace(&mut self.generation, next);
        set_log_level(config.log.level);
        self.config = config;
        self.throttle.store(self.generation.throttle.clone());
        self.enter_by(entrance);
        let retired = self.hand_over(&before, listeners, &closing).await;
        self.retired.push(retired);
        self.change_administration(desk);
        self.watch_trust();
        Ok(())
    }

    /// Has clients come in by this from now on.
    fn enter_by(&mut self, entrance: Entrance) {
        let tls = |entrance: &Entrance| entrance.config.tls.clone();
        let is_as_it_was = tls(&self.entrance) == tls(&entrance);
        let mut before = std::mem::replace(&mut self.entrance, entrance);
        if is_as_it_was {
            self.entrance.watched_by(&mut before);
        } else {
            let (handle, telemetry) = (&self.control.handle, &self.ground.telemetry);
            self.entrance.watch(handle, &self.bell, telemetry);
        }
    }

    /// Tells the workers what they serve with from now on.
    async fn hand_over(
        &self,
        before: &Generation,
        listeners: Vec<Listeners>,
        closing: &[Address],
    ) -> Retired {
        let known = before.upstreams();
        let is_fresh = |upstream: &Upstream| !known.iter().any(|one| Arc::ptr_eq(one, upstream));
        let fresh: Vec<_> = self.generation.upstreams().into_iter().filter(is_fresh).collect();
        let mut gateways = Vec::new();
        for ((index, door), listeners) in self.doors.iter().enumerate().zip(listeners) {
            let next = Next {
                fresh: fresh.clone(),
                seeking: self.seeking(&known),
                closing: closing.to_vec(),
                ..self.next(index, listeners)
            };
            gateways.extend(door.exchange(next).await);
        }
        Retired { gateways, upstreams: known, sign_ons: before.sign_ons.clone() }
    }

    /// What a worker serves with, and begins to listen on.
    fn next(&self, index: usize, listeners: Listeners) -> Next {
        let gateway = Arc::new(self.generation.gateway(&self.ground, index));
        let (config, tls) = (self.entrance.config.clone(), self.entrance.tls.clone());
        Next {
            served: Arc::new(Served::new(gateway, config, tls)),
            fresh: self.generation.upstreams(),
            seeking: self.seeking(&[]),
            reconcile: self.reconcile(index),
            listeners: Some(listeners),
            closing: Vec::new(),
        }
    }

    /// Directories of which it has to be found out whether they have fast binds, but for those of which
    /// it is.
    fn seeking(&self, known: &[Upstream]) -> Vec<Upstream> {
        if !self.entrance.config.has_bind_only() {
            return Vec::new();
        }
        let upstreams = self.generation.upstreams().into_iter();
        upstreams.filter(|one| !known.iter().any(|known| Arc::ptr_eq(known, one))).collect()
    }

    /// Requests to administration are about what is in force now, and come in as it says.
    fn change_administration(&mut self, desk: Option<Option<administration::Door>>) {
        let Some(desk) = desk else {
            if let Some(administration) = &self.administration {
                let of = (&self.ground, &self.generation);
                administration.exchange(of, &self.config, &self.drain);
            }
            return;
        };
        let opened = desk.map(|desk| self.administer(desk)).transpose();
        match opened {
            // What there was ends once the requests under way are answered.
            Ok(opened) => self.administration = opened,
            Err(error) => tracing::error!(target: "bindgate", "administration stays: {error}"),
        }
    }

    fn administer(&self, desk: administration::Door) -> Result<Administration, RunError> {
        let of = (&self.ground, &self.generation);
        let within = (&self.control.handle, &self.drain, &self.bell);
        Administration::start(desk, of, &self.config, within)
    }

    /// Closes the connections of generations that no session is left of.
    fn let_go(&mut self) {
        let current = self.generation.upstreams();
        let is_over = |retired: &Retired| {
            retired.gateways.iter().all(|gateway| gateway.strong_count() == 0)
                && retired.sign_ons.under_way() == 0
        };
        let retired = std::mem::take(&mut self.retired);
        let (over, left): (Vec<_>, Vec<_>) = retired.into_iter().partition(is_over);
        self.retired = left;
        let is_used = |upstream: &Upstream| {
            let of_others = self.retired.iter().flat_map(|retired| &retired.upstreams);
            current.iter().chain(of_others).any(|one| Arc::ptr_eq(one, upstream))
        };
        for upstream in over.iter().flat_map(|retired| &retired.upstreams) {
            if !is_used(upstream) {
                upstream.close();
            }
        }
    }

    /// Ends as a signal would.
    pub fn stop(self) -> Result<(), RunError> {
        self.begin_to_drain();
        runtime()?.block_on(self.drained());
        self.end()
    }

    fn begin_to_drain(&self) {
        tracing::info!(target: "bindgate", "draining {} clients", self.drain.clients());
        self.ground.telemetry.set_phase(Phase::Draining as u8);
        self.drain.advance(Phase::Draining);
    }

    /// Waits until the last client has left and the last sign-on is on disk, also one whose bind
    /// was answered before, or until the drain has run out of time.
    async fn drained(&self) {
        let all = async {
            self.drain.emptied().await;
            while self.under_way() > 0 {
                tokio::time::sleep(SIGN_ONS_LOOK).await;
            }
        };
        if tokio::time::timeout(self.entrance.config.drain_timeout, all).await.is_err() {
            self.ground.telemetry.emit(&Event::LimitHit { limit: "drain_timeout", peer: None });
        }
    }

    /// How many sign-ons are, of this generation and of those before.
    fn under_way(&self) -> usize {
        let before = self.retired.iter().map(|retired| retired.sign_ons.under_way());
        self.generation.sign_ons.under_way() + before.sum::<usize>()
    }

    fn end(mut self) -> Result<(), RunError> {
        tracing::info!(target: "bindgate", "ending with {} clients", self.drain.clients());
        self.ground.telemetry.set_phase(Phase::Ending as u8);
        self.drain.advance(Phase::Ending);
        let before = self.retired.iter().flat_map(|retired| retired.upstreams.clone());
        for upstream in self.generation.upstreams().into_iter().chain(before) {
            upstream.close();
        }
        for worker in self.workers {
            worker.join().map_err(|_| RunError::Internal("a worker panicked".to_owned()))?;
        }
        tracing::debug!(target: "bindgate", "the workers have ended");
        self.generation.stop_following();
        if let Some(archive) = &self.ground.archive {
            archive.close();
        }
        tracing::debug!(target: "bindgate", "the copies are kept");
        self.control.stop();
        self.ground.telemetry.stop_tracing();
        tracing::debug!(target: "bindgate", "administration has ended");
        let closed =
            self.ground.store.close().map_err(|error| RunError::Internal(error.to_string()));
        tracing::info!(target: "bindgate", "stopped");
        closed
    }

    fn work(&mut self, listeners: Vec<Listeners>) -> Result<(), RunError> {
        for (index, listeners) in listeners.into_iter().enumerate() {
            let runtime = runtime()?;
            let next = self.next(index, listeners);
            let (door, worker) = Worker::new(index, next, self.drain.clone());
            let thread = std::thread::Builder::new().name(format!("worker-{index}"));
            let thread = thread
                .spawn(move || runtime.block_on(worker.serve()))
                .map_err(|error| RunError::Internal(error.to_string()))?;
            self.workers.push(thread);
            self.doors.push(door);
        }
        Ok(())
    }

    /// What looks at users who do not sign on: on one worker.
    fn reconcile(&self, index: usize) -> Option<super::worker::Reconciliation> {
        let (store, telemetry) = (&self.ground.store, &self.ground.telemetry);
        (index == 0).then(|| super::worker::reconciliation(&self.config, store, telemetry))
    }

    /// Folds the metrics' samples, and lets sources go that do not keep failing any more.
    fn keep_up(&self) {
        let ending = self.drain.reached(Phase::Ending);
        let (telemetry, throttle) = (self.ground.telemetry.clone(), self.throttle.clone());
        let clock = SystemClock::default();
        self.control.handle.spawn(async move {
            let mut tick = tokio::time::interval(UPKEEP);
            tokio::pin!(ending);
            loop {
                tokio::select! {
                    _ = tick.tick() => {
                        telemetry.upkeep();
                        telemetry.note_minute(clock.now());
                        for source in throttle.load().review(tokio::time::Instant::now()) {
                            telemetry.emit(&Event::ThrottleEnded { source });
                        }
                    }
                    () = &mut ending => return,
                }
            }
        });
    }

    fn watch_trust(&mut self) {
        let interval = self.config.listen.tls.as_ref().map(|tls| tls.reload_interval);
        let trusted = self.generation.named().into_iter();
        let trusted = trusted.map(|(name, upstream)| (name.to_string(), upstream)).collect();
        let watch = certificates::watch_trust(trusted, interval, self.bell.clone());
        let task = self.control.handle.spawn(watch).abort_handle();
        self.trust.replace(task).iter().for_each(AbortHandle::abort);
    }

    fn say_hello(&self) {
        let addresses: Vec<String> = self.addresses().iter().map(SocketAddr::to_string).collect();
        let admin =
            self.admin_address().map_or_else(|| "off".to_owned(), |address| address.to_string());
        tracing::info!(
            target: "bindgate",
            "bindgate {} serves LDAP on {}; administration on {admin}; {} workers",
            env!("CARGO_PKG_VERSION"),
            addresses.join(", "),
            self.workers.len(),
        );
    }
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
pub(super) struct Background {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Background {
    pub(super) fn start(
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

    pub(super) fn stop(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
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
