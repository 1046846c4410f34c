//! One measurement after another: starts who is to be measured, and puts the load on it.

use super::BenchError;
use super::arguments::Arguments;
use super::costs::Costs;
use super::cpu::Sample;
use super::limits;
use super::link::Dialer;
use super::load::{Load, Observer, Outcome};
use super::memory::{self, MemoryRow};
use super::openldap;
use super::peers::{self, Ground, Peer};
use super::progress::Progress;
use super::report::{Path, Row};
use super::scenario::{self, Kind, Scenario, Transport};
use super::target::Target;
use super::walk::Walks;
use super::work::{Binds, Connects, Logins, Requests, Searches, Turn, WRONG};
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// How long a load runs before anything counts.
pub(crate) const WARM_UP: Duration = Duration::from_secs(1);
/// Above this share of others a measurement counts as disturbed.
pub(crate) const DISTURBED: f64 = 0.10;
/// The longest that a gateway takes to copy the directory.
const COPIED: Duration = Duration::from_secs(300);
/// Connections that bring a target to where it is measured.
const PREPARING: usize = 64;

/// The directory, and whoever has been started to stand before it.
pub(crate) struct Bench<'a> {
    arguments: &'a Arguments,
    ground: Ground,
    directory: Peer,
    started: Vec<(Target, Peer)>,
    requests: Rc<Requests>,
    descriptors: usize,
}

impl<'a> Bench<'a> {
    /// Starts the directory.
    pub(crate) fn start(arguments: &'a Arguments) -> Result<Self, BenchError> {
        let descriptors = limits::raise_open_files();
        let ground = Ground::create()?;
        Ok(Self {
            directory: openldap::slapd(&ground, arguments.users, arguments.policy)?,
            arguments,
            ground,
            started: Vec::new(),
            requests: Rc::new(Requests::of(arguments.users)),
            descriptors,
        })
    }

    /// Measures the memory of a fresh target.
    pub(crate) fn memory(
        &self,
        scenario: &'static Scenario,
        target: Target,
        told: impl Fn(f64),
    ) -> Result<MemoryRow, BenchError> {
        let clients = target.clients(scenario.clients, self.descriptors);
        let peer = self.begin(target)?.ok_or(BenchError::Load {
            target: target.name(),
            source: io::Error::other("the directory is not started anew"),
        })?;
        let dialer = self.dialer(&peer, scenario.transport)?;
        memory::measure(scenario, target, peer.id(), &dialer, clients, &self.requests, told)
    }

    /// Puts the load of a scenario on a target, which is started if this is the first time.
    pub(crate) fn measure(
        &mut self,
        scenario: &'static Scenario,
        target: Target,
        round: u16,
        progress: &Progress,
    ) -> Result<Row, BenchError> {
        let fresh = match scenario.kind {
            Kind::Firsts => self.fresh(target)?,
            _ => {
                self.make_ready(target)?;
                None
            }
        };
        let kept = || self.started.iter().find(|(other, _)| *other == target);
        let peer = fresh.as_ref().or_else(|| kept().map(|(_, peer)| peer));
        let mut clocks = Clocks {
            proxy: peer.map(Peer::id),
            directory: self.directory.id(),
            opened: Sample::default(),
            used: Sample::default(),
            admin: peer.and_then(|peer| peer.admin),
            counted: Costs::default(),
            costs: None,
            progress,
        };
        let load = Load {
            dialer: self.dialer(peer.unwrap_or(&self.directory), scenario.transport)?,
            connections: target.clients(scenario.clients, self.descriptors),
            warm_up: WARM_UP,
            window: self.arguments.window(),
        };
        let outcome = run(scenario.kind, target, &load, &self.requests, round, &mut clocks)
            .map_err(|source| BenchError::Load { target: target.name(), source })?;
        let path = if peer.is_some() { Path::Proxied } else { Path::Direct };
        let row = Row::new(scenario.name, target.name(), path, &outcome, &clocks.used);
        let resumed = load.dialer.resumed();
        let costs = clocks.costs.filter(|costs| costs.sign_ons > 0);
        Ok(Row { round, clients: load.connections, side: target.side(), resumed, costs, ..row })
    }

    /// Starts a target that nobody has come to yet; its copy of the directory is complete.
    fn fresh(&self, target: Target) -> Result<Option<Peer>, BenchError> {
        let peer = self.begin(target)?;
        if let Some(peer) = peer.as_ref().filter(|_| target.signs_on() && !target.walks()) {
            peer.comes_to_have_a_copy(COPIED)?;
        }
        Ok(peer)
    }

    fn make_ready(&mut self, target: Target) -> Result<(), BenchError> {
        if self.started.iter().any(|(other, _)| *other == target) {
            return Ok(());
        }
        if let Some(peer) = self.begin(target)? {
            self.prepare(target, &peer)?;
            self.started.push((target, peer));
        }
        Ok(())
    }

    /// Starts what stands in the middle, if anything does.
    fn begin(&self, target: Target) -> Result<Option<Peer>, BenchError> {
        let (ground, upstream) = (&self.ground, self.directory.address);
        let most = scenario::ALL.iter().map(|scenario| scenario.clients).max().unwrap_or_default();
        Ok(Some(match target {
            Target::Direct | Target::Walk => return Ok(None),
            Target::Haproxy => {
                let clients = target.clients(most, self.descriptors);
                peers::haproxy(ground, upstream, clients, self.arguments.haproxy_threads)?
            }
            Target::Lloadd => openldap::lloadd(ground, upstream)?,
            Target::BackLdap => openldap::back_ldap(ground, upstream)?,
            Target::Pcache => openldap::pcache(ground, upstream)?,
            Target::Relay
            | Target::Jit
            | Target::JitWalk
            | Target::JitKept
            | Target::Relay64
            | Target::Relay1
            | Target::Other
            | Target::OtherJit
            | Target::OtherJitWalk => peers::gateway(ground, upstream, target)?,
        }))
    }

    /// Brings a target to where it is measured: everybody signed on once, or is in the cache.
    fn prepare(&self, target: Target, peer: &Peer) -> Result<(), BenchError> {
        let load = Load {
            dialer: Dialer::plain(peer.address),
            connections: PREPARING,
            warm_up: WARM_UP,
            window: self.arguments.window(),
        };
        let next = Rc::new(Cell::new(0));
        let turn = || Turn::Next(Rc::clone(&next));
        let outcome = match target {
            _ if target.signs_on() => {
                load.run_to_end(|_| Binds::new(&self.requests, turn()), &mut Unobserved)
            }
            Target::Pcache => {
                load.run_to_end(|_| Logins::new(&self.requests, turn()), &mut Unobserved)
            }
            _ => return Ok(()),
        };
        let outcome =
            outcome.map_err(|source| BenchError::Load { target: target.name(), source })?;
        let rate = outcome.operations as f64 / outcome.elapsed.as_secs_f64();
        let (operations, refused) = (outcome.operations, outcome.refused);
        eprintln!(
            "{target}: prepared by {operations} users, {rate:.0} a second, {refused} refused"
        );
        Ok(())
    }

    fn dialer(&self, peer: &Peer, transport: Transport) -> Result<Dialer, BenchError> {
        match (transport, peer.tls) {
            (Transport::Plain, _) | (_, None) => Ok(Dialer::plain(peer.address)),
            (_, Some(address)) => Dialer::tls(address, &self.ground.certificate, transport),
        }
    }
}

fn run(
    kind: Kind,
    target: Target,
    load: &Load,
    requests: &Rc<Requests>,
    round: u16,
    clocks: &mut Clocks<'_>,
) -> io::Result<Outcome> {
    let turn = |connection| Turn::random(usize::from(round) << 16 | connection);
    let walks = |nth, wrong| Walks::new(requests, turn(nth), wrong, &load.dialer);
    match kind {
        Kind::Binds if target == Target::Walk => load.run(|nth| walks(nth, 0), clocks),
        Kind::SomeWrong if target == Target::Walk => load.run(|nth| walks(nth, WRONG), clocks),
        Kind::Binds => load.run(|nth| Binds::new(requests, turn(nth)), clocks),
        Kind::Firsts => {
            let next = Rc::new(Cell::new(0));
            load.run_to_end(|_| Binds::new(requests, Turn::Next(Rc::clone(&next))), clocks)
        }
        Kind::SomeWrong => load.run(|nth| Binds::some_wrong(requests, turn(nth)), clocks),
        Kind::Connects => load.run(|nth| Connects::new(requests, turn(nth)), clocks),
        Kind::Logins => load.run(|nth| Logins::new(requests, turn(nth)), clocks),
        Kind::Searches => load.run(|nth| Searches::new(requests, turn(nth)), clocks),
        Kind::Idle | Kind::Bound => Err(io::Error::other("memory is no load")),
    }
}

/// Reads the CPU clocks when the window opens and when it closes.
struct Clocks<'a> {
    proxy: Option<u32>,
    directory: u32,
    opened: Sample,
    used: Sample,
    admin: Option<SocketAddr>,
    counted: Costs,
    costs: Option<Costs>,
    progress: &'a Progress,
}

impl Observer for Clocks<'_> {
    fn opens(&mut self) {
        self.counted = self.admin.map(Costs::take).unwrap_or_default();
        self.opened = Sample::take(self.proxy, self.directory);
    }

    fn ticks(&mut self, elapsed: Duration) {
        self.progress.elapsed(elapsed);
    }

    fn closes(&mut self) {
        self.used = Sample::take(self.proxy, self.directory).since(&self.opened);
        self.costs = self.admin.map(|admin| Costs::take(admin).since(&self.counted));
    }
}

/// For loads of which only the outcome counts.
struct Unobserved;

impl Observer for Unobserved {}
