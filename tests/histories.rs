//! The whole life of accounts against a model small enough to read.
//!
//! Goal: whatever happens in the directory, at the gateway and at its admin's hands, in whatever
//! order, with reads and writes that fail in between and restarts, every record and every answer is
//! what the rules of section 4 say. Method: random histories are played to the real sign-ons, with
//! a directory and a store in memory, and to the model; after each step all records are compared. A
//! history that differs is made as short as it gets before it is shown. 500 histories as a rule,
//! 10 000 in a soak (`make soak`), and 40 or 400 over the real store on disk; `BINDGATE_SEED` replays a run.

#![allow(clippy::unwrap_used)] // Helpers of tests are not exempt as tests are.

#[path = "histories/copy.rs"]
mod copy;
#[path = "support/counts.rs"]
#[allow(unreachable_pub, reason = "shared with the end-to-end tests")]
mod counts;
#[path = "support/dice.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the end-to-end tests")]
mod dice;
#[path = "histories/directory.rs"]
mod directory;
#[path = "frontend/fakes.rs"]
#[allow(dead_code, reason = "shared with the tests of the clients' side")]
mod fakes;
#[path = "histories/foresight.rs"]
mod foresight;
#[path = "frontend/links.rs"]
#[allow(dead_code, reason = "shared with the tests of the clients' side")]
mod links;
#[path = "histories/model.rs"]
mod model;
#[path = "histories/play.rs"]
mod play;
#[path = "histories/reread.rs"]
mod reread;
#[path = "histories/shelf.rs"]
mod shelf;
#[path = "histories/step.rs"]
mod step;

use bindgate::store::Store;
use dice::Dice;
use fakes::Memory;
use model::SIGHTS;
use play::{Copied, play, play_foretold};
use shelf::{Shelf, Silent};
use std::collections::BTreeSet;
use step::{NAMES, Step};

/// How long a history is at most.
const STEPS: usize = 100;

/// The shortest history that still differs, found by leaving steps out one by one.
fn shortest<S: Shelf>(mut history: Vec<Step>, copy: Copied) -> Vec<Step> {
    let mut at = 0;
    while at < history.len() {
        let mut shorter = history.clone();
        shorter.remove(at);
        if play::<S>(&shorter, copy).is_err() {
            history = shorter;
            at = 0;
        } else {
            at += 1;
        }
    }
    history
}

/// Plays so many histories; what was seen in any of them.
fn play_all<S: Shelf>(rounds: u64, left_out: impl Fn(&Step) -> bool) -> BTreeSet<&'static str> {
    let seed = counts::seed();
    let mut seen = BTreeSet::new();
    for round in 0..rounds {
        let mut dice = Dice::new(seed.wrapping_add(round));
        let length = 1 + dice.below(STEPS);
        let people = NAMES.into_iter().map(Step::Make);
        let steps = (0..length).map(|_| Step::any(&mut dice));
        let history: Vec<Step> = people.chain(steps).filter(|step| !left_out(step)).collect();
        // Every other gateway has a live copy of the directory.
        let copy = if round % 2 == 0 { Copied::No } else { Copied::Yes };
        match play::<S>(&history, copy) {
            Ok(sights) => seen.extend(sights),
            Err(_) => {
                let history = shortest::<S>(history, copy);
                let told = play::<S>(&history, copy).expect_err("it still differs");
                panic!("round {round} of seed {seed}, live copy: {copy:?}\n{history:#?}\n{told}");
            }
        }
        if counts::is_soak() && round % 1000 == 999 {
            println!("{} of {rounds} histories", round + 1);
        }
    }
    seen
}

#[test]
fn s4_1_every_history_ends_as_the_model_says() {
    let rounds = counts::counted(500, 10_000);
    let seen = play_all::<Memory>(rounds, |_| false);
    // A run in which nobody was ever held back, say, would have shown nothing about that.
    assert!(rounds < 100 || SIGHTS.iter().all(|sight| seen.contains(sight)), "only {seen:?}");
}

/// One who came under the name of somebody gone was first looked at because another came under hers.
#[test]
fn s4_6_who_was_looked_at_for_another_makes_way_at_the_own_sign_on() {
    let people = NAMES.into_iter().map(Step::Make);
    let steps = [
        Step::SignOn("bob"),
        Step::SignOn("cas"),
        Step::Delete("cas"),
        Step::Rename("bob", "cas"),
        Step::Rename("ann", "bob"),
        Step::Call("cas", "bob"),
        Step::SignOn("bob"),
        Step::SignOn("cas"),
    ];
    let history: Vec<Step> = people.chain(steps).collect();
    for copy in [Copied::No, Copied::Yes] {
        let told = play::<Memory>(&history, copy);
        assert!(told.is_ok(), "{copy:?}: {told:?}");
    }
}

/// A restart closes the store and reads it again.
#[test]
fn s4_1_every_history_over_the_store_on_disk_ends_as_the_model_says() {
    let rounds = counts::counted(40, 400);
    let seen = play_all::<Store<Silent>>(rounds, |step| *step == Step::FailStore);
    let wanted = ["let go", "missing", "returned", "refused"];
    assert!(rounds < 40 || wanted.iter().all(|sight| seen.contains(sight)), "only {seen:?}");
}

/// One who moved away is known by the DN of the next, and is looked at first: that takes the name.
#[test]
fn a_preview_knows_that_somebody_who_is_looked_at_first_takes_the_name() {
    let history = [
        Step::Make("bob"),
        Step::SignOn("bob"),
        Step::Rename("bob", "ann"),
        Step::Make("bob"),
        Step::Call("bob", "ann"),
        Step::SignOn("bob"),
    ];
    for copy in [Copied::No, Copied::Yes] {
        assert_eq!(play_foretold(&history, copy), Ok(2), "{copy:?}");
    }
}

#[test]
fn a_preview_is_what_the_next_sign_on_then_does_in_a_thousand_random_cases() {
    let seed = counts::seed();
    let (wanted, mut compared) = (counts::counted(1_000, 20_000) as usize, 0);
    for round in 0_u64.. {
        if compared >= wanted {
            break;
        }
        assert!(round < 20 * wanted as u64, "only {compared} sign-ons were compared");
        let mut dice = Dice::new(seed.wrapping_add(round));
        let length = 1 + dice.below(STEPS);
        let people = NAMES.into_iter().map(Step::Make);
        let history: Vec<Step> = people.chain((0..length).map(|_| Step::any(&mut dice))).collect();
        let copy = if round % 2 == 0 { Copied::No } else { Copied::Yes };
        match play_foretold(&history, copy) {
            Ok(more) => compared += more,
            Err(told) => panic!("round {round} of seed {seed}, live copy: {copy:?}\n{told}"),
        }
    }
}
