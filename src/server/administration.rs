//! Administration beside the workers: what it is told of the gateway, and that anew after a reload.

use super::clock::SystemClock;
use super::generation::{Generation, Ground};
use super::reload;
use super::running::{Records, Upstream};
use super::{Config, RunError};
use crate::admin::{self, MetricsAccess, PartState, ReadyPart};
use crate::app::ports::Catalogue;
use crate::frontend::{Drain, Phase};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Administration that is served.
pub(super) struct Administration {
    pub(super) address: SocketAddr,
    current: admin::Current,
    limits: admin::Limits,
    token: admin::Token,
}

impl Administration {
    /// Serves it until the gateway ends.
    pub(super) fn start(
        (socket, token): (std::net::TcpListener, admin::Token),
        (ground, generation): (&Ground, &Generation),
        config: &Config,
        (handle, drain): (&Handle, &Drain),
    ) -> Result<Self, RunError> {
        let internal = |error: std::io::Error| RunError::Internal(error.to_string());
        let address = socket.local_addr().map_err(internal)?;
        let limits = admin::Limits {
            max_clients: config.admin.max_clients,
            max_body: config.admin.max_body,
            max_import: config.admin.max_import,
        };
        let paths = paths((ground, generation), drain, &token, config);
        let paths = admin::router(paths, limits, MetricsAccess::of(address));
        let current = admin::Current::new(paths);
        let administration = Self { address, current: current.clone(), limits, token };
        let _inside = handle.enter();
        let listener = tokio::net::TcpListener::from_std(socket).map_err(internal)?;
        let (ending, events) = (drain.reached(Phase::Ending), ground.telemetry.clone());
        handle.spawn(async move {
            if let Err(error) =
                admin::serve_current(listener, limits, current, events, ending).await
            {
                tracing::error!(target: "bindgate", "administration ended: {error}");
            }
        });
        Ok(administration)
    }

    /// Requests that come from now on are about another generation.
    pub(super) fn exchange(&self, of: (&Ground, &Generation), config: &Config, drain: &Drain) {
        let paths = paths(of, drain, &self.token, config);
        let access = MetricsAccess::of(self.address);
        self.current.exchange(admin::router(paths, self.limits, access));
    }
}

type Paths = admin::State<Records, SystemClock, crate::telemetry::Telemetry>;

fn paths(
    (ground, generation): (&Ground, &Generation),
    drain: &Drain,
    token: &admin::Token,
    config: &Config,
) -> Paths {
    let (metrics, store, drain) = (ground.telemetry.clone(), ground.store.clone(), drain.clone());
    let (named, in_force) = (generation.named(), config.clone());
    admin::State {
        catalogue: ground.store.clone(),
        clock: SystemClock::default(),
        events: ground.telemetry.clone(),
        directories: generation.policies(),
        views: config.listen.views.clone(),
        oversight: generation.oversee(),
        live: Arc::new(generation.over_worker(0)),
        read_policies: Arc::new(move |text| read_other(text, &in_force)),
        readiness: Arc::new(move || readiness(&store, &named, &drain)),
        render_metrics: Arc::new(move || metrics.render()),
        token: token.clone(),
    }
}

/// A configuration that is not in force; the files that it names need not be here.
fn read_other(text: &str, in_force: &Config) -> Result<admin::Other, String> {
    let other = crate::config::parse(text, "configuration").map_err(|all| all.render())?;
    let reload::Difference { changed, restart } = reload::difference(in_force, &other);
    let directories = other.directories.into_iter();
    Ok(admin::Other {
        policies: directories.map(|directory| Arc::new(directory.policy)).collect(),
        reloaded: changed,
        restart: restart.into_iter().map(str::to_owned).collect(),
    })
}

/// The socket of administration, if there is to be any, and the first token.
pub(super) fn bind(
    config: &admin::Config,
) -> Result<Option<(std::net::TcpListener, admin::Token)>, RunError> {
    let Some(address) = config.listen else {
        return Ok(None);
    };
    let bound = std::net::TcpListener::bind(address)
        .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))
        .map_err(|source| RunError::Admin { address, source })?;
    Ok(Some((bound, admin::Token::load_or_create(&config.token_file)?)))
}

fn readiness(store: &Records, named: &[(Arc<str>, Upstream)], drain: &Drain) -> Vec<ReadyPart> {
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
    parts.extend(named.iter().map(|(name, upstream)| {
        part(format!("directory {name}"), upstream.is_up(), "no server can be reached")
    }));
    parts
}
