//! The live copy of a directory: it follows a real slapd, and survives what happens to both.
//!
//! Goal: whatever is stopped, killed or forgotten in between, the copy is in the end what the
//! directory says; nothing is loaded anew that need not be; and an account that lost its rights
//! takes nobody's groups away. Method: the gateway before a real slapd, watched by its metrics; and
//! a follower before a server that the test plays, whose copy is looked into.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

#[path = "replica/held.rs"]
mod held;
#[path = "replica/numbered.rs"]
mod numbered;
#[path = "replica/restarts.rs"]
mod restarts;
#[path = "replica/rollback.rs"]
mod rollback;
#[path = "replica/scripted.rs"]
mod scripted;
#[path = "replica/served.rs"]
mod served;
#[path = "replica/visibility.rs"]
mod visibility;
#[path = "replica/watched.rs"]
mod watched;
