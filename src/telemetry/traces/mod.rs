//! Traces: spans that have ended, in a bounded queue, and a thread that sends them by OTLP.
//!
//! A bind never waits for any of this: what finds no room in the queue is dropped and counted, and so
//! is what the receiver does not take. Without the feature `otlp` nothing can be sent, and nothing is
//! begun.

mod counters;
#[cfg(feature = "otlp")]
mod otlp;
mod queue;
#[cfg(feature = "otlp")]
mod sender;

use crate::app::trace::{Ended, Role, Span, Tracer};
use counters::Counters;
use queue::Queue;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use thiserror::Error;

/// Whether this build can send traces.
pub const CAN_TRACE: bool = cfg!(feature = "otlp");

/// Where traces go: the section `[traces]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where spans are posted to.
    pub endpoint: String,
    /// Who may have issued the receiver's certificate, PEM; `None` for those that the system trusts.
    pub ca: Option<PathBuf>,
    /// One of so many binds is traced.
    pub sample_one_in: u64,
    /// What the gateway is called there.
    pub service_name: String,
    /// Whether spans hold names of users and addresses of clients.
    pub names: bool,
    /// The most spans that wait to be sent.
    pub max_queue: usize,
    /// The most spans of one request.
    pub max_batch: usize,
    /// How long spans wait for others to be sent with.
    pub interval: Duration,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long the last spans have at the end.
    pub flush_timeout: Duration,
}

/// Why nothing can be traced.
#[derive(Debug, Error)]
pub enum TraceError {
    /// The feature `otlp` was left out.
    #[error("this bindgate was built without traces (feature `otlp`)")]
    NotBuilt,
    /// The file of authorities cannot be used.
    #[error("{path}: {reason}")]
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The system refused a thread.
    #[error("traces: {0}")]
    Thread(std::io::Error),
}

/// What makes spans and takes them back.
pub(super) struct Exporter {
    queue: Arc<Queue>,
    sample_one_in: u64,
    names: bool,
    flush_timeout: Duration,
    keys: RandomState,
    ids: AtomicU64,
    counters: Counters,
}

impl Exporter {
    /// Begins to send.
    pub(super) fn start(config: &Config) -> Result<Arc<Self>, TraceError> {
        let counters = Counters::new();
        let queue = Arc::new(Queue::new(config.max_queue, config.max_batch));
        let exporter = Self {
            queue: queue.clone(),
            sample_one_in: config.sample_one_in.max(1),
            names: config.names,
            flush_timeout: config.flush_timeout,
            keys: RandomState::new(),
            ids: AtomicU64::new(0),
            counters: counters.clone(),
        };
        send(config, queue, counters, exporter.new_id())?;
        Ok(Arc::new(exporter))
    }

    /// Begins a tree, if this one is to be traced.
    pub(super) fn begin(self: &Arc<Self>, name: &'static str, begun: Instant) -> Span {
        let number = self.new_id();
        if self.sample_one_in > 1 && !number.is_multiple_of(self.sample_one_in) {
            return Span::OFF;
        }
        let trace = (u128::from(self.new_id()) << 64) | u128::from(self.new_id());
        Span::root(self.clone(), name, Role::Server, begun, trace)
    }

    /// Sends what waits, for as long as it may take; nothing is taken after that.
    pub(super) fn stop(&self) {
        self.queue.close(Instant::now() + self.flush_timeout);
    }
}

impl Tracer for Exporter {
    fn new_id(&self) -> u64 {
        // Keyed at the start, so that no two gateways give the same ones.
        self.keys.hash_one(self.ids.fetch_add(1, Ordering::Relaxed)).max(1)
    }

    fn takes_names(&self) -> bool {
        self.names
    }

    fn ended(&self, span: Ended) {
        if !self.queue.put(span) {
            self.counters.no_room.increment(1);
            self.counters.limit.increment(1);
        }
    }
}

#[cfg(feature = "otlp")]
fn send(
    config: &Config,
    queue: Arc<Queue>,
    counters: Counters,
    instance: u64,
) -> Result<(), TraceError> {
    let sender = sender::Sender::new(config, counters, instance)?;
    let thread = std::thread::Builder::new().name("traces".to_owned());
    thread.spawn(move || sender.run(&queue)).map(drop).map_err(TraceError::Thread)
}

#[cfg(not(feature = "otlp"))]
fn send(
    _config: &Config,
    _queue: Arc<Queue>,
    _counters: Counters,
    _instance: u64,
) -> Result<(), TraceError> {
    Err(TraceError::NotBuilt)
}
