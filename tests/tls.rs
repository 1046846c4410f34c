//! TLS towards clients: StartTLS and its edges, certificates that are replaced while clients are
//! served, versions and tickets, passwords in clear, and clients that show a certificate.
//!
//! Goal: nothing that came in clear has a say over TLS, no password goes on that came where others
//! can read it, and a client cannot tell the gateway's TLS from slapd's. Method: the gateway as it
//! is shipped, raw clients on rustls, and OpenLDAP's tools on GnuTLS, before slapd or a directory
//! that the test plays.

mod support;

#[path = "tls/apart.rs"]
mod apart;
#[path = "tls/clients.rs"]
mod clients;
#[path = "tls/confidentiality.rs"]
mod confidentiality;
#[path = "tls/crate_ldap3.rs"]
mod crate_ldap3;
#[path = "tls/external.rs"]
mod external;
#[path = "tls/handshakes.rs"]
mod handshakes;
#[path = "tls/like_slapd.rs"]
mod like_slapd;
#[path = "tls/reload.rs"]
mod reload;
#[path = "tls/start_tls.rs"]
mod start_tls;
#[path = "tls/unchanged.rs"]
mod unchanged;
#[path = "tls/upstream.rs"]
mod upstream;

use bindgate::proto::extended::ExtendedResponse;
use rustls::ClientConfig;
use std::sync::Arc;
use support::certs::{self, Authority};
use support::folder::TestFolder;
use support::gateway::Gateway;
use support::pdu;
use support::raw::Raw;
use support::settings::Settings;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const BOB: &str = "uid=bob,ou=people,dc=example,dc=com";
const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
const PASSWORD_MODIFY: &str = "1.3.6.1.4.1.4203.1.11.1";
const OPERATIONS_ERROR: u32 = 1;
const CONFIDENTIALITY_REQUIRED: u32 = 13;

/// A gateway that offers StartTLS before the directory at `upstream`, and a client that trusts it.
fn offering(upstream: u16) -> (Gateway, Arc<ClientConfig>) {
    offering_with(upstream, |_| {})
}

/// The same with other settings.
fn offering_with(
    upstream: u16,
    change: impl FnOnce(&mut Settings),
) -> (Gateway, Arc<ClientConfig>) {
    let mut client = None;
    let gateway = Gateway::configured(upstream, |settings, folder: &TestFolder| {
        let authority = Authority::make(folder, "authority");
        settings.add_start_tls(&authority.for_loopback(folder, "gateway"));
        change(settings);
        client = Some(certs::client(&authority.file));
    });
    (gateway, client.expect("it was configured"))
}

/// Who the session is, as the server says; empty for nobody.
#[track_caller]
fn who_am_i(raw: &mut Raw) -> String {
    let answer = raw.ask(&pdu::extended(WHO_AM_I, None)).remove(0);
    let content = answer.envelope().content.to_vec();
    let answer = ExtendedResponse::decode(&content).expect("it is an extended response");
    assert_eq!(answer.result.code.0, 0);
    String::from_utf8_lossy(answer.value.unwrap_or_default()).into_owned()
}
