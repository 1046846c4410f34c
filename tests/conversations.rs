//! Random conversations with a real slapd: what the gateway does not decide itself, it does not
//! change, in whatever order a client asks for it.
//!
//! Goal: every operation of a conversation is answered through the gateway with the bytes that the
//! directory alone answers with, messageIDs and the listed exceptions aside. Method: a seed makes
//! conversations of up to 50 operations, some of them pipelined; each is played to one slapd, and
//! through the gateway to another that is its equal. One that is answered differently is shortened
//! for as long as it stays so, and printed with its seed.

mod support;

#[path = "transparency/exceptions.rs"]
mod exceptions;
#[path = "conversations/generator.rs"]
mod generator;
#[path = "conversations/meeting.rs"]
mod meeting;
#[path = "conversations/operation.rs"]
mod operation;
#[path = "conversations/player.rs"]
mod player;
#[path = "transparency/player.rs"]
#[allow(dead_code, reason = "shared with the script")]
mod script_player;
#[path = "conversations/shrinking.rs"]
mod shrinking;

use generator::conversation;
use meeting::Meeting;
use std::collections::BTreeMap;
use support::counts::{counted, seed};

/// How many conversations are held: in CI, and in a soak.
const IN_CI: u64 = 200;
const IN_A_SOAK: u64 = 2_000;

#[test]
fn a_conversation_is_answered_through_the_gateway_as_it_is_without_it() {
    let (seed, count) = (seed(), counted(IN_CI, IN_A_SOAK));
    let meeting = Meeting::new();
    let mut codes: BTreeMap<u32, u64> = BTreeMap::new();
    for number in 0..count {
        let held = conversation(seed.wrapping_add(number));
        let played = meeting.hold(&held);
        if let Some(difference) = played.difference {
            let story = shrinking::shortest(held);
            panic!(
                "BINDGATE_SEED={} BINDGATE_COUNT=1: {difference}\nshortest: {story}",
                seed.wrapping_add(number)
            );
        }
        played.codes.into_iter().for_each(|code| *codes.entry(code).or_default() += 1);
        if (number + 1) % 100 == 0 {
            println!("{} of {count} conversations", number + 1);
        }
    }
    println!("operations by result code: {codes:?}");
    assert!(count < IN_CI || codes.len() >= 15, "the conversations meet few results: {codes:?}");
}

#[test]
fn a_directory_that_differs_is_noticed_and_the_conversation_is_shortened() {
    let meeting = Meeting::of_unequal_directories();
    let different = (0..).map(conversation).find(|held| meeting.hold(held).difference.is_some());
    let held = different.expect("some conversation reads what differs");
    let shortest = shrinking::shorten(held.clone(), |held| meeting.hold(held).difference.is_some());
    let operations = shortest.operations().count();
    assert!(operations <= 3 && operations < held.operations().count(), "{shortest}");
}

#[test]
fn a_seed_makes_one_conversation() {
    let text = |seed| conversation(seed).to_string();
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
    let sizes: Vec<usize> = (0..50).map(|seed| conversation(seed).operations().count()).collect();
    assert!(sizes.iter().all(|size| (1..=50).contains(size)), "{sizes:?}");
}
