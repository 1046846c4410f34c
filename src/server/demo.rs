//! The demo (to come with the sample directory).

use super::RunError;

/// Runs a sample directory and a gateway on loopback; with `once`, ends after two sign-ons.
pub fn run(_once: bool) -> Result<(), RunError> {
    Err(RunError::Demo("not yet".to_owned()))
}
