//! `GET /api/v1/audit`: what changed or was refused, newest first.

use super::answer::{List, Refusal};
use super::json::AuditJson;
use super::page_limit;
use crate::app::ports::Catalogue;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

pub(super) fn routes<C: Catalogue>(catalogue: C) -> Router {
    Router::new().route("/audit", get(list::<C>)).with_state(catalogue)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    cursor: Option<i64>,
    limit: Option<usize>,
}

async fn list<C: Catalogue>(
    State(catalogue): State<C>,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<List<AuditJson>>, Refusal> {
    let Query(query) = query.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let page = catalogue.audit(query.cursor, page_limit(query.limit)?).await?;
    let items = page.items.into_iter().map(AuditJson::from).collect();
    Ok(Json(List { items, next: page.next }))
}
