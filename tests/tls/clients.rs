//! Clients as they are shipped, over three implementations of TLS: OpenLDAP's tools (GnuTLS),
//! openssl and the Python ldap3 (OpenSSL), beside the raw clients of the other tests (rustls).

use crate::ANN;
use crate::external::{Scene, directory};
use crate::support::certs::{Certificate, Wanted};
use crate::support::tools::Said;
use crate::support::tree::PEOPLE;
use rcgen::DnType;
use std::process::{Command, Stdio};

/// Debian's, for which `scripts/install-test-needs` installs the Python ldap3.
const PYTHON: &str = "/usr/bin/python3";

const SCRIPT: &str = r#"
import ssl, sys
from ldap3 import Server, Connection, Tls, SASL, EXTERNAL, NONE
port, ldaps, authority, certificate, key, dn, password, people = sys.argv[1:]
def connect(port, is_tls, **how):
    tls = Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=authority, valid_names=["127.0.0.1"],
              local_certificate_file=certificate, local_private_key_file=key)
    server = Server("127.0.0.1", int(port), use_ssl=is_tls, tls=tls, get_info=NONE)
    connection = Connection(server, raise_exceptions=True, **how)
    connection.open()
    if not is_tls:
        connection.start_tls()
    connection.bind()
    assert connection.search(people, "(uid=*)", attributes=["uid"])
    count = len(connection.entries)
    print(connection.extend.standard.who_am_i(), count)
    connection.unbind()
for where in (port, False), (ldaps, True):
    connect(*where, user=dn, password=password)
    connect(*where, authentication=SASL, sasl_mechanism=EXTERNAL, sasl_credentials=())
"#;

fn scene() -> (crate::support::slapd::Slapd, Scene, Certificate) {
    let slapd = directory("to");
    let scene = Scene::before(&slapd, |_| {});
    let subject = [(DnType::CommonName, "ann")];
    let wanted = Wanted { subject: &subject, ..Wanted::default() };
    let own = scene.clients.issue(&scene.folder, "client", &wanted);
    (slapd, scene, own)
}

#[track_caller]
fn run(command: &mut Command) -> Said {
    let output = command.stdin(Stdio::null()).output();
    Said::from_output(
        output.expect("it is installed: run `make test`, or scripts/install-test-needs"),
    )
}

/// A tool of OpenLDAP that trusts the gateway and has a certificate of its own.
fn tool(scene: &Scene, own: &Certificate, name: &str, url: &str, args: &[&str]) -> Said {
    run(Command::new(name)
        .args(["-H", url, "-o", "nettimeout=20"])
        .args(args)
        .env("LDAPCONF", "/dev/null")
        .env("LDAPRC", "bindgate-tests-have-none")
        .env("LDAPTLS_CACERT", &scene.servers.file)
        .env("LDAPTLS_CERT", &own.certificate)
        .env("LDAPTLS_KEY", &own.private_key))
}

#[test]
fn openldaps_tools_bind_and_search_over_start_tls_and_ldaps_by_password_and_by_certificate() {
    let (_slapd, scene, own) = scene();
    let clear = format!("ldap://127.0.0.1:{}", scene.gateway.port());
    let secure = format!("ldaps://127.0.0.1:{}", scene.ldaps);
    let simple = ["-x", "-D", ANN, "-w", "pw-ann"];
    let external = ["-Q", "-Y", "EXTERNAL"];
    for (url, start_tls) in [(&clear, &["-ZZ"][..]), (&secure, &[])] {
        for bind in [&simple[..], &external] {
            let args = [start_tls, bind].concat();
            let who = tool(&scene, &own, "ldapwhoami", url, &args).expect_code(0);
            assert_eq!(who.trim(), format!("dn:{ANN}"), "{url} {args:?}");
            let args = [&args[..], &["-LLL", "-b", PEOPLE, "(uid=*)", "uid"]].concat();
            let found = tool(&scene, &own, "ldapsearch", url, &args).expect_code(0);
            assert_eq!(found.matches("uid: ").count(), 1, "{url} {args:?}: {found}");
        }
    }
    // Who does not trust the gateway does not say a word to it.
    let args = ["-ZZ", "-x", "-D", ANN, "-w", "pw-ann"];
    let stranger = Command::new("ldapwhoami")
        .args(["-H", &clear])
        .args(args)
        .env("LDAPCONF", "/dev/null")
        .env("LDAPTLS_CACERT", &own.certificate)
        .output()
        .map(Said::from_output)
        .expect("ldap-utils are installed");
    assert_ne!(stranger.code, 0);
}

#[test]
fn openssl_resumes_its_session_over_start_tls_and_ldaps() {
    let (_slapd, scene, _) = scene();
    let connect = |port: u16, session: [&str; 2], start_tls: &[&str]| {
        let said = run(Command::new("openssl")
            .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-tls1_2"])
            .args(["-verify_return_error", "-CAfile"])
            .arg(&scene.servers.file)
            .args(session)
            .args(start_tls));
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        said.out
    };
    let start_tls = ["-starttls", "ldap"];
    for (port, how) in [(scene.gateway.port(), &start_tls[..]), (scene.ldaps, &[])] {
        let file = scene.folder.file("session.pem").display().to_string();
        assert!(connect(port, ["-sess_out", &file], how).contains("New, TLSv1.2"));
        assert!(connect(port, ["-sess_in", &file], how).contains("Reused, TLSv1.2"));
    }
    let resumed = "version=\"TLSv1.2\",handshake=\"resumed\"";
    scene.gateway.comes_to_count(&format!("bindgate_tls_handshakes_total{{{resumed}}} 2"));
}

#[test]
fn the_python_ldap3_binds_over_start_tls_and_ldaps_by_password_and_by_certificate() {
    let (_slapd, scene, own) = scene();
    let said = run(Command::new(PYTHON)
        .args(["-W", "ignore", "-c", SCRIPT])
        .args([scene.gateway.port().to_string(), scene.ldaps.to_string()])
        .args([&scene.servers.file, &own.certificate, &own.private_key])
        .args([ANN, "pw-ann", PEOPLE]));
    let line = format!("dn:{ANN} 1\n");
    assert_eq!(said.expect_code(0), line.repeat(4));
}
