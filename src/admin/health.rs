//! `/livez`, `/readyz` and `/metrics`.

use crate::app::figures::{Resolution, Step};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use std::sync::Arc;

/// Whether a part of the gateway can do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartState {
    /// It can.
    Ready,
    /// It cannot, and why; everybody who reaches the port can read this.
    NotReady(String),
}

/// A part of the gateway, as `/readyz` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyPart {
    /// Its name: `store`, `directory corp`, …
    pub name: String,
    /// Its state.
    pub state: PartState,
}

/// Asks all parts for their state; it must not block.
pub type Readiness = Arc<dyn Fn() -> Vec<ReadyPart> + Send + Sync>;

/// Gives the metrics in Prometheus' text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Gives what was counted in the last steps of time.
pub type ReadFigures = Arc<dyn Fn(Resolution) -> Vec<Step> + Send + Sync>;

pub(super) fn routes(readiness: Readiness) -> Router {
    Router::new()
        .route("/livez", get(|| async { Json(json!({ "alive": true })) }))
        .route("/readyz", get(readyz))
        .with_state(readiness)
}

pub(super) fn metrics_routes(render: RenderMetrics) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(render)
}

async fn readyz(State(readiness): State<Readiness>) -> impl IntoResponse {
    let parts = readiness();
    let is_ready = parts.iter().all(|part| part.state == PartState::Ready);
    let part = |part: &ReadyPart| {
        let detail = match &part.state {
            PartState::Ready => None,
            PartState::NotReady(detail) => Some(detail),
        };
        json!({ "name": part.name, "ready": detail.is_none(), "detail": detail })
    };
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let parts: Vec<_> = parts.iter().map(part).collect();
    (status, Json(json!({ "ready": is_ready, "parts": parts })))
}

async fn metrics(State(render): State<RenderMetrics>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render())
}
