//! Sites that ask for name and password by HTTP Basic: django-auth-ldap, Passport.

use crate::apart;
use crate::scene::{self, Door, NESTED, Scene, Server};
use crate::support::encodings::base64;
use crate::support::folder::{TestFolder, free_port};
use crate::support::gateway::http_get;
use crate::support::process::Process;
use crate::support::tree::password;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;

/// Debian's, for which `scripts/install-test-needs` installs the libraries.
const PYTHON: &str = "/usr/bin/python3";
const HINT: &str = "run `make test-clients`, or scripts/install-test-needs";

/// A page of a site.
pub(crate) struct Page {
    url: String,
}

impl Page {
    pub(crate) fn at(port: u16, path: &str) -> Self {
        Self { url: format!("http://127.0.0.1:{port}{path}") }
    }

    /// What it says to somebody; `None` to whom it does not let in.
    #[track_caller]
    pub(crate) fn read(&self, uid: &str, password: &str) -> Option<String> {
        let credentials = base64(format!("{uid}:{password}").as_bytes());
        let answer = http_get(&self.url, &format!("Basic {credentials}"));
        match answer.expect("the site answers") {
            (200, text) => Some(text),
            (401, _) => None,
            other => panic!("{}: {other:?}", self.url),
        }
    }
}

impl Door for Page {
    fn lets_in(&self, uid: &str, password: &str) -> bool {
        self.read(uid, password).is_some()
    }
}

/// A running site, and its page.
pub(crate) struct Site {
    page: Page,
    _process: Process,
    _folder: TestFolder,
}

impl Site {
    /// A site that a command starts; to that are given its port, and what `configure` gives of a folder.
    fn start(
        server: &Server,
        command: &[&str],
        configure: impl FnOnce(&TestFolder) -> Vec<String>,
    ) -> Self {
        let (port, folder) = (free_port(), TestFolder::new("site"));
        let args = [vec![port.to_string()], configure(&folder)].concat();
        let command: Vec<&str> =
            command.iter().copied().chain(args.iter().map(String::as_str)).collect();
        let mut process = server.start("site", &folder, &command);
        let address = (Ipv4Addr::LOCALHOST, port);
        apart::wait(&mut process, || TcpStream::connect(address).ok());
        Self { page: Page::at(port, "/"), _process: process, _folder: folder }
    }

    /// Django's, with one of the settings that are shown.
    pub(crate) fn of_django(server: &Server, settings: &str) -> Self {
        let library = "/usr/lib/python3/dist-packages/django_auth_ldap";
        assert!(Path::new(library).exists(), "django-auth-ldap is missing: {HINT}");
        let script = scene::file("django/site.py").display().to_string();
        Self::start(server, &[PYTHON, &script], |folder| {
            for name in ["ldap_settings", "ldap_groups"] {
                scene::configure(folder, &format!("django/{name}.py"), server);
            }
            vec![folder.path().display().to_string(), settings.to_owned()]
        })
    }

    /// Passport's.
    pub(crate) fn of_passport(server: &Server) -> Self {
        let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        let library = clients.join("node_modules/passport-ldapauth");
        assert!(library.exists(), "passport-ldapauth is missing: {HINT}");
        let script = clients.join("passport.mjs").display().to_string();
        Self::start(server, &["node", &script], |folder| {
            vec![scene::configure(folder, "passport/ldap.mjs", server).display().to_string()]
        })
    }

    /// What it says to the user who is in groups by way of others.
    fn says(&self) -> Option<String> {
        self.page.read(NESTED, &password(NESTED))
    }
}

impl Door for Site {
    fn lets_in(&self, uid: &str, password: &str) -> bool {
        self.page.lets_in(uid, password)
    }
}

#[test]
fn django_auth_ldap_lets_in_whoever_is_in_a_group_by_way_of_others() {
    let scene = Scene::new();
    let [directly, through] =
        scene.servers().map(|server| Site::of_django(server, "ldap_settings"));
    scene.check("django-auth-ldap", &directly.page, &through.page);
    assert_eq!(through.says().as_deref(), Some("henry henry@example.com "));
}

#[test]
fn django_auth_ldap_asks_who_is_a_member_and_takes_over_all_groups() {
    let scene = Scene::new();
    let [directly, through] = scene.servers().map(|server| Site::of_django(server, "ldap_groups"));
    scene.check("django-auth-ldap, by its groups", &directly.page, &through.page);
    assert_eq!(
        through.says().as_deref(),
        Some("henry henry@example.com app-users,backend,engineering")
    );
}

#[test]
fn passport_lets_in_whoever_is_in_a_group_by_way_of_others() {
    let scene = Scene::new();
    let [directly, through] = scene.servers().map(Site::of_passport);
    scene.check("passport-ldapauth", &directly.page, &through.page);
    assert_eq!(
        through.says().as_deref(),
        Some("henry henry@example.com app-users,backend,engineering")
    );
}
