//! The benches' command line.

use super::run::Front;
use super::scenario::{self, Scenario};
use super::target::Target;
use clap::Parser;
use std::time::Duration;

/// Operations a second and CPU time per operation of the directory alone, of the gateway, and of
/// others in its place; memory of idle clients. Targets take turns, so that a machine that gets
/// slower is slow for all of them.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// What is measured: names, with commas between them; see --list
    #[arg(long, value_delimiter = ',', value_parser = Scenario::named)]
    pub(crate) rows: Vec<&'static Scenario>,
    /// Who is measured; everybody whom a row knows if left out
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<Target>,
    /// Seconds that each measurement lasts
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// How often each target is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) rounds: u16,
    /// How often a measurement is repeated that others disturbed (more than 10 % of the machine);
    /// the least disturbed one counts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=100))]
    pub(crate) repeats: u16,
    /// Users in the directory
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) users: u32,
    /// HAProxy's threads; one a core if it is left out, as HAProxy itself has it
    #[arg(long)]
    pub(crate) haproxy_threads: Option<u16>,
    /// The directory has a password policy (pwdMaxFailure 5) and notes every sign-on (lastbind)
    #[arg(long)]
    pub(crate) policy: bool,
    /// Name the rows, and end
    #[arg(long)]
    pub(crate) list: bool,
    /// Given by cargo to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    /// How long each measurement lasts.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Takes from the bench what the command line does not say.
    pub(crate) fn default_to(&mut self, front: &Front) {
        if self.rows.is_empty() {
            self.rows = front.rows.iter().flat_map(|name| Scenario::named(name)).collect();
        }
        if self.only.is_empty() {
            self.only = front.targets.to_vec();
        }
    }

    /// What is measured, in the order of the table of scenarios.
    pub(crate) fn scenarios(&self) -> Vec<&'static Scenario> {
        let asked = |scenario: &&Scenario| {
            self.rows.is_empty() || self.rows.iter().any(|row| row.name == scenario.name)
        };
        scenario::ALL.iter().filter(asked).collect()
    }

    /// Who is measured in a scenario.
    pub(crate) fn targets(&self, scenario: &Scenario) -> Vec<Target> {
        let wanted = |target: &Target| self.only.is_empty() || self.only.contains(target);
        let mut targets: Vec<_> = scenario.targets.iter().copied().filter(wanted).collect();
        if scenario.targets.contains(&Target::Relay) {
            targets.extend(self.only.iter().copied().filter(|target| target.is_variant()));
        }
        targets
    }
}
