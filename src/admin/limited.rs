//! A listener with bounds: so many connections at once, so many of one source, each for so long.

use super::Limits;
use crate::domain::source::Source;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// How long accepting pauses when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// As good as never.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Who is told of a limit that was hit, and by whom.
type Hit = Arc<dyn Fn(&'static str, Option<SocketAddr>) + Send + Sync>;
type Counts = Arc<Mutex<HashMap<Source, usize>>>;

/// Accepts a connection when a place is free; until then the kernel's queue holds those who wait.
pub(super) struct Limited {
    listener: TcpListener,
    places: Arc<Semaphore>,
    of_source: usize,
    counts: Counts,
    request: Duration,
    transfer: Duration,
    hit: Hit,
}

impl Limited {
    /// `hit` is called each time that all places are taken, or those of a source.
    pub(super) fn new(
        listener: TcpListener,
        limits: Limits,
        hit: impl Fn(&'static str, Option<SocketAddr>) + Send + Sync + 'static,
    ) -> Self {
        let places = limits.max_clients.clamp(1, Semaphore::MAX_PERMITS);
        let of_source = limits.max_clients_per_address.max(1);
        let places = Arc::new(Semaphore::new(places));
        let (request, transfer) = (limits.request_timeout, limits.transfer_timeout);
        let (counts, hit) = (Counts::default(), Arc::new(hit));
        Self { listener, places, of_source, counts, request, transfer, hit }
    }

    /// The next connection whose source has not too many.
    pub(super) async fn accept(&mut self) -> (Timed, SocketAddr) {
        if self.places.available_permits() == 0 {
            (self.hit)("admin.max_clients", None);
        }
        let Ok(place) = self.places.clone().acquire_owned().await else {
            // Only a semaphore that is closed has none, and nobody closes it.
            return std::future::pending().await;
        };
        loop {
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) if is_the_clients(&error) => continue,
                Err(_) => {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(counted) = self.count(Source::of(peer.ip())) else {
                (self.hit)("admin.max_clients_per_address", Some(peer));
                continue;
            };
            let begun = Instant::now();
            let life = Life(Arc::new(Span {
                until_transferred: later(begun, self.transfer),
                is_transfer: AtomicBool::new(false),
            }));
            let deadline = Box::pin(tokio::time::sleep_until(later(begun, self.request)));
            let (hit, is_over) = (self.hit.clone(), false);
            let (_counted, _place) = (counted, place);
            let timed = Timed { stream, deadline, life, is_over, peer, hit, _counted, _place };
            return (timed, peer);
        }
    }

    fn count(&self, source: Source) -> Option<Counted> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(source).or_default();
        if *count >= self.of_source {
            return None;
        }
        *count += 1;
        Some(Counted { source, counts: self.counts.clone() })
    }
}

/// Whether an error of accept is about the one client that was to be accepted.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

/// Counts a connection of a source for as long as it lives.
struct Counted {
    source: Source,
    counts: Counts,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.source);
            }
        }
    }
}

/// So long after a moment, or as good as never.
fn later(begun: Instant, time: Duration) -> Instant {
    begun.checked_add(time).unwrap_or(begun + NEVER)
}

/// How long a connection may last, from its acceptance to the last byte of its one answer. It bounds the
/// time for headers, for a body, for the work and for a client that reads slowly.
#[derive(Clone)]
pub(super) struct Life(Arc<Span>);

struct Span {
    until_transferred: Instant,
    is_transfer: AtomicBool,
}

impl Life {
    /// What is asked for may be as long as what is kept: it has a time of its own.
    pub(super) fn is_for_a_transfer(&self) {
        self.0.is_transfer.store(true, Ordering::Release);
    }
}

/// A connection that fails once its time is up, and frees its place when it is dropped.
pub(super) struct Timed {
    stream: TcpStream,
    deadline: Pin<Box<Sleep>>,
    life: Life,
    is_over: bool,
    peer: SocketAddr,
    hit: Hit,
    _counted: Counted,
    _place: OwnedSemaphorePermit,
}

impl Timed {
    /// How long it may last.
    pub(super) fn life(&self) -> Life {
        self.life.clone()
    }

    fn check_time(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.deadline.as_mut().poll(cx).is_ready() {
            let Span { until_transferred, is_transfer } = &*self.life.0;
            let is_transfer = is_transfer.load(Ordering::Acquire);
            if is_transfer && *until_transferred > self.deadline.deadline() {
                self.deadline.as_mut().reset(*until_transferred);
                continue;
            }
            if !self.is_over {
                self.is_over = true;
                let limit = match is_transfer {
                    true => "admin.transfer_timeout",
                    false => "admin.request_timeout",
                };
                (self.hit)(limit, Some(self.peer));
            }
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
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
    use std::sync::Mutex;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    type Told = Arc<Mutex<Vec<&'static str>>>;

    async fn limited(most: [usize; 2], time: [Duration; 2]) -> (Limited, SocketAddr, Told) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let told = Told::default();
        let tell = told.clone();
        let hit = move |limit, _| tell.lock().unwrap().push(limit);
        let limits = Limits {
            max_clients: most[0],
            max_clients_per_address: most[1],
            max_header: 8192,
            max_body: 1,
            max_import: 1,
            header_timeout: Duration::MAX,
            request_timeout: time[0],
            transfer_timeout: time[1],
            max_token_rate: 1,
            max_source_rate: 1,
            max_tokens: 1,
        };
        (Limited::new(listener, limits, hit), address, told)
    }

    #[tokio::test]
    async fn a_connection_is_accepted_only_while_a_place_is_free() {
        let (mut limited, address, told) = limited([1, 9], [NEVER; 2]).await;
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
        assert_eq!(*told.lock().unwrap(), ["admin.max_clients"]);
        drop(held);
        let (_io, peer) = limited.accept().await;
        assert_eq!(peer, second.local_addr().unwrap());
    }

    #[tokio::test]
    async fn a_source_has_only_so_many_connections_and_others_have_theirs() {
        let (mut limited, address, told) = limited([9, 1], [NEVER; 2]).await;
        let _first = TcpStream::connect(address).await.unwrap();
        let (held, _) = limited.accept().await;
        let mut turned_away = TcpStream::connect(address).await.unwrap();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.9:0".parse().unwrap()).unwrap();
        let other = socket.connect(address).await.unwrap();
        let (_io, peer) = limited.accept().await;
        assert_eq!(peer, other.local_addr().unwrap());
        assert_eq!(turned_away.read(&mut [0]).await.unwrap(), 0, "it is closed");
        assert_eq!(*told.lock().unwrap(), ["admin.max_clients_per_address"]);
        drop(held);
        let third = TcpStream::connect(address).await.unwrap();
        assert_eq!(limited.accept().await.1, third.local_addr().unwrap());
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_is_let_go_when_its_time_is_up() {
        let (mut limited, address, told) = limited([1, 1], [Duration::ZERO; 2]).await;
        let _silent = TcpStream::connect(address).await.unwrap();
        let (mut stream, _) = limited.accept().await;
        for _ in 0..2 {
            let error = stream.read_u8().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
        assert_eq!(*told.lock().unwrap(), ["admin.request_timeout"], "that is told once");
    }

    #[tokio::test]
    async fn a_transfer_has_a_time_of_its_own_and_that_ends_too() {
        let time = [Duration::ZERO, Duration::from_secs(2)];
        let (mut limited, address, told) = limited([1, 1], time).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let (mut stream, _) = limited.accept().await;
        stream.life().is_for_a_transfer();
        client.write_all(b"x").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'x', "its request's time is long over");
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(*told.lock().unwrap(), ["admin.transfer_timeout"]);
    }
}
