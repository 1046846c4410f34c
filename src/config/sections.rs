//! The sections that stand once: listen, store, log, sign_on, throttle.

use super::reader::{FileKind, Reader, Section, resolve};
use super::relay;
use super::value::{self, Mistake};
use crate::app::reconcile;
use crate::app::sign_on::{self, SyncMode};
use crate::app::throttle;
use crate::domain::view::Views;
use crate::domain::vouching;
use crate::frontend::{ClientCertificate, Confidentiality, TlsVersion};
use crate::telemetry::{LogFormat, LogLevel};
use crate::{frontend, store, telemetry};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// Reads `[listen]`.
pub(super) fn listen<'d>(r: &mut Reader<'d>, root: &Section<'d>) -> Option<frontend::Config> {
    let section = r.section(root, "listen");
    let ldap = r.list(&section, "ldap", value::address);
    let ldaps = r.list(&section, "ldaps", value::address);
    let tls = listen_tls(r, &section);
    let public_url = public_url(r, &section);
    let confidentiality = confidentiality(r, &section);
    let bind_only = r.flag(&section, "bind_only");
    let proxy_protocol = r.list(&section, "proxy_protocol", value::network);
    let max_message_size = r.size(&section, "max_message_size");
    let max_outstanding = r.amount(&section, "max_outstanding");
    let max_controls = r.amount(&section, "max_controls");
    let max_filter_depth = r.amount(&section, "max_filter_depth");
    let max_filter_items = r.amount(&section, "max_filter_items");
    let max_cookies = r.amount(&section, "max_cookies");
    let max_transaction = r.amount(&section, "max_transaction");
    let max_clients_per_address = r.amount(&section, "max_clients_per_address");
    let max_clients = r.amount(&section, "max_clients");
    let max_unread = r.size(&section, "max_unread");
    let handshake_timeout = r.duration(&section, "handshake_timeout");
    let pre_bind_timeout = r.duration(&section, "pre_bind_timeout");
    let sasl_step_timeout = r.duration(&section, "sasl_step_timeout");
    let read_timeout = r.duration(&section, "read_timeout");
    let write_timeout = r.duration(&section, "write_timeout");
    let bind_wait_timeout = r.duration(&section, "bind_wait_timeout");
    let operation_timeout = r.duration(&section, "operation_timeout");
    let idle_timeout = r.duration(&section, "idle_timeout");
    let drain_timeout = r.duration(&section, "drain_timeout");
    let workers = r.amount(&section, "workers");
    if let (Some(ldap), Some(ldaps)) = (&ldap, &ldaps) {
        judge_addresses(r, &section, ldap, ldaps);
    }
    judge_ldaps(r, ldaps.as_deref(), tls.as_ref());
    if let (Some(ldap), Some(tls), Some(confidentiality)) = (&ldap, &tls, confidentiality) {
        judge_clear(r, ldap, tls.as_ref(), confidentiality);
    }
    let (ldap, ldaps, tls) = (plain(ldap?), plain(ldaps?), tls?);
    let public_url = public_url?.or_else(|| relay::first_address(&ldap, &ldaps));
    Some(frontend::Config {
        ldap,
        ldaps,
        public_url,
        bind_only: bind_only?,
        views: Views::default(),
        proxy_protocol: plain(proxy_protocol?),
        tls,
        confidentiality: confidentiality?,
        max_message_size: max_message_size?,
        max_outstanding: max_outstanding?,
        max_controls: max_controls?,
        max_filter_depth: max_filter_depth?,
        max_filter_items: max_filter_items?,
        max_cookies: max_cookies?,
        max_transaction: max_transaction?,
        max_clients_per_address: max_clients_per_address?,
        max_clients: max_clients?,
        max_unread: max_unread?,
        handshake_timeout: handshake_timeout?,
        pre_bind_timeout: pre_bind_timeout?,
        sasl_step_timeout: sasl_step_timeout?,
        read_timeout: read_timeout?,
        write_timeout: write_timeout?,
        bind_wait_timeout: bind_wait_timeout?,
        operation_timeout: operation_timeout?,
        idle_timeout: idle_timeout?,
        drain_timeout: drain_timeout?,
        workers: workers?,
    })
}

/// What LDAPS needs.
fn judge_ldaps(
    r: &mut Reader<'_>,
    ldaps: Option<&[Spanned<SocketAddr>]>,
    tls: Option<&Option<frontend::TlsConfig>>,
) {
    if let (Some([first, ..]), Some(None)) = (ldaps, tls) {
        let help = "add [listen.tls] with certificate and private_key, or take the address out";
        r.error(first.span(), "`ldaps` needs [listen.tls], which is missing", help);
    }
}

/// What becomes of passwords at addresses that can be reached over a network.
fn judge_clear(
    r: &mut Reader<'_>,
    ldap: &[Spanned<SocketAddr>],
    tls: Option<&frontend::TlsConfig>,
    confidentiality: Confidentiality,
) {
    let is_afar = |address: &&Spanned<SocketAddr>| !address.get_ref().ip().is_loopback();
    let Some(address) = ldap.iter().find(is_afar) else {
        return;
    };
    if confidentiality == Confidentiality::NotRequired {
        let help = "`ldaps` or StartTLS, and `require_confidentiality` left out";
        r.warning(address.span(), "passwords that come here can be read on the way", help);
    } else if tls.is_none() {
        let help =
            "[listen.tls], so that StartTLS is offered; or `require_confidentiality = false`";
        let message = "binds with a password are refused here: they come in clear";
        r.warning(address.span(), message, help);
    }
}

fn public_url<'d>(r: &mut Reader<'d>, listen: &Section<'d>) -> Option<Option<String>> {
    r.optional(listen, "public_url", |r, section, key| {
        r.text(section, key, relay::public_url).map(Spanned::into_inner)
    })
}

fn listen_tls<'d>(r: &mut Reader<'d>, listen: &Section<'d>) -> Option<Option<frontend::TlsConfig>> {
    let section = r.section(listen, "listen.tls");
    if !section.is_present() {
        return Some(None);
    }
    let certificate = r.file(&section, "certificate", FileKind::Certificates);
    let private_key = r.file(&section, "private_key", FileKind::PrivateKey);
    let versions = [("1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)];
    let minimum_version = r.choice(&section, "minimum_version", &versions);
    let asked = [
        ("none", ClientCertificate::None),
        ("request", ClientCertificate::Request),
        ("require", ClientCertificate::Require),
    ];
    let client_certificate = r.choice(&section, "client_certificate", &asked);
    let client_ca = r.optional(&section, "client_ca", |r, section, name| {
        r.file(section, name, FileKind::Certificates)
    });
    match (client_certificate, &client_ca) {
        (Some(ClientCertificate::Request | ClientCertificate::Require), Some(None)) => {
            let help = "client_ca = a file with the certificates of those who issue them";
            let message = "certificates of clients are asked for, and nothing verifies them";
            r.error(section.span(), message, help);
        }
        (Some(ClientCertificate::None), Some(Some(_))) => {
            let help = "client_certificate = \"request\" or \"require\"";
            r.warning(section.span(), "`client_ca` is not used: no client is asked", help);
        }
        _ => {}
    }
    let external_name = r.optional(&section, "external_name", |r, section, name| {
        let help = "for example \"uid={cn},ou=people,dc=example,dc=com\", or \"{subject}\"";
        let rule = |text: &str| {
            vouching::Rule::parse(text).map_err(|bad| Mistake::new(bad.to_string(), help))
        };
        r.text(section, name, rule)
    });
    if let (Some(ClientCertificate::None), Some(Some(rule))) = (client_certificate, &external_name)
    {
        let help = "client_certificate = \"request\" or \"require\", and client_ca";
        r.warning(rule.span(), "`external_name` is not used: no client is asked", help);
    }
    let external_search = r.flag(&section, "external_search");
    if let (Some(true), Some(None), Some(given)) =
        (external_search, &external_name, section.get("external_search"))
    {
        let help = "for example external_name = \"mail={mail},ou=people,dc=example,dc=com\"";
        r.error(given.span(), "`external_search` needs `external_name`, which is missing", help);
    }
    let reload_interval = r.duration(&section, "reload_interval");
    Some(Some(frontend::TlsConfig {
        certificate: certificate?,
        private_key: private_key?,
        minimum_version: minimum_version?,
        client_ca: client_ca?,
        client_certificate: client_certificate?,
        external_name: external_name?.map(Spanned::into_inner),
        external_search: external_search?,
        reload_interval: reload_interval?,
    }))
}

fn confidentiality<'d>(r: &mut Reader<'d>, listen: &Section<'d>) -> Option<Confidentiality> {
    Some(match r.optional(listen, "require_confidentiality", Reader::flag)? {
        None => Confidentiality::RequiredElsewhere,
        Some(true) => Confidentiality::Required,
        Some(false) => Confidentiality::NotRequired,
    })
}

fn judge_addresses(
    r: &mut Reader<'_>,
    section: &Section<'_>,
    ldap: &[Spanned<SocketAddr>],
    ldaps: &[Spanned<SocketAddr>],
) {
    if ldap.is_empty() && ldaps.is_empty() {
        let help = "give `ldap`, `ldaps` or both at least one address";
        r.error(section.span(), "nobody could connect: there is no address to listen on", help);
    }
    for address in ldaps.iter().filter(|address| address.get_ref().port() != 0) {
        if ldap.iter().any(|other| other.get_ref() == address.get_ref()) {
            let help = "plain LDAP and LDAPS need ports of their own";
            r.error(address.span(), "this address stands in `ldap` too", help);
        }
    }
}

pub(super) fn plain<T>(located: Vec<Spanned<T>>) -> Vec<T> {
    located.into_iter().map(Spanned::into_inner).collect()
}

/// Reads `[store]`; a relative folder starts at `folder`.
pub(super) fn store<'d>(
    r: &mut Reader<'d>,
    root: &Section<'d>,
    folder: &Path,
) -> Option<store::Config> {
    let section = r.section(root, "store");
    let url = r.text(&section, "url", |text| store_folder(folder, text));
    let max_waiting = r.amount(&section, "max_waiting");
    let mark_interval = r.duration(&section, "mark_interval");
    let max_audit_rows = r.count(&section, "max_audit_rows");
    let max_observation_size = r.size(&section, "max_observation_size");
    let max_audit_age = r.duration(&section, "max_audit_age");
    Some(store::Config {
        folder: url?.into_inner(),
        max_waiting: max_waiting?,
        mark_interval: mark_interval?,
        max_audit_rows: max_audit_rows?,
        max_observation_size: max_observation_size?,
        max_audit_age: max_audit_age?,
    })
}

fn store_folder(folder: &Path, text: &str) -> Result<PathBuf, Mistake> {
    let help = "file:FOLDER, for example \"file:/var/lib/bindgate\"";
    let scheme = text.split(':').next().unwrap_or_default().to_ascii_lowercase();
    if matches!(scheme.as_str(), "postgres" | "postgresql") {
        let what = "a store in PostgreSQL is not available in this version";
        return Err(Mistake::new(what, help).at(0..scheme.len()));
    }
    let Some(path) = text.strip_prefix("file:") else {
        return Err(Mistake::new(format!("\"{text}\" is no URL of a store"), help));
    };
    match path.strip_prefix("//") {
        Some(path) if !path.starts_with('/') => {
            let what = "a file: URL with a host is not a folder of this machine";
            Err(Mistake::new(what, help).at(5..text.len()))
        }
        Some(path) => resolve(folder, path),
        None => resolve(folder, path),
    }
}

/// Reads `[log]`.
pub(super) fn log<'d>(r: &mut Reader<'d>, root: &Section<'d>) -> Option<telemetry::Config> {
    let section = r.section(root, "log");
    let levels = [
        ("off", LogLevel::Off),
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
    ];
    let level = r.choice(&section, "level", &levels);
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let format = r.choice(&section, "format", &formats);
    Some(telemetry::Config { level: level?, format: format? })
}

/// Reads `[sign_on]`.
pub(super) fn sign_on<'d>(r: &mut Reader<'d>, root: &Section<'d>) -> Option<sign_on::Config> {
    let section = r.section(root, "sign_on");
    let enabled = r.flag(&section, "enabled");
    let modes = [("before-reply", SyncMode::BeforeReply), ("after-reply", SyncMode::AfterReply)];
    let sync = r.choice(&section, "sync", &modes);
    let budget = r.duration(&section, "budget");
    let patience = r.duration(&section, "barrier_patience");
    Some(sign_on::Config {
        enabled: enabled?,
        sync: sync?,
        budget: budget?,
        barrier_patience: patience?,
    })
}

/// Reads `[reconcile]`.
pub(super) fn reconcile<'d>(r: &mut Reader<'d>, root: &Section<'d>) -> Option<reconcile::Config> {
    let section = r.section(root, "reconcile");
    let enabled = r.flag(&section, "enabled");
    let after = r.duration(&section, "after");
    let per_second = r.count(&section, "per_second");
    let max_waiting = r.amount(&section, "max_waiting");
    Some(reconcile::Config {
        enabled: enabled?,
        after: after?,
        per_second: per_second?,
        max_waiting: max_waiting?,
    })
}

/// Reads `[throttle]`.
pub(super) fn throttle<'d>(r: &mut Reader<'d>, root: &Section<'d>) -> Option<throttle::Config> {
    let section = r.section(root, "throttle");
    let enabled = r.flag(&section, "enabled");
    let failures = r.count(&section, "failures");
    let half_life = r.duration(&section, "half_life");
    let binds_per_second = r.count(&section, "binds_per_second");
    let max_waiting = r.amount(&section, "max_waiting");
    let queue_timeout = r.duration(&section, "queue_timeout");
    let max_tracked_sources = r.amount(&section, "max_tracked_sources");
    Some(throttle::Config {
        enabled: enabled?,
        failures: u32::try_from(failures?).ok()?,
        half_life: half_life?,
        binds_per_second: u32::try_from(binds_per_second?).ok()?,
        max_waiting: max_waiting?,
        queue_timeout: queue_timeout?,
        max_tracked_sources: max_tracked_sources?,
    })
}
