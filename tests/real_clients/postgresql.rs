//! PostgreSQL with `ldap` in pg_hba.conf.

use crate::apart;
use crate::scene::{self, Door, Scene, Server};
use crate::support::folder::{TestFolder, free_port};
use crate::support::process::Process;
use crate::support::tools::Said;
use std::path::PathBuf;
use std::process::Command;

const VERSIONS: &str = "/usr/lib/postgresql";
const HINT: &str =
    "PostgreSQL is missing: run `make test-clients`, or `apt-get install postgresql`";
/// It does not run as root; Debian's package makes this user.
const USER: &str = "postgres";
const SETPRIV: &str = "/usr/bin/setpriv";
/// Its death is asked for again, since a change of the user takes that back.
const AS_USER: [&str; 7] =
    ["--pdeathsig", "KILL", "--reuid", USER, "--regid", USER, "--init-groups"];

/// Its library for LDAP takes this from the environment, or from /etc/ldap/ldap.conf.
const TRUST: &str = "LDAPTLS_CACERT=/etc/ssl/authority.pem";

/// A server with a role for each visitor.
pub(crate) struct Postgresql {
    // The process goes before the folder that it works in.
    _process: Process,
    _folder: TestFolder,
    programs: PathBuf,
    port: String,
}

impl Postgresql {
    pub(crate) fn before(server: &Server) -> Self {
        let (programs, folder) = (programs(), TestFolder::new("postgresql"));
        let data = folder.file("data").display().to_string();
        run("/usr/bin/install", &["-d", "-m", "700", "-o", USER, "-g", USER, &data]);
        let program = |name: &str| programs.join(name).display().to_string();
        let make = [&program("initdb"), "-D", &data, "-A", "trust", "-N", "--locale=C"];
        run(SETPRIV, &[&AS_USER[..], &["--"], &make].concat());
        // The part that is shown, behind a way in for the test itself.
        let own = format!("local all {USER} trust\n");
        let shown = scene::configuration("postgresql/pg_hba.conf", server);
        std::fs::write(folder.file("data/pg_hba.conf"), own + &shown).expect("it was made");
        let port = free_port().to_string();
        let (listen, at) = ("listen_addresses=127.0.0.1", format!("port={port}"));
        let serve = [&program("postgres"), "-D", &data, "-k", &data, "-c", listen, "-c", &at, "-F"];
        let command = [&["/usr/bin/env", TRUST, SETPRIV], &AS_USER[..], &["--"], &serve].concat();
        let mut process = server.start("postgresql", &folder, &command);
        let asked = |text: &str| {
            let ask = [&program("psql"), "-qXh", &data, "-p", &port, "-U", USER, "-c", text];
            Command::new(ask[0]).args(&ask[1..]).output().is_ok_and(|said| said.status.success())
        };
        apart::wait(&mut process, || asked("select 1").then_some(()));
        for uid in [scene::DIRECT, scene::NESTED, scene::OUTSIDE, "nobody"] {
            assert!(asked(&format!("create role {uid} login")), "{uid}");
        }
        Self { _process: process, _folder: folder, programs, port }
    }
}

/// The folder of the newest version that is installed.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let found = folders.filter(|folder| folder.join("initdb").exists()).max();
    found.unwrap_or_else(|| panic!("{HINT}"))
}

#[track_caller]
fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).current_dir("/").output();
    let said = Said::from_output(output.unwrap_or_else(|error| panic!("{program}: {error}")));
    said.expect_code(0);
}

impl Door for Postgresql {
    fn lets_in(&self, uid: &str, password: &str) -> bool {
        let output = Command::new(self.programs.join("psql"))
            .args(["-wqXAth", "127.0.0.1", "-p", &self.port, "-U", uid, "-d", USER])
            .args(["-c", "select current_user"])
            .env("PGPASSWORD", password)
            .env("PGCONNECT_TIMEOUT", "20")
            .output()
            .expect("psql can be started");
        let said = Said::from_output(output);
        if said.code == 2 && said.err.contains("LDAP authentication failed for user") {
            return false;
        }
        assert_eq!((said.code, said.out.trim()), (0, uid), "{}", said.err);
        true
    }
}

#[test]
fn postgresql_lets_in_whoever_is_in_a_group_by_way_of_others() {
    let scene = Scene::new();
    let [directly, through] = scene.servers().map(Postgresql::before);
    scene.check("PostgreSQL", &directly, &through);
}
