//! Mutated messages over sockets, against a running gateway before a real slapd.

use super::files::{Shown, corpus};
use super::mutator::mutate;
use super::support::counts::{counted, seed};
use super::support::dice::Dice;
use super::support::eventually;
use super::support::gateway::Gateway;
use super::support::pdu;
use super::support::raw::Raw;
use super::support::slapd::Slapd;
use super::support::tree::{password, person};
use bindgate::proto::envelope::{Envelope, MessageId};
use bindgate::proto::framing::{Frame, frame};

/// How many messages are sent: in CI, and in a soak.
const IN_CI: u64 = 3_000;
const IN_A_SOAK: u64 = 100_000;
/// The most messages of one connection.
const AT_ONCE: usize = 8;
/// The most connections to the directory for binds.
const UPSTREAM: usize = 4;
/// Connections to the directory that may have been away for a moment when they were first counted:
/// one follows it, and each of two workers has one for its own questions and one that nobody is bound on.
const MADE_LATER: usize = 5;
/// The messageID of the question that ends a visit.
const LAST: i64 = 1_000_000;
const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";

#[test]
fn a_running_gateway_serves_on_with_the_memory_and_the_descriptors_that_it_had() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[log]", "level", "\"warn\"");
        settings.set("[[directory]]", "max_connections", UPSTREAM.to_string());
    });
    let idle = gateway.footprint();
    let count = counted(IN_CI, IN_A_SOAK);
    let mut visitor = Visitor { gateway: &gateway, corpus: messages(), dice: Dice::new(seed()) };
    visitor.send(count / 5);
    let warm = gateway.footprint();
    for tenth in 1..=10 {
        visitor.send(count * 4 / 50);
        println!("{tenth} of 10: {:?}", gateway.footprint());
    }
    assert_eq!(gateway.sign_on(&person("ann"), password("ann")), 0, "a valid bind still works");
    // Not from the idle gateway: it may have been counted before it had opened all that it keeps.
    let most = warm.descriptors + UPSTREAM + MADE_LATER;
    eventually("the descriptors are closed", || {
        (gateway.footprint().descriptors <= most).then_some(())
    });
    let end = gateway.footprint();
    println!("idle {idle:?}, warm {warm:?}, end {end:?}");
    let allowed = warm.resident_kib * 11 / 10;
    assert!(end.resident_kib <= allowed, "memory grew from {warm:?} to {end:?}");
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
}

/// Whole messages, and every request of the sessions' own directory.
fn messages() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = corpus("message").into_iter().map(|(_, bytes)| bytes).collect();
    for uid in ["ann", "bob"] {
        let (dn, password) = (person(uid), password(uid));
        all.push(pdu::message(1, &pdu::bind(&dn, password.as_bytes())));
        all.push(pdu::message(2, &pdu::Ask::below(&dn, pdu::present("cn"), &["*", "+"]).body()));
        all.push(pdu::message(3, &pdu::compare(&dn, "cn", b"x")));
    }
    all
}

struct Visitor<'a> {
    gateway: &'a Gateway,
    corpus: Vec<Vec<u8>>,
    dice: Dice,
}

impl Visitor<'_> {
    /// Sends so many messages over as many connections as they take.
    fn send(&mut self, count: u64) {
        let mut sent = 0;
        while sent < count {
            let at_once = 1 + self.dice.below(AT_ONCE);
            let bytes: Vec<u8> = (1..=at_once).flat_map(|id| self.message(id)).collect();
            let shown = Shown { what: "a visit", bytes: &bytes };
            self.visit(&bytes);
            drop(shown);
            sent += at_once as u64;
        }
    }

    /// A message, as a rule under an id of its own and mutated.
    fn message(&mut self, id: usize) -> Vec<u8> {
        let (from, other) = (self.dice.one_of(&self.corpus), self.dice.one_of(&self.corpus));
        let pdu = match self.dice.below(4) {
            0 => from.clone(),
            _ => mutate(&mut self.dice, from, other),
        };
        let id = MessageId::new(id as i64);
        match (Envelope::parse(&pdu), id) {
            (Ok(envelope), Some(id)) if envelope.id != MessageId::UNSOLICITED => {
                let mut renumbered = Vec::new();
                envelope.write_as(id, &mut renumbered);
                renumbered
            }
            _ => pdu,
        }
    }

    /// Sends bytes and waits until they have been dealt with: where messages end with them, until
    /// a question behind them is answered; in any case until the gateway has closed.
    fn visit(&mut self, bytes: &[u8]) {
        let mut raw = self.gateway.connect();
        if !ends_with_a_message(bytes) || self.dice.once_in(4) {
            let _ = raw.try_send(bytes);
            raw.finish_sending();
            return Self::read_to_end(&mut raw);
        }
        let question = pdu::message(LAST, &pdu::extended(WHO_AM_I, None));
        if raw.try_send(&[bytes, &question].concat()).is_err() {
            return Self::read_to_end(&mut raw);
        }
        while let Ok(Some(answer)) = raw.try_receive().inspect_err(Self::expect_reset) {
            if answer.id() == LAST {
                return;
            }
        }
    }

    fn read_to_end(raw: &mut Raw) {
        while let Ok(Some(_)) = raw.try_receive().inspect_err(Self::expect_reset) {}
    }

    /// An end in the middle of an answer is one too; silence is not.
    fn expect_reset(error: &std::io::Error) {
        let silent =
            matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
        assert!(!silent, "the gateway neither answers nor closes");
    }
}

fn ends_with_a_message(mut bytes: &[u8]) -> bool {
    while let Ok(Frame::Whole(length)) = frame(bytes, usize::MAX) {
        bytes = &bytes[length..];
    }
    bytes.is_empty()
}
