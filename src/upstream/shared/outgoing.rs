//! Requests on their way to a server. They may hold passwords, so what was used is wiped, also
//! when the buffer grows.

use crate::domain::secret::{wipe, wipe_out};

/// The most bytes of capacity that an empty buffer keeps.
const KEPT_CAPACITY: usize = 4 * 1024;

/// Bytes that are to be sent.
#[derive(Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outgoing {
    /// What waits.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// Whether a message was sent in part.
    pub(super) fn is_begun(&self) -> bool {
        self.sent > 0
    }

    /// Where messages are appended; there is room for `additional` bytes.
    pub(super) fn append(&mut self, additional: usize) -> &mut Vec<u8> {
        if self.bytes.capacity() - self.bytes.len() < additional {
            let wanted =
                (self.bytes.len() + additional).max(self.bytes.capacity().saturating_mul(2));
            let mut grown = Vec::with_capacity(wanted);
            grown.extend_from_slice(&self.bytes);
            wipe(&mut self.bytes);
            self.bytes = grown;
        }
        &mut self.bytes
    }

    /// So many bytes more were sent; once all were, they are wiped.
    pub(super) fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent >= self.bytes.len() {
            wipe_out(&mut self.bytes);
            self.sent = 0;
            if self.bytes.capacity() > KEPT_CAPACITY {
                self.bytes = Vec::new();
            }
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_forgotten_and_the_rest_stays() {
        let mut outgoing = Outgoing::default();
        outgoing.append(3).extend_from_slice(b"abc");
        outgoing.sent(1);
        outgoing.append(9000).extend_from_slice(b"def");
        assert_eq!((outgoing.rest(), outgoing.is_begun()), (&b"bcdef"[..], true));
        outgoing.sent(5);
        assert!(outgoing.is_empty() && !outgoing.is_begun());
        assert!(outgoing.bytes.capacity() <= KEPT_CAPACITY);
    }
}
