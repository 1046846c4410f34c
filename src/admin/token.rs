//! Tokens as text: the first admin's, a file that is made if it is missing, and those that are made on
//! request. Only a digest of each is kept.

use crate::app::tokens::Digest;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;
use zeroize::Zeroizing;

/// The random bytes of a token that is made here.
const TOKEN_BYTES: usize = 32;
/// What a token that is made on request begins with, so that it is known for one where it is found.
const PREFIX: &str = "bgt_";
/// The fewest characters that a token may have.
const MIN_TOKEN: usize = 16;
/// The most bytes of a token file, line end included.
const MAX_FILE: u64 = 1024;

/// Why there is no admin token.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The folder that should hold the file is not there.
    #[error("folder of the admin token file {0} does not exist")]
    NoFolder(PathBuf),
    /// The file could not be read or made.
    #[error("admin token file {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// What the file holds is no token.
    #[error(
        "admin token file {0} must hold one line of {MIN_TOKEN} to 1000 visible ASCII characters"
    )]
    Unusable(PathBuf),
    /// The system gave no random bytes.
    #[error("no random bytes for an admin token")]
    NoRandomness,
}

/// What a bearer token is compared with: the SHA-256 digest of the one in the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FirstToken {
    digest: Digest,
}

impl FirstToken {
    /// Reads the token of a file; makes one of 32 random bytes in hex, with mode 0600, if the file
    /// is missing. Its folder has to exist.
    pub fn load_or_create(path: &Path) -> Result<Self, TokenError> {
        match read(path) {
            Ok(text) => Ok(Self::new(&text)),
            Err(TokenError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                if folder.is_some_and(|folder| !folder.is_dir()) {
                    return Err(TokenError::NoFolder(path.to_owned()));
                }
                create(path).map(|text| Self::new(&text))
            }
            Err(error) => Err(error),
        }
    }

    /// The token with this text.
    pub fn new(text: &str) -> Self {
        Self { digest: digest_of(text.as_bytes()) }
    }

    /// Whether this is the token. The time it takes does not tell how much of it is right.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        self.is(&digest_of(candidate)).into()
    }

    pub(super) fn is(&self, candidate: &Digest) -> Choice {
        candidate.0.ct_eq(&self.digest.0)
    }
}

/// The text of a token file, without its line end.
pub fn read(path: &Path) -> Result<Zeroizing<String>, TokenError> {
    let io_error = |source| TokenError::Io { path: path.to_owned(), source };
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE as usize + 1));
    let file = File::open(path).map_err(io_error)?;
    warn_if_shared(path, &file);
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(io_error)?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default().trim_end_matches(['\r', '\n']);
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if bytes.len() as u64 > MAX_FILE || text.len() < MIN_TOKEN || !is_visible {
        return Err(TokenError::Unusable(path.to_owned()));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// Others on this machine who can read the token can use it; that may be meant, so it is only told.
fn warn_if_shared(path: &Path, file: &File) {
    let is_shared = file.metadata().is_ok_and(|found| found.permissions().mode() & 0o077 != 0);
    if is_shared {
        tracing::warn!("admin token file {} can be read by others than its owner", path.display());
    }
}

/// What is kept of a token.
pub(super) fn digest_of(token: &[u8]) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, token).as_ref());
    Digest(bytes)
}

/// A new token, which nobody can guess.
pub(super) fn made() -> Result<Zeroizing<String>, TokenError> {
    let random = random()?;
    Ok(Zeroizing::new(format!("{PREFIX}{}", random.as_str())))
}

/// Random bytes in hex.
fn random() -> Result<Zeroizing<String>, TokenError> {
    let mut random = Zeroizing::new([0u8; TOKEN_BYTES]);
    SystemRandom::new().fill(random.as_mut()).map_err(|_| TokenError::NoRandomness)?;
    let mut text = Zeroizing::new(String::with_capacity(2 * TOKEN_BYTES));
    for byte in random.iter() {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    Ok(text)
}

fn create(path: &Path) -> Result<Zeroizing<String>, TokenError> {
    let text = random()?;
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| write_whole(&mut file, &text).inspect_err(|_| forget(path)));
    written.map_err(|source| TokenError::Io { path: path.to_owned(), source })?;
    Ok(text)
}

fn write_whole(file: &mut File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Takes half a token away, so that the next start makes a whole one.
fn forget(path: &Path) {
    let _ = std::fs::remove_file(path);
}
