//! Administration beside the workers: what it is told of the gateway, and that anew after a reload.

use super::certificates::{self, Bell, ShownTo};
use super::clock::SystemClock;
use super::generation::{Generation, Ground};
use super::reload;
use super::running::{Records, Upstream};
use super::{Config, RunError};
use crate::admin::{self, MetricsAccess, PartState, ReadyPart};
use crate::app::ports::Catalogue;
use crate::frontend::{self, ClientCertificate, Drain, ListenError, Phase, Tls, TlsConfig};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// What administration needs before anything is served.
pub(super) struct Door {
    socket: TcpListener,
    token: admin::FirstToken,
    tls: Option<Tls>,
    configured: admin::Config,
}

impl Door {
    /// Binds the address, and reads token and certificate; `None` if administration is turned off. What
    /// is served `before` keeps an address that is the same, and a certificate.
    pub(super) fn open(
        config: &admin::Config,
        before: Option<&Administration>,
    ) -> Result<Option<Self>, RunError> {
        let Some(address) = config.listen else {
            return Ok(None);
        };
        let tls = match before.filter(|before| before.configured.tls == config.tls) {
            Some(before) => before.tls.clone(),
            None => {
                let tls = config.tls.as_ref().map(|files| Tls::load(&as_clients(files)));
                tls.transpose().map_err(ListenError::from)?
            }
        };
        let socket = match before.filter(|before| before.configured.listen == config.listen) {
            Some(before) => before.socket.try_clone(),
            None => TcpListener::bind(address)
                .and_then(|socket| socket.set_nonblocking(true).map(|()| socket)),
        };
        let socket = socket.map_err(|source| RunError::Admin { address, source })?;
        let token = admin::FirstToken::load_or_create(&config.token_file)?;
        Ok(Some(Self { socket, token, tls, configured: config.clone() }))
    }
}

/// The same as for clients of LDAP who show no certificate.
fn as_clients(files: &admin::TlsConfig) -> TlsConfig {
    TlsConfig {
        certificate: files.certificate.clone(),
        private_key: files.private_key.clone(),
        minimum_version: frontend::TlsVersion::V1_2,
        client_ca: None,
        client_certificate: ClientCertificate::None,
        external_name: None,
        external_search: false,
        reload_interval: files.reload_interval,
    }
}

/// Administration that is served, until this is dropped; requests under way are answered then.
pub(super) struct Administration {
    pub(super) address: SocketAddr,
    socket: TcpListener,
    tls: Option<Tls>,
    configured: admin::Config,
    current: admin::Current,
    limits: admin::Limits,
    metrics: MetricsAccess,
    token: admin::FirstToken,
    watch: Option<AbortHandle>,
    _stop: oneshot::Sender<()>,
}

impl Drop for Administration {
    fn drop(&mut self) {
        self.watch.iter().for_each(AbortHandle::abort);
    }
}

impl Administration {
    /// Serves it.
    pub(super) fn start(
        Door { socket, token, tls, configured }: Door,
        (ground, generation): (&Ground, &Generation),
        config: &Config,
        (handle, drain, bell): (&Handle, &Drain, &Bell),
    ) -> Result<Self, RunError> {
        let internal = |error: std::io::Error| RunError::Internal(error.to_string());
        let address = socket.local_addr().map_err(internal)?;
        let (limits, metrics) = (configured.limits, access(&configured, address));
        let paths = paths((ground, generation), drain, token, config);
        let current = admin::Current::new(admin::router(paths, limits, metrics));
        let shaken = tls.clone().map(|tls| Arc::new(move || tls.current()) as admin::Tls);
        let _inside = handle.enter();
        let listener = socket.try_clone().and_then(tokio::net::TcpListener::from_std);
        let listener = listener.map_err(internal)?;
        let (ending, events) = (drain.reached(Phase::Ending), ground.telemetry.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = async move {
            tokio::select! {
                () = ending => {}
                _ = stopped => {}
            }
        };
        let (served, told) = (current.clone(), events.clone());
        handle.spawn(async move {
            admin::serve_current(listener, (limits, shaken), served, told, ended).await;
        });
        let watched = tls.clone().zip(configured.tls.as_ref());
        let watch = watched.map(|(tls, files)| {
            let shown = (tls, ShownTo::Administrators);
            let watch = certificates::watch(shown, files.reload_interval, bell.clone(), events);
            handle.spawn(watch).abort_handle()
        });
        let _stop = stop;
        Ok(Self { address, socket, tls, configured, current, limits, metrics, token, watch, _stop })
    }

    /// Reads the file of the first admin token again; whether it is another.
    pub(super) fn read_token(&mut self) -> Result<bool, admin::TokenError> {
        let token = admin::FirstToken::load_or_create(&self.configured.token_file)?;
        let is_another = token != self.token;
        self.token = token;
        Ok(is_another)
    }

    /// Requests that come from now on are about another generation.
    pub(super) fn exchange(&self, of: (&Ground, &Generation), config: &Config, drain: &Drain) {
        let paths = paths(of, drain, self.token, config);
        self.current.exchange(admin::router(paths, self.limits, self.metrics));
    }
}

fn access(config: &admin::Config, address: SocketAddr) -> MetricsAccess {
    if config.metrics_public { MetricsAccess::Open } else { MetricsAccess::of(address) }
}

type Paths = admin::State<Records, SystemClock, crate::telemetry::Telemetry>;

fn paths(
    (ground, generation): (&Ground, &Generation),
    drain: &Drain,
    token: admin::FirstToken,
    config: &Config,
) -> Paths {
    let (metrics, store) = (ground.telemetry.clone(), ground.store.clone());
    let (named, in_force) = (generation.named(), config.clone());
    let sessions = Arc::new(drain.sessions().clone());
    let drain = drain.clone();
    admin::State {
        catalogue: ground.store.clone(),
        clock: SystemClock::default(),
        events: ground.telemetry.clone(),
        directories: generation.policies(),
        serve: generation.served(),
        views: config.listen.views.clone(),
        oversight: generation.oversee(),
        live: Arc::new(generation.over_worker(0)),
        sessions,
        read_policies: Arc::new(move |text| read_other(text, &in_force)),
        readiness: Arc::new(move || readiness(&store, &named, &drain)),
        render_metrics: Arc::new(move || metrics.render()),
        token,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(listen: &str, lines: &str, expected: MetricsAccess) {
        let text = format!(
            "[admin]\nlisten = \"{listen}\"\n{lines}\n[admin.tls]\ncertificate = \"c\"\n\
             private_key = \"k\"\n[[directory]]\nname = \"corp\"\nurls = [\"ldap://x\"]\n\
             suffixes = [\"dc=x\"]\nservice_account = {{ dn = \"cn=g,dc=x\", password_file = \"p\" }}\n"
        );
        let config = crate::config::parse(&text, "f");
        let config = config.unwrap_or_else(|problems| panic!("{}", problems.render())).admin;
        let address = config.listen.expect("it listens");
        assert_eq!(access(&config, address), expected, "{listen} {lines}");
    }

    #[test]
    fn metrics_are_open_on_loopback_and_elsewhere_where_that_is_said() {
        check("127.0.0.1:1", "", MetricsAccess::Open);
        check("0.0.0.0:1", "", MetricsAccess::Token);
        check("0.0.0.0:1", "metrics_public = false", MetricsAccess::Token);
        check("0.0.0.0:1", "metrics_public = true", MetricsAccess::Open);
    }
}
