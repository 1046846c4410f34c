//! Instructions of the hot path, counted by valgrind and held against `benches/instructions.toml`.
//!
//! Goal: a change that makes a relayed operation dearer is seen before it is taken, on any machine
//! and beside any load, which times cannot give.
//!
//! Method: this program runs itself under callgrind, a scenario N times and 2 N times; the
//! difference divided by N is what one repetition takes, without start-up and first-time costs.
//! Nothing is random and no thread but the first one runs, so the counts repeat.
//!
//! `scripts/instruction-counts [--write] [--only SCENARIO,…]`; exit code 1 if a count grew by more
//! than the tolerance, 69 without valgrind. More in docs/instructions.md.

#[path = "instructions/callgrind.rs"]
mod callgrind;
#[path = "instructions/comparison.rs"]
mod comparison;
#[path = "instructions/directory.rs"]
mod directory;
#[path = "instructions/domain.rs"]
mod domain;
#[path = "instructions/jit.rs"]
mod jit;
#[path = "instructions/relay.rs"]
mod relay;
#[path = "instructions/scenarios.rs"]
mod scenarios;
#[path = "instructions/valgrind.rs"]
mod valgrind;

use clap::Parser;
use comparison::{Count, Counts, Finding, TOLERANCE};
use scenarios::{SCENARIOS, Scenario};
use std::fs;
use std::process::ExitCode;

/// The committed counts.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.toml");

/// Counts the instructions of the hot path and compares them with benches/instructions.toml.
#[derive(Debug, Parser)]
#[command(name = "instructions")]
struct Arguments {
    /// Write the file anew instead of comparing with it
    #[arg(long)]
    write: bool,
    /// Scenarios to count; the others are left alone
    #[arg(long, value_delimiter = ',', value_parser = scenario)]
    only: Vec<&'static Scenario>,
    /// Do a scenario's work and nothing else: what is run under valgrind
    #[arg(long, requires = "times", value_parser = scenario)]
    repeat: Option<&'static Scenario>,
    /// How often
    #[arg(long)]
    times: Option<u64>,
    /// Given by cargo to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn scenario(name: &str) -> Result<&'static Scenario, String> {
    SCENARIOS.iter().find(|scenario| scenario.name == name).ok_or_else(|| {
        let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        format!("there are: {}", names.join(", "))
    })
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let (Some(scenario), Some(times)) = (arguments.repeat, arguments.times) {
        (scenario.work)(times);
        return ExitCode::SUCCESS;
    }
    let counted = match count(&arguments.only) {
        Ok(counted) => counted,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(69);
        }
    };
    let committed = fs::read_to_string(FILE).map_err(|error| error.to_string());
    let committed = committed.and_then(|text| comparison::read(&text));
    match (arguments.write, committed) {
        (true, committed) => write(committed.unwrap_or_default(), counted),
        (false, Ok(committed)) => judge(committed, &counted, &arguments.only),
        (false, Err(error)) => {
            eprintln!("error: {FILE}: {error}");
            ExitCode::from(64)
        }
    }
}

fn count(only: &[&'static Scenario]) -> Result<Counts, valgrind::CountError> {
    let mut counted = Counts::new();
    println!("{:24}{:>14}{:>14}", "", "instructions", "allocations");
    for scenario in SCENARIOS.iter().filter(|scenario| is_wanted(scenario.name, only)) {
        let count = valgrind::count(scenario)?;
        let Count { instructions, allocations } = count;
        println!("{:24}{instructions:14.1}{allocations:14.3}", scenario.name);
        counted.insert(scenario.name.to_owned(), count);
    }
    Ok(counted)
}

fn is_wanted(name: &str, only: &[&'static Scenario]) -> bool {
    only.is_empty() || only.iter().any(|scenario| scenario.name == name)
}

/// Writes the file: what was counted, and what the file had of the scenarios that were left out.
fn write(mut counts: Counts, counted: Counts) -> ExitCode {
    counts.extend(counted);
    let in_order = SCENARIOS
        .iter()
        .filter_map(|scenario| counts.get(scenario.name).map(|count| (scenario.name, *count)));
    match fs::write(FILE, comparison::write(in_order)) {
        Ok(()) => {
            println!("written: {FILE}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {FILE}: {error}");
            ExitCode::from(70)
        }
    }
}

fn judge(mut committed: Counts, counted: &Counts, only: &[&'static Scenario]) -> ExitCode {
    committed.retain(|name, _| is_wanted(name, only));
    let findings = comparison::compare(&committed, counted);
    for finding in &findings {
        println!("{finding}");
    }
    if findings.iter().any(Finding::is_fault) {
        eprintln!(
            "more than {TOLERANCE} % above benches/instructions.toml, or not in it. If that is on \
             purpose: scripts/instruction-counts --write, and say why in the commit"
        );
        return ExitCode::FAILURE;
    }
    println!("no count grew by more than {TOLERANCE} %");
    ExitCode::SUCCESS
}
