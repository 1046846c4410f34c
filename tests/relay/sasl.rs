//! SASL through the gateway, with OpenLDAP's own clients, before a slapd that has every mechanism of
//! Debian's libsasl2-modules.

use crate::support::gateway::{Gateway, group_names};
use crate::support::pdu::{self, Ask, Body, Control};
use crate::support::raw::Raw;
use crate::support::slapd::{Options, Slapd};
use crate::support::tools::Tools;
use crate::support::tree::{self, PEOPLE};

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
const MECHANISMS: [&str; 7] = [
    "PLAIN",
    "CRAM-MD5",
    "DIGEST-MD5",
    "SCRAM-SHA-1",
    "SCRAM-SHA-224",
    "SCRAM-SHA-256",
    "SCRAM-SHA-512",
];

fn directory() -> Slapd {
    directory_with(&[])
}

fn directory_with(more: &[&str]) -> Slapd {
    let rule = format!("authz-regexp \"uid=([^,]+),cn=[^,]+,cn=auth\" \"uid=$1,{PEOPLE}\"");
    let lines = ["sasl-secprops none", "sasl-host localhost", &rule, "authz-policy to"];
    let lines = lines.iter().chain(more).map(|line| (*line).to_owned());
    Slapd::with(&Options { global_lines: lines.collect(), ..Options::default() })
}

fn who_am_i(tools: &Tools, mechanism: &str, password: &str, more: &[&str]) -> (i32, String) {
    let args = ["-Q", "-Y", mechanism, "-U", "ann", "-w", password];
    let all: Vec<&str> = args.iter().chain(more).copied().collect();
    let said = tools.run_sasl("ldapwhoami", &all);
    (said.code, said.out)
}

/// Without layers: the one that the client would choose cannot be carried, so it is not offered.
#[test]
fn every_mechanism_proves_the_user_and_brings_the_record_up_to_date() {
    let slapd = directory();
    for mechanism in MECHANISMS {
        let gateway = Gateway::before(slapd.port());
        for password in ["pw-ann", "wrong"] {
            let (direct, relayed) = (Tools::at(slapd.port()), gateway.tools());
            let said = who_am_i(&relayed, mechanism, password, &["-O", "none"]);
            assert_eq!(said, who_am_i(&direct, mechanism, password, &["-O", "none"]));
            let expected =
                if password == "wrong" { (49, String::new()) } else { (0, format!("dn:{ANN}\n")) };
            assert_eq!(said, expected, "{mechanism}");
        }
        let user = gateway.json("/api/v1/users/staff%2Fann");
        assert_eq!(group_names(&user), ["A", "B"], "{mechanism}");
        let audit = gateway.audit();
        assert_eq!(audit.len(), 1, "{mechanism}: a wrong password changes nothing: {audit:?}");
    }
}

#[test]
fn a_session_by_sasl_is_its_users_and_the_directory_decides_what_it_may() {
    let slapd = directory();
    let gateway = Gateway::before(slapd.port());
    for mechanism in MECHANISMS {
        let args = ["-Q", "-LLL", "-O", "none", "-Y", mechanism, "-U", "ann", "-w", "pw-ann"];
        let search = ["-b", tree::SUFFIX, "(|(uid=ann)(cn=A))", "userPassword", "mail"];
        let all: Vec<&str> = args.iter().chain(&search).copied().collect();
        let [direct, relayed] = [Tools::at(slapd.port()), gateway.tools()]
            .map(|tools| tools.run_sasl("ldapsearch", &all).expect_code(0));
        assert_eq!(direct, relayed, "{mechanism}");
        assert!(relayed.contains("userPassword::") && !relayed.contains("cn=A"), "{relayed}");
    }
    // The tool chooses a mechanism itself, by what the root DSE shows.
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[[directory]]", "sasl_mechanisms", "[\"SCRAM-SHA-224\"]");
    });
    let said = gateway.tools().run_sasl("ldapwhoami", &["-Q", "-U", "ann", "-w", "pw-ann"]);
    assert_eq!(said.expect_code(0), format!("dn:{ANN}\n"));
}

/// The authorisation identity within an exchange goes with the user's own credentials, over the
/// user's own connection: the directory decides.
#[test]
fn another_authorisation_identity_is_granted_by_the_directory_alone() {
    let slapd = directory();
    let gateway = Gateway::before(slapd.port());
    for (whom, granted) in [("bob", true), ("carol", false)] {
        if granted {
            let dn = format!("dn.exact:{}", tree::person(whom));
            slapd.admin().modify(ANN, pdu::Change::Add, "authzTo", &[dn.as_bytes()]);
        }
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "DIGEST-MD5"] {
            let id = format!("u:{whom}");
            let more = ["-O", "none", "-X", &id];
            let said = who_am_i(&gateway.tools(), mechanism, "pw-ann", &more);
            let direct = Tools::at(slapd.port());
            assert_eq!(said, who_am_i(&direct, mechanism, "pw-ann", &more), "{mechanism}");
            assert_eq!(said.0 == 0, granted, "{mechanism} {said:?}");
        }
        assert_eq!(gateway.knows(whom), granted, "who signed on is whom the session is of");
    }
    assert!(!gateway.knows("ann"));
}

#[test]
fn a_client_that_wants_a_layer_is_told_and_one_that_gets_none_is_served() {
    let slapd = directory();
    let gateway = Gateway::before(slapd.port());
    let (direct, relayed) = (Tools::at(slapd.port()), gateway.tools());
    // The client's own default is the strongest layer that is offered.
    assert_eq!(who_am_i(&direct, "DIGEST-MD5", "pw-ann", &[]).0, 0);
    assert_eq!(who_am_i(&relayed, "DIGEST-MD5", "pw-ann", &[]).0, 0);
    assert_eq!(who_am_i(&direct, "DIGEST-MD5", "pw-ann", &["-O", "minssf=56"]).0, 0);
    assert_ne!(who_am_i(&relayed, "DIGEST-MD5", "pw-ann", &["-O", "minssf=56"]).0, 0);
    // A directory that insists on one cannot be used so.
    let slapd = directory_with(&["sasl-secprops minssf=56"]);
    let gateway = Gateway::before(slapd.port());
    assert_ne!(who_am_i(&gateway.tools(), "DIGEST-MD5", "pw-ann", &[]).0, 0);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
}

fn first_step(mechanism: &str) -> Body {
    match mechanism {
        "SCRAM-SHA-1" => pdu::sasl_bind(mechanism, Some(b"n,,n=ann,r=0123456789")),
        "PLAIN" => pdu::sasl_bind(mechanism, Some(b"\0ann\0pw-ann")),
        other => pdu::sasl_bind(other, None),
    }
}

/// The result codes of a conversation.
fn codes(port: u16, conversation: &[Body]) -> Vec<u32> {
    let mut raw = Raw::connect(port);
    conversation.iter().map(|body| raw.code(body)).collect()
}

/// What comes between two steps, what aborts an exchange, and what a broken step is answered: as
/// slapd has it. But for an abandon: that slapd answers, by a message that is no LDAP.
#[test]
fn an_exchange_that_goes_wrong_is_answered_as_without_the_gateway() {
    let slapd = directory();
    let gateway = Gateway::before(slapd.port());
    let scram = || first_step("SCRAM-SHA-1");
    let broken = || pdu::sasl_bind("SCRAM-SHA-1", Some(b"p=x"));
    let search = || Ask::entry(ANN).body();
    let who = || pdu::extended(WHO_AM_I, None);
    let controlled = |critical| {
        let control = Control { oid: "1.2.3.4", critical, value: None };
        pdu::with_controls(scram(), &[control])
    };
    for (what, conversation) in [
        ("one step", vec![scram(), who(), search()]),
        ("a search between", vec![scram(), search(), broken(), search()]),
        ("a compare between", vec![scram(), pdu::compare(ANN, "cn", b"x"), broken()]),
        ("a step that is broken", vec![scram(), broken(), who(), search()]),
        ("the second step first", vec![broken(), search()]),
        ("two first steps", vec![scram(), scram(), broken(), scram()]),
        ("a simple bind between", vec![scram(), pdu::bind(ANN, b"pw-ann"), search()]),
        ("a wrong one between", vec![scram(), pdu::bind(ANN, b"wrong"), search()]),
        ("nobody between", vec![scram(), pdu::bind("", b""), search(), broken()]),
        ("an unauthenticated bind between", vec![scram(), pdu::bind(ANN, b""), search()]),
        ("another version between", vec![scram(), pdu::bind_with_version(2, ANN, b"x"), search()]),
        (
            "from one user to another",
            vec![first_step("PLAIN"), search(), scram(), who(), broken(), search()],
        ),
        ("credentials that are empty", vec![pdu::sasl_bind("PLAIN", Some(b"")), search()]),
        (
            "no credentials",
            vec![
                first_step("PLAIN"),
                first_step("CRAM-MD5"),
                pdu::sasl_bind("CRAM-MD5", Some(b"")),
            ],
        ),
        ("an unknown mechanism", vec![pdu::sasl_bind("X-NONE", Some(b"x")), search()]),
        ("no mechanism", vec![pdu::sasl_bind("", None), search()]),
        ("external", vec![pdu::sasl_bind("EXTERNAL", None), search()]),
        ("a control", vec![controlled(false), broken()]),
        ("a critical control", vec![controlled(true), search()]),
        ("as nobody", vec![pdu::sasl_bind("ANONYMOUS", Some(b"me")), who(), search()]),
    ] {
        let (direct, relayed) =
            (codes(slapd.port(), &conversation), codes(gateway.port(), &conversation));
        assert_eq!(direct, relayed, "{what}");
    }
}

/// RFC 4513 section 5.2.1.2: another mechanism in between aborts the exchange and begins its own.
/// (slapd 2.5 goes on with the old one.)
#[test]
fn another_mechanism_in_between_begins_its_own_exchange() {
    let slapd = directory();
    let gateway = Gateway::before(slapd.port());
    let steps = ["SCRAM-SHA-1", "CRAM-MD5", "SCRAM-SHA-1", "DIGEST-MD5", "PLAIN"].map(first_step);
    assert_eq!(codes(gateway.port(), &steps), [14, 14, 14, 14, 0]);
}

/// slapd 2.5 keeps who failed: on a connection on which a client has failed as Ann by SCRAM, without
/// her password, the next one to bind by ANONYMOUS is Ann.
#[test]
fn nobody_becomes_who_another_one_failed_to_be() {
    let slapd = directory();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[[directory]]", "min_connections", "1");
        settings.set("[[directory]]", "max_connections", "2");
    });
    let (failed, anonymous) = (
        [first_step("SCRAM-SHA-1"), pdu::sasl_bind("SCRAM-SHA-1", Some(b"p=x"))],
        pdu::sasl_bind("ANONYMOUS", Some(b"me")),
    );
    let read = Ask::entry(ANN).body();
    let same = [&failed[..], &[anonymous.clone(), read.clone()]].concat();
    for round in 0..20 {
        assert_eq!(codes(gateway.port(), &same)[2..], [0, 50], "the client itself is Ann");
        assert_eq!(codes(gateway.port(), &failed)[0], 14);
        let next = codes(gateway.port(), &[anonymous.clone(), read.clone()]);
        assert_eq!(next, [0, 50], "the next client is Ann, in round {round}");
    }
}
