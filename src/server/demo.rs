//! The demo (a stub, until the rooms are connected).

use super::RunError;

/// Runs a sample directory and a gateway on loopback; with `once`, ends after two sign-ons.
pub fn run(_once: bool) -> Result<(), RunError> {
    Err(RunError::NotWired)
}
