//! What sign-ons cost the directory and the store, by the gateway's own counters.

use serde::Serialize;
use std::net::SocketAddr;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// Counts of a gateway, at one moment or between two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Costs {
    /// Sign-ons that came to an end.
    pub(crate) sign_ons: u64,
    /// Those of which the groups, or the user, were not known.
    pub(crate) unknown: u64,
    /// Those for which the directory was asked for the groups.
    pub(crate) walked: u64,
    /// Searches that the gateway asked for itself, the questions of the barrier among them.
    pub(crate) searches: u64,
    /// Sign-ons that made or changed a record.
    pub(crate) writes: u64,
}

impl Costs {
    /// What a gateway counts now; nothing if it does not say.
    pub(crate) fn take(admin: SocketAddr) -> Self {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
        let answer = agent.get(format!("http://{admin}/metrics")).call();
        let text = answer.ok().and_then(|mut answer| answer.body_mut().read_to_string().ok());
        Self::read(&text.unwrap_or_default())
    }

    /// What was counted since.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let of = |count: fn(&Self) -> u64| count(self).saturating_sub(count(before));
        Self {
            sign_ons: of(|costs| costs.sign_ons),
            unknown: of(|costs| costs.unknown),
            walked: of(|costs| costs.walked),
            searches: of(|costs| costs.searches),
            writes: of(|costs| costs.writes),
        }
    }

    /// Both together.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self {
            sign_ons: self.sign_ons + other.sign_ons,
            unknown: self.unknown + other.unknown,
            walked: self.walked + other.walked,
            searches: self.searches + other.searches,
            writes: self.writes + other.writes,
        }
    }

    /// The same for a sign-on.
    pub(crate) fn each(&self, count: u64) -> f64 {
        count as f64 / self.sign_ons.max(1) as f64
    }

    fn read(text: &str) -> Self {
        let sum = |name: &str, label: &str| -> u64 {
            let lines = text.lines().filter_map(|line| line.strip_prefix(name));
            let lines = lines.filter(|rest| rest.starts_with([' ', '{']) && rest.contains(label));
            lines.filter_map(|rest| rest.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
        };
        let sign_ons = "bindgate_sign_ons_total";
        Self {
            sign_ons: sum(sign_ons, ""),
            unknown: sum("bindgate_sign_on_unknown_total", ""),
            walked: sum("bindgate_group_reads_total", "source=\"directory\""),
            searches: sum("bindgate_upstream_searches_total", ""),
            writes: sum(sign_ons, "\"created\"") + sum(sign_ons, "\"changed\""),
        }
    }
}
