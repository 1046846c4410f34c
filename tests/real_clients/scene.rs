//! A directory with a nested group, the gateway before it, and those who knock at a program's door.

use crate::apart::{self, Mount};
use crate::support::certs::Authority;
use crate::support::eventually;
use crate::support::folder::TestFolder;
use crate::support::gateway::Gateway;
use crate::support::pdu;
use crate::support::process::Process;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{GROUPS, NOBODY, SUFFIX, group, password, person};
use std::path::{Path, PathBuf};

/// The ports that the shown configurations name.
const SHOWN_LDAP: &str = "3890";
const SHOWN_LDAPS: &str = "6360";

/// In the group that the programs ask for.
pub(crate) const DIRECT: &str = "grace";
/// In a group within a group within that one.
pub(crate) const NESTED: &str = "henry";
/// In another group.
pub(crate) const OUTSIDE: &str = "ivan";

/// The programs' account.
const APP: &str = "cn=app,dc=example,dc=com";
/// What records keep, so that a system can have its users from them.
const KEPT: &str = "{ common_name = \"cn\", surname = \"sn\", mail = \"mail\", \
                    number = \"uidNumber\", group = \"gidNumber\", home = \"homeDirectory\" }";

/// Who knocks with which password, and whether she is let in: by the directory alone, by the gateway.
const VISITORS: [(&str, &str, bool, bool); 6] = [
    (DIRECT, "pw-grace", true, true),
    (NESTED, "pw-henry", false, true),
    (OUTSIDE, "pw-ivan", false, false),
    (NESTED, "pw-ivan", false, false),
    (DIRECT, "pw-ivan", false, false),
    ("nobody", "pw-nobody", false, false),
];

/// A program that lets people in or does not.
pub(crate) trait Door {
    /// Whether it lets in who comes with that name and password; panics where it says neither.
    fn lets_in(&self, uid: &str, password: &str) -> bool;
}

/// A server as programs know it.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    ldap: u16,
    ldaps: u16,
    /// Whoever issued its certificate.
    pub(crate) authority: PathBuf,
    asked: Asked,
}

/// What programs ask of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Directory,
    /// The records' own suffix.
    Records,
}

/// slapd with its overlay for memberOf, and the gateway before it.
pub(crate) struct Scene {
    servers: [Server; 2],
    gateway: Gateway,
    slapd: Slapd,
    _folder: TestFolder,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = TestFolder::new("scene");
        let authority = Authority::make(&folder, "authority");
        let certificate = authority.for_loopback(&folder, "server");
        let options = Options {
            global_lines: vec!["moduleload memberof".to_owned()],
            access_lines: vec![format!(
                "access to dn.subtree=\"{GROUPS}\" by users read by anonymous auth by * none"
            )],
            database_lines: vec!["overlay memberof".to_owned()],
            ..Options::default()
        };
        let slapd = Slapd::with(&options.secured(&certificate));
        populate(&slapd);
        let mut ldaps = 0;
        let gateway = Gateway::configured(slapd.port(), |settings, _| {
            ldaps = settings.add_ldaps(&certificate);
            let view = std::fs::read_to_string(file("view.toml")).expect("it is there");
            settings.add_view(view.trim_start_matches("[[view]]"));
            // nslcd reads as the user who has just bound.
            let readers = format!("[\"{APP}\", \"{}\"]", group("app-users"));
            settings.set("[records]", "readers", readers);
            settings.set_user_type("attributes", KEPT);
            settings.set("[directory.serve]", "member", "true");
        });
        gateway.comes_to_have_a_copy();
        let server = |ldap, ldaps| {
            let authority = authority.file.clone();
            Server { ldap, ldaps, authority, asked: Asked::Directory }
        };
        let servers = [server(slapd.port(), slapd.ldaps()), server(gateway.port(), ldaps)];
        Self { servers, gateway, slapd, _folder: folder }
    }

    /// The directory and the gateway.
    pub(crate) fn servers(&self) -> [&Server; 2] {
        self.servers.each_ref()
    }

    /// The records' own suffix of the gateway.
    pub(crate) fn suffix(&self) -> Server {
        Server { asked: Asked::Records, ..self.servers[1].clone() }
    }

    /// All who have a password sign on once, so that the gateway knows them.
    #[track_caller]
    pub(crate) fn all_sign_on(&self) {
        for uid in [DIRECT, NESTED, OUTSIDE] {
            assert_eq!(self.gateway.sign_on(&person(uid), password(uid)), 0, "{uid}");
        }
    }

    /// The visitors find the doors of a program that asks the records as they should be. Who is taken
    /// out of the lowest group is let in no more once the gateway has seen it.
    #[track_caller]
    pub(crate) fn check_in_suffix(&self, what: &str, door: &dyn Door) {
        for (uid, password, _, is_let_in) in VISITORS {
            assert_eq!(door.lets_in(uid, password), is_let_in, "{what}: {uid} {password}");
        }
        self.slapd.admin().leave(&group("backend"), &person(NESTED));
        assert_eq!(self.gateway.sign_on(&person(NESTED), password(NESTED)), 0);
        let is_in = || door.lets_in(NESTED, &password(NESTED));
        eventually(&format!("{what}: who has left is refused"), || (!is_in()).then_some(()));
    }

    /// Both doors let in whom the gateway's is to let in.
    #[track_caller]
    pub(crate) fn check_alike(&self, what: &str, directly: &dyn Door, through: &dyn Door) {
        for (uid, password, _, expected) in VISITORS {
            let lets_in = [directly, through].map(|door| door.lets_in(uid, password));
            assert_eq!(lets_in, [expected; 2], "{what}: {uid} {password}");
        }
    }

    /// The visitors find the same program's doors before the directory and before the gateway as they
    /// should be; who is taken out of the lowest group is let in no more, until she is in it again.
    #[track_caller]
    pub(crate) fn check(&self, what: &str, directly: &dyn Door, through: &dyn Door) {
        for (uid, password, by_directory, by_gateway) in VISITORS {
            let in_directly = directly.lets_in(uid, password);
            assert_eq!(in_directly, by_directory, "{what}, directly: {uid} {password}");
            let in_through = through.lets_in(uid, password);
            assert_eq!(in_through, by_gateway, "{what}, through the gateway: {uid} {password}");
        }
        let groups = self.gateway.managed_groups(NESTED);
        assert_eq!(groups, ["app-users", "backend", "engineering"], "{what}: was a sign-on");
        let mut admin = self.slapd.admin();
        let is_in = || through.lets_in(NESTED, &password(NESTED));
        admin.leave(&group("backend"), &person(NESTED));
        eventually(&format!("{what}: who has left is refused"), || (!is_in()).then_some(()));
        admin.join(&group("backend"), &person(NESTED));
        eventually(&format!("{what}: who has come back is let in"), || is_in().then_some(()));
    }
}

/// Adds people, groups and an account for the programs while slapd runs, so that it keeps memberOf.
fn populate(slapd: &Slapd) {
    let mut admin = slapd.admin();
    let mut add = |dn: &str, attributes: &[(&str, &[&str])]| {
        assert_eq!(admin.code(&pdu::add(dn, attributes)), 0, "{dn}");
    };
    let account = ["organizationalRole", "simpleSecurityObject"];
    add(APP, &[("objectClass", &account), ("cn", &["app"]), ("userPassword", &["app-secret"])]);
    for (number, uid) in [DIRECT, NESTED, OUTSIDE].into_iter().enumerate() {
        add(
            &person(uid),
            &[
                ("objectClass", &["inetOrgPerson", "posixAccount"]),
                ("uid", &[uid]),
                ("cn", &[uid]),
                ("sn", &["Example"]),
                ("mail", &[&format!("{uid}@example.com")]),
                ("uidNumber", &[&format!("{}", 12001 + number)]),
                ("gidNumber", &["12000"]),
                ("homeDirectory", &[&format!("/home/{uid}")]),
                ("userPassword", &[&password(uid)]),
            ],
        );
    }
    // Of the class for groups with members by name, where a number has no place of its own.
    let classes = ["groupOfNames", "extensibleObject"];
    for (number, (name, member)) in [
        ("backend", person(NESTED)),
        ("engineering", group("backend")),
        ("app-users", group("engineering")),
        ("sales", person(OUTSIDE)),
    ]
    .into_iter()
    .enumerate()
    {
        add(
            &group(name),
            &[
                ("objectClass", &classes),
                ("cn", &[name]),
                ("gidNumber", &[&format!("{}", 13001 + number)]),
                ("member", &[&member, NOBODY]),
            ],
        );
    }
    admin.join(&group("app-users"), &person(DIRECT));
}

impl Server {
    /// Starts a program that finds the authority where the shown configurations have it.
    pub(crate) fn start(
        &self,
        name: &'static str,
        folder: &TestFolder,
        command: &[&str],
    ) -> Process {
        let certificates = folder.file("certificates");
        std::fs::create_dir(&certificates).expect("the temporary folder can be written");
        // For everybody to read: not every program stays root.
        let authority = std::fs::read(&self.authority).expect("it was made");
        std::fs::write(certificates.join("authority.pem"), authority).expect("as above");
        let mounts = [Mount::Beside(certificates, "/etc/ssl")];
        apart::start(name, &mounts, command, &folder.file(&format!("{name}.log")))
    }
}

/// A file of this folder.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_clients").join(name)
}

/// A configuration as it is shown, but for the port: a server's here.
pub(crate) fn configuration(name: &str, server: &Server) -> String {
    let shown = std::fs::read_to_string(file(name)).expect("it is in the repository");
    let text = shown.replace(SHOWN_LDAP, &server.ldap.to_string());
    let text = text.replace(SHOWN_LDAPS, &server.ldaps.to_string());
    match server.asked {
        Asked::Directory => text,
        // The account stays the directory's.
        Asked::Records => {
            let text = text.replace(SUFFIX, "dc=bindgate");
            text.replace("cn=app,dc=bindgate", APP)
        }
    }
}

/// The same in a file of a test's own folder.
pub(crate) fn configure(folder: &TestFolder, name: &str, server: &Server) -> PathBuf {
    let own = Path::new(name).file_name().expect("it is a file's").to_string_lossy();
    folder.write(&own, configuration(name, server))
}
