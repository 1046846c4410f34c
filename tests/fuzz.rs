//! Hostile bytes: fuzz bodies on a committed corpus and on mutations of it, with two other
//! libraries as second opinions, and against a running gateway.
//!
//! Goal: no bytes panic, hang, cost more than they are worth, or mean something else than they say.
//! Method: `fuzz/bodies` states what has to hold of any bytes; every file of `fuzz/corpus` is
//! replayed, and mutated by a seed that is printed. `make soak` does the same with full counts.

#![allow(clippy::unwrap_used)] // Helpers of tests are not exempt as tests are.
#![allow(clippy::duplicate_mod)] // The bodies bring what they need for cargo-fuzz's sake.

mod support;

#[path = "../fuzz/bodies/mod.rs"]
mod bodies;
#[path = "fuzz/certificate_seeds.rs"]
mod certificate_seeds;
#[path = "proto/corpus.rs"]
#[allow(dead_code, reason = "shared with the tests of the protocol")]
mod corpus;
#[path = "fuzz/files.rs"]
mod files;
#[path = "fuzz/mutations.rs"]
mod mutations;
#[path = "fuzz/mutator.rs"]
mod mutator;
#[path = "fuzz/relay_seeds.rs"]
mod relay_seeds;
#[path = "fuzz/seeds.rs"]
mod seeds;
#[path = "fuzz/sockets.rs"]
mod sockets;
#[path = "fuzz/sync_seeds.rs"]
mod sync_seeds;
