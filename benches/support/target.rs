//! Who is measured.

use clap::ValueEnum;
use std::fmt;

/// Who stands between the client and the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Nobody.
    Direct,
    /// HAProxy: plain TCP, or taking off TLS.
    Haproxy,
    /// OpenLDAP's load balancer, tuned.
    Lloadd,
    /// slapd with back-ldap.
    BackLdap,
    /// slapd with slapo-pcache, which answers searches and binds without the directory.
    Pcache,
    /// The gateway, sign-ons off.
    Relay,
    /// The gateway, every bind a sign-on.
    Jit,
    /// The gateway, sign-ons off, with no more than 64 connections to the directory.
    Relay64,
}

/// Whose refusals count as a failure of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The directory, or somebody to compare with.
    Theirs,
    /// The gateway.
    Ours,
}

impl Target {
    /// The name in tables and files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Haproxy => "haproxy",
            Self::Lloadd => "lloadd",
            Self::BackLdap => "back-ldap",
            Self::Pcache => "pcache",
            Self::Relay => "relay",
            Self::Jit => "jit",
            Self::Relay64 => "relay64",
        }
    }

    /// Whether it is the gateway.
    pub(crate) fn side(self) -> Side {
        match self {
            Self::Relay | Self::Jit | Self::Relay64 => Side::Ours,
            Self::Direct | Self::Haproxy | Self::Lloadd | Self::BackLdap | Self::Pcache => {
                Side::Theirs
            }
        }
    }

    /// How many of `wanted` clients it can have if no process may have more than `descriptors`
    /// open files: HAProxy needs two for each client.
    pub(crate) fn clients(self, wanted: usize, descriptors: usize) -> usize {
        /// For listeners, events, logs and threads.
        const OWN: usize = 600;
        let left = descriptors.saturating_sub(OWN);
        wanted.min(if self == Self::Haproxy { left / 2 } else { left })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
