//! Whom the commands believe to be the gateway, where they reach it over TLS: who bears a certificate of
//! an authority in `BINDGATE_ADMIN_CA_FILE`; without that, of one that this machine trusts, or that stands
//! in the file of the certificate that the configuration names.

use super::exit::{Exit, Failure};
use crate::telemetry::https;
use std::path::{Path, PathBuf};
use ureq::tls::TlsConfig;

/// The file with the certificates of authorities, PEM, by which the gateway is trusted.
pub const CA_FILE_VARIABLE: &str = "BINDGATE_ADMIN_CA_FILE";

/// What the gateway's certificate is verified by. Where the configuration is not read there is no
/// certificate in it.
pub(super) fn trust(configured: Option<&Path>) -> Result<TlsConfig, Failure> {
    let named = std::env::var_os(CA_FILE_VARIABLE).filter(|value| !value.is_empty());
    let roots = match named.map(PathBuf::from) {
        Some(path) => https::certificates(&path).map_err(|reason| {
            let detail = format!("{CA_FILE_VARIABLE}: {}: {reason}", path.display());
            Failure::new(Exit::Usage, "usage", detail)
        })?,
        None => {
            let own = https::of_this_machine();
            // Whoever may not read it, or asks from elsewhere, goes on with what this machine trusts.
            let configured = configured.and_then(|path| https::certificates(path).ok());
            own.into_iter().chain(configured.into_iter().flatten()).collect()
        }
    };
    Ok(https::believing(&roots))
}
