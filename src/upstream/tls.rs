//! How servers are authenticated: trusted certificates, and the one TLS provider by name.

use super::{Config, Scheme};
use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
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

/// The TLS client of a directory. It can be made anew, and connections that are made from then on
/// are made with that one.
pub(super) struct Client {
    /// Where the certificates to trust are; the system's if there is none.
    file: Option<PathBuf>,
    /// The file as it was read last.
    read: Mutex<Vec<u8>>,
    current: ArcSwap<ClientConfig>,
}

/// The TLS client that a directory's configuration asks for; `None` if it uses no TLS.
pub(super) fn client(config: &Config) -> Result<Option<Arc<Client>>, TlsError> {
    let used = config.tls.start_tls || config.urls.iter().any(|url| url.scheme == Scheme::Ldaps);
    let (bytes, roots) = match &config.tls.ca {
        Some(path) => from_file(path)?,
        None if used => (Vec::new(), from_system()?),
        None => return Ok(None),
    };
    let (file, current) = (config.tls.ca.clone(), ArcSwap::new(with(roots)?));
    Ok(Some(Arc::new(Client { file, read: Mutex::new(bytes), current })))
}

impl Client {
    /// What a connection is made with now.
    pub(super) fn current(&self) -> Arc<ClientConfig> {
        self.current.load_full()
    }

    /// Reads the certificates to trust again; whether they have changed. Such as cannot be used leave
    /// the old ones in force, and so does the system's store, which is read once.
    pub(super) fn reload(&self) -> Result<bool, TlsError> {
        let Some(path) = &self.file else { return Ok(false) };
        let (bytes, roots) = from_file(path)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *read == bytes {
            return Ok(false);
        }
        self.current.store(with(roots)?);
        *read = bytes;
        Ok(true)
    }
}

fn with(roots: RootCertStore) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(client))
}

fn from_file(path: &Path) -> Result<(Vec<u8>, RootCertStore), TlsError> {
    let unreadable = |error| TlsError::Unreadable { path: path.to_owned(), error };
    let mut roots = RootCertStore::empty();
    let bytes = std::fs::read(path).map_err(|error| unreadable(pem::Error::Io(error)))?;
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let added = roots.add(certificate.map_err(unreadable)?);
        added.map_err(|error| TlsError::BadCertificate { path: path.to_owned(), error })?;
    }
    if roots.is_empty() {
        return Err(TlsError::NoCertificates(path.display().to_string()));
    }
    Ok((bytes, roots))
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
