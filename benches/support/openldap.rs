//! OpenLDAP's servers: the directory, and three that stand before it.

use super::BenchError;
use super::company::{self, APP_DN, Also, PEOPLE, SERVICE_DN, SERVICE_PASSWORD, SUFFIX};
use super::peers::{Ground, Peer, installed};
use super::process::{Process, bound_to_bench, free_address, render, write};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

const SLAPD: &str = include_str!("../peers/slapd.conf");
const LLOADD: &str = include_str!("../peers/lloadd.conf");
const BACK_LDAP: &str = include_str!("../peers/back-ldap.conf");
const PCACHE: &str = include_str!("../peers/pcache.conf");

const HINT: &str = "apt-get install slapd (make bench does)";

/// Where distributions keep OpenLDAP's schema and modules.
const SCHEMAS: [&str; 2] = ["/etc/ldap/schema", "/etc/openldap/schema"];
const MODULES: [&str; 3] = ["/usr/lib/ldap", "/usr/lib/openldap", "/usr/lib64/openldap"];

/// What a directory has to write down at binds: that each succeeded, and how often in a row one
/// failed, up to a lock.
const POLICY: &str = "overlay ppolicy\nppolicy_default \"cn=policy,@SUFFIX@\"\nlastbind on";
const POLICY_ENTRY: &str = "\
dn: cn=policy,@SUFFIX@
objectClass: organizationalRole
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
pwdMaxFailure: 5
pwdLockout: TRUE
pwdLockoutDuration: 60
";

/// The directory itself, with `users` users; with a password policy, if that is asked for.
pub(crate) fn slapd(ground: &Ground, users: u32, policy: bool) -> Result<Peer, BenchError> {
    match policy {
        true => filled(ground, users, ("moduleload ppolicy", POLICY, POLICY_ENTRY), Also::Nothing),
        false => filled(ground, users, ("", "", ""), Also::Nothing),
    }
}

/// The same, and plain searches find the users of a division.
#[allow(dead_code, reason = "not every bench searches for them")]
pub(crate) fn slapd_of_divisions(ground: &Ground, users: u32) -> Result<Peer, BenchError> {
    filled(ground, users, ("", "index departmentNumber eq", ""), Also::Division)
}

/// The same, with a small group more for every ten users.
#[allow(dead_code, reason = "not every bench has so many")]
pub(crate) fn slapd_of_circles(ground: &Ground, users: u32) -> Result<Peer, BenchError> {
    filled(ground, users, ("", "", ""), Also::Circles)
}

fn filled(
    ground: &Ground,
    users: u32,
    (module, policy, entry): (&str, &str, &str),
    also: Also,
) -> Result<Peer, BenchError> {
    let slapadd = installed("slapadd", HINT)?;
    let folder = ground.folder_of("slapd")?;
    let template = SLAPD.replace("@POLICY_MODULE@", module).replace("@POLICY@", policy);
    let config = configure(&folder, &template, None, ground)?;
    fill(&slapadd, &config, &folder, (users, also), entry)?;
    let (address, tls) = (free_address()?, free_address()?);
    let urls = format!("ldap://{address}/ ldaps://{tls}/");
    let process = start("slapd", installed("slapd", HINT)?, &folder, &urls, address)?;
    Ok(Peer::new(address, Some(tls), process))
}

/// slapd with back-ldap.
pub(crate) fn back_ldap(ground: &Ground, directory: SocketAddr) -> Result<Peer, BenchError> {
    proxy("back-ldap", installed("slapd", HINT)?, BACK_LDAP, ground, directory)
}

/// slapd with slapo-pcache; nothing is in the cache yet.
pub(crate) fn pcache(ground: &Ground, directory: SocketAddr) -> Result<Peer, BenchError> {
    proxy("pcache", installed("slapd", HINT)?, PCACHE, ground, directory)
}

/// OpenLDAP's load balancer: the one that BINDGATE_LLOADD names, or that `benches/peers/install`
/// built.
pub(crate) fn lloadd(ground: &Ground, directory: SocketAddr) -> Result<Peer, BenchError> {
    let hint = "run benches/peers/install, which builds it, or name one with BINDGATE_LLOADD";
    let given = std::env::var_os("BINDGATE_LLOADD").map(PathBuf::from);
    let program = given.or_else(built_lloadd).filter(|file| file.is_file());
    let program = program.ok_or(BenchError::Missing { program: "lloadd", hint })?;
    proxy("lloadd", program, LLOADD, ground, directory)
}

fn built_lloadd() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    Some(named.or_else(home)?.join("bindgate-peers/lloadd"))
}

fn proxy(
    name: &'static str,
    program: PathBuf,
    template: &str,
    ground: &Ground,
    directory: SocketAddr,
) -> Result<Peer, BenchError> {
    let folder = ground.folder_of(name)?;
    configure(&folder, template, Some(directory), ground)?;
    let address = free_address()?;
    let process = start(name, program, &folder, &format!("ldap://{address}/"), address)?;
    Ok(Peer::new(address, None, process))
}

/// Writes `slapd.conf` and makes the folder `db` beside it.
fn configure(
    folder: &Path,
    template: &str,
    directory: Option<SocketAddr>,
    ground: &Ground,
) -> Result<PathBuf, BenchError> {
    let db = folder.join("db");
    fs::create_dir(&db).map_err(BenchError::file(&db))?;
    let directory = directory.map(|address| address.to_string()).unwrap_or_default();
    let values: [(&str, &dyn ToString); 11] = [
        ("SCHEMA", &first_folder(&SCHEMAS)),
        ("MODULES", &first_folder(&MODULES)),
        ("FOLDER", &folder.display()),
        ("CERTIFICATE", &ground.certificate.display()),
        ("KEY", &ground.key.display()),
        ("SUFFIX", &SUFFIX),
        ("PEOPLE", &PEOPLE),
        ("SERVICE_DN", &SERVICE_DN),
        ("APP_DN", &APP_DN),
        ("SERVICE_PASSWORD", &SERVICE_PASSWORD),
        ("DIRECTORY", &directory),
    ];
    let config = folder.join("slapd.conf");
    write(&config, &render(template, &values))?;
    Ok(config)
}

fn start(
    name: &'static str,
    program: PathBuf,
    folder: &Path,
    urls: &str,
    address: SocketAddr,
) -> Result<Process, BenchError> {
    let mut command = bound_to_bench(program);
    // With -d, even of nothing, it stays in the foreground.
    command.args(["-d", "0", "-h", urls, "-f"]).arg(folder.join("slapd.conf"));
    Process::start(name, &mut command, folder, address)
}

fn fill(
    slapadd: &Path,
    config: &Path,
    folder: &Path,
    (users, also): (u32, Also),
    more: &str,
) -> Result<(), BenchError> {
    let ldif = folder.join("company.ldif");
    let mut file = BufWriter::new(File::create(&ldif).map_err(BenchError::file(&ldif))?);
    company::write_ldif(&mut file, users, also).map_err(BenchError::file(&ldif))?;
    let more = render(more, &[("SUFFIX", &SUFFIX)]);
    write!(file, "\n{more}").map_err(BenchError::file(&ldif))?;
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

/// The first of these folders that is there; else the first, which the program will complain about.
fn first_folder(folders: &[&'static str]) -> &'static str {
    folders.iter().find(|folder| Path::new(folder).is_dir()).unwrap_or(&folders[0])
}
