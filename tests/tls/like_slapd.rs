//! StartTLS through the gateway and at slapd itself: the same conversation, the same bytes.

use crate::ANN;
use crate::offering;
use crate::support::certs::{self, Authority};
use crate::support::eventually;
use crate::support::folder::TestFolder;
use crate::support::pdu::{self, Ask, Control};
use crate::support::raw::{Raw, START_TLS};
use crate::support::slapd::{Options, Slapd};
use rustls::ClientConfig;
use std::fmt::Write as _;
use std::sync::Arc;

const SLOW: &str = "cn=slow,ou=codes,dc=example,dc=com";

/// One step of a conversation.
enum Step {
    Ask(Vec<u8>),
    ShakeHands,
}

/// slapd with a certificate for 127.0.0.1, and a client that trusts it. It takes two seconds for
/// whatever is asked of `SLOW`.
fn slapd_with_tls(folder: &TestFolder) -> (Slapd, Arc<ClientConfig>) {
    let authority = Authority::make(folder, "slapds");
    let own = authority.for_loopback(folder, "slapd");
    let database_lines = ["overlay retcode", "retcode-parent \"ou=codes,dc=example,dc=com\""];
    let slow = "retcode-item \"cn=slow\" 0x00 sleeptime=2";
    let global_lines = vec![
        "moduleload retcode".to_owned(),
        format!("TLSCertificateFile {}", own.certificate.display()),
        format!("TLSCertificateKeyFile {}", own.private_key.display()),
    ];
    let database_lines = database_lines.into_iter().chain([slow]).map(str::to_owned).collect();
    let slapd = Slapd::with(&Options { global_lines, database_lines, ..Options::default() });
    (slapd, certs::client(&authority.file))
}

/// All that is heard in a conversation.
fn play(port: u16, client: &Arc<ClientConfig>, steps: &[Step]) -> String {
    let mut raw = Raw::connect(port);
    let mut heard = String::new();
    for step in steps {
        let _ = match step {
            Step::ShakeHands => writeln!(heard, "{:?}", raw.shake_hands(client)),
            Step::Ask(body) => writeln!(heard, "{:02x?}", raw.ask(body)),
        };
    }
    heard
}

#[test]
fn start_tls_and_what_is_refused_of_it_is_answered_as_by_slapd_byte_for_byte() {
    use Step::{Ask as Do, ShakeHands};
    let folder = TestFolder::new("like-slapd");
    let (slapd, its_client) = slapd_with_tls(&folder);
    let (gateway, client) = offering(slapd.port());
    let start_tls = || pdu::extended(START_TLS, None);
    let bind = || Do(pdu::bind(ANN, b"pw-ann"));
    let harmless = Control { oid: "1.2.3.4", critical: false, value: None };
    for (what, steps) in [
        ("granted", vec![Do(start_tls()), ShakeHands, bind()]),
        ("a second time", vec![Do(start_tls()), ShakeHands, Do(start_tls()), bind()]),
        ("with a value", vec![Do(pdu::extended(START_TLS, Some(b"x"))), bind()]),
        (
            "with a control that is not critical",
            vec![Do(pdu::with_controls(start_tls(), &[harmless])), ShakeHands, bind()],
        ),
        (
            "anonymous search behind it",
            vec![Do(start_tls()), ShakeHands, Do(Ask::entry("").body())],
        ),
    ] {
        let direct = play(slapd.port(), &its_client, &steps);
        assert_eq!(play(gateway.port(), &client, &steps), direct, "{what}");
    }
}

/// slapd's own text is about the control, ours too, in other words.
#[test]
fn an_unknown_critical_control_is_refused_as_by_slapd() {
    let folder = TestFolder::new("like-slapd-critical");
    let (slapd, _) = slapd_with_tls(&folder);
    let (gateway, _) = offering(slapd.port());
    let control = Control { oid: "1.2.3.4", critical: true, value: None };
    let body = pdu::with_controls(pdu::extended(START_TLS, None), &[control]);
    let codes = [slapd.port(), gateway.port()].map(|port| Raw::connect(port).code(&body));
    assert_eq!(codes, [12, 12]);
}

#[test]
fn while_an_operation_is_outstanding_it_is_refused_as_by_slapd_and_the_operation_is_answered() {
    let folder = TestFolder::new("like-slapd-busy");
    let (slapd, its_client) = slapd_with_tls(&folder);
    let (gateway, client) = offering(slapd.port());
    let heard = [(slapd.port(), &its_client), (gateway.port(), &client)].map(|(port, client)| {
        let mut raw = Raw::connect(port);
        assert_eq!(raw.bind(ANN, "pw-ann"), 0);
        let search = raw.start(&Ask::entry(SLOW).body());
        let refused = raw.ask(&pdu::extended(START_TLS, None));
        let code = raw.answers_to(search).last().expect("it is answered").code();
        // slapd counts an operation as outstanding for a moment longer than its answer takes.
        let granted = || (raw.code(&pdu::extended(START_TLS, None)) == 0).then_some(());
        eventually("TLS is granted", granted);
        raw.shake_hands(client).expect("the server shakes hands");
        (refused, code)
    });
    assert_eq!(heard[0], heard[1]);
    assert_eq!(heard[0].0[0].code(), crate::OPERATIONS_ERROR);
}
