//! `bindgate demo`: a sample directory and a gateway on loopback, in one process.
//!
//! Everything that it writes lies in a temporary folder that goes when it ends.

use super::access::{Access, TOKEN_FILE_VARIABLE, URL_VARIABLE};
use super::client::Client;
use super::exit::{self, Failure, Format};
use super::user;
use crate::proto::bind::{BindResponse, write_simple};
use crate::proto::envelope::{Envelope, MessageId};
use crate::proto::framing::{Frame, frame};
use crate::sample::{
    self, DEMO_LDIF, DEMO_PEOPLE, DEMO_SERVICE_DN, DEMO_SERVICE_PASSWORD, DEMO_SUFFIX,
};
use crate::server::{RunError, Running, Signals};
use std::fmt::Display;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Where the gateway listens, if the port is free.
const GATEWAY_PORT: u16 = 3890;
/// Where the sample directory listens, if the port is free.
const DIRECTORY_PORT: u16 = 3891;
/// Where the admin API listens, if the port is free.
const ADMIN_PORT: u16 = 8389;

/// The file of the admin token, in the demo's folder.
const TOKEN_FILE: &str = "admin.token";

/// How often the gateway is started if others take its ports meanwhile.
const TRIES: usize = 10;

/// How long the demo waits for an answer of its own gateway.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most bytes of a bind's answer.
const MAX_ANSWER: usize = 64 * 1024;

/// Runs the demo until a signal, or with `once` until two people have signed on.
pub(super) fn run(once: bool, signals: Signals) -> Result<(), RunError> {
    let directory = SampleDirectory::start()?;
    let folder = Folder::make()?;
    let (path, address) = (folder.0.clone(), directory.address);
    let Some(running) = signals.unless_asked_twice(move || start(&path, address))? else {
        return Ok(());
    };
    let running = running?;
    let (Some(gateway), Some(admin)) =
        (running.addresses().first().copied(), running.admin_address())
    else {
        return Err(failed("the gateway has no address"));
    };
    // A signal interrupts what the main thread waits for, and a wait with a time-out is not resumed.
    let shown = std::thread::scope(|scope| {
        scope.spawn(|| sign_people_on(gateway, admin, &folder.0)).join()
    });
    shown.map_err(|_| failed("signing the people on panicked"))??;
    if once {
        return running.stop();
    }
    exit::print(&directions(gateway, directory.address, admin, &folder.0));
    running.until_signalled(signals)
}

/// Signs the people on and shows what is kept of them.
fn sign_people_on(gateway: SocketAddr, admin: SocketAddr, folder: &Path) -> Result<(), RunError> {
    for (name, password) in DEMO_PEOPLE {
        sign_on(gateway, &person(name), password)?;
        let kept = portrait(admin, folder, name)?;
        exit::print(&format!(
            "{name} signed on through the gateway. What it keeps of {name} now:\n\n{kept}\n"
        ));
    }
    Ok(())
}

/// Starts the gateway. A port that was free a moment ago may be another demo's by now, so there are
/// several tries, each with ports that are free at its time.
fn start(folder: &Path, directory: SocketAddr) -> Result<Running, RunError> {
    for _ in 1..TRIES {
        match Running::start(configuration(folder, directory)?) {
            Err(RunError::Listen(_) | RunError::Admin { .. }) => {}
            settled => return settled,
        }
    }
    Running::start(configuration(folder, directory)?)
}

fn failed(error: impl Display) -> RunError {
    RunError::Demo(error.to_string())
}

fn person(name: &str) -> String {
    format!("uid={name},ou=people,{DEMO_SUFFIX}")
}

/// The temporary folder; it goes with the value.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, RunError> {
        // What is printed has to lead there from any folder.
        let parent = std::path::absolute(std::env::temp_dir()).map_err(failed)?;
        for attempt in 0..100 {
            let path = parent.join(format!("bindgate-demo-{}-{attempt}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(format!("{}: {error}", path.display()))),
            }
        }
        Err(failed(format!("no free name for a folder in {}", parent.display())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The sample directory on a thread of its own.
struct SampleDirectory {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SampleDirectory {
    fn start() -> Result<Self, RunError> {
        let directory = Arc::new(sample::Directory::parse(DEMO_LDIF).map_err(failed)?);
        let socket = listen(DIRECTORY_PORT).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(socket) else {
                    return;
                };
                let shutdown = async { drop(stopped.await) };
                sample::serve(listener, directory, shutdown).await;
            });
        };
        let thread = std::thread::Builder::new().name("sample".to_owned()).spawn(serve);
        Ok(Self { address, stop: Some(stop), thread: Some(thread.map_err(failed)?) })
    }
}

impl Drop for SampleDirectory {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The fixed port if it is free, else any.
fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
}

fn free_address(port: u16) -> Result<SocketAddr, RunError> {
    listen(port).and_then(|socket| socket.local_addr()).map_err(failed)
}

fn configuration(folder: &Path, directory: SocketAddr) -> Result<crate::config::Config, RunError> {
    std::fs::write(folder.join("service.password"), DEMO_SERVICE_PASSWORD).map_err(failed)?;
    let gateway = free_address(GATEWAY_PORT)?;
    let admin = free_address(ADMIN_PORT)?;
    let text = format!(
        r#"[listen]
ldap = ["{gateway}"]
[store]
url = "file:store"
[admin]
listen = "{admin}"
token_file = "{TOKEN_FILE}"
[[directory]]
name = "sample"
urls = ["ldap://{directory}"]
suffixes = ["{DEMO_SUFFIX}"]
service_account = {{ dn = "{DEMO_SERVICE_DN}", password_file = "service.password" }}
[directory.groups]
base = "ou=groups,{DEMO_SUFFIX}"
[[directory.user_type]]
name = "staff"
base = "ou=people,{DEMO_SUFFIX}"
filter = "(objectClass=inetOrgPerson)"
username = "uid"
"#
    );
    // Relative paths start at the file's folder, whatever characters that has in its name.
    let file = folder.join("demo.toml");
    let file = file.to_str().ok_or_else(|| failed("the temporary folder's name is not UTF-8"))?;
    crate::config::parse(&text, file).map_err(|problems| failed(problems.render()))
}

/// A word of a shell's command line, in quotes where it needs them.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/.,_-+=:@".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// This program as a shell finds it from any folder.
fn program() -> String {
    let path = std::env::current_exe().ok();
    path.as_deref().and_then(Path::to_str).map_or_else(|| "bindgate".to_owned(), shell_word)
}

/// Binds as an application would, and waits for the answer: the record is on disk by then.
fn sign_on(gateway: SocketAddr, name: &str, password: &str) -> Result<(), RunError> {
    let mut stream = TcpStream::connect_timeout(&gateway, PATIENCE).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let mut request = Vec::new();
    write_simple(&mut request, MessageId::UNSOLICITED.next(), name.as_bytes(), password.as_bytes());
    stream.write_all(&request).map_err(failed)?;
    let mut answer = Vec::new();
    let mut bytes = [0; 1024];
    while !matches!(frame(&answer, MAX_ANSWER).map_err(failed)?, Frame::Whole(_)) {
        let count = stream.read(&mut bytes).map_err(failed)?;
        if count == 0 {
            return Err(failed("the gateway closed the connection"));
        }
        answer.extend_from_slice(&bytes[..count]);
    }
    let envelope = Envelope::parse(&answer).map_err(failed)?;
    let code = BindResponse::decode(envelope.content).map_err(failed)?.result.code;
    if code.is_success() { Ok(()) } else { Err(failed(format!("{name}: {code}"))) }
}

fn portrait(admin: SocketAddr, folder: &Path, name: &str) -> Result<String, RunError> {
    let token = crate::admin::read_token(&folder.join(TOKEN_FILE)).map_err(failed)?;
    let client =
        Client::new(Access { url: format!("http://{admin}"), token, tls: Default::default() });
    user::show(&client, name, Format::Text).map_err(|failure: Failure| failed(failure.detail))
}

fn directions(
    gateway: SocketAddr,
    directory: SocketAddr,
    admin: SocketAddr,
    folder: &Path,
) -> String {
    let [(name, password), _] = DEMO_PEOPLE;
    let ann = person(name);
    let token = shell_word(&folder.join(TOKEN_FILE).display().to_string());
    let bindgate = program();
    let people = DEMO_PEOPLE.map(|(name, password)| format!("{name} / {password}")).join(", ");
    let bind = format!("ldapwhoami -x -H ldap://{gateway} -D {ann} -w {password}");
    let console = match cfg!(feature = "console") {
        true => {
            format!("\nconsole     http://{admin}/console/   (log in with the token in {token})")
        }
        false => String::new(),
    };
    format!(
        "\
gateway     ldap://{gateway}
directory   ldap://{directory}   (service account {DEMO_SERVICE_DN}, password {DEMO_SERVICE_PASSWORD})
admin API   http://{admin}{console}
people      {people}

In another terminal (ldapwhoami and ldapmodify come with the package ldap-utils):

export {URL_VARIABLE}=http://{admin}
export {TOKEN_FILE_VARIABLE}={token}

{bind}
{bindgate} user show {name}

# take {name} out of a group in the directory, bind again, look again
ldapmodify -x -H ldap://{directory} -D {DEMO_SERVICE_DN} -w {DEMO_SERVICE_PASSWORD} <<END
dn: cn=platform,ou=groups,{DEMO_SUFFIX}
changetype: modify
delete: member
member: {ann}
END
{bind}
{bindgate} user show {name}

# or leave records alone after the first sign-on
{bindgate} user-type set staff update-on-sign-on=off

Ctrl-C ends it.
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A TMPDIR with a blank or a quote made lines that a shell read as something else.
    #[test]
    fn a_word_is_quoted_where_a_shell_would_read_it_as_something_else() {
        assert_eq!(
            shell_word("/tmp/bindgate-demo-1-0/admin.token"),
            "/tmp/bindgate-demo-1-0/admin.token"
        );
        assert_eq!(shell_word("/tmp/a b"), "'/tmp/a b'");
        assert_eq!(shell_word("it's $HOME"), "'it'\\''s $HOME'");
        assert_eq!(shell_word(""), "''");
    }

    /// A TMPDIR with a quote or a backslash made a configuration that could not be read.
    #[test]
    fn the_configuration_does_not_depend_on_what_the_folder_is_called() {
        let odd = std::env::temp_dir().join(format!("bindgate-odd \"\\-{}", std::process::id()));
        std::fs::create_dir_all(&odd).unwrap();
        let config = configuration(&odd, (Ipv4Addr::LOCALHOST, 1).into());
        std::fs::remove_dir_all(&odd).unwrap();
        let config = config.unwrap();
        assert_eq!(config.store.folder, odd.join("store"));
        assert_eq!(config.admin.token_file, odd.join(TOKEN_FILE));
    }
}
