//! RFC 4511 section 4.3: the end of a session, wanted or not, is the end of what it asked for.

use crate::support::eventually;
use crate::support::pdu::{self, Ask};
use crate::support::raw::Raw;
use crate::support::stand_in::StandIn;
use crate::{ANN, ann, before, is_search, searches};

/// A client with a search under way that leaves in that way leaves nothing at the directory.
#[track_caller]
fn check(leave: impl FnOnce(Raw)) {
    let directory = StandIn::start(|seat, request| {
        if !is_search(request) || seat.is_gateways() {
            seat.obey(request);
        }
    });
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    raw.start(&Ask::entry(ANN).body());
    let asked = eventually("the search is under way", || searches(&directory).pop());
    leave(raw);
    eventually("its connection upstream ends", || {
        directory.has_ended(asked.connection).then_some(())
    });
}

#[test]
fn an_unbind_has_no_answer_and_ends_what_is_outstanding() {
    check(|mut raw| {
        raw.start(&pdu::unbind());
        raw.expect_end();
    });
}

#[test]
fn a_close_without_an_unbind_ends_what_is_outstanding() {
    check(drop);
}

/// A session whose last word was an answered operation leaves its connection to others, and they
/// are asked for their own password on it.
#[test]
fn a_connection_that_goes_on_to_another_session_is_bound_anew_before_anything_else() {
    let directory = StandIn::obedient();
    let gateway = crate::support::gateway::Gateway::configured(directory.port(), |settings, _| {
        settings.set("[[directory]]", "min_connections", "1");
        settings.set("[[directory]]", "max_connections", "1");
    });
    for name in [ANN, crate::BOB, ANN, crate::BOB] {
        let mut raw = gateway.connect();
        assert_eq!(raw.bind(name, "pw"), 0);
        assert_eq!(raw.search(&Ask::entry(name)).0.len(), 1);
    }
    for heard in searches(&directory) {
        let content = heard.pdu.envelope().content.to_vec();
        let base =
            bindgate::proto::search::SearchRequest::decode(&content).expect("it is one").base;
        assert_eq!(heard.bound.as_deref().map(str::as_bytes), Some(base));
    }
}
