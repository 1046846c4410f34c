//! A listener with bounds: so many connections at once, each for so long.

use axum::serve::Listener;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// How long one connection may last, from its acceptance to the last byte of its one answer. It
/// bounds the time for headers, for a body, for the work and for a client that reads slowly.
pub(super) const MAX_CONNECTION_TIME: Duration = Duration::from_secs(30);

/// Accepts a connection when a place is free; until then the kernel's queue holds those who wait.
pub(super) struct Limited {
    listener: TcpListener,
    places: Arc<Semaphore>,
    life: Duration,
    tell_full: Box<dyn Fn() + Send>,
}

impl Limited {
    /// `tell_full` is called each time that all places are taken.
    pub(super) fn new(
        listener: TcpListener,
        max_clients: usize,
        life: Duration,
        tell_full: impl Fn() + Send + 'static,
    ) -> Self {
        let places = Arc::new(Semaphore::new(max_clients.clamp(1, Semaphore::MAX_PERMITS)));
        Self { listener, places, life, tell_full: Box::new(tell_full) }
    }
}

impl Listener for Limited {
    type Io = Timed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Timed, SocketAddr) {
        if self.places.available_permits() == 0 {
            (self.tell_full)();
        }
        let place = self.places.clone().acquire_owned().await;
        let place = place.expect("the semaphore is never closed");
        // axum's own acceptor retries, with a pause where descriptors have run out
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        let deadline = Box::pin(tokio::time::sleep(self.life));
        (Timed { stream, deadline, _place: place }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that fails once its time is up, and frees its place when it is dropped.
pub(super) struct Timed {
    stream: TcpStream,
    deadline: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Timed {
    fn check_time(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.deadline.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Timed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_time(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Timed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_time(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use tokio::io::AsyncReadExt;

    async fn limited(
        max_clients: usize,
        life: Duration,
    ) -> (Limited, SocketAddr, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let told = Arc::new(AtomicUsize::new(0));
        let count = told.clone();
        let tell = move || _ = count.fetch_add(1, Relaxed);
        (Limited::new(listener, max_clients, life, tell), address, told)
    }

    #[tokio::test]
    async fn a_connection_is_accepted_only_while_a_place_is_free() {
        let (mut limited, address, told) = limited(1, MAX_CONNECTION_TIME).await;
        let _first = TcpStream::connect(address).await.unwrap();
        let (held, _) = limited.accept().await;
        let second = TcpStream::connect(address).await.unwrap();
        let turns = async {
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            _ = limited.accept() => panic!("more connections than places"),
            () = turns => {}
        }
        assert_eq!(told.load(Relaxed), 1);
        drop(held);
        let (_io, peer) = limited.accept().await;
        assert_eq!(peer, second.local_addr().unwrap());
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_is_let_go_when_its_time_is_up() {
        let (mut limited, address, _) = limited(1, Duration::ZERO).await;
        let _silent = TcpStream::connect(address).await.unwrap();
        let (mut stream, _) = limited.accept().await;
        let error = stream.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
