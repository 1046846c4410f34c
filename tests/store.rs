//! The embedded store from outside: what is answered is on disk, what is on disk comes back, and
//! what cannot be written changes nothing.

#[path = "store/audit.rs"]
mod audit;
#[path = "store/backup.rs"]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod backup;
#[path = "store/catalogue.rs"]
mod catalogue;
#[path = "store/commits.rs"]
mod commits;
#[path = "store/crash.rs"]
mod crash;
#[path = "store/failure.rs"]
mod failure;
#[path = "store/fixture.rs"]
mod fixture;
#[path = "store/markers.rs"]
mod markers;
#[path = "store/migrations.rs"]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod migrations;
#[path = "store/observations.rs"]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod observations;
#[path = "store/opening.rs"]
mod opening;
#[path = "store/replica.rs"]
mod replica;
#[path = "store/round_trip.rs"]
mod round_trip;
#[path = "store/tokens.rs"]
mod tokens;
#[path = "store/transfer.rs"]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod transfer;
