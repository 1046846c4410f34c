//! The configuration file: read, checked as a whole, and turned into what each part needs.

use crate::domain::policy::DirectoryPolicy;

/// One directory: how it is reached and what applies to its users.
#[derive(Debug, Clone)]
pub struct Directory {
    /// How it is reached.
    pub upstream: crate::upstream::Config,
    /// What applies to its users.
    pub policy: DirectoryPolicy,
}

/// The whole configuration: the sum of its parts.
#[derive(Debug, Clone)]
pub struct Config {
    /// The clients' side.
    pub listen: crate::frontend::Config,
    /// The records.
    pub store: crate::store::Config,
    /// Administration.
    pub admin: crate::admin::Config,
    /// Logs.
    pub log: crate::telemetry::Config,
    /// Sign-ons.
    pub sign_on: crate::app::sign_on::Config,
    /// The directories, in the file's order.
    pub directories: Vec<Directory>,
}
