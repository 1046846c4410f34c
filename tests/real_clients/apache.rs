//! Apache httpd with mod_authnz_ldap.

use crate::apart;
use crate::scene::{Scene, Server, configuration};
use crate::support::folder::{TestFolder, free_port};
use crate::support::process::Process;
use crate::web::Page;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;

const APACHE: &str = "/usr/sbin/apache2";
const HINT: &str = "Apache is missing: run `make test-clients`, or `apt-get install apache2-bin`";
const MODULES: [&str; 7] =
    ["mpm_event", "authn_core", "authz_core", "authz_user", "auth_basic", "ldap", "authnz_ldap"];
/// Places of the site, which ask in different ways.
pub(crate) const PLACES: [&str; 3] = ["filter", "attribute", "group"];

pub(crate) struct Apache {
    port: u16,
    _process: Process,
    _folder: TestFolder,
}

impl Apache {
    pub(crate) fn before(server: &Server) -> Self {
        Self::changed(server, |text| text)
    }

    /// With its part about LDAP changed.
    fn changed(server: &Server, change: impl FnOnce(String) -> String) -> Self {
        assert!(Path::new(APACHE).exists(), "{HINT}");
        let (port, folder) = (free_port(), TestFolder::new("apache"));
        for place in PLACES {
            std::fs::create_dir(folder.file(place)).expect("the temporary folder can be written");
            std::fs::write(folder.file(place).join("page"), place).expect("as above");
        }
        let text = change(configuration("apache/app.conf", server));
        let app = folder.write("app.conf", text).display().to_string();
        let config = folder.write("httpd.conf", frame(&folder, port, &app)).display().to_string();
        let command = [APACHE, "-f", &config, "-DFOREGROUND"];
        let mut process = server.start("apache", &folder, &command);
        apart::wait(&mut process, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
        Self { port, _process: process, _folder: folder }
    }

    pub(crate) fn page(&self, place: &str) -> Page {
        Page::at(self.port, &format!("/{place}/page"))
    }
}

/// What every site has, around the part that is about LDAP.
fn frame(folder: &TestFolder, port: u16, app: &str) -> String {
    let root = folder.path().display();
    let modules = MODULES.map(|module| {
        format!("LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n")
    });
    format!(
        "ServerRoot {root}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
DefaultRuntimeDir {root}
PidFile {root}/apache.pid
ErrorLog {root}/apache.log
User www-data
Group www-data
{}LogLevel warn authnz_ldap:debug
DocumentRoot {root}
Include {app}
",
        modules.concat()
    )
}

#[test]
fn apache_lets_in_whoever_is_in_a_group_by_way_of_others() {
    let scene = Scene::new();
    let [directly, through] = scene.servers().map(Apache::before);
    for place in PLACES {
        let what = format!("Apache, Require ldap-{place}");
        scene.check(&what, &directly.page(place), &through.page(place));
    }
}

/// It reads the groups in a group, asks each of them, and asks of each user whether that is a group: all
/// that before a gateway that serves nested members as before a directory that does not.
#[test]
fn apache_that_looks_into_groups_itself_finds_the_same_before_both() {
    let deep = |text: String| text.replace("SubGroupDepth 0", "SubGroupDepth 5");
    let scene = Scene::new();
    let [directly, through] = scene.servers().map(|server| Apache::changed(server, deep));
    let what = "Apache, Require ldap-group in depth";
    scene.check_alike(what, &directly.page("group"), &through.page("group"));
}
