//! Secrets from where they are kept.

use super::SecretSource;
use crate::domain::secret::Secret;
use std::io::{self, ErrorKind, Read};

/// The most bytes of a secret's file.
const MAX_SECRET: u64 = 64 * 1024;

impl SecretSource {
    /// Reads the secret as it is now. One trailing newline of a file is dropped; a file of more
    /// than 64 KiB is no secret.
    pub fn read(&self) -> io::Result<Secret> {
        match self {
            Self::Environment(name) => {
                let value = std::env::var_os(name).ok_or(ErrorKind::NotFound)?;
                Ok(Secret::new(value.into_encoded_bytes()))
            }
            Self::File(path) => {
                let file = std::fs::File::open(path)?;
                let length = file.metadata()?.len();
                if length > MAX_SECRET {
                    return Err(ErrorKind::FileTooLarge.into());
                }
                // One more than there is, so that reading to the end moves nothing.
                let mut bytes = Vec::with_capacity(length as usize + 1);
                let read = file.take(length).read_to_end(&mut bytes);
                let newline =
                    if bytes.ends_with(b"\r\n") { 2 } else { usize::from(bytes.ends_with(b"\n")) };
                bytes.truncate(bytes.len() - newline);
                let secret = Secret::new(bytes);
                read.map(|_| secret)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &[u8], expected: &[u8]) {
        let name = format!("bindgate-secret-{}-{}", std::process::id(), content.len());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        let secret = SecretSource::File(path.clone()).read();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(secret.unwrap().expose(), expected);
    }

    #[test]
    fn one_trailing_newline_is_dropped_and_nothing_else() {
        check(b"", b"");
        check(b"\n", b"");
        check(b"ab", b"ab");
        check(b"cd\n", b"cd");
        check(b"ef\r\n", b"ef");
        check(b" gh\n\n", b" gh\n");
    }
}
