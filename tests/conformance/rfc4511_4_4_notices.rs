//! RFC 4511 section 4.4: unsolicited notifications.

use crate::support::pdu::Ask;
use crate::support::stand_in::StandIn;
use crate::{ANN, ann, before, is_search, who_am_i};
use bindgate::proto::envelope::MessageId;
use bindgate::proto::op::Operation;
use std::sync::Mutex;

/// Section 4.4.1: a notice is about the directory's own connection. Each operation under way is
/// answered, then the client gets a notice of the gateway's.
#[test]
fn the_directorys_notice_ends_each_operation_as_unavailable_and_is_not_passed_on() {
    let first = Mutex::new(None);
    let directory = StandIn::start(move |seat, request| {
        if !is_search(request) || seat.is_gateways() {
            return seat.obey(request);
        }
        if first.lock().expect("it is not poisoned").replace(request.clone()).is_none() {
            return;
        }
        seat.entry(request, "cn=part");
        seat.notice(8);
        seat.close();
    });
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    let searches = [raw.start(&Ask::entry(ANN).body()), raw.start(&Ask::entry(ANN).body())];
    let part = raw.answer();
    assert_eq!((part.id(), part.operation()), (searches[1], Operation::SearchResultEntry));
    for search in searches {
        let done = raw.answer();
        assert_eq!((done.id(), done.operation()), (search, Operation::SearchResultDone));
        assert_eq!(done.code(), 52);
    }
    let notice = raw.answer();
    assert_eq!(notice.notice(), Some(52));
    let text = String::from_utf8_lossy(notice.result().diagnostic).into_owned();
    assert!(!text.contains("fishing"), "the directory's words were passed on: {text}");
    raw.expect_end();
}

/// Section 4.4: what a client does not know it ignores.
#[test]
fn another_notification_of_the_directory_is_ignored_and_the_session_goes_on() {
    let mut content = vec![10, 1, 0, 4, 0, 4, 0];
    content.extend_from_slice(&[0x8a, 5, b'1', b'.', b'2', b'.', b'3']);
    let directory = StandIn::start(move |seat, request| {
        if is_search(request) && !seat.is_gateways() {
            seat.say(MessageId::UNSOLICITED, Operation::ExtendedResponse, &content);
        }
        seat.obey(request);
    });
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    assert_eq!(raw.search(&Ask::entry(ANN)).0.len(), 1);
    assert_eq!(who_am_i(&mut raw), format!("dn:{ANN}"));
}
