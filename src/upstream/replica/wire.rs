//! The connection of a copy: messages one after another, as many at a time as have come.

use crate::app::ports::LookupError;
use crate::proto::envelope::{Envelope, MessageId};
use crate::proto::framing::{Frame, frame};
use crate::upstream::placed::Placed;
use std::ops::Range;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// A connection that is bound.
pub(super) struct Wire {
    stream: Placed,
    last_id: MessageId,
    limit: usize,
    inbound: Vec<u8>,
    /// How much of it was taken.
    taken: usize,
}

impl Wire {
    pub(super) fn new(stream: Placed, last_id: MessageId, limit: usize) -> Self {
        Self { stream, last_id, limit, inbound: Vec::new(), taken: 0 }
    }

    /// Whether the gateway's own reads have gone on to another server.
    pub(super) fn is_left(&self) -> bool {
        self.stream.seat().is_left()
    }

    /// The next messageID.
    pub(super) fn next_id(&mut self) -> MessageId {
        self.last_id = self.last_id.next();
        self.last_id
    }

    pub(super) async fn send(&mut self, message: &[u8]) -> Result<(), LookupError> {
        let sent = async {
            self.stream.write_all(message).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|_| LookupError::Disconnected)
    }

    /// Waits until there is a whole message. May be given up and called again.
    pub(super) async fn heard(&mut self) -> Result<(), LookupError> {
        while self.peek()?.is_none() {
            if self.taken > 0 {
                self.inbound.drain(..self.taken);
                self.taken = 0;
            }
            self.inbound.reserve(CHUNK);
            let count = self.stream.read_buf(&mut self.inbound).await;
            if count.map_err(|_| LookupError::Disconnected)? == 0 {
                return Err(LookupError::Disconnected);
            }
        }
        Ok(())
    }

    /// Takes the next message, if a whole one is there.
    pub(super) fn take(&mut self) -> Result<Option<Envelope<'_>>, LookupError> {
        let Some(place) = self.peek()? else { return Ok(None) };
        self.taken = place.end;
        Envelope::parse(&self.inbound[place]).map(Some).map_err(|_| LookupError::Malformed)
    }

    fn peek(&self) -> Result<Option<Range<usize>>, LookupError> {
        match frame(&self.inbound[self.taken..], self.limit) {
            Ok(Frame::Whole(length)) => Ok(Some(self.taken..self.taken + length)),
            Ok(Frame::Partial(_)) => Ok(None),
            Err(_) => Err(LookupError::Malformed),
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stream.say_goodbye();
    }
}
