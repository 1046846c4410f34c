//! Thousands of sessions that only bind share few connections, on workers with real threads.

use super::script::{BOUND, bounded, config, directory, until};
use bindgate::app::ports::{Fitness, Leased, Link, Links, Purpose};
use bindgate::proto::envelope::MessageId;
use bindgate::upstream::{Config, Directory, ExclusiveLinks, Lease};
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

const WORKERS: usize = 2;
const CONNECTIONS: usize = 8;
const SESSIONS: usize = 1500;
const SOURCES: usize = 4;
const BINDS: usize = 3;
/// How far one may be overtaken for waiting on another worker, and how many services may be under
/// way on the other thread between a session's two looks at the counter.
const SLACK: usize = 64 + 64;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Serves the pool's connections, on a thread of its own, until they are closed.
fn echo(listener: std::net::TcpListener) {
    runtime().block_on(async {
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let mut peers = Vec::new();
        for _ in 0..CONNECTIONS {
            let (mut tcp, _) = bounded(listener.accept()).await.unwrap();
            peers.push(tokio::spawn(async move {
                let (mut read, mut write) = tcp.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            }));
        }
        for peer in peers {
            bounded(peer).await.unwrap();
        }
    });
}

/// Binds, and between two binds keeps the connection until it is asked back.
async fn session(links: ExclusiveLinks, number: usize, served: Arc<AtomicUsize>) {
    let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, (number / WORKERS % SOURCES) as u8));
    for round in 0..BINDS {
        let before = served.load(SeqCst);
        let mut lease = match links.lease(Purpose::Bind, source) {
            Leased::Now(lease) => lease,
            Leased::Later(wait) => bounded(wait).await.expect("nobody is refused"),
        };
        let passed = served.fetch_add(1, SeqCst) - before;
        assert!(passed <= SESSIONS + SLACK * SOURCES, "{passed} were served before one who waited");
        exchange(&mut lease, number, round).await;
        lease.set_recallable(true);
        if number.is_multiple_of(3) {
            // Binds again at once if it is not asked back: a recall may be under way.
            lease.set_recallable(false);
            exchange(&mut lease, number, round).await;
            lease.set_recallable(true);
        }
        if round + 1 == BINDS || number.is_multiple_of(5) {
            lease.give_back(Fitness::Binds, MessageId::UNSOLICITED);
        } else if number.is_multiple_of(7) {
            bounded(poll_fn(|cx| until_asked_or_last(&mut lease, &served, cx))).await;
            lease.give_back(Fitness::Binds, MessageId::UNSOLICITED);
        } else {
            bounded(poll_fn(|cx| until_asked_or_last(&mut lease, &served, cx))).await;
            lease.set_recallable(false);
            lease.give_back(Fitness::Binds, MessageId::UNSOLICITED);
        }
    }
}

/// Once nearly all are served nobody asks any more.
fn until_asked_or_last(
    lease: &mut Lease,
    served: &AtomicUsize,
    cx: &mut std::task::Context<'_>,
) -> std::task::Poll<()> {
    let is_last = served.load(SeqCst) + 2 * CONNECTIONS >= SESSIONS * BINDS / 2;
    if is_last { std::task::Poll::Ready(()) } else { lease.poll_recalled(cx) }
}

async fn exchange(lease: &mut Lease, number: usize, round: usize) {
    let sent = [(number >> 8) as u8, number as u8, round as u8];
    bounded(lease.write_all(&sent)).await.unwrap();
    let mut back = [0; 3];
    bounded(lease.read_exact(&mut back)).await.unwrap();
    assert_eq!(back, sent);
}

fn worker(directory: &Directory, worker: usize, served: &Arc<AtomicUsize>, ended: &AtomicUsize) {
    runtime().block_on(async {
        let numbers = (0..SESSIONS).filter(|number| number % WORKERS == worker);
        let start = |number| tokio::spawn(session(directory.links(worker), number, served.clone()));
        for session in numbers.map(start).collect::<Vec<_>>() {
            session.await.unwrap();
        }
        // A worker's runtime lives as long as the pool is used.
        ended.fetch_add(1, SeqCst);
        until(|| ended.load(SeqCst) == WORKERS).await;
    });
}

#[test]
fn a_crowd_over_few_connections_is_served_in_turn_and_nobody_is_refused() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || echo(listener));
    let few = Config {
        max_connections: CONNECTIONS,
        max_connecting: CONNECTIONS,
        max_waiting: SESSIONS,
        max_waiting_per_source: SESSIONS,
        queue_timeout: BOUND,
        ..config(&[port])
    };
    let (directory, seen) = directory(&few);
    let (served, ended) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for number in 0..WORKERS {
            let (directory, served, ended) = (&directory, &served, &ended);
            scope.spawn(move || worker(directory, number, served, ended));
        }
    });
    assert_eq!(served.load(SeqCst), SESSIONS * BINDS);
    assert_eq!(seen.all(), [""; 0], "no limit was hit");
    directory.close();
    server.join().unwrap();
}
