//! A socket that LDAP messages come from.

use bindgate::proto::control::Control;
use bindgate::proto::envelope::Envelope;
use bindgate::proto::framing::{Frame, frame};
use bindgate::proto::{ber, oid};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest message that anybody sends here.
const LONGEST: usize = 1 << 20;

/// One end of a connection.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        // A socket that refuses the option still works, only more slowly.
        let _ = stream.set_nodelay(true);
        Self { stream, buffer: Vec::new() }
    }

    /// The next message; `None` at the end, and if what came is no LDAP. May be given up and
    /// called again.
    pub(crate) async fn message(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Frame::Whole(length) = frame(&self.buffer, LONGEST).ok()? {
                return Some(self.buffer.drain(..length).collect());
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// Sends bytes; `None` if the other side is gone.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.write_all(bytes).await.ok()
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        // Where the option is refused it is an ordinary close.
        let _ = self.stream.set_zero_linger();
    }
}

/// The cookie of a message's paged results control, if it has one.
pub(crate) fn cookie(envelope: &Envelope<'_>) -> Option<Vec<u8>> {
    let controls = Control::decode_all(envelope.controls?, 8).ok()?;
    let paged = controls.iter().find(|control| control.oid == oid::PAGED_RESULTS)?;
    let mut outer = ber::Reader::new(paged.value?);
    let mut fields = ber::Reader::new(outer.expect(ber::SEQUENCE).ok()?);
    fields.integer().ok()?;
    fields.octets().ok().map(<[u8]>::to_vec)
}
