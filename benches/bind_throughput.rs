//! Binds a second, and what they cost: directly, through HAProxy as a plain TCP proxy, through the
//! gateway as a relay, and through the gateway with a sign-on at every bind.
//!
//! Goal: ratios that hold on other machines. Rates move by 20 to 40 % from run to run; CPU time per
//! bind of the process in the middle holds best, then ratios within one run. So all targets stand
//! before the same slapd, take turns in every round, and are compared within the round.
//!
//! Method: 64 connections (`--connections`) stay open and bind as random ones of 10 000 users, each
//! as soon as the last answer is in. After a warm-up the CPU time of client, proxy and slapd is
//! read from `/proc`, and again at the end of the window. Before the first round every user signs
//! on once through the gateway in the mode `jit`, so that what is measured is a sign-on with
//! nothing new. Any answer but success makes the bench fail.
//!
//! `cargo bench --bench bind_throughput -- --rounds 5 --seconds 5 --only direct,haproxy,relay,jit`;
//! needs slapd and haproxy (exit code 69 without). Results are printed and kept in `target/bench`.

mod support;

use clap::Parser;
use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;
use support::BenchError;
use support::arguments::{Arguments, Target};
use support::cpu::Sample;
use support::load::{Load, Observer, Outcome};
use support::peers::{self, Peer, SignOn};
use support::process::Folder;
use support::progress::Progress;
use support::report::{Path, Report, Row};
use support::work::{Accounts, Binds};

/// How long connections bind before anything counts.
const WARM_UP: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(refused) => {
            eprintln!("{refused} binds were answered with something else than success");
            ExitCode::from(70)
        }
        Err(error) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
    }
}

/// Measures, prints, and says how many binds were refused.
fn run(arguments: &Arguments) -> Result<u64, BenchError> {
    let folder = Folder::create()?;
    eprintln!("filling the directory with {} users", arguments.users);
    let bench = Bench {
        arguments,
        directory: peers::slapd(&folder, arguments.users)?,
        accounts: Rc::new(Accounts::of(arguments.users)),
    };
    let mut targets = Vec::new();
    for target in &arguments.only {
        targets.push((*target, bench.start(&folder, *target)?));
    }
    let all = u32::from(arguments.rounds) * targets.len() as u32;
    let mut progress = Progress::new(bench.length() * all);
    let mut rows = Vec::new();
    for round in 1..=arguments.rounds {
        for (target, peer) in &targets {
            progress.begin(&format!("round {round} of {}: {target}", arguments.rounds));
            rows.push(bench.measure(round, *target, peer.as_ref(), &progress)?);
            progress.end(bench.length());
        }
    }
    progress.finish();
    let Arguments { connections, seconds, rounds, users, .. } = arguments;
    let setting =
        format!("{connections} connections, {users} users, {rounds} rounds of {seconds} s each");
    let report = Report::new(setting, rows);
    print!("{}", report.text());
    println!("kept in {}", report.save("bind_throughput")?.display());
    Ok(report.refused())
}

struct Bench<'a> {
    arguments: &'a Arguments,
    directory: Peer,
    accounts: Rc<Accounts>,
}

impl Bench<'_> {
    /// Starts what stands in the middle, if anything does, and brings it to where it is measured.
    fn start(&self, folder: &Folder, target: Target) -> Result<Option<Peer>, BenchError> {
        let upstream = self.directory.address;
        Ok(match target {
            Target::Direct => None,
            Target::Haproxy => {
                let Arguments { connections, haproxy_threads, .. } = self.arguments;
                Some(peers::haproxy(folder, upstream, *connections, *haproxy_threads)?)
            }
            Target::Relay => Some(peers::gateway(folder, upstream, SignOn::Off)?),
            Target::Jit => {
                let peer = peers::gateway(folder, upstream, SignOn::On)?;
                self.sign_everybody_on(&peer)?;
                Some(peer)
            }
        })
    }

    fn sign_everybody_on(&self, peer: &Peer) -> Result<(), BenchError> {
        let next = Rc::new(Cell::new(0));
        let work = |_| Binds::each_once(&self.accounts, &next);
        let outcome = self
            .load(peer)
            .run_to_end(work, &mut Unobserved)
            .map_err(|source| BenchError::Load { target: "first sign-ons", source })?;
        let rate = outcome.operations as f64 / outcome.elapsed.as_secs_f64();
        eprintln!("{} first sign-ons, {rate:.0} a second", outcome.operations);
        warn_of_refusals("first sign-ons", &outcome);
        Ok(())
    }

    fn measure(
        &self,
        round: u16,
        target: Target,
        peer: Option<&Peer>,
        progress: &Progress,
    ) -> Result<Row, BenchError> {
        let mut clocks = Clocks {
            proxy: peer.map(Peer::id),
            directory: self.directory.id(),
            opened: Sample::default(),
            used: Sample::default(),
            progress,
        };
        let seed = |connection| usize::from(round) << 16 | connection;
        let outcome = self
            .load(peer.unwrap_or(&self.directory))
            .run(|connection| Binds::random(&self.accounts, seed(connection)), &mut clocks)
            .map_err(|source| BenchError::Load { target: target.name(), source })?;
        warn_of_refusals(target.name(), &outcome);
        let path = if peer.is_some() { Path::Proxied } else { Path::Direct };
        Ok(Row::new(round, target.name(), path, &outcome, &clocks.used))
    }

    fn load(&self, peer: &Peer) -> Load {
        Load {
            address: peer.address,
            connections: usize::from(self.arguments.connections),
            warm_up: WARM_UP,
            window: self.arguments.window(),
        }
    }

    /// How long one measurement takes.
    fn length(&self) -> Duration {
        WARM_UP + self.arguments.window()
    }
}

fn warn_of_refusals(what: &str, outcome: &Outcome) {
    if let Some(code) = outcome.last_refusal {
        eprintln!("{what}: {} refused, the last with {code}", outcome.refused);
    }
}

/// Reads the CPU clocks when the window opens and when it closes.
struct Clocks<'a> {
    proxy: Option<u32>,
    directory: u32,
    opened: Sample,
    used: Sample,
    progress: &'a Progress,
}

impl Observer for Clocks<'_> {
    fn opens(&mut self) {
        self.opened = Sample::take(self.proxy, self.directory);
    }

    fn ticks(&mut self, elapsed: Duration) {
        self.progress.elapsed(elapsed);
    }

    fn closes(&mut self) {
        self.used = Sample::take(self.proxy, self.directory).since(&self.opened);
    }
}

/// For loads of which only the outcome counts.
struct Unobserved;

impl Observer for Unobserved {}
