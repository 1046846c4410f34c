//! One synchronisation (RFC 4533) as its consumer sees it: what each message means for the copy.
//!
//! Nothing goes before the end of the refresh that shows it gone: a present phase that was cut
//! short has removed nothing. A cookie counts once everything that came before it counts.

mod guard;
mod ledger;
mod position;
mod witness;

pub use guard::{Decision, Guard, Verdict};
pub use ledger::{Held, Kept, Ledger};
pub use position::{HowFar, Position};
pub use witness::{Testimony, Witnesses};

use crate::proto::result::ResultCode;
use crate::proto::search::Entry;
use crate::proto::sync::{EntryUuid, Mode, State, SyncDone, SyncInfo};

/// `e-syncRefreshRequired` (RFC 4533 section 2.6).
pub const REFRESH_REQUIRED: ResultCode = ResultCode(4096);

/// What a server told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<'a> {
    /// An entry with its state; the content is there if the state is Add or Modify.
    Entry {
        /// What happened.
        state: State,
        /// To which entry.
        uuid: EntryUuid,
        /// The entry.
        entry: Entry,
        /// How far the content is known with this.
        cookie: Option<&'a [u8]>,
    },
    /// A Sync Info message.
    Info(SyncInfo<'a>),
    /// The result.
    Done {
        /// Its code.
        code: ResultCode,
        /// Its Sync Done control.
        done: SyncDone<'a>,
    },
}

/// What is to be done with the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The entry is as given.
    Put(EntryUuid, Entry),
    /// The entry is gone; if that was told in a refresh, then once the refresh has ended.
    Remove(EntryUuid),
    /// The entry is there, as it was.
    Keep(EntryUuid),
    /// What was neither put nor kept since the synchronisation began is gone.
    Sweep,
    /// The refresh has ended: the copy is complete, and exactly as far as this cookie says; without
    /// one it is as far as it was asked for.
    Complete(Option<Vec<u8>>),
    /// The copy has also what this cookie says.
    Reached(Vec<u8>),
    /// The synchronisation is over.
    Over(Ended),
}

/// How a synchronisation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As asked: a refresh without what comes behind it.
    Finished,
    /// The server cannot go on from the cookie: the copy has to be made anew.
    StartAnew,
    /// The server ended it with this code.
    Refused(ResultCode),
}

/// The consumer of one synchronisation.
#[derive(Debug)]
pub struct Consumer {
    mode: Mode,
    is_refreshing: bool,
    sweeps: bool,
    /// A cookie that came during the refresh; it counts at the end.
    cookie: Option<Vec<u8>>,
}

impl Consumer {
    /// A synchronisation that was just asked for.
    pub fn new(mode: Mode) -> Self {
        Self { mode, is_refreshing: true, sweeps: false, cookie: None }
    }

    /// Whether the end of the refresh has not come yet.
    pub fn is_refreshing(&self) -> bool {
        self.is_refreshing
    }

    /// Takes what a server told, and gives what follows from it, in order.
    pub fn hear(&mut self, told: Told<'_>) -> Vec<Act> {
        let mut acts = Vec::new();
        match told {
            Told::Entry { state, uuid, entry, cookie } => {
                acts.push(match state {
                    State::Add | State::Modify => Act::Put(uuid, entry),
                    State::Delete => Act::Remove(uuid),
                    State::Present => Act::Keep(uuid),
                });
                self.reach(cookie, &mut acts);
            }
            Told::Info(SyncInfo::NewCookie(cookie)) => self.reach(Some(cookie), &mut acts),
            Told::Info(SyncInfo::IdSet { are_deleted, uuids, cookie }) => {
                let act = if are_deleted { Act::Remove } else { Act::Keep };
                acts.extend(uuids.into_iter().map(act));
                self.reach(cookie, &mut acts);
            }
            Told::Info(SyncInfo::Refreshed { by_deletes, cookie, is_done }) => {
                self.sweeps |= self.is_refreshing && !by_deletes;
                self.reach(cookie, &mut acts);
                if is_done {
                    self.complete(&mut acts);
                }
            }
            Told::Done { code: ResultCode::SUCCESS, done } if self.mode == Mode::RefreshOnly => {
                self.sweeps |= !done.by_deletes;
                self.reach(done.cookie, &mut acts);
                self.complete(&mut acts);
                acts.push(Act::Over(Ended::Finished));
            }
            Told::Done { code: REFRESH_REQUIRED, .. } => acts.push(Act::Over(Ended::StartAnew)),
            Told::Done { code, .. } => acts.push(Act::Over(Ended::Refused(code))),
        }
        acts
    }

    fn complete(&mut self, acts: &mut Vec<Act>) {
        if !std::mem::take(&mut self.is_refreshing) {
            return;
        }
        if self.sweeps {
            acts.push(Act::Sweep);
        }
        acts.push(Act::Complete(self.cookie.take()));
    }

    fn reach(&mut self, cookie: Option<&[u8]>, acts: &mut Vec<Act>) {
        let Some(cookie) = cookie.map(<[u8]>::to_vec) else { return };
        if self.is_refreshing {
            self.cookie = Some(cookie);
        } else {
            acts.push(Act::Reached(cookie));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: EntryUuid = [1; 16];
    const B: EntryUuid = [2; 16];

    fn entry(state: State, uuid: EntryUuid, cookie: Option<&[u8]>) -> Told<'_> {
        Told::Entry { state, uuid, entry: Entry::default(), cookie }
    }

    fn refreshed(by_deletes: bool, is_done: bool) -> Told<'static> {
        Told::Info(SyncInfo::Refreshed { by_deletes, cookie: Some(b"c"), is_done })
    }

    fn put(uuid: EntryUuid) -> Act {
        Act::Put(uuid, Entry::default())
    }

    fn complete(cookie: &str) -> Act {
        Act::Complete(Some(cookie.as_bytes().to_vec()))
    }

    fn reached(cookie: &str) -> Act {
        Act::Reached(cookie.as_bytes().to_vec())
    }

    #[track_caller]
    fn check(mode: Mode, told: Vec<Told<'_>>, expected: &[Act]) {
        let mut consumer = Consumer::new(mode);
        let acts: Vec<Act> = told.into_iter().flat_map(|told| consumer.hear(told)).collect();
        assert_eq!(acts, expected);
    }

    #[test]
    fn nothing_is_swept_before_the_end_of_the_refresh_and_no_cookie_counts() {
        let cut = vec![
            entry(State::Present, A, Some(b"x")),
            entry(State::Add, B, None),
            refreshed(false, false),
            Told::Info(SyncInfo::NewCookie(b"y")),
        ];
        check(Mode::RefreshAndPersist, cut.clone(), &[Act::Keep(A), put(B)]);
        let mut whole = cut;
        whole.push(entry(State::Delete, A, None));
        whole.push(refreshed(true, true));
        let expected = [Act::Keep(A), put(B), Act::Remove(A), Act::Sweep, complete("c")];
        check(Mode::RefreshAndPersist, whole, &expected);
    }

    #[test]
    fn a_refresh_by_deletes_alone_sweeps_nothing() {
        let uuids = vec![A, B];
        let told = vec![
            Told::Info(SyncInfo::IdSet { are_deleted: true, uuids, cookie: None }),
            refreshed(true, true),
            entry(State::Modify, A, Some(b"d")),
        ];
        let expected = [Act::Remove(A), Act::Remove(B), complete("c"), put(A), reached("d")];
        check(Mode::RefreshAndPersist, told, &expected);
    }

    #[test]
    fn a_poll_ends_with_its_result() {
        let done = |by_deletes| Told::Done {
            code: ResultCode::SUCCESS,
            done: SyncDone { cookie: Some(b"c"), by_deletes },
        };
        let over = Act::Over(Ended::Finished);
        let plain = [complete("c"), over.clone()];
        check(Mode::RefreshOnly, vec![done(true)], &plain);
        let swept = [Act::Sweep, complete("c"), over];
        check(Mode::RefreshOnly, vec![done(false)], &swept);
    }

    #[test]
    fn a_result_that_is_no_end_of_a_refresh_completes_nothing() {
        for (code, ended) in [
            (REFRESH_REQUIRED, Ended::StartAnew),
            (ResultCode::BUSY, Ended::Refused(ResultCode::BUSY)),
            (ResultCode::SUCCESS, Ended::Refused(ResultCode::SUCCESS)),
        ] {
            let done = Told::Done { code, done: SyncDone::default() };
            check(Mode::RefreshAndPersist, vec![done], &[Act::Over(ended)]);
        }
    }
}
