//! The messageIDs of one shared connection: who is meant by each.

use super::repeats::Kept;
use crate::app::ports::SharedId;
use crate::proto::envelope::MessageId;
use crate::proto::op::Operation;
use std::collections::BTreeMap;

/// Whose operation it is.
pub(super) struct Asked {
    /// The client's seat.
    pub(super) seat: u64,
    /// The request.
    pub(super) operation: Operation,
    /// What its client knows it as, if it was sent on another connection before.
    pub(super) known_as: Option<SharedId>,
    /// The whole request, while it may be sent again.
    pub(super) kept: Option<Kept>,
}

/// What a response is to the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It is for this seat, and more comes.
    More(u64),
    /// It is for this seat, and is the last.
    Last(u64),
    /// Nobody waits for it any more, or it is of a kind that is unknown and skipped (RFC 4511
    /// section 4.1.1).
    Skipped,
    /// Nothing that may come here.
    Odd,
}

/// The operations of one connection by their messageIDs.
pub(super) struct Ids {
    last: MessageId,
    asked: BTreeMap<MessageId, Asked>,
    /// Those that were abandoned and may still be answered.
    abandoned: BTreeMap<MessageId, Operation>,
}

impl Ids {
    /// No operation; `last` was used last on the connection.
    pub(super) fn new(last: MessageId) -> Self {
        Self { last, asked: BTreeMap::new(), abandoned: BTreeMap::new() }
    }

    /// How many operations are outstanding.
    pub(super) fn outstanding(&self) -> usize {
        self.asked.len()
    }

    /// How many abandoned ones may still be answered.
    pub(super) fn abandoned(&self) -> usize {
        self.abandoned.len()
    }

    /// A messageID for what has no answer. Never one that is in use, even after they went round.
    pub(super) fn next(&mut self) -> MessageId {
        loop {
            self.last = self.last.next();
            if !self.asked.contains_key(&self.last) && !self.abandoned.contains_key(&self.last) {
                return self.last;
            }
        }
    }

    /// A messageID for an operation.
    pub(super) fn ask(&mut self, asked: Asked) -> MessageId {
        let id = self.next();
        self.asked.insert(id, asked);
        id
    }

    /// Whether the operation under that messageID is a bind.
    pub(super) fn is_bind(&self, id: MessageId) -> bool {
        self.asked.get(&id).is_some_and(|asked| asked.operation == Operation::BindRequest)
    }

    /// The operation of a seat under that messageID is abandoned; whether there was one.
    pub(super) fn abandon(&mut self, id: MessageId, seat: u64) -> bool {
        if self.asked.get(&id).is_none_or(|asked| asked.seat != seat) {
            return false;
        }
        if let Some(asked) = self.asked.remove(&id) {
            self.abandoned.insert(id, asked.operation);
        }
        true
    }

    /// The messageIDs of a seat's operations.
    pub(super) fn of(&self, seat: u64) -> Vec<MessageId> {
        self.asked.iter().filter(|(_, asked)| asked.seat == seat).map(|(id, _)| *id).collect()
    }

    /// What its client knows an operation as, if that is not what it is here.
    pub(super) fn known_as(&self, id: MessageId) -> Option<SharedId> {
        self.asked.get(&id).and_then(|asked| asked.known_as)
    }

    /// The messageID here of what its client knows as something else.
    pub(super) fn find_known_as(&self, name: SharedId) -> Option<MessageId> {
        let found = self.asked.iter().find(|(_, asked)| asked.known_as == Some(name));
        found.map(|(id, _)| *id)
    }

    /// What a response under that messageID is; nothing changes by looking.
    pub(super) fn find(&self, id: MessageId, response: Operation) -> Found {
        let (operation, seat) = match (self.asked.get(&id), self.abandoned.get(&id)) {
            (Some(asked), _) => (asked.operation, Some(asked.seat)),
            (None, Some(operation)) => (*operation, None),
            (None, None) => return Found::Odd,
        };
        let is_last = operation.final_response() == Some(response);
        let is_part = match response {
            Operation::IntermediateResponse => true,
            Operation::SearchResultEntry | Operation::SearchResultReference => {
                operation == Operation::SearchRequest
            }
            _ => false,
        };
        match (seat, response) {
            (_, Operation::Unknown(_)) => Found::Skipped,
            (Some(seat), _) if is_last => Found::Last(seat),
            (Some(seat), _) if is_part => Found::More(seat),
            (None, _) if is_last || is_part => Found::Skipped,
            _ => Found::Odd,
        }
    }

    /// A response was taken: the operation cannot be sent again, and the last one frees the
    /// messageID.
    pub(super) fn taken(&mut self, id: MessageId, response: Operation) {
        if let Some(asked) = self.asked.get_mut(&id) {
            asked.kept = None;
        }
        if self.asked.get(&id).is_some_and(|a| a.operation.final_response() == Some(response)) {
            self.asked.remove(&id);
        }
        if self.abandoned.get(&id).is_some_and(|o| o.final_response() == Some(response)) {
            self.abandoned.remove(&id);
        }
    }

    /// Takes all outstanding operations out.
    pub(super) fn drain(&mut self) -> BTreeMap<MessageId, Asked> {
        std::mem::take(&mut self.asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(seat: u64, operation: Operation) -> Asked {
        Asked { seat, operation, known_as: None, kept: None }
    }

    fn search() -> Asked {
        asked(7, Operation::SearchRequest)
    }

    fn id(number: u32) -> MessageId {
        MessageId::new(i64::from(number)).expect("it is in range")
    }

    #[track_caller]
    fn check(ids: &Ids, number: u32, response: Operation, expected: Found) {
        assert_eq!(ids.find(id(number), response), expected, "{number} {response:?}");
    }

    /// Near the end of their range, with some that stay in use.
    #[test]
    fn message_ids_go_round_past_those_in_use_and_past_zero() {
        let mut ids = Ids::new(MessageId::UNSOLICITED);
        assert_eq!(
            [ids.ask(search()), ids.ask(search()), ids.ask(search())],
            [id(1), id(2), id(3)]
        );
        assert!(ids.abandon(id(2), 7));
        ids.taken(id(3), Operation::SearchResultDone);
        ids.last = id(i32::MAX as u32 - 1);
        assert_eq!([ids.ask(search()), ids.ask(search())], [MessageId::MAX, id(3)]);
        ids.taken(id(2), Operation::SearchResultDone);
        ids.last = MessageId::MAX;
        assert_eq!(ids.ask(search()), id(2));
    }

    #[test]
    fn a_response_is_for_who_asked_or_for_nobody_or_odd() {
        let mut ids = Ids::new(id(4));
        ids.ask(search());
        ids.ask(asked(8, Operation::CompareRequest));
        check(&ids, 5, Operation::SearchResultEntry, Found::More(7));
        check(&ids, 5, Operation::SearchResultReference, Found::More(7));
        check(&ids, 5, Operation::IntermediateResponse, Found::More(7));
        check(&ids, 5, Operation::SearchResultDone, Found::Last(7));
        check(&ids, 5, Operation::CompareResponse, Found::Odd);
        check(&ids, 5, Operation::SearchRequest, Found::Odd);
        check(&ids, 5, Operation::Unknown(0x7a), Found::Skipped);
        check(&ids, 6, Operation::SearchResultEntry, Found::Odd);
        check(&ids, 6, Operation::CompareResponse, Found::Last(8));
        for never_asked in [1, 4, 7] {
            check(&ids, never_asked, Operation::SearchResultDone, Found::Odd);
            check(&ids, never_asked, Operation::Unknown(0x7a), Found::Odd);
        }
        ids.taken(id(6), Operation::CompareResponse);
        check(&ids, 6, Operation::CompareResponse, Found::Odd);
    }

    #[test]
    fn late_answers_are_skipped_up_to_the_last_one() {
        let mut ids = Ids::new(id(4));
        ids.ask(search());
        assert!(!ids.abandon(id(5), 8), "it is another seat's");
        assert!(ids.abandon(id(5), 7));
        assert!(!ids.abandon(id(5), 7));
        check(&ids, 5, Operation::SearchResultEntry, Found::Skipped);
        ids.taken(id(5), Operation::SearchResultEntry);
        check(&ids, 5, Operation::CompareResponse, Found::Odd);
        check(&ids, 5, Operation::SearchResultDone, Found::Skipped);
        ids.taken(id(5), Operation::SearchResultDone);
        check(&ids, 5, Operation::SearchResultDone, Found::Odd);
        assert_eq!((ids.outstanding(), ids.abandoned()), (0, 0));
    }
}
