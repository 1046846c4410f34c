//! Binds: who a session is, and that it is nobody after anything but success.

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask};
use crate::support::raw::Raw;
use crate::support::slapd::Slapd;
use crate::support::tap::Tap;
use crate::support::tree;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const BOB: &str = "uid=bob,ou=people,dc=example,dc=com";
const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";

/// Who the session is, in the words of the Who Am I operation (RFC 4532).
#[track_caller]
fn who_am_i(raw: &mut Raw) -> String {
    let answers = raw.ask(&pdu::extended(WHO_AM_I, None));
    let content = answers[0].envelope().content.to_vec();
    let answer = bindgate::proto::extended::ExtendedResponse::decode(&content)
        .expect("the answer is an extended response");
    assert_eq!(answer.result.code.0, 0);
    String::from_utf8_lossy(answer.value.unwrap_or_default()).into_owned()
}

#[test]
fn a_bind_ends_as_the_directory_says() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    let mut check = |dn: &str, password: &[u8], expected: u32| {
        assert_eq!(raw.bind(dn, password), expected, "{dn}");
    };
    check(ANN, b"pw-ann", 0);
    check(ANN, b"wrong", 49);
    check("uid=nobody,ou=people,dc=example,dc=com", b"x", 49);
    check("uid=ann,ou=people,dc=elsewhere", b"x", 49);
    check("no distinguished name", b"x", 34);
    check(tree::ODD, tree::ODD_PASSWORD, 0);
    check("UID=Ann , OU=People,DC=example,DC=com", b"pw-ann", 0);
    check("cn=Smith\\2C Jane,ou=people,dc=example,dc=com", b"pw-jane", 0);
    check(&tree::person("zoë"), tree::password("zoë").as_bytes(), 0);
    check(tree::SERVICE, tree::SERVICE_PASSWORD.as_bytes(), 0);
    check(tree::ADMIN, tree::ADMIN_PASSWORD.as_bytes(), 0);
    check("", b"", 0);
}

#[test]
fn a_name_without_a_password_is_refused_before_the_directory_hears_of_it() {
    let slapd = Slapd::start();
    let tap = Tap::before(slapd.port());
    let gateway = Gateway::before(tap.port());
    assert_eq!(gateway.sign_on(ANN, b""), 53);
    // A bind that is sent on is seen, so that not having seen the other one means something.
    assert_eq!(gateway.sign_on(BOB, b"pw-bob"), 0);
    assert!(tap.has_sent(BOB.as_bytes()));
    assert!(!tap.has_sent(ANN.as_bytes()));
}

#[test]
fn a_failed_bind_leaves_the_session_anonymous() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    let ann = Ask::entry(ANN);
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    assert_eq!(who_am_i(&mut raw), format!("dn:{ANN}"));
    assert_eq!(raw.search(&ann).0.len(), 1);

    let mut direct = Raw::connect(slapd.port());
    let refused = direct.search(&ann);
    for (password, code) in [("wrong", 49), ("", 53)] {
        assert_eq!(raw.bind(ANN, "pw-ann"), 0);
        assert_eq!(raw.bind(ANN, password), code);
        assert_eq!(who_am_i(&mut raw), "");
        assert_eq!(raw.search(&ann), refused);
    }
}

#[test]
fn a_second_bind_changes_who_the_session_is() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    assert_eq!(who_am_i(&mut raw), "");
    for uid in ["ann", "bob", "carol"] {
        assert_eq!(raw.bind(&tree::person(uid), tree::password(uid)), 0);
        assert_eq!(who_am_i(&mut raw), format!("dn:{}", tree::person(uid)));
    }
    assert_eq!(raw.bind("", ""), 0);
    assert_eq!(who_am_i(&mut raw), "");
}

#[test]
fn sessions_do_not_share_an_identity() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut sessions: Vec<(Raw, &str)> =
        ["ann", "bob", "carol", "dave"].map(|uid| (gateway.connect(), uid)).into();
    for (raw, uid) in &mut sessions {
        assert_eq!(raw.bind(&tree::person(uid), tree::password(uid)), 0);
    }
    let mut anonymous = gateway.connect();
    for (raw, uid) in &mut sessions {
        assert_eq!(who_am_i(raw), format!("dn:{}", tree::person(uid)));
        assert_eq!(raw.search(&Ask::entry(ANN)).0.len(), 1);
        assert_eq!(anonymous.search(&Ask::entry(ANN)).0.len(), 0);
    }
}

#[test]
fn what_is_pipelined_behind_a_bind_runs_as_the_new_user() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    let mut burst = pdu::message(11, &Ask::entry(ANN).body());
    burst.extend(pdu::message(12, &pdu::bind(BOB, b"pw-bob")));
    burst.extend(pdu::message(13, &pdu::extended(WHO_AM_I, None)));
    burst.extend(pdu::message(14, &Ask::entry(BOB).body()));
    raw.send(&burst);
    // A bind ends what is outstanding: the first search was answered whole before it, or is not
    // answered at all (slapd does either). What follows waits for the bind.
    let mut order = Vec::new();
    while order.last() != Some(&14) {
        let pdu = raw.answer();
        match pdu.id() {
            12 => assert_eq!(pdu.code(), 0),
            13 => assert!(pdu.0.windows(BOB.len()).any(|window| window == BOB.as_bytes())),
            14 => assert_eq!(pdu.entry().text("uid"), Some("bob")),
            other => assert_eq!(other, 11),
        }
        order.push(pdu.id());
    }
    assert!(order == [11, 11, 12, 13, 14] || order == [12, 13, 14], "{order:?}");
}

#[test]
fn other_versions_and_ways_to_authenticate_are_refused_and_the_session_goes_on() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    let mut unknown_choice = pdu::bind(ANN, b"pw-ann");
    let at = unknown_choice.len() - b"pw-ann".len() - 2;
    assert_eq!(unknown_choice[at], 0x80);
    unknown_choice[at] = 0x85;
    for (body, code) in [
        (pdu::bind_with_version(2, ANN, b"pw-ann"), 2),
        (pdu::bind_with_version(4, ANN, b"pw-ann"), 2),
        (pdu::sasl_bind("SCRAM-SHA-1-PLUS", Some(b"p=tls-unique,,n=ann,r=x")), 7),
        (pdu::sasl_bind("EXTERNAL", None), 7),
        (unknown_choice, 7),
    ] {
        assert_eq!(raw.bind(ANN, "pw-ann"), 0);
        assert_eq!(raw.code(&body), code);
        assert_eq!(who_am_i(&mut raw), "");
    }
}

#[test]
fn a_directory_that_is_away_means_unavailable_and_its_return_heals() {
    let mut slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    slapd.kill();
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 52);
    slapd.restart();
    crate::support::eventually("binds succeed again", || {
        (gateway.sign_on(ANN, "pw-ann") == 0).then_some(())
    });
}
