//! A connection together with its place at a server, which counts it for as long as it lives.

use super::servers::Seat;
use super::stream::Stream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection that does not change hands: the gateway's own, or one that clients share.
pub(super) struct Placed {
    stream: Stream,
    seat: Seat,
}

impl Placed {
    pub(super) fn new(stream: Stream, seat: Seat) -> Self {
        Self { stream, seat }
    }

    /// Its place.
    pub(super) fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Sends an unbind if that takes no waiting; the connection is to be dropped then.
    pub(super) fn say_goodbye(&mut self) {
        self.stream.say_goodbye();
    }
}

impl AsyncRead for Placed {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
