//! Files that are there as a whole or not at all.

use super::exit::{Exit, Failure};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file for its owner alone that goes again unless it gets its place.
pub(super) struct Provisional {
    file: File,
    path: PathBuf,
    place: PathBuf,
}

/// What is done with a file that is in the place already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It stays, and it is an error.
    Free,
    /// It is replaced.
    Any,
}

impl Place {
    /// What `--force` means.
    pub(super) fn of(force: bool) -> Self {
        if force { Self::Any } else { Self::Free }
    }
}

impl Provisional {
    /// An empty one, beside its place.
    pub(super) fn new(place: &Path) -> io::Result<Self> {
        let mut path = place.to_owned().into_os_string();
        path.push(format!(".{}.new", std::process::id()));
        let path = PathBuf::from(path);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { file, path, place: place.to_owned() })
    }

    /// One with that content.
    pub(super) fn with(place: &Path, bytes: &[u8]) -> io::Result<Self> {
        let mut provisional = Self::new(place)?;
        provisional.file().write_all(bytes)?;
        provisional.file.sync_all()?;
        Ok(provisional)
    }

    /// To write to.
    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Where it is for now.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where it is to be.
    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// Puts it into its place, on disk.
    pub(super) fn settle(self, place: Place) -> io::Result<()> {
        self.file.sync_all()?;
        match place {
            Place::Any => std::fs::rename(&self.path, &self.place)?,
            // A link, other than a rename, never takes the place of what is there.
            Place::Free => std::fs::hard_link(&self.path, &self.place)?,
        }
        let folder = self.place.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Provisional {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Why a file is not there.
pub(super) fn failed(path: &Path, error: &io::Error) -> Failure {
    let detail = format!("{} cannot be written: {error}", path.display());
    match error.kind() {
        io::ErrorKind::PermissionDenied => Failure::new(Exit::NotAllowed, "not-allowed", detail),
        io::ErrorKind::AlreadyExists => {
            Failure::new(Exit::Usage, "exists", detail + "; --force writes over it")
        }
        _ => Failure::new(Exit::Unavailable, "file", detail),
    }
}
