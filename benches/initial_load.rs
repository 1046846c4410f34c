//! The first load of the live copy from a real slapd, beside a reader that throws away what it gets.
//!
//! Goal: the load is bounded by the directory's own speed. Both ask for the same content by the same
//! kind of search (RFC 4533), in turn; the reader looks at no more than where each message ends.
//! The gateway counts from its start until its copy is complete, saved to disk as it goes.
//!
//! `cargo bench --bench initial_load -- --users 100000 --rounds 3`; needs slapd. A bar shows how far
//! each load is, by the gateway's own metrics.

#[allow(dead_code, unused_imports, reason = "shared with the benches of throughput")]
mod support;

use bindgate::proto::bind::write_simple;
use bindgate::proto::envelope::{Envelope, MessageId};
use bindgate::proto::filter::Filter;
use bindgate::proto::framing::{Frame, frame};
use bindgate::proto::op::Operation;
use bindgate::proto::search::{Scope, Search};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use support::BenchError;
use support::company::{SERVICE_DN, SERVICE_PASSWORD, SUFFIX};
use support::cpu::Sample;
use support::metrics::{metrics, value};
use support::openldap;
use support::peers::{self, Ground};
use support::target::Target;

/// The time of the first load, against that of reading the same.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many users; some 730 groups hold them
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    users: u32,
    /// How often each is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Given by cargo to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// Sync request, refreshOnly: the content as a gateway asks for it, to its end (RFC 4533).
const SYNC: (&[u8], &[u8]) = (b"1.3.6.1.4.1.4203.1.9.1.1", &[0x30, 3, 0x0a, 1, 1]);
const LARGEST: usize = 1 << 26;
const PATIENCE: Duration = Duration::from_secs(600);
const STEP: Duration = Duration::from_millis(10);

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), BenchError> {
    eprintln!("filling the directory with {} users", arguments.users);
    let ground = Ground::create()?;
    let slapd = openldap::slapd(&ground, arguments.users, false)?;
    println!(
        "| round | entries | MiB | reader s | gateway s | x reader | gateway CPU s | others % |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for round in 0..=arguments.rounds {
        let failed = |target| move |source| BenchError::Load { target, source };
        let content = read(slapd.address).map_err(failed("reader"))?;
        let load = load(&ground, slapd.address, slapd.id(), content.entries)?;
        // The first round warms the directory's memory.
        if round == 0 {
            continue;
        }
        println!(
            "| {round} | {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} |",
            content.entries,
            content.bytes as f64 / f64::from(1 << 20),
            content.time.as_secs_f64(),
            load.time.as_secs_f64(),
            load.time.as_secs_f64() / content.time.as_secs_f64(),
            load.cpu.as_secs_f64(),
            load.others * 100.0,
        );
    }
    Ok(())
}

/// What a reader got.
struct Content {
    entries: u64,
    bytes: u64,
    time: Duration,
}

fn read(directory: SocketAddr) -> io::Result<Content> {
    let mut stream = TcpStream::connect(directory)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let began = Instant::now();
    let mut request = Vec::new();
    let id = |number| MessageId::new(number).ok_or(io::ErrorKind::InvalidInput);
    write_simple(&mut request, id(1)?, SERVICE_DN.as_bytes(), SERVICE_PASSWORD.as_bytes());
    stream.write_all(&request)?;
    let mut content = Content { entries: 0, bytes: 0, time: Duration::ZERO };
    each_message(&mut stream, |operation, _| operation == Operation::BindResponse)?;
    request.clear();
    let attributes =
        ["entryUUID", "objectClass", "hasSubordinates", "entryCSN", "cn", "member", "uid"];
    let search = Search {
        base: SUFFIX.to_owned(),
        scope: Scope::Subtree,
        filter: Filter::parse(
            "(|(objectClass=*)(hasSubordinates=TRUE)(objectClass=inetOrgPerson))",
        )
        .map_err(io::Error::other)?,
        attributes: attributes.map(str::to_owned).into(),
        size_limit: 0,
        time_limit: 0,
        controls: vec![(SYNC.0.to_vec(), SYNC.1.to_vec())],
    };
    search.write(&mut request, id(2)?);
    stream.write_all(&request)?;
    each_message(&mut stream, |operation, size| {
        content.bytes += size as u64;
        content.entries += u64::from(operation == Operation::SearchResultEntry);
        operation == Operation::SearchResultDone
    })?;
    content.time = began.elapsed();
    Ok(content)
}

/// Tells each message and its size until `is_last` says so.
fn each_message(
    stream: &mut TcpStream,
    mut is_last: impl FnMut(Operation, usize) -> bool,
) -> io::Result<()> {
    let (mut buffer, mut filled) = (vec![0; 1 << 20], 0);
    loop {
        let mut at = 0;
        while let Frame::Whole(size) =
            frame(&buffer[at..filled], LARGEST).map_err(io::Error::other)?
        {
            let envelope = Envelope::parse(&buffer[at..at + size]).map_err(io::Error::other)?;
            if is_last(envelope.operation, size) {
                return Ok(());
            }
            at += size;
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
        if filled == buffer.len() {
            buffer.resize(2 * filled, 0);
        }
        match stream.read(&mut buffer[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
    }
}

/// What a load took.
struct Load {
    time: Duration,
    cpu: Duration,
    others: f64,
}

fn load(
    ground: &Ground,
    directory: SocketAddr,
    slapd: u32,
    entries: u64,
) -> Result<Load, BenchError> {
    let bar = ProgressBar::new(entries);
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {per_sec}  {eta:>4} left");
    let bar = style.map_or(bar.clone(), |style| bar.with_style(style));
    let (idle, began) = (Sample::take(None, slapd), Instant::now());
    let gateway = peers::gateway(ground, directory, Target::Jit)?;
    let failed = |source| BenchError::Load { target: "gateway", source };
    let admin = gateway.admin.ok_or_else(|| failed(io::ErrorKind::NotConnected.into()))?;
    let deadline = began + PATIENCE;
    loop {
        let metrics = metrics(admin).map_err(failed)?;
        let value = |name: &str| value(&metrics, name);
        bar.set_position(value("bindgate_replica_users") + value("bindgate_replica_groups"));
        if value("bindgate_replica_complete") == 1 {
            break;
        }
        if Instant::now() > deadline {
            return Err(failed(io::ErrorKind::TimedOut.into()));
        }
        std::thread::sleep(STEP);
    }
    let time = began.elapsed();
    let spent = Sample::take(Some(gateway.id()), slapd).since(&idle);
    bar.finish_and_clear();
    Ok(Load { time, cpu: spent.proxy, others: spent.others() })
}
