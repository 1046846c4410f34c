//! One search's answer as it comes in: what counts as whole, and what does not.

use crate::app::ports::LookupError;
use crate::proto::op::Operation;
use crate::proto::result::{LdapResult, ResultCode};
use crate::proto::search::Entry;

/// The bounds of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerLimits {
    /// The most entries.
    pub(super) entries: usize,
    /// The most bytes of entries, as they came.
    pub(super) bytes: usize,
}

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    entries: Vec<Entry>,
    bytes: usize,
    has_references: bool,
    has_begun: bool,
    /// How many entries were asked for at most; 0 for all there are.
    asked: usize,
}

/// What a message did to an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// There is more to come.
    More,
    /// That was all of it.
    Done(Result<Vec<Entry>, LookupError>),
    /// It grew past its limit: the search is to be abandoned.
    TooLarge,
    /// A server that answers a search like this cannot be trusted with the next one.
    Malformed,
}

impl Answer {
    /// The answer to a search for so many entries at most; 0 for all there are.
    pub(super) fn of_at_most(asked: usize) -> Self {
        Self { asked, ..Self::default() }
    }

    /// Takes the next message of this search in.
    pub(super) fn take(
        &mut self,
        operation: Operation,
        content: &[u8],
        limits: AnswerLimits,
    ) -> Step {
        self.has_begun = true;
        match operation {
            Operation::SearchResultEntry => self.entry(content, limits),
            Operation::SearchResultReference => {
                self.has_references = true;
                Step::More
            }
            Operation::SearchResultDone => self.done(content),
            // RFC 4511 sections 4 and 4.13: what was not asked for and is not known is skipped.
            Operation::IntermediateResponse | Operation::Unknown(_) => Step::More,
            _ => Step::Malformed,
        }
    }

    /// Whether a byte of it was seen, so that asking again could tell another story.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    fn entry(&mut self, content: &[u8], limits: AnswerLimits) -> Step {
        self.bytes = self.bytes.saturating_add(content.len());
        if self.entries.len() >= limits.entries || self.bytes > limits.bytes {
            return Step::TooLarge;
        }
        match Entry::decode(content) {
            Ok(entry) => self.entries.push(entry),
            Err(_) => return Step::Malformed,
        }
        Step::More
    }

    fn has_enough(&self) -> bool {
        self.asked > 0 && self.entries.len() >= self.asked
    }

    fn done(&mut self, content: &[u8]) -> Step {
        let Ok(result) = LdapResult::decode(content) else { return Step::Malformed };
        Step::Done(match result.code {
            // That there are more than were asked for is no failure.
            ResultCode::SIZE_LIMIT_EXCEEDED if self.has_enough() && !self.has_references => {
                Ok(std::mem::take(&mut self.entries))
            }
            code if !code.is_success() => Err(LookupError::Result(code)),
            _ if self.has_references => Err(LookupError::Referral),
            _ => Ok(std::mem::take(&mut self.entries)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: AnswerLimits = AnswerLimits { entries: 2, bytes: 100 };

    fn entry() -> (Operation, Vec<u8>) {
        (Operation::SearchResultEntry, vec![0x04, 1, b'x', 0x30, 0])
    }

    fn done(code: u8) -> (Operation, Vec<u8>) {
        (Operation::SearchResultDone, vec![0x0a, 1, code, 4, 0, 4, 0])
    }

    #[track_caller]
    fn check(messages: &[(Operation, Vec<u8>)], expected: Step) {
        let mut answer = Answer::default();
        let steps = messages.iter().map(|(op, content)| answer.take(*op, content, LIMITS));
        let last = steps.last().expect("there are messages");
        assert_eq!(last, expected, "{messages:02x?}");
    }

    #[test]
    fn an_answer_is_whole_only_if_success_ends_it_and_no_part_lies_elsewhere() {
        let x = Entry { dn: "x".to_owned(), attributes: Vec::new() };
        let reference = (Operation::SearchResultReference, vec![]);
        let other = (Operation::IntermediateResponse, vec![1]);
        check(&[entry(), other, done(0)], Step::Done(Ok(vec![x])));
        check(&[done(0)], Step::Done(Ok(vec![])));
        let size_limit = LookupError::Result(ResultCode::SIZE_LIMIT_EXCEEDED);
        check(&[entry(), done(4)], Step::Done(Err(size_limit)));
        check(&[entry(), reference, done(0)], Step::Done(Err(LookupError::Referral)));
        check(&[entry(), entry(), entry()], Step::TooLarge);
        check(&[(Operation::SearchResultEntry, vec![0; 101])], Step::TooLarge);
        check(&[(Operation::SearchResultEntry, vec![9])], Step::Malformed);
        check(&[(Operation::SearchResultDone, vec![9])], Step::Malformed);
        check(&[(Operation::BindResponse, vec![])], Step::Malformed);
    }

    #[test]
    fn as_many_entries_as_were_asked_for_are_all_that_was_asked_for() {
        let (dn, limit) = ("x".to_owned(), ResultCode::SIZE_LIMIT_EXCEEDED);
        let x = Entry { dn, attributes: Vec::new() };
        let check = |asked: usize, messages: &[(Operation, Vec<u8>)], expected| {
            let mut answer = Answer::of_at_most(asked);
            let steps = messages.iter().map(|(op, content)| answer.take(*op, content, LIMITS));
            assert_eq!(steps.last(), Some(Step::Done(expected)), "{asked}");
        };
        let cut = || Err(LookupError::Result(limit));
        check(1, &[entry(), done(4)], Ok(vec![x.clone()]));
        check(1, &[entry(), done(0)], Ok(vec![x]));
        check(2, &[entry(), done(4)], cut());
        check(0, &[entry(), done(4)], cut());
        check(1, &[done(4)], cut());
        check(1, &[entry(), done(11)], Err(LookupError::Result(ResultCode::ADMIN_LIMIT_EXCEEDED)));
    }

    proptest! {
        #[test]
        fn any_message_is_taken_without_a_panic_and_within_the_limits(
            messages in proptest::collection::vec((any::<u8>(), any::<Vec<u8>>()), 0..20),
        ) {
            let mut answer = Answer::default();
            for (tag, content) in messages {
                answer.take(Operation::from_tag(tag), &content, LIMITS);
                prop_assert!(answer.entries.len() <= LIMITS.entries);
            }
        }
    }
}
