//! Bytes that must not be seen: wiped when dropped, never printed, never copied by accident.

use zeroize::Zeroizing;

/// A secret. It has neither `Debug` nor `Clone`.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes bytes in.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the one place that has to send or compare them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}
