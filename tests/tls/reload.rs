//! Certificates that are replaced while clients are served.

use crate::support::certs::{self, Authority, Certificate};
use crate::support::eventually;
use crate::support::folder::TestFolder;
use crate::support::gateway::Gateway;
use crate::support::raw::Raw;
use crate::support::slapd::Slapd;
use crate::{ANN, who_am_i};
use rustls::{ClientConfig, HandshakeKind};
use std::sync::Arc;

/// A gateway whose certificate is to be replaced.
struct Scene {
    gateway: Gateway,
    _slapd: Slapd,
    port: u16,
    files: Certificate,
    folder: TestFolder,
    /// Trusts the certificate of the start.
    old: Arc<ClientConfig>,
    /// Trusts the one that comes.
    new: Arc<ClientConfig>,
    next: Certificate,
}

impl Scene {
    fn new(interval: &str) -> Self {
        let folder = TestFolder::new("reload");
        let [before, after] = ["before", "after"].map(|name| Authority::make(&folder, name));
        let files = before.for_loopback(&folder, "gateway");
        let next = after.for_loopback(&folder, "next");
        let slapd = Slapd::start();
        let mut port = 0;
        let gateway = Gateway::configured(slapd.port(), |settings, _| {
            port = settings.add_ldaps(&files);
            settings.set("[listen.tls]", "reload_interval", format!("\"{interval}\""));
        });
        let (old, new) = (certs::client(&before.file), certs::client(&after.file));
        Self { gateway, _slapd: slapd, port, files, folder, old, new, next }
    }

    fn put_certificate(&self) {
        std::fs::copy(&self.next.certificate, &self.files.certificate).expect("it can be written");
    }

    /// As certificates are replaced in one step, by a rename.
    fn put_key(&self) {
        let beside = self.folder.file("beside.key");
        std::fs::copy(&self.next.private_key, &beside).expect("it can be written");
        std::fs::rename(&beside, &self.files.private_key).expect("it can be renamed");
    }

    fn connect(&self, client: &Arc<ClientConfig>) -> Option<Raw> {
        Raw::try_connect_over_tls(self.port, client).ok()
    }

    #[track_caller]
    fn shows_the_new_one(&self) {
        eventually("the new certificate is shown", || self.connect(&self.new).map(drop));
        assert!(self.connect(&self.old).is_none(), "the old one is not shown any more");
    }

    #[track_caller]
    fn shows_the_old_one(&self) {
        assert!(self.connect(&self.old).is_some());
        assert!(self.connect(&self.new).is_none());
    }
}

#[test]
fn a_pair_that_changes_is_taken_over_by_itself_and_sessions_go_on() {
    let scene = Scene::new("50ms");
    let mut session = scene.connect(&scene.old).expect("the old certificate is trusted");
    assert_eq!(session.bind(ANN, "pw-ann"), 0);
    scene.put_certificate();
    scene.put_key();
    scene.shows_the_new_one();
    assert_eq!(who_am_i(&mut session), format!("dn:{ANN}"));
    assert_eq!(session.bind(ANN, "pw-ann"), 0);
    scene.gateway.comes_to_count("bindgate_tls_reloads_total{outcome=\"changed\"} 1");
    assert!(scene.gateway.log().contains("TLS certificates reloaded"));
}

#[test]
fn on_sighup_the_pair_is_read_again_and_the_gateway_serves_on() {
    let scene = Scene::new("0s");
    let mut session = scene.connect(&scene.old).expect("the old certificate is trusted");
    assert_eq!(session.bind(ANN, "pw-ann"), 0);
    scene.put_certificate();
    scene.put_key();
    scene.shows_the_old_one();
    scene.gateway.hang_up();
    scene.shows_the_new_one();
    assert_eq!(who_am_i(&mut session), format!("dn:{ANN}"));
    scene.gateway.hang_up();
    eventually("it says that nothing has changed", || {
        scene.gateway.log().contains("TLS certificates read again: unchanged").then_some(())
    });
    scene.gateway.comes_to_count("bindgate_tls_reloads_total{outcome=\"changed\"} 1");
}

/// A renewal that is half written, or a wrong file, must not end TLS for everybody.
#[test]
fn a_pair_that_does_not_go_together_leaves_the_old_one_in_force_and_is_told_once() {
    let scene = Scene::new("50ms");
    let refused = "bindgate_tls_reloads_total{outcome=\"refused\"}";
    scene.put_certificate();
    scene.gateway.comes_to_count(&format!("{refused} 1"));
    scene.shows_the_old_one();
    // Whoever asks is told again, looks by itself are not.
    scene.gateway.hang_up();
    scene.gateway.comes_to_count(&format!("{refused} 2"));
    assert!(scene.gateway.log().contains("the old ones stay in force"));
    std::fs::write(&scene.files.certificate, "nothing of the kind").expect("it can be written");
    scene.gateway.comes_to_count(&format!("{refused} 3"));
    std::fs::remove_file(&scene.files.certificate).expect("it is there");
    scene.gateway.comes_to_count(&format!("{refused} 4"));
    scene.shows_the_old_one();
    scene.put_certificate();
    scene.put_key();
    scene.shows_the_new_one();
    scene.gateway.comes_to_count("bindgate_tls_reloads_total{outcome=\"changed\"} 1");
}

/// A ticket stands for what was verified when it was given.
#[test]
fn tickets_from_before_the_change_resume_nothing() {
    let scene = Scene::new("0s");
    let both = {
        let mut pem = std::fs::read(scene.folder.file("after.pem")).expect("it is there");
        pem.extend(std::fs::read(scene.folder.file("before.pem")).expect("it is there"));
        certs::client(&scene.folder.write("both.pem", pem))
    };
    let mut first = scene.connect(&both).expect("it is trusted");
    assert_eq!(first.bind(ANN, "pw-ann"), 0);
    let again = scene.connect(&both).expect("it is trusted");
    assert_eq!(again.handshake(), Some(HandshakeKind::Resumed));
    scene.put_certificate();
    scene.put_key();
    scene.gateway.hang_up();
    scene.gateway.comes_to_count("bindgate_tls_reloads_total{outcome=\"changed\"} 1");
    let after = scene.connect(&both).expect("it is trusted");
    assert_ne!(after.handshake(), Some(HandshakeKind::Resumed));
}

#[test]
fn without_tls_a_sighup_does_nothing() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    gateway.hang_up();
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    gateway.stop();
}
