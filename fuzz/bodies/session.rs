//! The session machine: a message in the bytes is received; any other byte says what happens around
//! it. Whatever comes, in whatever order: from a bind's receipt on the session is nobody's, nothing
//! is relayed while a bind is under way, and a name is held only after a success under it.

use bindgate::domain::channel::{Passwords, StartTls};
use bindgate::domain::session::{Action, BindEnd, BindKind, Session, Surroundings};
use bindgate::proto::bind::{Authentication, BindRequest};
use bindgate::proto::envelope::{Envelope, MessageId};
use bindgate::proto::extended::ExtendedRequest;
use bindgate::proto::filter::FilterLimits;
use bindgate::proto::framing::{Frame, frame};
use bindgate::proto::oid;
use bindgate::proto::op::Operation;

const MAX_OUTSTANDING: usize = 3;
const MAX_CONTROLS: usize = 4;

/// Drives a session.
pub(crate) fn body(data: &[u8]) {
    let mut driver = Driver {
        session: Session::Anonymous,
        outstanding: 0,
        name: Vec::new(),
        start_tls: StartTls::Offered,
        passwords: Passwords::Welcome,
    };
    let mut rest = data;
    while let Some((&first, behind)) = rest.split_first() {
        rest = match frame(rest, data.len()) {
            Ok(Frame::Whole(length)) => {
                if !driver.receive(&rest[..length]) {
                    return;
                }
                &rest[length..]
            }
            _ => {
                driver.happen(first);
                behind
            }
        };
    }
}

struct Driver {
    session: Session,
    outstanding: usize,
    /// The name of the bind that is under way.
    name: Vec<u8>,
    start_tls: StartTls,
    passwords: Passwords,
}

impl Driver {
    fn happen(&mut self, what: u8) {
        let session = std::mem::replace(&mut self.session, Session::Anonymous);
        let bound = matches!(session, Session::Binding(_));
        match what % 4 {
            0 => {
                self.session = session.bind_ended(BindEnd::Failure);
                assert_eq!(self.session, Session::Anonymous, "a failed bind left a name");
            }
            1 => {
                self.session = session.bind_ended(BindEnd::Success);
                let named = matches!(&self.session, Session::Bound(name) if *name.0 == self.name);
                assert_eq!(named, bound && !self.name.is_empty());
                assert!(named || self.session == Session::Anonymous);
            }
            2 => {
                self.session = session;
                self.outstanding = self.outstanding.saturating_sub(1);
            }
            _ => {
                self.session = session;
                self.passwords = Passwords::Refused;
            }
        }
    }

    /// Receives a message; whether the connection is still there.
    fn receive(&mut self, pdu: &[u8]) -> bool {
        let Ok(request) = Envelope::parse(pdu) else { return false };
        let around = Surroundings {
            start_tls: self.start_tls,
            passwords: self.passwords,
            outstanding: self.outstanding,
            max_outstanding: MAX_OUTSTANDING,
            max_controls: MAX_CONTROLS,
            filter: FilterLimits::default(),
        };
        let before = self.session.clone();
        let (after, action) = before.clone().receive(&request, around);
        let bind = request.operation == Operation::BindRequest;
        if action == Action::StartTls {
            assert!(self.start_tls == StartTls::Offered && self.outstanding == 0);
            assert!(!matches!(before, Session::Binding(_)), "TLS began behind a bind");
            assert_eq!(after, Session::Anonymous, "an identity went through StartTLS");
            self.start_tls = StartTls::On;
        } else if is_start_tls(&request) {
            assert!(matches!(action, Action::Answer(_)), "{action:?}");
            assert_eq!(after, before);
        } else if matches!(before, Session::Binding(_)) {
            assert_eq!((&after, &action), (&before, &Action::Hold), "something passed a bind");
        } else if action == Action::Hold {
            assert!(bind && self.outstanding > 0, "held for nothing");
            assert_eq!(after, before);
        } else if bind {
            assert!(self.outstanding == 0 || request.id == MessageId::UNSOLICITED);
            let sent = matches!(action, Action::Bind { .. } | Action::BindExternal(_));
            assert_eq!(sent, matches!(after, Session::Binding(_)));
            assert!(sent || after == Session::Anonymous);
        } else {
            assert_eq!(after, before, "a request that is no bind changed who the session is");
        }
        self.session = after;
        self.judge(&request, &action)
    }

    /// Whether an action fits the request; whether the connection is still there.
    fn judge(&mut self, request: &Envelope<'_>, action: &Action<'_>) -> bool {
        match action {
            Action::Bind { name, kind } => {
                let bind = BindRequest::decode(request.content).expect("it was understood");
                assert_eq!(bind.name, *name);
                assert_eq!(bind.version, 3);
                let proves = match bind.authentication {
                    Authentication::Simple(password) => name.is_empty() || !password.is_empty(),
                    Authentication::Sasl { .. } => true,
                    Authentication::Unknown(_) => false,
                };
                assert!(proves, "a bind that proves nothing is sent");
                let bears_none = match bind.authentication {
                    Authentication::Simple(password) => name.is_empty() && password.is_empty(),
                    // These send what proves the client as it is.
                    Authentication::Sasl { mechanism, .. } => {
                        ![&b"PLAIN"[..], b"LOGIN", b"OAUTHBEARER"]
                            .iter()
                            .any(|secret| mechanism.eq_ignore_ascii_case(secret))
                    }
                    Authentication::Unknown(_) => false,
                };
                assert!(self.passwords == Passwords::Welcome || bears_none, "a password in clear");
                // By SASL the session is whom the credentials claim, until the directory says who.
                self.name = match (kind, &self.session) {
                    (BindKind::Sasl(_), Session::Binding(claimed)) => claimed.0.clone(),
                    _ => name.to_vec(),
                };
            }
            Action::BindExternal(_) => self.name.clear(),
            Action::Relay => {
                assert!(self.outstanding < MAX_OUTSTANDING, "one too many");
                assert!(request.id != MessageId::UNSOLICITED && request.operation.is_request());
                assert!(!matches!(self.session, Session::Binding(_)));
                self.outstanding += 1;
            }
            Action::Answer(_) => assert!(request.operation.final_response().is_some()),
            Action::WhoAmI(identity) => match &self.session {
                Session::Bound(name) => assert!(identity.ends_with(&name.0)),
                _ => assert_eq!(identity, b""),
            },
            Action::Unbind => assert_eq!(request.operation, Operation::UnbindRequest),
            Action::Abandon(_) => assert_eq!(request.operation, Operation::AbandonRequest),
            Action::Cancel(_) | Action::StartTls => {
                assert_eq!(request.operation, Operation::ExtendedRequest);
            }
            Action::Stall => assert_eq!(self.outstanding, MAX_OUTSTANDING, "stalled for nothing"),
            Action::Hold => {}
            Action::Disconnect(_) => {}
        }
        !matches!(action, Action::Unbind | Action::Disconnect(_))
    }
}

fn is_start_tls(request: &Envelope<'_>) -> bool {
    request.operation == Operation::ExtendedRequest
        && request.id != MessageId::UNSOLICITED
        && ExtendedRequest::decode(request.content).is_ok_and(|asked| asked.name == oid::START_TLS)
}
