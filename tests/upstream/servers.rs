//! Several servers of one directory: spread, failover, silence, return.

use super::lookups::spawn;
use super::pool::{SOURCE, later, made};
use super::script::{BOUND, Peer, SHORT, Server, bounded, closed_port, config, directory, until};
use bindgate::app::ports::{Fitness, Link, LinkError, Purpose, Seat, SeatNews, Shared};
use bindgate::proto::envelope::MessageId;
use bindgate::proto::op::Operation;
use bindgate::proto::result::ResultCode;
use bindgate::upstream::{Config, Directory, ServerChoice};
use std::future::poll_fn;

#[tokio::test]
async fn a_server_that_cannot_be_reached_gives_way_to_the_next_and_events_tell_of_changes_alone() {
    let server = Server::start().await;
    let (_closed, first) = closed_port();
    let (up, seen) = directory(&config(&[first, server.port]));
    let (_one, _peer_one) = made(&up.links(0), &server).await;
    let (_two, _peer_two) = made(&up.links(0), &server).await;
    assert!(up.is_up());
    assert_eq!(seen.all(), ["down"]);

    let (down, seen) = directory(&config(&[first]));
    for _ in 0..3 {
        let wait = later(&down.links(0), Purpose::Bind);
        assert_eq!(bounded(wait).await.err(), Some(LinkError::Unreachable));
    }
    assert!(!down.is_up());
    assert_eq!(seen.all(), ["down"]);
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_without_a_client() {
    let (socket, port) = closed_port();
    let (directory, seen) = directory(&config(&[port]));
    let wait = later(&directory.links(0), Purpose::Bind);
    assert_eq!(bounded(wait).await.err(), Some(LinkError::Unreachable));
    let listener = socket.listen(8).unwrap();
    directory.start(0);
    tokio::time::timeout(BOUND, listener.accept()).await.unwrap().unwrap();
    until(|| directory.is_up()).await;
    assert_eq!(seen.all(), ["down", "up"]);
}

/// `urls` were tried in order: one server carried all clients, the others none.
#[tokio::test]
async fn connections_are_spread_over_the_servers_that_are_up() {
    let (one, other) = (Server::start().await, Server::start().await);
    let four = Config { max_connections: 4, ..config(&[one.port, other.port]) };
    let (directory, _) = directory(&four);
    let links = directory.links(0);
    let mut held = vec![made(&links, &one).await, made(&links, &other).await];
    held.push(made(&links, &one).await);
    held.push(made(&links, &other).await);
    // The place of one that ended is taken at the same server.
    held.remove(1);
    held.push(made(&links, &other).await);
}

/// A server that takes connections and never answers was up all the same: it got its share of the
/// clients, and each of them waited for its bind's time-out.
#[tokio::test]
async fn a_server_that_left_a_bind_unanswered_gets_no_clients_until_it_has_answered_something() {
    let (mute, other) = (Server::start().await, Server::start().await);
    let quick =
        Config { max_connections: 8, connect_timeout: SHORT, ..config(&[mute.port, other.port]) };
    let (directory, seen) = directory(&quick);
    let links = directory.links(0);
    let (asked, _peer) = made(&links, &mute).await;
    let (served, _other_peer) = made(&links, &other).await;
    let (idle, mut idle_peer) = made(&links, &mute).await;
    idle.give_back(Fitness::Binds, MessageId::UNSOLICITED);
    asked.close_as_silent();
    assert_eq!(seen.all(), ["down"]);
    let goodbye = idle_peer.request().await.unwrap();
    assert_eq!(goodbye.operation, Operation::UnbindRequest, "nobody else is given this one");
    let mut held = vec![served];
    for _ in 0..3 {
        held.push(made(&links, &other).await.0);
    }
    directory.start(0);
    // It is asked something in the background; first it is as mute as before.
    drop(sounded(&mute).await);
    assert_eq!(seen.all(), ["down"]);
    let mut peer = sounded(&mute).await;
    peer.answer(MessageId::UNSOLICITED.next(), Operation::CompareResponse, ResultCode::OTHER).await;
    let _made = mute.accept().await;
    until(|| seen.all() == ["down", "up"]).await;
    made(&links, &mute).await;
}

/// The next connection on which the server is asked something, and not the desk's bind.
async fn sounded(server: &Server) -> Peer {
    loop {
        let mut peer = server.accept().await;
        if peer.request().await.is_some_and(|asked| asked.operation == Operation::CompareRequest) {
            return peer;
        }
    }
}

#[tokio::test]
async fn the_only_server_is_not_left_alone_for_one_answer_that_took_too_long() {
    let server = Server::start().await;
    let (directory, seen) = directory(&config(&[server.port]));
    let (lease, _peer) = made(&directory.links(0), &server).await;
    lease.close_as_silent();
    assert!(seen.all().is_empty());
    made(&directory.links(0), &server).await;
}

/// While another server worked, one that had been down was tried by clients alone, and what was
/// warm stayed where it was.
#[tokio::test]
async fn a_server_that_comes_back_is_found_and_gets_its_share_of_what_is_warm() {
    let (socket, port) = closed_port();
    let other = Server::start().await;
    let warm = Config { min_connections: 2, ..config(&[port, other.port]) };
    let (directory, seen) = directory(&warm);
    directory.start(0);
    directory.start(1);
    // Two of the pool, and the two desks for the gateway's own searches.
    let mut peers = Vec::new();
    for _ in 0..4 {
        peers.push(other.accept().await);
    }
    until(|| seen.all() == ["down"]).await;
    let back = socket.listen(8).unwrap();
    // One that finds out, and says goodbye; then one that stays, in place of one of the others.
    let mut kept = 0;
    while kept == 0 {
        let (tcp, _) = tokio::time::timeout(BOUND, back.accept()).await.unwrap().unwrap();
        let mut byte = [0];
        let peek = tcp.peek(&mut byte);
        kept += usize::from(tokio::time::timeout(SHORT, peek).await.is_err());
    }
    assert_eq!(seen.all(), ["down", "up"]);
    assert!(directory.is_up());
}

/// A search that shares a connection, once it has been sent.
async fn shared_search(directory: &Directory) -> impl Seat {
    let mut seat = directory.shared(0).anonymous(SOURCE);
    while seat.send(Operation::SearchRequest, &[0x63, 0]).is_none() {
        let news = bounded(poll_fn(|cx| seat.poll_news(cx))).await;
        assert_eq!(news, SeatNews::Place);
    }
    seat
}

/// All connections that clients share led to the first server, and counted nowhere.
#[tokio::test]
async fn shared_connections_count_when_connections_are_spread_and_are_made_where_there_are_fewest()
{
    let (one, other) = (Server::start().await, Server::start().await);
    let four = Config { max_connections: 4, ..config(&[one.port, other.port]) };
    let (directory, _) = directory(&four);
    let links = directory.links(0);
    let _first = made(&links, &one).await;
    let (_seat, mut peer) = tokio::join!(shared_search(&directory), other.accept());
    peer.search().await;
    // They are even: the first again, and then the other.
    let _second = made(&links, &one).await;
    let _third = made(&links, &other).await;
    assert!(one.is_left_alone().await && other.is_left_alone().await);
}

#[tokio::test]
async fn a_shared_connection_is_made_to_a_server_that_is_up_and_its_search_is_sent_again_there() {
    let other = Server::start().await;
    let one = Server::start().await;
    let (directory, seen) = directory(&config(&[one.port, other.port]));
    let (mut seat, mut peer) = tokio::join!(shared_search(&directory), one.accept());
    peer.search().await;
    drop((peer, one));
    let mut second = other.accept().await;
    let id = second.search().await;
    second.done(id, ResultCode::SUCCESS).await;
    let responses = bounded(poll_fn(|cx| seat.poll_responses(cx))).await;
    assert_eq!(responses.iter().count(), 1);
    assert_eq!(seen.all(), ["down", "retried"]);
}

fn first(ports: &[u16]) -> Config {
    Config { max_connections: 8, server_choice: ServerChoice::First, ..config(ports) }
}

/// A bind by one server and the reads behind it by another: what the one knew the other did not
/// know yet, and the sign-on wrote down an older state.
#[tokio::test]
async fn binds_and_the_gateways_own_reads_go_to_one_server_until_it_fails_and_then_to_the_next() {
    let (one, other) = (Server::start().await, Server::start().await);
    let port = one.port;
    let (directory, seen) = directory(&first(&[port, other.port]));
    let links = directory.links(0);
    let mut held = vec![made(&links, &one).await, made(&links, &one).await];
    let (idle, mut idle_peer) = made(&links, &one).await;
    let asked = spawn(directory.lookups(0));
    let mut reads = one.accept_bound().await;
    let id = reads.search().await;
    reads.done(id, ResultCode::SUCCESS).await;
    assert_eq!(bounded(asked).await.unwrap(), Ok(vec![]));
    assert!(other.is_left_alone().await);

    // The first takes no new connections; what it has taken it still serves.
    drop(one);
    held.push(made(&links, &other).await);
    assert_eq!(seen.all(), ["down"]);
    idle.give_back(Fitness::Binds, MessageId::UNSOLICITED);
    held.push(made(&links, &other).await);
    assert!(idle_peer.request().await.is_none(), "nobody is given that one");
    let asked = spawn(directory.lookups(0));
    let goodbye = reads.request().await.expect("it says goodbye");
    assert_eq!(goodbye.operation, Operation::UnbindRequest);
    let mut reads = other.accept_bound().await;
    let id = reads.search().await;
    reads.done(id, ResultCode::SUCCESS).await;
    assert_eq!(bounded(asked).await.unwrap(), Ok(vec![]));

    // It comes back, and is not gone back to: it may have missed something.
    let back = Server::again(port);
    directory.start(0);
    until(|| seen.all() == ["down", "up"]).await;
    back.accept().await;
    held.push(made(&links, &other).await);
    assert!(back.is_left_alone().await);
}
