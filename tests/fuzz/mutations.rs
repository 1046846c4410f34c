//! One test a body for its corpus, and one for mutations of it. The shares tell how many of a
//! hundred mutated inputs each body gets: a connection costs as much as hundreds of decodings.

use super::bodies::body;
use super::files::{Shown, corpus, replay};
use super::mutator::mutate;
use super::support::counts::{counted, seed};
use super::support::dice::Dice;

/// How many inputs are mutated in all: in CI, and in a soak, where 100 000 more go over sockets.
const IN_CI: u64 = 500_000;
const IN_A_SOAK: u64 = 9_900_000;
/// How many times a run says how far it is.
const REPORTS: u64 = 10;

macro_rules! bodies {
    ($($name:ident $share:literal),* $(,)?) => {
        mod the_committed_corpus_is_replayed_through {
            $(#[test] fn $name() { super::replay(stringify!($name)); })*
        }

        mod no_mutation_breaks {
            $(#[test] fn $name() { super::try_mutations(stringify!($name), $share); })*
        }

        /// Names and shares.
        const SHARES: &[(&str, u64)] = &[$((stringify!($name), $share)),*];
    };
}

bodies! {
    framing 6, envelope 6, message 9, bind 5, bind_response 4, search 8, entry 6, modify 5,
    compare 4, extended 4, extended_response 4, result 4, controls 4, certificate 1, sync 2, filter 6, filter_text 5,
    dn 5, attribute 2, sasl 1, referral 1, transaction 1, root_dse 1, session 5, connection 1,
}

#[test]
fn every_body_has_its_share_of_the_mutations() {
    assert_eq!(SHARES.iter().map(|(_, share)| share).sum::<u64>(), 100);
    let names: Vec<&str> = SHARES.iter().map(|(name, _)| *name).collect();
    let bodies: Vec<&str> = super::bodies::BODIES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, bodies);
}

fn try_mutations(name: &str, share: u64) {
    let (body, corpus) = (body(name), corpus(name));
    let count = counted(IN_CI, IN_A_SOAK) * share / 100;
    let mut dice = Dice::new(seed());
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for round in 0..count {
        let (file, bytes) = dice.one_of(&corpus);
        let other = &dice.one_of(&corpus).1;
        // Some go on from what an earlier round made.
        let from = match kept.is_empty() || dice.below(3) > 0 {
            true => bytes,
            false => dice.one_of(&kept),
        };
        let mutated = mutate(&mut dice, from, other);
        let shown = Shown { what: file, bytes: &mutated };
        body(&mutated);
        drop(shown);
        if kept.len() < 64 {
            kept.push(mutated);
        } else if dice.once_in(16) {
            let at = dice.below(kept.len());
            kept[at] = mutated;
        }
        if (round + 1) % (count / REPORTS).max(1) == 0 {
            println!("{name}: {} of {count}", round + 1);
        }
    }
}
