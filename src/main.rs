//! The binary: everything is decided in the library.

use bindgate::cli::{self, Parts};
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::main(std::env::args_os(), &Parts::real()).code())
}
