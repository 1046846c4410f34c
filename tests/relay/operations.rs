//! Every operation through the gateway, under the directory's own access control.

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Change};
use crate::support::slapd::Slapd;
use crate::support::tap::Tap;
use crate::support::{eventually, tree};

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const BOB: &str = "uid=bob,ou=people,dc=example,dc=com";
const NEW: &str = "cn=new,ou=people,dc=example,dc=com";

#[test]
fn the_directory_decides_what_a_user_may_do() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);

    let (seen, code) = raw.search(&Ask::below(tree::PEOPLE, pdu::equal("uid", "bob"), &["cn"]));
    assert_eq!((seen.len(), code), (1, 0));
    assert_eq!(seen[0].text("cn"), Some("Bob Example"));
    assert_eq!(raw.search(&Ask::below(tree::GROUPS, pdu::present("cn"), &[])).1, 32);

    assert_eq!(raw.code(&pdu::compare(BOB, "mail", b"bob@example.com")), 6);
    assert_eq!(raw.code(&pdu::compare(BOB, "mail", b"other@example.com")), 5);
    assert_eq!(raw.code(&pdu::compare(BOB, "userPassword", b"pw-bob")), 50);

    let phone: &[&[u8]] = &[b"+3 4"];
    assert_eq!(raw.code(&pdu::modify(ANN, Change::Replace, "telephoneNumber", phone)), 0);
    assert_eq!(raw.code(&pdu::modify(BOB, Change::Replace, "telephoneNumber", phone)), 50);
    assert_eq!(raw.code(&pdu::delete(BOB)), 50);
    assert_eq!(raw.code(&pdu::modify_dn(BOB, "uid=rob", None)), 50);
    let device: &[(&str, &[&str])] = &[("objectClass", &["device"]), ("cn", &["new"])];
    assert_eq!(raw.code(&pdu::add(NEW, device)), 50);

    let (seen, _) = slapd.admin().search(&Ask::entry(ANN).of(&["telephoneNumber"]));
    assert_eq!(seen[0].text("telephoneNumber"), Some("+3 4"));
}

#[test]
fn an_entry_is_added_renamed_changed_and_deleted_through_the_gateway() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(tree::ADMIN, tree::ADMIN_PASSWORD), 0);
    let device: &[(&str, &[&str])] = &[("objectClass", &["device"]), ("cn", &["new"])];
    assert_eq!(raw.code(&pdu::add(NEW, device)), 0);
    assert_eq!(raw.code(&pdu::add(NEW, device)), 68);
    assert_eq!(raw.code(&pdu::modify_dn(NEW, "cn=newer", Some(tree::GROUPS))), 0);
    let moved = tree::group("newer");
    assert_eq!(raw.code(&pdu::modify(&moved, Change::Add, "description", &[b"x"])), 0);
    let (seen, _) = slapd.admin().search(&Ask::entry(&moved));
    assert_eq!(seen[0].text("description"), Some("x"));
    assert_eq!(raw.code(&pdu::delete(&moved)), 0);
    assert_eq!(raw.code(&pdu::delete(&moved)), 32);
}

#[test]
fn a_password_is_changed_by_its_owner_and_counts_at_the_next_bind() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    let value = pdu::nested(0x30, |out| {
        bindgate::proto::ber::write_element(out, 0x81, b"pw-ann");
        bindgate::proto::ber::write_element(out, 0x82, b"changed");
    });
    assert_eq!(raw.code(&pdu::extended("1.3.6.1.4.1.4203.1.11.1", Some(&value))), 0);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 49);
    assert_eq!(gateway.sign_on(ANN, "changed"), 0);
}

#[test]
fn an_anonymous_session_reads_the_root_dse_and_nothing_else() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    let (seen, code) = raw.search(&Ask::entry("").of(&["namingContexts", "supportedLDAPVersion"]));
    assert_eq!((seen.len(), code), (1, 0));
    assert_eq!(seen[0].text("namingContexts"), Some(tree::SUFFIX));
    assert!(raw.search(&Ask::entry(ANN)).0.is_empty());
    assert_eq!(raw.code(&pdu::delete(ANN)), slapd_anonymous_delete(&slapd));
}

fn slapd_anonymous_delete(slapd: &Slapd) -> u32 {
    crate::support::raw::Raw::connect(slapd.port()).code(&pdu::delete(BOB))
}

#[test]
fn many_operations_are_outstanding_at_once_and_each_gets_its_own_answer() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    let uids = ["ann", "bob", "carol", "dave", "erin", "frank"];
    let mut burst = Vec::new();
    for (at, uid) in (0i64..).zip(uids) {
        let ask = Ask::below(tree::PEOPLE, pdu::equal("uid", uid), &["uid"]);
        burst.extend(pdu::message(100 + at, &ask.body()));
    }
    raw.send(&burst);
    let mut entries = vec![None; uids.len()];
    for _ in 0..2 * uids.len() {
        let pdu = raw.answer();
        let at = usize::try_from(pdu.id() - 100).expect("only what was asked is answered");
        if pdu.operation() == bindgate::proto::op::Operation::SearchResultEntry {
            entries[at] = pdu.entry().text("uid").map(str::to_owned);
        } else {
            assert_eq!(pdu.code(), 0);
            assert_eq!(entries[at].as_deref(), Some(uids[at]));
        }
    }
}

#[test]
fn an_abandoned_search_is_not_answered_and_the_session_goes_on() {
    let slapd = Slapd::start();
    let tap = Tap::before(slapd.port());
    let gateway = Gateway::before(tap.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    tap.hold();
    let search = raw.start(&Ask::below(tree::PEOPLE, pdu::present("uid"), &[]).body());
    let abandoned = tap.sent().len();
    raw.start(&pdu::abandon(search));
    eventually("the abandon reaches the directory", || {
        tap.sent()[abandoned..].windows(2).any(|window| window == [0x50, 1]).then_some(())
    });
    tap.release();
    // Every answer to another message than this one would make it panic.
    assert_eq!(raw.ask(&Ask::entry(ANN).body()).len(), 2);
}

#[test]
fn an_unbind_ends_the_connection_without_an_answer() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    raw.start(&pdu::unbind());
    raw.expect_end();
}

#[test]
fn start_tls_without_a_certificate_is_answered_as_the_directory_answers_it() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let start_tls = pdu::extended("1.3.6.1.4.1.1466.20037", None);
    let mut raw = gateway.connect();
    assert_eq!(raw.code(&start_tls), 2);
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    let mut direct = crate::support::raw::Raw::connect(slapd.port());
    assert_eq!(direct.code(&start_tls), 2);
}
