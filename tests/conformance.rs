//! Conformance: the requirements of RFC 4511 and RFC 4513 that a relay can fail, by section.
//!
//! Goal: each row of `docs/conformance.md` that is met has a test. Those that other folders show
//! already stay there; here is the rest. Method: the gateway as it is shipped before a directory
//! that the test plays, so that both sides of it are seen, or before slapd where slapd's answer is
//! the requirement. `tests/tidy.rs` holds the page against the tests.

mod support;

#[path = "conformance/rfc4511_4_11_abandon.rs"]
mod rfc4511_4_11_abandon;
#[path = "conformance/rfc4511_4_12_extended.rs"]
mod rfc4511_4_12_extended;
#[path = "conformance/rfc4511_4_1_11_controls.rs"]
mod rfc4511_4_1_11_controls;
#[path = "conformance/rfc4511_4_1_1_messages.rs"]
mod rfc4511_4_1_1_messages;
#[path = "conformance/rfc4511_4_1_9_results.rs"]
mod rfc4511_4_1_9_results;
#[path = "conformance/rfc4511_4_2_bind.rs"]
mod rfc4511_4_2_bind;
#[path = "conformance/rfc4511_4_3_unbind.rs"]
mod rfc4511_4_3_unbind;
#[path = "conformance/rfc4511_4_4_notices.rs"]
mod rfc4511_4_4_notices;
#[path = "conformance/rfc4511_4_5_2_search_results.rs"]
mod rfc4511_4_5_2_search_results;
#[path = "conformance/rfc4511_5_1_encoding.rs"]
mod rfc4511_5_1_encoding;
#[path = "conformance/rfc4513_5_authentication.rs"]
mod rfc4513_5_authentication;

use bindgate::proto::extended::ExtendedResponse;
use bindgate::proto::op::Operation;
use support::gateway::Gateway;
use support::pdu;
use support::raw::{Pdu, Raw};
use support::stand_in::{Heard, StandIn};

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const BOB: &str = "uid=bob,ou=people,dc=example,dc=com";
const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";

/// A gateway before a directory that is played. References pass, so that they can be looked at.
fn before(directory: &StandIn) -> Gateway {
    Gateway::configured(directory.port(), |settings, _| {
        settings.set("[[directory]]", "referrals", "\"pass\"");
    })
}

/// A client that is bound as Ann.
fn ann(gateway: &Gateway) -> Raw {
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    raw
}

/// Whether this is a client's search, not one of the gateway's own.
fn is_search(request: &Pdu) -> bool {
    request.operation() == Operation::SearchRequest
}

/// The searches that the directory was asked for by clients.
fn searches(directory: &StandIn) -> Vec<Heard> {
    directory.heard().into_iter().filter(|heard| is_search(&heard.pdu)).collect()
}

/// Who the session is, as the gateway says.
#[track_caller]
fn who_am_i(raw: &mut Raw) -> String {
    identity(&raw.ask(&pdu::extended(WHO_AM_I, None))[0])
}

/// The identity in an answer to Who Am I.
#[track_caller]
fn identity(answer: &Pdu) -> String {
    let content = answer.envelope().content.to_vec();
    let answer = ExtendedResponse::decode(&content).expect("it is an extended response");
    assert_eq!(answer.result.code.0, 0);
    String::from_utf8_lossy(answer.value.unwrap_or_default()).into_owned()
}
