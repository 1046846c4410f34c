//! TLS towards clients: certificate, key, and whose certificates are asked for; and how they are
//! put in the place of others while clients are served.

use super::binding::Shown;
use super::{ClientCertificate, TlsConfig, TlsVersion};
use crate::app::events::{ConnectionId, Event, Handshake};
use crate::domain::vouching::NotVouched;
use crate::proto::certificate::Certificate;
use arc_swap::ArcSwap;
use ring::digest;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{HandshakeKind, ProtocolVersion, RootCertStore};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

/// Why a certificate or a key cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read, or holds no PEM.
    #[error("cannot read {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key do not go together, or are of a kind that is not supported.
    #[error("certificate and private key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// Clients' certificates cannot be verified by what there is for it.
    #[error("certificates of clients cannot be verified: {0}")]
    Verifier(#[from] VerifierBuilderError),
    /// Certificates of clients are asked for, and nobody is trusted to have issued them.
    #[error("certificates of clients are asked for, and there is no client_ca to verify them by")]
    NoClientCa,
}

static ONLY_1_3: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// What came of a look at the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// They are as they were.
    Unchanged,
    /// They have changed, and whoever shakes hands from now on is shown what they hold.
    Changed,
}

/// The TLS that clients are served with. All handles share what is in force.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    config: TlsConfig,
    current: ArcSwap<ServerConfig>,
    /// What the files held that are in force.
    loaded: Mutex<Contents>,
}

/// A digest of what the files held, by which a change is known without keeping the key.
#[derive(PartialEq, Eq)]
struct Contents([u8; digest::SHA256_OUTPUT_LEN]);

/// The files, as read at one time.
struct Files {
    certificate: Vec<u8>,
    private_key: Zeroizing<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the files.
    pub fn load(config: &TlsConfig) -> Result<Self, TlsError> {
        let files = Files::read(config)?;
        let current = ArcSwap::from_pointee(server_config(config, &files)?);
        let loaded = Mutex::new(files.contents());
        Ok(Self(Arc::new(Shared { config: config.clone(), current, loaded })))
    }

    /// Reads the files again. What cannot be used, halves of a pair that is being replaced among
    /// it, changes nothing.
    pub fn reload(&self) -> Result<Reloaded, TlsError> {
        let Shared { config, current, loaded } = &*self.0;
        let mut loaded = loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let files = Files::read(config)?;
        let contents = files.contents();
        if contents == *loaded {
            return Ok(Reloaded::Unchanged);
        }
        current.store(Arc::new(server_config(config, &files)?));
        *loaded = contents;
        Ok(Reloaded::Changed)
    }

    /// Who a client is by the certificate that it showed; `None` if it showed none, or if there is no
    /// rule for that.
    pub(super) fn shown_by(&self, session: &ServerConnection) -> Option<Shown> {
        let rule = self.0.config.external_name.as_ref()?;
        let der = session.peer_certificates()?.first()?;
        Some(match Certificate::decode(der) {
            Ok(certificate) => {
                Shown { name: rule.name(&certificate), not_after: certificate.not_after }
            }
            Err(_) => Shown { name: Err(NotVouched::Unreadable), not_after: i64::MIN },
        })
    }

    /// What whoever comes next shakes hands with.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.0.current.load_full()
    }

    /// What the next client shakes hands with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current())
    }
}

/// What is told of a handshake.
pub(super) fn established(conn: ConnectionId, session: &ServerConnection) -> Event<'static> {
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => TlsVersion::V1_3,
        _ => TlsVersion::V1_2,
    };
    let handshake = match session.handshake_kind() {
        Some(HandshakeKind::Resumed) => Handshake::Resumed,
        _ => Handshake::Full,
    };
    let certified = session.peer_certificates().is_some();
    Event::TlsEstablished { conn, version, handshake, certified }
}

impl Files {
    fn read(config: &TlsConfig) -> Result<Self, TlsError> {
        let read = |path: &Path| std::fs::read(path).map_err(|error| unreadable(path, &error));
        Ok(Self {
            certificate: read(&config.certificate)?,
            private_key: Zeroizing::new(read(&config.private_key)?),
            client_ca: config.client_ca.as_deref().map(read).transpose()?,
        })
    }

    fn contents(&self) -> Contents {
        let mut context = digest::Context::new(&digest::SHA256);
        let client_ca = self.client_ca.as_deref().unwrap_or_default();
        for bytes in [&self.certificate, &**self.private_key, client_ca] {
            context.update(&bytes.len().to_be_bytes());
            context.update(bytes);
        }
        let mut contents = [0; digest::SHA256_OUTPUT_LEN];
        contents.copy_from_slice(context.finish().as_ref());
        Contents(contents)
    }
}

/// Sessions are resumed by tickets alone, so nothing is kept of a client that has left. Their keys
/// are new with every reload: a ticket vouches for a client's certificate, and must not outlive the
/// authorities that it was verified by.
fn server_config(config: &TlsConfig, files: &Files) -> Result<ServerConfig, TlsError> {
    let chain = certificates(&config.certificate, &files.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&files.private_key)
        .map_err(|error| malformed(&config.private_key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(config.minimum_version))?
        .with_client_cert_verifier(verifier(config, files)?)
        .with_single_cert(chain, key)?;
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.ticketer = rustls::crypto::ring::Ticketer::new()?;
    Ok(server)
}

fn verifier(config: &TlsConfig, files: &Files) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    if config.client_certificate == ClientCertificate::None {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    let (Some(path), Some(pem)) = (&config.client_ca, &files.client_ca) else {
        return Err(TlsError::NoClientCa);
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, pem)? {
        roots.add(certificate)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    Ok(match config.client_certificate {
        ClientCertificate::Require => verifier.build()?,
        _ => verifier.allow_unauthenticated().build()?,
    })
}

fn versions(minimum: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match minimum {
        TlsVersion::V1_2 => rustls::ALL_VERSIONS,
        TlsVersion::V1_3 => ONLY_1_3,
    }
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(malformed(path, &pem::Error::NoItemsFound)),
        Ok(found) => Ok(found),
        Err(error) => Err(malformed(path, &error)),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> TlsError {
    TlsError::File { path: path.to_owned(), reason: error.to_string() }
}

fn malformed(path: &Path, error: &pem::Error) -> TlsError {
    TlsError::File { path: path.to_owned(), reason: error.to_string() }
}
