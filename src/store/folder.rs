//! The store's folder: made, closed to others, and locked.

use super::OpenError;
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const LOCK: &str = "bindgate.lock";
const DATABASE: &str = "bindgate.sqlite";
/// What SQLite adds to the database's name for the files beside it.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The folder under lock; dropping it releases the lock.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
    /// Why nothing can be written here, if nothing can.
    barrier: Option<String>,
}

impl Folder {
    /// Makes the folder if it is not there, locks it, and makes the database's file, empty, if it
    /// is not there. A folder that exists keeps its mode; the files in it are closed to others.
    ///
    /// Where a store is but cannot be written, it is locked for reading: who is shut out is better
    /// read from a disk that failed than not known.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Folder { path, source }
        };
        make(path).map_err(at(path))?;
        let lock_at = path.join(LOCK);
        let (lock, mut barrier) = match private(&lock_at) {
            Ok(lock) => (lock, None),
            Err(refused) => match File::open(&lock_at) {
                Ok(lock) => (lock, Some(refused.to_string())),
                Err(_) => return Err(at(&lock_at)(refused)),
            },
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { path: path.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(at(&path.join(LOCK))(source)),
        }
        let mut folder = Self { path: path.to_owned(), _lock: lock, barrier: None };
        if barrier.is_none()
            && let Err(refused) = folder.prepare_files()
        {
            if !folder.holds_a_store() {
                return Err(at(path)(refused));
            }
            barrier = Some(refused.to_string());
        }
        folder.barrier = barrier;
        Ok(folder)
    }

    /// Why nothing can be written here, if nothing can.
    pub(super) fn barrier(&self) -> Option<&str> {
        self.barrier.as_deref()
    }

    /// Whether the store's files can be written now.
    pub(super) fn can_be_written(&self) -> bool {
        self.prepare_files().is_ok()
    }

    /// The store was opened anew, and is written from here on.
    pub(super) fn lift_barrier(&mut self) {
        self.barrier = None;
    }

    fn holds_a_store(&self) -> bool {
        std::fs::metadata(self.database()).is_ok_and(|file| file.len() > 0)
    }

    /// Where the database is.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// SQLite gives the files that it makes beside the database the database's own mode.
    fn prepare_files(&self) -> io::Result<()> {
        private(&self.database())?;
        for suffix in COMPANIONS {
            let companion = self.path.join(format!("{DATABASE}{suffix}"));
            if companion.exists() {
                std::fs::set_permissions(companion, Permissions::from_mode(FILE_MODE))?;
            }
        }
        // The new names have to survive a loss of power like all that will be written under them.
        File::open(&self.path)?.sync_all()
    }
}

fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

fn private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    Ok(file)
}
