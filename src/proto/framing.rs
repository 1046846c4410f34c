//! Where one LDAPMessage ends and the next begins (RFC 4511 section 5.1).
//!
//! The declared length is looked at before anything is buffered, so a peer that announces a
//! gigabyte is refused after its first bytes.

use super::ber::{BerError, Header, SEQUENCE};
use thiserror::Error;

/// What stands at the start of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// A whole message of this many bytes.
    Whole(usize),
    /// Part of a message, which takes at least this many bytes in all.
    Partial(usize),
}

/// Why a stream cannot be cut into messages any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FramingError {
    /// The message does not begin with a SEQUENCE.
    #[error("message begins with tag {0:#04x}, not a sequence")]
    NotASequence(u8),
    /// The message announces more bytes than the limit allows.
    #[error("message of {declared} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// What the peer announced, header included.
        declared: usize,
        /// What is allowed.
        limit: usize,
    },
    /// The header is not BER.
    #[error(transparent)]
    Ber(#[from] BerError),
}

/// Looks for a message of at most `limit` bytes at the start of `buffer`.
pub fn frame(buffer: &[u8], limit: usize) -> Result<Frame, FramingError> {
    match buffer.first() {
        None => return Ok(Frame::Partial(2)),
        Some(&SEQUENCE) => {}
        Some(&other) => return Err(FramingError::NotASequence(other)),
    }
    let Some(header) = Header::read(buffer)? else {
        return Ok(Frame::Partial(buffer.len() + 1));
    };
    let total = header.total()?;
    if total > limit {
        return Err(FramingError::TooLarge { declared: total, limit });
    }
    Ok(if buffer.len() >= total { Frame::Whole(total) } else { Frame::Partial(total) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(buffer: &[u8], expected: Result<Frame, FramingError>) {
        assert_eq!(frame(buffer, 100), expected, "{buffer:02x?}");
    }

    #[test]
    fn the_declared_length_is_looked_at_before_anything_is_buffered() {
        check(&[], Ok(Frame::Partial(2)));
        check(&[0x30], Ok(Frame::Partial(2)));
        check(&[0x30, 3, 1], Ok(Frame::Partial(5)));
        check(&[0x30, 3, 1, 2, 3, 9, 9], Ok(Frame::Whole(5)));
        check(&[0x30, 0x82, 1], Ok(Frame::Partial(4)));
        let declared = 4 + 0x7fff;
        check(&[0x30, 0x82, 0x7f, 0xff], Err(FramingError::TooLarge { declared, limit: 100 }));
        check(&[0x04, 3], Err(FramingError::NotASequence(4)));
        check(&[0x30, 0x80], Err(FramingError::Ber(BerError::IndefiniteLength)));
    }

    proptest! {
        #[test]
        fn a_partial_frame_always_asks_for_more_than_there_is(bytes: Vec<u8>) {
            if let Ok(Frame::Partial(needed)) = frame(&bytes, 1 << 20) {
                prop_assert!(needed > bytes.len());
                prop_assert!(needed <= 1 << 20);
            }
        }
    }
}
