//! How servers are authenticated: trusted certificates, and the one TLS provider by name.

use super::{Config, Scheme};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Why TLS towards the directory cannot be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The file of certificates cannot be read.
    #[error("cannot read certificates from {path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: rustls::pki_types::pem::Error,
    },
    /// A certificate in the file is not one.
    #[error("bad certificate in {path}: {error}")]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: rustls::Error,
    },
    /// There is nothing to trust.
    #[error("no trusted certificates in {0}")]
    NoCertificates(String),
    /// The provider cannot do what is asked of it.
    #[error("tls provider: {0}")]
    Provider(#[from] rustls::Error),
}

/// The TLS client that a directory's configuration asks for; `None` if it uses no TLS.
pub(super) fn client(config: &Config) -> Result<Option<Arc<ClientConfig>>, TlsError> {
    let used = config.tls.start_tls || config.urls.iter().any(|url| url.scheme == Scheme::Ldaps);
    let roots = match &config.tls.ca {
        Some(path) => from_file(path)?,
        None if used => from_system()?,
        None => return Ok(None),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(Arc::new(client)))
}

fn from_file(path: &Path) -> Result<RootCertStore, TlsError> {
    let unreadable = |error| TlsError::Unreadable { path: path.to_owned(), error };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        let added = roots.add(certificate.map_err(unreadable)?);
        added.map_err(|error| TlsError::BadCertificate { path: path.to_owned(), error })?;
    }
    if roots.is_empty() {
        return Err(TlsError::NoCertificates(path.display().to_string()));
    }
    Ok(roots)
}

fn from_system() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(TlsError::NoCertificates("the system's store".to_owned()));
    }
    Ok(roots)
}
