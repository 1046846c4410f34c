//! What is sent again after its connection was found dead, what is not, and what is waited for how
//! long.

use super::*;
use crate::proto::extended::ExtendedResponse;
use crate::proto::result::{LdapResult, ResultCode};

const COMPARE: &[u8] = &[0x6e, 0];
const MODIFY: &[u8] = &[0x66, 0];
const COMPARED: &[u8] = &[0x6f, 7, 10, 1, 6, 4, 0, 4, 0];

impl House {
    fn repeated(&self) -> usize {
        self.limits_hit.lock().unwrap().iter().filter(|told| **told == "repeated").count()
    }
}

#[test]
fn what_changes_nothing_is_sent_once_more_and_its_client_does_not_notice() {
    paused(async {
        let mut house = House::new(1, 8);
        let [mut one, mut other] = [house.seat(), house.seat()];
        let search = asked(&mut one).await;
        let compare = other.send(Operation::CompareRequest, COMPARE).expect("there is room");
        let modify = other.send(Operation::ModifyRequest, MODIFY).expect("there is room");
        let mut end = house.end().await;
        end.expect_searches([1]).await;
        drop(end);
        assert_eq!(responses(&mut other).await, [(modify, Part::Lost)]);
        let mut second = house.end().await;
        second.expect_searches([1]).await;
        assert_eq!(second.heard().await.1, Operation::CompareRequest);
        assert_eq!(house.repeated(), 2);
        second.say(2, COMPARED).await;
        assert_eq!(responses(&mut other).await, [(compare, Part::Last)]);
        // Once only.
        drop(second);
        assert_eq!(responses(&mut one).await, [(search, Part::Lost)]);
        house.expect_no_connection().await;
        assert_eq!(house.repeated(), 2);
    });
}

/// An answer that has begun is never made of two; nor is anything tried again that ended its
/// connection by what it was answered.
#[test]
fn nothing_is_sent_again_once_a_byte_of_an_answer_has_come() {
    let half = [0x30, 0x20, 2];
    for (message, bytes) in [(Some(entry(5)), &[][..]), (None, &half), (None, &[4, 0])] {
        paused(async {
            let mut house = House::new(1, 8);
            let mut seat = house.seat();
            let id = asked(&mut seat).await;
            let mut end = house.end().await;
            end.expect_searches([1]).await;
            if let Some(message) = &message {
                end.say(1, message).await;
                assert_eq!(responses(&mut seat).await, [(id, Part::More)]);
            }
            end.stream.write_all(bytes).await.unwrap();
            drop(end);
            assert_eq!(responses(&mut seat).await, [(id, Part::Lost)], "{bytes:02x?}");
            assert_eq!(house.repeated(), 0);
        });
    }
}

/// A server that goes away for maintenance says so.
#[test]
fn a_notice_that_the_server_goes_away_has_what_is_under_way_sent_again() {
    paused(async {
        let mut house = House::new(1, 8);
        let mut seat = house.seat();
        let id = asked(&mut seat).await;
        let mut end = house.end().await;
        end.expect_searches([1]).await;
        let mut notice = Vec::new();
        LdapResult::new(ResultCode::UNAVAILABLE, "").write_notice(&mut notice);
        end.stream.write_all(&notice).await.unwrap();
        let mut second = house.end().await;
        second.expect_searches([1]).await;
        second.say(1, DONE).await;
        assert_eq!(responses(&mut seat).await, [(id, Part::Last)]);
    });
}

#[test]
fn what_was_sent_again_is_abandoned_and_cancelled_by_the_name_that_its_client_knows() {
    paused(async {
        let mut house = House::new(1, 8);
        let mut seat = house.seat();
        let [one, two, three] =
            [asked(&mut seat).await, asked(&mut seat).await, asked(&mut seat).await];
        let mut end = house.end().await;
        end.expect_searches([1, 2, 3]).await;
        *house.up.lock().unwrap() = false;
        drop(end);
        // Without a connection there is nothing to wait for.
        let mut lost = Vec::new();
        while lost.len() < 3 {
            lost.extend(responses(&mut seat).await);
        }
        assert_eq!(lost, [one, two, three].map(|id| (id, Part::Lost)));
        *house.up.lock().unwrap() = true;
        let [one, two] = [asked(&mut seat).await, asked(&mut seat).await];
        let mut end = house.end().await;
        end.expect_searches([1, 2]).await;
        drop(end);
        let mut second = house.end().await;
        second.expect_searches([1, 2]).await;
        house.seat().abandon(one, None);
        assert_eq!(house.seat().cancel(two), None, "it is another client's");
        seat.abandon(one, None);
        second.expect_abandon(1).await;
        let cancel = seat.cancel(two).expect("it is its own");
        assert_eq!(second.heard().await.1, Operation::ExtendedRequest);
        second.say(2, &[0x65, 7, 10, 1, 118, 4, 0, 4, 0]).await;
        second.say(cancel.message.0.get(), &[0x78, 7, 10, 1, 0, 4, 0, 4, 0]).await;
        let mut ended = responses(&mut seat).await;
        while ended.len() < 2 {
            ended.extend(responses(&mut seat).await);
        }
        assert_eq!(ended, [(two, Part::Last), (cancel, Part::Last)]);
    });
}

/// A full connection kept a client waiting for as long as its operations took.
#[test]
fn who_waits_too_long_for_a_place_is_told_and_may_ask_again() {
    paused(async {
        let mut house = House::new(1, 1);
        let [mut one, mut other] = [house.seat(), house.seat()];
        asked(&mut one).await;
        let mut end = house.end().await;
        end.expect_searches([1]).await;
        let waited = timeout(QUEUE_TIMEOUT + SOON, search(&mut other)).await;
        assert_eq!(waited.expect("the time-out comes"), Err(LinkError::TimedOut));
        assert!(house.limits_hit.lock().unwrap().contains(&"queue_timeout"));
        // Its place in the queue is gone, and the wait begins anew.
        assert_eq!(other.send(Operation::SearchRequest, SEARCH), None);
        tokio::time::advance(QUEUE_TIMEOUT / 2).await;
        end.say(1, DONE).await;
        asked(&mut other).await;
        end.expect_searches([2]).await;
    });
}

/// A probe that nobody answered took a grant back: sessions that could have gone on were ended.
#[test]
fn a_grant_is_kept_while_nobody_says_otherwise_and_a_refusal_takes_it_back() {
    paused(async {
        let mut house = House::new(1, 8);
        let named = ExtendedResponse {
            result: LdapResult::new(ResultCode::SUCCESS, ""),
            name: None,
            value: Some(b"dn:uid=ann,dc=one"),
        };
        let mut granted = Vec::new();
        named.write(&mut granted, MessageId::UNSOLICITED.next());
        let [busy, denied] =
            [51, 123].map(|code| [0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, code, 4, 0, 4, 0]);
        // Unanswered, busy and refused: asked again, ten minutes after a grant, a minute otherwise.
        let mut is_granted = Vec::new();
        for answer in [Some(&granted[..]), None, Some(&busy[..]), Some(&denied[..])] {
            house.links.bound(b"uid=ann,dc=one");
            let mut end = house.end().await;
            assert_eq!(end.heard().await.1, Operation::ExtendedRequest);
            if let Some(answer) = answer {
                end.stream.write_all(answer).await.unwrap();
            }
            pass(Duration::from_secs(1)).await;
            is_granted.push(house.links.grants_proxying());
            // Long enough for the next probe, and for an idle connection to be closed.
            drop(end);
            pass(Duration::from_secs(601)).await;
        }
        assert_eq!(is_granted, [true, true, true, false]);
    });
}

/// Lets everybody do what there is to do until so much time has passed.
async fn pass(time: Duration) {
    let _ = timeout(time, std::future::pending::<()>()).await;
}
