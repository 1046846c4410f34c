//! `GET /api/v1/held` and `POST /api/v1/held/{id}/confirm` or `/reject`.

use super::answer::{List, Refusal};
use super::json::rfc3339;
use super::server::TokenName;
use crate::app::oversight::{Decided, Decisions, Held};
use crate::app::ports::{Catalogue, Clock, Events};
use crate::domain::replication::Decision;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use std::sync::Arc;

type Shared<C, K, E> = Arc<Decisions<C, K, E>>;

pub(super) fn routes<C: Catalogue, K: Clock, E: Events>(decisions: Shared<C, K, E>) -> Router {
    Router::new()
        .route("/held", get(list::<C, K, E>))
        .route("/held/{id}/confirm", post(confirm::<C, K, E>))
        .route("/held/{id}/reject", post(reject::<C, K, E>))
        .with_state(decisions)
}

/// Something that is held.
#[derive(Serialize)]
struct HeldJson {
    id: String,
    directory: String,
    /// What it is: `group-loss`, `mass-change` or `last-groups`.
    kind: &'static str,
    since: String,
    /// What is counted: `groups`, or `users`.
    counts: &'static str,
    /// How many groups are gone, or how many users' groups would be.
    gone: usize,
    /// Of how many.
    of: usize,
    /// Names of some of them.
    examples: Vec<String>,
    /// `open`, `confirmed` or `rejected`.
    decision: &'static str,
    /// Whether it is held no more.
    released: bool,
}

impl HeldJson {
    fn new(loss: Held, released: bool) -> Self {
        Self {
            id: loss.id,
            directory: loss.directory.to_string(),
            kind: loss.kind.name(),
            since: rfc3339(loss.since),
            counts: loss.kind.counts(),
            gone: loss.gone,
            of: loss.of,
            examples: loss.examples,
            decision: loss.decision.name(),
            released,
        }
    }
}

async fn list<C: Catalogue, K: Clock, E: Events>(
    State(decisions): State<Shared<C, K, E>>,
) -> Json<List<HeldJson>> {
    let held = decisions.held().into_iter();
    let items = held.map(|loss| HeldJson::new(loss, false)).collect();
    Json(List { items, next: None })
}

async fn confirm<C: Catalogue, K: Clock, E: Events>(
    State(decisions): State<Shared<C, K, E>>,
    Extension(who): Extension<TokenName>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<HeldJson>, Refusal> {
    decide(decisions, who, id, Decision::Confirmed).await
}

async fn reject<C: Catalogue, K: Clock, E: Events>(
    State(decisions): State<Shared<C, K, E>>,
    Extension(who): Extension<TokenName>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<HeldJson>, Refusal> {
    decide(decisions, who, id, Decision::Rejected).await
}

/// Runs to its end although the client hangs up: what is on disk is also announced.
async fn decide<C: Catalogue, K: Clock, E: Events>(
    decisions: Shared<C, K, E>,
    TokenName(who): TokenName,
    id: Result<Path<String>, PathRejection>,
    decision: Decision,
) -> Result<Json<HeldJson>, Refusal> {
    let Path(id) = id.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let deciding = async move { decisions.decide(&id, decision, who).await };
    let decided = tokio::spawn(deciding).await.map_err(|_| Refusal::Internal)??;
    let Decided { loss, is_released } = decided;
    Ok(Json(HeldJson::new(loss, is_released)))
}
