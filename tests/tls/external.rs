//! Clients that show a certificate, and SASL EXTERNAL (RFC 4513 section 5.2.3, rule S10.7).
//!
//! Each user of this directory sees the own entry alone, and the service account all of them.

use crate::support::certs::{self, Authority, Certificate, Wanted};
use crate::support::eventually;
use crate::support::folder::TestFolder;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Change};
use crate::support::raw::Raw;
use crate::support::settings::{Settings, quoted};
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{PEOPLE, SERVICE, person};
use crate::{ANN, BOB, who_am_i};
use rcgen::DnType;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind};
use std::sync::Arc;
use std::time::Duration;

const NOT_SUPPORTED: u32 = 7;
const INVALID_CREDENTIALS: u32 = 49;
pub(crate) const UNWILLING: u32 = 53;

/// slapd that lets the service account ask as people, if `policy` is `to`.
pub(crate) fn directory(policy: &str) -> Slapd {
    let slapd = Slapd::with(&Options {
        global_lines: vec!["moduleload ppolicy".to_owned(), format!("authz-policy {policy}")],
        access_lines: vec![format!(
            "access to dn.children=\"{PEOPLE}\" by dn.exact=\"{SERVICE}\" read by self write \
             by anonymous auth by * none"
        )],
        database_lines: vec!["overlay ppolicy".to_owned()],
        ..Options::default()
    });
    let whom = format!("dn.regex:^uid=[^,]+,{PEOPLE}$");
    slapd.admin().modify(SERVICE, Change::Add, "authzTo", &[whom.as_bytes()]);
    slapd
}

/// A gateway that asks clients for certificates.
pub(crate) struct Scene {
    pub(crate) gateway: Gateway,
    pub(crate) ldaps: u16,
    pub(crate) folder: TestFolder,
    pub(crate) servers: Authority,
    pub(crate) clients: Authority,
}

impl Scene {
    pub(crate) fn before(slapd: &Slapd, change: impl FnOnce(&mut Settings)) -> Self {
        let folder = TestFolder::new("external");
        let servers = Authority::make(&folder, "servers");
        let clients = Authority::make(&folder, "clients");
        let own = servers.for_loopback(&folder, "gateway");
        let mut ldaps = 0;
        let gateway = Gateway::configured(slapd.port(), |settings, _| {
            ldaps = settings.add_ldaps(&own);
            let file = quoted(&clients.file.display().to_string());
            settings.set("[listen.tls]", "client_ca", file);
            settings.set("[listen.tls]", "client_certificate", quoted("request"));
            let name = quoted(&format!("uid={{cn}},{PEOPLE}"));
            settings.set("[listen.tls]", "external_name", name);
            change(settings);
        });
        Self { gateway, ldaps, folder, servers, clients }
    }

    fn client(&self, own: Option<&Certificate>) -> Arc<ClientConfig> {
        certs::client_with(&self.servers.file, rustls::ALL_VERSIONS, own)
    }

    /// A client with a certificate whose subject is these common names.
    pub(crate) fn named(&self, names: &[&str]) -> Raw {
        let subject: Vec<_> = names.iter().map(|name| (DnType::CommonName, *name)).collect();
        self.with(&Wanted { subject: &subject, ..Wanted::default() })
    }

    fn with(&self, wanted: &Wanted<'_>) -> Raw {
        let own = self.clients.issue(&self.folder, "client", wanted);
        Raw::try_connect_over_tls(self.ldaps, &self.client(Some(&own))).expect("it is served")
    }

    #[track_caller]
    fn logs(&self, words: &str) {
        eventually(words, || self.gateway.log().contains(words).then_some(()));
    }
}

pub(crate) fn external(asked: &str) -> Vec<u8> {
    pdu::sasl_bind("EXTERNAL", Some(asked.as_bytes()))
}

pub(crate) fn everybody() -> Ask<'static> {
    Ask::below(PEOPLE, pdu::present("uid"), &["uid"])
}

#[test]
fn s10_7_a_client_is_whom_its_certificate_stands_for_and_that_is_a_sign_on() {
    let slapd = directory("to");
    let scene = Scene::before(&slapd, |_| {});
    let mut raw = scene.named(&["ann"]);
    assert_eq!(who_am_i(&mut raw), "", "a certificate alone is nobody's bind");
    assert!(!scene.gateway.knows("ann"));
    assert_eq!(raw.code(&external("")), 0);
    assert_eq!(who_am_i(&mut raw), format!("dn:{ANN}"));
    assert!(scene.gateway.knows("ann"), "the record was there before the answer");
    let (entries, code) = raw.search(&everybody());
    assert_eq!((entries.len(), code), (1, 0), "the directory's own access control decides");
    assert_eq!(entries[0].dn, ANN);
    raw.modify(ANN, Change::Replace, "description", &[b"by certificate"]);
    let of_bob = pdu::modify(BOB, Change::Replace, "description", &[b"x"]);
    assert_ne!(raw.code(&of_bob), 0, "nobody else's entry can be written");
    assert_eq!(raw.code(&external(&format!("dn:{ANN}"))), 0, "to be oneself may be asked");
    // Another bind is another session.
    assert_eq!(raw.bind(BOB, "pw-bob"), 0);
    assert_eq!(who_am_i(&mut raw), format!("dn:{BOB}"));
    assert_eq!(raw.search(&everybody()).0[0].dn, BOB);
    assert_eq!(raw.code(&external("")), 0);
    assert_eq!(raw.search(&everybody()).0[0].dn, ANN);
}

#[test]
fn it_works_after_start_tls_and_without_credentials_too() {
    let slapd = directory("to");
    let scene = Scene::before(&slapd, |_| {});
    let subject = [(DnType::CommonName, "ann")];
    let wanted = Wanted { subject: &subject, ..Wanted::default() };
    let own = scene.clients.issue(&scene.folder, "client", &wanted);
    let mut raw = scene.gateway.connect();
    assert_eq!(raw.code(&external("")), NOT_SUPPORTED, "in clear there is no certificate");
    raw.start_tls(&scene.client(Some(&own)));
    assert_eq!(raw.code(&pdu::sasl_bind("EXTERNAL", None)), 0);
    assert_eq!(who_am_i(&mut raw), format!("dn:{ANN}"));
}

#[test]
fn s10_7_who_is_not_known_enabled_unlocked_and_in_time_is_not_vouched_for() {
    let slapd = directory("to");
    let mut admin = slapd.admin();
    admin.modify(&person("bob"), Change::Add, "objectClass", &[b"shadowAccount"]);
    admin.modify(&person("bob"), Change::Add, "shadowExpire", &[b"1"]);
    let locked: &[&[u8]] = &[b"000001010000Z"];
    admin.modify(&person("carol"), Change::Add, "pwdAccountLockedTime", locked);
    let scene = Scene::before(&slapd, |_| {});
    for (names, asked, why) in [
        (&["nobody"][..], "", "entry is unknown"),
        (&["bob"], "", "account is not valid at this time"),
        (&["carol"], "", "account is locked"),
        (&[], "", "does not say whose it is"),
        (&["ann"], &format!("dn:{}", person("bob")), "another authorisation identity"),
        (&["ann"], "u:ann", "another authorisation identity"),
    ] {
        let mut raw = scene.named(names);
        assert_eq!(raw.code(&external(asked)), INVALID_CREDENTIALS, "{names:?} {asked}");
        assert_eq!(who_am_i(&mut raw), "", "{names:?}");
        scene.logs(why);
    }
    // A name that means something in a DN is a value of it, and nobody's here.
    let mut raw = scene.named(&["ann,ou=people"]);
    assert_eq!(raw.code(&external("")), INVALID_CREDENTIALS);
    scene.logs("EXTERNAL dn=\"uid=ann\\\\2cou");
    for name in ["bob", "carol", "ann"] {
        assert!(!scene.gateway.knows(name), "{name}");
    }
    let mut raw = scene.named(&["ann"]);
    assert_eq!(raw.code(&external("")), 0);
    assert_eq!(raw.code(&external("u:bob")), INVALID_CREDENTIALS);
    assert_eq!(who_am_i(&mut raw), "", "a bind that failed leaves nobody");
}

#[test]
fn without_a_certificate_or_a_rule_for_it_the_mechanism_is_not_there() {
    let slapd = directory("to");
    let scene = Scene::before(&slapd, |_| {});
    let client = scene.client(None);
    let mut raw = Raw::try_connect_over_tls(scene.ldaps, &client).expect("it is only asked");
    assert_eq!(raw.code(&external("")), NOT_SUPPORTED);
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    let scene = Scene::before(&slapd, |settings| {
        settings.unset("[listen.tls]", "external_name");
    });
    assert_eq!(scene.named(&["ann"]).code(&external("")), NOT_SUPPORTED);
}

#[test]
fn where_the_directory_does_not_grant_proxying_it_is_refused() {
    let slapd = directory("none");
    let scene = Scene::before(&slapd, |_| {});
    let mut raw = scene.named(&["ann"]);
    assert_eq!(raw.code(&external("")), UNWILLING);
    assert_eq!(who_am_i(&mut raw), "");
    assert!(!scene.gateway.knows("ann"));
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
}

/// A ticket brings the certificate along that was verified when it was given.
#[test]
fn a_resumed_session_is_still_the_certificates() {
    let slapd = directory("to");
    let scene = Scene::before(&slapd, |_| {});
    let subject = [(DnType::CommonName, "ann")];
    let wanted = Wanted { subject: &subject, ..Wanted::default() };
    let own = scene.clients.issue(&scene.folder, "client", &wanted);
    for version in [&TLS12, &TLS13] {
        let client = certs::client_with(&scene.servers.file, &[version], Some(&own));
        for resumed in [false, true] {
            let mut raw = Raw::try_connect_over_tls(scene.ldaps, &client).expect("it is served");
            assert_eq!(raw.handshake() == Some(HandshakeKind::Resumed), resumed);
            assert_eq!(who_am_i(&mut raw), "");
            assert_eq!(raw.code(&external("")), 0);
            assert_eq!(who_am_i(&mut raw), format!("dn:{ANN}"));
        }
    }
}

/// A session that is resumed by a ticket is not verified anew, and connections last.
#[test]
fn s10_7_a_certificate_that_has_ended_since_it_was_shown_vouches_for_nobody() {
    let slapd = directory("to");
    let scene = Scene::before(&slapd, |_| {});
    let subject = [(DnType::CommonName, "ann")];
    let lasts = Some(Duration::from_secs(6));
    let mut raw = scene.with(&Wanted { subject: &subject, lasts, ..Wanted::default() });
    assert_eq!(raw.code(&external("")), 0);
    eventually("its certificate has ended", || {
        (raw.code(&external("")) == INVALID_CREDENTIALS).then_some(())
    });
    scene.logs("certificate has ended");
    assert_eq!(who_am_i(&mut raw), "");
}

#[test]
fn certificates_are_asked_for_demanded_and_verified_as_configured() {
    let slapd = directory("to");
    let scene = Scene::before(&slapd, |settings| {
        settings.set("[listen.tls]", "client_certificate", quoted("require"));
    });
    // With TLS 1.3 a client hears of the refusal after its own part of the handshake.
    let is_served = |client: &Arc<ClientConfig>| {
        let connected = Raw::try_connect_over_tls(scene.ldaps, client);
        connected.is_ok_and(|mut raw| raw.try_bind(ANN, "pw-ann") == Some(0))
    };
    assert!(!is_served(&scene.client(None)), "without one");
    let others = Authority::make(&scene.folder, "others");
    let subject = &[(DnType::CommonName, "ann")];
    let wanted = Wanted { subject, ..Wanted::default() };
    let strange = others.issue(&scene.folder, "strange", &wanted);
    assert!(!is_served(&scene.client(Some(&strange))), "of another authority");
    let ended = Wanted { ended: Some(2020), ..wanted.clone() };
    let ended = scene.clients.issue(&scene.folder, "ended", &ended);
    assert!(!is_served(&scene.client(Some(&ended))), "one that has ended");
    scene.gateway.comes_to_count("bindgate_closed_total{reason=\"tls\"} 3");
    let good = scene.clients.issue(&scene.folder, "good", &wanted);
    assert!(is_served(&scene.client(Some(&good))));
    scene.logs("client_certificate=yes");
}

/// The rule may be the subject itself, or a mail address.
#[test]
fn the_rule_says_what_of_a_certificate_the_name_is_made_of() {
    let slapd = directory("to");
    let suffix = [
        (DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 25]), "com"),
        (DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 1]), "ann"),
    ];
    let scene = Scene::before(&slapd, |settings| {
        settings.set("[listen.tls]", "external_name", quoted("{subject}"));
    });
    let mut raw = scene.with(&Wanted { subject: &suffix, ..Wanted::default() });
    assert_eq!(raw.code(&external("")), INVALID_CREDENTIALS);
    scene.logs("EXTERNAL dn=\"uid=ann,dc=com\" refused");
    let scene = Scene::before(&slapd, |settings| {
        let name = quoted(&format!("uid={{mail}},{PEOPLE}"));
        settings.set("[listen.tls]", "external_name", name);
    });
    let mut raw = scene.with(&Wanted { mail: &["ann"], ..Wanted::default() });
    assert_eq!(raw.code(&external("")), 0);
    assert_eq!(who_am_i(&mut raw), format!("dn:{ANN}"));
}
