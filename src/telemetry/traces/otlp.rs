//! Spans as the messages of OTLP (opentelemetry.proto.trace.v1).

use crate::app::trace::{Ended, Role, SpanId, Value};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Who sends, and what the time is: the clock by which spans are measured does not tell that.
pub(super) struct Here<'a> {
    pub(super) service_name: &'a str,
    pub(super) instance: u64,
    pub(super) at: (Instant, SystemTime),
}

/// The body of one request.
pub(super) fn encode(here: &Here<'_>, spans: &[Ended]) -> Vec<u8> {
    let resource = Resource {
        attributes: vec![
            text("service.name", here.service_name),
            text("service.version", env!("CARGO_PKG_VERSION")),
            text("service.instance.id", &format!("{:016x}", here.instance)),
        ],
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: "bindgate".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_spans = ScopeSpans {
        scope: Some(scope),
        spans: spans.iter().map(|span| message(here, span)).collect(),
        ..ScopeSpans::default()
    };
    let resource_spans = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
}

/// How many spans a receiver says that it did not keep, and why.
pub(super) fn rejected(body: &[u8]) -> Option<(u64, String)> {
    let partial = ExportTraceServiceResponse::decode(body).ok()?.partial_success?;
    let rejected = u64::try_from(partial.rejected_spans).ok().filter(|rejected| *rejected > 0)?;
    Some((rejected, partial.error_message))
}

fn message(here: &Here<'_>, span: &Ended) -> Span {
    let kind = match span.role {
        Role::Server => SpanKind::Server,
        Role::Client => SpanKind::Client,
        Role::Internal => SpanKind::Internal,
    };
    let (trace_id, span_id) = bytes(span.id);
    let links = span.links.iter().map(|link| {
        let (trace_id, span_id) = bytes(*link);
        Link { trace_id, span_id, ..Link::default() }
    });
    Span {
        trace_id,
        span_id,
        parent_span_id: span.parent.map(|id| id.to_be_bytes().to_vec()).unwrap_or_default(),
        name: span.name.to_owned(),
        kind: kind as i32,
        start_time_unix_nano: nanoseconds(here, span.begun),
        end_time_unix_nano: nanoseconds(here, span.ended),
        attributes: span.attributes.iter().map(|(key, value)| attribute(key, value)).collect(),
        links: links.collect(),
        status: span
            .is_failed
            .then(|| Status { code: StatusCode::Error as i32, ..Status::default() }),
        ..Span::default()
    }
}

fn bytes(id: SpanId) -> (Vec<u8>, Vec<u8>) {
    (id.trace.to_be_bytes().to_vec(), id.span.to_be_bytes().to_vec())
}

fn nanoseconds(here: &Here<'_>, instant: Instant) -> u64 {
    let (now, time) = here.at;
    let time = time.checked_sub(now.saturating_duration_since(instant)).unwrap_or(UNIX_EPOCH);
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn attribute(key: &str, value: &Value) -> KeyValue {
    let value = match value {
        Value::Count(count) => Any::IntValue(*count),
        Value::Text(text) => Any::StringValue(text.to_string()),
        Value::Flag(flag) => Any::BoolValue(*flag),
    };
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn text(key: &str, text: &str) -> KeyValue {
    attribute(key, &Value::Text(text.to_owned().into()))
}
