//! Events turned into log lines and metrics.
//!
//! While a line's level is off, its event costs a few atomic additions: nothing is looked up by
//! name, nothing is allocated, nothing is formatted. No label and no metric holds what a peer sent.

mod accounts;
mod binds;
mod escape;
mod figures;
pub mod https;
mod instruments;
mod joined;
mod line;
mod logging;
mod table;
mod tally;
mod traces;

pub use escape::{MAX_NAME, Printable, Quoted};
pub use logging::{AlreadyInitialised, init_logging, set_log_level};
pub use table::{BUCKETS, Kind, METRICS, Metric};
pub use traces::{CAN_TRACE, Config as TracesConfig, TraceError};

use crate::app::events::{Event, SignOnOutcome};
use crate::app::figures::{Figures, History, Resolution, Step};
use crate::app::ports::Events;
use crate::app::trace::Span;
use crate::domain::time::Timestamp;
use instruments::Instruments;
use joined::Joined;
use line::Line;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;
use traces::Exporter;
use tracing::Level;

/// The target of the events' log lines.
const TARGET: &str = "bindgate";

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text, in slapd's tongue.
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What needs somebody's attention.
    Error,
    /// What may need it.
    Warn,
    /// Starts, stops, changes of records and switches (default).
    Info,
    /// Every connection and operation too.
    Debug,
}

/// What telemetry is configured with: the section `[log]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How much.
    pub level: LogLevel,
    /// How.
    pub format: LogFormat,
}

/// The metrics of one gateway, and the writer of its log lines. Clones share everything but where
/// binds are counted.
#[derive(Clone)]
pub struct Telemetry {
    inner: Arc<Inner>,
    worker: usize,
}

struct Inner {
    instruments: Instruments,
    handle: PrometheusHandle,
    started: Instant,
    limits: Joined,
    refusals: Joined,
    not_given: Joined,
    held: Joined,
    skipped: Joined,
    odd: Joined,
    history: Mutex<History>,
    /// Where spans go; nowhere, if nothing is traced.
    exporter: OnceLock<Arc<Exporter>>,
}

impl Telemetry {
    /// Registers all metrics; `directories` are the names that are configured at the start.
    pub fn new(directories: &[&str]) -> Self {
        let recorder = instruments::recorder();
        let handle = recorder.handle();
        let instruments = Instruments::new(recorder, directories);
        let (limits, refusals, not_given, held, skipped, odd) = Default::default();
        let started = Instant::now();
        let history = Mutex::default();
        let exporter = OnceLock::new();
        let inner = Inner {
            instruments,
            handle,
            started,
            limits,
            refusals,
            not_given,
            held,
            skipped,
            odd,
            history,
            exporter,
        };
        Self { inner: Arc::new(inner), worker: 0 }
    }

    /// Traces binds from now on; once for each gateway.
    pub fn trace_to(&self, config: &TracesConfig) -> Result<(), TraceError> {
        let exporter = self.recording(|| Exporter::start(config))?;
        if let Err(second) = self.inner.exporter.set(exporter) {
            second.stop();
        }
        Ok(())
    }

    /// Sends the spans that wait, if binds are traced, and takes no more.
    pub fn stop_tracing(&self) {
        if let Some(exporter) = self.inner.exporter.get() {
            exporter.stop();
        }
    }

    /// Registers those of a directory that a reload has added.
    pub fn add_directory(&self, name: &str) {
        self.inner.instruments.add_directory(name);
    }

    /// The same for one worker, which counts its binds where no other does.
    pub fn at_worker(&self, worker: usize) -> Self {
        Self { inner: self.inner.clone(), worker }
    }

    /// Does `make`, whose metric handles become this gateway's.
    pub fn recording<T>(&self, make: impl FnOnce() -> T) -> T {
        metrics::with_local_recorder(&self.inner.instruments.recorder, make)
    }

    /// How far a shutdown has come: 0 while serving, 1 while draining, 2 while ending.
    pub fn set_phase(&self, phase: u8) {
        self.inner.instruments.phase.set(f64::from(phase));
    }

    /// The metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        self.inner.instruments.sum_up();
        let mut text = self.inner.handle.render();
        self.inner.instruments.render(&mut text);
        text
    }

    /// Folds the histograms' samples into their buckets. To be called every few seconds: samples
    /// are kept one by one in between.
    pub fn upkeep(&self) {
        self.inner.handle.run_upkeep();
    }
}

impl Telemetry {
    /// Notes what was counted in a minute that is over. To be called every few seconds; what it does
    /// once a minute takes as long as to render the metrics.
    pub fn note_minute(&self, now: Timestamp) {
        if self.history().is_due(now) {
            let counters = self.counters();
            self.history().note(now, counters);
        }
    }

    /// What was counted in the last steps of time.
    pub fn figures(&self, resolution: Resolution, now: Timestamp) -> Vec<Step> {
        let counters = self.counters();
        let mut history = self.history();
        if history.is_due(now) {
            history.note(now, counters.clone());
        }
        history.steps(resolution, &counters)
    }

    fn counters(&self) -> Figures {
        figures::read(&self.render())
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.inner.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events for Telemetry {
    fn emit(&self, event: &Event<'_>) {
        let urgency = self.inner.count(event, self.worker);
        self.inner.write(event, urgency);
    }

    fn trace(&self, name: &'static str, begun: Instant) -> Span {
        match self.inner.exporter.get() {
            Some(exporter) => exporter.begin(name, begun),
            None => Span::OFF,
        }
    }
}

/// A log line's level, and whether it is to be joined with its likes.
enum Urgency<'a> {
    Line(Level),
    Joined(Level, &'a Joined),
    /// It is a number, and the metrics tell it.
    Silent,
}

impl Inner {
    /// Moves the metrics and tells how the event is to be logged.
    fn count(&self, event: &Event<'_>, worker: usize) -> Urgency<'_> {
        let instruments = &self.instruments;
        match *event {
            Event::Connected { .. } => {
                instruments.connections_total.increment(1);
                instruments.connections.increment(1.0);
            }
            Event::Disconnected { reason, .. } => {
                instruments.connections.decrement(1.0);
                instruments.closed(reason);
            }
            Event::Bind { directory, code, elapsed, spent, .. } => {
                instruments.bound(worker, directory, code, elapsed, spent);
            }
            Event::Answered { operation, code, .. } => instruments.answered(operation, code),
            Event::TlsEstablished { version, handshake, .. } => {
                instruments.tls.handshakes[version as usize][handshake as usize].increment(1);
            }
            _ => return self.count_rare(event),
        }
        Urgency::Line(Level::DEBUG)
    }

    fn count_rare(&self, event: &Event<'_>) -> Urgency<'_> {
        let instruments = &self.instruments;
        match *event {
            Event::SignOn { .. } => return self.count_sign_on(event),
            Event::SwitchChanged { .. }
            | Event::ViewSwitchChanged { .. }
            | Event::LastMemberHeld { .. }
            | Event::GroupSkipped { .. } => {
                return self.count_rules(event);
            }
            Event::Reconciled { .. }
            | Event::ReconcileRound { .. }
            | Event::ReconcileWaiting { .. }
            | Event::RecordDeleted { .. }
            | Event::GroupNotGiven { .. } => return self.count_reconciled(event),
            Event::UpstreamDown { directory, url, .. }
                if instruments.directory(directory).server_down(url) =>
            {
                return Urgency::Line(Level::WARN);
            }
            Event::UpstreamUp { directory, url }
                if instruments.directory(directory).server_up(url) =>
            {
                return Urgency::Line(Level::INFO);
            }
            Event::UpstreamRetried { directory } => instruments.directory(directory).retried(),
            Event::UpstreamSkipped { directory } => instruments.directory(directory).skipped(),
            Event::SignOnUnidentified { directory, reason } => {
                instruments.directory(directory).unidentified(reason);
            }
            Event::ReferralSettled { directory, settled } => {
                instruments.directory(directory).referred(settled);
            }
            Event::UpstreamOdd { directory } => {
                instruments.directory(directory).odd();
                return Urgency::Joined(Level::WARN, &self.odd);
            }
            Event::LimitHit { limit, .. } => {
                instruments.limit(limit);
                return Urgency::Joined(Level::WARN, &self.limits);
            }
            Event::ThrottleBegan { .. } => {
                instruments.throttles.increment(1);
                instruments.throttled.increment(1.0);
                return Urgency::Line(Level::WARN);
            }
            Event::ThrottleEnded { .. } => {
                instruments.throttled.decrement(1.0);
                return Urgency::Line(Level::INFO);
            }
            Event::StoreFailed { .. } => {
                instruments.store_healthy.set(0.0);
                return Urgency::Line(Level::ERROR);
            }
            Event::StoreRecovered => {
                instruments.store_healthy.set(1.0);
                return Urgency::Line(Level::INFO);
            }
            Event::AdminRefused => {
                instruments.admin_refused.increment(1);
                return Urgency::Joined(Level::WARN, &self.refusals);
            }
            _ => return self.count_copy(event),
        }
        Urgency::Line(Level::DEBUG)
    }

    /// What the rules of sign-ons are, hold back and leave out.
    fn count_rules(&self, event: &Event<'_>) -> Urgency<'_> {
        let instruments = &self.instruments;
        match event {
            Event::GroupSkipped { .. } => {
                instruments.groups_skipped.increment(1);
                Urgency::Joined(Level::INFO, &self.skipped)
            }
            Event::LastMemberHeld { .. } => {
                instruments.last_members_held.increment(1);
                Urgency::Joined(Level::WARN, &self.held)
            }
            _ => {
                instruments.switch_changes.increment(1);
                Urgency::Line(Level::INFO)
            }
        }
    }

    /// What is done to accounts without a sign-on.
    fn count_reconciled(&self, event: &Event<'_>) -> Urgency<'_> {
        let instruments = &self.instruments;
        match *event {
            Event::Reconciled { outcome, added, removed, .. } => {
                instruments.looked_at(outcome, added, removed);
                let has_changed = outcome == SignOnOutcome::Changed;
                Urgency::Line(if has_changed { Level::INFO } else { Level::DEBUG })
            }
            Event::RecordDeleted { .. } => {
                instruments.deleted.increment(1);
                Urgency::Line(Level::INFO)
            }
            Event::ReconcileWaiting { waiting } => {
                instruments.waits(waiting);
                Urgency::Silent
            }
            Event::ReconcileRound { records, .. } => {
                instruments.gone_through(records);
                Urgency::Line(Level::INFO)
            }
            Event::GroupNotGiven { .. } => Urgency::Joined(Level::WARN, &self.not_given),
            _ => Urgency::Line(Level::INFO),
        }
    }

    /// What happens to a directory's live copy, and how far the directory has got.
    fn count_copy(&self, event: &Event<'_>) -> Urgency<'_> {
        let instruments = &self.instruments;
        match *event {
            Event::ReplicaMissed { directory } => {
                instruments.directory(directory).missed();
                return Urgency::Line(Level::DEBUG);
            }
            Event::ReplicaGivenUp { directory } => {
                instruments.directory(directory).given_up(true);
                return Urgency::Line(Level::WARN);
            }
            Event::ReplicaCaughtUp { directory } => {
                instruments.directory(directory).given_up(false);
            }
            Event::RollbackSeen { directory } => {
                instruments.directory(directory).behind(true);
                return Urgency::Line(Level::WARN);
            }
            Event::RollbackOver { directory } => instruments.directory(directory).behind(false),
            Event::RollbackAccepted { directory, .. } => {
                instruments.directory(directory).rollback_accepted();
            }
            Event::HeldDecided { directory, decision, .. } => {
                instruments.directory(directory).decided(decision);
            }
            _ => return self.count_held(event),
        }
        Urgency::Line(Level::INFO)
    }

    /// Losses of groups of many users at once.
    fn count_held(&self, event: &Event<'_>) -> Urgency<'_> {
        let instruments = &self.instruments;
        match *event {
            Event::ChangeHeld { directory, kind, .. } => {
                instruments.directory(directory).change_held(kind);
                Urgency::Line(Level::WARN)
            }
            Event::UsersHeld { directory, users } => {
                instruments.directory(directory).users_held(users);
                Urgency::Silent
            }
            Event::HeldPassed { .. } => Urgency::Line(Level::INFO),
            _ => self.count_tls(event),
        }
    }

    fn count_tls(&self, event: &Event<'_>) -> Urgency<'_> {
        let tls = &self.instruments.tls;
        Urgency::Line(match *event {
            // Nobody gets as far as this without a certificate that was verified.
            Event::NotVouchedFor { .. } => Level::INFO,
            Event::AccountBind { refused, .. } => {
                self.instruments.accounts.bound(refused);
                Level::DEBUG
            }
            Event::ConfigurationReloaded { .. } => {
                self.instruments.reloads.changed.increment(1);
                Level::INFO
            }
            Event::ConfigurationRefused { .. } => {
                self.instruments.reloads.refused.increment(1);
                Level::ERROR
            }
            Event::CertificatesReloaded => {
                tls.reloaded.increment(1);
                Level::INFO
            }
            Event::CertificatesRefused { .. } => {
                tls.refused.increment(1);
                Level::ERROR
            }
            _ => Level::DEBUG,
        })
    }

    fn count_sign_on(&self, event: &Event<'_>) -> Urgency<'_> {
        let Event::SignOn { directory, outcome, added, removed, source, elapsed, .. } = *event
        else {
            return Urgency::Line(Level::DEBUG);
        };
        let instruments = &self.instruments;
        instruments.directory(directory).signed_on(outcome, source);
        instruments.added.increment(added as u64);
        instruments.removed.increment(removed as u64);
        instruments.sign_on_seconds.record(elapsed);
        match outcome {
            SignOnOutcome::Created | SignOnOutcome::Changed => Urgency::Line(Level::INFO),
            SignOnOutcome::Unknown(reason) => {
                instruments.unknown(reason);
                let by_reason = &instruments.directory(directory).unknown;
                Urgency::Joined(Level::WARN, &by_reason[instruments::reason_index(reason)])
            }
            _ => Urgency::Line(Level::DEBUG),
        }
    }

    fn write(&self, event: &Event<'_>, urgency: Urgency<'_>) {
        match urgency {
            Urgency::Silent => {}
            Urgency::Line(level) => log(level, &Line(event)),
            Urgency::Joined(level, joined) => {
                match joined.admit(self.started.elapsed().as_secs()) {
                    None => {}
                    Some(0) => log(level, &Line(event)),
                    Some(left_out) => {
                        let line = Line(event);
                        log(level, &format_args!("{line} ({left_out} like it were left out)"));
                    }
                }
            }
        }
    }
}

/// Writes a line; it is formatted only if its level is on.
fn log(level: Level, line: &dyn std::fmt::Display) {
    match level {
        Level::ERROR => tracing::error!(target: TARGET, "{line}"),
        Level::WARN => tracing::warn!(target: TARGET, "{line}"),
        Level::INFO => tracing::info!(target: TARGET, "{line}"),
        _ => tracing::debug!(target: TARGET, "{line}"),
    }
}

#[cfg(test)]
mod tests;
