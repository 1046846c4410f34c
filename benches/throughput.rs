//! The whole harness: every load, everybody who is compared, and the memory of idle clients.
//!
//! Goal, method and how to read the result: `docs/performance.md`. `make bench-full` runs it;
//! `cargo bench --bench throughput -- --list` names the rows, `--rows` and `--only` choose among
//! rows and targets. Needs slapd, haproxy and lloadd (exit code 69 without). Results are printed and
//! kept in `target/bench` as a table, as JSON and as a picture.

mod support;

use std::process::ExitCode;
use support::run::{self, Front};

fn main() -> ExitCode {
    run::main(&Front { name: "throughput", rows: &[], targets: &[] })
}
