//! The directory's side against servers that are scripted byte by byte, on loopback.
//!
//! Goal: every fault of a server gives its own error within bounded time, and connections are
//! never lost, leased twice or used in clear where TLS was asked for.

#![allow(clippy::unwrap_used)] // Helpers of tests are not exempt as tests are.

#[path = "upstream/crowd.rs"]
mod crowd;
#[path = "upstream/lookups.rs"]
mod lookups;
#[path = "upstream/pool.rs"]
mod pool;
#[path = "upstream/script.rs"]
mod script;
#[path = "upstream/servers.rs"]
mod servers;
#[path = "upstream/tls.rs"]
mod tls;
