//! Clients that others wrote, unchanged: the same steps at slapd itself and through the gateway, in
//! clear, over StartTLS and over ldaps, and the same words from the client.
//!
//! What each of them does is in `tests/clients`, of the Rust ldap3 in `crate_ldap3.rs`.

use crate::crate_ldap3;
use crate::support::certs::{Authority, Certificate, Wanted};
use crate::support::folder::TestFolder;
use crate::support::gateway::Gateway;
use crate::support::pdu::Change;
use crate::support::settings::quoted;
use crate::support::slapd::{Options, Slapd};
use crate::support::tools::Said;
use crate::support::tree::{ADMIN, Extra, PEOPLE, SERVICE};
use rcgen::DnType;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Debian's, for which `scripts/install-test-needs` installs the libraries.
const PYTHON: &str = "/usr/bin/python3";
const HINT: &str = "run `make test`, or scripts/install-test-needs";

/// How a client's bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Clear,
    StartTls,
    Ldaps,
}

const CHANNELS: [Channel; 3] = [Channel::Clear, Channel::StartTls, Channel::Ldaps];

/// A server's ports.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server {
    clear: u16,
    ldaps: u16,
}

impl Server {
    pub(crate) fn port(self, channel: Channel) -> u16 {
        match channel {
            Channel::Clear | Channel::StartTls => self.clear,
            Channel::Ldaps => self.ldaps,
        }
    }
}

/// Two directories that are alike, the gateway before one of them, and a client's certificate.
pub(crate) struct Scene {
    direct: Server,
    relayed: Server,
    pub(crate) authority: Authority,
    pub(crate) own: Certificate,
    _slapds: [Slapd; 2],
    _gateway: Gateway,
    _folder: TestFolder,
}

impl Scene {
    fn new() -> Self {
        let folder = TestFolder::new("unchanged");
        let authority = Authority::make(&folder, "authority");
        let server = authority.for_loopback(&folder, "server");
        let subject = [(DnType::CommonName, "ann")];
        let own =
            authority.issue(&folder, "ann", &Wanted { subject: &subject, ..Wanted::default() });
        let slapds = [directory(&authority, &server), directory(&authority, &server)];
        let mut ldaps = 0;
        let gateway = Gateway::configured(slapds[1].port(), |settings, _| {
            ldaps = settings.add_ldaps(&server);
            let file = quoted(&authority.file.display().to_string());
            settings.set("[listen.tls]", "client_ca", file);
            settings.set("[listen.tls]", "client_certificate", quoted("request"));
            let name = quoted(&format!("uid={{cn}},{PEOPLE}"));
            settings.set("[listen.tls]", "external_name", name);
            let clients = format!("[{}]", quoted(ADMIN));
            settings.set("[[directory]]", "proxied_authorisation_clients", clients);
            // What is added to entries is shown by `tests/serving.rs`.
            settings.set("[directory.serve]", "member_of", "false");
        });
        Self {
            direct: Server { clear: slapds[0].port(), ldaps: slapds[0].ldaps() },
            relayed: Server { clear: gateway.port(), ldaps },
            authority,
            own,
            _slapds: slapds,
            _gateway: gateway,
            _folder: folder,
        }
    }

    /// What a program says of both servers is the same, and it gets to its end.
    #[track_caller]
    fn check(&self, program: &str, args: &[String]) {
        for channel in CHANNELS {
            let said = |server: Server| self.run(program, args, channel, server);
            let (direct, relayed) = (said(self.direct), said(self.relayed));
            assert_eq!(direct.code, 0, "{channel:?}: {}{}", direct.out, direct.err);
            assert!(direct.out.ends_with("done\n"), "{channel:?}: {}", direct.out);
            let first = direct.out.lines().zip(relayed.out.lines()).find(|(one, two)| one != two);
            assert_eq!(first, None, "{channel:?}: {}", relayed.err);
            assert_eq!(direct.out, relayed.out, "{channel:?}: {}", relayed.err);
        }
    }

    fn run(&self, program: &str, args: &[String], channel: Channel, server: Server) -> Said {
        let name = match channel {
            Channel::Clear => "clear",
            Channel::StartTls => "starttls",
            Channel::Ldaps => "ldaps",
        };
        let output = Command::new(program)
            .args(args)
            .args([name, &server.port(channel).to_string()])
            .args([&self.authority.file, &self.own.certificate, &self.own.private_key])
            .env("LDAPCONF", "/dev/null")
            .env("LDAPRC", "bindgate-tests-have-none")
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}: {HINT}"));
        Said::from_output(output)
    }
}

/// slapd with what the clients have controls for, every mechanism of SASL, and certificates of
/// clients.
fn directory(authority: &Authority, server: &Certificate) -> Slapd {
    let overlays = ["sssvlv", "deref", "ppolicy"];
    let mut global_lines: Vec<_> =
        overlays.iter().map(|overlay| format!("moduleload {overlay}")).collect();
    global_lines.extend([
        "sasl-secprops none".to_owned(),
        "sasl-host localhost".to_owned(),
        "authz-policy to".to_owned(),
        format!("authz-regexp \"uid=([^,]+),cn=[^,]+,cn=auth\" \"uid=$1,{PEOPLE}\""),
        format!("authz-regexp \"^cn=([^,]+)$\" \"uid=$1,{PEOPLE}\""),
        format!("TLSCACertificateFile {}", authority.file.display()),
        "TLSVerifyClient try".to_owned(),
    ]);
    let options = Options {
        extra: Extra { people: 5, groups: 0 },
        global_lines,
        database_lines: overlays.iter().map(|overlay| format!("overlay {overlay}")).collect(),
        ..Options::default()
    };
    let slapd = Slapd::with(&options.secured(server));
    let whom = format!("dn.regex:^uid=[^,]+,{PEOPLE}$");
    slapd.admin().modify(SERVICE, Change::Add, "authzTo", &[whom.as_bytes()]);
    slapd
}

/// A script of `tests/clients`.
fn script(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    folder.join(name).display().to_string()
}

#[test]
fn python_ldap_is_told_the_same() {
    Scene::new().check(PYTHON, &[script("python_ldap.py")]);
}

#[test]
fn the_python_ldap3_is_told_the_same() {
    let warnings = ["-W", "ignore"].map(str::to_owned);
    let args = [&warnings[..], &[script("python_ldap3.py")]].concat();
    Scene::new().check(PYTHON, &args);
}

#[test]
fn ldapts_is_told_the_same() {
    assert!(PathBuf::from(script("node_modules/ldapts")).exists(), "ldapts is missing: {HINT}");
    Scene::new().check("node", &[script("ldapts.mjs")]);
}

#[test]
fn the_rust_ldap3_is_told_the_same() {
    let scene = Scene::new();
    for channel in CHANNELS {
        let said = |server| crate_ldap3::play(&scene, channel, server);
        assert_eq!(said(scene.direct), said(scene.relayed), "{channel:?}");
    }
}

/// A tool of OpenLDAP, over one channel.
fn tool(scene: &Scene, channel: Channel, server: Server, args: &[&str]) -> (i32, String, String) {
    let scheme = if channel == Channel::Ldaps { "ldaps" } else { "ldap" };
    let url = format!("{scheme}://127.0.0.1:{}", server.port(channel));
    let start_tls: &[&str] = if channel == Channel::StartTls { &["-ZZ"] } else { &[] };
    let output = Command::new(args[0])
        .args(["-H", &url, "-o", "nettimeout=20"])
        .args(start_tls)
        .args(&args[1..])
        .env("LDAPCONF", "/dev/null")
        .env("LDAPRC", "bindgate-tests-have-none")
        .env("LDAPTLS_CACERT", &scene.authority.file)
        .env("LDAPTLS_CERT", &scene.own.certificate)
        .env("LDAPTLS_KEY", &scene.own.private_key)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}: {HINT}", args[0]));
    let said = Said::from_output(output);
    (said.code, said.out, said.err)
}

/// Their controls in clear are in `tests/relay/controls.rs`.
#[test]
fn the_tools_of_openldap_are_told_the_same_with_every_mechanism_and_over_every_channel() {
    let scene = Scene::new();
    let admin = ["-x", "-D", ADMIN, "-w", "admin-secret"];
    let mechanisms = [
        "PLAIN",
        "LOGIN",
        "CRAM-MD5",
        "DIGEST-MD5",
        "SCRAM-SHA-1",
        "SCRAM-SHA-256",
        "SCRAM-SHA-512",
    ];
    for channel in CHANNELS {
        let check = |args: &[&str]| {
            let [direct, relayed] =
                [scene.direct, scene.relayed].map(|server| tool(&scene, channel, server, args));
            assert_eq!(direct, relayed, "{channel:?} {args:?}");
            direct.0
        };
        for mechanism in mechanisms {
            for (password, code) in [("pw-ann", 0), ("wrong", 49)] {
                let who = ["ldapwhoami", "-Q", "-O", "none,maxssf=0", "-Y", mechanism];
                let args = [&who[..], &["-U", "ann", "-w", password]].concat();
                assert_eq!(check(&args), code, "{channel:?} {mechanism}");
            }
        }
        if channel != Channel::Clear {
            let external = ["ldapsearch", "-Q", "-Y", "EXTERNAL", "-LLL", "-b", PEOPLE];
            check(&["ldapwhoami", "-Q", "-Y", "EXTERNAL"]);
            check(&[&external[..], &["(uid=*)", "uid"]].concat());
            let paged = ["-E", "!pr=3/noprompt", "(uid=*)", "uid"];
            assert_eq!(check(&[&external[..], &paged].concat()), 0);
        }
        for extension in ["!pr=3/noprompt", "!sss=-entryUUID", "!deref=member:uid"] {
            let search = ["-b", "dc=example,dc=com", "-E", extension, "(cn=*)", "cn"];
            let args = [&["ldapsearch"][..], &admin, &search].concat();
            assert_eq!(check(&args), 0, "{channel:?} {extension}");
        }
    }
}
