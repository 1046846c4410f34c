//! Whom the commands believe to be the gateway, where they reach it over TLS: who bears a certificate of
//! an authority in `BINDGATE_ADMIN_CA_FILE`; without that, of one that this machine trusts, or that stands
//! in the file of the certificate that the configuration names.

use super::exit::{Exit, Failure};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// The file with the certificates of authorities, PEM, by which the gateway is trusted.
pub const CA_FILE_VARIABLE: &str = "BINDGATE_ADMIN_CA_FILE";

/// What the gateway's certificate is verified by. Where the configuration is not read there is no
/// certificate in it.
pub(super) fn trust(configured: Option<&Path>) -> Result<TlsConfig, Failure> {
    let named = std::env::var_os(CA_FILE_VARIABLE).filter(|value| !value.is_empty());
    let roots = match named.map(PathBuf::from) {
        Some(path) => certificates(&path).map_err(|reason| {
            let detail = format!("{CA_FILE_VARIABLE}: {}: {reason}", path.display());
            Failure::new(Exit::Usage, "usage", detail)
        })?,
        None => {
            let own = rustls_native_certs::load_native_certs().certs;
            // Whoever may not read it, or asks from elsewhere, goes on with what this machine trusts.
            let configured = configured.and_then(|path| certificates(path).ok());
            own.into_iter().chain(configured.into_iter().flatten()).collect()
        }
    };
    let roots: Vec<_> = roots.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(provider)
        .build())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    let found: Result<Vec<_>, _> = found.collect();
    found.map_err(|error| error.to_string())
}
