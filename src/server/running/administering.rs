//! Administration of a running gateway: its socket, its certificate, and what it is handed.

use super::{Running, policies, read_policies, readiness};
use crate::admin::{self, MetricsAccess};
use crate::app::live::Live;
use crate::app::oversight::Oversight;
use crate::frontend::{self, ClientCertificate, ListenError, Phase, Tls, TlsConfig};
use crate::server::{Config, RunError, SystemClock};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// What administration needs before anything is served.
pub(super) struct Door {
    socket: TcpListener,
    token: admin::FirstToken,
    tls: Option<Tls>,
}

impl Door {
    /// Binds the address, and reads token and certificate; `None` if administration is turned off.
    pub(super) fn open(config: &admin::Config) -> Result<Option<Self>, RunError> {
        let Some(address) = config.listen else {
            return Ok(None);
        };
        let tls = config.tls.as_ref().map(|files| Tls::load(&as_clients(files))).transpose();
        let tls = tls.map_err(ListenError::from)?;
        let socket = TcpListener::bind(address)
            .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))
            .map_err(|source| RunError::Admin { address, source })?;
        let token = admin::FirstToken::load_or_create(&config.token_file)?;
        Ok(Some(Self { socket, token, tls }))
    }

    /// What administrators shake hands with.
    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
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

impl Running {
    pub(super) fn administer(
        &mut self,
        config: &Config,
        Door { socket, token, tls }: Door,
        (oversight, live): (Arc<dyn Oversight>, Arc<dyn Live>),
    ) -> Result<(), RunError> {
        let telemetry = &self.telemetry;
        let internal = |error: std::io::Error| RunError::Internal(error.to_string());
        let address = socket.local_addr().map_err(internal)?;
        self.admin = Some(address);
        let (metrics, store, drain) = (telemetry.clone(), self.store.clone(), self.drain.clone());
        let upstreams = self.upstreams.clone();
        let policies = policies(config);
        let names: Vec<_> = policies.iter().map(|policy| policy.name.clone()).collect();
        let state = admin::State {
            catalogue: self.store.clone(),
            clock: SystemClock::default(),
            events: telemetry.clone(),
            directories: policies,
            views: config.listen.views.clone(),
            oversight,
            live,
            sessions: Arc::new(self.drain.sessions().clone()),
            read_policies: Arc::new(read_policies),
            readiness: Arc::new(move || readiness(&store, &names, &upstreams, &drain)),
            render_metrics: Arc::new(move || metrics.render()),
            token,
        };
        let tls = tls.map(|tls| Arc::new(move || tls.current()) as admin::Tls);
        let (limits, metrics) = (config.admin.limits, access(&config.admin, address));
        let _inside = self.control.handle.enter();
        let listener = tokio::net::TcpListener::from_std(socket).map_err(internal)?;
        let ending = self.drain.reached(Phase::Ending);
        self.control.handle.spawn(async move {
            admin::serve(listener, limits, (tls, metrics), state, ending).await;
        });
        Ok(())
    }
}

fn access(config: &admin::Config, address: SocketAddr) -> MetricsAccess {
    if config.metrics_public { MetricsAccess::Open } else { MetricsAccess::of(address) }
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
