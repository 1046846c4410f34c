//! A small LDAP server over an LDIF: the directory of the demo, and of tests that need an upstream
//! which misbehaves on purpose.
//!
//! It speaks to real sockets through the same codec as the gateway. Its tree is in memory: nothing
//! is written to disk, and the only change that it takes is a modify of `member`. There is no TLS,
//! no SASL, no paging and no schema. Requests of one connection are answered one after another, so
//! that there is never anything to abandon.

mod answer;
mod connection;
mod directory;
mod ldif;
mod script;
mod selection;
mod tree;

pub use directory::Directory;
pub use ldif::{LdifError, LdifFault};
pub use script::{Misbehaviour, Script, Turn};

use crate::proto::result::ResultCode;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// The demo's directory: people, nested groups, a cycle and a diamond, a service account.
pub const DEMO_LDIF: &str = include_str!("demo.ldif");
/// The suffix of [`DEMO_LDIF`].
pub const DEMO_SUFFIX: &str = "dc=example,dc=com";
/// The service account of [`DEMO_LDIF`].
pub const DEMO_SERVICE_DN: &str = "cn=gateway,dc=example,dc=com";
/// The service account's password. It guards made-up data on loopback.
pub const DEMO_SERVICE_PASSWORD: &str = "gateway-demo";
/// People of [`DEMO_LDIF`] by name, with their passwords. They guard made-up data on loopback.
pub const DEMO_PEOPLE: [(&str, &str); 2] = [("ann", "ann-demo"), ("bob", "bob-demo")];

/// How long connections have to end after the shutdown was asked for.
const DRAIN: Duration = Duration::from_secs(1);
/// How long the server waits after an accept that failed, most likely for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The bounds of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most connections at a time; one more is told `busy` and closed.
    pub connections: usize,
    /// The most bytes of one message.
    pub message_size: usize,
    /// The most controls of one message.
    pub controls: usize,
    /// The most entries that a search returns, whatever the client allows.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1024, message_size: 1 << 20, controls: 32, entries: 10_000 }
    }
}

/// A directory with the bounds and the script that it is served with.
#[derive(Debug)]
pub struct Server {
    directory: Arc<Directory>,
    script: Arc<Script>,
    limits: Limits,
}

impl Server {
    /// A server that behaves, with the default bounds.
    pub fn new(directory: Arc<Directory>) -> Self {
        Self { directory, script: Arc::default(), limits: Limits::default() }
    }

    /// The same server with a script that it misbehaves by.
    pub fn scripted(self, script: Arc<Script>) -> Self {
        Self { script, ..self }
    }

    /// The same server with other bounds.
    pub fn limited(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Serves until `shutdown` ends; then every client is sent a Notice of Disconnection
    /// (unavailable), and connections that have not ended a second later are cut.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let slots = Arc::new(Semaphore::new(self.limits.connections));
        let server = Arc::new(self);
        let (stop, stopped) = watch::channel(());
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (server, slots) = (Arc::clone(&server), Arc::clone(&slots));
                    let stopped = stopped.clone();
                    connections.spawn(admit(server, slots, stream, stopped));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
        drop(listener);
        drop(stop);
        let ended = async { while connections.join_next().await.is_some() {} };
        // Those that outlive the drain are aborted when the set is dropped.
        let _ = tokio::time::timeout(DRAIN, ended).await;
    }
}

/// Serves `directory` with the default bounds and no script until `shutdown` ends.
pub async fn serve(
    listener: TcpListener,
    directory: Arc<Directory>,
    shutdown: impl Future<Output = ()>,
) {
    Server::new(directory).serve(listener, shutdown).await;
}

async fn admit(
    server: Arc<Server>,
    slots: Arc<Semaphore>,
    stream: TcpStream,
    stopped: watch::Receiver<()>,
) {
    // A socket that refuses the option still works, only more slowly.
    let _ = stream.set_nodelay(true);
    match slots.try_acquire() {
        Ok(_slot) => connection::run(&server, stream, stopped).await,
        Err(_) => connection::refuse(stream, ResultCode::BUSY, "too many connections").await,
    }
}
