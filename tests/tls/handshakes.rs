//! Versions and tickets.

use crate::support::certs::{self, Authority};
use crate::support::gateway::Gateway;
use crate::support::raw::Raw;
use crate::support::slapd::Slapd;
use crate::{ANN, who_am_i};
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, SupportedProtocolVersion};

/// A gateway with LDAPS, its port, and who vouches for it.
fn with_ldaps(upstream: u16, minimum: &str) -> (Gateway, u16, Authority) {
    let mut told = None;
    let gateway = Gateway::configured(upstream, |settings, folder| {
        let authority = Authority::make(folder, "authority");
        let port = settings.add_ldaps(&authority.for_loopback(folder, "gateway"));
        settings.set("[listen.tls]", "minimum_version", format!("\"{minimum}\""));
        told = Some((port, authority));
    });
    let (port, authority) = told.expect("it was configured");
    (gateway, port, authority)
}

#[test]
fn versions_below_the_minimum_are_not_spoken() {
    let slapd = Slapd::start();
    let versions: [&[&SupportedProtocolVersion]; 2] = [&[&TLS12], &[&TLS13]];
    for (minimum, spoken) in [("1.2", [true, true]), ("1.3", [false, true])] {
        let (gateway, port, authority) = with_ldaps(slapd.port(), minimum);
        for (versions, spoken) in versions.into_iter().zip(spoken) {
            let client = certs::client_with(&authority.file, versions, None);
            let connected = Raw::try_connect_over_tls(port, &client);
            assert_eq!(connected.is_ok(), spoken, "{versions:?} with {minimum}");
            if let Ok(mut raw) = connected {
                assert_eq!(raw.bind(ANN, "pw-ann"), 0);
            }
        }
        if minimum == "1.3" {
            gateway.comes_to_count("bindgate_closed_total{reason=\"tls\"} 1");
        }
    }
}

/// Whoever comes again with a ticket spares both sides the certificate, whichever worker it meets.
#[test]
fn the_second_handshake_is_a_resumption_and_the_session_is_a_new_one() {
    let slapd = Slapd::start();
    let (gateway, port, authority) = with_ldaps(slapd.port(), "1.2");
    for (version, name) in [(&TLS12, "TLSv1.2"), (&TLS13, "TLSv1.3")] {
        let client = certs::client_with(&authority.file, &[version], None);
        let mut first = Raw::try_connect_over_tls(port, &client).expect("it is served");
        assert_ne!(first.handshake(), Some(HandshakeKind::Resumed));
        // With version 1.3 tickets come behind the handshake.
        assert_eq!(first.bind(ANN, "pw-ann"), 0);
        for _ in 0..3 {
            let mut again = Raw::try_connect_over_tls(port, &client).expect("it is served");
            assert_eq!(again.handshake(), Some(HandshakeKind::Resumed));
            assert_eq!(who_am_i(&mut again), "", "a ticket is nobody's bind");
            assert_eq!(again.bind(ANN, "pw-ann"), 0);
        }
        let counted = |kind: &str, count| {
            let labels = format!("version=\"{name}\",handshake=\"{kind}\"");
            gateway.comes_to_count(&format!("bindgate_tls_handshakes_total{{{labels}}} {count}"));
        };
        counted("full", 1);
        counted("resumed", 3);
    }
}
