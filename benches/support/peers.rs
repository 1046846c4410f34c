//! The servers that are measured, each with its configuration from `benches/peers`.

use super::BenchError;
use super::company::{GROUPS, PEOPLE, SERVICE_DN, SERVICE_PASSWORD, SUFFIX};
use super::metrics::{metrics, value};
use super::process::{Folder, Process, bound_to_bench, find, free_address, render, write};
use super::target::Target;
use rcgen::CertifiedKey;
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const HAPROXY: &str = include_str!("../peers/haproxy.cfg");
const GATEWAY: &str = include_str!("../peers/gateway.conf");

/// Connections beyond those of the load: the probe at the start, and those that end late.
const SPARE_CONNECTIONS: usize = 64;
/// How often it is looked whether a copy is complete.
const STEP: Duration = Duration::from_millis(10);
/// What the pool of the gateway `relay64` may have.
const SMALL_POOL: &str = "max_connections = 64";
/// Room for the look-ups of all users.
const KEPT: &str = "max_kept_lookups = 50000";

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Where it listens for plain LDAP.
    pub(crate) address: SocketAddr,
    /// Where it listens for LDAPS, if it does.
    pub(crate) tls: Option<SocketAddr>,
    /// Where the gateway is administered.
    #[allow(dead_code, reason = "not every bench looks there")]
    pub(crate) admin: Option<SocketAddr>,
    process: Process,
}

impl Peer {
    /// One that runs already.
    pub(crate) fn new(address: SocketAddr, tls: Option<SocketAddr>, process: Process) -> Self {
        Self { address, tls, admin: None, process }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until the gateway's copy of the directory is complete.
    #[allow(dead_code, reason = "not every bench waits for it")]
    pub(crate) fn comes_to_have_a_copy(&self, patience: Duration) -> Result<(), BenchError> {
        let failed = |source| BenchError::Load { target: "gateway", source };
        let admin = self.admin.ok_or_else(|| failed(io::ErrorKind::NotConnected.into()))?;
        let deadline = Instant::now() + patience;
        while value(&metrics(admin).map_err(failed)?, "bindgate_replica_complete") != 1 {
            if Instant::now() > deadline {
                return Err(failed(io::ErrorKind::TimedOut.into()));
            }
            std::thread::sleep(STEP);
        }
        Ok(())
    }
}

/// What all peers are started from: a folder for their files, and a certificate for 127.0.0.1.
pub(crate) struct Ground {
    folder: Folder,
    /// The certificate, which is its own authority.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    both: String,
    started: Cell<u32>,
}

impl Ground {
    /// Makes the folder and the certificate.
    pub(crate) fn create() -> Result<Self, BenchError> {
        let folder = Folder::create()?;
        let (certificate, key) = (folder.path("certificate.pem"), folder.path("private.key"));
        let made =
            rcgen::generate_simple_self_signed(["127.0.0.1", "localhost"].map(str::to_owned));
        let made = made.map_err(io::Error::other).map_err(BenchError::file(&certificate))?;
        let CertifiedKey { cert, signing_key } = made;
        write(&certificate, &cert.pem())?;
        write(&key, &signing_key.serialize_pem())?;
        let both = cert.pem() + &signing_key.serialize_pem();
        Ok(Self { folder, certificate, key, both, started: Cell::new(0) })
    }

    /// A new folder for one more server.
    pub(crate) fn folder_of(&self, name: &str) -> Result<PathBuf, BenchError> {
        let number = self.started.replace(self.started.get() + 1);
        self.folder.within(&format!("{name}-{number}"))
    }
}

/// HAProxy as a proxy before `directory`, for so many connections at a time: it does not start if
/// the system does not let it have the descriptors.
pub(crate) fn haproxy(
    ground: &Ground,
    directory: SocketAddr,
    connections: usize,
    threads: Option<u16>,
) -> Result<Peer, BenchError> {
    let program = installed("haproxy", "apt-get install haproxy (make bench does)")?;
    let folder = ground.folder_of("haproxy")?;
    let (address, tls) = (free_address()?, free_address()?);
    let threads = threads.map_or_else(String::new, |count| format!("nbthread {count}"));
    write(&folder.join("both.pem"), &ground.both)?;
    let config = folder.join("haproxy.cfg");
    let values: [(&str, &dyn ToString); 6] = [
        ("LISTEN", &address),
        ("LISTEN_TLS", &tls),
        ("FOLDER", &folder.display()),
        ("DIRECTORY", &directory),
        ("THREADS", &threads),
        ("CONNECTIONS", &(connections + SPARE_CONNECTIONS)),
    ];
    write(&config, &render(HAPROXY, &values))?;
    let mut command = bound_to_bench(program);
    command.arg("-db").arg("-f").arg(&config);
    let process = Process::start("haproxy", &mut command, &folder, address)?;
    Ok(Peer::new(address, Some(tls), process))
}

/// The gateway before `directory`, in the mode that `target` names.
pub(crate) fn gateway(
    ground: &Ground,
    directory: SocketAddr,
    target: Target,
) -> Result<Peer, BenchError> {
    gateway_with(ground, directory, target, |_| Ok(()))
}

/// The same, once its store has been filled in that folder.
pub(crate) fn gateway_with(
    ground: &Ground,
    directory: SocketAddr,
    target: Target,
    fill: impl FnOnce(&Path) -> Result<(), BenchError>,
) -> Result<Peer, BenchError> {
    let folder = ground.folder_of(target.name())?;
    fill(&folder.join("store"))?;
    write(&folder.join("service.password"), SERVICE_PASSWORD)?;
    let (address, tls, admin) = (free_address()?, free_address()?, free_address()?);
    let config = folder.join("bindgate.toml");
    let values: [(&str, &dyn ToString); 16] = [
        ("LISTEN", &address),
        ("LISTEN_TLS", &tls),
        ("WORKERS", &u8::from(target == Target::Relay1)),
        ("CERTIFICATE", &ground.certificate.display()),
        ("KEY", &ground.key.display()),
        ("ADMIN", &admin),
        ("FOLDER", &folder.display()),
        ("SIGN_ON", &target.signs_on()),
        ("RESOLVE", &if target.walks() { "walk" } else { "auto" }),
        ("KEPT", &if target == Target::JitKept { KEPT } else { "" }),
        ("POOL", &if target == Target::Relay64 { SMALL_POOL } else { "" }),
        ("DIRECTORY", &directory),
        ("SUFFIX", &SUFFIX),
        ("SERVICE_DN", &SERVICE_DN),
        ("GROUPS", &GROUPS),
        ("PEOPLE", &PEOPLE),
    ];
    write(&config, &render(GATEWAY, &values))?;
    let mut command = bound_to_bench(binary(target)?);
    command.args(["run", "--config"]).arg(&config);
    let process = Process::start("bindgate", &mut command, &folder, address)?;
    Ok(Peer { admin: Some(admin), ..Peer::new(address, Some(tls), process) })
}

/// The build of the gateway that `target` runs.
fn binary(target: Target) -> Result<PathBuf, BenchError> {
    if !target.is_another_build() {
        return Ok(env!("CARGO_BIN_EXE_bindgate").into());
    }
    let hint = "set BINDGATE_OTHER to the binary of another build";
    let missing = BenchError::Missing { program: "another build", hint };
    std::env::var_os("BINDGATE_OTHER").map(PathBuf::from).ok_or(missing)
}

/// The path of a program, or how to get it.
pub(crate) fn installed(program: &'static str, hint: &'static str) -> Result<PathBuf, BenchError> {
    find(program).ok_or(BenchError::Missing { program, hint })
}
