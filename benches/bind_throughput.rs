//! Binds a second over 64 connections that stay open, and what they cost: directly, through HAProxy
//! as a plain TCP proxy, through the gateway as a relay, and through the gateway with a
//! sign-on at every bind. One row of the whole harness (`throughput`).
//!
//! `cargo bench --bench bind_throughput -- --rounds 5 --seconds 5 --only direct,haproxy,relay,jit`;
//! needs slapd and haproxy (exit code 69 without). Results are printed and kept in `target/bench`.

mod support;

use std::process::ExitCode;
use support::run::{self, Front};
use support::target::Target;

fn main() -> ExitCode {
    run::main(&Front {
        name: "bind_throughput",
        rows: &["binds-64"],
        targets: &[Target::Direct, Target::Haproxy, Target::Relay, Target::Jit],
    })
}
