//! The benches' course: which measurements are taken, in which order, and what becomes of them.
//!
//! Goal: ratios that hold on other machines. Rates move by 20 to 40 % from run to run; CPU time per
//! operation of the process in the middle holds best, then ratios within one run. So all targets
//! stand before the same slapd, take turns in every round, and are compared within the round.

use super::BenchError;
use super::arguments::Arguments;
use super::measuring::{Bench, DISTURBED, WARM_UP};
use super::memory::MemoryRow;
use super::progress::Progress;
use super::report::{Report, Row};
use super::scenario::{ALL, Scenario};
use super::target::{Side, Target};
use clap::Parser;
use std::process::ExitCode;
use std::time::Duration;

/// What a look at memory takes, about.
const MEMORY: Duration = Duration::from_secs(6);
/// Of so many measurements one may be repeated, so that a run on a busy machine has an end.
const REPEATED: usize = 5;

/// What a bench measures if its command line does not say.
pub(crate) struct Front {
    /// The bench's name, which its files bear.
    pub(crate) name: &'static str,
    /// The rows; none for all.
    pub(crate) rows: &'static [&'static str],
    /// The targets; none for all that a row knows.
    pub(crate) targets: &'static [Target],
}

/// Runs a bench.
pub(crate) fn main(front: &Front) -> ExitCode {
    let mut arguments = Arguments::parse();
    arguments.default_to(front);
    if arguments.list {
        for Scenario { name, what, .. } in &ALL {
            println!("{name:15} {what}");
        }
        return ExitCode::SUCCESS;
    }
    match run(&arguments, front.name) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(refused) => {
            eprintln!("{refused} operations of the gateway were refused, or not answered at all");
            ExitCode::from(70)
        }
        Err(error) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
    }
}

/// Measures, prints, and says how many operations of the gateway failed.
fn run(arguments: &Arguments, name: &str) -> Result<u64, BenchError> {
    let scenarios = arguments.scenarios();
    eprintln!("filling the directory with {} users", arguments.users);
    let mut course = Course {
        bench: Bench::start(arguments)?,
        progress: Progress::new(length(arguments, &scenarios)),
        arguments,
        repeats: measurements(arguments, &scenarios) / REPEATED,
        rows: Vec::new(),
        memory: Vec::new(),
        failures: Vec::new(),
        ours_failed: 0,
    };
    for scenario in &scenarios {
        if scenario.is_memory() {
            course.memory(scenario)?;
        } else {
            course.rounds(scenario)?;
        }
    }
    course.progress.finish();
    let Arguments { seconds, rounds, users, .. } = arguments;
    let setting = format!("{users} users, {rounds} rounds of {seconds} s for each row");
    let report = Report::new(setting, course.rows, course.memory, course.failures);
    print!("{}", report.text());
    println!("kept in {}", report.save(name)?.display());
    Ok(report.refused() + course.ours_failed)
}

fn measurements(arguments: &Arguments, scenarios: &[&'static Scenario]) -> usize {
    let loads = scenarios.iter().filter(|scenario| !scenario.is_memory());
    let targets: usize = loads.map(|scenario| arguments.targets(scenario).len()).sum();
    targets * usize::from(arguments.rounds)
}

/// How long a run takes by plan.
fn length(arguments: &Arguments, scenarios: &[&'static Scenario]) -> Duration {
    let memory = scenarios.iter().filter(|scenario| scenario.is_memory());
    let looks: usize = memory.map(|scenario| arguments.targets(scenario).len()).sum();
    let load = WARM_UP + arguments.window();
    load * measurements(arguments, scenarios) as u32 + MEMORY * looks as u32
}

/// A run under way.
struct Course<'a> {
    bench: Bench<'a>,
    progress: Progress,
    arguments: &'a Arguments,
    /// Measurements that may still be repeated.
    repeats: usize,
    rows: Vec<Row>,
    memory: Vec<MemoryRow>,
    failures: Vec<String>,
    ours_failed: u64,
}

impl Course<'_> {
    fn memory(&mut self, scenario: &'static Scenario) -> Result<(), BenchError> {
        for target in self.arguments.targets(scenario) {
            self.progress.begin(&format!("{}: {target}", scenario.name));
            let progress = &self.progress;
            let told = |share| progress.elapsed(MEMORY.mul_f64(share));
            let measured = self.bench.memory(scenario, target, told);
            let kept = self.kept(scenario, target, measured)?;
            self.memory.extend(kept);
            self.progress.end(MEMORY);
        }
        Ok(())
    }

    fn rounds(&mut self, scenario: &'static Scenario) -> Result<(), BenchError> {
        for round in 1..=self.arguments.rounds {
            for target in self.arguments.targets(scenario) {
                let of = self.arguments.rounds;
                self.progress.begin(&format!("{}, round {round} of {of}: {target}", scenario.name));
                let measured = self.measure(scenario, target, round);
                let kept = self.kept(scenario, target, measured)?;
                self.rows.extend(kept);
                self.progress.end(WARM_UP + self.arguments.window());
            }
        }
        Ok(())
    }

    /// Measures, again if others disturbed it, and keeps the least disturbed.
    fn measure(
        &mut self,
        scenario: &'static Scenario,
        target: Target,
        round: u16,
    ) -> Result<Row, BenchError> {
        let mut best = self.bench.measure(scenario, target, round, &self.progress)?;
        for _ in 0..self.arguments.repeats {
            if best.others <= DISTURBED || self.repeats == 0 {
                break;
            }
            self.repeats -= 1;
            let again = self.bench.measure(scenario, target, round, &self.progress)?;
            if again.others < best.others {
                best = again;
            }
        }
        Ok(best)
    }

    /// A load that broke off is told of in the report; it does not end the run.
    fn kept<T>(
        &mut self,
        scenario: &Scenario,
        target: Target,
        measured: Result<T, BenchError>,
    ) -> Result<Option<T>, BenchError> {
        match measured {
            Ok(measured) => Ok(Some(measured)),
            Err(error) if error.is_interruption() => Err(error),
            Err(error @ BenchError::Load { .. }) => {
                self.ours_failed += u64::from(target.side() == Side::Ours);
                self.failures.push(format!("{}: {error}", scenario.name));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
