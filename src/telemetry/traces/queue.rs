//! The spans that wait to be sent: bounded, and never waited for by those who put them there.

use crate::app::trace::Ended;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The queue.
pub(super) struct Queue {
    state: Mutex<State>,
    /// There is a whole batch, or no more is to come.
    is_due: Condvar,
    /// Everything was sent, or given up.
    is_done: Condvar,
    room: usize,
    batch: usize,
}

#[derive(Default)]
struct State {
    spans: VecDeque<Ended>,
    /// Until when the last ones may take.
    closing: Option<Instant>,
    is_done: bool,
}

impl Queue {
    pub(super) fn new(room: usize, batch: usize) -> Self {
        let (state, is_due, is_done) = Default::default();
        Self { state, is_due, is_done, room, batch: batch.clamp(1, room.max(1)) }
    }

    /// Puts a span there; whether there was room.
    pub(super) fn put(&self, span: Ended) -> bool {
        let mut state = self.state();
        if state.spans.len() >= self.room || state.closing.is_some() {
            return false;
        }
        state.spans.push_back(span);
        let is_due = state.spans.len() == self.batch;
        drop(state);
        if is_due {
            self.is_due.notify_one();
        }
        true
    }

    /// No more is to come; waits until all was sent, but no longer than until `deadline`.
    pub(super) fn close(&self, deadline: Instant) {
        let mut state = self.state();
        state.closing.get_or_insert(deadline);
        self.is_due.notify_all();
        while !state.is_done {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.is_done.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The next batch, once it is whole or has waited for so long; with the moment until when it has
    /// to be sent, if it is one of the last. `None` when none is left.
    #[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "nobody sends"))]
    pub(super) fn take(&self, interval: Duration) -> Option<(Vec<Ended>, Option<Instant>)> {
        let mut state = self.state();
        loop {
            let until = Instant::now() + interval;
            while state.spans.len() < self.batch && state.closing.is_none() {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let waited = self.is_due.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            let count = state.spans.len().min(self.batch);
            if count > 0 {
                let closing = state.closing;
                return Some((state.spans.drain(..count).collect(), closing));
            }
            if state.closing.is_some() {
                return None;
            }
        }
    }

    /// Waits, for so long or until no more is to come; until when the last ones may take, then.
    #[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "nobody sends"))]
    pub(super) fn pause(&self, pause: Duration) -> Option<Instant> {
        let until = Instant::now() + pause;
        let mut state = self.state();
        while state.closing.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.is_due.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.closing
    }

    /// Nothing more is sent.
    #[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "nobody sends"))]
    pub(super) fn done(&self) {
        self.state().is_done = true;
        self.is_done.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trace::{Role, SpanId};

    const SHORT: Duration = Duration::from_millis(1);

    fn span(number: u64) -> Ended {
        let begun = Instant::now();
        let id = SpanId { trace: 1, span: number };
        let (attributes, links) = Default::default();
        let (parent, name, role) = (None, "x", Role::Internal);
        Ended { id, parent, name, role, begun, ended: begun, attributes, links, is_failed: false }
    }

    fn numbers(taken: Option<(Vec<Ended>, Option<Instant>)>) -> Vec<u64> {
        taken.into_iter().flat_map(|(spans, _)| spans).map(|span| span.id.span).collect()
    }

    #[test]
    fn no_more_wait_than_have_room() {
        let queue = Queue::new(3, 2);
        assert_eq!([1, 2, 3, 4].map(|number| queue.put(span(number))), [true, true, true, false]);
        assert_eq!(numbers(queue.take(SHORT)), [1, 2]);
        assert!(queue.put(span(5)));
    }

    #[test]
    fn a_batch_is_whole_or_has_waited_and_is_never_too_large() {
        let queue = Queue::new(10, 4);
        for number in 0..10 {
            assert!(queue.put(span(number)));
        }
        // Whole ones are not waited for.
        let long = Duration::from_secs(3600);
        assert_eq!(numbers(queue.take(long)), [0, 1, 2, 3]);
        assert_eq!(numbers(queue.take(long)), [4, 5, 6, 7]);
        assert_eq!(numbers(queue.take(SHORT)), [8, 9]);
    }

    #[test]
    fn the_end_takes_what_is_there_and_nothing_more() {
        let queue = Queue::new(10, 4);
        assert!(queue.put(span(1)));
        // Nobody sends: the end comes all the same.
        queue.close(Instant::now() + SHORT);
        assert!(!queue.put(span(2)));
        let (last, deadline) = queue.take(Duration::from_secs(3600)).expect("one is left");
        assert!(deadline.is_some());
        assert_eq!(last.len(), 1);
        assert!(queue.take(Duration::from_secs(3600)).is_none());
    }
}
