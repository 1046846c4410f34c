//! What gives a system its users: nslcd and SSSD, with `getent`, `id`, and log-ins by PAM.

use crate::apart::{self, Mount};
use crate::scene::{self, Door, Scene, Server};
use crate::support::folder::TestFolder;
use crate::support::process::Process;
use crate::support::tools::Said;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where Debian's packages are unpacked: installed, they would become part of the system's log-ins.
const PACKAGES: &str = "tests/clients/debian";
const HINT: &str = "a package is missing: run `make test-clients`, or scripts/install-test-needs";
/// What the programs read of /etc beside what is made here.
const FILES: [&str; 5] = ["passwd", "group", "hosts", "services", "ld.so.cache"];
/// What SSSD expects to be there.
const SSSD_FOLDERS: [&str; 7] =
    ["db", "mc", "pipes/private", "pubconf/krb5.include.d", "gpo_cache", "deskprofile", "secrets"];

/// The groups of the user who is in some by way of others: her own, backend, engineering, app-users.
const ALL_GROUPS: &str = "12000 13001 13002 13003";

/// The users of the group that the programs ask for.
const ALL_MEMBERS: &str = "grace,henry";

/// Who gives the users.
pub(crate) struct Source {
    pub(crate) name: &'static str,
    /// In `nsswitch.conf`.
    switch: &'static str,
    /// Of PAM.
    module: &'static str,
    /// Its configuration, as it is shown and where it belongs.
    configuration: (&'static str, &'static str),
    command: &'static [&'static str],
    /// Of the user who is in groups by way of others, without the gateway: their numbers.
    groups_alone: &'static str,
    /// The users of the group that the programs ask for, without the gateway.
    members_alone: &'static str,
}

pub(crate) const NSLCD: Source = Source {
    name: "nslcd",
    switch: "ldap",
    module: "pam_ldap.so",
    configuration: ("nslcd/nslcd.conf", "etc/nslcd.conf"),
    command: &["/usr/sbin/nslcd", "--nofork", "--debug"],
    groups_alone: "12000 13001",
    members_alone: "grace",
};
pub(crate) const SSSD: Source = Source {
    name: "sssd",
    switch: "sss",
    module: "pam_sss.so",
    configuration: ("sssd/sssd.conf", "etc/sssd/sssd.conf"),
    command: &["/usr/sbin/sssd", "--interactive"],
    // It looks into groups within groups itself, two levels deep.
    groups_alone: ALL_GROUPS,
    members_alone: ALL_MEMBERS,
};

/// A system within the system: with the packages, and with /etc, /run and /var of its own.
pub(crate) struct System {
    process: Process,
    _folder: TestFolder,
}

impl System {
    /// One whose users are found at a server.
    #[track_caller]
    pub(crate) fn with(source: &Source, server: &Server) -> Self {
        let folder = TestFolder::new(source.name);
        furnish(&folder, source);
        let (shown, place) = source.configuration;
        folder.write(place, scene::configuration(shown, server));
        std::fs::copy(&server.authority, folder.file("etc/ssl/authority.pem"))
            .expect("it was made");
        let own =
            ["/etc", "/run", "/var"].map(|place| Mount::Instead(folder.file(&place[1..]), place));
        let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join(PACKAGES).join("usr");
        assert!(packages.join(&source.command[0][5..]).exists(), "{HINT}");
        let mounts: Vec<Mount> =
            std::iter::once(Mount::Beside(packages, "/usr")).chain(own).collect();
        let log = folder.file(&format!("{}.log", source.name));
        let mut process = apart::start(source.name, &mounts, source.command, &log);
        let id = process.id();
        let knows = || (ask(id, &["getent", "passwd", scene::DIRECT], "").code == 0).then_some(());
        apart::wait(&mut process, knows);
        Self { process, _folder: folder }
    }

    /// What a command says in it.
    pub(crate) fn ask(&self, command: &[&str]) -> Said {
        ask(self.process.id(), command, "")
    }
}

/// Makes what a system has, with the sources of its users and a service of PAM, `app`.
fn furnish(folder: &TestFolder, source: &Source) {
    let mut folders: Vec<String> =
        ["etc/pam.d", "etc/ssl", "etc/sssd/conf.d", "run/nslcd", "var/log/sssd"]
            .map(str::to_owned)
            .to_vec();
    folders.extend(SSSD_FOLDERS.map(|name| format!("var/lib/sss/{name}")));
    for name in folders {
        std::fs::create_dir_all(folder.file(&name)).expect("the temporary folder can be written");
    }
    std::os::unix::fs::symlink("/run", folder.file("var/run")).expect("as above");
    for name in FILES {
        let from = Path::new("/etc").join(name);
        std::fs::copy(from, folder.file("etc").join(name)).expect("every system has it");
    }
    let Source { switch, module, .. } = source;
    let maps = ["passwd", "group", "shadow"].map(|map| format!("{map}: files {switch}\n"));
    folder.write("etc/nsswitch.conf", maps.concat());
    let rules = ["auth", "account"].map(|kind| format!("{kind} required {module}\n"));
    folder.write("etc/pam.d/app", rules.concat());
}

/// What a command says, with something to read, where the process of that id is.
fn ask(process: u32, command: &[&str], input: &str) -> Said {
    let mut child = Command::new("/usr/bin/nsenter")
        .args(["-m", "-t", &process.to_string(), "--"])
        .args(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("nsenter can be started");
    if let Some(mut stdin) = child.stdin.take() {
        // Who has ended without reading has said why.
        let _ = stdin.write_all(input.as_bytes());
    }
    Said::from_output(child.wait_with_output().expect("a child can be waited for"))
}

impl Door for System {
    fn lets_in(&self, uid: &str, password: &str) -> bool {
        let command = ["pamtester", "app", uid, "authenticate", "acct_mgmt"];
        let said = ask(self.process.id(), &command, &format!("{password}\n"));
        let all = format!("{}{}", said.out, said.err);
        let refusals = ["Authentication failure", "Permission denied", "User not known"];
        if said.code == 1 && refusals.iter().any(|refusal| all.contains(refusal)) {
            return false;
        }
        assert!(said.code == 0 && all.contains("account management done"), "{}: {all}", said.code);
        true
    }
}

fn sorted<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut words: Vec<&str> = words.collect();
    words.sort_unstable();
    words
}

#[track_caller]
fn check(source: &Source) {
    let scene = Scene::new();
    let [directly, through] = scene.servers().map(|server| System::with(source, server));
    let alone = (source.groups_alone, source.members_alone);
    for (system, (groups, members)) in [(&directly, alone), (&through, (ALL_GROUPS, ALL_MEMBERS))] {
        let person = system.ask(&["getent", "passwd", scene::NESTED]).expect_code(0);
        assert_eq!(person, "henry:*:12002:12000:henry:/home/henry:\n");
        system.ask(&["getent", "passwd", "nobody-at-all"]).expect_code(2);
        let said = system.ask(&["id", "-G", scene::NESTED]).expect_code(0);
        assert_eq!(sorted(said.split_whitespace()).join(" "), groups);
        let said = system.ask(&["getent", "group", "app-users"]).expect_code(0);
        let (number, users) = said.trim().rsplit_once(':').expect("fields are between colons");
        assert_eq!(number, "app-users:*:13003");
        assert_eq!(sorted(users.split(',')).join(","), members);
    }
    scene.check(source.name, &directly, &through);
}

#[test]
fn nslcd_lets_in_whoever_is_in_a_group_by_way_of_others() {
    check(&NSLCD);
}

#[test]
fn sssd_lets_in_whoever_is_in_a_group_by_way_of_others() {
    check(&SSSD);
}
