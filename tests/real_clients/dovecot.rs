//! Dovecot: IMAP with passdb ldap.

use crate::apart;
use crate::scene::{Door, Scene, Server, configure};
use crate::support::PATIENCE;
use crate::support::folder::{TestFolder, free_port};
use crate::support::process::Process;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;

const DOVECOT: &str = "/usr/sbin/dovecot";
const LIBRARY: &str = "/usr/lib/dovecot/modules/auth/libauthdb_ldap.so";
const HINT: &str =
    "Dovecot is missing: run `make test-clients`, or `apt-get install dovecot-imapd dovecot-ldap`";

pub(crate) struct Dovecot {
    port: u16,
    _process: Process,
    _folder: TestFolder,
}

impl Dovecot {
    pub(crate) fn before(server: &Server) -> Self {
        assert!(Path::new(DOVECOT).exists() && Path::new(LIBRARY).exists(), "{HINT}");
        let (port, folder) = (free_port(), TestFolder::new("dovecot"));
        let mail = folder.file("mail");
        std::fs::create_dir(&mail).expect("the temporary folder can be written");
        std::os::unix::fs::chown(&mail, Some(NOBODY), Some(NOBODY)).expect("as root");
        let ldap = configure(&folder, "dovecot/dovecot-ldap.conf.ext", server);
        let text = frame(&folder, port, &ldap.display().to_string());
        let config = folder.write("dovecot.conf", text).display().to_string();
        let command = [DOVECOT, "-F", "-c", &config];
        let mut process = server.start("dovecot", &folder, &command);
        apart::wait(&mut process, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
        Self { port, _process: process, _folder: folder }
    }
}

/// Whose the mail is, here.
const NOBODY: u32 = 65534;

/// What every server has, around the part that is about LDAP.
fn frame(folder: &TestFolder, port: u16, ldap: &str) -> String {
    let root = folder.path().display();
    format!(
        "base_dir = {root}/run
state_dir = {root}/run
log_path = {root}/dovecot.log
auth_verbose = yes
auth_failure_delay = 0
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{root}/mail/%u
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
# Who fails is not made to wait.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = ldap
  args = {ldap}
}}
userdb {{
  driver = static
  args = uid={NOBODY} gid={NOBODY} home={root}/mail/%u
}}
"
    )
}

impl Door for Dovecot {
    fn lets_in(&self, uid: &str, password: &str) -> bool {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time can be set");
        let mut answers = BufReader::new(stream);
        let greeting = line(&mut answers);
        assert!(greeting.starts_with("* OK"), "{greeting}");
        let said = command(&mut answers, &format!("login {uid} {password}"));
        if said.starts_with("NO [AUTHENTICATIONFAILED]") {
            return false;
        }
        assert!(said.starts_with("OK"), "{said}");
        let said = command(&mut answers, "select INBOX");
        assert!(said.starts_with("OK"), "{said}");
        true
    }
}

/// Sends a command of IMAP and gives how it ended.
fn command(stream: &mut BufReader<TcpStream>, command: &str) -> String {
    let request = format!("a {command}\r\n");
    stream.get_mut().write_all(request.as_bytes()).expect("the server takes a command");
    loop {
        if let Some(said) = line(stream).strip_prefix("a ") {
            return said.to_owned();
        }
    }
}

fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    let length = stream.read_line(&mut line).expect("the server answers in time");
    assert!(length > 0, "the server closed");
    line
}

#[test]
fn dovecot_lets_in_whoever_is_in_a_group_by_way_of_others() {
    let scene = Scene::new();
    let [directly, through] = scene.servers().map(Dovecot::before);
    scene.check("Dovecot", &directly, &through);
}
