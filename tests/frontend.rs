//! The clients' side in memory: every port is a fake, and a script says what each side does.
//!
//! Goal: an operation is never relayed as somebody else, every request has exactly one final answer
//! or a closed connection, nothing hangs and nothing grows without a bound. Method: scenarios as
//! scripts (`frontend/play.rs` tells the words), on a clock that stands still, and random
//! interleavings of many clients over few connections (`frontend/model.rs`).

#![allow(clippy::unwrap_used)] // Helpers of tests are not exempt as tests are.

#[path = "frontend/binds.rs"]
mod binds;
#[path = "frontend/controls.rs"]
mod controls;
#[path = "frontend/dice.rs"]
mod dice;
#[path = "frontend/endings.rs"]
mod endings;
#[path = "frontend/fakes.rs"]
#[allow(dead_code, reason = "shared with the tests of sign-ons")]
mod fakes;
#[path = "frontend/links.rs"]
#[allow(dead_code, reason = "shared with the tests of sign-ons")]
mod links;
#[path = "frontend/model.rs"]
mod model;
#[path = "frontend/naming.rs"]
mod naming;
#[path = "frontend/operations.rs"]
mod operations;
#[path = "frontend/patience.rs"]
mod patience;
#[path = "support/pdu.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the end-to-end tests")]
mod pdu;
#[path = "frontend/play.rs"]
mod play;
#[path = "frontend/pressure.rs"]
mod pressure;
#[path = "frontend/referrals.rs"]
mod referrals;
#[path = "frontend/sasl.rs"]
mod sasl;
#[path = "frontend/sharing.rs"]
mod sharing;
#[path = "frontend/suffix.rs"]
mod suffix;
#[path = "frontend/throttle.rs"]
mod throttle;
#[path = "frontend/words.rs"]
mod words;
