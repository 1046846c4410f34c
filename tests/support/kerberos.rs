//! A Kerberos realm of its own: a key distribution centre of MIT's with a folder and a port, one
//! user, and the keys of an LDAP server on this machine.

use super::folder::{TestFolder, free_port};
use super::process::Process;
use super::{PATIENCE, eventually};
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const KDC: &str = "/usr/sbin/krb5kdc";
const HINT: &str = "run `make test`, or `apt-get install krb5-kdc krb5-admin-server krb5-user \
                    libsasl2-modules-gssapi-mit`";
const REALM: &str = "EXAMPLE.COM";

/// A running realm.
pub struct Realm {
    host: String,
    // The process goes before the folder that it works in.
    _process: Process,
    folder: TestFolder,
}

impl Realm {
    /// A realm in which that user has that password.
    pub fn with(user: &str, password: &str) -> Self {
        assert!(Path::new(KDC).exists(), "krb5kdc is missing: {HINT}");
        let folder = TestFolder::new("kerberos");
        let port = free_port();
        write_configuration(&folder, port);
        let host = host_name();
        run(&folder, "/usr/sbin/kdb5_util", &["create", "-s", "-P", "master", "-r", REALM], "");
        let keytab = folder.file("keytab").display().to_string();
        let service = format!("ldap/{host}");
        for order in [
            format!("addprinc -pw {password} {user}"),
            format!("addprinc -randkey {service}"),
            format!("ktadd -k {keytab} {service}"),
        ] {
            run(&folder, "/usr/sbin/kadmin.local", &["-q", &order], "");
        }
        let process = launch(&folder, port);
        Self { host, _process: process, folder }
    }

    /// What tells a program of this realm: a server its keys too.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        environment(&self.folder)
    }

    /// The same for a client with tickets of the user's, got with this password.
    pub fn sign_in(&self, user: &str, password: &str) -> Vec<(&'static str, String)> {
        run(&self.folder, "kinit", &[user], &format!("{password}\n"));
        self.environment()
    }

    /// The name of this machine that the server's keys are for.
    pub fn host(&self) -> &str {
        &self.host
    }
}

fn environment(folder: &TestFolder) -> Vec<(&'static str, String)> {
    let path = |name: &str| folder.file(name).display().to_string();
    vec![
        ("KRB5_CONFIG", path("krb5.conf")),
        ("KRB5_KDC_PROFILE", path("kdc.conf")),
        ("KRB5CCNAME", format!("FILE:{}", path("tickets"))),
        ("KRB5RCACHEDIR", folder.path().display().to_string()),
    ]
}

fn write_configuration(folder: &TestFolder, port: u16) {
    let path = |name: &str| -> PathBuf { folder.file(name) };
    folder.write(
        "krb5.conf",
        format!(
            "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n \
             dns_canonicalize_hostname = false\n rdns = false\n \
             default_keytab_name = FILE:{}\n[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n",
            path("keytab").display()
        ),
    );
    folder.write(
        "kdc.conf",
        format!(
            "[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n\
             [realms]\n {REALM} = {{\n  database_name = {}\n  key_stash_file = {}\n  \
             acl_file = {}\n }}\n",
            path("principal").display(),
            path("stash").display(),
            path("acl").display()
        ),
    );
}

/// What libldap takes for the name of a server on loopback: this machine's own.
fn host_name() -> String {
    let full = Command::new("hostname").arg("-f").output();
    let name = full.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let name = name.or_else(|| std::fs::read("/proc/sys/kernel/hostname").ok());
    String::from_utf8_lossy(&name.unwrap_or_default()).trim().to_lowercase()
}

fn run(folder: &TestFolder, program: &str, args: &[&str], input: &str) {
    let mut child = Command::new(program)
        .args(args)
        .envs(environment(folder))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}: {HINT}"));
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().expect("a child can be waited for");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?} failed: {said}");
}

fn launch(folder: &TestFolder, port: u16) -> Process {
    let pairs = environment(folder).into_iter().map(|(name, value)| format!("{name}={value}"));
    let mut args: Vec<String> = pairs.collect();
    args.extend([KDC.to_owned(), "-n".to_owned()]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let log = folder.file("kdc.log");
    let process = Process::start("krb5kdc", Path::new("/usr/bin/env"), &args, &log);
    eventually("the KDC takes connections", || {
        TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), PATIENCE).ok()
    });
    process
}
