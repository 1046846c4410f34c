//! Runs this program under callgrind.

use crate::callgrind::Collected;
use crate::comparison::Count;
use crate::scenarios::Scenario;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use thiserror::Error;

/// Why nothing could be counted.
#[derive(Debug, Error)]
pub(crate) enum CountError {
    /// valgrind did not start.
    #[error("valgrind cannot be run: {0} (scripts/instruction-counts installs it)")]
    Valgrind(io::Error),
    /// A scenario failed.
    #[error("{scenario} failed under valgrind:\n{output}")]
    Scenario { scenario: &'static str, output: String },
    /// callgrind's file could not be read, or nothing in it was understood.
    #[error("{} is not what callgrind writes", .0.display())]
    Output(PathBuf),
}

/// Only what happens below this function counts. Wildcards, since its name is mangled.
const COUNTED: &str = "--toggle-collect=*scenarios*repeat*";

/// How often a scenario is measured that differs from run to run; the median counts.
const MEASUREMENTS: usize = 5;

/// What one repetition takes: what N more of them take, divided by N.
pub(crate) fn count(scenario: &Scenario) -> Result<Count, CountError> {
    let measurements = if scenario.is_exact { 1 } else { MEASUREMENTS };
    let mut counts = (0..measurements).map(|_| measure(scenario)).collect::<Result<Vec<_>, _>>()?;
    counts.sort_by(|one, other| one.instructions.total_cmp(&other.instructions));
    Ok(counts[measurements / 2])
}

fn measure(scenario: &Scenario) -> Result<Count, CountError> {
    let short = run(scenario, scenario.times)?;
    let long = run(scenario, 2 * scenario.times)?;
    let each = |short: u64, long: u64| (long as f64 - short as f64) / scenario.times as f64;
    Ok(Count {
        instructions: each(short.instructions, long.instructions),
        allocations: each(short.allocations, long.allocations),
    })
}

fn run(scenario: &Scenario, times: u64) -> Result<Collected, CountError> {
    let this = std::env::current_exe().map_err(CountError::Valgrind)?;
    let file = output_file(scenario);
    // An environment of its own: what lies on the stack moves everything else.
    let output = Command::new("valgrind")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .args(["--tool=callgrind", COUNTED])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(this)
        .args(["--repeat", scenario.name, "--times", &times.to_string()])
        .output()
        .map_err(CountError::Valgrind)?;
    if !output.status.success() {
        let output = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(CountError::Scenario { scenario: scenario.name, output });
    }
    let collected = fs::read_to_string(&file).ok().and_then(|text| Collected::parse(&text));
    match collected {
        Some(collected) if collected.instructions > 0 => Ok(collected),
        _ => Err(CountError::Output(file)),
    }
}

/// Where a scenario's last run is kept, for `callgrind_annotate`.
pub(crate) fn output_file(scenario: &Scenario) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.callgrind", scenario.name))
}
