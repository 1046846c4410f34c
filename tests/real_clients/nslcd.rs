//! nslcd, which gives a system its users: `getent`, `id`, and log-ins by PAM.

use crate::apart;
use crate::scene::{self, Door, Scene, configure};
use crate::support::folder::TestFolder;
use crate::support::process::Process;
use crate::support::tools::Said;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Debian's packages are unpacked: installed, they would become part of the system's log-ins.
const PACKAGES: &str = "tests/clients/debian";
const HINT: &str = "nslcd is missing: run `make test-clients`, or scripts/install-test-needs";
/// What the programs read of /etc beside what is made here.
const FILES: [&str; 5] = ["passwd", "group", "hosts", "services", "ld.so.cache"];
const SWITCH: &str = "passwd: files ldap\ngroup: files ldap\nshadow: files ldap\nhosts: files\n";

/// A world with an /etc and a /run of its own, in which nslcd is.
struct Nslcd {
    process: Process,
    _folder: TestFolder,
}

impl Nslcd {
    fn before(server: u16) -> Self {
        assert!(packages().join("usr/sbin/nslcd").exists(), "{HINT}");
        let folder = TestFolder::new("nslcd");
        for name in ["etc", "etc/pam.d", "run", "run/nslcd"] {
            std::fs::create_dir(folder.file(name)).expect("the temporary folder can be written");
        }
        for name in FILES {
            let from = Path::new("/etc").join(name);
            std::fs::copy(from, folder.file("etc").join(name)).expect("every system has it");
        }
        folder.write("etc/nsswitch.conf", SWITCH);
        let module = packages().join("lib").join(library()).join("security/pam_ldap.so");
        let rule = format!("required {}\n", module.display());
        folder.write("etc/pam.d/app", format!("auth {rule}account {rule}"));
        let made = configure(&folder, "nslcd/nslcd.conf", server);
        std::fs::rename(made, folder.file("etc/nslcd.conf")).expect("both are ours");
        let (etc, run) = (folder.file("etc"), folder.file("run"));
        let folders = [(&*etc, "/etc"), (&*run, "/run")];
        let path = format!("LD_LIBRARY_PATH={}", libraries().display());
        let program = packages().join("usr/sbin/nslcd").display().to_string();
        let command = ["/usr/bin/env", &path, &program, "--nofork", "--debug"];
        let log = folder.file("nslcd.log");
        let mut process = apart::start("nslcd", &folders, &command, &log);
        apart::wait(&mut process, || UnixStream::connect(run.join("nslcd/socket")).ok());
        Self { process, _folder: folder }
    }

    /// What a command says in that world.
    fn ask(&self, command: &[&str], input: &str) -> Said {
        let mut child = Command::new("/usr/bin/nsenter")
            .args(["-m", "-t", &self.process.id().to_string(), "--"])
            .args(command)
            .env("LD_LIBRARY_PATH", libraries())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("nsenter can be started");
        let mut stdin = child.stdin.take().expect("it was asked for");
        // Who has ended without reading has said why.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        Said::from_output(child.wait_with_output().expect("a child can be waited for"))
    }
}

fn packages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(PACKAGES)
}

/// The folder's name for this machine's libraries.
fn library() -> String {
    format!("{}-linux-gnu", std::env::consts::ARCH)
}

fn libraries() -> PathBuf {
    packages().join("lib").join(library())
}

impl Door for Nslcd {
    fn lets_in(&self, uid: &str, password: &str) -> bool {
        let program = packages().join("usr/bin/pamtester").display().to_string();
        let command = [&program, "app", uid, "authenticate", "acct_mgmt"];
        let said = self.ask(&command, &format!("{password}\n"));
        let all = format!("{}{}", said.out, said.err);
        let refusals = ["Authentication failure", "Permission denied", "User not known"];
        if said.code == 1 && refusals.iter().any(|refusal| all.contains(refusal)) {
            return false;
        }
        assert!(said.code == 0 && all.contains("account management done"), "{}: {all}", said.code);
        true
    }
}

#[test]
fn nslcd_lets_in_whoever_is_in_a_group_by_way_of_others() {
    let scene = Scene::new();
    let [directly, through] = scene.servers().map(Nslcd::before);
    for world in [&directly, &through] {
        let person = world.ask(&["getent", "passwd", scene::NESTED], "").expect_code(0);
        assert_eq!(person, "henry:*:12002:12000:henry:/home/henry:\n");
        world.ask(&["getent", "passwd", "nobody-at-all"], "").expect_code(2);
    }
    scene.check("nslcd", &directly, &through);
}
