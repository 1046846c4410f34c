//! Passwords that come in clear (RFC 4511 appendix A, confidentialityRequired; RFC 4513 section 5.1.3).

use crate::support::gateway::Gateway;
use crate::support::pdu;
use crate::support::raw::Raw;
use crate::support::stand_in::StandIn;
use crate::{ANN, CONFIDENTIALITY_REQUIRED, PASSWORD_MODIFY, offering_with, who_am_i};
use bindgate::proto::op::Operation;

/// A request to set a password, RFC 3062.
fn password_modify() -> Vec<u8> {
    pdu::extended(PASSWORD_MODIFY, Some(&pdu::nested(0x30, |out| out.extend(b"\x82\x03new"))))
}

/// A client that a balancer says is at 192.0.2.7.
fn from_afar(gateway: &Gateway) -> Raw {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend_from_slice(&[192, 0, 2, 7, 127, 0, 0, 1, 0x12, 0x67, 1, 0x85]);
    let mut raw = gateway.connect();
    raw.send(&header);
    raw
}

#[test]
fn where_it_is_required_a_password_in_clear_is_refused_before_it_goes_anywhere() {
    let directory = StandIn::obedient();
    let (gateway, client) = offering_with(directory.port(), |settings| {
        settings.set("[listen]", "require_confidentiality", "true");
    });
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), CONFIDENTIALITY_REQUIRED);
    assert_eq!(raw.bind("", "a password without a name"), CONFIDENTIALITY_REQUIRED);
    assert_eq!(raw.code(&password_modify()), CONFIDENTIALITY_REQUIRED);
    assert_eq!(raw.bind(ANN, ""), 53, "there is no password to protect");
    assert_eq!(directory.operations(), [], "the directory has heard of nothing");
    assert_eq!(raw.bind("", ""), 0, "whoever is nobody has no secret");
    raw.start_tls(&client);
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    assert_eq!(raw.code(&password_modify()), 2, "it is the directory's to answer");
    let relayed = directory.operations();
    assert_eq!(relayed.last(), Some(&Operation::ExtendedRequest));
}

#[test]
fn a_refusal_leaves_the_session_anonymous() {
    let directory = StandIn::obedient();
    let (gateway, client) = offering_with(directory.port(), |settings| {
        settings.set("[listen]", "require_confidentiality", "true");
    });
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, "pw-ann"), CONFIDENTIALITY_REQUIRED);
    assert_eq!(who_am_i(&mut raw), "");
    gateway.comes_to_count(
        "bindgate_binds_total{directory=\"\",result=\"confidentialityRequired\"} 1",
    );
    raw.start_tls(&client);
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
}

#[test]
fn by_default_it_is_required_but_from_whom_no_network_lies_between() {
    let directory = StandIn::obedient();
    let behind_a_balancer = |required: Option<&str>| {
        let (gateway, client) = offering_with(directory.port(), |settings| {
            settings.set("[listen]", "proxy_protocol", "[\"127.0.0.1\"]");
            if let Some(required) = required {
                settings.set("[listen]", "require_confidentiality", required);
            }
        });
        (from_afar(&gateway), gateway, client)
    };
    let (mut raw, gateway, client) = behind_a_balancer(None);
    assert_eq!(raw.bind(ANN, "pw-ann"), CONFIDENTIALITY_REQUIRED);
    raw.start_tls(&client);
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    // The balancer's own look at the gateway comes over loopback alone.
    let mut local = gateway.connect();
    local.send(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    assert_eq!(local.bind(ANN, "pw-ann"), 0);
    let (mut raw, _gateway, _) = behind_a_balancer(Some("false"));
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
}
