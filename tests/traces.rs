//! Traces, as a receiver of OTLP gets them from the gateway as it is shipped.
//!
//! Method: the receiver is a small HTTP server of the test's own that decodes what is posted by the
//! messages of OTLP; `receiver.rs` also writes trees down as text, so that what is expected can be read.
//! The directories are slapd, or one that says nothing.

#![cfg(feature = "otlp")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "traces/ends.rs"]
mod ends;
#[path = "traces/receiver.rs"]
mod receiver;
#[path = "traces/trees.rs"]
mod trees;

mod support;
