//! A real 389 Directory Server with a folder and a port of its own.
//!
//! `dscreate` wants /etc/dirsrv and systemd, so its template is filled in here. Only root can start
//! one: the server changes the owner of its files.

use super::folder::{TestFolder, free_port};
use super::pdu;
use super::process::Process;
use super::raw::Raw;
use super::tree::SUFFIX;
use super::{PATIENCE, eventually};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;

const SERVER: &str = "/usr/sbin/ns-slapd";
const TEMPLATE: &str = "/usr/share/dirsrv/data/template-dse.ldif";
const FILES: [(&str, &str); 3] = [
    ("/etc/dirsrv/config/certmap.conf", "etc/certmap.conf"),
    ("/etc/dirsrv/config/slapd-collations.conf", "etc/slapd-collations.conf"),
    ("/etc/dirsrv/schema/99user.ldif", "etc/schema/99user.ldif"),
];
const FOLDERS: [&str; 9] = ["etc/schema", "lock", "db", "home", "bak", "run", "ldif", "log", "lib"];
/// Where its data are in its folder: the database, and what it keeps in memory of that.
const DATA: [&str; 2] = ["db", "home"];
const HINT: &str =
    "389-ds is missing: run `make test-directories`, or `apt-get install 389-ds-base`";

/// The server's own administrator, past all access control.
pub const MANAGER: &str = "cn=Directory Manager";
/// The administrator's password.
pub const MANAGER_PASSWORD: &str = "manager-secret";

/// Plug-ins that are off unless they are turned on.
const PLUGINS: [&str; 4] =
    ["MemberOf Plugin", "Retro Changelog Plugin", "USN", "referential integrity postoperation"];

/// A running directory.
pub struct Ds389 {
    port: u16,
    process: Process,
    folder: TestFolder,
}

impl Ds389 {
    /// A directory with an empty suffix, on which whoever is bound may read everything but passwords.
    pub fn start() -> Self {
        Self::without(&[])
    }

    /// The same with some of the plug-ins off.
    pub fn without(plugins: &[&str]) -> Self {
        assert!(Path::new(SERVER).exists(), "{HINT}");
        let folder = TestFolder::new("ds389");
        let port = free_port();
        prepare(&folder, port, plugins);
        let process = run(&folder, port);
        let server = Self { port, process, folder };
        server.add_suffix();
        server
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.process.terminate();
        self.process.wait();
    }

    /// Starts it again with the data that it had.
    pub fn start_again(&mut self) {
        self.process = run(&self.folder, self.port);
    }

    /// Keeps a copy of its data, while it is stopped.
    pub fn back_up(&self) {
        self.folder.back_up(&DATA);
    }

    /// Puts the data that were kept in the place of its own, while it is stopped.
    pub fn set_back(&self) {
        self.folder.set_back(&DATA);
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection that is bound as the server's administrator.
    pub fn admin(&self) -> Raw {
        let mut raw = Raw::connect(self.port);
        assert_eq!(raw.bind(MANAGER, MANAGER_PASSWORD), 0, "the administrator may bind");
        raw
    }

    /// Kills it; what was written stays.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    fn add_suffix(&self) {
        let mut admin = self.admin();
        let mut add = |dn: &str, attributes: &[(&str, &[&str])]| {
            let code = admin.code(&pdu::add(dn, attributes));
            assert_eq!(code, 0, "{dn}");
        };
        add(
            "cn=userRoot,cn=ldbm database,cn=plugins,cn=config",
            &[
                ("objectClass", &["top", "extensibleObject", "nsBackendInstance"]),
                ("nsslapd-suffix", &[SUFFIX]),
            ],
        );
        add(
            &format!("cn=\"{SUFFIX}\",cn=mapping tree,cn=config"),
            &[
                ("objectClass", &["top", "extensibleObject", "nsMappingTree"]),
                ("cn", &[SUFFIX]),
                ("nsslapd-state", &["backend"]),
                ("nsslapd-backend", &["userRoot"]),
            ],
        );
        add(
            SUFFIX,
            &[
                ("objectClass", &["top", "domain"]),
                ("dc", &["example"]),
                (
                    "aci",
                    &["(targetattr != \"userPassword\")(version 3.0; acl \"read\"; \
                       allow (read, search, compare) userdn = \"ldap:///all\";)"],
                ),
            ],
        );
    }
}

fn run(folder: &TestFolder, port: u16) -> Process {
    let path = |name: &str| folder.file(name).display().to_string();
    let args = ["-D", &path("etc"), "-i", &path("run/pid"), "-d", "0"];
    let log = folder.file("ns-slapd.log");
    let mut process = Process::start("ns-slapd", Path::new(SERVER), &args, &log);
    eventually("389-ds takes connections", || {
        if let Some(status) = process.exited() {
            let said = std::fs::read_to_string(folder.file("log/errors")).unwrap_or_default();
            panic!("389-ds ended with {status}: {said}");
        }
        TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), PATIENCE).ok()
    });
    process
}

/// Writes configuration and folders.
fn prepare(folder: &TestFolder, port: u16, without: &[&str]) {
    for name in FOLDERS {
        std::fs::create_dir_all(folder.file(name)).expect("the temporary folder can be written");
    }
    for (from, to) in FILES {
        std::fs::copy(from, folder.file(to)).unwrap_or_else(|error| panic!("{from}: {error}"));
    }
    let template = std::fs::read_to_string(TEMPLATE);
    let mut text = template.unwrap_or_else(|error| panic!("{TEMPLATE}: {error}: {HINT}"));
    for (name, value) in filling(folder, port) {
        text = text.replace(&format!("%{name}%"), &value);
    }
    for plugin in PLUGINS.iter().filter(|plugin| !without.contains(plugin)) {
        switch(&mut text, plugin, ("off", "on"));
    }
    // Names and passwords may be in any script.
    switch(&mut text, "7-bit check", ("on", "off"));
    text = text.replacen(
        "nsslapd-localuser: root\n",
        "nsslapd-localuser: root\npasswordStorageScheme: CLEAR\nnsslapd-sizelimit: -1\n\
         nsslapd-enable-upgrade-hash: off\nnsslapd-accesslog-logging-enabled: off\n",
        1,
    );
    folder.write("etc/dse.ldif", text);
}

/// What stands for the template's names.
fn filling(folder: &TestFolder, port: u16) -> Vec<(&'static str, String)> {
    let path = |name: &str| folder.file(name).display().to_string();
    let mut filling: Vec<(&str, String)> = [
        ("schema_dir", "etc/schema"),
        ("config_dir", "etc"),
        ("cert_dir", "etc"),
        ("lock_dir", "lock"),
        ("tmp_dir", "run"),
        ("ldif_dir", "ldif"),
        ("bak_dir", "bak"),
        ("run_dir", "run"),
        ("inst_dir", "lib"),
        ("log_dir", "log"),
        ("db_dir", "db"),
        ("db_home_dir", "home"),
        ("ldapi", "run/socket"),
    ]
    .map(|(name, file)| (name, path(file)))
    .into();
    let text = [
        ("fqdn", "localhost"),
        ("ds_user", "root"),
        ("rootdn", MANAGER),
        ("ldapi_enabled", "off"),
        ("ldapi_autobind", "off"),
        ("ds_suffix", SUFFIX),
        ("db_lib", "bdb"),
    ];
    filling.extend(text.map(|(name, value)| (name, value.to_owned())));
    filling.push(("ds_port", port.to_string()));
    filling.push(("ds_passwd", format!("{{CLEAR}}{MANAGER_PASSWORD}")));
    filling
}

/// Turns a plug-in on or off in the text of the configuration.
fn switch(text: &mut String, plugin: &str, (from, to): (&str, &str)) {
    let head = format!("dn: cn={plugin},cn=plugins,cn=config\n");
    let start = text.find(&head).unwrap_or_else(|| panic!("the template has no {plugin}"));
    let end = text[start..].find("\n\n").map_or(text.len(), |length| start + length);
    let key = "nsslapd-pluginenabled:";
    let mut entry = text[start..end].replace(&format!("{key} {from}"), &format!("{key} {to}"));
    if plugin == "MemberOf Plugin" {
        entry.push_str("\nmemberOfAutoAddOC: nsMemberOf");
    }
    text.replace_range(start..end, &entry);
}
