//! Sites that ask for name and password by HTTP Basic: django-auth-ldap, Passport.

use crate::apart;
use crate::scene::{self, Door, Scene, Server};
use crate::support::encodings::base64;
use crate::support::folder::{TestFolder, free_port};
use crate::support::gateway::http_get;
use crate::support::process::Process;
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
    /// A site that a command starts, to which its port is given and what `configure` gives of a folder.
    fn start(
        server: &Server,
        command: &[&str],
        configure: impl FnOnce(&TestFolder) -> String,
    ) -> Self {
        let (port, folder) = (free_port(), TestFolder::new("site"));
        let (number, configuration) = (port.to_string(), configure(&folder));
        let command = [command, &[&number, &configuration]].concat();
        let mut process = server.start("site", &folder, &command);
        let address = (Ipv4Addr::LOCALHOST, port);
        apart::wait(&mut process, || TcpStream::connect(address).ok());
        Self { page: Page::at(port, "/"), _process: process, _folder: folder }
    }
}

impl Door for Site {
    fn lets_in(&self, uid: &str, password: &str) -> bool {
        self.page.lets_in(uid, password)
    }
}

/// A site with django-auth-ldap.
pub(crate) fn django(server: &Server) -> Site {
    let library = "/usr/lib/python3/dist-packages/django_auth_ldap";
    assert!(Path::new(library).exists(), "django-auth-ldap is missing: {HINT}");
    let script = scene::file("django/site.py").display().to_string();
    Site::start(server, &[PYTHON, &script], |folder| {
        scene::configure(folder, "django/ldap_settings.py", server);
        folder.path().display().to_string()
    })
}

/// A site with passport-ldapauth.
pub(crate) fn passport(server: &Server) -> Site {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let library = clients.join("node_modules/passport-ldapauth");
    assert!(library.exists(), "passport-ldapauth is missing: {HINT}");
    let script = clients.join("passport.mjs").display().to_string();
    Site::start(server, &["node", &script], |folder| {
        scene::configure(folder, "passport/ldap.mjs", server).display().to_string()
    })
}

#[test]
fn django_auth_ldap_lets_in_whoever_is_in_a_group_by_way_of_others() {
    let scene = Scene::new();
    let [directly, through] = scene.servers().map(django);
    scene.check("django-auth-ldap", &directly.page, &through.page);
    let said = through.page.read(scene::NESTED, "pw-henry");
    assert_eq!(said.as_deref(), Some("henry henry@example.com "));
}

#[test]
fn passport_lets_in_whoever_is_in_a_group_by_way_of_others() {
    let scene = Scene::new();
    let [directly, through] = scene.servers().map(passport);
    scene.check("passport-ldapauth", &directly.page, &through.page);
}
