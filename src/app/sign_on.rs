//! A sign-on: observe, plan, commit.

use std::time::Duration;

/// When the answer to a bind goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// After the record is up to date and on disk.
    BeforeReply,
    /// As soon as the identity is settled.
    AfterReply,
}

/// How sign-ons are handled: the section `[sign_on]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Whether sign-ons are synchronised at all; off is a plain relay (`enabled`).
    pub enabled: bool,
    /// When the answer goes out.
    pub sync: SyncMode,
    /// How long a bind's answer may wait for the record.
    pub budget: Duration,
}
