//! RFC 4513 section 5.1: the three simple binds.

use crate::support::pdu::{self, Control};
use crate::support::stand_in::{StandIn, name_of};
use crate::{ANN, ann, before, who_am_i};
use bindgate::proto::bind::{Authentication, BindRequest};
use bindgate::proto::op::Operation;

const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// Section 5.1.1: neither name nor password is nobody, and never a sign-on. Nor is a password
/// without a name, whatever the directory makes of it.
#[test]
fn binds_without_a_name_are_relayed_and_never_a_sign_on() {
    let directory = StandIn::obedient();
    let gateway = before(&directory);
    let mut raw = ann(&gateway);
    for password in ["", "secret"] {
        assert_eq!(raw.bind("", password), 0);
        assert_eq!(who_am_i(&mut raw), "");
    }
    let users = gateway.json("/api/v1/users");
    let known = users["items"].as_array().map(Vec::len);
    assert_eq!(known, Some(1), "only ann is known: {users}");
}

/// Section 5.1.2: a name without a password proves nothing, and is not even sent.
#[test]
fn a_name_without_a_password_is_refused_even_where_the_directory_would_take_it() {
    let directory = StandIn::obedient();
    let gateway = before(&directory);
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANN, ""), 53);
    assert_eq!(who_am_i(&mut raw), "");
    assert!(!gateway.knows("ann"));
    assert!(!directory.operations().contains(&Operation::BindRequest));
}

/// Section 5.1.3: any other octets are a password, which the directory gets as they came.
#[test]
fn blanks_and_zero_bytes_are_passwords_and_reach_the_directory_as_they_came() {
    let directory = StandIn::obedient();
    let gateway = before(&directory);
    let passwords: [&[u8]; 5] = [b" ", b"\0", b"a\0b", b"  a  ", b"\xff\xfe"];
    let mut raw = gateway.connect();
    for password in passwords {
        assert_eq!(raw.bind(ANN, password), 0);
    }
    let heard = directory.heard();
    let binds = heard.iter().filter(|heard| name_of(&heard.pdu) == ANN);
    let sent: Vec<Vec<u8>> = binds
        .map(|heard| {
            let content = heard.pdu.envelope().content.to_vec();
            match BindRequest::decode(&content).expect("it is a bind").authentication {
                Authentication::Simple(password) => password.to_vec(),
                _ => panic!("only simple binds were sent"),
            }
        })
        .collect();
    assert_eq!(sent, passwords);
}

/// A success with a policy's warning, and a failure with the directory's reason, are relayed with
/// control and text; a failure of any kind leaves nobody.
#[test]
fn a_policys_control_and_a_directorys_reason_come_through() {
    let value: &[u8] = &[0x30, 3, 0x81, 1, 2];
    let control = Control { oid: PASSWORD_POLICY, critical: false, value: Some(value) };
    let reason: &[u8] = b"80090308: LdapErr: DSID-0C09, comment: AcceptSecurityContext, data 52e";
    let directory = StandIn::start(move |seat, request| {
        if request.operation() != Operation::BindRequest || name_of(request) != ANN {
            return seat.obey(request);
        }
        let is_wrong = request.0.windows(5).any(|window| window == b"wrong");
        let (code, text) = if is_wrong { (49, reason) } else { (0, &b""[..]) };
        let body = pdu::nested(0x61, |out| {
            out.extend_from_slice(&[10, 1, code, 4, 0]);
            out.extend(pdu::nested(4, |out| out.extend_from_slice(text)));
        });
        seat.send(&pdu::message(request.id(), &pdu::with_controls(body, &[control])));
    });
    let gateway = before(&directory);
    let mut raw = gateway.connect();
    let expected = pdu::with_controls(Vec::new(), &[control]);
    for (password, code, text, identity) in
        [("right", 0, &b""[..], format!("dn:{ANN}")), ("wrong", 49, reason, String::new())]
    {
        let answer = raw.ask(&pdu::bind(ANN, password.as_bytes())).remove(0);
        assert_eq!((answer.code(), answer.result().diagnostic), (code, text));
        assert!(answer.envelope().body.ends_with(&expected), "{answer:02x?}");
        assert_eq!(who_am_i(&mut raw), identity);
    }
}
