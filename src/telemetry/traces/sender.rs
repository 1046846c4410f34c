//! The thread that posts spans to a receiver (OTLP over HTTP, protobuf in binary).

use super::counters::Counters;
use super::otlp::{self, Here};
use super::queue::Queue;
use super::{Config, TraceError};
use crate::app::trace::Ended;
use crate::telemetry::https;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use ureq::Agent;
use ureq::http::StatusCode;
use ureq::tls::TlsConfig;

/// How often the same spans are sent that nobody has taken.
const MAX_TRIES: u32 = 4;
/// How long the first pause is after that; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause, whatever a receiver asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The most bytes of an answer that are read.
const MAX_ANSWER: u64 = 64 << 10;

pub(super) struct Sender {
    agent: Agent,
    endpoint: String,
    service_name: String,
    instance: u64,
    interval: Duration,
    timeout: Duration,
    counters: Counters,
}

/// Why spans were not taken.
struct Refusal {
    reason: String,
    /// Whether they may be taken later, and when the receiver wants to be asked.
    retry: Option<Option<Duration>>,
}

impl Sender {
    pub(super) fn new(
        config: &Config,
        counters: Counters,
        instance: u64,
    ) -> Result<Self, TraceError> {
        let tls = match config.endpoint.starts_with("https://") {
            true => trust(config.ca.as_deref())?,
            false => TlsConfig::default(),
        };
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .tls_config(tls)
            .build();
        Ok(Self {
            agent: Agent::new_with_config(agent),
            endpoint: config.endpoint.clone(),
            service_name: config.service_name.clone(),
            instance,
            interval: config.interval,
            timeout: config.timeout,
            counters,
        })
    }

    /// Sends until no more is to come.
    pub(super) fn run(self, queue: &Queue) {
        let mut is_heard = true;
        while let Some((spans, closing)) = queue.take(self.interval) {
            let outcome = self.send(queue, &spans, closing);
            let count = u64::try_from(spans.len()).unwrap_or(u64::MAX);
            match outcome {
                Ok(rejected) => {
                    self.counters.sent.increment(count.saturating_sub(rejected));
                    self.counters.refused.increment(rejected.min(count));
                    if !is_heard {
                        tracing::info!(target: "bindgate", "traces are taken again");
                    }
                    is_heard = true;
                }
                Err(reason) => {
                    self.counters.refused.increment(count);
                    if is_heard {
                        tracing::warn!(target: "bindgate", "traces are not taken: {reason}");
                    }
                    is_heard = false;
                }
            }
        }
        queue.done();
    }

    /// Sends some spans, several times if need be; how many of them the receiver has not kept.
    fn send(
        &self,
        queue: &Queue,
        spans: &[Ended],
        mut closing: Option<Instant>,
    ) -> Result<u64, String> {
        let at = (Instant::now(), SystemTime::now());
        let here = Here { service_name: &self.service_name, instance: self.instance, at };
        let body = otlp::encode(&here, spans);
        let mut pause = FIRST_PAUSE;
        for tried in 1.. {
            let refusal = match self.post(&body, closing) {
                Ok(rejected) => return Ok(rejected),
                Err(refusal) => refusal,
            };
            let Some(wanted) = refusal.retry.filter(|_| tried < MAX_TRIES) else {
                return Err(refusal.reason);
            };
            closing = queue.pause(wanted.unwrap_or(pause).min(LONGEST_PAUSE));
            if closing.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(refusal.reason);
            }
            pause *= 2;
        }
        Ok(0)
    }

    fn post(&self, body: &[u8], closing: Option<Instant>) -> Result<u64, Refusal> {
        let left = closing.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // A time-out of nothing would be none.
        let timeout = left.unwrap_or(self.timeout).min(self.timeout).max(Duration::from_millis(1));
        let request = self.agent.post(&self.endpoint);
        let request = request.config().timeout_global(Some(timeout)).build();
        let request = request.header("Content-Type", "application/x-protobuf");
        let later = |error: ureq::Error| Refusal { reason: error.to_string(), retry: Some(None) };
        let mut answer = request.send(body).map_err(later)?;
        let status = answer.status();
        if !status.is_success() {
            let wanted = answer.headers().get("Retry-After");
            let wanted = wanted.and_then(|value| value.to_str().ok()?.parse().ok());
            let retry = may_be_retried(status).then(|| wanted.map(Duration::from_secs));
            let reason = format!("{} answers {status}", self.endpoint);
            return Err(Refusal { reason, retry });
        }
        let body = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
        let rejected = body.ok().and_then(|body| otlp::rejected(&body));
        if let Some((count, why)) = &rejected {
            let why = crate::telemetry::Printable(why);
            tracing::warn!(target: "bindgate", "{count} spans were not kept: {why}");
        }
        Ok(rejected.map_or(0, |(count, _)| count))
    }
}

/// Whether the receiver may take later what it did not take now (OTLP, "Failures").
fn may_be_retried(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

fn trust(ca: Option<&Path>) -> Result<TlsConfig, TraceError> {
    let roots = match ca {
        None => https::of_this_machine(),
        Some(path) => https::certificates(path)
            .map_err(|reason| TraceError::Ca { path: path.to_owned(), reason })?,
    };
    Ok(https::believing(&roots))
}
