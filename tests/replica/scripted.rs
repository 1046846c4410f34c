//! A server that says what the test wants: cuts, odd orders, refusals and losses.

use crate::served::{Asked, Stage, bounded};
use bindgate::app::ports::{Gone, Replica};
use bindgate::domain::replication::Decision;
use bindgate::proto::sync::State::{Delete, Present};
use bindgate::upstream::LiveCopy;
use std::time::Duration;
use tokio::time::timeout;

/// A time limit that a test waits for.
const SHORT: Duration = Duration::from_millis(300);
/// `e-syncRefreshRequired`.
const REFRESH_REQUIRED: u32 = 4096;

/// A stage whose copy holds groups 1 to `count`, up to cookie `c1`, and the connection.
async fn filled(stage: &Stage, count: u8) -> crate::served::Peer {
    let mut peer = stage.accept_from(None).await;
    for number in 1..=count {
        peer.put(number, None).await;
    }
    peer.refreshed(true, true, Some("c1")).await;
    stage.covered().await;
    assert_eq!(stage.groups(), (1..=count).collect::<Vec<_>>());
    peer
}

#[tokio::test]
async fn a_present_phase_that_is_cut_short_removes_nothing() {
    let stage = Stage::new().await;
    drop(filled(&stage, 10).await);
    for _ in 0..3 {
        let mut peer = stage.accept_from(Some("c1")).await;
        peer.say(Present, 1, None).await;
        peer.set(false, &[2, 3], Some("c2")).await;
        peer.put(11, Some("c3")).await;
        peer.say(Delete, 4, None).await;
        // The present phase is over, and the refresh is not.
        peer.refreshed(false, false, Some("c4")).await;
        let all: Vec<u8> = (1..=11).collect();
        stage.until(|_| stage.groups() == all).await;
        assert_eq!(stage.copy.coverage(), None, "nobody reads it meanwhile");
        drop(peer);
    }
    let mut peer = stage.accept_from(Some("c1")).await;
    assert_eq!(stage.groups(), (1..=11).collect::<Vec<_>>());
    peer.set(false, &[2, 3, 4, 5, 6, 7, 8, 9, 10], None).await;
    peer.refreshed(false, true, Some("c5")).await;
    stage.covered().await;
    assert_eq!(stage.groups(), (2..=10).collect::<Vec<_>>());
    drop(peer);
    stage.accept_from(Some("c5")).await;
}

#[tokio::test]
async fn cookies_count_from_every_place_once_all_before_them_counts() {
    let stage = Stage::new().await;
    let mut peer = filled(&stage, 10).await;
    let last = ["c2", "c3", "c4", "c5"];
    for (at, cookie) in last.into_iter().enumerate() {
        match at {
            0 => peer.put(11, Some(cookie)).await,
            1 => peer.say(Delete, 11, Some(cookie)).await,
            2 => peer.set(true, &[10], Some(cookie)).await,
            _ => peer.cookie(cookie).await,
        }
        // An unfinished message behind it, so that all before is read when the end comes.
        peer.send(&[0x30, 0x05]).await;
        drop(peer);
        peer = stage.accept_from(Some(cookie)).await;
        peer.refreshed(true, true, None).await;
        stage.covered().await;
    }
    assert_eq!(stage.groups(), (1..=9).collect::<Vec<_>>());
    // A refresh that ends without a cookie has got as far as was asked for.
    drop(peer);
    stage.accept_from(Some("c5")).await;
}

#[tokio::test]
async fn a_server_that_cannot_go_on_is_asked_anew_and_the_old_copy_stays_until_the_new_is_whole() {
    for code in [REFRESH_REQUIRED, 53, 2] {
        let stage = Stage::new().await;
        let mut peer = filled(&stage, 10).await;
        peer.done(code).await;
        assert!(peer.is_left().await);
        assert_eq!(stage.copy.coverage(), None);
        let mut peer = stage.accept_from(None).await;
        peer.put(2, None).await;
        drop(peer);
        // Cut in the middle: again from the beginning, and what came is forgotten.
        let mut peer = stage.accept_from(None).await;
        assert_eq!(stage.groups(), (1..=10).collect::<Vec<_>>(), "a reader may still be in it");
        for number in 3..=11 {
            peer.put(number, None).await;
        }
        peer.refreshed(true, true, Some("d1")).await;
        stage.covered().await;
        assert_eq!(stage.groups(), (3..=11).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_from_the_same_cookie() {
    for code in [0, 51, 52] {
        let stage = Stage::new().await;
        let mut peer = filled(&stage, 10).await;
        peer.done(code).await;
        stage.accept_from(Some("c1")).await;
    }
}

/// What comes within a refresh is told at its end, when it may be read; what comes later, at once.
#[tokio::test]
async fn s4_4_whoever_asks_is_told_of_each_change_that_may_be_read() {
    let stage = Stage::new().await;
    let mut peer = filled(&stage, 10).await;
    let told = || bounded(stage.copy.changed());
    assert!(told().await.anybody, "everything is new");
    peer.put(11, Some("c2")).await;
    assert!(told().await.anybody);
    peer.say(Delete, 11, Some("c3")).await;
    assert!(told().await.anybody);
    peer.cookie("c4").await;
    drop(peer);
    let mut peer = stage.accept_from(Some("c4")).await;
    peer.put(12, None).await;
    assert!(timeout(SHORT, stage.copy.changed()).await.is_err(), "nobody may read it yet");
    peer.refreshed(true, true, Some("c5")).await;
    assert!(told().await.anybody);
}

/// Two searches at once used to bring one entry in two states, the older one last.
#[tokio::test]
async fn a_poll_asks_again_in_the_place_of_the_search_under_way() {
    let stage = Stage::new().await;
    let mut peer = filled(&stage, 10).await;
    let old = peer.id();
    let copy = stage.copy.clone();
    let poll = tokio::spawn(async move { copy.poll().await });
    assert_eq!(peer.asked().await, Asked::Abandon(old));
    assert_eq!(peer.asked().await, Asked::Sync(Some("c1".to_owned())));
    assert!(stage.copy.coverage().is_some(), "the copy may be read meanwhile");
    peer.put_under(old, 99, Some("late")).await;
    peer.put(11, None).await;
    peer.refreshed(true, true, Some("c2")).await;
    assert_eq!(bounded(poll).await.unwrap(), Ok(()));
    assert_eq!(stage.groups(), (1..=11).collect::<Vec<_>>(), "what comes late counts no more");
    drop(peer);
    stage.accept_from(Some("c2")).await;
}

#[tokio::test]
async fn a_poll_of_a_copy_that_is_lost_ends() {
    let stage = Stage::new().await;
    let mut peer = filled(&stage, 10).await;
    let copy = stage.copy.clone();
    let poll = tokio::spawn(async move { copy.poll().await });
    assert!(matches!(peer.asked().await, Asked::Abandon(_)));
    drop(peer);
    assert_eq!(bounded(poll).await.unwrap(), Err(Gone));
}

#[tokio::test]
async fn k5_a_loss_of_many_groups_is_held_until_it_is_confirmed() {
    let stage = Stage::new().await;
    assert_eq!(stage.copy.held(), None);
    assert_eq!(stage.copy.decide("", Decision::Confirmed), None, "nothing is held");
    drop(filled(&stage, 10).await);
    for _ in 0..2 {
        let mut peer = stage.accept_from(Some("c1")).await;
        peer.set(false, &[1, 2, 3], None).await;
        peer.refreshed(false, true, Some("c2")).await;
        assert!(peer.is_left().await);
        stage.until(|copy| copy.is_held()).await;
        assert_eq!(stage.copy.coverage(), None);
        assert_eq!(stage.groups(), (1..=10).collect::<Vec<_>>());
    }
    let first = stage.copy.held().unwrap();
    assert_eq!((first.total, first.left, first.decision), (10, 3, Decision::Open));
    let gone: Vec<String> = (4..=10).map(|number| format!("cn=g{number},ou=groups,dc=x")).collect();
    assert_eq!(first.examples, gone);
    stage.copy.decide(&first.id, Decision::Confirmed).unwrap();
    // Less than was confirmed is another loss.
    let mut peer = stage.accept_from(Some("c1")).await;
    peer.set(false, &[1], None).await;
    peer.refreshed(false, true, Some("c2")).await;
    assert!(peer.is_left().await);
    let is_another = |copy: &LiveCopy| copy.held().is_some_and(|loss| loss.id != first.id);
    stage.until(is_another).await;
    let second = stage.copy.held().unwrap();
    assert_eq!((second.left, second.decision), (1, Decision::Open));
    assert_eq!(stage.copy.decide(&first.id, Decision::Confirmed), None, "that is not held");
    stage.copy.decide(&second.id, Decision::Confirmed).unwrap();
    let mut peer = stage.accept_from(Some("c1")).await;
    peer.set(false, &[1], None).await;
    peer.refreshed(false, true, Some("c2")).await;
    stage.covered().await;
    bounded(stage.copy.released(&second.id)).await;
    assert!(!stage.copy.is_held() && stage.copy.held().is_none());
    assert_eq!(stage.groups(), [1]);
}

#[tokio::test]
async fn k5_a_loss_that_is_rejected_stays_held_without_being_asked_about_until_it_passes_or_grows()
{
    let stage = Stage::new().await;
    drop(filled(&stage, 10).await);
    let tell = async |left: &[u8]| {
        let mut peer = stage.accept_from(Some("c1")).await;
        peer.set(false, left, None).await;
        peer.refreshed(false, true, Some("c2")).await;
        peer
    };
    assert!(tell(&[1, 2, 3]).await.is_left().await);
    stage.until(|copy| copy.held().is_some()).await;
    let first = stage.copy.held().unwrap();
    stage.copy.decide(&first.id, Decision::Rejected).unwrap();
    assert!(tell(&[1, 2, 3, 4]).await.is_left().await);
    stage.until(|copy| copy.held().is_some_and(|loss| loss.left == 4)).await;
    let same = stage.copy.held().unwrap();
    assert_eq!((&same.id, same.decision), (&first.id, Decision::Rejected));
    assert!(tell(&[1]).await.is_left().await);
    stage.until(|copy| copy.held().is_some_and(|loss| loss.left == 1)).await;
    let greater = stage.copy.held().unwrap();
    assert!(greater.id != first.id && greater.decision == Decision::Open);
    assert_eq!(stage.groups(), (1..=10).collect::<Vec<_>>());
    let _peer = tell(&[1, 2, 3, 4, 5, 6, 7, 8, 9]).await;
    stage.covered().await;
    assert!(!stage.copy.is_held() && stage.copy.held().is_none(), "it has passed");
}

/// The copy without groups answered nobody, and a walk that sees no group is not believed either:
/// a loss of all could be confirmed, and nothing came of it.
#[tokio::test]
async fn k5_a_loss_of_all_groups_counts_once_it_is_confirmed() {
    let stage = Stage::new().await;
    drop(filled(&stage, 3).await);
    let mut peer = stage.accept_from(Some("c1")).await;
    peer.refreshed(false, true, Some("c2")).await;
    assert!(peer.is_left().await);
    stage.until(|copy| copy.held().is_some()).await;
    let loss = stage.copy.held().unwrap();
    stage.copy.decide(&loss.id, Decision::Confirmed).unwrap();
    let mut peer = stage.accept_from(Some("c1")).await;
    peer.refreshed(false, true, Some("c2")).await;
    stage.covered().await;
    assert_eq!((stage.groups(), stage.copy.is_held()), (Vec::new(), false));
    drop(peer);
    let mut peer = stage.accept_from(Some("c2")).await;
    peer.refreshed(true, true, None).await;
    stage.covered().await;
    peer.put(1, Some("c3")).await;
    peer.say(Delete, 1, Some("c4")).await;
    stage.until(|copy| copy.coverage().is_none()).await;
}

#[tokio::test]
async fn k5_a_copy_that_is_made_anew_is_held_to_what_was_complete_before() {
    let stage = Stage::new().await;
    let mut peer = filled(&stage, 10).await;
    peer.done(REFRESH_REQUIRED).await;
    let mut peer = stage.accept_from(None).await;
    peer.refreshed(true, true, Some("d1")).await;
    assert!(peer.is_left().await);
    stage.until(|copy| copy.is_held()).await;
    assert_eq!(stage.groups(), (1..=10).collect::<Vec<_>>());
    let mut peer = stage.accept_from(None).await;
    for number in 1..=9 {
        peer.put(number, None).await;
    }
    peer.refreshed(true, true, Some("d2")).await;
    stage.covered().await;
    assert!(!stage.copy.is_held(), "it has passed");
}

#[tokio::test]
async fn k5_many_groups_that_go_at_once_while_followed_are_held_and_single_ones_go() {
    let stage = Stage::new().await;
    let mut peer = filled(&stage, 6).await;
    for (number, left) in [(6, 5), (5, 4), (4, 3), (3, 2)] {
        peer.say(Delete, number, Some("c2")).await;
        stage.until(|copy| copy.counts().groups == left).await;
    }
    peer.set(true, &[1, 2], Some("c3")).await;
    assert!(peer.is_left().await);
    stage.until(|copy| copy.is_held()).await;
    assert_eq!(stage.groups(), [1, 2]);
    stage.accept_from(Some("c2")).await;
}

#[tokio::test]
async fn a_copy_without_groups_covers_nothing_until_one_comes() {
    let stage = Stage::new().await;
    let mut peer = stage.accept_from(None).await;
    peer.refreshed(true, true, Some("c1")).await;
    peer.cookie("c2").await;
    peer.put(1, Some("c3")).await;
    stage.covered().await;
    peer.say(Delete, 1, Some("c4")).await;
    stage.until(|copy| copy.coverage().is_none()).await;
    assert!(!stage.copy.is_held());
    drop(peer);
    stage.accept_from(Some("c4")).await;
}

#[tokio::test]
async fn a_copy_that_grows_past_its_limit_is_given_up() {
    let stage = Stage::with_limits(|limits| limits.names = 6).await;
    let mut peer = filled(&stage, 4).await;
    peer.put(5, Some("c2")).await;
    peer.put(6, Some("c3")).await;
    assert!(peer.is_left().await);
    assert_eq!(stage.copy.coverage(), None);
    stage.accept_from(None).await;
}

#[tokio::test]
async fn a_server_that_falls_silent_in_a_refresh_is_left_and_one_that_has_nothing_to_say_is_not() {
    let stage = Stage::with_limits(|limits| limits.patience = SHORT).await;
    let mut silent = stage.accept_from(None).await;
    silent.put(1, None).await;
    assert!(silent.is_left().await);
    let mut peer = filled(&stage, 10).await;
    let copy = stage.copy.clone();
    let poll = tokio::spawn(async move { copy.poll().await });
    assert!(matches!(peer.asked().await, Asked::Abandon(_)));
    peer.asked().await;
    assert_eq!(bounded(poll).await.unwrap(), Err(Gone), "a poll has to be answered in time");
    let mut peer = stage.accept_from(Some("c1")).await;
    peer.refreshed(true, true, None).await;
    stage.covered().await;
    let waited = timeout(SHORT * 2, peer.is_left()).await;
    assert!(waited.is_err(), "it is followed for as long as it lasts");
}

#[tokio::test]
async fn what_is_no_answer_ends_the_connection_and_changes_nothing() {
    let stage = Stage::new().await;
    drop(filled(&stage, 10).await);
    for garbage in [&b"HTTP/1.1 400\r\n"[..], &[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]] {
        let mut peer = stage.accept_from(Some("c1")).await;
        peer.send(garbage).await;
        assert!(peer.is_left().await);
    }
    let mut peer = stage.accept_from(Some("c1")).await;
    peer.put_under(peer.id() + 7, 99, None).await;
    assert!(peer.is_left().await);
    assert_eq!(stage.groups(), (1..=10).collect::<Vec<_>>());
    stage.accept_from(Some("c1")).await;
}

/// Between the end of a connection and the refresh that shows what the account sees, sign-ons walked
/// and lost whatever it did not see any more.
#[tokio::test]
async fn k5_a_copy_that_was_lost_vouches_for_no_walk_until_it_is_whole_again_or_cannot_be_had() {
    let stage = Stage::new().await;
    let vouched = async || timeout(SHORT, stage.copy.vouched()).await.ok();
    assert_eq!(vouched().await, Some(Ok(())), "nothing was ever seen");
    let peer = filled(&stage, 10).await;
    assert_eq!(vouched().await, Some(Ok(())));
    drop(peer);
    stage.until(|copy| copy.coverage().is_none()).await;
    let mut peer = stage.accept_from(Some("c1")).await;
    assert_eq!(vouched().await, None, "nobody knows yet");
    peer.refreshed(true, true, None).await;
    stage.covered().await;
    assert_eq!(vouched().await, Some(Ok(())));
    drop(peer);
    let mut peer = stage.accept_from(Some("c1")).await;
    peer.set(false, &[1], None).await;
    peer.refreshed(false, true, None).await;
    assert_eq!(bounded(stage.copy.vouched()).await, Err(Gone), "a loss is held");
}

#[tokio::test]
async fn where_no_copy_can_be_had_walks_are_believed() {
    let stage = Stage::new().await;
    let mut peer = filled(&stage, 10).await;
    // Insufficient rights: the next try is likely to end like this one.
    peer.done(50).await;
    stage.until(|copy| copy.coverage().is_none()).await;
    assert_eq!(bounded(stage.copy.vouched()).await, Ok(()));
}
