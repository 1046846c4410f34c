//! Every strategy gives the same closure on the same tree (rule S6.6).
//!
//! Goal: whether groups are found in the live copy, by members, or by `memberOf` as slapd keeps it
//! or computes it, the record is the same, down to ways and depths. Method: real slapds with the
//! memberof overlay, with dynlist, and with neither, hold one tree of groups of every class with
//! cycles and diamonds; gateways with different settings sign the same people on; and `check
//! --online` says that it was indeed another strategy.

mod support;

#[path = "strategies/online.rs"]
mod online;
#[path = "strategies/same.rs"]
mod same;
#[path = "strategies/trust.rs"]
mod trust;
#[path = "strategies/world.rs"]
mod world;
