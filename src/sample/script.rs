//! How a test makes the sample directory misbehave.

use crate::proto::op::Operation;
use crate::proto::result::ResultCode;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Which requests of a kind a rule is about, counted over all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Every one.
    Every,
    /// The n-th one alone, counted from 1.
    Only(usize),
    /// The n-th one and all after it, counted from 1.
    From(usize),
}

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub enum Misbehaviour {
    /// It is answered only after this time.
    Delay(Duration),
    /// It is answered only once the semaphore yields a permit, which is used up.
    Hold(Arc<Semaphore>),
    /// It is answered with this code, and nothing is done.
    Answer(ResultCode),
    /// A search returns this many entries and then ends with this code.
    AnswerAfterEntries(usize, ResultCode),
    /// A search returns this many entries, then the connection is closed without a word; any other
    /// request is answered by the closing alone.
    CloseAfterEntries(usize),
    /// These bytes come instead of an answer.
    Garbage(Vec<u8>),
}

/// The rules that a server misbehaves by, and the count of what it was asked.
#[derive(Debug, Default)]
pub struct Script {
    rules: Vec<(Operation, Turn, Misbehaviour)>,
    seen: Mutex<HashMap<Operation, usize>>,
}

impl Script {
    /// A script without rules: the server behaves, and counts.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same script with one more rule; of several that fit a request, the first wins.
    pub fn on(mut self, operation: Operation, turn: Turn, what: Misbehaviour) -> Self {
        self.rules.push((operation, turn, what));
        self
    }

    /// How many requests of this kind have arrived so far.
    pub fn seen(&self, operation: Operation) -> usize {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&operation).copied().unwrap_or(0)
    }

    /// Counts a request and says what goes wrong with it.
    pub(super) fn next(&self, operation: Operation) -> Option<&Misbehaviour> {
        let count = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let count = seen.entry(operation).or_default();
            *count += 1;
            *count
        };
        let fits = |rule: &&(Operation, Turn, Misbehaviour)| {
            rule.0 == operation
                && match rule.1 {
                    Turn::Every => true,
                    Turn::Only(n) => count == n,
                    Turn::From(n) => count >= n,
                }
        };
        self.rules.iter().find(fits).map(|(_, _, what)| what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_fits_its_operation_and_its_turn() {
        let busy = || Misbehaviour::Answer(ResultCode::BUSY);
        let script = Script::new()
            .on(Operation::SearchRequest, Turn::Only(2), busy())
            .on(Operation::BindRequest, Turn::Every, busy())
            .on(Operation::CompareRequest, Turn::From(2), busy());
        let fits = |operation| [(); 3].map(|()| script.next(operation).is_some());
        assert_eq!(fits(Operation::SearchRequest), [false, true, false]);
        assert_eq!(fits(Operation::BindRequest), [true, true, true]);
        assert_eq!(fits(Operation::CompareRequest), [false, true, true]);
        assert_eq!(script.seen(Operation::SearchRequest), 3);
        assert_eq!(script.seen(Operation::ModifyRequest), 0);
    }
}
