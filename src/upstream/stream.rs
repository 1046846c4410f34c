//! A connection's bytes: plain or over TLS, and movable from one worker's runtime to another's.

use socket2::SockRef;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// An unbind request under the greatest messageID, which no client's numbering reaches.
const UNBIND: [u8; 10] = [0x30, 0x08, 0x02, 0x04, 0x7f, 0xff, 0xff, 0xff, 0x42, 0x00];

/// A connection to a server.
pub(super) enum Stream {
    /// In clear.
    Plain(TcpStream),
    /// Over TLS, from the start or after StartTLS.
    Tls(Box<TlsStream<Socket>>),
}

/// What TLS runs on: a TCP stream that can be taken out to be registered with another runtime.
pub(super) struct Socket(Option<TcpStream>);

/// What a server sent on a connection that nothing was asked on.
#[derive(PartialEq, Eq)]
enum Silence {
    Kept,
    Broken,
    Ended,
}

impl Stream {
    /// Registers the connection with the runtime that this is called in.
    pub(super) fn rehome(self) -> io::Result<Self> {
        match self {
            Self::Plain(tcp) => move_here(tcp).map(Self::Plain),
            Self::Tls(mut tls) => {
                let socket = tls.get_mut().0;
                let tcp = socket.0.take().ok_or(ErrorKind::NotConnected)?;
                socket.0 = Some(move_here(tcp)?);
                Ok(Self::Tls(tls))
            }
        }
    }

    /// Whether an idle connection is still good: neither ended nor spoken on by the server, whose
    /// unsolicited words are a notice of disconnection.
    pub(super) fn is_alive(&mut self) -> bool {
        match self {
            Self::Plain(tcp) => listen(tcp) == Silence::Kept,
            Self::Tls(tls) => {
                let mut byte = [0];
                let mut space = ReadBuf::new(&mut byte);
                let mut cx = Context::from_waker(Waker::noop());
                // Reading takes up session tickets, which are no words of LDAP.
                if Pin::new(&mut **tls).poll_read(&mut cx, &mut space).is_ready() {
                    return false;
                }
                // Bytes that the reactor has not told of yet may be tickets: the benefit of doubt.
                tls.get_ref().0.0.as_ref().is_some_and(|tcp| listen(tcp) != Silence::Ended)
            }
        }
    }

    /// Sends an unbind if that takes no waiting; the connection is to be dropped then.
    pub(super) fn say_goodbye(&mut self) {
        match self {
            // A goodbye that is not taken at once is not said: the close that follows says it.
            Self::Plain(tcp) => drop(SockRef::from(&*tcp).send(&UNBIND)),
            Self::Tls(tls) => {
                let mut cx = Context::from_waker(Waker::noop());
                if let Poll::Ready(Ok(_)) = Pin::new(&mut **tls).poll_write(&mut cx, &UNBIND) {
                    let _ = Pin::new(&mut **tls).poll_shutdown(&mut cx);
                }
            }
        }
    }
}

impl Socket {
    /// Takes a TCP stream in.
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self(Some(tcp))
    }

    fn tcp(self: Pin<&mut Self>) -> io::Result<Pin<&mut TcpStream>> {
        let tcp = self.get_mut().0.as_mut().ok_or(ErrorKind::NotConnected)?;
        Ok(Pin::new(tcp))
    }
}

fn move_here(tcp: TcpStream) -> io::Result<TcpStream> {
    TcpStream::from_std(tcp.into_std()?)
}

/// Asks the kernel, not the reactor: that one may not have looked since the server spoke.
fn listen(tcp: &TcpStream) -> Silence {
    let mut byte = [MaybeUninit::uninit(); 1];
    match SockRef::from(tcp).peek(&mut byte) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Silence::Kept,
        Ok(0) | Err(_) => Silence::Ended,
        Ok(_) => Silence::Broken,
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(&mut **tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(&mut **tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(&mut **tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(&mut **tls).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Self::Tls(tls) => Pin::new(&mut **tls).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.tcp()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.tcp()?.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp()?.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.tcp()?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
