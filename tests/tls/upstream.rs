//! TLS towards the directory, as seen by one that should not be trusted: no password is ever
//! written to it, the service account's or a user's, and nothing is gone on with in clear.

use crate::support::certs::{Authority, Certificate, Wanted};
use crate::support::eventually;
use crate::support::folder::TestFolder;
use crate::support::gateway::{BINDGATE, Gateway};
use crate::support::process::Process;
use crate::support::raw::{Raw, START_TLS};
use crate::support::settings::{Settings, quoted};
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{SERVICE, SERVICE_PASSWORD};
use crate::{ANN, BOB};
use bindgate::proto::envelope::Envelope;
use bindgate::proto::framing::{Frame, frame};
use bindgate::proto::op::Operation;
use bindgate::proto::result::{LdapResult, ResultCode};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

const UNAVAILABLE: u32 = 52;

/// How a directory that is played treats whoever connects.
#[derive(Clone)]
enum Manner {
    /// It takes what comes in clear, and answers a request for TLS with this code; where that is
    /// success, it goes on in clear all the same.
    Clear(ResultCode),
    /// It speaks TLS from the start.
    Tls(Arc<ServerConfig>),
    /// It grants StartTLS and speaks TLS then.
    StartTls(Arc<ServerConfig>),
}

/// What it heard in clear and over TLS.
#[derive(Default)]
struct Heard {
    clear: Vec<u8>,
    over_tls: Vec<u8>,
}

/// A directory that takes every password.
struct Played {
    port: u16,
    heard: Arc<Mutex<Heard>>,
}

impl Played {
    fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let heard = Arc::<Mutex<Heard>>::default();
        let log = heard.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (log, manner) = (log.clone(), manner.clone());
                thread::spawn(move || {
                    let note = |bytes: &[u8]| {
                        log.lock().expect("no thread panics with it").clear.extend(bytes);
                    };
                    let config = match manner {
                        Manner::Clear(code) => return converse(&mut stream, code, false, &note),
                        Manner::Tls(config) => config,
                        Manner::StartTls(config) => {
                            converse(&mut stream, ResultCode::SUCCESS, true, &note);
                            config
                        }
                    };
                    let session =
                        ServerConnection::new(config).expect("the configuration is sound");
                    let note = |bytes: &[u8]| {
                        log.lock().expect("no thread panics with it").over_tls.extend(bytes);
                    };
                    let mut tls = StreamOwned::new(session, stream);
                    converse(&mut tls, ResultCode::PROTOCOL_ERROR, false, &note);
                });
            }
        });
        Self { port, heard }
    }

    fn has_heard(&self, words: &str) -> bool {
        let heard = self.heard.lock().expect("no thread panics with it");
        let words = words.as_bytes();
        let holds = |bytes: &[u8]| bytes.windows(words.len()).any(|window| window == words);
        holds(&heard.clear) || holds(&heard.over_tls)
    }
}

/// Answers until the stream ends, or until TLS was granted.
fn converse(
    stream: &mut (impl Read + Write),
    start_tls: ResultCode,
    until_granted: bool,
    note: &dyn Fn(&[u8]),
) {
    let mut buffer = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(count) => count,
        };
        buffer.extend_from_slice(&chunk[..count]);
        note(&chunk[..count]);
        while let Ok(Frame::Whole(length)) = frame(&buffer, 1 << 20) {
            let pdu: Vec<u8> = buffer.drain(..length).collect();
            let Ok(request) = Envelope::parse(&pdu) else { return };
            let Some(response) = request.operation.final_response() else { return };
            let code = match request.operation {
                Operation::ExtendedRequest => start_tls,
                _ => ResultCode::SUCCESS,
            };
            let mut out = Vec::new();
            LdapResult::new(code, "").write(&mut out, request.id, response);
            if stream.write_all(&out).and_then(|()| stream.flush()).is_err() {
                return;
            }
            if until_granted && request.operation == Operation::ExtendedRequest {
                return;
            }
        }
    }
}

fn server_config(own: &Certificate) -> Arc<ServerConfig> {
    let chain = CertificateDer::from_pem_file(&own.certificate).expect("it is there");
    let key = PrivateKeyDer::from_pem_file(&own.private_key).expect("it is there");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider speaks them")
        .with_no_client_auth()
        .with_single_cert(vec![chain], key);
    Arc::new(config.expect("they go together"))
}

/// A gateway before that directory. It may never be ready.
struct Before {
    gateway: Process,
    port: u16,
    _folder: TestFolder,
}

fn gateway_before(directory: &Played, scheme: &str, ca: &Path, name: Option<&str>) -> Before {
    let folder = TestFolder::new("tls-upstream");
    let mut settings = Settings::new(directory.port, &folder);
    let url = format!("[\"{scheme}://127.0.0.1:{}\"]", directory.port);
    settings.set("[[directory]]", "urls", url);
    let name = name.map_or_else(String::new, |name| format!(", server_name = \"{name}\""));
    let (ca, start_tls) = (quoted(&ca.display().to_string()), scheme == "ldap");
    let tls = format!("{{ ca = {ca}, start_tls = {start_tls}{name} }}");
    settings.set("[[directory]]", "tls", tls);
    let config = folder.write("bindgate.toml", settings.text()).display().to_string();
    let log = folder.file("gateway.log");
    let args = ["run", "--config", &config];
    let gateway = Process::start("bindgate", Path::new(BINDGATE), &args, &log);
    let port = settings.ldap_port;
    eventually("the gateway listens", || Raw::try_connect(port).ok());
    Before { gateway, port, _folder: folder }
}

#[test]
fn a_directory_that_is_not_the_right_one_never_sees_a_password() {
    let folder = TestFolder::new("tls-wrong");
    let [right, other] = ["right", "other"].map(|name| Authority::make(&folder, name));
    let good = server_config(&right.for_loopback(&folder, "good"));
    let strange = server_config(&other.for_loopback(&folder, "strange"));
    let hosts = &["127.0.0.1"];
    let ended = Wanted { hosts, ended: Some(2020), ..Wanted::default() };
    let ended = server_config(&right.issue(&folder, "ended", &ended));
    let elsewhere = Wanted { hosts: &["ldap.example.net"], ..Wanted::default() };
    let elsewhere = server_config(&right.issue(&folder, "elsewhere", &elsewhere));
    let refuses = [ResultCode::PROTOCOL_ERROR, ResultCode::UNAVAILABLE, ResultCode::REFERRAL];
    let mut scenes = Vec::new();
    for code in refuses {
        scenes.push(("refuses StartTLS, or somebody strips it", "ldap", Manner::Clear(code), None));
    }
    let granted = Manner::Clear(ResultCode::SUCCESS);
    scenes.push(("grants StartTLS and talks on in clear", "ldap", granted.clone(), None));
    scenes.push(("speaks clear where TLS is expected", "ldaps", granted, None));
    for (scheme, with) in
        [("ldaps", Manner::Tls as fn(_) -> _), ("ldap", Manner::StartTls as fn(_) -> _)]
    {
        scenes.push(("is vouched for by another authority", scheme, with(strange.clone()), None));
        scenes.push(("bears another name", scheme, with(elsewhere.clone()), None));
        scenes.push((
            "is not the one that is named",
            scheme,
            with(good.clone()),
            Some("dc.example"),
        ));
        scenes.push(("shows a certificate that has ended", scheme, with(ended.clone()), None));
    }
    for (what, scheme, manner, name) in scenes {
        let directory = Played::start(manner);
        let before = gateway_before(&directory, scheme, &right.file, name);
        for (dn, password) in [(ANN, "pw-ann"), (BOB, "pw-bob")] {
            let answered = Raw::connect(before.port).bind(dn, password);
            assert_eq!(answered, UNAVAILABLE, "{scheme}: {what}");
        }
        for secret in [SERVICE_PASSWORD, SERVICE, "pw-ann", "pw-bob", ANN, BOB] {
            assert!(!directory.has_heard(secret), "{scheme}: {what}: {secret}");
        }
        let asked = directory.has_heard(START_TLS);
        assert_eq!(asked, scheme == "ldap", "{scheme}: {what}");
        assert!(before.gateway.log().contains("down error="), "{scheme}: {what}");
    }
}

/// The same with the right one, so that the test before can fail.
#[test]
fn the_right_directory_sees_them_over_tls_alone() {
    let folder = TestFolder::new("tls-right");
    let right = Authority::make(&folder, "right");
    let here = server_config(&right.for_loopback(&folder, "here"));
    let hosts = &["dc.example"];
    let named = Wanted { hosts, ..Wanted::default() };
    let named = server_config(&right.issue(&folder, "named", &named));
    for (scheme, manner, name) in [
        ("ldaps", Manner::Tls(here.clone()), None),
        ("ldap", Manner::StartTls(here), None),
        ("ldaps", Manner::Tls(named.clone()), Some("dc.example")),
        ("ldap", Manner::StartTls(named), Some("dc.example")),
    ] {
        let directory = Played::start(manner);
        let before = gateway_before(&directory, scheme, &right.file, name);
        assert_eq!(Raw::connect(before.port).bind(ANN, "pw-ann"), 0, "{scheme} {name:?}");
        let heard = directory.heard.lock().expect("no thread panics with it");
        let holds = |bytes: &[u8], words: &[u8]| bytes.windows(words.len()).any(|w| w == words);
        for secret in ["pw-ann", SERVICE_PASSWORD] {
            assert!(holds(&heard.over_tls, secret.as_bytes()), "{scheme} {name:?}: {secret}");
            assert!(!holds(&heard.clear, secret.as_bytes()), "{scheme} {name:?}: {secret}");
        }
    }
}

/// An authority that is replaced costs no restart, and a file that is none replaces nothing.
#[test]
fn the_authorities_of_a_directory_are_read_again_and_what_is_none_leaves_the_old_ones() {
    let folder = TestFolder::new("tls-trust");
    let (first, second) = (Authority::make(&folder, "first"), Authority::make(&folder, "second"));
    let options = |authority: &Authority, name: &str| {
        Options::default().secured(&authority.for_loopback(&folder, name))
    };
    let trusted = folder.write("ca.pem", std::fs::read(&first.file).expect("it was made"));
    let mut slapd = Slapd::with(&options(&first, "slapd"));
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[directory.tls]", "ca", quoted(&trusted.display().to_string()));
        settings.set("[directory.tls]", "start_tls", "true");
        settings.set("[[directory]]", "min_connections", "0");
    });
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    folder.write("ca.pem", "no certificate at all");
    gateway.hang_up();
    eventually("it is refused", || {
        gateway.log().contains("ca of directory corp stays as it was").then_some(())
    });
    assert_eq!(gateway.sign_on(BOB, "pw-bob"), 0, "the old ones are in force");

    slapd.reconfigure(&options(&second, "slapd-again"));
    eventually("the directory is not trusted any more", || {
        (gateway.sign_on(ANN, "pw-ann") == UNAVAILABLE).then_some(())
    });
    folder.write("ca.pem", std::fs::read(&second.file).expect("it was made"));
    gateway.hang_up();
    eventually("the directory is trusted again", || {
        (gateway.sign_on(ANN, "pw-ann") == 0).then_some(())
    });
    assert!(gateway.log().contains("ca of directory corp read again: changed"));
}
