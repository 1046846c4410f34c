//! Users who wait to be looked at: bounded in number, taken at a pace, each once.

use super::Config;
use crate::app::events::SignOnOutcome;
use crate::domain::record::UserKey;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// How long a user is left alone who could not be read, or of whom nothing is settled.
const REST: Duration = Duration::from_secs(30);
/// Of how many users that is remembered; then they are tried again.
const MAX_RESTING: usize = 10_000;

/// Why somebody is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// The directory could not be read.
    Unread,
    /// What was read is not what the live copy shows: one of them is older.
    Unsettled,
}

/// There is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// Those who wait.
pub(super) struct Queue {
    max_waiting: usize,
    gap: Duration,
    waiting: VecDeque<UserKey>,
    members: HashSet<UserKey>,
    /// When the next look may be.
    next: Instant,
    /// Who is left alone, until when, and why.
    resting: HashMap<UserKey, (Instant, Rest)>,
    /// How many waited when that was told last.
    told: usize,
}

impl Queue {
    pub(super) fn new(config: &Config) -> Self {
        let per_second = u32::try_from(config.per_second).unwrap_or(u32::MAX).max(1);
        let (waiting, members, resting) = Default::default();
        Self {
            max_waiting: config.max_waiting,
            gap: Duration::from_secs(1) / per_second,
            waiting,
            members,
            next: Instant::now(),
            resting,
            told: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Puts a user in who does not wait or rest.
    pub(super) fn push(&mut self, key: UserKey) -> Result<(), Full> {
        if self.members.contains(&key) || self.rests(&key) {
            return Ok(());
        }
        if self.waiting.len() >= self.max_waiting {
            return Err(Full);
        }
        self.members.insert(key.clone());
        self.waiting.push_back(key);
        Ok(())
    }

    /// Waits until another look is within the pace.
    pub(super) async fn turn(&self) {
        tokio::time::sleep_until(self.next).await;
    }

    /// Takes the one who has waited longest.
    pub(super) fn pop(&mut self) -> Option<UserKey> {
        let key = self.waiting.pop_front()?;
        self.members.remove(&key);
        self.next = Instant::now() + self.gap;
        Some(key)
    }

    /// Notes a look; one that settled nothing would be repeated at once without a rest.
    pub(super) fn note(&mut self, key: UserKey, outcome: Option<SignOnOutcome>, is_settled: bool) {
        if is_settled && !matches!(outcome, Some(SignOnOutcome::Unknown(_))) {
            return;
        }
        if self.resting.len() >= MAX_RESTING {
            self.resting.clear();
        }
        let why = match outcome {
            Some(SignOnOutcome::Unknown(_)) => Rest::Unread,
            _ => Rest::Unsettled,
        };
        self.resting.insert(key, (Instant::now() + REST, why));
    }

    /// There is news of anybody: what was not settled may be by now.
    pub(super) fn wake_unsettled(&mut self) {
        self.resting.retain(|_, (_, why)| *why == Rest::Unread);
    }

    /// There is news of a user who rests.
    pub(super) fn wake(&mut self, key: &UserKey) {
        self.resting.remove(key);
    }

    /// Forgets who has rested.
    pub(super) fn tidy(&mut self) {
        let now = Instant::now();
        self.resting.retain(|_, (until, _)| *until > now);
    }

    /// How many wait, if that is another number than was told last.
    pub(super) fn news(&mut self) -> Option<usize> {
        let before = std::mem::replace(&mut self.told, self.waiting.len());
        (before != self.told).then_some(self.told)
    }

    fn rests(&self, key: &UserKey) -> bool {
        self.resting.get(key).is_some_and(|(until, _)| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::observation::UnknownReason;
    use crate::domain::record::UpstreamId;

    fn queue(per_second: u64, max_waiting: usize) -> Queue {
        let after = Duration::from_secs(1);
        Queue::new(&Config { enabled: true, after, per_second, max_waiting })
    }

    fn key(id: &str) -> UserKey {
        UserKey { directory: "corp".into(), upstream_id: UpstreamId::new(id) }
    }

    #[tokio::test(start_paused = true)]
    async fn looks_come_at_a_pace_and_who_could_not_be_read_rests() {
        let began = Instant::now();
        let mut queue = queue(10, 100);
        for number in 0..31 {
            assert_eq!(queue.push(key(&number.to_string())), Ok(()));
        }
        for number in 0..31 {
            queue.turn().await;
            assert_eq!(queue.pop(), Some(key(&number.to_string())));
        }
        assert!(began.elapsed() >= Duration::from_secs(3), "{:?}", began.elapsed());
        let a = key("a");
        let check = |queue: &mut Queue, outcome, is_settled, may_look| {
            queue.wake(&a);
            queue.note(a.clone(), Some(outcome), is_settled);
            assert_eq!(queue.push(a.clone()), Ok(()));
            assert_eq!(queue.pop().is_some(), may_look, "{outcome:?}");
        };
        check(&mut queue, SignOnOutcome::Changed, true, true);
        check(&mut queue, SignOnOutcome::Unknown(UnknownReason::Timeout), true, false);
        check(&mut queue, SignOnOutcome::Unchanged, false, false);
        tokio::time::advance(REST).await;
        assert_eq!(queue.push(a.clone()), Ok(()));
        assert_eq!(queue.pop(), Some(a), "after a while it is tried again");
    }

    /// Somebody was looked at before the live copy was as young as the directory, and rested through
    /// the very change that the copy then told of.
    #[tokio::test(start_paused = true)]
    async fn news_wakes_whom_it_may_settle_and_not_whom_nobody_could_read() {
        let mut queue = queue(10, 100);
        let (unsettled, unread) = (key("a"), key("b"));
        queue.note(unsettled.clone(), Some(SignOnOutcome::Unchanged), false);
        queue.note(unread.clone(), Some(SignOnOutcome::Unknown(UnknownReason::Timeout)), false);
        queue.wake_unsettled();
        assert_eq!([queue.push(unsettled.clone()), queue.push(unread.clone())], [Ok(()), Ok(())]);
        assert_eq!((queue.pop(), queue.pop()), (Some(unsettled), None));
        queue.wake(&unread);
        assert_eq!(queue.push(unread.clone()), Ok(()));
        assert_eq!(queue.pop(), Some(unread), "news of this very user");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_waits_once_and_no_more_wait_than_have_room() {
        let mut queue = queue(10, 2);
        let pushed = ["a", "a", "b", "b", "c"].map(|id| queue.push(key(id)).is_ok());
        assert_eq!(pushed, [true, true, true, true, false]);
        assert_eq!((queue.news(), queue.news()), (Some(2), None));
        assert_eq!((queue.pop(), queue.news()), (Some(key("a")), Some(1)));
        assert_eq!(queue.push(key("c")), Ok(()), "there is room again");
    }
}
