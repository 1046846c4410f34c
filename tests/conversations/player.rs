//! Plays a conversation to a server and keeps the answers by messageID.

use super::operation::{Answers, Conversation, Operation};
use super::script_player::{cookie_of, settled, whole};
use crate::support::pdu::{self, Control};
use crate::support::raw::{Pdu, Raw};
use bindgate::proto::op::Operation as Kind;
use std::collections::{BTreeMap, BTreeSet};

/// The paged results control (RFC 2696).
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

/// What a server answered.
#[derive(Default)]
pub(crate) struct Played {
    answers: BTreeMap<i64, Vec<Pdu>>,
    /// The operation that the server did not answer, and what it did instead.
    stuck_at: Option<(i64, String)>,
}

/// Plays it to the server at that port.
#[track_caller]
pub(crate) fn play(port: u16, held: &Conversation) -> Played {
    let mut table = Table { port, raw: Raw::connect(port), played: Played::default() };
    for group in &held.groups {
        let going_on = match group.as_slice() {
            [Operation { id, body, answers: Answers::Pages(size, most), .. }] => {
                table.pages(*id, body, *size, *most)
            }
            [Operation { id, body, answers: Answers::End, .. }] => table.leave(*id, body),
            group => table.ask(group),
        };
        if !going_on {
            break;
        }
    }
    table.played
}

struct Table {
    port: u16,
    raw: Raw,
    played: Played,
}

impl Table {
    /// Sends everything at once and waits for what has to be answered.
    fn ask(&mut self, group: &[Operation]) -> bool {
        let bytes: Vec<u8> = group.iter().flat_map(|one| pdu::message(one.id, &one.body)).collect();
        let waits = |one: &&Operation| !matches!(one.answers, Answers::Never | Answers::Perhaps);
        let open: BTreeSet<i64> = group.iter().filter(waits).map(|one| one.id).collect();
        self.raw.try_send(&bytes).is_ok() && self.collect(open)
    }

    fn pages(&mut self, first: i64, search: &[u8], size: i64, most: i64) -> bool {
        let mut cookie = Vec::new();
        for id in first..first + most {
            let value = pdu::page(size, &cookie);
            let control = Control { oid: PAGED_RESULTS, critical: true, value: Some(&value) };
            let body = pdu::with_controls(search.to_vec(), &[control]);
            let sent = self.raw.try_send(&pdu::message(id, &body)).is_ok();
            if !sent || !self.collect(BTreeSet::from([id])) {
                return false;
            }
            cookie = self.played.answers[&id].last().map(cookie_of).unwrap_or_default();
            if cookie.is_empty() {
                break;
            }
        }
        true
    }

    fn leave(&mut self, id: i64, body: &[u8]) -> bool {
        let sent = self.raw.try_send(&pdu::message(id, body)).is_ok();
        // What was abandoned before may still be answered.
        while let Some(late) = self.raw.receive() {
            self.played.answers.entry(late.id()).or_default().push(late);
        }
        self.raw = Raw::connect(self.port);
        sent
    }

    fn collect(&mut self, mut open: BTreeSet<i64>) -> bool {
        while let Some(&first) = open.first() {
            let pdu = match self.raw.try_receive() {
                Ok(Some(pdu)) if pdu.notice().is_none() => pdu,
                other => {
                    self.played.stuck_at = Some((first, format!("{other:?}")));
                    return false;
                }
            };
            let more = code(&pdu).is_none();
            if !more {
                open.remove(&pdu.id());
            }
            self.played.answers.entry(pdu.id()).or_default().push(pdu);
        }
        true
    }
}

impl Played {
    fn of(&self, id: i64) -> &[Pdu] {
        self.answers.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The answers' bytes behind the messageID.
    pub(crate) fn whole(&self, id: i64) -> Vec<Vec<u8>> {
        self.of(id).iter().map(whole).collect()
    }

    /// The same without ids and times of writing.
    pub(crate) fn settled(&self, id: i64) -> Vec<Vec<u8>> {
        self.of(id).iter().map(settled).collect()
    }

    /// How many answers there are, and the last one's result code.
    pub(crate) fn outline(&self, id: i64) -> (usize, Option<u32>) {
        (self.of(id).len(), self.of(id).last().and_then(code))
    }

    /// Whether the last answer is one that ends an operation.
    pub(crate) fn is_answered(&self, id: i64) -> bool {
        self.outline(id).1.is_some()
    }

    /// Whether everything was answered that has to be.
    pub(crate) fn is_whole(&self) -> bool {
        self.stuck_at.is_none()
    }

    /// The result codes.
    pub(crate) fn codes(&self) -> Vec<u32> {
        self.answers.values().filter_map(|answers| answers.last()).filter_map(code).collect()
    }

    /// An operation's answers for people.
    pub(crate) fn show(&self, id: i64) -> String {
        let mut text = format!("{:?}", self.outline(id));
        if let Some((id, instead)) = &self.stuck_at {
            text.push_str(&format!(" ({id} was not answered: {instead})"));
        }
        self.whole(id)
            .iter()
            .for_each(|bytes| text.push_str(&format!(" \"{}\"", bytes.escape_ascii())));
        text
    }
}

/// The result code; `None` where more has to come, as for an operation that was abandoned.
fn code(pdu: &Pdu) -> Option<u32> {
    let more = matches!(
        pdu.operation(),
        Kind::SearchResultEntry | Kind::SearchResultReference | Kind::IntermediateResponse
    );
    (!more).then(|| pdu.code())
}
