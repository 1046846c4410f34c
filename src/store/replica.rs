//! Live copies on disk: one file beside the records, written by a thread of its own.
//!
//! The thread takes all that waits, of several changes of one entry the last, and writes it in one
//! transaction with the cookie that covers it. What could not be written leaves the file as it was
//! after an earlier cookie, and from there on nothing is written any more: the next start goes on
//! from that cookie. The file may be deleted; then the next start loads everything.

mod rows;

use crate::app::ports::StoreError;
use crate::app::saved::{HeldLoss, ReplicaStore, SavedChange, SavedCopy, SavedPosition};
use crate::domain::record::UpstreamId;
use crate::domain::replication::Kept;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The file's name in the store's folder.
const FILE: &str = "replica.db";
/// The most entries that wait for the disk; a refresh waits when there are half as many.
const MAX_WAITING: usize = 65_536;
/// How long changes are gathered before they are written: a loss of power loses no more, and costs
/// that the directory tells it once more.
const GATHER: Duration = Duration::from_millis(200);

/// The open file; dropping it writes what waits.
#[derive(Debug)]
pub struct ReplicaFile {
    path: PathBuf,
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

/// What waits for the disk.
#[derive(Debug, Default)]
struct Waiting {
    directories: BTreeMap<String, Batch>,
    entries: usize,
    is_closing: bool,
    is_broken: bool,
}

/// What waits for the disk of one directory.
#[derive(Debug, Default)]
struct Batch {
    /// The question and the seed of a copy that begins anew.
    anew: Option<(u128, (u64, u64))>,
    /// Entries; `None` for those that are gone.
    changes: BTreeMap<UpstreamId, Option<Kept>>,
    position: Option<SavedPosition>,
    /// What is held from now on, if that is another.
    held: Option<Option<HeldLoss>>,
}

impl ReplicaFile {
    /// Opens the file in the store's folder; one that cannot be read is made anew. `None`, and a
    /// line in the log, if that cannot be done either.
    pub fn open(folder: &Path) -> Option<Self> {
        let path = folder.join(FILE);
        let opened = rows::create(&path).or_else(|_| {
            rows::delete(&path);
            rows::create(&path)
        });
        match opened.map_err(|error| error.to_string()).and_then(|db| Self::start(path, db)) {
            Ok(file) => Some(file),
            Err(error) => {
                tracing::warn!(target: "bindgate", "REPLICA not saved: {error}");
                None
            }
        }
    }

    fn start(path: PathBuf, connection: Connection) -> Result<Self, String> {
        let shared = Arc::new(Shared::default());
        let for_writer = shared.clone();
        let thread = std::thread::Builder::new().name("replica-writer".to_owned());
        let writer = thread.spawn(move || for_writer.work(&connection));
        let writer = Mutex::new(Some(writer.map_err(|error| error.to_string())?));
        Ok(Self { path, shared, writer })
    }

    /// Writes what waits; what comes later is not written. Blocks; a second call does nothing.
    pub fn close(&self) {
        self.shared.lock().is_closing = true;
        self.shared.changed.notify_all();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A writer that panicked has left the file as it was after an earlier cookie.
        let _ = writer.map(JoinHandle::join);
    }
}

impl Drop for ReplicaFile {
    fn drop(&mut self) {
        self.close();
    }
}

impl ReplicaStore for ReplicaFile {
    fn saved(&self, directory: &str, question: u128) -> Option<SavedCopy> {
        let connection = rows::open(&self.path).ok()?;
        rows::saved(&connection, directory, question).ok().flatten()
    }

    fn each(&self, directory: &str, take: &mut dyn FnMut(Kept)) -> Result<(), StoreError> {
        let connection = rows::open(&self.path);
        let read = connection.and_then(|connection| rows::each(&connection, directory, take));
        read.map_err(|error| StoreError::Failed(error.to_string()))
    }

    fn begin(&self, directory: &str, question: u128, seed: (u64, u64)) {
        self.shared.add(directory, |batch| {
            let held = batch.held.take();
            *batch = Batch { anew: Some((question, seed)), held, ..Batch::default() };
        });
    }

    fn write(&self, directory: &str, changes: Vec<SavedChange>, position: Option<SavedPosition>) {
        self.shared.add(directory, |batch| {
            for change in changes {
                match change {
                    SavedChange::Put(kept) => batch.changes.insert(kept.id().clone(), Some(kept)),
                    SavedChange::Remove(id) => batch.changes.insert(id, None),
                };
            }
            // One that is older than the changes that wait with it would only cost a little time.
            batch.position = position.or(batch.position.take());
        });
    }

    fn held(&self, directory: &str) -> Option<HeldLoss> {
        let connection = rows::open(&self.path).ok()?;
        rows::held(&connection, directory).ok().flatten()
    }

    fn hold(&self, directory: &str, loss: Option<HeldLoss>) {
        self.shared.add(directory, |batch| batch.held = Some(loss));
    }

    fn has_room(&self) -> bool {
        let waiting = self.shared.lock();
        waiting.entries < MAX_WAITING / 2 || waiting.is_broken
    }

    fn is_kept(&self) -> bool {
        !self.shared.lock().is_broken
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, directory: &str, add: impl FnOnce(&mut Batch)) {
        let mut waiting = self.lock();
        if waiting.is_broken || waiting.is_closing {
            return;
        }
        let batch = waiting.directories.entry(directory.to_owned()).or_default();
        let before = batch.changes.len();
        add(batch);
        let after = batch.changes.len();
        waiting.entries = waiting.entries + after - before;
        if waiting.entries > MAX_WAITING {
            waiting.give_up("too much waits for the disk");
        }
        self.changed.notify_all();
    }

    /// Writes until it is told to end.
    fn work(&self, connection: &Connection) {
        while let Some(batches) = self.next() {
            if let Err(error) = rows::write(connection, &batches) {
                self.lock().give_up(&error.to_string());
            }
        }
    }

    /// What is to be written next; `None` at the end.
    fn next(&self) -> Option<BTreeMap<String, Batch>> {
        let is_idle = |waiting: &mut Waiting| waiting.directories.is_empty() && !waiting.is_closing;
        let waiting = self.changed.wait_while(self.lock(), is_idle);
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let is_little =
            |waiting: &mut Waiting| waiting.entries < MAX_WAITING / 4 && !waiting.is_closing;
        let gathered = self.changed.wait_timeout_while(waiting, GATHER, is_little);
        let (mut waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        waiting.entries = 0;
        let batches = std::mem::take(&mut waiting.directories);
        (!batches.is_empty() || !waiting.is_closing).then_some(batches)
    }
}

impl Waiting {
    /// From here on nothing is written: changes are missing that a later cookie would cover.
    fn give_up(&mut self, why: &str) {
        tracing::warn!(target: "bindgate", "REPLICA not saved any more: {why}");
        self.is_broken = true;
        self.directories.clear();
        self.entries = 0;
    }
}
