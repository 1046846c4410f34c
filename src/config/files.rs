//! Whether the files that a configuration names are there, readable, and what they should be.

use super::problem::{Problems, Severity};
use super::reader::{FileKind, FileUse};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use zeroize::Zeroizing;

/// The most bytes of a certificate or key file that are looked at.
const MAX_PEM: u64 = 1 << 20;

/// Notes what is wrong with the files.
pub(super) fn check_files(files: &[FileUse], problems: &mut Problems) {
    for file in files {
        if let Err(error) = check_file(file, problems) {
            let message = format!("{} cannot be read: {error}", file.path.display());
            let help = match error.kind() {
                io::ErrorKind::NotFound => "relative paths start at this file's folder",
                io::ErrorKind::PermissionDenied => "the user that runs bindgate has to read it",
                _ => "",
            };
            problems.push(Severity::Error, file.span.clone(), message, help);
        }
    }
}

fn check_file(file: &FileUse, problems: &mut Problems) -> io::Result<()> {
    let opened = File::open(&file.path)?;
    let metadata = opened.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    let found = match file.kind {
        FileKind::Certificates => Finding::of_pem(&opened, "CERTIFICATE-----", "certificate")?,
        FileKind::PrivateKey => Finding::of_pem(&opened, "PRIVATE KEY-----", "private key")?,
        FileKind::Password => Finding::of_password(&opened)?,
    };
    let path = file.path.display();
    if let Finding::Lacks(what) = found {
        let message = format!("{path} holds no {what}");
        problems.push(Severity::Error, file.span.clone(), message, found.help());
    }
    if file.kind != FileKind::Certificates && is_open_to_all(&metadata) {
        let message = format!("{path} can be read by every user of this machine");
        let help = format!("chmod 600 {path}");
        problems.push(Severity::Warning, file.span.clone(), message, help);
    }
    Ok(())
}

/// What a look into a file gave.
enum Finding {
    /// What was looked for.
    Sound,
    /// That it is missing.
    Lacks(&'static str),
}

impl Finding {
    fn of_pem(file: &File, mark: &str, what: &'static str) -> io::Result<Self> {
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(MAX_PEM).read_to_end(&mut bytes)?;
        let found = bytes.windows(mark.len()).any(|window| window == mark.as_bytes());
        Ok(if found { Self::Sound } else { Self::Lacks(what) })
    }

    /// An empty password would be an unauthenticated bind (RFC 4513 section 5.1.2).
    fn of_password(file: &File) -> io::Result<Self> {
        let mut start = Zeroizing::new(Vec::new());
        file.take(3).read_to_end(&mut start)?;
        let is_empty = matches!(start.as_slice(), b"" | b"\n" | b"\r\n");
        Ok(if is_empty { Self::Lacks("password") } else { Self::Sound })
    }

    fn help(&self) -> &'static str {
        match self {
            Self::Lacks("password") => "one line with the password",
            _ => "a file in PEM form, which begins with -----BEGIN",
        }
    }
}

#[cfg(unix)]
fn is_open_to_all(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn is_open_to_all(_metadata: &Metadata) -> bool {
    false
}
