//! A directory in memory: one connection that answers whatever is sent on it from a script.

use bindgate::app::ports::{Fitness, Leased, Link, LinkError, Links, Purpose};
use bindgate::proto::envelope::MessageId;
use std::future::{Ready, ready};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What the directory sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// All bodies, in one read, for each request.
    Answer,
    /// All bodies, in one read, again and again after the first request.
    Stream,
}

/// Leases connections on which a script is played.
#[derive(Clone)]
pub(crate) struct Directory {
    script: Script,
    bodies: Arc<[Vec<u8>]>,
}

impl Directory {
    /// A directory that sends these bodies (operations with tag and length) under the messageID
    /// of the last request.
    pub(crate) fn new(script: Script, bodies: impl Into<Arc<[Vec<u8>]>>) -> Self {
        Self { script, bodies: bodies.into() }
    }
}

impl Links for Directory {
    type Link = Wire;
    type Wait = Ready<Result<Wire, LinkError>>;

    fn lease(&self, _: Purpose, _: IpAddr) -> Leased<Wire, Self::Wait> {
        let link = Wire { directory: self.clone(), id: Vec::with_capacity(6), turn: Turn::Nothing };
        // A worker that serves has warm connections; `Later` is for those that have not.
        match self.bodies.is_empty() {
            true => Leased::Later(ready(Err(LinkError::Unreachable))),
            false => Leased::Now(link),
        }
    }

    fn lease_fresh(&self, _: IpAddr) -> Self::Wait {
        ready(Err(LinkError::Unreachable))
    }
}

/// How far an answer is under way. Like a network's, it is never there in the poll that asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Nothing,
    UnderWay,
    There,
}

/// One connection to the directory.
pub(crate) struct Wire {
    directory: Directory,
    /// The messageID of the last request as it stood on the wire, with tag and length.
    id: Vec<u8>,
    turn: Turn,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.turn {
            Turn::Nothing => return Poll::Pending,
            Turn::UnderWay => {
                self.turn = Turn::There;
                return Poll::Pending;
            }
            Turn::There => {}
        }
        for body in self.directory.bodies.iter() {
            put_header(buffer, self.id.len() + body.len());
            buffer.put_slice(&self.id);
            buffer.put_slice(body);
        }
        self.turn = match self.directory.script {
            Script::Answer => Turn::Nothing,
            Script::Stream => Turn::UnderWay,
        };
        Poll::Ready(Ok(()))
    }
}

/// The envelope's tag and length; by hand, so that what is counted is the gateway's code alone.
fn put_header(buffer: &mut ReadBuf<'_>, length: usize) {
    match length {
        0..0x80 => buffer.put_slice(&[0x30, length as u8]),
        _ => buffer.put_slice(&[0x30, 0x82, (length >> 8) as u8, length as u8]),
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        assert!(bytes.len() > 4 && bytes[1] < 0x80, "requests are short");
        let end = 4 + usize::from(bytes[3]);
        self.id.clear();
        self.id.extend_from_slice(&bytes[2..end]);
        self.turn = Turn::UnderWay;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Link for Wire {
    fn last_id(&self) -> MessageId {
        MessageId::UNSOLICITED
    }

    fn set_recallable(&mut self, _: bool) {}

    fn poll_recalled(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn give_back(self, _: Fitness, _: MessageId) {}

    fn close_as_silent(self) {}
}
