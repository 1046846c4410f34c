//! Shared connections over pipes, on a paused clock: many clients, one directory that answers what
//! the test lets it.

mod again;
mod random;

use super::{Dial, Kind, SharedCommon, SharedLimits, SharedLinks, SharedSeat, Told};
use crate::app::ports::{LinkError, Part, Responses, Seat, SeatNews, Shared, SharedId};
use crate::proto::ber;
use crate::proto::envelope::{Envelope, MessageId, UpstreamMessageId, write_with_body};
use crate::proto::framing::{Frame, frame};
use crate::proto::op::Operation;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long something may take that has to happen; shorter than every limit here.
const SOON: Duration = Duration::from_millis(500);
const INBOX_TIMEOUT: Duration = Duration::from_secs(10);
const QUEUE_TIMEOUT: Duration = Duration::from_secs(20);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// A search, and its end.
const SEARCH: &[u8] = &[0x63, 0];
const DONE: &[u8] = &[0x65, 7, 10, 1, 0, 4, 0, 4, 0];

/// What the directory's end of the test knows.
struct House {
    links: SharedLinks,
    ends: mpsc::UnboundedReceiver<DuplexStream>,
    up: Arc<Mutex<bool>>,
    limits_hit: Arc<Mutex<Vec<&'static str>>>,
}

struct Pipes {
    ends: mpsc::UnboundedSender<DuplexStream>,
    up: Arc<Mutex<bool>>,
}

impl Dial for Pipes {
    type Stream = DuplexStream;

    async fn dial(&self) -> Result<(DuplexStream, MessageId), LinkError> {
        if !*self.up.lock().unwrap() {
            return Err(LinkError::Unreachable);
        }
        let (near, far) = duplex(1 << 20);
        self.ends.send(far).map_err(|_| LinkError::Closed)?;
        Ok((near, MessageId::UNSOLICITED))
    }
}

impl House {
    fn new(connections: usize, outstanding: usize) -> Self {
        let (sender, ends) = mpsc::unbounded_channel();
        let (up, limits_hit) = (Arc::new(Mutex::new(true)), Arc::new(Mutex::new(Vec::new())));
        let limits = SharedLimits {
            connections,
            outstanding,
            inbox: 1000,
            inbox_timeout: INBOX_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            message: 1 << 16,
            queue_timeout: QUEUE_TIMEOUT,
        };
        let hits = limits_hit.clone();
        let tell = move |told| {
            hits.lock().unwrap().push(match told {
                Told::LimitHit(limit, _) => limit,
                Told::Repeated => "repeated",
            });
        };
        let common = SharedCommon::new("corp", true, SOON, tell);
        let kind = || Kind { limits, dial: Pipes { ends: sender.clone(), up: up.clone() } };
        Self { links: SharedLinks::new(common, kind(), kind()), ends, up, limits_hit }
    }

    fn seat(&self) -> SharedSeat {
        self.links.anonymous(IpAddr::from([127, 0, 0, 1]))
    }

    /// The directory's end of the next connection.
    async fn end(&mut self) -> End {
        let stream = soon(self.ends.recv()).await.expect("a connection is opened");
        End { stream, buffer: Vec::new() }
    }

    async fn expect_no_connection(&mut self) {
        assert!(timeout(SOON, self.ends.recv()).await.is_err(), "another connection was opened");
    }
}

/// The directory's end of a connection.
struct End {
    stream: DuplexStream,
    buffer: Vec<u8>,
}

impl End {
    async fn message(&mut self) -> Option<Vec<u8>> {
        loop {
            let found = frame(&self.buffer, 1 << 16).expect("the gateway speaks LDAP");
            if let Frame::Whole(length) = found {
                return Some(self.buffer.drain(..length).collect());
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The next request's messageID and operation, and the number that an abandon is about.
    async fn heard(&mut self) -> (u32, Operation, i64) {
        let pdu = soon(self.message()).await.expect("the connection is open");
        let message = Envelope::parse(&pdu).expect("the gateway speaks LDAP");
        (message.id.get(), message.operation, ber::integer(message.content).unwrap_or(0))
    }

    async fn expect_searches(&mut self, ids: impl IntoIterator<Item = u32>) {
        for id in ids {
            assert_eq!(self.heard().await, (id, Operation::SearchRequest, 0));
        }
    }

    async fn expect_abandon(&mut self, of: i64) {
        let (_, operation, about) = self.heard().await;
        assert_eq!((operation, about), (Operation::AbandonRequest, of));
    }

    async fn expect_silence(&mut self) {
        assert!(timeout(SOON, self.message()).await.is_err(), "something was sent");
    }

    async fn expect_end(&mut self) {
        while let Some(pdu) = soon(self.message()).await {
            let operation = Envelope::parse(&pdu).expect("the gateway speaks LDAP").operation;
            assert_eq!(operation, Operation::UnbindRequest);
        }
    }

    async fn say(&mut self, id: u32, body: &[u8]) {
        let mut pdu = Vec::new();
        let id = MessageId::new(i64::from(id)).expect("the test's ids are in range");
        write_with_body(id, body, &mut pdu);
        self.stream.write_all(&pdu).await.expect("the gateway has not closed");
    }
}

fn entry(size: usize) -> Vec<u8> {
    let mut body = Vec::new();
    ber::write_element(&mut body, 0x64, &vec![b'x'; size]);
    body
}

async fn soon<F: Future>(future: F) -> F::Output {
    timeout(SOON, future).await.expect("it hangs")
}

/// Sends a search, as soon as there is a place.
async fn search(seat: &mut SharedSeat) -> Result<SharedId, LinkError> {
    loop {
        if let Some(id) = seat.send(Operation::SearchRequest, SEARCH) {
            return Ok(id);
        }
        match poll_fn(|cx| seat.poll_news(cx)).await {
            SeatNews::Place => {}
            SeatNews::NoPlace(error) => return Err(error),
            SeatNews::Overdue(limit) => panic!("{limit}"),
        }
    }
}

async fn asked(seat: &mut SharedSeat) -> SharedId {
    soon(search(seat)).await.expect("there is a place")
}

async fn responses(seat: &mut SharedSeat) -> Vec<(SharedId, Part)> {
    let taken: Responses = soon(poll_fn(|cx| seat.poll_responses(cx))).await;
    taken.iter().map(|(id, part, _)| (id, part)).collect()
}

/// Whether a search has no place now and does not get one soon.
async fn expect_no_place(seat: &mut SharedSeat) {
    assert!(timeout(SOON, search(seat)).await.is_err(), "there is a place");
}

/// Runs a test whose clock moves only when everybody waits.
fn paused<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
}

#[test]
fn connections_are_filled_one_after_another_up_to_both_limits() {
    paused(async {
        let mut house = House::new(2, 3);
        let mut seats: Vec<_> = (0..7).map(|_| house.seat()).collect();
        for seat in &mut seats[..6] {
            asked(seat).await;
        }
        let (mut one, mut two) = (house.end().await, house.end().await);
        one.expect_searches(1..=3).await;
        two.expect_searches(1..=3).await;
        expect_no_place(&mut seats[6]).await;
        house.expect_no_connection().await;
        assert!(house.limits_hit.lock().unwrap().contains(&"max_shared_connections"));
        two.say(2, DONE).await;
        asked(&mut seats[6]).await;
        two.expect_searches([4]).await;
    });
}

/// One that asks for everything and five that ask for one thing each: the five are served in turn
/// with the one, not behind all that it asks.
#[test]
fn places_that_come_free_go_round_among_those_who_wait() {
    paused(async {
        let mut house = House::new(1, 2);
        let mut greedy = house.seat();
        let served = Arc::new(Mutex::new(Vec::new()));
        let order = served.clone();
        tokio::spawn(async move {
            while search(&mut greedy).await.is_ok() {
                order.lock().unwrap().push(0);
            }
        });
        let mut end = house.end().await;
        end.expect_searches([1, 2]).await;
        for number in 1..=5 {
            let (mut seat, order) = (house.seat(), served.clone());
            tokio::spawn(async move {
                search(&mut seat).await.unwrap();
                order.lock().unwrap().push(number);
                std::future::pending::<()>().await;
            });
        }
        end.expect_silence().await;
        for id in 1..=12 {
            end.say(id, DONE).await;
            end.expect_searches([id + 2]).await;
        }
        // Two were there before the others came; then the one had its first turn, as it was first
        // to wait, and after the others the rest.
        tokio::task::yield_now().await;
        assert_eq!(*served.lock().unwrap(), [0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0]);
    });
}

#[test]
fn a_promised_place_that_is_not_used_goes_to_the_next() {
    paused(async {
        let mut house = House::new(1, 1);
        let [mut one, mut two, mut three] = [house.seat(), house.seat(), house.seat()];
        asked(&mut one).await;
        let mut end = house.end().await;
        assert_eq!(two.send(Operation::SearchRequest, SEARCH), None);
        assert_eq!(three.send(Operation::SearchRequest, SEARCH), None);
        end.say(1, DONE).await;
        assert_eq!(soon(poll_fn(|cx| two.poll_news(cx))).await, SeatNews::Place);
        two.give_up();
        assert_eq!(soon(poll_fn(|cx| three.poll_news(cx))).await, SeatNews::Place);
        drop(three);
        asked(&mut two).await;
        end.expect_searches([1, 2]).await;
    });
}

#[test]
fn a_client_that_does_not_take_its_responses_stops_its_connection_alone() {
    paused(async {
        let mut house = House::new(2, 8);
        let [mut slow, mut other] = [house.seat(), house.seat()];
        let of_slow = asked(&mut slow).await;
        let of_other = asked(&mut other).await;
        let mut end = house.end().await;
        end.expect_searches([1, 2]).await;
        for _ in 0..8 {
            end.say(1, &entry(300)).await;
        }
        end.say(2, DONE).await;
        assert!(timeout(SOON, poll_fn(|cx| other.poll_responses(cx))).await.is_err());
        // What is new goes to another connection, and is answered.
        let fresh = asked(&mut other).await;
        let mut second = house.end().await;
        second.expect_searches([1]).await;
        second.say(1, DONE).await;
        assert_eq!(responses(&mut other).await, [(fresh, Part::Last)]);
        // The slow one wakes up: everything comes, bit by bit and in order.
        let mut taken = Vec::new();
        while taken.len() < 8 {
            taken.extend(responses(&mut slow).await);
        }
        assert_eq!(taken, [(of_slow, Part::More); 8]);
        let full = |hits: &[&str]| hits.iter().filter(|hit| **hit == "max_inbox").count();
        assert_eq!(full(&house.limits_hit.lock().unwrap()), 1, "it is counted once");
        assert_eq!(responses(&mut other).await, [(of_other, Part::Last)]);
    });
}

#[test]
fn a_client_that_never_takes_its_responses_is_cut_off_and_the_connection_goes_on() {
    paused(async {
        let mut house = House::new(1, 8);
        let [mut slow, mut other] = [house.seat(), house.seat()];
        asked(&mut slow).await;
        let of_other = asked(&mut other).await;
        let mut end = house.end().await;
        end.expect_searches([1, 2]).await;
        for _ in 0..8 {
            end.say(1, &entry(300)).await;
        }
        end.say(2, DONE).await;
        let news = timeout(INBOX_TIMEOUT + SOON, poll_fn(|cx| slow.poll_news(cx))).await;
        assert_eq!(news.expect("it is cut off"), SeatNews::Overdue("inbox_timeout"));
        end.expect_abandon(1).await;
        assert_eq!(responses(&mut other).await, [(of_other, Part::Last)]);
        end.say(1, DONE).await;
        asked(&mut other).await;
        end.expect_searches([4]).await;
    });
}

#[test]
fn what_a_client_that_leaves_had_under_way_is_abandoned_and_its_late_answers_are_swallowed() {
    paused(async {
        let mut house = House::new(1, 2);
        let [mut one, mut other] = [house.seat(), house.seat()];
        let abandoned = asked(&mut one).await;
        asked(&mut one).await;
        let mut end = house.end().await;
        end.expect_searches([1, 2]).await;
        one.abandon(abandoned, None);
        end.expect_abandon(1).await;
        drop(one);
        end.expect_abandon(2).await;
        for id in [1, 2] {
            end.say(id, &entry(3)).await;
            end.say(id, DONE).await;
        }
        let id = asked(&mut other).await;
        end.expect_searches([5]).await;
        end.say(5, DONE).await;
        assert_eq!(responses(&mut other).await, [(id, Part::Last)]);
    });
}

#[test]
fn nobody_abandons_or_cancels_what_another_client_asked() {
    paused(async {
        let mut house = House::new(1, 4);
        let [mut one, mut other] = [house.seat(), house.seat()];
        let id = asked(&mut one).await;
        let mut end = house.end().await;
        end.expect_searches([1]).await;
        other.abandon(id, None);
        assert_eq!(other.cancel(id), None);
        let elsewhere = SharedId { connection: 9, message: UpstreamMessageId(MessageId::MAX) };
        assert_eq!(one.cancel(elsewhere), None);
        end.expect_silence().await;
        let cancel = one.cancel(id).expect("it is its own");
        assert_eq!(end.heard().await.1, Operation::ExtendedRequest);
        end.say(1, &[0x65, 7, 10, 1, 118, 4, 0, 4, 0]).await;
        end.say(2, &[0x78, 7, 10, 1, 0, 4, 0, 4, 0]).await;
        let mut ended = responses(&mut one).await;
        while ended.len() < 2 {
            ended.extend(responses(&mut one).await);
        }
        assert_eq!(ended, [(id, Part::Last), (cancel, Part::Last)]);
    });
}

/// Whatever ends a connection ends what is under way on it, and nothing else.
#[test]
fn a_connection_that_is_odd_ends_what_is_under_way_on_it_and_the_next_is_another() {
    let notice = [
        &[0x78, 0x1f, 10, 1, 2, 4, 0, 4, 0, 0x8a, 0x16][..],
        crate::proto::oid::NOTICE_OF_DISCONNECTION,
    ]
    .concat();
    let oddities: [(u32, &[u8]); 6] = [
        (9, DONE),
        (1, &[0x61, 7, 10, 1, 0, 4, 0, 4, 0]),
        (1, &[0x63, 0]),
        (2, &[0x7a, 0]),
        (0, &notice),
        (0, &[0x65, 0]),
    ];
    for (id, body) in oddities {
        paused(async {
            let mut house = House::new(2, 1);
            let [mut one, mut other] = [house.seat(), house.seat()];
            let (lost, kept) = (asked(&mut one).await, asked(&mut other).await);
            let (mut end, mut second) = (house.end().await, house.end().await);
            end.expect_searches([1]).await;
            end.say(id, body).await;
            assert_eq!(responses(&mut one).await, [(lost, Part::Lost)], "{id} {body:02x?}");
            end.expect_end().await;
            second.expect_searches([1]).await;
            second.say(1, DONE).await;
            assert_eq!(responses(&mut other).await, [(kept, Part::Last)]);
            let next = asked(&mut one).await;
            assert_ne!(next.connection, lost.connection);
        });
    }
}

#[test]
fn bytes_that_are_no_ldap_end_a_connection() {
    for bytes in [&[0x30, 0x80, 0, 0][..], &[0x04, 0], &[0x30, 3, 2, 1, 1], &[0x30, 0x84, 0x7f]] {
        paused(async {
            let mut house = House::new(1, 1);
            let mut seat = house.seat();
            let lost = asked(&mut seat).await;
            let mut end = house.end().await;
            end.expect_searches([1]).await;
            end.stream.write_all(bytes).await.unwrap();
            end.stream.write_all(&[0xff, 0xff, 0xff]).await.unwrap();
            assert_eq!(responses(&mut seat).await, [(lost, Part::Lost)], "{bytes:02x?}");
        });
    }
}

#[test]
fn an_unknown_response_and_an_unsolicited_notification_are_skipped() {
    paused(async {
        let mut house = House::new(1, 1);
        let mut seat = house.seat();
        let id = asked(&mut seat).await;
        let mut end = house.end().await;
        end.expect_searches([1]).await;
        end.say(1, &[0x7a, 0]).await;
        end.say(0, &[0x78, 7, 10, 1, 0, 4, 0, 4, 0]).await;
        end.say(1, DONE).await;
        assert_eq!(responses(&mut seat).await, [(id, Part::Last)]);
    });
}

#[test]
fn who_waits_is_told_if_no_connection_can_be_made_and_may_ask_again() {
    paused(async {
        let mut house = House::new(2, 1);
        *house.up.lock().unwrap() = false;
        let [mut one, mut other] = [house.seat(), house.seat()];
        assert_eq!(soon(search(&mut one)).await, Err(LinkError::Unreachable));
        *house.up.lock().unwrap() = true;
        asked(&mut one).await;
        // With a connection there, one that cannot have a second waits for a place on the first.
        *house.up.lock().unwrap() = false;
        expect_no_place(&mut other).await;
        let mut end = house.end().await;
        end.say(1, DONE).await;
        asked(&mut other).await;
        end.expect_searches([1, 2]).await;
    });
}

/// A server that takes connections and drops them would be asked for ever.
#[test]
fn a_server_that_drops_every_connection_is_not_asked_without_end() {
    paused(async {
        let mut house = House::new(1, 1);
        let [mut one, mut other] = [house.seat(), house.seat()];
        let lost = asked(&mut one).await;
        assert_eq!(other.send(Operation::SearchRequest, SEARCH), None);
        drop(house.end().await);
        let news = soon(poll_fn(|cx| other.poll_news(cx))).await;
        assert_eq!(news, SeatNews::NoPlace(LinkError::Unreachable));
        // What was under way is tried once more.
        drop(house.end().await);
        assert_eq!(responses(&mut one).await, [(lost, Part::Lost)]);
        house.expect_no_connection().await;
    });
}

#[test]
fn a_connection_is_closed_when_it_was_idle_for_long_and_when_the_gateway_ends() {
    paused(async {
        let mut house = House::new(1, 1);
        let mut seat = house.seat();
        asked(&mut seat).await;
        let mut end = house.end().await;
        end.expect_searches([1]).await;
        end.say(1, DONE).await;
        assert_eq!(responses(&mut seat).await.len(), 1);
        end.expect_silence().await;
        tokio::time::advance(IDLE_TIMEOUT).await;
        end.expect_end().await;
        asked(&mut seat).await;
        let mut end = house.end().await;
        end.expect_searches([1]).await;
        house.links.close();
        assert_eq!(soon(search(&mut house.seat())).await, Err(LinkError::Closed));
        end.say(1, DONE).await;
        assert_eq!(responses(&mut seat).await.len(), 1);
        end.expect_end().await;
    });
}
