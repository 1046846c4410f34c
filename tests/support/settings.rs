//! A gateway's configuration file, made from defaults that fit the tests' directory.

use super::certs::Certificate;
use super::folder::{TestFolder, free_port};
use super::tree::{GROUPS, PEOPLE, SERVICE, SERVICE_PASSWORD, SUFFIX};
use std::fmt::Write as _;

/// The sections in the file's order, as their headers are written.
const SECTIONS: [&str; 16] = [
    "[listen]",
    "[listen.tls]",
    "[store]",
    "[admin]",
    "[admin.tls]",
    "[log]",
    "[traces]",
    "[sign_on]",
    "[reconcile]",
    "[throttle]",
    "[records]",
    "[[directory]]",
    "[directory.tls]",
    "[directory.groups]",
    "[directory.mass_change]",
    "[directory.serve]",
];
const USER_TYPE: &str = "[[directory.user_type]]";

/// Keys and values by section; values are written as TOML has them.
pub struct Settings {
    values: Vec<(&'static str, &'static str, String)>,
    /// The views, each with its keys.
    views: Vec<String>,
    /// What its process finds in its environment beside the test's.
    pub environment: Vec<(&'static str, String)>,
    /// Where clients connect.
    pub ldap_port: u16,
    /// Where the admin API is.
    pub admin_port: u16,
}

impl Settings {
    /// The configuration of the documentation's sample, in front of the server at `upstream`,
    /// with everything that has to be written in `folder`.
    pub fn new(upstream: u16, folder: &TestFolder) -> Self {
        let (ldap_port, admin_port) = (free_port(), free_port());
        let password_file = folder.write("service.password", format!("{SERVICE_PASSWORD}\n"));
        let (values, views, environment) = Default::default();
        let mut settings = Self { values, views, environment, ldap_port, admin_port };
        settings.set_ports();
        let store = folder.file("store").display().to_string();
        settings.set("[store]", "url", quoted(&format!("file:{store}")));
        let token = folder.file("admin.token").display().to_string();
        settings.set("[admin]", "token_file", quoted(&token));
        settings.set("[log]", "level", quoted("debug"));
        // A debug build on a busy machine takes its time; no test wants to see the budget's end.
        settings.set("[sign_on]", "budget", quoted("30s"));
        // Whether a record follows at a sign-on is seen only if nothing else moves it.
        settings.set("[reconcile]", "enabled", "false");
        settings.set("[[directory]]", "name", quoted("corp"));
        settings.set("[[directory]]", "urls", format!("[\"ldap://127.0.0.1:{upstream}\"]"));
        settings.set("[[directory]]", "suffixes", format!("[\"{SUFFIX}\"]"));
        let file = password_file.display();
        let account = format!("{{ dn = \"{SERVICE}\", password_file = \"{file}\" }}");
        settings.set("[[directory]]", "service_account", account);
        settings.set("[directory.groups]", "base", quoted(GROUPS));
        settings.set(USER_TYPE, "name", quoted("staff"));
        settings.set(USER_TYPE, "base", quoted(PEOPLE));
        settings.set(USER_TYPE, "filter", quoted("(objectClass=inetOrgPerson)"));
        settings.set(USER_TYPE, "username", quoted("uid"));
        settings
    }

    /// Sets a key of a section; the value is TOML.
    pub fn set(&mut self, section: &'static str, key: &'static str, value: impl Into<String>) {
        self.values.retain(|(s, k, _)| (*s, *k) != (section, key));
        self.values.push((section, key, value.into()));
    }

    /// Leaves a key out.
    pub fn unset(&mut self, section: &'static str, key: &'static str) {
        self.values.retain(|(s, k, _)| (*s, *k) != (section, key));
    }

    /// Sets a variable of the environment that the process starts with.
    pub fn preload(&mut self, name: &'static str, value: String) {
        self.environment.push((name, value));
    }

    /// Sets a key of the user type; the value is TOML.
    pub fn set_user_type(&mut self, key: &'static str, value: impl Into<String>) {
        self.set(USER_TYPE, key, value);
    }

    /// Adds a view with these lines.
    pub fn add_view(&mut self, lines: &str) {
        self.views.push(format!("[[view]]\n{lines}\n"));
    }

    /// Leaves all views out.
    pub fn clear_views(&mut self) {
        self.views.clear();
    }

    /// Adds an LDAPS listener with this certificate and gives its port.
    pub fn add_ldaps(&mut self, certificate: &Certificate) -> u16 {
        let port = free_port();
        self.set("[listen]", "ldaps", format!("[\"127.0.0.1:{port}\"]"));
        self.add_start_tls(certificate);
        port
    }

    /// Has StartTLS offered with this certificate.
    pub fn add_start_tls(&mut self, certificate: &Certificate) {
        let path = |path: &std::path::Path| quoted(&path.display().to_string());
        self.set("[listen.tls]", "certificate", path(&certificate.certificate));
        self.set("[listen.tls]", "private_key", path(&certificate.private_key));
    }

    /// Has administration served over TLS with this certificate.
    pub fn add_admin_tls(&mut self, certificate: &Certificate) {
        let path = |path: &std::path::Path| quoted(&path.display().to_string());
        self.set("[admin.tls]", "certificate", path(&certificate.certificate));
        self.set("[admin.tls]", "private_key", path(&certificate.private_key));
    }

    /// Whether administration is served over TLS.
    pub fn has_admin_tls(&self) -> bool {
        self.values.iter().any(|(section, _, _)| *section == "[admin.tls]")
    }

    /// Moves to other ports and keeps the rest.
    pub fn move_to_other_ports(&mut self) {
        (self.ldap_port, self.admin_port) = (free_port(), free_port());
        self.set_ports();
    }

    /// Writes its ports down.
    pub fn set_ports(&mut self) {
        let (ldap, admin) = (self.ldap_port, self.admin_port);
        self.set("[listen]", "ldap", format!("[\"127.0.0.1:{ldap}\"]"));
        self.set("[admin]", "listen", quoted(&format!("127.0.0.1:{admin}")));
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let mut text = self.views.concat();
        for section in SECTIONS.into_iter().chain([USER_TYPE]) {
            let mut lines = self.values.iter().filter(|(of, ..)| *of == section).peekable();
            if lines.peek().is_some() {
                let _ = writeln!(text, "{section}");
            }
            lines.for_each(|(_, key, value)| text.push_str(&format!("{key} = {value}\n")));
        }
        text
    }
}

/// Text as a TOML string.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
