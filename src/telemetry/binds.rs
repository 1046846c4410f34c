//! Binds of one directory: how they ended, and where their time went.

use super::instruments::counter;
use super::table;
use super::tally::Tally;
use crate::app::events::BindSpent;
use crate::proto::result::ResultCode;
use metrics::Counter;
use metrics_exporter_prometheus::PrometheusRecorder;
use std::time::Duration;

/// Result codes of binds that have a label of their own; all others, `other (80)` among them, share
/// the label "other".
const CODES: [ResultCode; 19] = [
    ResultCode::SUCCESS,
    ResultCode::INVALID_CREDENTIALS,
    ResultCode::OPERATIONS_ERROR,
    ResultCode::PROTOCOL_ERROR,
    ResultCode::TIME_LIMIT_EXCEEDED,
    ResultCode::AUTH_METHOD_NOT_SUPPORTED,
    ResultCode::STRONGER_AUTH_REQUIRED,
    ResultCode::REFERRAL,
    ResultCode::ADMIN_LIMIT_EXCEEDED,
    ResultCode::CONFIDENTIALITY_REQUIRED,
    ResultCode::SASL_BIND_IN_PROGRESS,
    ResultCode::CONSTRAINT_VIOLATION,
    ResultCode::NO_SUCH_OBJECT,
    ResultCode::INVALID_DN_SYNTAX,
    ResultCode::INAPPROPRIATE_AUTHENTICATION,
    ResultCode::INSUFFICIENT_ACCESS_RIGHTS,
    ResultCode::BUSY,
    ResultCode::UNAVAILABLE,
    ResultCode::UNWILLING_TO_PERFORM,
];

/// The labels of binds' results.
pub(super) fn results() -> impl Iterator<Item = &'static str> {
    CODES.iter().map(|code| code.name().unwrap_or("other")).chain(["other"])
}

/// What is counted of the binds that went to one directory, or to none.
pub(super) struct OfBinds {
    counters: Vec<Counter>,
    tally: Tally<{ CODES.len() + 1 }>,
}

impl OfBinds {
    pub(super) fn new(recorder: &PrometheusRecorder, directory: &str) -> Self {
        let of = |result| counter(recorder, table::BINDS_TOTAL, &[directory, result]);
        Self { counters: results().map(of).collect(), tally: Tally::new() }
    }

    pub(super) fn count(
        &self,
        worker: usize,
        code: ResultCode,
        elapsed: Duration,
        spent: BindSpent,
    ) {
        let index = CODES.iter().position(|known| *known == code);
        self.tally.count(worker, index.unwrap_or(CODES.len()), elapsed, spent);
    }

    /// Brings the counters up to what was counted apart from them.
    pub(super) fn sum_up(&self) {
        for (index, counter) in self.counters.iter().enumerate() {
            counter.absolute(self.tally.total(index));
        }
    }

    pub(super) fn tally(&self) -> &Tally<{ CODES.len() + 1 }> {
        &self.tally
    }
}
