//! The sections `[admin]` and `[admin.tls]`.

use super::reader::{FileKind, Reader, Section};
use super::value::{self, Mistake};
use crate::admin::{Config, Limits, TlsConfig};
use std::net::SocketAddr;
use toml::Spanned;

/// Reads `[admin]`.
pub(super) fn admin<'d>(r: &mut Reader<'d>, root: &Section<'d>) -> Option<Config> {
    let section = r.section(root, "admin");
    let listen = r.text(&section, "listen", |text| match text {
        "off" => Ok(None),
        _ => value::address(text).map(Some),
    });
    let url = r.optional(&section, "url", |r, section, key| {
        r.text(section, key, url).map(Spanned::into_inner)
    });
    let token_file = r.path(&section, "token_file");
    let limits = limits(r, &section);
    let metrics_public = r.flag(&section, "metrics_public");
    let tls = tls(r, &section);
    if let (Some(listen), Some(None)) = (&listen, &tls) {
        judge_clear(r, listen);
    }
    Some(Config {
        listen: listen?.into_inner(),
        url: url?,
        token_file: token_file?,
        metrics_public: metrics_public?,
        tls: tls?,
        limits: limits?,
    })
}

fn limits<'d>(r: &mut Reader<'d>, section: &Section<'d>) -> Option<Limits> {
    let max_clients = r.amount(section, "max_clients");
    let max_clients_per_address = r.amount(section, "max_clients_per_address");
    let max_header = r.size(section, "max_header");
    let max_body = r.size(section, "max_body");
    let max_import = r.size(section, "max_import");
    let header_timeout = r.duration(section, "header_timeout");
    let request_timeout = r.duration(section, "request_timeout");
    let transfer_timeout = r.duration(section, "transfer_timeout");
    let max_token_rate = r.amount(section, "max_token_rate");
    let max_source_rate = r.amount(section, "max_source_rate");
    let max_tokens = r.amount(section, "max_tokens");
    Some(Limits {
        max_clients: max_clients?,
        max_clients_per_address: max_clients_per_address?,
        max_header: max_header?,
        max_body: max_body?,
        max_import: max_import?,
        header_timeout: header_timeout?,
        request_timeout: request_timeout?,
        transfer_timeout: transfer_timeout?,
        max_token_rate: max_token_rate?,
        max_source_rate: max_source_rate?,
        max_tokens: max_tokens?,
    })
}

/// Tokens do not go over a network in clear.
fn judge_clear(r: &mut Reader<'_>, listen: &Spanned<Option<SocketAddr>>) {
    if listen.get_ref().is_some_and(|address| !address.ip().to_canonical().is_loopback()) {
        let help = "add [admin.tls] with certificate and private_key, or listen on 127.0.0.1";
        let message = "`listen` off loopback needs [admin.tls], which is missing: tokens could be \
                       read on the way";
        r.error(listen.span(), message, help);
    }
}

fn tls<'d>(r: &mut Reader<'d>, admin: &Section<'d>) -> Option<Option<TlsConfig>> {
    let section = r.section(admin, "admin.tls");
    if !section.is_present() {
        return Some(None);
    }
    let certificate = r.file(&section, "certificate", FileKind::Certificates);
    let private_key = r.file(&section, "private_key", FileKind::PrivateKey);
    let reload_interval = r.duration(&section, "reload_interval");
    Some(Some(TlsConfig {
        certificate: certificate?,
        private_key: private_key?,
        reload_interval: reload_interval?,
    }))
}

fn url(text: &str) -> Result<String, Mistake> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let rest = rest.map(|rest| rest.trim_end_matches('/'));
    if rest.is_none_or(|rest| rest.is_empty() || rest.contains(['/', '?', '#', '@'])) {
        let help = "http://HOST:PORT or https://HOST:PORT, for example \"https://gateway.example.com:8389\"";
        return Err(Mistake::new(format!("\"{text}\" is no URL of administration"), help));
    }
    Ok(text.trim_end_matches('/').to_owned())
}
