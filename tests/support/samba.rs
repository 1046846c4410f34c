//! A real Active Directory domain controller (Samba) with a folder and an address of its own.
//!
//! Its ports are fixed, so each has another address of 127.0.0.0/8, and the test has to be root. A
//! domain takes a quarter of a minute to make, so it is made once for each tree and copied.

use super::PATIENCE;
use super::certs::{self, Authority, Certificate, Wanted};
use super::eventually_within;
use super::folder::{TestFolder, copy};
use super::pdu::{self, Change};
use super::process::Process;
use super::raw::Raw;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

const SAMBA: &str = "/usr/sbin/samba";
const HINT: &str =
    "Samba is missing: run `make test-directories`, or see scripts/install-test-needs";
const PYTHON: &str = "/usr/bin/python3";
const PROVISION: &str = include_str!("samba/provision");

/// The administrator of the domain.
pub const ADMINISTRATOR: &str = "cn=Administrator,cn=Users,dc=example,dc=com";
/// The administrator's password.
pub const PASSWORD: &str = "Adm1n-pw-x";

/// Where its configuration is in its folder, and where its data are.
const CONFIG: &str = "etc/smb.conf";
const DATA: [&str; 2] = ["private", "state"];

/// Whoever listens here on an address has the address.
const CLAIM: u16 = 10_389;
/// The addresses that may be taken.
const HOSTS: std::ops::Range<u8> = 2..250;

/// Whether passwords may come in clear text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClearText {
    /// They may.
    Allowed,
    /// They may not, as by default.
    Refused,
}

/// A running domain controller.
pub struct Samba {
    address: Ipv4Addr,
    process: Process,
    folder: TestFolder,
    authority: PathBuf,
    _claim: TcpListener,
}

impl Samba {
    /// A domain controller with that tree (JSON, see `samba/provision`).
    pub fn start(tree: &str, clear_text: ClearText) -> Self {
        assert!(Path::new(SAMBA).exists(), "{HINT}");
        let made = made(tree);
        let folder = TestFolder::new("samba");
        copy(&made.join("."), folder.path());
        let (address, claim) = claim_address();
        let authority = Authority::make(&folder, "authority");
        // A test's own client asks for 127.0.0.1.
        let hosts = [&*address.to_string(), "127.0.0.1", "dc1.example.com"];
        let wanted = Wanted { hosts: &hosts, ..Wanted::default() };
        let certificate = authority.issue(&folder, "dc1", &wanted);
        let text = configuration(&folder, address, &certificate, &authority.file, clear_text);
        folder.write(CONFIG, text);
        let process = run(&folder, address);
        Self { address, process, folder, authority: authority.file, _claim: claim }
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.process.terminate();
        self.process.wait();
    }

    /// Starts it again with the data that it had.
    pub fn start_again(&mut self) {
        self.process = run(&self.folder, self.address);
    }

    /// Keeps a copy of its data, while it is stopped.
    pub fn back_up(&self) {
        self.folder.back_up(&DATA);
    }

    /// Puts the data that were kept in the place of its own, while it is stopped.
    pub fn set_back(&self) {
        self.folder.set_back(&DATA);
    }

    /// Its URL in clear text.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    /// Its URL over TLS.
    pub fn secure_url(&self) -> String {
        format!("ldaps://{}", self.address)
    }

    /// The certificate of the authority that vouches for it.
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// A client's connection in clear text.
    pub fn connect(&self) -> Raw {
        Raw::connect_at((self.address, 389).into())
    }

    /// A connection that is bound as the domain's administrator.
    pub fn admin(&self) -> Raw {
        let mut raw = self.connect();
        assert_eq!(raw.bind(ADMINISTRATOR, PASSWORD), 0, "the administrator may bind");
        raw
    }

    /// Adds a user. A password is taken over TLS alone.
    pub fn add_person(&self, dn: &str, account: &str, password: &str) {
        let mut admin = Raw::connect_at((self.address, 636).into());
        admin.shake_hands(&certs::client(&self.authority)).expect("it shakes hands");
        assert_eq!(admin.bind(ADMINISTRATOR, PASSWORD), 0, "the administrator may bind");
        let attributes: [(&str, &[&str]); 3] = [
            ("objectClass", &["user"]),
            ("sAMAccountName", &[account]),
            ("userAccountControl", &["514"]),
        ];
        assert_eq!(admin.code(&pdu::add(dn, &attributes)), 0, "{dn}");
        let quoted = format!("\"{password}\"");
        let units: Vec<u8> = quoted.encode_utf16().flat_map(u16::to_le_bytes).collect();
        admin.modify(dn, Change::Replace, "unicodePwd", &[&units]);
        admin.modify(dn, Change::Replace, "userAccountControl", &[b"512"]);
    }

    /// Kills it; what was written stays.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}

fn run(folder: &TestFolder, address: Ipv4Addr) -> Process {
    let config = folder.file(CONFIG).display().to_string();
    let args = ["-i", "-M", "single", "-s", &config];
    let mut process = Process::start("samba", Path::new(SAMBA), &args, &folder.file("samba.log"));
    eventually_within(3 * PATIENCE, "samba takes connections", || {
        if let Some(status) = process.exited() {
            panic!("samba ended with {status}; only root may listen on port 389");
        }
        TcpStream::connect_timeout(&SocketAddr::from((address, 389)), PATIENCE).ok()
    });
    process
}

/// An address of this machine on which nobody else runs a domain controller.
fn claim_address() -> (Ipv4Addr, TcpListener) {
    let address = |host| Ipv4Addr::new(127, 0, 0, host);
    let claim = |address| Some((address, TcpListener::bind((address, CLAIM)).ok()?));
    let is_free = |address: &Ipv4Addr| TcpListener::bind((*address, 389)).is_ok();
    HOSTS
        .map(address)
        .filter_map(claim)
        .find(|(address, _)| is_free(address))
        .expect("an address of 127.0.0.0/8 has a free port 389, and only root may listen there")
}

/// The folder of a domain with that tree, which is made if it is not there yet.
fn made(tree: &str) -> PathBuf {
    static MAKING: Mutex<()> = Mutex::new(());
    let mut hasher = DefaultHasher::new();
    (tree, PROVISION).hash(&mut hasher);
    let name = format!("bindgate-samba-{:016x}", hasher.finish());
    let made = std::env::temp_dir().join(name);
    let _one_at_a_time = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if made.exists() {
        return made;
    }
    // Another process may make it too: the first to be done puts its own there.
    let folder = TestFolder::new("samba-domain");
    let domain = folder.file("domain");
    std::fs::create_dir(&domain).expect("the temporary folder can be written");
    let script = folder.write("provision", PROVISION);
    let mut child = Command::new(PYTHON)
        .arg(script)
        .arg(&domain)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{PYTHON}: {error}: {HINT}"));
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(tree.as_bytes()).expect("the script reads the tree");
    drop(stdin);
    let output = child.wait_with_output().expect("a child can be waited for");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{HINT}: {}", String::from_utf8_lossy(&said));
    if std::fs::rename(&domain, &made).is_err() {
        assert!(made.exists(), "the domain can be kept in {}", made.display());
    }
    made
}

fn configuration(
    folder: &TestFolder,
    address: Ipv4Addr,
    certificate: &Certificate,
    authority: &Path,
    clear_text: ClearText,
) -> String {
    let folder = folder.path().display();
    let strong = match clear_text {
        ClearText::Allowed => "no",
        ClearText::Refused => "yes",
    };
    format!(
        "[global]
netbios name = DC1
realm = EXAMPLE.COM
workgroup = EXAMPLE
server role = active directory domain controller
server services = ldap
interfaces = {address}/8
bind interfaces only = yes
disable netbios = yes
private dir = {folder}/private
state directory = {folder}/state
cache directory = {folder}/cache
lock directory = {folder}
pid directory = {folder}
ncalrpc dir = {folder}/ncalrpc
binddns dir = {folder}/bind-dns
log file = {folder}/samba.log
log level = 1
max log size = 0
idmap_ldb:use rfc2307 = yes
vfs objects =
ldap server require strong auth = {strong}
tls certfile = {}
tls keyfile = {}
tls cafile = {}
",
        certificate.certificate.display(),
        certificate.private_key.display(),
        authority.display(),
    )
}
