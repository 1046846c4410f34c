//! A certificate for 127.0.0.1, made for one test.

use super::folder::TestFolder;
use std::path::PathBuf;

/// A self-signed certificate and its key, as PEM files.
pub struct Certificate {
    /// The certificate, which is its own authority.
    pub certificate: PathBuf,
    /// The private key.
    pub private_key: PathBuf,
}

impl Certificate {
    /// Makes one in `folder`.
    pub fn make(folder: &TestFolder) -> Self {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("the names are valid");
        Self {
            certificate: folder.write("gateway.pem", made.cert.pem()),
            private_key: folder.write("gateway.key", made.signing_key.serialize_pem()),
        }
    }
}
