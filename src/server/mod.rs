//! The wiring of a gateway (a stub, until the rooms are connected).

pub mod demo;

use thiserror::Error;

/// Why a gateway did not start, or ended badly.
#[derive(Debug, Error)]
pub enum RunError {
    /// It is not wired yet.
    #[error("the gateway is not wired yet")]
    NotWired,
}

impl RunError {
    /// The process's exit code.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::NotWired => 69,
        }
    }
}

/// Serves until a signal asks for the end.
pub fn run(_config: crate::config::Config) -> Result<(), RunError> {
    Err(RunError::NotWired)
}
