//! Who is measured.

use clap::ValueEnum;
use std::fmt;

/// Who stands between the client and the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Nobody.
    Direct,
    /// Nobody, and the client reads the user's groups itself at every bind, level by level.
    Walk,
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
    /// The gateway, every bind a sign-on; groups and users in the replica.
    Jit,
    /// The gateway, every bind a sign-on; the entry and the groups read in the directory each time.
    JitWalk,
    /// The same, and what walks look up is kept while nothing changes.
    JitKept,
    /// The gateway, sign-ons off, with no more than 64 connections to the directory.
    Relay64,
    /// The gateway, sign-ons off, with one worker.
    Relay1,
    /// Another build of the gateway, sign-ons off: the binary that `BINDGATE_OTHER` names.
    Other,
    /// The same, every bind a sign-on.
    OtherJit,
    /// The same without a replica.
    OtherJitWalk,
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
            Self::Walk => "walk",
            Self::Haproxy => "haproxy",
            Self::Lloadd => "lloadd",
            Self::BackLdap => "back-ldap",
            Self::Pcache => "pcache",
            Self::Relay => "relay",
            Self::Jit => "jit",
            Self::JitWalk => "jit-walk",
            Self::JitKept => "jit-kept",
            Self::Relay64 => "relay64",
            Self::Relay1 => "relay1",
            Self::Other => "other",
            Self::OtherJit => "other-jit",
            Self::OtherJitWalk => "other-jit-walk",
        }
    }

    /// Whether it is the gateway.
    pub(crate) fn side(self) -> Side {
        match self {
            Self::Relay
            | Self::Jit
            | Self::JitWalk
            | Self::JitKept
            | Self::Relay64
            | Self::Relay1
            | Self::Other
            | Self::OtherJit
            | Self::OtherJitWalk => Side::Ours,
            Self::Direct
            | Self::Walk
            | Self::Haproxy
            | Self::Lloadd
            | Self::BackLdap
            | Self::Pcache => Side::Theirs,
        }
    }

    /// Whether it is the gateway in another form, which is measured wherever the relay is, if it is
    /// asked for by name.
    pub(crate) fn is_variant(self) -> bool {
        matches!(self, Self::Relay1 | Self::JitKept) || self.is_another_build()
    }

    /// Whether it is the build that `BINDGATE_OTHER` names.
    pub(crate) fn is_another_build(self) -> bool {
        matches!(self, Self::Other | Self::OtherJit | Self::OtherJitWalk)
    }

    /// Whether every bind is a sign-on.
    pub(crate) fn signs_on(self) -> bool {
        matches!(self, Self::Jit | Self::OtherJit) || self.walks()
    }

    /// Whether the gateway has no copy of the groups.
    pub(crate) fn walks(self) -> bool {
        matches!(self, Self::JitWalk | Self::JitKept | Self::OtherJitWalk)
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
