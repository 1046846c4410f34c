//! What the commands call: the configuration's reader and the gateway.

use super::exit::{Exit, Failure};
use crate::config::Config;
use crate::server::Signals;
use std::path::Path;

/// The parts of the program that commands start. Tests may hand in others.
#[derive(Clone, Copy)]
pub struct Parts {
    /// Reads a configuration; the error is the rendered list of all mistakes.
    pub load: fn(&Path) -> Result<Config, String>,
    /// Reads what a configuration says of administration, and nothing else of it.
    pub load_admin: fn(&Path) -> Result<crate::admin::Config, String>,
    /// Checks a configuration: what to tell if it is sound, or the list of all mistakes.
    pub check: fn(&Path) -> Result<String, String>,
    /// Asks the directories of a configuration what they offer: one line a finding.
    pub look: fn(&Config) -> Result<String, Failure>,
    /// Serves, by the configuration of that file, until a signal asks for the end.
    pub run: fn(Config, &Path, Signals) -> Result<(), Failure>,
    /// Shows the gateway at work; with `true`, once.
    pub demo: fn(bool, Signals) -> Result<(), Failure>,
}

impl Parts {
    /// The parts of the real program.
    pub fn real() -> Self {
        Self {
            load: |path| crate::config::load(path).map_err(|problems| problems.render()),
            load_admin: |path| {
                crate::config::load_admin(path).map_err(|problems| problems.render())
            },
            check: |path| {
                crate::config::check_with(path, crate::server::too_few_descriptors)
                    .map_err(|problems| problems.render())
            },
            look: super::online::look,
            run: |config, file, signals| crate::server::run(config, file, signals).map_err(ended),
            demo: |once, signals| super::demo::run(once, signals).map_err(ended),
        }
    }
}

pub(super) fn ended(error: crate::server::RunError) -> Failure {
    Failure::new(Exit::Gateway(error.exit_code()), "gateway", error.to_string())
}
