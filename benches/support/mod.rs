//! What the benches share: a directory full of people, peers to compare with, a load generator, the
//! measuring of CPU time, and the report.

mod arguments;
pub(crate) mod company;
pub(crate) mod costs;
pub(crate) mod cpu;
pub(crate) mod latency;
mod limits;
pub(crate) mod link;
pub(crate) mod load;
mod measuring;
pub(crate) mod memory;
#[allow(dead_code, reason = "not every bench looks at them")]
pub(crate) mod metrics;
pub(crate) mod openldap;
pub(crate) mod peers;
mod process;
mod progress;
mod report;
pub(crate) mod run;
mod scenario;
mod svg;
pub(crate) mod target;
mod walk;
pub(crate) mod work;

use std::path::PathBuf;
use std::process::ExitCode;
use thiserror::Error;

/// Why a bench ends without a result.
#[derive(Debug, Error)]
pub(crate) enum BenchError {
    /// A program that it needs is not installed.
    #[error("{program} is not installed: {hint}")]
    Missing {
        /// The program.
        program: &'static str,
        /// How to get it.
        hint: &'static str,
    },
    /// A program ended, or did not open its port in time; what it printed last.
    #[error("{program} did not start: {output}")]
    NotStarted {
        /// The program.
        program: &'static str,
        /// The end of its output.
        output: String,
    },
    /// The load could not be carried out.
    #[error("{target}: {source}")]
    Load {
        /// What was measured.
        target: &'static str,
        /// What went wrong.
        source: std::io::Error,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
}

impl BenchError {
    /// For `map_err` after an operation on `path`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// Whether somebody at the keyboard wants an end.
    pub(crate) fn is_interruption(&self) -> bool {
        let Self::Load { source, .. } = self else { return false };
        source.kind() == std::io::ErrorKind::Interrupted
    }

    /// 69 for what could not be started or reached, 70 for the rest.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Missing { .. } | Self::NotStarted { .. } => ExitCode::from(69),
            Self::Load { .. } | Self::File { .. } => ExitCode::from(70),
        }
    }
}
