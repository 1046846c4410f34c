//! Exclusive connections: leased, handed over, asked back, replaced.

use super::script::{Peer, SHORT, Server, bounded, config, directory, until};
use bindgate::app::ports::{Fitness, Leased, Link, LinkError, Links, Purpose};
use bindgate::proto::envelope::MessageId;
use bindgate::proto::op::Operation;
use bindgate::upstream::{Config, ExclusiveLinks, Lease, LeaseWait};
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[track_caller]
pub(crate) fn later(links: &ExclusiveLinks, purpose: Purpose) -> LeaseWait {
    match links.lease(purpose, SOURCE) {
        Leased::Later(wait) => wait,
        Leased::Now(_) => panic!("there should be no warm connection"),
    }
}

#[track_caller]
pub(crate) fn now(links: &ExclusiveLinks, purpose: Purpose) -> Lease {
    match links.lease(purpose, SOURCE) {
        Leased::Now(lease) => lease,
        Leased::Later(_) => panic!("there should be a warm connection"),
    }
}

pub(crate) async fn made(links: &ExclusiveLinks, server: &Server) -> (Lease, Peer) {
    let wait = later(links, Purpose::Bind);
    let (lease, peer) = tokio::join!(bounded(wait), server.accept());
    let lease = lease.unwrap();
    (lease, peer)
}

/// That bytes go both ways, and that both ends belong together.
async fn talk(lease: &mut Lease, peer: &mut Peer) {
    bounded(lease.write_all(b"ping")).await.unwrap();
    let mut bytes = [0; 4];
    bounded(peer.tcp.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(&bytes, b"ping");
    peer.send(b"pong").await;
    bounded(lease.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(&bytes, b"pong");
}

#[tokio::test]
async fn a_connection_that_was_given_back_is_leased_again_and_moves_to_the_worker_that_asks() {
    let server = Server::start().await;
    let (directory, _) = directory(&config(&[server.port]));
    let (mut lease, mut peer) = made(&directory.links(0), &server).await;
    talk(&mut lease, &mut peer).await;
    lease.give_back(Fitness::Binds, MessageId::UNSOLICITED);
    let mut lease = now(&directory.links(1), Purpose::Bind);
    talk(&mut lease, &mut peer).await;
    assert!(directory.is_up());
}

/// Numbers began anew with each lease, so that a late answer to one session's bind could be taken
/// for the answer to the next one's.
#[tokio::test]
async fn messageids_go_on_from_lease_to_lease() {
    let server = Server::start().await;
    let (directory, _) = directory(&config(&[server.port]));
    let (lease, _peer) = made(&directory.links(0), &server).await;
    assert_eq!(lease.last_id(), MessageId::UNSOLICITED);
    let seven = MessageId::new(7).unwrap();
    lease.give_back(Fitness::Binds, seven);
    let lease = now(&directory.links(1), Purpose::Bind);
    assert_eq!(lease.last_id(), seven);
    let (lease, other) = (lease, made(&directory.links(0), &server).await.0);
    // Who waits for a connection that comes back gets its numbers too.
    let wait = later(&directory.links(0), Purpose::Bind);
    lease.give_back(Fitness::Binds, MessageId::MAX);
    assert_eq!(bounded(wait).await.unwrap().last_id(), MessageId::MAX);
    drop(other);
}

/// The retry of a bind was given another warm connection, as dead as the first.
#[tokio::test]
async fn a_fresh_connection_is_none_that_lies_idle_and_takes_its_room() {
    for fitness in [Fitness::Binds, Fitness::Anonymous] {
        let server = Server::start().await;
        let only = Config { max_connections: 1, ..config(&[server.port]) };
        let (directory, _) = directory(&only);
        let links = directory.links(0);
        let (lease, mut peer) = made(&links, &server).await;
        lease.give_back(fitness, MessageId::UNSOLICITED);
        let (fresh, mut new_peer) =
            tokio::join!(bounded(links.lease_fresh(SOURCE)), server.accept());
        talk(&mut fresh.unwrap(), &mut new_peer).await;
        let goodbye = peer.request().await.unwrap();
        assert_eq!(goodbye.operation, Operation::UnbindRequest);
    }
}

#[tokio::test]
async fn a_lease_that_is_dropped_says_goodbye_and_its_place_goes_to_the_next() {
    let server = Server::start().await;
    let only = Config { max_connections: 1, ..config(&[server.port]) };
    let (directory, _) = directory(&only);
    let (lease, mut peer) = made(&directory.links(0), &server).await;
    let wait = later(&directory.links(1), Purpose::Bind);
    drop(lease);
    let unbind = peer.request().await.unwrap();
    assert_eq!((unbind.operation, unbind.id), (Operation::UnbindRequest, MessageId::MAX));
    assert_eq!(peer.request().await, None);
    let (lease, _peer) = tokio::join!(bounded(wait), server.accept());
    lease.unwrap();
}

#[tokio::test]
async fn nothing_is_sent_behind_half_a_message() {
    let server = Server::start().await;
    let (directory, _) = directory(&config(&[server.port]));
    let (mut lease, mut peer) = made(&directory.links(0), &server).await;
    // Fills both ends' buffers, so that a write is taken in part or not at all.
    let block = vec![b'x'; 1 << 20];
    while poll_fn(|cx| {
        use tokio::io::AsyncWrite;
        std::task::Poll::Ready(match std::pin::Pin::new(&mut lease).poll_write(cx, &block) {
            std::task::Poll::Ready(Ok(count)) => count == block.len(),
            _ => false,
        })
    })
    .await
    {}
    drop(lease);
    let mut all = Vec::new();
    let _ = bounded(peer.tcp.read_to_end(&mut all)).await;
    assert!(!all.is_empty() && all.iter().all(|byte| *byte == b'x'));
}

#[tokio::test]
async fn who_waits_gets_the_connection_that_comes_back_and_a_lost_place_passes_it_on() {
    let server = Server::start().await;
    let only = Config { max_connections: 1, ..config(&[server.port]) };
    let (directory, _) = directory(&only);
    let (lease, mut peer) = made(&directory.links(0), &server).await;
    let first = later(&directory.links(0), Purpose::Bind);
    let second = later(&directory.links(1), Purpose::Bind);
    let third = later(&directory.links(1), Purpose::Bind);
    assert_eq!(bounded(third).await.err(), Some(LinkError::QueueFull));
    // It arrives for the first, who never looks.
    lease.give_back(Fitness::Binds, MessageId::UNSOLICITED);
    drop(first);
    let mut lease = bounded(second).await.unwrap();
    talk(&mut lease, &mut peer).await;
    assert!(server.is_left_alone().await);
}

#[tokio::test]
async fn a_recallable_lease_is_asked_back_for_one_who_waits() {
    let server = Server::start().await;
    let only = Config { max_connections: 1, ..config(&[server.port]) };
    let (directory, _) = directory(&only);
    let mut peers = Vec::new();
    for is_recallable_first in [true, false] {
        let links = directory.links(0);
        let mut lease = match links.lease(Purpose::Bind, SOURCE) {
            Leased::Now(lease) => lease,
            Leased::Later(wait) => {
                let (lease, peer) = tokio::join!(bounded(wait), server.accept());
                peers.push(peer);
                lease.unwrap()
            }
        };
        if is_recallable_first {
            lease.set_recallable(true);
        }
        let session = tokio::spawn(async move {
            if !is_recallable_first {
                lease.set_recallable(true);
            }
            poll_fn(|cx| lease.poll_recalled(cx)).await;
            lease.give_back(Fitness::Binds, MessageId::UNSOLICITED);
        });
        if is_recallable_first {
            tokio::task::yield_now().await;
        }
        let lease = bounded(later(&directory.links(1), Purpose::Bind)).await.unwrap();
        bounded(session).await.unwrap();
        lease.give_back(Fitness::Binds, MessageId::UNSOLICITED);
    }
}

#[tokio::test]
async fn a_recall_that_the_session_overtakes_goes_to_another() {
    let server = Server::start().await;
    let (directory, _) = directory(&config(&[server.port]));
    let links = directory.links(0);
    let (mut one, _peer_one) = made(&links, &server).await;
    let (mut other, _peer_other) = made(&links, &server).await;
    one.set_recallable(true);
    let wait = later(&links, Purpose::Bind);
    other.set_recallable(true);
    one.set_recallable(false);
    bounded(poll_fn(|cx| other.poll_recalled(cx))).await;
    other.give_back(Fitness::Binds, MessageId::UNSOLICITED);
    bounded(wait).await.unwrap();
    // Nobody waits any more.
    one.set_recallable(true);
    let is_recalled = poll_fn(|cx| std::task::Poll::Ready(one.poll_recalled(cx).is_ready())).await;
    assert!(!is_recalled);
}

#[tokio::test]
async fn who_waits_too_long_is_told_and_leaves_the_queue() {
    let server = Server::start().await;
    let patience = Config { max_connections: 1, queue_timeout: SHORT, ..config(&[server.port]) };
    let (directory, _) = directory(&patience);
    let links = directory.links(0);
    let (lease, _peer) = made(&links, &server).await;
    let wait = later(&links, Purpose::Bind);
    assert_eq!(bounded(wait).await.err(), Some(LinkError::TimedOut));
    lease.give_back(Fitness::Binds, MessageId::UNSOLICITED);
    now(&links, Purpose::Bind);
}

#[tokio::test]
async fn an_idle_connection_that_ended_or_was_spoken_on_is_not_leased() {
    let server = Server::start().await;
    let (directory, _) = directory(&config(&[server.port]));
    let links = directory.links(0);
    let (ended, peer_ended) = made(&links, &server).await;
    let (spoken_on, mut peer_spoken_on) = made(&links, &server).await;
    ended.give_back(Fitness::Binds, MessageId::UNSOLICITED);
    spoken_on.give_back(Fitness::Binds, MessageId::UNSOLICITED);
    drop(peer_ended);
    peer_spoken_on.send(&[0x30]).await;
    let (_lease, _peer) = made(&links, &server).await;
}

#[tokio::test]
async fn an_anonymous_client_never_gets_a_connection_that_was_bound() {
    let server = Server::start().await;
    let only = Config { max_connections: 1, ..config(&[server.port]) };
    let (directory, _) = directory(&only);
    let links = directory.links(0);
    let (lease, _peer) = made(&links, &server).await;
    lease.give_back(Fitness::Anonymous, MessageId::UNSOLICITED);
    let lease = now(&links, Purpose::Anonymous);
    lease.give_back(Fitness::Binds, MessageId::UNSOLICITED);
    // The pool is full: the bound one makes room.
    let wait = later(&links, Purpose::Anonymous);
    let (lease, _peer) = tokio::join!(bounded(wait), server.accept());
    lease.unwrap();
}

#[tokio::test]
async fn the_minimum_is_warm_before_anybody_asks_and_is_filled_up_again() {
    let server = Server::start().await;
    let warm = Config { min_connections: 2, max_connections: 3, ..config(&[server.port]) };
    let (directory, _) = directory(&warm);
    directory.start(0);
    directory.start(1);
    // The two desks for the gateway's own searches come beside the two of the pool.
    let mut peers = Vec::new();
    for _ in 0..4 {
        peers.push(server.accept().await);
    }
    until(|| directory.is_up()).await;
    let mut leased = None;
    until(|| {
        if let Leased::Now(lease) = directory.links(0).lease(Purpose::Bind, SOURCE) {
            leased = Some(lease);
        }
        leased.is_some()
    })
    .await;
    peers.push(server.accept().await);
    directory.close();
    let wait = later(&directory.links(0), Purpose::Bind);
    assert_eq!(bounded(wait).await.err(), Some(LinkError::Closed));
}

#[test]
fn many_workers_share_few_connections_and_every_one_is_served() {
    const WORKERS: usize = 2;
    const CLIENTS: usize = 20;
    const ROUNDS: usize = 30;
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let echo = std::thread::spawn(move || {
        runtime().block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let mut peers = Vec::new();
            for _ in 0..3 {
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
    });
    let few = Config { max_connections: 3, max_waiting: 1000, ..config(&[port]) };
    let directory = std::sync::Arc::new(directory(&few).0);
    let finished = std::sync::Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let (directory, finished) = (directory.clone(), finished.clone());
            std::thread::spawn(move || {
                runtime().block_on(async {
                    let clients = (0..CLIENTS).map(|client| {
                        let links = directory.links(worker);
                        tokio::spawn(echo_and_give_back(links, client, ROUNDS))
                    });
                    for client in clients.collect::<Vec<_>>() {
                        bounded(client).await.unwrap();
                    }
                    // A worker's runtime lives as long as the pool is used.
                    finished.fetch_add(1, Ordering::SeqCst);
                    until(|| finished.load(Ordering::SeqCst) == WORKERS).await;
                });
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    directory.close();
    echo.join().unwrap();
}

async fn echo_and_give_back(links: ExclusiveLinks, client: usize, rounds: usize) {
    for round in 0..rounds {
        let mut lease = match links.lease(Purpose::Bind, SOURCE) {
            Leased::Now(lease) => lease,
            Leased::Later(wait) => bounded(wait).await.unwrap(),
        };
        let sent = [client as u8, round as u8];
        lease.write_all(&sent).await.unwrap();
        let mut back = [0; 2];
        lease.read_exact(&mut back).await.unwrap();
        assert_eq!(back, sent);
        if round % 2 == 0 {
            // Keeps it until it is asked back, or others would not have to ask.
            lease.set_recallable(true);
            let asked = poll_fn(|cx| lease.poll_recalled(cx));
            let _ = tokio::time::timeout(std::time::Duration::from_millis(1), asked).await;
        }
        lease.give_back(Fitness::Binds, MessageId::UNSOLICITED);
    }
}
