//! `bindgate demo`: a sample directory and a gateway on loopback, in one process.
//!
//! Everything that it writes lies in a temporary folder that goes when it ends.

use super::access::{Access, TOKEN_FILE_VARIABLE, URL_VARIABLE};
use super::client::Client;
use super::exit::{Failure, Format};
use super::user;
use crate::proto::bind::{BindResponse, write_simple};
use crate::proto::envelope::{Envelope, MessageId};
use crate::proto::framing::{Frame, frame};
use crate::sample::{
    self, DEMO_LDIF, DEMO_PEOPLE, DEMO_SERVICE_DN, DEMO_SERVICE_PASSWORD, DEMO_SUFFIX,
};
use crate::server::{RunError, Running};
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

/// How long the demo waits for an answer of its own gateway.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most bytes of a bind's answer.
const MAX_ANSWER: usize = 64 * 1024;

/// Runs the demo until a signal, or with `once` until two people have signed on.
pub(super) fn run(once: bool) -> Result<(), RunError> {
    let folder = Folder::make()?;
    let directory = SampleDirectory::start()?;
    let running = Running::start(configuration(&folder.0, directory.address)?)?;
    let (Some(gateway), Some(admin)) =
        (running.addresses().first().copied(), running.admin_address())
    else {
        return Err(failed("the gateway has no address"));
    };
    for (name, password) in DEMO_PEOPLE {
        sign_on(gateway, &person(name), password)?;
        println!("{name} signed on through the gateway. What it keeps of {name} now:\n");
        println!("{}", portrait(admin, &folder.0, name)?);
    }
    if once {
        return running.stop();
    }
    println!("{}", directions(gateway, directory.address, admin, &folder.0));
    running.until_signalled()
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
        let parent = std::env::temp_dir();
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
    let password_file = folder.join("service.password");
    std::fs::write(&password_file, DEMO_SERVICE_PASSWORD).map_err(failed)?;
    let gateway = free_address(GATEWAY_PORT)?;
    let admin = free_address(ADMIN_PORT)?;
    let text = format!(
        r#"[listen]
ldap = ["{gateway}"]
[store]
url = "file:{store}"
[admin]
listen = "{admin}"
token_file = "{token}"
[[directory]]
name = "sample"
urls = ["ldap://{directory}"]
suffixes = ["{DEMO_SUFFIX}"]
service_account = {{ dn = "{DEMO_SERVICE_DN}", password_file = "{password}" }}
[directory.groups]
base = "ou=groups,{DEMO_SUFFIX}"
[[directory.user_type]]
name = "staff"
base = "ou=people,{DEMO_SUFFIX}"
filter = "(objectClass=inetOrgPerson)"
username = "uid"
"#,
        store = folder.join("store").display(),
        token = token_file(folder).display(),
        password = password_file.display(),
    );
    crate::config::parse(&text, "demo.toml").map_err(|problems| failed(problems.render()))
}

fn token_file(folder: &Path) -> PathBuf {
    folder.join("admin.token")
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
    let token = crate::admin::read_token(&token_file(folder)).map_err(failed)?;
    let client = Client::new(Access { url: format!("http://{admin}"), token });
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
    let token = token_file(folder);
    let token = token.display();
    format!(
        "\
gateway     ldap://{gateway}
directory   ldap://{directory}   (service account {DEMO_SERVICE_DN}, password {DEMO_SERVICE_PASSWORD})
admin API   http://{admin}
people      {people}

In another terminal:

export {URL_VARIABLE}=http://{admin}
export {TOKEN_FILE_VARIABLE}={token}

ldapwhoami -x -H ldap://{gateway} -D {ann} -w {password}
bindgate user show {name}

# take {name} out of a group in the directory, bind again, look again
ldapmodify -x -H ldap://{directory} -D {DEMO_SERVICE_DN} -w {DEMO_SERVICE_PASSWORD} <<END
dn: cn=platform,ou=groups,{DEMO_SUFFIX}
changetype: modify
delete: member
member: {ann}
END

# or leave records alone after the first sign-on
bindgate user-type set staff update-on-sign-on=off

Ctrl-C ends it.",
        people = DEMO_PEOPLE.map(|(name, password)| format!("{name} / {password}")).join(", "),
    )
}
