//! The wiring of a gateway: configuration in, a running gateway out. It decides nothing.

mod administration;
mod certificates;
mod clock;
mod descriptors;
mod entrance;
mod generation;
mod notify;
mod oversight;
mod pins;
mod reload;
mod running;
mod signals;
mod worker;

pub use clock::SystemClock;
pub use descriptors::too_few_descriptors;
pub use running::Running;
pub use signals::{Hangup, Signals};

use crate::admin::TokenError;
use crate::config::Config;
use crate::frontend::ListenError;
use crate::store::OpenError;
use crate::upstream::UpstreamError;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use thiserror::Error;

/// Why a gateway did not start, or ended badly.
#[derive(Debug, Error)]
pub enum RunError {
    /// An address of the clients' side or its certificate cannot be used.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The admin address cannot be bound.
    #[error("cannot listen on {address} for administration: {source}")]
    Admin {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The admin token cannot be read or made.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A directory's settings cannot be used.
    #[error("directory {name}: {source}")]
    Directory {
        /// The directory.
        name: String,
        /// What is wrong.
        source: UpstreamError,
    },
    /// Traces cannot be sent.
    #[error(transparent)]
    Traces(#[from] crate::telemetry::TraceError),
    /// The demo cannot prepare what it needs.
    #[error("demo: {0}")]
    Demo(String),
    /// The system refused a thread, a runtime or a signal handler, or the store did not close.
    #[error("{0}")]
    Internal(String),
}

impl RunError {
    /// The process's exit code: 69 if something could not be reached or started, 70 for what is
    /// nobody's configuration.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Internal(_) => 70,
            _ => 69,
        }
    }
}

/// Serves until a signal asks for the end; a second one ends at once, also while it starts. SIGHUP, and
/// a change of the file, have the configuration read again.
pub fn run(config: Config, file: &Path, signals: Signals) -> Result<(), RunError> {
    // A process that has set its logging up already keeps it.
    let _ = crate::telemetry::init_logging(&config.log);
    match signals.unless_asked_twice(|| Running::start(config))? {
        Some(started) => started?.reading(Some(file.to_owned())).until_signalled(signals),
        None => Ok(()),
    }
}
