//! First sign-ons as the store sees them: new records, each with its memberships and its row of the
//! audit, written by its one writer and on disk when they are answered.
//!
//! Goal: 5 000 new records a second. As many commits wait at a time as there are connections with a
//! first sign-on under way; what is measured beside the rate is the CPU time of the writer, for that is
//! what sign-ons have to share with the rest of the machine.
//!
//! `cargo bench --bench store -- --records 100000 --waiting 64 --groups 12`

#[path = "support/records.rs"]
mod records;

use bindgate::store::Store;
use clap::Parser;
use records::Silent;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a new record costs the store.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many records are made
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..))]
    records: u64,
    /// How many commits wait at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    waiting: u64,
    /// How many groups each is in
    #[arg(long, default_value_t = 12)]
    groups: u64,
    /// Without what is kept of the observation
    #[arg(long)]
    plain: bool,
    /// Given by cargo to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let folder = std::env::temp_dir().join(format!("bindgate-bench-store-{}", std::process::id()));
    let outcome = measure(&folder, &arguments);
    // What is left behind is in the folder for temporary files.
    let _ = fs::remove_dir_all(&folder);
    outcome
}

fn measure(folder: &Path, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut config = records::config(folder);
    if arguments.plain {
        config.max_observation_size = 0;
    }
    let store = Store::open(config, Silent)?;
    let before = writer_cpu();
    let began = Instant::now();
    records::fill(&store, 0..arguments.records, arguments.waiting, arguments.groups)?;
    let (elapsed, cpu) = (began.elapsed().as_secs_f64(), writer_cpu().saturating_sub(before));
    let records = arguments.records as f64;
    println!(
        "| records | waiting | groups each | records/s | writer CPU µs a record | MiB on disk |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    println!(
        "| {} | {} | {} | {:.0} | {:.0} | {:.0} |",
        arguments.records,
        arguments.waiting,
        arguments.groups,
        records / elapsed,
        cpu.as_secs_f64() * 1e6 / records,
        size(folder)? as f64 / f64::from(1 << 20),
    );
    store.close()?;
    Ok(())
}

/// The CPU time of the thread that writes.
fn writer_cpu() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |path: &Path| {
        let name = fs::read_to_string(path.join("comm")).ok()?;
        let times = fs::read_to_string(path.join("schedstat")).ok()?;
        let nanoseconds = times.split_ascii_whitespace().next()?.parse().ok()?;
        (name.trim() == "store-writer").then(|| Duration::from_nanos(nanoseconds))
    };
    tasks.filter_map(|task| of(&task.path())).sum()
}

fn size(folder: &Path) -> std::io::Result<u64> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
