//! What becomes of spans, counted.

use metrics::{Counter, counter};

/// The handles.
#[derive(Clone)]
#[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "nothing is sent"))]
pub(super) struct Counters {
    pub(super) sent: Counter,
    pub(super) refused: Counter,
    pub(super) no_room: Counter,
    /// The limit that those without room have met.
    pub(super) limit: Counter,
}

impl Counters {
    /// Registered with whoever records here.
    pub(super) fn new() -> Self {
        let of = |outcome| counter!("bindgate_trace_spans_total", "outcome" => outcome);
        let limit = counter!("bindgate_limit_hits_total", "limit" => "traces.max_queue");
        Self { sent: of("sent"), refused: of("refused"), no_room: of("no-room"), limit }
    }
}
