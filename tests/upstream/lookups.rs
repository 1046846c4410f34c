//! The gateway's own searches: each fault of a server has its own error.

use super::script::{Peer, SHORT, Server, bounded, closed_port, config, directory};
use bindgate::app::ports::{LookupError, Lookups};
use bindgate::proto::ber;
use bindgate::proto::bind;
use bindgate::proto::envelope::{MessageId, write_message};
use bindgate::proto::filter::Filter;
use bindgate::proto::op::Operation;
use bindgate::proto::result::{LdapResult, ResultCode};
use bindgate::proto::search::{Attribute, Entry, Scope, Search};
use bindgate::upstream::{Config, Directory, SecretSource, SharedLookups};

pub(crate) type Outcome = Result<Vec<Entry>, LookupError>;

fn search() -> Search {
    Search {
        base: "dc=example".to_owned(),
        scope: Scope::Subtree,
        filter: Filter::any_entry(),
        attributes: vec!["cn".to_owned()],
        size_limit: 0,
        time_limit: 0,
        controls: Vec::new(),
    }
}

fn entry(name: &str) -> Entry {
    let values = vec![name.as_bytes().to_vec()];
    let attributes = vec![Attribute { name: "cn".to_owned(), values }];
    Entry { dn: format!("cn={name}"), attributes }
}

fn entry_message(id: MessageId, name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    entry(name).write(&mut out, id);
    out
}

fn done_message(id: MessageId, code: ResultCode) -> Vec<u8> {
    let mut out = Vec::new();
    LdapResult::new(code, "").write(&mut out, id, Operation::SearchResultDone);
    out
}

pub(crate) fn spawn(lookups: SharedLookups) -> tokio::task::JoinHandle<Outcome> {
    tokio::spawn(async move { lookups.search(search()).await })
}

/// Plays `answer` to one search on a fresh connection and closes it.
#[track_caller]
fn check(name: &str, answer: impl Fn(MessageId) -> Vec<u8>, expected: Outcome) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(async {
        let server = Server::start().await;
        let (directory, _) = directory(&config(&[server.port]));
        let outcome = spawn(directory.lookups(0));
        let mut peer = server.accept_bound().await;
        let id = peer.search().await;
        let bytes = answer(id);
        peer.send(&bytes).await;
        drop(peer);
        bounded(outcome).await.unwrap()
    });
    assert_eq!(outcome, expected, "{name}");
}

fn joined(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn each_answer_has_its_outcome() {
    let ok = ResultCode::SUCCESS;
    let done = done_message;
    check("nothing", |id| done(id, ok), Ok(vec![]));
    let two = |id| joined(&[entry_message(id, "a"), entry_message(id, "b"), done(id, ok)]);
    check("entries", two, Ok(vec![entry("a"), entry("b")]));
    let limited = |id| joined(&[entry_message(id, "a"), done(id, ResultCode::SIZE_LIMIT_EXCEEDED)]);
    let size_limit = LookupError::Result(ResultCode::SIZE_LIMIT_EXCEEDED);
    check("size limit", limited, Err(size_limit));
    let reference = |id| {
        let mut out = Vec::new();
        let tag = Operation::SearchResultReference.tag();
        write_message(&mut out, id, tag, |out| {
            ber::write_element(out, ber::OCTET_STRING, b"ldap://elsewhere/");
        });
        joined(&[out, done(id, ok)])
    };
    check("reference", reference, Err(LookupError::Referral));
    let many = |id| joined(&vec![entry_message(id, "a"); 4]);
    check("too many entries", many, Err(LookupError::TooLarge));
}

#[test]
fn each_fault_has_its_error() {
    let ok = ResultCode::SUCCESS;
    let malformed = Err(LookupError::Malformed);
    let disconnected = Err(LookupError::Disconnected);
    check("closed", |_| vec![], disconnected.clone());
    check("half an answer", |id| entry_message(id, "a"), disconnected.clone());
    check("half a message", |id| entry_message(id, "a")[..9].to_vec(), disconnected.clone());
    let notice = |_| {
        let mut out = Vec::new();
        LdapResult::new(ResultCode::UNAVAILABLE, "going down").write_notice(&mut out);
        out
    };
    check("notice of disconnection", notice, disconnected);
    check("garbage", |_| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), malformed.clone());
    check("wrong id", |id| done_message(id.next(), ok), malformed.clone());
    let giant = |_| vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff];
    check("giant length", giant, malformed.clone());
    let wrong_type = |id| {
        let mut out = Vec::new();
        LdapResult::new(ok, "").write(&mut out, id, Operation::AddResponse);
        out
    };
    check("wrong type", wrong_type, malformed.clone());
    let bind = |id| {
        let mut out = Vec::new();
        bind::write_simple(&mut out, id, b"", b"");
        out
    };
    check("a request", bind, malformed);
}

/// A directory with one bound connection that has answered one search.
async fn warmed(server: &Server, config: &Config) -> (Directory, super::script::Seen, Peer) {
    let (directory, seen) = directory(config);
    let outcome = spawn(directory.lookups(0));
    let mut peer = server.accept_bound().await;
    let id = peer.search().await;
    peer.done(id, ResultCode::SUCCESS).await;
    bounded(outcome).await.unwrap().unwrap();
    (directory, seen, peer)
}

#[tokio::test]
async fn searches_share_a_connection_and_answers_may_come_in_any_order() {
    let server = Server::start().await;
    let (directory, _, mut peer) = warmed(&server, &config(&[server.port])).await;
    let (one, two) = (spawn(directory.lookups(0)), spawn(directory.lookups(0)));
    let (first, second) = (peer.search().await, peer.search().await);
    let answers = [
        entry_message(second, "b"),
        entry_message(first, "a"),
        done_message(second, ResultCode::SUCCESS),
        done_message(first, ResultCode::SUCCESS),
    ];
    peer.send(&joined(&answers)).await;
    assert_eq!(bounded(one).await.unwrap(), Ok(vec![entry("a")]));
    assert_eq!(bounded(two).await.unwrap(), Ok(vec![entry("b")]));
}

#[tokio::test]
async fn a_full_connection_is_joined_by_another() {
    let server = Server::start().await;
    let one_each = Config { max_outstanding_upstream: 1, ..config(&[server.port]) };
    let (directory, _, mut peer) = warmed(&server, &one_each).await;
    let one = spawn(directory.lookups(0));
    let first = peer.search().await;
    let two = spawn(directory.lookups(0));
    let mut other = server.accept_bound().await;
    let second = other.search().await;
    other.done(second, ResultCode::SUCCESS).await;
    bounded(two).await.unwrap().unwrap();
    peer.done(first, ResultCode::SUCCESS).await;
    bounded(one).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_search_on_a_connection_that_is_found_dead_is_sent_once_more() {
    let server = Server::start().await;
    let (directory, seen, mut peer) = warmed(&server, &config(&[server.port])).await;
    let outcome = spawn(directory.lookups(0));
    peer.search().await;
    drop(peer);
    let mut fresh = server.accept_bound().await;
    let id = fresh.search().await;
    fresh.done(id, ResultCode::SUCCESS).await;
    assert_eq!(bounded(outcome).await.unwrap(), Ok(vec![]));
    assert_eq!(seen.all(), ["retried"]);

    let outcome = spawn(directory.lookups(0));
    let id = fresh.search().await;
    fresh.send(&entry_message(id, "a")).await;
    drop(fresh);
    assert_eq!(bounded(outcome).await.unwrap(), Err(LookupError::Disconnected));
    assert_eq!(seen.all(), ["retried"], "part of an answer is no reason to ask again");
}

#[tokio::test]
async fn a_search_that_takes_too_long_is_abandoned_and_its_late_answer_swallowed() {
    let server = Server::start().await;
    let hasty = Config { search_timeout: SHORT, ..config(&[server.port]) };
    let (directory, _, mut peer) = warmed(&server, &hasty).await;
    let late = spawn(directory.lookups(0));
    let id = peer.search().await;
    // A word from the server, so that it is slow and not mute.
    peer.send(&entry_message(id, "a")).await;
    assert_eq!(bounded(late).await.unwrap(), Err(LookupError::Timeout));
    let abandon = peer.request().await.unwrap();
    assert_eq!(abandon.operation, Operation::AbandonRequest);
    assert_eq!(ber::integer(&abandon.content), Ok(i64::from(id.get())));
    peer.send(&joined(&[entry_message(id, "b"), done_message(id, ResultCode::SUCCESS)])).await;
    let next = spawn(directory.lookups(0));
    let id = peer.search().await;
    peer.done(id, ResultCode::SUCCESS).await;
    assert_eq!(bounded(next).await.unwrap(), Ok(vec![]));
}

#[tokio::test]
async fn a_connection_that_is_mute_for_a_whole_time_out_is_replaced() {
    let server = Server::start().await;
    let hasty = Config { search_timeout: SHORT, ..config(&[server.port]) };
    let (directory, _, mut peer) = warmed(&server, &hasty).await;
    let unanswered = spawn(directory.lookups(0));
    peer.search().await;
    assert_eq!(bounded(unanswered).await.unwrap(), Err(LookupError::Timeout));
    assert_eq!(peer.request().await.unwrap().operation, Operation::AbandonRequest);
    assert_eq!(peer.request().await.unwrap().operation, Operation::UnbindRequest);
    assert_eq!(peer.request().await, None);
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_abandoned_and_others_go_on() {
    let server = Server::start().await;
    let (directory, _, mut peer) = warmed(&server, &config(&[server.port])).await;
    let large = spawn(directory.lookups(0));
    let id = peer.search().await;
    peer.send(&joined(&vec![entry_message(id, "a"); 5])).await;
    assert_eq!(bounded(large).await.unwrap(), Err(LookupError::TooLarge));
    assert_eq!(peer.request().await.unwrap().operation, Operation::AbandonRequest);
    let next = spawn(directory.lookups(0));
    let id = peer.search().await;
    peer.done(id, ResultCode::SUCCESS).await;
    assert_eq!(bounded(next).await.unwrap(), Ok(vec![]));
}

#[tokio::test]
async fn a_refused_service_account_is_not_tried_in_a_storm() {
    let server = Server::start().await;
    let (directory, _) = directory(&config(&[server.port]));
    let refused = spawn(directory.lookups(0));
    let mut peer = server.accept().await;
    peer.answer_bind(ResultCode::INVALID_CREDENTIALS).await;
    assert_eq!(bounded(refused).await.unwrap(), Err(LookupError::ServiceAccount));
    for worker in [0, 1] {
        let outcome = bounded(spawn(directory.lookups(worker))).await.unwrap();
        assert_eq!(outcome, Err(LookupError::ServiceAccount));
    }
    assert!(server.is_left_alone().await);
}

#[tokio::test]
async fn a_password_that_cannot_be_read_or_is_empty_binds_nobody() {
    let empty = std::env::temp_dir().join(format!("bindgate-empty-{}", std::process::id()));
    std::fs::write(&empty, "\n").unwrap();
    for path in [empty.clone(), empty.with_extension("missing")] {
        let server = Server::start().await;
        let service_password = SecretSource::File(path);
        let (directory, _) = directory(&Config { service_password, ..config(&[server.port]) });
        let outcome = spawn(directory.lookups(0));
        let mut peer = server.accept().await;
        assert_eq!(peer.request().await, None);
        assert_eq!(bounded(outcome).await.unwrap(), Err(LookupError::ServiceAccount));
    }
    std::fs::remove_file(&empty).unwrap();
}

#[tokio::test]
async fn a_server_that_is_down_or_never_answers_fails_in_bounded_time() {
    let (_closed, port) = closed_port();
    let (down, seen) = directory(&config(&[port]));
    for _ in 0..3 {
        let outcome = bounded(spawn(down.lookups(0))).await.unwrap();
        assert_eq!(outcome, Err(LookupError::Unreachable));
    }
    assert_eq!(seen.all(), ["down"]);
    let server = Server::start().await;
    let hasty = Config { bind_timeout: SHORT, ..config(&[server.port]) };
    let (mute, _) = directory(&hasty);
    let outcome = spawn(mute.lookups(0));
    let _peer = server.accept().await;
    assert_eq!(bounded(outcome).await.unwrap(), Err(LookupError::Timeout));
}

#[tokio::test]
async fn closing_answers_those_who_wait_and_says_goodbye() {
    let server = Server::start().await;
    let (directory, _, mut peer) = warmed(&server, &config(&[server.port])).await;
    directory.close();
    assert_eq!(peer.request().await.unwrap().operation, Operation::UnbindRequest);
    let outcome = bounded(spawn(directory.lookups(0))).await.unwrap();
    assert_eq!(outcome, Err(LookupError::Disconnected));
}
