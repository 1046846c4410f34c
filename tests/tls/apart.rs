//! What a session that was bound by certificate leaves behind at the directory goes on a connection
//! of the service account's that nobody else asks on: pages, windows, extended operations.

use crate::external::{Scene, UNWILLING, directory, everybody, external};
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Change, Control, with_controls};
use crate::support::raw::Raw;
use crate::support::slapd::Slapd;
use crate::support::tree::{PEOPLE, SERVICE};
use crate::{ANN, BOB, PASSWORD_MODIFY, who_am_i};
use bindgate::domain::paging;
use bindgate::proto::ber;

const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
const PROXIED: &str = "2.16.840.1.113730.3.4.18";
const BUSY: u32 = 51;
const LIMIT: u32 = 11;

/// slapd that shows each user all people, so that there are pages.
fn open_directory() -> Slapd {
    let slapd = Slapd::with(&crate::support::slapd::Options {
        global_lines: vec!["authz-policy to".to_owned()],
        ..Default::default()
    });
    let whom = format!("dn.regex:^uid=[^,]+,{PEOPLE}$");
    slapd.admin().modify(SERVICE, Change::Add, "authzTo", &[whom.as_bytes()]);
    slapd
}

/// One page: how many entries, the code, and the cookie to go on with.
fn page(raw: &mut Raw, cookie: &[u8]) -> (usize, u32, Vec<u8>) {
    let value = pdu::page(4, cookie);
    let control = Control { oid: PAGED_RESULTS, critical: true, value: Some(&value) };
    let answers = raw.ask(&with_controls(everybody().body(), &[control]));
    let (done, entries) = answers.split_last().expect("there is an end");
    let cookie = paging::cookie(done.envelope().controls).unwrap_or_default();
    (entries.len(), done.code(), cookie.to_vec())
}

fn comes_to_have(gateway: &Gateway, apart: usize) {
    let labels = "{directory=\"corp\",kind=\"apart\"}";
    gateway.comes_to_count(&format!("bindgate_upstream_shared_connections{labels} {apart}"));
}

#[test]
fn a_search_in_pages_goes_on_to_its_last_page_and_the_connection_ends_with_the_session() {
    let slapd = open_directory();
    let scene = Scene::before(&slapd, |_| {});
    let (mut ann, mut bob) = (scene.named(&["ann"]), scene.named(&["bob"]));
    for raw in [&mut ann, &mut bob] {
        assert_eq!(raw.code(&external("")), 0);
        assert_eq!(raw.search(&everybody()).1, 0);
    }
    comes_to_have(&scene.gateway, 0);
    // Page by page in turn: neither gets the other's.
    let (mut of_ann, mut of_bob) = (page(&mut ann, b""), page(&mut bob, b""));
    comes_to_have(&scene.gateway, 2);
    let mut found = 0;
    loop {
        assert_eq!((of_ann.0, of_ann.1), (of_bob.0, of_bob.1));
        assert_eq!(of_ann.1, 0);
        found += of_ann.0;
        if of_ann.2.is_empty() {
            break;
        }
        (of_ann, of_bob) = (page(&mut ann, &of_ann.2), page(&mut bob, &of_bob.2));
    }
    assert_eq!(found, everybody_there(&mut ann));
    // It is done as the user: neither writes the other's entry.
    let of_bob = pdu::modify(BOB, Change::Replace, "description", &[b"x"]);
    assert_eq!(ann.code(&of_bob), 50);
    assert_eq!(bob.code(&of_bob), 0);
    drop(ann);
    comes_to_have(&scene.gateway, 1);
    // Another bind is another session.
    assert_eq!(bob.bind(BOB, "pw-bob"), 0);
    comes_to_have(&scene.gateway, 0);
}

fn everybody_there(raw: &mut Raw) -> usize {
    raw.search(&everybody()).0.len()
}

#[test]
fn extended_operations_are_the_directorys_to_answer_but_for_a_change_of_the_password() {
    let slapd = directory("to");
    let scene = Scene::before(&slapd, |_| {});
    let mut raw = scene.named(&["ann"]);
    assert_eq!(raw.code(&external("")), 0);
    assert_eq!(who_am_i(&mut raw), format!("dn:{ANN}"));
    let value = pdu::nested(ber::SEQUENCE, |out| ber::write_element(out, 0x82, b"fresh"));
    let change = pdu::extended(PASSWORD_MODIFY, Some(&value));
    let answer = raw.ask(&change).remove(0);
    assert_eq!(answer.code(), UNWILLING);
    let text = String::from_utf8_lossy(answer.result().diagnostic).into_owned();
    assert!(text.contains("bound by certificate"), "{text}");
    // The control that says who asks is the gateway's own, and none of the client's.
    let bob = format!("dn:{BOB}");
    let control = Control { oid: PROXIED, critical: true, value: Some(bob.as_bytes()) };
    assert_ne!(raw.code(&with_controls(Ask::entry(BOB).body(), &[control])), 0);
    let begin = pdu::extended("1.3.6.1.1.21.1", None);
    assert_eq!(raw.code(&begin), UNWILLING, "a transaction");
    // What cannot be done by proxied authorisation, the directory says: the control is critical.
    assert_eq!(raw.code(&pdu::extended("1.2.3.4", None)), 12);
    assert_eq!(raw.search(&everybody()).0.len(), 1, "the session goes on");
    assert_eq!(raw.bind(ANN, "pw-ann"), 0, "the password is as it was");
}

#[test]
fn what_goes_before_on_a_shared_connection_is_answered_before_a_page_is_asked_for() {
    let slapd = open_directory();
    let scene = Scene::before(&slapd, |_| {});
    let mut raw = scene.named(&["ann"]);
    assert_eq!(raw.code(&external("")), 0);
    let value = pdu::page(4, b"");
    let control = Control { oid: PAGED_RESULTS, critical: true, value: Some(&value) };
    let searches = [everybody().body(), with_controls(everybody().body(), &[control])];
    let ids: Vec<i64> = searches.iter().cycle().take(6).map(|search| raw.start(search)).collect();
    for (id, is_paged) in ids.into_iter().zip([false, true].into_iter().cycle()) {
        let answers = raw.answers_to(id);
        assert_eq!(answers.last().map(crate::support::raw::Pdu::code), Some(0));
        assert_eq!(answers.len() - 1 == 4, is_paged);
    }
}

#[test]
fn there_are_no_more_connections_apart_and_no_more_cookies_than_there_may_be() {
    let slapd = open_directory();
    let scene = Scene::before(&slapd, |settings| {
        settings.set("[[directory]]", "max_connections_apart", "1");
        settings.set("[listen]", "max_cookies", "1");
    });
    let (mut ann, mut bob) = (scene.named(&["ann"]), scene.named(&["bob"]));
    for raw in [&mut ann, &mut bob] {
        assert_eq!(raw.code(&external("")), 0);
    }
    let (_, code, cookie) = page(&mut ann, b"");
    assert_eq!(code, 0);
    assert_eq!(page(&mut ann, b"").1, LIMIT, "another search in pages");
    assert_eq!(page(&mut bob, b"").1, BUSY);
    scene.gateway.comes_to_count("bindgate_limit_hits_total{limit=\"max_connections_apart\"} 1");
    assert!(everybody_there(&mut bob) > 4, "the session goes on, without pages");
    assert_eq!(page(&mut ann, &cookie).1, 0);
    drop(ann);
    comes_to_have(&scene.gateway, 0);
    assert_eq!(page(&mut bob, b"").1, 0);
}
