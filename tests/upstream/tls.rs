//! TLS towards the directory: verified, and never fallen back from.

use super::script::{SHORT, Seen, Server, bounded, config};
use bindgate::app::ports::{Fitness, Leased, Link, LinkError, Links, Purpose};
use bindgate::proto::envelope::MessageId;
use bindgate::proto::op::Operation;
use bindgate::proto::result::ResultCode;
use bindgate::upstream::{Config, Directory, Lease, Scheme, TlsConfig, UpstreamError};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A private CA in a file of its own, and a server that it vouches for.
struct Authority {
    file: PathBuf,
    acceptor: TlsAcceptor,
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

fn authority(test: &str) -> Authority {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(params, key);
    let server_key = rcgen::KeyPair::generate().unwrap();
    let server = rcgen::CertificateParams::new(vec!["ldap.example".to_owned()]).unwrap();
    let certificate = server.signed_by(&server_key, &issuer).unwrap();
    let file = std::env::temp_dir().join(format!("bindgate-ca-{test}-{}", std::process::id()));
    std::fs::write(&file, ca.pem()).unwrap();
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .unwrap();
    Authority { file, acceptor: TlsAcceptor::from(Arc::new(config)) }
}

fn tls_config(port: u16, scheme: Scheme, ca: &Authority, name: &str) -> Config {
    let mut config = config(&[port]);
    config.urls[0].scheme = scheme;
    config.tls = TlsConfig {
        ca: Some(ca.file.clone()),
        start_tls: scheme == Scheme::Ldap,
        server_name: Some(name.to_owned()),
    };
    config
}

async fn lease(directory: &Directory, worker: usize) -> Result<Lease, LinkError> {
    match directory.links(worker).lease(Purpose::Bind, LOCAL) {
        Leased::Now(lease) => Ok(lease),
        Leased::Later(wait) => bounded(wait).await,
    }
}

#[tokio::test]
async fn a_server_is_verified_by_a_private_ca_and_its_connection_moves_between_workers() {
    let ca = authority("verified");
    let server = Server::start().await;
    let config = tls_config(server.port, Scheme::Ldaps, &ca, "ldap.example");
    let directory = Directory::new(&config, 2, Seen::default()).unwrap();
    let serving = async {
        let mut tls = ca.acceptor.accept(server.accept().await.tcp).await.unwrap();
        let mut bytes = [0; 4];
        for _ in 0..2 {
            bounded(tls.read_exact(&mut bytes)).await.unwrap();
            tls.write_all(&bytes).await.unwrap();
            tls.flush().await.unwrap();
        }
        tls
    };
    let leasing = async {
        let mut bytes = [0; 4];
        for worker in [0, 1] {
            let mut lease = lease(&directory, worker).await.unwrap();
            lease.write_all(b"ping").await.unwrap();
            lease.flush().await.unwrap();
            bounded(lease.read_exact(&mut bytes)).await.unwrap();
            assert_eq!(&bytes, b"ping");
            lease.give_back(Fitness::Binds, MessageId::UNSOLICITED);
        }
    };
    tokio::join!(serving, leasing);
    assert!(server.is_left_alone().await);
}

#[tokio::test]
async fn a_server_with_another_name_or_of_another_ca_is_refused() {
    let (ca, other) = (authority("right"), authority("other"));
    for (trusted, name) in [(&ca, "other.example"), (&other, "ldap.example")] {
        let server = Server::start().await;
        let config = tls_config(server.port, Scheme::Ldaps, trusted, name);
        let directory = Directory::new(&config, 1, Seen::default()).unwrap();
        let serving = async { ca.acceptor.accept(server.accept().await.tcp).await.map(|_| ()) };
        let (_, refused) = tokio::join!(serving, lease(&directory, 0));
        assert_eq!(refused.err(), Some(LinkError::Unreachable));
        assert!(server.is_left_alone().await);
    }
}

#[tokio::test]
async fn start_tls_that_is_not_granted_never_falls_back_to_clear() {
    let ca = authority("refusing");
    for code in [ResultCode::PROTOCOL_ERROR, ResultCode::UNAVAILABLE] {
        let server = Server::start().await;
        let config = tls_config(server.port, Scheme::Ldap, &ca, "ldap.example");
        let directory = Directory::new(&config, 1, Seen::default()).unwrap();
        let serving = async {
            let mut peer = server.accept().await;
            let request = peer.request().await.unwrap();
            assert_eq!(request.operation, Operation::ExtendedRequest);
            peer.answer(request.id, Operation::ExtendedResponse, code).await;
            assert_eq!(peer.request().await, None, "nothing is sent in clear");
        };
        let (_, refused) = tokio::join!(serving, lease(&directory, 0));
        assert_eq!(refused.err(), Some(LinkError::Unreachable));
        assert!(server.is_left_alone().await);
    }
}

#[tokio::test]
async fn bytes_in_clear_behind_the_answer_to_start_tls_end_the_connection() {
    let ca = authority("injected");
    let server = Server::start().await;
    let config = tls_config(server.port, Scheme::Ldap, &ca, "ldap.example");
    let directory = Directory::new(&config, 1, Seen::default()).unwrap();
    let serving = async {
        let mut peer = server.accept().await;
        let request = peer.request().await.unwrap();
        let mut out = Vec::new();
        let granted = bindgate::proto::result::LdapResult::new(ResultCode::SUCCESS, "");
        granted.write(&mut out, request.id, Operation::ExtendedResponse);
        out.extend_from_slice(&[0x30, 0]);
        peer.send(&out).await;
        assert_eq!(peer.request().await, None);
    };
    let (_, refused) = tokio::join!(serving, lease(&directory, 0));
    assert_eq!(refused.err(), Some(LinkError::Unreachable));
}

#[tokio::test]
async fn start_tls_that_is_granted_leads_to_a_verified_connection() {
    let ca = authority("granting");
    let server = Server::start().await;
    let config = tls_config(server.port, Scheme::Ldap, &ca, "ldap.example");
    let directory = Directory::new(&config, 1, Seen::default()).unwrap();
    let serving = async {
        let mut peer = server.accept().await;
        let request = peer.request().await.unwrap();
        peer.answer(request.id, Operation::ExtendedResponse, ResultCode::SUCCESS).await;
        ca.acceptor.accept(peer.tcp).await.unwrap()
    };
    let (_tls, lease) = tokio::join!(serving, lease(&directory, 0));
    lease.unwrap();
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_with_the_connect_time_out() {
    let ca = authority("hanging");
    let server = Server::start().await;
    let config = tls_config(server.port, Scheme::Ldaps, &ca, "ldap.example");
    let config = Config { connect_timeout: SHORT, ..config };
    let directory = Directory::new(&config, 1, Seen::default()).unwrap();
    let (_peer, hung) = tokio::join!(server.accept(), lease(&directory, 0));
    assert_eq!(hung.err(), Some(LinkError::Unreachable));
}

#[test]
fn a_ca_file_without_certificates_is_refused_at_once() {
    let file = std::env::temp_dir().join(format!("bindgate-no-ca-{}", std::process::id()));
    for content in [None, Some("nothing of the kind")] {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let tls = TlsConfig { ca: Some(file.clone()), ..TlsConfig::default() };
        let refused = Directory::new(&Config { tls, ..config(&[1]) }, 1, Seen::default());
        assert!(matches!(refused.err(), Some(UpstreamError::Tls(_))), "{content:?}");
    }
    std::fs::remove_file(&file).unwrap();
}

/// Connects under way were bounded by `max_connections` alone: a directory that took connections
/// and said nothing had as many of them begun as clients came.
#[tokio::test]
async fn no_more_connections_are_made_at_a_time_than_may_be_and_all_who_wait_are_told() {
    let ca = authority("connecting");
    let server = Server::start().await;
    let config = Config {
        max_connections: 8,
        max_connecting: 2,
        max_waiting: 8,
        connect_timeout: SHORT,
        ..tls_config(server.port, Scheme::Ldap, &ca, "ldap.example")
    };
    let seen = Seen::default();
    let directory = Directory::new(&config, 2, seen.clone()).unwrap();
    let waits: Vec<_> = (0..8)
        .map(|client| match directory.links(client).lease(Purpose::Bind, LOCAL) {
            Leased::Later(wait) => wait,
            Leased::Now(_) => panic!("there is no warm connection"),
        })
        .collect();
    let peers = [server.accept().await, server.accept().await];
    assert!(server.is_left_alone().await, "more than two are being made");
    assert_eq!(seen.all(), ["max_connecting"; 6]);
    for wait in waits {
        assert_eq!(bounded(wait).await.err(), Some(LinkError::Unreachable));
    }
    assert!(server.is_left_alone().await, "it is known to be down");
    drop(peers);
}
