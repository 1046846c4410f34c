//! The one thread that writes: it takes all that waits, writes it as a group, and saves marks in
//! between.

use super::folder::Folder;
use super::group::{self, AccountChange, GroupChange, Outcome, SwitchChange, TokenChange};
use super::memory::Memory;
use super::recollections::Kept;
use super::{Config, Room, audit_rows, connection, import, recollections, rows};
use crate::app::audit::{AuditFilter, AuditOrder};
use crate::app::events::{AuditEntry, Event};
use crate::app::ports::{Commit, Events, Import, Page, StoreError};
use crate::domain::record::{Mark, Record, UserKey};
use crate::domain::time::Timestamp;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The most marks in one transaction, so that no commit waits long behind them.
const MARKS_AT_ONCE: usize = 4096;
/// The shortest time between two rounds of saving marks.
const MIN_MARK_INTERVAL: Duration = Duration::from_millis(10);
/// The most pages that SQLite takes for a file.
const ALL_PAGES: u32 = 4_294_967_294;

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Job {
    /// To write.
    Write(Write),
    /// To read a page of the audit.
    Audit { filter: AuditFilter, order: AuditOrder, limit: usize, reply: Reply<Page<AuditEntry>> },
    /// To read what is kept of observations.
    Observations(Vec<UserKey>, Reply<Vec<(UserKey, String)>>),
    /// To let the file grow or not.
    Room(Room, Reply<()>),
    /// To take over what comes from another gateway.
    Import(Box<Import>, Reply<()>),
    /// To end.
    Close,
}

/// Something to be written, and where the answer goes.
#[derive(Debug)]
pub(super) enum Write {
    /// A commit.
    Commit(Box<Worded>, Reply<Arc<Record>>),
    /// What is kept of an observation of a user; nobody waits for it.
    Observation(UserKey, Kept),
    Switch(SwitchChange, Reply<()>),
    /// A row of the audit, and the directory of which it is forgotten how far it had got.
    Note(Option<String>, AuditEntry, Reply<()>),
    /// A record that is at this version is to be deleted.
    Delete(UserKey, u64, AuditEntry, Reply<()>),
    /// What is held of a directory, or that nothing is.
    Held(String, Option<String>, Reply<()>),
    /// A row of the audit that nobody waits for.
    Remark(AuditEntry),
    /// Erases a record.
    Forget(UserKey, AuditEntry, Reply<()>),
    /// Keeps a group, or takes it away.
    Group(GroupChange, Reply<()>),
    /// Keeps a token of administration, or takes it away.
    Token(TokenChange, Reply<()>),
    /// Keeps an account of the gateway's own, or takes it away.
    Account(Box<AccountChange>, Reply<()>),
    /// An account was used at that time; nobody waits for it.
    AccountUsed(String, Timestamp),
}

/// A commit with what of it was put into words by whoever asks for it: the writer is one for all.
#[derive(Debug)]
pub(super) struct Worded {
    pub(super) commit: Commit,
    /// What is kept of the observation, if that is something else than what is.
    pub(super) kept: Option<Kept>,
    /// The steps of its row of the audit, which has none itself.
    pub(super) steps: Option<String>,
}

impl Write {
    /// Answers without having written.
    pub(super) fn refuse(self, error: StoreError) {
        match self {
            Self::Commit(_, reply) => drop(reply.send(Err(error))),
            Self::Switch(_, reply)
            | Self::Note(_, _, reply)
            | Self::Held(_, _, reply)
            | Self::Delete(_, _, _, reply)
            | Self::Forget(_, _, reply)
            | Self::Token(_, reply)
            | Self::Account(_, reply)
            | Self::Group(_, reply) => drop(reply.send(Err(error))),
            Self::Remark(_) | Self::Observation(..) | Self::AccountUsed(..) => {}
        }
    }
}

/// The writer and all that it alone uses. The connection goes before the folder's lock.
pub(super) struct Writer<E: Events> {
    connection: Connection,
    folder: Folder,
    memory: Arc<Memory>,
    health: Health<E>,
    jobs: Receiver<Job>,
    max_group: usize,
    max_audit_rows: u64,
    max_audit_age: Duration,
    mark_interval: Duration,
    next_marks: Instant,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    On,
    End,
}

impl<E: Events> Writer<E> {
    pub(super) fn new(
        (connection, folder): (Connection, Folder),
        memory: Arc<Memory>,
        healthy: Arc<AtomicBool>,
        events: E,
        jobs: Receiver<Job>,
        config: &Config,
    ) -> Self {
        let mark_interval = config.mark_interval.max(MIN_MARK_INTERVAL);
        let mut health = Health { healthy, events, failure: None };
        if let Some(barrier) = folder.barrier() {
            health.note(Outcome::Failed(format!("it can only be read: {barrier}")));
        }
        Self {
            connection,
            folder,
            memory,
            health,
            jobs,
            max_group: config.max_waiting.max(1),
            max_audit_rows: config.max_audit_rows,
            max_audit_age: config.max_audit_age,
            mark_interval,
            next_marks: Instant::now() + mark_interval,
        }
    }

    /// Works until it is told to end or all handles are gone, then saves what is left and folds
    /// the log into the file.
    pub(super) fn run(mut self) -> Result<(), StoreError> {
        while self.work() == Course::On {}
        self.finish()
    }

    /// Waits for jobs and does them, or saves marks when it is time to.
    fn work(&mut self) -> Course {
        let patience = self.next_marks.saturating_duration_since(Instant::now());
        let course = match self.jobs.recv_timeout(patience) {
            Ok(job) => self.do_all(job),
            Err(RecvTimeoutError::Timeout) => Course::On,
            Err(RecvTimeoutError::Disconnected) => Course::End,
        };
        if course == Course::On && Instant::now() >= self.next_marks {
            self.save_marks_in_time();
        }
        course
    }

    /// A store that could not be written when it was opened is opened anew as soon as it can be:
    /// whoever holds the lock, nobody has written meanwhile.
    fn try_to_write(&mut self) {
        if self.folder.barrier().is_none() || !self.folder.can_be_written() {
            return;
        }
        // While a connection that only reads is open in this process, SQLite opens no other kind.
        let Ok(nothing) = Connection::open_in_memory() else { return };
        drop(std::mem::replace(&mut self.connection, nothing));
        let database = self.folder.database();
        match connection::open(&database) {
            Ok(connection) => {
                self.connection = connection;
                self.folder.lift_barrier();
            }
            Err(refused) => {
                if let Ok(reader) = connection::open_to_read(&database, &refused.to_string()) {
                    self.connection = reader;
                }
            }
        }
    }

    /// Does a job and all that wait behind it: first what is to be written, then the rest.
    fn do_all(&mut self, first: Job) -> Course {
        let mut writes = Vec::new();
        let mut others = Vec::new();
        let mut course = Course::On;
        for job in std::iter::once(first).chain(self.jobs.try_iter()).take(self.max_group) {
            match job {
                Job::Write(write) => writes.push(write),
                Job::Close => {
                    course = Course::End;
                    break;
                }
                other => others.push(other),
            }
        }
        if !writes.is_empty() {
            self.try_to_write();
            let is_forgotten = writes.iter().any(|write| matches!(write, Write::Forget(..)));
            let (outcome, answers) =
                group::write(&self.connection, &self.memory, writes, self.max_audit_rows);
            self.health.note(outcome);
            if is_forgotten {
                self.fold();
            }
            answers.give(&self.memory);
        }
        others.into_iter().for_each(|job| self.do_other(job));
        course
    }

    /// Folds the log into the file and cuts it off, so that what was erased is nowhere. Somebody else
    /// who reads the file may be in the way; then it is done with the next fold.
    fn fold(&self) {
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    fn do_other(&self, job: Job) {
        let failed = |error: rusqlite::Error| StoreError::Failed(error.to_string());
        // An answer that nobody waits for any more is no fault.
        match job {
            Job::Audit { filter, order, limit, reply } => {
                let about = filter.user.as_ref().and_then(|key| self.memory.number(key));
                let page = audit_rows::read(&self.connection, (&filter, about), order, limit);
                let _ = reply.send(page.map_err(failed));
            }
            Job::Observations(keys, reply) => {
                let numbers =
                    keys.into_iter().filter_map(|key| Some((self.memory.number(&key)?, key)));
                let found = recollections::read(&self.connection, numbers);
                let _ = reply.send(found.map_err(failed));
            }
            Job::Import(import, reply) => {
                let _ = reply.send(import::write(&self.connection, &self.memory, *import));
            }
            Job::Room(room, reply) => {
                let _ = reply.send(set_room(&self.connection, room).map_err(failed));
            }
            Job::Write(_) | Job::Close => {}
        }
    }

    /// Saves one batch of marks; the next round is at once if more are left. A store that failed
    /// and has no marks to try itself on is tried with a row of its own.
    fn save_marks_in_time(&mut self) {
        self.try_to_write();
        let saved = self.save_marks();
        let more = saved == MARKS_AT_ONCE && self.health.failure.is_none();
        if saved == 0 && self.health.failure.is_some() {
            let probed = write_probe(&self.connection);
            self.note(probed);
        }
        if !more {
            self.prune_old();
        }
        self.next_marks = Instant::now() + if more { Duration::ZERO } else { self.mark_interval };
    }

    /// Takes rows of the audit away that are older than they may be; what fails is tried again.
    fn prune_old(&self) {
        let now = jiff::Timestamp::now().as_microsecond();
        let age = i64::try_from(self.max_audit_age.as_micros()).unwrap_or(i64::MAX);
        let _ = audit_rows::prune_before(&self.connection, now.saturating_sub(age));
    }

    /// Saves up to a batch of marks, and how far directories have got; how many marks it took.
    fn save_marks(&mut self) -> usize {
        let marks = self.memory.take_unsaved(MARKS_AT_ONCE);
        let markers = self.memory.unsaved_markers();
        let taken = marks.len();
        if taken > 0 || !markers.is_empty() {
            let written = write_marks(&self.connection, &marks, &markers);
            match written {
                Ok(()) => group::install_markers(&self.memory, markers),
                Err(_) => self.memory.put_back_unsaved(marks.into_iter().map(|(key, ..)| key)),
            }
            self.note(written);
        }
        taken
    }

    fn note(&mut self, written: rusqlite::Result<()>) {
        if written.is_err() {
            group::roll_back(&self.connection);
        }
        self.health.note(match written {
            Ok(()) => Outcome::Written,
            Err(error) => Outcome::Failed(error.to_string()),
        });
    }

    fn finish(mut self) -> Result<(), StoreError> {
        while self.save_marks() == MARKS_AT_ONCE && self.health.failure.is_none() {}
        let folded = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        match self.health.failure.take() {
            Some(failure) if self.memory.has_unsaved() => Err(StoreError::Failed(failure)),
            _ => folded.map_err(|error| StoreError::Failed(error.to_string())),
        }
    }
}

fn write_marks(
    connection: &Connection,
    marks: &[(UserKey, i64, Mark)],
    markers: &[(Arc<str>, String)],
) -> rusqlite::Result<()> {
    group::begin(connection)?;
    marks.iter().try_for_each(|(_, number, mark)| rows::put_mark(connection, *number, mark))?;
    markers.iter().try_for_each(|(name, text)| rows::put_marker(connection, name, text))?;
    connection.execute_batch("COMMIT")
}

/// The value has to differ each time: the same bytes would not be written at all.
fn write_probe(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "INSERT INTO meta (key, value) VALUES ('probe', '1')
         ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)",
    )
}

fn set_room(connection: &Connection, room: Room) -> rusqlite::Result<()> {
    // SQLite never goes below the pages that are there.
    let pages = match room {
        Room::None => 1,
        Room::Plenty => ALL_PAGES,
    };
    connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
}

/// Whether the last write reached the disk, and who is told when that changes.
struct Health<E: Events> {
    healthy: Arc<AtomicBool>,
    events: E,
    failure: Option<String>,
}

impl<E: Events> Health<E> {
    /// Tells of a failure once, and of another one only if its reason is another.
    fn note(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Nothing => {}
            Outcome::Written => {
                self.healthy.store(true, Ordering::Release);
                if self.failure.take().is_some() {
                    self.events.emit(&Event::StoreRecovered);
                }
            }
            Outcome::Failed(reason) => {
                self.healthy.store(false, Ordering::Release);
                if self.failure.as_ref() != Some(&reason) {
                    self.events.emit(&Event::StoreFailed { error: &reason });
                }
                self.failure = Some(reason);
            }
        }
    }
}

impl<E: Events> Drop for Health<E> {
    /// A store whose writer is gone, for whatever reason, is not healthy.
    fn drop(&mut self) {
        self.healthy.store(false, Ordering::Release);
    }
}
