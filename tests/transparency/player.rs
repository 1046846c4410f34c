//! Plays a script to a server and keeps the answers in a form that can be compared.

use crate::support::pdu::{self, Body, Control};
use crate::support::raw::{Pdu, Raw};
use bindgate::proto::control::Control as Received;
use bindgate::proto::envelope::MessageId;
use bindgate::proto::op::Operation;
use bindgate::proto::search::Entry;
use bindgate::proto::{ber, result};
use std::fmt;

const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
const PROXIED_AUTHORISATION: &str = "2.16.840.1.113730.3.4.18";

/// Attributes that tell when and under which id something was written: no two servers agree.
const VOLATILE: [&str; 5] =
    ["entryUUID", "entryCSN", "contextCSN", "createTimestamp", "modifyTimestamp"];

/// One step of a script.
pub(crate) enum Step {
    /// Sends an operation and waits for its answers.
    Ask(&'static str, Body),
    /// The same; what changes from run to run in its entries is not compared.
    AskVolatile(&'static str, Body),
    /// Sends an operation whose lengths are written long.
    AskLong(&'static str, Body),
    /// Sends a search for a page of that size, and goes on until the last page.
    AllPages(&'static str, Body, i64),
    /// Sends what has no answer.
    Tell(&'static str, Body),
    /// Sends what has no answer and expects the end of the connection; then connects anew.
    End(&'static str, Body),
}

impl Step {
    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ask(name, _)
            | Self::AskVolatile(name, _)
            | Self::AskLong(name, _)
            | Self::AllPages(name, ..)
            | Self::Tell(name, _)
            | Self::End(name, _) => name,
        }
    }
}

impl Step {
    /// What it sends.
    pub(crate) fn body(&self) -> &[u8] {
        match self {
            Self::Ask(_, body)
            | Self::AskVolatile(_, body)
            | Self::AskLong(_, body)
            | Self::Tell(_, body)
            | Self::End(_, body) => body,
            Self::AllPages(_, body, _) => body,
        }
    }
}

/// How a step was answered.
#[derive(PartialEq, Eq)]
pub(crate) struct Answered {
    /// The step's name.
    pub(crate) step: &'static str,
    /// The result code of the last answer.
    pub(crate) code: Option<u32>,
    /// The answers without messageID and envelope: operation and controls as they came.
    bodies: Vec<Vec<u8>>,
}

impl Answered {
    fn new(step: &'static str, pdus: &[Pdu], body_of: fn(&Pdu) -> Vec<u8>) -> Self {
        let code = pdus.last().map(Pdu::code);
        Self { step, code, bodies: pdus.iter().map(body_of).collect() }
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages, code {:?}:", self.bodies.len(), self.code)?;
        self.bodies.iter().try_for_each(|body| write!(f, " \"{}\"", body.escape_ascii()))
    }
}

/// Plays the script to a server, over the connections that `connect` makes.
#[track_caller]
pub(crate) fn play(connect: &dyn Fn() -> Raw, steps: &[Step]) -> Vec<Answered> {
    let mut raw = connect();
    let mut next_id = 1000;
    let mut played = Vec::new();
    for step in steps {
        next_id += 1;
        played.push(match step {
            Step::Ask(name, body) => Answered::new(name, &raw.ask(body), whole),
            Step::AskVolatile(name, body) => Answered::new(name, &raw.ask(body), settled),
            Step::AskLong(name, body) => {
                raw.send(&pdu::message_with_long_lengths(next_id, body));
                Answered::new(name, &raw.answers_to(next_id), whole)
            }
            Step::AllPages(name, body, size) => {
                Answered::new(name, &all_pages(&mut raw, body, *size), whole)
            }
            Step::Tell(name, body) => {
                raw.start(body);
                Answered::new(name, &[], whole)
            }
            Step::End(name, body) => {
                raw.start(body);
                raw.expect_end();
                raw = connect();
                Answered::new(name, &[], whole)
            }
        });
    }
    played
}

fn all_pages(raw: &mut Raw, search: &[u8], size: i64) -> Vec<Pdu> {
    let (mut all, mut cookie) = (Vec::new(), Vec::new());
    loop {
        let value = pdu::page(size, &cookie);
        let control = Control { oid: PAGED_RESULTS, critical: true, value: Some(&value) };
        let answers = raw.ask(&pdu::with_controls(search.to_vec(), &[control]));
        cookie = answers.last().map(cookie_of).unwrap_or_default();
        all.extend(answers);
        if cookie.is_empty() {
            return all;
        }
    }
}

/// The cookie of a page's last message; empty if there is none.
pub(crate) fn cookie_of(done: &Pdu) -> Vec<u8> {
    let controls = done.envelope().controls.unwrap_or_default();
    let controls = Received::decode_all(controls, 10).expect("a server's controls are sound");
    let paged = controls.iter().find(|control| control.oid == PAGED_RESULTS.as_bytes());
    let Some(value) = paged.and_then(|control| control.value) else { return Vec::new() };
    let mut outer = ber::Reader::new(value);
    let mut fields = ber::Reader::new(outer.expect(ber::SEQUENCE).expect("a page is a sequence"));
    fields.integer().expect("a page has a size");
    fields.octets().expect("a page has a cookie").to_vec()
}

/// An answer's operation and controls as they came.
pub(crate) fn whole(pdu: &Pdu) -> Vec<u8> {
    pdu.envelope().body.to_vec()
}

/// The same, with the values of [`VOLATILE`] attributes blanked; controls are not compared.
pub(crate) fn settled(pdu: &Pdu) -> Vec<u8> {
    let mut out = Vec::new();
    if pdu.operation() != Operation::SearchResultEntry {
        let done: result::LdapResult<'_> = pdu.result();
        done.write(&mut out, MessageId::UNSOLICITED, pdu.operation());
        return out;
    }
    let mut entry = pdu.entry();
    if entry.dn.is_empty() {
        hide_proxying(&mut entry);
    }
    for attribute in &mut entry.attributes {
        if VOLATILE.iter().any(|name| attribute.name.eq_ignore_ascii_case(name)) {
            attribute.values.iter_mut().for_each(|value| *value = b"*".to_vec());
        }
    }
    entry.write(&mut out, MessageId::UNSOLICITED);
    out
}

/// The root DSE offers proxied authorisation to those alone whom the gateway lets ask so.
fn hide_proxying(root: &mut Entry) {
    for attribute in &mut root.attributes {
        attribute.values.retain(|value| value != PROXIED_AUTHORISATION.as_bytes());
    }
}
