//! A connection as the pool keeps it: its bytes, and what has to go with it from lease to lease.

use super::servers::Seat;
use super::stream::Stream;
use crate::proto::envelope::MessageId;
use std::io;

/// A connection of the pool.
pub(super) struct Warm {
    /// Its bytes.
    pub(super) stream: Stream,
    /// The messageID that was used on it last: the next lease goes on from there.
    pub(super) last_id: MessageId,
    /// The server that it leads to, which counts it for as long as it lives.
    pub(super) seat: Seat,
}

impl Warm {
    /// One that was just made.
    pub(super) fn new(stream: Stream, seat: Seat) -> Self {
        Self { stream, last_id: MessageId::UNSOLICITED, seat }
    }

    /// Registers the connection with the runtime that this is called in.
    pub(super) fn rehome(self) -> io::Result<Self> {
        Ok(Self { stream: self.stream.rehome()?, ..self })
    }

    /// Whether an idle connection is still good: alive, and to a server that clients go to.
    pub(super) fn is_good(&mut self) -> bool {
        !self.seat.is_shunned() && self.stream.is_alive()
    }

    /// Sends an unbind if that takes no waiting; the connection is to be dropped then.
    pub(super) fn say_goodbye(&mut self) {
        self.stream.say_goodbye();
    }
}
