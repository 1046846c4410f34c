//! What the end-to-end tests stand on: a real slapd, the real gateway, the tools that ship with
//! OpenLDAP, and a client that sends whatever bytes it is given.
//!
//! Every server that is started here has its own folder and port and dies with its test, also if
//! the test panics. If slapd is missing the tests fail and say how to get it; they never skip.

// Every test crate takes in this whole module and uses the part that it needs.
#![allow(dead_code, unreachable_pub)]

pub mod certs;
pub mod counts;
pub mod dice;
pub mod ds389;
pub mod encodings;
pub mod folder;
pub mod forest;
pub mod gateway;
pub mod haproxy;
pub mod kerberos;
pub mod pdu;
pub mod process;
pub mod raw;
pub mod resources;
pub mod samba;
pub mod settings;
pub mod slapd;
pub mod stand_in;
pub mod tap;
pub mod tools;
pub mod tree;

use std::time::{Duration, Instant};

/// How long a test waits for another process before it gives up: whoever writes to disk waits for
/// everybody who does, and a build beside the tests writes for many seconds.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long a poll rests between two looks at another process.
const POLL: Duration = Duration::from_millis(5);

/// Polls another process until `look` gives something, for at most [`PATIENCE`].
#[track_caller]
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, look)
}

/// The same with a patience of its own.
#[track_caller]
pub fn eventually_within<T>(
    patience: Duration,
    what: &str,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < patience, "waited {patience:?} in vain: {what}");
        std::thread::sleep(POLL);
    }
}
