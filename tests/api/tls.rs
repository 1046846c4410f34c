//! Administration over TLS: the commands trust whom they should, nothing is served in clear, and a
//! certificate that changes is taken over.

use crate::support::certs::{Authority, Certificate};
use crate::support::eventually;
use crate::support::folder::TestFolder;
use crate::support::gateway::{BINDGATE, Gateway};
use crate::support::slapd::Slapd;
use crate::support::tools::Said;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

struct Scene {
    gateway: Gateway,
    folder: TestFolder,
    files: Certificate,
    /// The certificates of who issued the one of the start, and of who issues the next.
    authorities: [Authority; 2],
    _slapd: Slapd,
}

impl Scene {
    fn new(interval: &str) -> Self {
        let folder = TestFolder::new("admin-tls");
        let authorities = ["before", "after"].map(|name| Authority::make(&folder, name));
        let files = authorities[0].for_loopback(&folder, "admin");
        chain(&files, &authorities[0]);
        let slapd = Slapd::start();
        let gateway = Gateway::configured(slapd.port(), |settings, _| {
            settings.add_admin_tls(&files);
            settings.set("[admin.tls]", "reload_interval", format!("\"{interval}\""));
        });
        Self { gateway, folder, files, authorities, _slapd: slapd }
    }

    /// `bindgate user list` as somebody who trusts those authorities, or nobody in particular.
    fn list(&self, ca: Option<&Path>) -> Said {
        let mut command = Command::new(BINDGATE);
        command
            .args(["user", "list", "--json"])
            .env_remove("BINDGATE_CONFIG")
            .env("BINDGATE_ADMIN_URL", self.gateway.admin_url())
            .env("BINDGATE_ADMIN_TOKEN_FILE", self.gateway.folder().file("admin.token"));
        if let Some(ca) = ca {
            command.env("BINDGATE_ADMIN_CA_FILE", ca);
        }
        Said::from_output(command.output().expect("the binary can be started"))
    }

    /// The same as the configuration says.
    fn list_as_configured(&self) -> Said {
        let mut command = Command::new(BINDGATE);
        command.args(["user", "list", "--json", "--config"]);
        command.arg(self.gateway.folder().file("bindgate.toml"));
        for name in ["BINDGATE_ADMIN_URL", "BINDGATE_ADMIN_TOKEN_FILE", "BINDGATE_ADMIN_CA_FILE"] {
            command.env_remove(name);
        }
        Said::from_output(command.output().expect("the binary can be started"))
    }

    fn replace(&self) {
        let next = self.authorities[1].for_loopback(&self.folder, "next");
        chain(&next, &self.authorities[1]);
        std::fs::copy(next.certificate, &self.files.certificate).expect("it can be written");
        std::fs::copy(next.private_key, &self.files.private_key).expect("it can be written");
    }
}

/// Puts the certificate of who issued it behind a certificate, in its file.
fn chain(files: &Certificate, issuer: &Authority) {
    let both = [&files.certificate, &issuer.file].map(std::fs::read_to_string);
    let both: Result<String, _> = both.into_iter().collect();
    std::fs::write(&files.certificate, both.expect("they can be read")).expect("it can be written");
}

#[test]
fn the_commands_reach_a_gateway_whose_certificate_they_trust_and_no_other() {
    let scene = Scene::new("10s");
    let [issuer, stranger] = &scene.authorities;
    scene.list(Some(&issuer.file)).expect_code(0);
    let refused = scene.list(Some(&stranger.file));
    assert_eq!(refused.code, 69, "{}{}", refused.out, refused.err);
    assert_eq!(scene.list(None).code, 69, "this machine does not know the authority");
    assert_eq!(scene.list(Some(Path::new("/nonexistent"))).code, 64);
    // On the gateway's own machine what the configuration names has who issued it.
    scene.list_as_configured().expect_code(0);
}

#[test]
fn nothing_is_served_in_clear() {
    let scene = Scene::new("10s");
    let address = scene.gateway.admin_url().replace("https://", "");
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").expect("it can be sent");
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    assert!(!text.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&text));
}

#[test]
fn a_certificate_that_changes_is_taken_over_by_itself() {
    let scene = Scene::new("50ms");
    scene.list(Some(&scene.authorities[0].file)).expect_code(0);
    scene.replace();
    let trusted = || (scene.list(Some(&scene.authorities[1].file)).code == 0).then_some(());
    eventually("the new certificate is shown", trusted);
    assert_eq!(scene.list(Some(&scene.authorities[0].file)).code, 69);
    scene.gateway.comes_to_count("bindgate_tls_reloads_total{outcome=\"changed\"} 1");
}

#[test]
fn on_sighup_the_certificate_is_read_again() {
    let scene = Scene::new("0s");
    scene.replace();
    scene.gateway.hang_up();
    let trusted = || (scene.list(Some(&scene.authorities[1].file)).code == 0).then_some(());
    eventually("the new certificate is shown", trusted);
}
