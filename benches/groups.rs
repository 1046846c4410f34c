//! The group graph of a large directory: what it takes in memory, and how long closures and changes
//! take.
//!
//! Goal and figures: `docs/performance.md`, "The graph". Method: a company that a seed decides is
//! told to a graph entry by entry, groups among users as a directory may have them; nothing else of
//! any size is in the process, so that its resident memory is that of the graph. Then single
//! closures and changes are timed, of random users and groups.
//!
//! `make bench-groups`; `cargo bench --bench groups -- --groups 10000 --users 100000` for another
//! size. Results are printed and kept in `target/bench` as a table and as JSON.

#[path = "groups/clock.rs"]
mod clock;
#[path = "groups/company.rs"]
mod company;
#[path = "support/latency.rs"]
mod latency;
#[path = "groups/measuring.rs"]
mod measuring;
#[path = "groups/report.rs"]
mod report;

use clap::Parser;
use company::Company;
use report::Report;
use std::process::ExitCode;

/// Memory and times of the group graph, in a process of its own.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// How many groups; together with --users, instead of the two usual sizes
    #[arg(long, requires = "users", value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    groups: Option<u32>,
    /// How many users
    #[arg(long, requires = "groups", value_parser = clap::value_parser!(u32).range(10_000..=100_000_000))]
    users: Option<u32>,
    /// How many closures are timed
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..))]
    closures: u32,
    /// How many changes of each kind are timed
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    changes: u32,
    /// What the company is made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Given by cargo to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// Groups and users: the smaller first, so that it does not find the memory of the larger.
const SIZES: [(u32, u32); 2] = [(10_000, 100_000), (100_000, 1_000_000)];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let one = arguments.groups.zip(arguments.users).map(|size| vec![size]);
    let mut report = Report::new();
    for (groups, users) in one.unwrap_or_else(|| SIZES.to_vec()) {
        let company = Company::new(groups, users, arguments.seed);
        report.add(measuring::measure(&company, &arguments));
    }
    println!("{}", report.text());
    match report.save() {
        Ok(folder) => {
            eprintln!("table and JSON are in {}", folder.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(70)
        }
    }
}
