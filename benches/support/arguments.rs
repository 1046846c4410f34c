//! The bench's command line.

use clap::{Parser, ValueEnum};
use std::fmt;
use std::time::Duration;

/// Who stands between the client and the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Nobody.
    Direct,
    /// HAProxy in TCP mode.
    Haproxy,
    /// The gateway, sign-ons off.
    Relay,
    /// The gateway, every bind a sign-on.
    Jit,
}

impl Target {
    /// The name in tables and files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Haproxy => "haproxy",
            Self::Relay => "relay",
            Self::Jit => "jit",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Binds a second through the gateway, through HAProxy, and directly; CPU time per bind of each
/// process. Targets take turns, so that a machine that gets slower is slow for all of them.
#[derive(Debug, Parser)]
#[command(name = "bind_throughput")]
pub(crate) struct Arguments {
    /// Connections that bind at the same time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) connections: u16,
    /// Seconds that each measurement lasts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// How often each target is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) rounds: u16,
    /// What is measured, in this order
    #[arg(long, value_delimiter = ',', default_value = "direct,haproxy,relay,jit")]
    pub(crate) only: Vec<Target>,
    /// Users in the directory
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) users: u32,
    /// HAProxy's threads; one a core if it is left out, as HAProxy itself has it
    #[arg(long)]
    pub(crate) haproxy_threads: Option<u16>,
    /// Given by cargo to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    /// How long each measurement lasts.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}
