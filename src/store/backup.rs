//! A backup of the records while the store is open, and a store set back to one.
//!
//! A backup is the database as it was at one moment, in one file. Writers do not wait for it: it reads
//! over a connection of its own, on which that moment lasts.

use super::connection::{self, APPLICATION_ID, open_error};
use super::folder::Folder;
use super::{OpenError, loading};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// How many pages are copied at a time: a mebibyte of the usual ones.
const PAGES: i32 = 256;
/// What SQLite adds to a database's name for the files beside it.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Why there is no backup, or no store set back to one.
#[derive(Debug, Error)]
pub enum BackupError {
    /// One is being made already.
    #[error("another backup is under way")]
    UnderWay,
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The database refuses.
    #[error("backup failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// The file is no backup of a store, or the store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There are records in the store already.
    #[error("the store in {path} has {records} records")]
    NotEmpty {
        /// The store's folder.
        path: PathBuf,
        /// How many there are.
        records: u64,
    },
}

/// How far a copy has come.
pub(super) type Tell<'a> = &'a mut dyn FnMut(u64, u64);

/// Copies the database at `from` as it is at one moment into a file of its own, for its owner alone,
/// and has it on disk. `tell` is told of pages that are done, and of all.
pub(super) fn copy(from: &Path, to: &Path, tell: Tell<'_>) -> Result<File, BackupError> {
    let at = |source| BackupError::File { path: to.to_owned(), source };
    remove(to)?;
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(to);
    let file = file.map_err(at)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags)?;
    // From the first read on this connection sees one state, whatever is written meanwhile.
    source.execute_batch("BEGIN")?;
    source.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let mut copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    {
        let backup = Backup::new(&source, &mut copy)?;
        while backup.step(PAGES)? != StepResult::Done {
            let progress = backup.progress();
            let number = |pages: std::ffi::c_int| u64::try_from(pages).unwrap_or(0);
            let all = number(progress.pagecount);
            tell(all.saturating_sub(number(progress.remaining)), all);
        }
    }
    // One file that needs no other beside it.
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    copy.close().map_err(|(_, error)| error)?;
    file.sync_all().map_err(at)?;
    Ok(file)
}

/// What is done with records that are in the store already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Present {
    /// They make it fail.
    Refused,
    /// They are replaced; the old database stays beside the new one.
    Replaced,
}

/// Sets the store in `folder` back to a backup, while nobody has it open. The backup is read as a whole
/// first, and brought up to the newest schema; the store that is there is replaced at once or not
/// at all. Gives how many records there are now.
pub fn restore(
    folder: &Path,
    backup: &Path,
    present: Present,
    tell: Tell<'_>,
) -> Result<u64, BackupError> {
    check(backup)?;
    let locked = Folder::open(folder)?;
    let database = locked.database();
    let records = records(&database).unwrap_or(0);
    if records > 0 && present == Present::Refused {
        return Err(BackupError::NotEmpty { path: folder.to_owned(), records });
    }
    let fresh = folder.join("bindgate.restored");
    let restored = take_up(backup, &fresh, tell).inspect_err(|_| drop(remove(&fresh)))?;
    put_aside(&database)?;
    let at = |source| BackupError::File { path: database.clone(), source };
    std::fs::rename(&fresh, &database).map_err(at)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at)?;
    Ok(restored)
}

/// Makes a copy of a backup, checks all of it, and brings it up to date.
fn take_up(backup: &Path, fresh: &Path, tell: Tell<'_>) -> Result<u64, BackupError> {
    copy(backup, fresh, tell)?;
    let connection = connection::open(fresh)?;
    loading::load(&connection, fresh)?;
    let records: i64 = connection.query_row("SELECT count(*) FROM users", [], |row| row.get(0))?;
    connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    connection.close().map_err(|(_, error)| error)?;
    let at = |source| BackupError::File { path: fresh.to_owned(), source };
    File::open(fresh).and_then(|file| file.sync_all()).map_err(at)?;
    Ok(u64::try_from(records).unwrap_or(0))
}

/// Whether a file is a store at all: SQLite takes an empty file for a database.
fn check(backup: &Path) -> Result<(), BackupError> {
    let fault = |error| open_error(backup, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    std::fs::metadata(backup)
        .map_err(|source| BackupError::File { path: backup.to_owned(), source })?;
    let connection = Connection::open_with_flags(backup, flags).map_err(fault)?;
    let id: i64 =
        connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(fault)?;
    if id != APPLICATION_ID {
        let detail = "it bears no mark of a store".to_owned();
        return Err(OpenError::Corrupt { path: backup.to_owned(), detail }.into());
    }
    Ok(())
}

/// How many records a database holds; `None` if that cannot be told.
fn records(database: &Path) -> Option<u64> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).ok()?;
    let count: i64 =
        connection.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).ok()?;
    // What is in the log goes into the file, so that the file alone is the store.
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    u64::try_from(count).ok()
}

/// Keeps the database under another name beside its own, and takes the files away that belong to it:
/// a log of the old database would be played into the new one.
fn put_aside(database: &Path) -> Result<(), BackupError> {
    let aside = with_suffix(database, ".replaced");
    for suffix in [""].into_iter().chain(COMPANIONS) {
        let (from, to) = (with_suffix(database, suffix), with_suffix(&aside, suffix));
        remove(&to)?;
        if from.exists() {
            let at = |source| BackupError::File { path: to.clone(), source };
            std::fs::hard_link(&from, &to).map_err(at)?;
        }
    }
    COMPANIONS.iter().try_for_each(|suffix| remove(&with_suffix(database, suffix)))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Takes a file away if it is there.
pub(super) fn remove(path: &Path) -> Result<(), BackupError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(BackupError::File { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}
