//! The records on disk and in memory: SQLite in WAL mode behind one writer thread.
//!
//! Everything that reads answers from memory, where all records are; only the audit is read from
//! the file. Whatever is to be kept goes through one thread that takes all commits that wait,
//! writes them in one transaction, and answers them once that is on disk. Memory follows the disk,
//! never the other way round. Nothing here decides what a record should be.

mod audit_rows;
mod backup;
mod connection;
mod encoding;
mod folder;
mod followers;
mod group;
mod import;
mod loading;
mod memberships;
mod memory;
mod owned_map;
mod ports;
mod recollections;
mod replica;
mod rows;
mod steps;
mod texts;
mod writer;

use crate::app::accounts::Shelf;
use crate::app::events::Event;
use crate::app::ports::{Events, RecordsFollower, StoreError};
use crate::app::saved::SeenMarker;
use crate::domain::recollection::Recollection;
use crate::domain::record::UserKey;
use folder::Folder;
use memory::Memory;
use recollections::Kept;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use thiserror::Error;
use writer::{Job, Reply, Writer};

pub use backup::{BackupError, Present, restore};
pub use replica::ReplicaFile;

/// What the store is configured with: the section `[store]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The folder of the embedded store (`url = "file:…"`).
    pub folder: PathBuf,
    /// The most commits that wait for the disk (`max_waiting`).
    pub max_waiting: usize,
    /// How often marks (last sign-ons) that changed without a commit are written (`mark_interval`).
    pub mark_interval: Duration,
    /// How many audit rows are kept (`max_audit_rows`).
    pub max_audit_rows: u64,
    /// How old an audit row becomes (`max_audit_age`).
    pub max_audit_age: Duration,
    /// The most bytes that are kept of a user's last observation; 0 keeps none (`max_observation_size`).
    pub max_observation_size: usize,
}

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process, or another handle in this one, has it open.
    #[error("store {path} is in use by another gateway")]
    InUse {
        /// The store's folder.
        path: PathBuf,
    },
    /// A newer version of the gateway made it.
    #[error(
        "store was made by a newer version: its schema is {found}, this version knows up to {supported}"
    )]
    Newer {
        /// The schema version found.
        found: u32,
        /// The newest one that this version knows.
        supported: u32,
    },
    /// The file is not a store, or is damaged.
    #[error("store file {path} is damaged or not a store: {detail}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The folder or a file in it cannot be made or read.
    #[error("store folder {path} cannot be used: {source}")]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The database refuses for another reason.
    #[error("store file {path} cannot be opened: {detail}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database says.
        detail: String,
    },
}

/// A handle on the open store; clones share it. The last one that is dropped closes it.
#[derive(Debug, Clone)]
pub struct Store<E: Events> {
    shared: Arc<Shared<E>>,
}

/// What the test of a full disk asks for.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// The file may not grow by a page.
    None,
    /// It may grow as usual.
    Plenty,
}

#[derive(Debug)]
struct Shared<E: Events> {
    memory: Arc<Memory>,
    healthy: Arc<AtomicBool>,
    jobs: SyncSender<Job>,
    writer: Mutex<Option<JoinHandle<Result<(), StoreError>>>>,
    events: E,
    database: PathBuf,
    max_observation_size: usize,
    /// Held while a backup is made.
    backup: Mutex<()>,
}

impl<E: Events> Store<E> {
    /// Opens the store, making it if it is not there (folder 0700, files 0600), and reads all
    /// records into memory. Blocks; holds an OS lock on the folder until the store is closed.
    ///
    /// A store that is there and cannot be written is read all the same: it is not healthy then,
    /// refuses every write, and turns healthy when a later one finds that it can be written.
    pub fn open(config: Config, events: E) -> Result<Self, OpenError> {
        let folder = Folder::open(&config.folder)?;
        let database = folder.database();
        let connection = match folder.barrier() {
            None => connection::open(&database)?,
            Some(barrier) => connection::open_to_read(&database, barrier)?,
        };
        let memory = Arc::new(loading::load(&connection, &database)?);
        let healthy = Arc::new(AtomicBool::new(folder.barrier().is_none()));
        let (jobs, waiting) = std::sync::mpsc::sync_channel(config.max_waiting.max(1));
        let writer = Writer::new(
            (connection, folder),
            memory.clone(),
            healthy.clone(),
            events.clone(),
            waiting,
            &config,
        );
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| OpenError::Folder { path: config.folder, source })?;
        let writer = Mutex::new(Some(writer));
        let backup = Mutex::default();
        let max_observation_size = config.max_observation_size;
        let shared = Shared {
            memory,
            healthy,
            jobs,
            writer,
            events,
            database,
            max_observation_size,
            backup,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Writes what waits and all marks, folds the log into the file, and releases the lock.
    /// Later commits answer `Closed`; reads go on from memory. Blocks until it is done; a second
    /// call does nothing.
    pub fn close(&self) -> Result<(), StoreError> {
        self.shared.close()
    }

    /// How far a directory was seen to have got by those who had the store open before.
    pub fn marker(&self, directory: &str) -> Option<String> {
        self.memory().marker(directory)
    }

    /// The accounts of the gateway's own, as they are on disk at each moment.
    pub fn shelf(&self) -> Arc<Shelf> {
        self.memory().accounts().clone()
    }

    /// From here on it is kept how far directories are seen to have got: with whatever is written
    /// anyway, and at the latest when marks are. Another call takes the place of this one.
    pub fn keep_markers(&self, of: Vec<(Arc<str>, Arc<dyn SeenMarker>)>) {
        self.memory().watch(of);
    }

    /// From here on somebody is told of each change of records and groups, first of all that there
    /// are, until nobody has it any more. Commits wait for the beginning.
    pub fn follow(&self, follower: &Arc<dyn RecordsFollower>) {
        self.memory().follow(follower);
    }

    /// Lets the file grow or not, so that a test can fill the disk.
    #[doc(hidden)]
    pub async fn set_room(&self, room: Room) -> Result<(), StoreError> {
        self.ask(|reply| Job::Room(room, reply)).await
    }

    /// All that is on disk as it is at one moment, in a file without a name, for its owner alone.
    /// Blocks until the file is on disk; commits do not wait for it.
    pub fn back_up(&self) -> Result<std::fs::File, BackupError> {
        let Ok(_alone) = self.shared.backup.try_lock() else { return Err(BackupError::UnderWay) };
        let path = self.shared.database.with_extension("backup");
        let copied = backup::copy(&self.shared.database, &path, &mut |_, _| {});
        // Whoever holds it open has it; a crash before this leaves it to the next one.
        backup::remove(&path)?;
        copied
    }

    /// Hands a job to the writer and waits for its answer.
    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        match self.shared.jobs.try_send(job(reply)) {
            Ok(()) => answer.await.unwrap_or(Err(StoreError::Closed)),
            Err(TrySendError::Full(_)) => {
                self.shared.events.emit(&Event::LimitHit { limit: "max_waiting", peer: None });
                Err(StoreError::Overloaded)
            }
            Err(TrySendError::Disconnected(_)) => Err(StoreError::Closed),
        }
    }

    /// Hands a job to the writer that nobody waits for; whether there was room for it.
    fn tell(&self, job: Job) -> bool {
        match self.shared.jobs.try_send(job) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.shared.events.emit(&Event::LimitHit { limit: "max_waiting", peer: None });
                false
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }

    /// What is to be kept of an observation, if that is something else than what is.
    fn to_keep(&self, key: &UserKey, of: &Recollection) -> Option<Kept> {
        let most = self.shared.max_observation_size;
        let kept = match most {
            0 => Kept::default(),
            _ => {
                let (kept, is_too_long) = Kept::new(of, most);
                if is_too_long {
                    let limit = "max_observation_size";
                    self.shared.events.emit(&Event::LimitHit { limit, peer: None });
                }
                kept
            }
        };
        (self.memory().observed(key) != Some(kept.digest)).then_some(kept)
    }

    fn memory(&self) -> &Memory {
        &self.shared.memory
    }
}

impl<E: Events> Shared<E> {
    /// The lock on the handle is held over the join, so that every caller returns after the end.
    fn close(&self) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(handle) = writer.take() else { return Ok(()) };
        if handle.thread().id() == std::thread::current().id() {
            // The last handle went while the writer told of an event: it cannot wait for itself,
            // and ends when the handle is gone.
            return Ok(());
        }
        // An error here means that the thread is gone already; joining it says why.
        let _ = self.jobs.send(Job::Close);
        handle.join().unwrap_or_else(|_| Err(StoreError::Failed("writer ended early".to_owned())))
    }

    fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Acquire)
    }
}

impl<E: Events> Drop for Shared<E> {
    fn drop(&mut self) {
        // Nobody is left to be told: the writer has sent an event if it failed.
        let _ = self.close();
    }
}
