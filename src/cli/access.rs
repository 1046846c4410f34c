//! Where the running gateway is, and the token for it.

use super::exit::{CONFIGURATION, Exit, Failure};
use super::trust;
use super::wiring::Parts;
use crate::admin::{TokenError, read_token};
use crate::config::Config;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Wins over the configuration file's `[admin] listen`.
pub const URL_VARIABLE: &str = "BINDGATE_ADMIN_URL";
/// Wins over the configuration file's `[admin] token_file`.
pub const TOKEN_FILE_VARIABLE: &str = "BINDGATE_ADMIN_TOKEN_FILE";
/// The configuration file if neither `--config` nor `BINDGATE_CONFIG` names one.
pub const DEFAULT_CONFIG: &str = "/etc/bindgate/bindgate.toml";

/// A gateway's admin API.
pub(super) struct Access {
    /// Without a slash at the end.
    pub(super) url: String,
    pub(super) token: Zeroizing<String>,
    /// Whom it is believed to be.
    pub(super) tls: ureq::tls::TlsConfig,
}

/// The configuration file's path.
pub(super) fn config_path(given: Option<PathBuf>) -> PathBuf {
    given.unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG))
}

/// Reads the configuration; all its mistakes are the failure.
pub(super) fn load(parts: &Parts, path: &Path) -> Result<Config, Failure> {
    (parts.load)(path).map_err(|problems| Failure::new(Exit::Usage, CONFIGURATION, problems))
}

/// Finds the gateway: the environment first, and the file for what it leaves open.
pub(super) fn find(parts: &Parts, config: Option<PathBuf>) -> Result<Access, Failure> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let (url, token_file, certificate) =
        match (variable(URL_VARIABLE), variable(TOKEN_FILE_VARIABLE)) {
            (Some(url), Some(file)) => {
                (checked_url(url.into_string().ok())?, PathBuf::from(file), None)
            }
            (url, file) => {
                let admin = (parts.load_admin)(&config_path(config))
                    .map_err(|problems| Failure::new(Exit::Usage, CONFIGURATION, problems))?;
                let certificate = admin.tls.as_ref().map(|tls| tls.certificate.clone());
                let url = match url {
                    Some(url) => checked_url(url.into_string().ok())?,
                    None => configured_url(&admin)?,
                };
                (url, file.map_or(admin.token_file, PathBuf::from), certificate)
            }
        };
    let token = read_token(&token_file).map_err(token_failure)?;
    let tls = match url.starts_with("https://") {
        true => trust::trust(certificate.as_deref())?,
        false => ureq::tls::TlsConfig::default(),
    };
    Ok(Access { url, token, tls })
}

fn configured_url(admin: &crate::admin::Config) -> Result<String, Failure> {
    let scheme = if admin.tls.is_some() { "https" } else { "http" };
    match (&admin.url, admin.listen) {
        (Some(url), Some(_)) => Ok(url.clone()),
        (None, Some(address)) => Ok(format!("{scheme}://{}", reachable(address))),
        (_, None) => {
            let detail = "administration is turned off in the configuration";
            Err(Failure::new(Exit::Unavailable, "unreachable", detail))
        }
    }
}

fn checked_url(url: Option<String>) -> Result<String, Failure> {
    url.filter(|url| url.starts_with("http://") || url.starts_with("https://"))
        .map(|url| url.trim_end_matches('/').to_owned())
        .ok_or_else(|| {
            let detail = format!("{URL_VARIABLE} must begin with http:// or https://");
            Failure::new(Exit::Usage, "usage", detail)
        })
}

/// Where a listener on this address is reached from the same machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

fn token_failure(error: TokenError) -> Failure {
    let detail = error.to_string();
    match error {
        TokenError::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
            Failure::new(Exit::NotAllowed, "not-allowed", detail)
        }
        _ => {
            let hint = "; the gateway makes it when it starts for the first time";
            Failure::new(Exit::Unavailable, "no-token", detail + hint)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(listen: &str, expected: &str) {
        assert_eq!(reachable(listen.parse().unwrap()).to_string(), expected);
    }

    #[test]
    fn a_listener_on_every_address_is_reached_on_loopback() {
        check("0.0.0.0:8389", "127.0.0.1:8389");
        check("[::]:8389", "[::1]:8389");
        check("10.0.0.7:8389", "10.0.0.7:8389");
    }

    #[test]
    fn a_url_that_is_of_another_scheme_is_a_usage_error() {
        assert_eq!(checked_url(Some("http://h:1/".into())).unwrap(), "http://h:1");
        assert_eq!(checked_url(Some("https://h".into())).unwrap(), "https://h");
        for url in [Some("ldap://h:1".into()), Some("h:1".into()), None] {
            assert_eq!(checked_url(url).unwrap_err().exit, Exit::Usage);
        }
    }
}
