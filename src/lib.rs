//! bindgate: an LDAP gateway with just-in-time synchronisation on bind.
//!
//! The floors, and what each may use, are in ARCHITECTURE.md.

pub mod admin;
pub mod app;
pub mod cli;
pub mod config;
#[cfg(feature = "console")]
pub mod console;
pub mod domain;
pub mod frontend;
pub mod proto;
pub mod sample;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod upstream;
