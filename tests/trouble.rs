//! Whatever happens to the directory: the right answer for each operation, within a bounded time,
//! never a success that nobody gave, never a hang, and afterwards the gateway works as before.
//!
//! Method: a table of moments and troubles in memory on a clock that stands still
//! (`trouble/matrix.rs`), random runs that mix them (`trouble/storm.rs`, replayed by their seed),
//! and a proxy that breaks connections on the way to a real slapd (`trouble/wire.rs`).

#![allow(clippy::unwrap_used)] // Helpers of tests are not exempt as tests are.

#[path = "frontend/dice.rs"]
#[allow(dead_code, reason = "shared with the tests of the clients' side")]
mod dice;
#[path = "frontend/fakes.rs"]
#[allow(dead_code, reason = "shared with the tests of the clients' side")]
mod fakes;
#[path = "frontend/links.rs"]
#[allow(dead_code, reason = "shared with the tests of the clients' side")]
mod links;
#[path = "trouble/matrix.rs"]
mod matrix;
#[path = "frontend/play.rs"]
#[allow(dead_code, reason = "shared with the tests of the clients' side")]
mod play;
#[path = "trouble/proxy.rs"]
mod proxy;
#[path = "trouble/storm.rs"]
mod storm;
mod support;
#[path = "trouble/wire.rs"]
mod wire;
#[path = "frontend/words.rs"]
mod words;

use support::pdu;
