//! Bytes on their way in and out of a connection. They may hold passwords, so what was used is
//! wiped, also when a buffer grows; an idle connection keeps no capacity worth naming.

use crate::domain::secret;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// The most bytes of capacity that an empty buffer keeps.
const KEPT_CAPACITY: usize = 512;
/// How much room is made for a message that has been announced and not come, beyond as much again
/// as has come of it: an announcement costs its sender nothing.
const AHEAD: usize = 4 * 1024;

/// What passes through a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Requests, which may hold passwords: what was used is wiped.
    Requests,
    /// Responses.
    Responses,
}

/// Bytes that were received and not used yet.
pub(super) struct Inbound {
    bytes: Vec<u8>,
    content: Content,
}

impl Inbound {
    /// An empty buffer.
    pub(super) fn new(content: Content) -> Self {
        Self { bytes: Vec::new(), content }
    }

    /// What is there.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds bytes; room is made for `expected` in all, but not for much more than has come.
    pub(super) fn append(&mut self, bytes: &[u8], expected: usize) {
        let come = self.bytes.len() + bytes.len();
        let room = expected.min(come.saturating_mul(2).max(AHEAD));
        let additional = bytes.len().max(room.saturating_sub(self.bytes.len()));
        reserve(&mut self.bytes, additional, self.content);
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes everything out, to be handed back by [`Inbound::put_back`].
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Hands back what [`Inbound::take`] gave, of which the first `used` bytes were used.
    pub(super) fn put_back(&mut self, mut bytes: Vec<u8>, used: usize) {
        let rest = bytes.len() - used;
        if used > 0 {
            bytes.copy_within(used.., 0);
        }
        if self.content == Content::Requests {
            secret::wipe(&mut bytes[rest..]);
        }
        bytes.truncate(rest);
        self.bytes = bytes;
        release(&mut self.bytes);
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        wipe(&mut self.bytes, self.content);
    }
}

/// Bytes that are to be sent.
pub(super) struct Outbound {
    bytes: Vec<u8>,
    sent: usize,
    needs_flush: bool,
    has_moved: bool,
    content: Content,
}

impl Outbound {
    /// An empty buffer.
    pub(super) fn new(content: Content) -> Self {
        Self { bytes: Vec::new(), sent: 0, needs_flush: false, has_moved: false, content }
    }

    /// How many bytes wait.
    pub(super) fn waiting(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether everything has been handed to the network.
    pub(super) fn is_done(&self) -> bool {
        self.waiting() == 0 && !self.needs_flush
    }

    /// Whether the last call of [`Outbound::poll_send`] sent anything.
    pub(super) fn has_moved(&self) -> bool {
        self.has_moved
    }

    /// Where messages are appended; there is room for `additional` bytes.
    pub(super) fn append(&mut self, additional: usize) -> &mut Vec<u8> {
        let full = self.bytes.capacity() - self.bytes.len() < additional;
        if full && self.sent >= self.waiting() {
            self.forget_sent();
        }
        reserve(&mut self.bytes, additional, self.content);
        &mut self.bytes
    }

    /// Sends what waits, and wipes what was sent.
    pub(super) fn poll_send<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut W,
    ) -> Poll<io::Result<()>> {
        self.has_moved = false;
        while self.sent < self.bytes.len() {
            match ready!(Pin::new(&mut *stream).poll_write(cx, &self.bytes[self.sent..])) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    self.sent += count;
                    self.has_moved = true;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
            self.needs_flush = true;
        }
        if self.needs_flush {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.needs_flush = false;
            self.clear();
        }
        Poll::Ready(Ok(()))
    }

    /// Moves what waits to the front, once that is at most half: so each byte is moved about once,
    /// and a peer that always lags behind does not have all that it was ever sent kept.
    fn forget_sent(&mut self) {
        let waiting = self.waiting();
        self.bytes.copy_within(self.sent.., 0);
        if self.content == Content::Requests {
            secret::wipe(&mut self.bytes[waiting..]);
        }
        self.bytes.truncate(waiting);
        self.sent = 0;
    }

    fn clear(&mut self) {
        if self.content == Content::Requests {
            secret::wipe(&mut self.bytes);
        }
        self.bytes.clear();
        self.sent = 0;
        release(&mut self.bytes);
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        wipe(&mut self.bytes, self.content);
    }
}

fn wipe(bytes: &mut [u8], content: Content) {
    if content == Content::Requests {
        secret::wipe(bytes);
    }
}

/// Makes room by moving to a new buffer: the old one is wiped, which a reallocation would not do.
fn reserve(bytes: &mut Vec<u8>, additional: usize, content: Content) {
    if bytes.capacity() - bytes.len() >= additional {
        return;
    }
    let wanted = (bytes.len() + additional).max(bytes.capacity().saturating_mul(2));
    let mut grown = Vec::with_capacity(wanted);
    grown.extend_from_slice(bytes);
    wipe(bytes, content);
    *bytes = grown;
}

fn release(bytes: &mut Vec<u8>) {
    if bytes.is_empty() && bytes.capacity() > KEPT_CAPACITY {
        *bytes = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_stays_in_order() {
        let mut inbound = Inbound::new(Content::Requests);
        inbound.append(b"abc", 0);
        inbound.append(b"def", 100);
        let taken = inbound.take();
        assert!(taken.capacity() >= 100);
        inbound.put_back(taken, 4);
        assert_eq!(inbound.bytes(), b"ef");
    }

    /// A message that was announced had all its room made at once: four hundred clients that sent
    /// ten bytes each of two megabytes cost the memory of whole messages.
    #[test]
    fn an_announcement_alone_makes_no_room_and_what_comes_does() {
        let mut inbound = Inbound::new(Content::Requests);
        inbound.append(&[1; 10], 2 << 20);
        assert!(inbound.bytes.capacity() <= AHEAD, "{}", inbound.bytes.capacity());
        inbound.append(&[1; 100_000], 2 << 20);
        assert!(inbound.bytes.capacity() <= 250_000, "{}", inbound.bytes.capacity());
        inbound.append(&[1; 1 << 20], 0);
        assert_eq!(inbound.bytes().len(), 100_010 + (1 << 20));
    }

    #[test]
    fn an_empty_buffer_gives_its_capacity_back() {
        let mut inbound = Inbound::new(Content::Requests);
        inbound.append(&[7; 10_000], 0);
        let taken = inbound.take();
        inbound.put_back(taken, 10_000);
        assert!(inbound.bytes.capacity() <= KEPT_CAPACITY);
    }

    /// What was sent stayed in the buffer until nothing waited any more: a client that read a large
    /// result more slowly than the directory sent it had the whole of it kept.
    #[tokio::test]
    async fn a_peer_that_always_lags_behind_does_not_have_everything_kept() {
        use tokio::io::AsyncReadExt;
        let (mut near, mut far) = tokio::io::duplex(1000);
        let mut outbound = Outbound::new(Content::Requests);
        for round in 0..=255 {
            // The runtime stops pipes that are used for long without a pause.
            tokio::task::yield_now().await;
            outbound.append(1000).extend_from_slice(&[round; 1000]);
            std::future::poll_fn(|cx| Poll::Ready(outbound.poll_send(cx, &mut near).is_ready()))
                .await;
            // It stays three messages behind.
            let Some(read) = round.checked_sub(3) else { continue };
            let mut received = [0; 1000];
            far.read_exact(&mut received).await.expect("the pipe stays open");
            assert_eq!(received, [read; 1000]);
        }
        assert!(outbound.waiting() > 1000, "the peer caught up");
        assert!(outbound.bytes.capacity() < 32_000, "{}", outbound.bytes.capacity());
    }

    #[tokio::test]
    async fn everything_that_waits_is_sent_through_a_narrow_pipe() {
        use tokio::io::AsyncReadExt;
        let (mut near, mut far) = tokio::io::duplex(7);
        let mut outbound = Outbound::new(Content::Requests);
        outbound.append(1000).extend_from_slice(&[9; 1000]);
        let send = std::future::poll_fn(|cx| outbound.poll_send(cx, &mut near));
        let mut received = vec![0; 1000];
        let (sent, read) = tokio::join!(send, far.read_exact(&mut received));
        sent.and(read.map(drop)).expect("the pipe stays open");
        assert_eq!(received, [9; 1000]);
        assert!(outbound.is_done());
    }
}
