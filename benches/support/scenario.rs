//! What is measured: the loads, and before whom each of them stands.

use super::target::Target::{
    self, BackLdap, Direct, Haproxy, Jit, JitWalk, Lloadd, Pcache, Relay, Relay64, Walk,
};

/// A load, or a look at the memory of idle clients.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// The name in tables and on the command line.
    pub(crate) name: &'static str,
    /// What it is, for people.
    pub(crate) what: &'static str,
    /// What each client does.
    pub(crate) kind: Kind,
    /// How many clients there are.
    pub(crate) clients: usize,
    /// How they speak.
    pub(crate) transport: Transport,
    /// Before whom they stand, in this order.
    pub(crate) targets: &'static [Target],
}

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One bind after another.
    Binds,
    /// The same, and every tenth password is wrong.
    SomeWrong,
    /// Binds as the next user who has not, until all have: before a gateway that knows nobody yet.
    Firsts,
    /// Connects, binds, unbinds, and closes.
    Connects,
    /// What an application does at a login: binds as itself, searches for the user, binds as it.
    Logins,
    /// Has 32 searches outstanding at any time.
    Searches,
    /// Connects, and is silent; what counts is the memory.
    Idle,
    /// Connects, binds once, and is silent; what counts is the memory.
    Bound,
}

/// How a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Plain LDAP.
    Plain,
    /// LDAPS; every handshake is a full one.
    Tls,
    /// LDAPS; handshakes resume an earlier session if the server lets them.
    Resumed,
}

const EVERYBODY: &[Target] = &[Direct, Haproxy, Lloadd, BackLdap, Pcache, Relay, Jit, JitWalk];
const BINDERS: &[Target] = &[Direct, Haproxy, Lloadd, BackLdap, Pcache, Relay, Jit, JitWalk, Walk];
const PROXIES: &[Target] = &[Direct, Haproxy, Lloadd, Relay, Jit];
const OVER_TLS: &[Target] = &[Direct, Haproxy, Relay];
const IN_MEMORY: &[Target] = &[Haproxy, Lloadd, Relay];
const IN_MEMORY_TLS: &[Target] = &[Haproxy, Relay];

const fn plain(
    name: &'static str,
    what: &'static str,
    kind: Kind,
    clients: usize,
    targets: &'static [Target],
) -> Scenario {
    Scenario { name, what, kind, clients, transport: Transport::Plain, targets }
}

const fn over(transport: Transport, scenario: Scenario) -> Scenario {
    Scenario { transport, ..scenario }
}

/// Everything that can be measured, in order: memory first, while the directory is rested.
#[rustfmt::skip]
pub(crate) const ALL: [Scenario; 18] = [
    plain("idle", "memory of 10 000 clients that are silent", Kind::Idle, 10_000, IN_MEMORY),
    plain("bound", "memory of 10 000 clients that bound once", Kind::Bound, 10_000, IN_MEMORY),
    over(Transport::Tls, plain("tls-idle", "the same over LDAPS, silent", Kind::Idle, 10_000, IN_MEMORY_TLS)),
    over(Transport::Tls, plain("tls-bound", "the same over LDAPS, bound once", Kind::Bound, 10_000, IN_MEMORY_TLS)),
    plain("binds-1", "one connection that binds", Kind::Binds, 1, &[Direct, Haproxy, Lloadd, BackLdap, Relay, Jit]),
    plain("binds-16", "16 connections that bind", Kind::Binds, 16, PROXIES),
    plain("binds-64", "64 connections that bind", Kind::Binds, 64, BINDERS),
    plain("binds-256", "256 connections that bind", Kind::Binds, 256, PROXIES),
    plain("binds-10000", "10 000 connections that bind", Kind::Binds, 10_000, PROXIES),
    plain("pool-64", "10 000 that bind, 64 connections to the directory", Kind::Binds, 10_000, &[Relay64]),
    plain("connect-16", "16 clients that connect, bind, unbind", Kind::Connects, 16, EVERYBODY),
    plain("login-16", "16 applications: bind, search, bind as the user", Kind::Logins, 16, EVERYBODY),
    plain("search-16", "16 connections with 32 searches outstanding each", Kind::Searches, 16, &[Direct, Haproxy, Lloadd, BackLdap, Relay]),
    plain("wrong-64", "64 connections that bind, every tenth password wrong", Kind::SomeWrong, 64, &[Direct, Haproxy, Lloadd, Relay, Jit, JitWalk, Walk]),
    plain("firsts-64", "64 connections that bind, everybody for the first time", Kind::Firsts, 64, &[Direct, Haproxy, Relay, Jit, JitWalk]),
    over(Transport::Tls, plain("tls-binds-64", "64 LDAPS connections that bind", Kind::Binds, 64, OVER_TLS)),
    over(Transport::Tls, plain("tls-connect-16", "connect, bind, unbind over LDAPS, full handshakes", Kind::Connects, 16, OVER_TLS)),
    over(Transport::Resumed, plain("tls-resume-16", "connect, bind, unbind over LDAPS, sessions resumed", Kind::Connects, 16, OVER_TLS)),
];

impl Scenario {
    /// The one with this name.
    pub(crate) fn named(name: &str) -> Result<&'static Self, String> {
        let found = ALL.iter().find(|scenario| scenario.name == name);
        found.ok_or_else(|| {
            let names: Vec<_> = ALL.iter().map(|scenario| scenario.name).collect();
            format!("there are: {}", names.join(", "))
        })
    }

    /// Whether it looks at memory rather than at time.
    pub(crate) fn is_memory(&self) -> bool {
        matches!(self.kind, Kind::Idle | Kind::Bound)
    }
}
