//! How often a test with many rounds runs, and which seed its rounds come from.
//!
//! In CI the counts are small; `BINDGATE_SOAK=1` (which `make soak` sets) asks for the full ones,
//! and `BINDGATE_COUNT=n` for exactly that many. A run prints its seed; `BINDGATE_SEED` replays it.

use std::env;
use std::hash::{BuildHasher, Hasher, RandomState};

/// How many rounds to run: `ci` as a rule, `soak` in a soak, or what the environment names.
#[track_caller]
pub fn counted(ci: u64, soak: u64) -> u64 {
    match number("BINDGATE_COUNT") {
        Some(count) => count,
        None if is_soak() => soak,
        None => ci,
    }
}

/// Whether the full counts are asked for.
pub fn is_soak() -> bool {
    env::var("BINDGATE_SOAK").is_ok_and(|value| !matches!(value.as_str(), "" | "0"))
}

/// The run's seed, fresh unless the environment names one. It is printed, and a failing test shows
/// what it printed.
#[track_caller]
pub fn seed() -> u64 {
    let seed =
        number("BINDGATE_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    println!("BINDGATE_SEED={seed} replays this run");
    seed
}

#[track_caller]
fn number(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}
