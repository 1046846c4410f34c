//! The clients' side: listeners, TLS, one task a connection.

mod addresses;
mod admission;
mod balancer;
mod binding;
mod buffer;
mod connection;
mod drain;
mod listener;
mod naming;
mod negotiating;
mod outstanding;
mod paging;
mod referring;
mod reloaded;
mod reply;
mod requests;
mod responses;
mod root;
mod scratch;
mod serving;
mod sessions;
mod sharing;
mod stall;
mod suffix;
mod timing;
mod tls;
mod transactions;
mod upgrade;
mod upstream;
mod view;

pub use crate::app::events::TlsVersion;
pub use drain::{Drain, Phase};
pub use listener::{Address, Keeping, ListenError, Listeners, serve_client};
pub use reloaded::Served;
pub use sessions::Sessions;
pub use tls::{Reloaded, Tls, TlsError};

use crate::domain::source::Network;
use crate::domain::view::Views;
use crate::domain::vouching;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How clients are served over TLS: the section `[listen.tls]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub private_key: PathBuf,
    /// The oldest version that is spoken (`minimum_version`).
    pub minimum_version: TlsVersion,
    /// Who may have issued certificates of clients, PEM (`client_ca`).
    pub client_ca: Option<PathBuf>,
    /// Whether clients are asked for certificates (`client_certificate`).
    pub client_certificate: ClientCertificate,
    /// How a name is made of a client's certificate, for SASL EXTERNAL (`external_name`).
    pub external_name: Option<vouching::Rule>,
    /// Whether the entry of that name is searched for (`external_search`).
    pub external_search: bool,
    /// How often the files are looked at for a change; zero is never (`reload_interval`).
    pub reload_interval: Duration,
}

/// Whether clients are asked for certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificate {
    /// They are not.
    None,
    /// They are, and go on without one.
    Request,
    /// They are, and who has none is not served over TLS.
    Require,
}

/// Where passwords may come in clear (`require_confidentiality`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidentiality {
    /// On loopback.
    RequiredElsewhere,
    /// Nowhere.
    Required,
    /// Everywhere.
    NotRequired,
}

/// What the clients' side is configured with: the section `[listen]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Addresses for plain LDAP.
    pub ldap: Vec<SocketAddr>,
    /// Addresses for LDAPS.
    pub ldaps: Vec<SocketAddr>,
    /// The networks whose connections begin with a PROXY protocol header (`proxy_protocol`).
    pub proxy_protocol: Vec<Network>,
    /// Whether clients do nothing but bind (`bind_only`).
    pub bind_only: bool,
    /// What some clients may do and are shown: the sections `[[view]]`.
    pub views: Views,
    /// How TLS is served.
    pub tls: Option<TlsConfig>,
    /// How clients reach this gateway, without a slash at the end (`public_url`); `None` if that is
    /// not known.
    pub public_url: Option<String>,
    /// Where passwords may come in clear (`require_confidentiality`).
    pub confidentiality: Confidentiality,
    /// The most bytes of one message from a client (`max_message_size`).
    pub max_message_size: usize,
    /// The most operations that a client may have outstanding (`max_outstanding`).
    pub max_outstanding: usize,
    /// The most controls of one message (`max_controls`).
    pub max_controls: usize,
    /// The deepest nesting of a search's filter (`max_filter_depth`).
    pub max_filter_depth: usize,
    /// The most components of a search's filter (`max_filter_items`).
    pub max_filter_items: usize,
    /// The most searches in pages that a client may have begun and not finished (`max_cookies`).
    pub max_cookies: usize,
    /// The most updates of one transaction (`max_transaction`).
    pub max_transaction: usize,
    /// The most client connections of one address; 0 is no limit (`max_clients_per_address`).
    pub max_clients_per_address: usize,
    /// The most client connections (`max_clients`).
    pub max_clients: usize,
    /// The most bytes that wait for a client that does not read (`max_unread`).
    pub max_unread: usize,
    /// How long a client may take until it has asked for something and been answered; zero is for
    /// ever, as with those below (`pre_bind_timeout`).
    pub pre_bind_timeout: Duration,
    /// How long a client may take for the next step of a SASL bind (`sasl_step_timeout`).
    pub sasl_step_timeout: Duration,
    /// How long one message may take from its first byte to its last (`read_timeout`).
    pub read_timeout: Duration,
    /// How long a client may take not a byte of those that wait for it (`write_timeout`).
    pub write_timeout: Duration,
    /// How long an operation may take (`operation_timeout`).
    pub operation_timeout: Duration,
    /// How long a bind waits for the operations before it (`bind_wait_timeout`).
    pub bind_wait_timeout: Duration,
    /// How long a client may take for its TLS handshake, and a balancer for its header before it
    /// (`handshake_timeout`).
    pub handshake_timeout: Duration,
    /// How long a client may be silent with nothing outstanding; zero is for ever (`idle_timeout`).
    pub idle_timeout: Duration,
    /// How long clients have to finish at a shutdown (`drain_timeout`).
    pub drain_timeout: Duration,
    /// How many worker threads serve clients; 0 is one a core (`workers`).
    pub workers: usize,
}

impl Config {
    /// What is listened on, plain addresses first; for LDAPS only where there is a certificate.
    pub fn listened(&self) -> Vec<Address> {
        let secure = self.ldaps.iter().filter(|_| self.tls.is_some());
        let plain = self.ldap.iter().copied().map(Address::plain);
        plain.chain(secure.copied().map(Address::secure)).collect()
    }

    /// All addresses that clients connect to, as they are configured.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.ldap.iter().chain(&self.ldaps).copied().collect()
    }

    /// Whether some clients do nothing but bind.
    pub fn has_bind_only(&self) -> bool {
        self.bind_only || self.views.all().iter().any(|view| view.bind_only)
    }
}
