//! The servers that are measured, each with its configuration from `benches/peers`.

use super::BenchError;
use super::company::{self, GROUPS, PEOPLE, SERVICE_DN, SERVICE_PASSWORD, SUFFIX};
use super::process::{Folder, Process, bound_to_bench, find, free_address, render, write};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

const SLAPD: &str = include_str!("../peers/slapd.conf");
const HAPROXY: &str = include_str!("../peers/haproxy.cfg");
const GATEWAY: &str = include_str!("../peers/gateway.conf");

/// Where distributions keep OpenLDAP's schema and modules.
const SCHEMAS: [&str; 2] = ["/etc/ldap/schema", "/etc/openldap/schema"];
const MODULES: [&str; 3] = ["/usr/lib/ldap", "/usr/lib/openldap", "/usr/lib64/openldap"];

/// Connections beyond those of the load: the probe at the start, and those that end late.
const SPARE_CONNECTIONS: u32 = 64;

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    process: Process,
}

impl Peer {
    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

/// Whether the gateway synchronises at a bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignOn {
    /// It relays, and no more.
    Off,
    /// Every successful bind is a sign-on.
    On,
}

/// Starts OpenLDAP with a directory of `users` users.
pub(crate) fn slapd(folder: &Folder, users: u32) -> Result<Peer, BenchError> {
    let hint = "apt-get install slapd (make bench does)";
    let program = installed("slapd", hint)?;
    let slapadd = installed("slapadd", hint)?;
    let folder = folder.within("slapd")?;
    let db = folder.join("db");
    fs::create_dir(&db).map_err(BenchError::file(&db))?;
    let config = folder.join("slapd.conf");
    let values: [(&str, &dyn ToString); 5] = [
        ("SCHEMA", &first_folder(&SCHEMAS)),
        ("MODULES", &first_folder(&MODULES)),
        ("FOLDER", &folder.display()),
        ("SUFFIX", &SUFFIX),
        ("SERVICE_DN", &SERVICE_DN),
    ];
    write(&config, &render(SLAPD, &values))?;
    fill(&slapadd, &config, &folder, users)?;
    let address = free_address()?;
    let mut command = bound_to_bench(program);
    // With -d, even of nothing, slapd stays in the foreground.
    command.args(["-d", "0", "-h", &format!("ldap://{address}/"), "-f"]).arg(&config);
    let process = Process::start("slapd", &mut command, &folder, address)?;
    Ok(Peer { address, process })
}

/// Starts HAProxy as a plain TCP proxy before `directory`, for so many connections at a time: it
/// does not start if the system does not let it have the descriptors.
pub(crate) fn haproxy(
    folder: &Folder,
    directory: SocketAddr,
    connections: u16,
    threads: Option<u16>,
) -> Result<Peer, BenchError> {
    let program = installed("haproxy", "apt-get install haproxy (make bench does)")?;
    let folder = folder.within("haproxy")?;
    let address = free_address()?;
    let threads = threads.map_or_else(String::new, |count| format!("nbthread {count}"));
    let config = folder.join("haproxy.cfg");
    let values: [(&str, &dyn ToString); 4] = [
        ("LISTEN", &address),
        ("DIRECTORY", &directory),
        ("THREADS", &threads),
        ("CONNECTIONS", &(u32::from(connections) + SPARE_CONNECTIONS)),
    ];
    write(&config, &render(HAPROXY, &values))?;
    let mut command = bound_to_bench(program);
    command.arg("-db").arg("-f").arg(&config);
    let process = Process::start("haproxy", &mut command, &folder, address)?;
    Ok(Peer { address, process })
}

/// Starts the gateway before `directory`.
pub(crate) fn gateway(
    folder: &Folder,
    directory: SocketAddr,
    sign_on: SignOn,
) -> Result<Peer, BenchError> {
    let folder = folder.within(match sign_on {
        SignOn::Off => "relay",
        SignOn::On => "jit",
    })?;
    write(&folder.join("service.password"), SERVICE_PASSWORD)?;
    let (address, admin) = (free_address()?, free_address()?);
    let config = folder.join("bindgate.toml");
    let values: [(&str, &dyn ToString); 9] = [
        ("LISTEN", &address),
        ("ADMIN", &admin),
        ("FOLDER", &folder.display()),
        ("SIGN_ON", &(sign_on == SignOn::On)),
        ("DIRECTORY", &directory),
        ("SUFFIX", &SUFFIX),
        ("SERVICE_DN", &SERVICE_DN),
        ("GROUPS", &GROUPS),
        ("PEOPLE", &PEOPLE),
    ];
    write(&config, &render(GATEWAY, &values))?;
    let mut command = bound_to_bench(env!("CARGO_BIN_EXE_bindgate"));
    command.args(["run", "--config"]).arg(&config);
    let process = Process::start("bindgate", &mut command, &folder, address)?;
    Ok(Peer { address, process })
}

fn fill(slapadd: &Path, config: &Path, folder: &Path, users: u32) -> Result<(), BenchError> {
    let ldif = folder.join("company.ldif");
    let mut file = BufWriter::new(File::create(&ldif).map_err(BenchError::file(&ldif))?);
    company::write_ldif(&mut file, users).map_err(BenchError::file(&ldif))?;
    file.flush().map_err(BenchError::file(&ldif))?;
    let mut command = Command::new(slapadd);
    command.arg("-q").arg("-f").arg(config).arg("-l").arg(&ldif);
    let output = command.output().map_err(BenchError::file(slapadd))?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(BenchError::NotStarted { program: "slapadd", output })
}

fn installed(program: &'static str, hint: &'static str) -> Result<PathBuf, BenchError> {
    find(program).ok_or(BenchError::Missing { program, hint })
}

/// The first of these folders that is there; else the first, which the program will complain about.
fn first_folder(folders: &[&'static str]) -> &'static str {
    folders.iter().find(|folder| Path::new(folder).is_dir()).unwrap_or(&folders[0])
}
