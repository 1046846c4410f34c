//! RFC 4511 section 4.1.9: results come through as the directory wrote them.

use crate::support::pdu::{self, Ask};
use crate::support::slapd::Slapd;
use crate::support::stand_in::StandIn;
use crate::support::tree;
use crate::{ANN, ann, before, is_search};

/// Unknown result codes are a client's affair as well; names in results are the directory's.
#[test]
fn code_matched_name_text_and_referral_come_through() {
    let mut content = vec![0x0a, 2, 0x10, 0x00];
    content.extend(pdu::nested(4, |out| out.extend_from_slice(b"dc=com")));
    content.extend(pdu::nested(4, |out| out.extend_from_slice(b"as it is: \xc3\xa4\xff")));
    content.extend(pdu::nested(0xa3, |out| {
        out.extend(pdu::nested(4, |out| out.extend_from_slice(b"ldap://x/")));
    }));
    let said = content.clone();
    let directory = StandIn::start(move |seat, request| {
        if !is_search(request) || seat.is_gateways() {
            return seat.obey(request);
        }
        seat.say(request.envelope().id, bindgate::proto::op::Operation::SearchResultDone, &said);
    });
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    let answers = raw.ask(&Ask::entry(ANN).body());
    assert_eq!(answers[0].envelope().content, content);
    assert_eq!(answers[0].code(), 4096);
}

/// A result that a limit cut short says so, and brings what there was.
#[test]
fn a_result_cut_short_by_the_clients_limit_is_partial_and_not_a_success() {
    let slapd = Slapd::start();
    let gateway = crate::support::gateway::Gateway::before(slapd.port());
    let mut raw = ann(&gateway);
    let ask = Ask { size_limit: 2, ..Ask::below(tree::PEOPLE, pdu::present("uid"), &["uid"]) };
    let (entries, code) = raw.search(&ask);
    assert_eq!((entries.len(), code), (2, 4));
    let (entries, code) = raw.search(&Ask { size_limit: 0, ..ask });
    assert!(entries.len() > 2 && code == 0, "0 is no limit");
}

/// What cannot be asked is never answered as if nothing had been found: who synchronises from us
/// would take that for the truth.
#[test]
fn a_search_that_cannot_be_done_is_not_answered_as_an_empty_success() {
    let mut slapd = Slapd::start();
    let gateway = crate::support::gateway::Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.search(&Ask::entry("")).1, 0);
    drop(raw);
    slapd.kill();
    let mut raw = gateway.connect();
    raw.start(&Ask::entry("").body());
    // A warm connection may be lost with the search on it, or there is none: unavailable.
    let answer = raw.answer();
    assert_eq!(answer.code(), 52, "{answer:02x?}");
}
