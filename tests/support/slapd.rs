//! A real slapd with a folder and a port of its own.

use super::certs::Certificate;
use super::folder::{TestFolder, free_port};
use super::process::Process;
use super::raw::Raw;
use super::tree::{self, ADMIN, ADMIN_PASSWORD, Extra, GROUPS, PEOPLE, SERVICE, SUFFIX};
use super::{PATIENCE, eventually};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;

const SLAPD: &str = "/usr/sbin/slapd";
const HINT: &str = "slapd is missing: run `make test`, or `apt-get install slapd ldap-utils`";

/// How often slapd is started on another port when its own was snatched away.
const TRIES: usize = 3;

/// What a test may want different about its directory.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// People and groups beside the named ones.
    pub extra: Extra,
    /// The most entries that the service account gets from one search.
    pub service_size_limit: Option<usize>,
    /// Lines for the global section.
    pub global_lines: Vec<String>,
    /// Access rules that come before the usual ones.
    pub access_lines: Vec<String>,
    /// Lines for the end of the database's section: more overlays and their settings.
    pub database_lines: Vec<String>,
    /// What its environment has beside the test's own.
    pub environment: Vec<(&'static str, String)>,
    /// Where it listens for LDAPS too: see [`Options::secured`].
    pub ldaps: Option<u16>,
}

impl Options {
    /// With this certificate, by StartTLS and at a port for LDAPS.
    pub fn secured(mut self, own: &Certificate) -> Self {
        self.global_lines.extend([
            format!("TLSCertificateFile {}", own.certificate.display()),
            format!("TLSCertificateKeyFile {}", own.private_key.display()),
        ]);
        self.ldaps = Some(free_port());
        self
    }
}

/// A running directory.
pub struct Slapd {
    port: u16,
    ldaps: Option<u16>,
    // The process goes before the folder that it works in.
    process: Process,
    folder: TestFolder,
}

impl Slapd {
    /// A directory with the tree as it is.
    pub fn start() -> Self {
        Self::with(&Options::default())
    }

    /// Two directories that keep each other up to date (multi-provider replication): server ids 1
    /// and 2.
    pub fn pair(options: &Options) -> [Self; 2] {
        let pair = || {
            let ports = [free_port(), free_port()];
            let one = Self::at(ports[0], &provider(options, 1, ports[1]))?;
            Some([one, Self::at(ports[1], &provider(options, 2, ports[0]))?])
        };
        (0..TRIES).find_map(|_| pair()).expect("two slapds start")
    }

    /// A directory on that port; `None` if the port is not free any more.
    fn at(port: u16, options: &Options) -> Option<Self> {
        let folder = prepare(options);
        let process = launch(&folder, port)?;
        Some(Self { port, ldaps: options.ldaps, process, folder })
    }

    /// A directory with some things different.
    pub fn with(options: &Options) -> Self {
        let folder = prepare(options);
        let (port, process) = (0..TRIES)
            .find_map(|_| {
                let port = free_port();
                launch(&folder, port).map(|process| (port, process))
            })
            .unwrap_or_else(|| panic!("slapd did not start: {}", log_of(&folder)));
        Self { port, ldaps: options.ldaps, process, folder }
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it listens for LDAPS; panics if it does not.
    #[track_caller]
    pub fn ldaps(&self) -> u16 {
        self.ldaps.expect("it was secured")
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// Kills it; what was written stays.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same data and port.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = launch(&self.folder, self.port)
            .unwrap_or_else(|| panic!("slapd did not start again: {}", self.process.log()));
    }

    /// Stops it, keeps a copy of its data under a name, and starts it again.
    pub fn back_up(&mut self, name: &str) {
        self.process.kill();
        copy_files(&self.folder.file("db"), &self.folder.file(name));
        self.restart();
    }

    /// Stops it, puts the data that were kept under a name in the place of its own, and starts it
    /// again.
    pub fn set_back(&mut self, name: &str) {
        self.process.kill();
        std::fs::remove_dir_all(self.folder.file("db")).expect("the data are there");
        copy_files(&self.folder.file(name), &self.folder.file("db"));
        self.restart();
    }

    /// Starts it again on the same data and port with another configuration; `extra` of the options
    /// does not count.
    pub fn reconfigure(&mut self, options: &Options) {
        self.process.kill();
        self.folder.write("slapd.conf", configuration(&self.folder, options));
        self.restart();
    }

    /// A connection that is bound as the directory's administrator.
    pub fn admin(&self) -> Raw {
        let mut raw = Raw::connect(self.port);
        assert_eq!(raw.bind(ADMIN, ADMIN_PASSWORD), 0, "the administrator may bind");
        raw
    }
}

/// A folder with the configuration and the tree.
fn prepare(options: &Options) -> TestFolder {
    assert!(Path::new(SLAPD).exists(), "{HINT}");
    let folder = TestFolder::new("slapd");
    std::fs::create_dir_all(folder.file("db")).expect("the temporary folder can be written");
    folder.write("slapd.conf", configuration(&folder, options));
    let pairs = options.environment.iter().map(|(name, value)| format!("{name}={value}\n"));
    folder.write("environment", pairs.collect::<String>());
    let ldaps = options.ldaps.map(|port| format!(" ldaps://127.0.0.1:{port}"));
    folder.write("more-urls", ldaps.unwrap_or_default());
    load(&folder, &tree::ldif(options.extra));
    folder
}

/// The options of a server that follows the one at `other`.
fn provider(options: &Options, id: u16, other: u16) -> Options {
    let mut options = options.clone();
    options.global_lines.push(format!("serverID {id}"));
    options.database_lines.push(format!(
        "syncrepl rid=00{id} provider=ldap://127.0.0.1:{other} type=refreshAndPersist \
         retry=\"1 +\" searchbase=\"{SUFFIX}\" bindmethod=simple binddn=\"{ADMIN}\" \
         credentials={ADMIN_PASSWORD}"
    ));
    options.database_lines.push("multiprovider on".to_owned());
    options
}

fn configuration(folder: &TestFolder, options: &Options) -> String {
    let folder = folder.path().display();
    let limits = options.service_size_limit.map_or_else(String::new, |limit| {
        format!("limits dn.exact=\"{SERVICE}\" size.soft={limit} size.hard={limit}\n")
    });
    let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let lines = text(&options.database_lines);
    let (global, access) = (text(&options.global_lines), text(&options.access_lines));
    format!(
        "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload syncprov
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
sizelimit 500
threads 4
{global}database mdb
suffix \"{SUFFIX}\"
rootdn \"{ADMIN}\"
rootpw {ADMIN_PASSWORD}
directory {folder}/db
maxsize 67108864
dbnosync
index objectClass,uid,cn,member,entryUUID,entryCSN eq
{limits}{access}access to attrs=userPassword by self write by anonymous auth by * none
access to dn.subtree=\"{GROUPS}\" by dn.exact=\"{SERVICE}\" read by * none
access to dn.subtree=\"{PEOPLE}\" by dn.exact=\"{SERVICE}\" read by self write by users read \
         by anonymous auth by * none
access to * by users read by anonymous auth by * none
overlay syncprov
syncprov-checkpoint 1000 60
{lines}"
    )
}

fn load(folder: &TestFolder, ldif: &str) {
    let ldif = folder.write("tree.ldif", ldif);
    let output = Command::new("/usr/sbin/slapadd")
        .args(["-q", "-w", "-f"])
        .arg(folder.file("slapd.conf"))
        .arg("-l")
        .arg(ldif)
        .output()
        .unwrap_or_else(|error| panic!("slapadd cannot be started ({error}): {HINT}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "slapadd failed: {said}");
}

/// Starts slapd and waits until it takes connections; `None` if it ended instead.
fn launch(folder: &TestFolder, port: u16) -> Option<Process> {
    let config = folder.file("slapd.conf").display().to_string();
    let more = std::fs::read_to_string(folder.file("more-urls")).expect("it was written");
    let url = format!("ldap://127.0.0.1:{port}{more}");
    let environment = std::fs::read_to_string(folder.file("environment"));
    let environment = environment.expect("it was written with the configuration");
    let args = [SLAPD, "-d", "0", "-h", &url, "-f", &config];
    // `env` takes the program's place, so it is slapd that is killed.
    let args: Vec<&str> = environment.lines().chain(args).collect();
    let log = folder.file("slapd.log");
    let mut process = Process::start("slapd", Path::new("/usr/bin/env"), &args, &log);
    let running = eventually("slapd takes connections", || {
        if process.exited().is_some() {
            return Some(false);
        }
        let address = (Ipv4Addr::LOCALHOST, port).into();
        TcpStream::connect_timeout(&address, PATIENCE).ok().map(|_| true)
    });
    running.then_some(process)
}

/// Copies the files of a folder into a new one.
fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the temporary folder can be written");
    for file in std::fs::read_dir(from).expect("the folder is there") {
        let file = file.expect("the folder can be read");
        std::fs::copy(file.path(), to.join(file.file_name())).expect("a file can be copied");
    }
}

fn log_of(folder: &TestFolder) -> String {
    std::fs::read_to_string(folder.file("slapd.log")).unwrap_or_default()
}
