//! References to other servers, before a slapd that has some.

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Control};
use crate::support::raw::Raw;
use crate::support::settings::quoted;
use crate::support::slapd::Slapd;
use crate::support::tree::{self, SUFFIX};
use bindgate::proto::op::Operation;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const ELSEWHERE: &str = "ou=elsewhere,dc=example,dc=com";
/// Nobody listens there.
const AWAY: &str = "ldap://127.0.0.1:1/ou=elsewhere,dc=example,dc=com";
const MANAGE_DSA_IT: Control<'_> =
    Control { oid: "2.16.840.1.113730.3.4.2", critical: true, value: None };

fn directory() -> Slapd {
    let slapd = Slapd::start();
    let reference: &[(&str, &[&str])] = &[
        ("objectClass", &["referral", "extensibleObject"]),
        ("ou", &["elsewhere"]),
        ("ref", &[AWAY]),
    ];
    let added = pdu::with_controls(pdu::add(ELSEWHERE, reference), &[MANAGE_DSA_IT]);
    assert_eq!(slapd.admin().code(&added), 0);
    slapd
}

fn gateway(slapd: &Slapd, referrals: &str) -> Gateway {
    Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[[directory]]", "referrals", quoted(referrals));
    })
}

fn bound(port: u16) -> Raw {
    let mut raw = Raw::connect(port);
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    raw
}

fn one_level() -> Vec<u8> {
    Ask { scope: 1, ..Ask::entry(SUFFIX) }.of(&["1.1"]).body()
}

/// The URLs of the references among the answers to a search, and how many entries there were.
#[track_caller]
fn found(raw: &mut Raw) -> (Vec<String>, usize) {
    let answers = raw.ask(&one_level());
    assert_eq!(answers.last().expect("there is an end").code(), 0);
    let is = |kind| move |pdu: &&crate::support::raw::Pdu| pdu.operation() == kind;
    let references = answers.iter().filter(is(Operation::SearchResultReference));
    let urls = references.map(|pdu| {
        let content = pdu.envelope().content;
        let url = bindgate::proto::ber::Reader::new(content).octets().expect("a URL");
        String::from_utf8_lossy(url).into_owned()
    });
    (urls.collect(), answers.iter().filter(is(Operation::SearchResultEntry)).count())
}

#[test]
fn a_reference_in_a_real_directory_reaches_nobody_unless_that_is_configured() {
    let slapd = directory();
    let mut direct = bound(slapd.port());
    let (urls, entries) = found(&mut direct);
    assert_eq!(urls.len(), 1);
    let gateway = gateway(&slapd, "strip");
    let mut raw = bound(gateway.port());
    assert_eq!(found(&mut raw), (Vec::new(), entries));
    // Without a bind the connection is a shared one.
    let anonymous = gateway.connect().ask(&one_level());
    assert!(anonymous.iter().all(|pdu| pdu.operation() != Operation::SearchResultReference));
    for request in
        [Ask::entry(ELSEWHERE).body(), pdu::compare(&format!("cn=x,{ELSEWHERE}"), "cn", b"x")]
    {
        assert_eq!(direct.code(&request), 10);
        let answers = raw.ask(&request);
        let result = answers.last().expect("there is an end").result();
        assert_eq!((result.code.0, result.referral), (53, None));
        assert_eq!(result.matched_dn, ELSEWHERE.as_bytes());
    }
    let metrics = gateway.metrics();
    let counted = "bindgate_referrals_total{directory=\"corp\",outcome=\"stripped\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(counted));
    assert!(line.is_some_and(|count| count.parse::<u32>().is_ok_and(|count| count >= 3)));
}

#[test]
fn a_reference_is_an_entry_where_the_client_asks_for_that() {
    let slapd = directory();
    let gateway = gateway(&slapd, "strip");
    let mut raw = bound(gateway.port());
    let request = pdu::with_controls(Ask::entry(ELSEWHERE).of(&["ref"]).body(), &[MANAGE_DSA_IT]);
    let answers = raw.ask(&request);
    assert_eq!(answers[0].entry().text("ref"), Some(AWAY));
    assert_eq!(answers[1].code(), 0);
}

#[test]
fn references_pass_byte_for_byte_where_that_is_configured() {
    let slapd = directory();
    let gateway = gateway(&slapd, "pass");
    let (mut direct, mut raw) = (bound(slapd.port()), bound(gateway.port()));
    for request in [one_level(), Ask::entry(ELSEWHERE).body(), pdu::delete(ELSEWHERE)] {
        let bodies = |raw: &mut Raw| -> Vec<Vec<u8>> {
            raw.ask(&request).iter().map(|pdu| pdu.envelope().body.to_vec()).collect()
        };
        assert_eq!(bodies(&mut raw), bodies(&mut direct));
    }
}

/// The one reference is the directory's own: whoever follows it is told that it goes no further.
#[test]
fn a_rewritten_reference_leads_a_client_that_follows_it_to_the_gateway() {
    let slapd = directory();
    let gateway = gateway(&slapd, "rewrite");
    let mut raw = bound(gateway.port());
    let (urls, _) = found(&mut raw);
    let here = format!("ldap://127.0.0.1:{}/{ELSEWHERE}??base", gateway.port());
    assert_eq!(urls, [here]);
    assert_eq!(raw.code(&Ask::entry(ELSEWHERE).body()), 53);
    // ldapsearch follows references, and binds as nobody for it.
    let said = gateway.tools().run_as(
        "ann",
        "ldapsearch",
        &["-C", "-b", tree::SUFFIX, "-s", "one", "(objectClass=*)", "1.1"],
    );
    assert!(said.out.contains("dn: ou=people"), "{}{}", said.out, said.err);
    assert!(!said.out.contains("127.0.0.1:1/"), "{}", said.out);
}
