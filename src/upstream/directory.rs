//! One directory, put together: its servers, the pool, and the desks of the gateway's own searches.

use super::Config;
use super::connector::Connector;
use super::counters::Counters;
use super::fast::{FastDial, Look};
use super::lease::ExclusiveLinks;
use super::lookup::{Desk, DeskLimits, Login, SharedLookups};
use super::placed::Placed;
use super::pool::Pool;
use super::replica::{self, LiveCopy};
use super::servers::{Servers, User};
use super::shared::{Dial, FastBinds, Kind, SharedCommon, SharedLimits, SharedLinks, Told};
use super::terms::Limits;
use super::tls::{self, TlsError};
use crate::app::kind::KnownKind;
use crate::app::oversight::{PoolState, ServerState};
use crate::app::ports::{Events, LinkError, LookupError};
use crate::domain::kind;
use crate::domain::sighting::Sighting;
use crate::proto::envelope::MessageId;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::task::AbortHandle;

/// The most bytes of entries that one of the gateway's own searches may return: 64 MiB.
const MAX_LOOKUP_BYTES: usize = 64 << 20;

/// Why a directory's side cannot be set up.
#[derive(Debug, Error)]
pub enum UpstreamError {
    /// No server is named.
    #[error("directory has no servers")]
    NoServers,
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// One directory as all workers share it.
pub struct Directory {
    servers: Arc<Servers>,
    pool: Arc<Pool>,
    desks: Vec<Arc<Desk>>,
    login: Arc<Login>,
    kind: KnownKind,
    /// The servers in one text: a copy of others is a copy of something else.
    origin: Arc<str>,
    shared: Vec<SharedLinks>,
    fast_binds: FastBinds,
    counters: Arc<Counters>,
    tls: Option<Arc<tls::Client>>,
    /// The most bytes of a message, and how long its wait may be, where a server is looked at.
    looking: (usize, Duration),
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Directory {
    /// Sets a directory up for so many workers (at least one), numbered from 0. Reads the
    /// certificates to trust; makes no connection yet.
    pub fn new<E: Events>(
        config: &Config,
        workers: usize,
        events: E,
    ) -> Result<Self, UpstreamError> {
        if config.urls.is_empty() {
            return Err(UpstreamError::NoServers);
        }
        let workers = workers.max(1);
        let counters = Arc::new(Counters::new(&config.name));
        let tls = tls::client(config)?;
        let connector = Connector::new(config, tls.clone());
        let servers = Servers::new(
            &config.name,
            (&config.urls, config.server_choice),
            connector,
            events,
            counters.clone(),
        );
        let servers = Arc::new(servers);
        let limits = pool_limits(config);
        let wait = config.queue_timeout;
        let pool = Pool::new(limits, workers, wait, servers.clone(), counters.clone());
        let login = Arc::new(Login::new(servers.clone(), config));
        let limits = desk_limits(config);
        let desk = |_| Arc::new(Desk::new(login.clone(), limits, counters.clone()));
        let desks = (0..workers).map(desk).collect();
        let fast_binds = FastBinds::default();
        let shared = shared_links(config, workers, (&servers, &login), &fast_binds);
        let pool = Arc::new(pool);
        let origin = format!("{:?}", config.urls).into();
        let looking = (config.max_message_size, config.search_timeout);
        let (kind, tasks) = (KnownKind::default(), Mutex::default());
        Ok(Self {
            servers,
            pool,
            desks,
            login,
            kind,
            origin,
            shared,
            fast_binds,
            counters,
            tls,
            looking,
            tasks,
        })
    }

    /// A worker's access to exclusive connections. `worker` is taken modulo the number of workers.
    pub fn links(&self, worker: usize) -> ExclusiveLinks {
        ExclusiveLinks::new(self.pool.clone(), worker % self.desks.len())
    }

    /// A worker's access with the service account. `worker` is taken modulo their number.
    pub fn lookups(&self, worker: usize) -> SharedLookups {
        let desk = self.desks[worker % self.desks.len()].clone();
        SharedLookups::new(desk, self.kind.clone())
    }

    /// The same, which is known to be of a kind, or not.
    pub fn of_kind(self, kind: Option<kind::Kind>) -> Self {
        kind.into_iter().for_each(|kind| self.kind.learn(kind));
        self
    }

    /// What kind of directory it is; noted as soon as its root DSE is read, unless it is told before.
    pub fn kind(&self) -> KnownKind {
        self.kind.clone()
    }

    /// A worker's access to connections that clients share. `worker` is taken modulo their number.
    pub fn shared(&self, worker: usize) -> SharedLinks {
        self.shared[worker % self.shared.len()].clone()
    }

    /// Warms a worker's share of connections up and keeps it warm. To be called once per worker,
    /// inside its runtime, before its handles are used.
    pub fn start(&self, worker: usize) {
        let worker = worker % self.desks.len();
        self.pool.start(worker);
        self.desks[worker].start();
        let task = tokio::spawn(self.pool.clone().maintain(worker));
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task.abort_handle());
    }

    /// Finds out, again and again, whether the directory has fast binds, which are then used for
    /// sessions that do nothing but bind. To be called once, inside the runtime of a worker, after
    /// its start.
    pub fn seek_fast_binds(&self, worker: usize) {
        let look = Look::new(self.lookups(worker), &self.fast_binds, self.counters.clone());
        let task = tokio::spawn(look.go_on());
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task.abort_handle());
    }

    /// Reads the certificates to trust (`ca`) again; whether they have changed. They apply to
    /// connections that are made from then on; such as cannot be used leave the old ones in force.
    pub fn reload_trust(&self) -> Result<bool, TlsError> {
        self.tls.as_ref().map_or(Ok(false), |tls| tls.reload())
    }

    /// Keeps a live copy up to date, until it is dropped.
    pub fn follow(&self, copy: LiveCopy) -> impl Future<Output = ()> + Send + use<> {
        replica::follow(copy, (self.login.clone(), self.kind.clone()), self.origin.clone())
    }

    /// What a new connection sees of the server that answers it. `base` is a name in the part of
    /// the directory that matters.
    pub async fn sight(&self, base: &str) -> Result<Sighting, LookupError> {
        replica::sight(&self.login, base, self.looking).await
    }

    /// Whether some server could be reached when it was last tried.
    pub fn is_up(&self) -> bool {
        self.servers.is_up()
    }

    /// Every server's URL, and whether it could be reached when it was last tried.
    pub fn servers(&self) -> Vec<(String, ServerState)> {
        self.servers.states()
    }

    /// The exclusive connections, as they are now.
    pub fn pool(&self) -> PoolState {
        self.pool.state()
    }

    /// Turns away all who wait and closes what is idle. Leases and searches under way go on to
    /// their end.
    pub fn close(&self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
        self.pool.close();
        self.desks.iter().for_each(|desk| desk.close());
        self.shared.iter().for_each(SharedLinks::close);
    }
}

/// Connections that are left as they are made: anonymous to the directory.
struct NeverBound(Arc<Servers>);

impl Dial for NeverBound {
    type Stream = Placed;

    async fn dial(&self) -> Result<(Placed, MessageId), LinkError> {
        let connected = self.0.connect(User::Clients).await;
        let (stream, seat) = connected.map_err(|_| LinkError::Unreachable)?;
        Ok((Placed::new(stream, seat), MessageId::UNSOLICITED))
    }
}

/// Connections that are bound as the service account, and are no other ones than the look-ups'.
struct AsService(Arc<Login>);

impl Dial for AsService {
    type Stream = Placed;

    async fn dial(&self) -> Result<(Placed, MessageId), LinkError> {
        self.0.open(User::Clients).await.map_err(|_: LookupError| LinkError::Unreachable)
    }
}

fn shared_links(
    config: &Config,
    workers: usize,
    (servers, login): (&Arc<Servers>, &Arc<Login>),
    fast_binds: &FastBinds,
) -> Vec<SharedLinks> {
    let told = servers.clone();
    let common = SharedCommon::new(
        &config.name,
        config.proxied_authorisation,
        config.search_timeout,
        move |happened| match happened {
            Told::LimitHit(limit, source) => told.limit_hit(limit, source),
            Told::Repeated => told.tell_retried(),
        },
    );
    let common = common.with_most_apart(config.max_connections_apart);
    let of_worker = |_| {
        let anonymous = Kind {
            limits: shared_limits(config, config.max_outstanding_anonymous),
            dial: NeverBound(servers.clone()),
        };
        let proxied = Kind {
            limits: shared_limits(config, config.max_outstanding_upstream),
            dial: AsService(login.clone()),
        };
        let binds = Kind {
            limits: shared_limits(config, config.max_outstanding_upstream),
            dial: FastDial::new(servers.clone(), config, fast_binds.clone()),
        };
        SharedLinks::new(common.clone(), anonymous, proxied)
            .with_fast_binds(binds, fast_binds.clone())
    };
    (0..workers).map(of_worker).collect()
}

fn shared_limits(config: &Config, outstanding: usize) -> SharedLimits {
    SharedLimits {
        connections: config.max_shared_connections,
        outstanding,
        inbox: config.max_inbox,
        inbox_timeout: config.inbox_timeout,
        idle_timeout: config.idle_timeout,
        message: config.max_message_size,
        queue_timeout: config.queue_timeout,
    }
}

fn pool_limits(config: &Config) -> Limits {
    Limits {
        max: config.max_connections,
        max_connecting: config.max_connecting,
        min: config.min_connections.min(config.max_connections),
        max_ahead: config.max_ahead,
        max_binding: config.max_binding,
        max_anonymous: (config.max_connections * config.anonymous_share).div_ceil(100),
        max_waiting: config.max_waiting,
        max_waiting_per_source: config.max_waiting_per_source,
        idle_timeout: config.idle_timeout,
    }
}

fn desk_limits(config: &Config) -> DeskLimits {
    DeskLimits {
        outstanding: config.max_outstanding_upstream,
        timeout: config.search_timeout,
        idle_timeout: config.idle_timeout,
        message: config.max_message_size,
        entries: config.max_lookup_entries,
        bytes: MAX_LOOKUP_BYTES,
    }
}
