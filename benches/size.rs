//! A large gateway beside a small one: start-up, memory, and the CPU time of a sign-on.
//!
//! Goal: CPU per sign-on with 1 000 000 records, as many users in the directory and 100 000 groups within
//! 15 % of that with 1 000. Method: both gateways run before directories of their own, which have as
//! many users as there are records, and a group for every ten. Of the records all but the active
//! users' are filled in before the start. The active users sign on once; then random ones of them
//! sign on over 64 connections, at both in turn. Start-up is until the first bind is answered, for
//! which the records have to be read, and until the copy is complete.
//!
//! `cargo bench --bench size -- --users 1000000 --rounds 5`; needs slapd, 4 GB in the folder for temporary
//! files, and, for a million, some ten minutes before it begins.

#[allow(dead_code, unused_imports, reason = "shared with the benches of throughput")]
mod support;

#[path = "support/records.rs"]
mod records;

use bindgate::proto::bind::write_simple;
use bindgate::proto::envelope::MessageId;
use bindgate::store::Store;
use clap::Parser;
use records::Silent;
use std::cell::Cell;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};
use support::BenchError;
use support::company::{SERVICE_DN, SERVICE_PASSWORD};
use support::costs::Costs;
use support::cpu::Sample;
use support::link::Dialer;
use support::load::{Load, Observer};
use support::memory::resident;
use support::openldap;
use support::peers::{self, Ground, Peer};
use support::target::Target;
use support::work::{Binds, Requests, Turn};

/// A large gateway beside a small one.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many users the large one has
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    users: u32,
    /// How many of them sign on while it is measured
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    active: u32,
    /// How often each is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many seconds each measurement lasts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Given by cargo to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

const SMALL: u32 = 1_000;
const CONNECTIONS: usize = 64;
/// Commits that wait at a time while records are filled in.
const WAITING: u64 = 4_096;
const GROUPS: u64 = 6;
const PATIENCE: Duration = Duration::from_secs(1_200);

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
    }
}

fn failed(source: io::Error) -> BenchError {
    BenchError::Load { target: "gateway", source }
}

fn run(arguments: &Arguments) -> Result<(), BenchError> {
    let ground = Ground::create()?;
    println!("| records | first bind s | copy complete s | resident MiB | store MiB |");
    println!("| --- | --- | --- | --- | --- |");
    let sizes = [SMALL, arguments.users];
    let stages = sizes.map(|users| Stage::build(&ground, users, arguments.active.min(users)));
    let [small, large] = stages;
    let stages = [small?, large?];
    println!();
    println!(
        "| records | round | sign-ons/s | CPU µs each, gateway | slapd | unknown | others % |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let mut sums = [0.0; 2];
    for round in 0..=arguments.rounds {
        for (stage, sum) in stages.iter().zip(&mut sums) {
            let each = stage.measure(arguments.seconds, round)?;
            *sum += if round == 0 { 0.0 } else { each };
        }
    }
    println!("\nCPU of a sign-on, large by small: {:.2}", sums[1] / sums[0]);
    Ok(())
}

/// A directory, and the gateway before it.
struct Stage {
    users: u32,
    slapd: Peer,
    gateway: Peer,
    requests: Rc<Requests>,
}

impl Stage {
    fn build(ground: &Ground, users: u32, active: u32) -> Result<Self, BenchError> {
        eprintln!("{users} users: filling the directory");
        let slapd = openldap::slapd_of_circles(ground, users)?;
        eprintln!("{users} users: filling the store");
        let mut folder = None;
        let mut began = Instant::now();
        let fill = |at: &Path| {
            fill(at, active, users).map_err(failed)?;
            folder = Some(at.to_owned());
            began = Instant::now();
            Ok(())
        };
        let gateway = peers::gateway_with(ground, slapd.address, Target::Jit, fill)?;
        bind(gateway.address).map_err(failed)?;
        let opened = began.elapsed();
        gateway.comes_to_have_a_copy(PATIENCE)?;
        let complete = began.elapsed();
        println!(
            "| {users} | {:.1} | {:.1} | {} | {} |",
            opened.as_secs_f64(),
            complete.as_secs_f64(),
            resident(gateway.id()) >> 10,
            folder.map_or(0, |folder| size(&folder)) >> 20,
        );
        let stage = Self { users, slapd, gateway, requests: Rc::new(Requests::of(active)) };
        stage.sign_everybody_on()?;
        Ok(stage)
    }

    fn sign_everybody_on(&self) -> Result<(), BenchError> {
        let load = self.load(Duration::ZERO, Duration::ZERO);
        let next = Rc::new(Cell::new(0));
        let bind = |_| Binds::new(&self.requests, Turn::Next(next.clone()));
        let outcome = load.run_to_end(bind, &mut Nobody).map_err(failed)?;
        eprintln!("{} users: {} signed on", self.users, outcome.operations - outcome.refused);
        Ok(())
    }

    fn load(&self, warm_up: Duration, window: Duration) -> Load {
        let dialer = Dialer::plain(self.gateway.address);
        Load { dialer, connections: CONNECTIONS, warm_up, window }
    }

    /// The gateway's CPU time for a sign-on, in microseconds.
    fn measure(&self, seconds: u64, round: u32) -> Result<f64, BenchError> {
        let admin = self.gateway.admin.ok_or_else(|| failed(io::ErrorKind::NotConnected.into()))?;
        let before = Costs::take(admin);
        let mut clocks = Clocks {
            ids: (self.gateway.id(), self.slapd.id()),
            opened: Sample::default(),
            used: Sample::default(),
        };
        let load = self.load(Duration::from_secs(1), Duration::from_secs(seconds));
        let work = |nth| Binds::new(&self.requests, Turn::random(nth + round as usize * 1_000));
        let outcome = load.run(work, &mut clocks).map_err(failed)?;
        let costs = Costs::take(admin).since(&before);
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / outcome.operations.max(1) as f64;
        let each = micros(clocks.used.proxy);
        if round > 0 {
            println!(
                "| {} | {round} | {:.0} | {each:.1} | {:.1} | {} | {:.0} |",
                self.users,
                outcome.operations as f64 / outcome.elapsed.as_secs_f64(),
                micros(clocks.used.directory),
                costs.unknown,
                clocks.used.others() * 100.0,
            );
        }
        match outcome.refused {
            0 => Ok(each),
            refused => Err(failed(io::Error::other(format!("{refused} binds were refused")))),
        }
    }
}

struct Nobody;

impl Observer for Nobody {}

/// Looks at the CPU time of gateway and directory when the window opens, and when it closes.
struct Clocks {
    ids: (u32, u32),
    opened: Sample,
    used: Sample,
}

impl Observer for Clocks {
    fn opens(&mut self) {
        self.opened = Sample::take(Some(self.ids.0), self.ids.1);
    }

    fn closes(&mut self) {
        self.used = Sample::take(Some(self.ids.0), self.ids.1).since(&self.opened);
    }
}

/// The records of all users but the active ones, who make theirs themselves.
fn fill(folder: &Path, active: u32, users: u32) -> io::Result<()> {
    let store = Store::open(records::config(folder), Silent).map_err(io::Error::other)?;
    records::fill(&store, u64::from(active)..u64::from(users), WAITING, GROUPS)?;
    store.close().map_err(io::Error::other)
}

/// A bind of the service account, which is no sign-on.
fn bind(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let (dn, password) = (SERVICE_DN.as_bytes(), SERVICE_PASSWORD.as_bytes());
    write_simple(&mut request, MessageId::UNSOLICITED.next(), dn, password);
    stream.write_all(&request)?;
    match stream.read(&mut [0; 64])? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn size(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}
