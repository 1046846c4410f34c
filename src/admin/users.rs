//! `GET /api/v1/users` and `GET /api/v1/users/{ref}`.

use super::answer::{List, Refusal};
use super::json::{Summary, Whole};
use super::{page_limit, reference};
use crate::app::ports::{Catalogue, Page, Stored};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

/// The most candidates that an answer to an ambiguous reference names.
const MAX_CANDIDATES: usize = 20;

pub(super) fn routes<C: Catalogue>(catalogue: C) -> Router {
    Router::new()
        .route("/users", get(list::<C>))
        .route("/users/{ref}", get(show::<C>))
        .with_state(catalogue)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    cursor: Option<String>,
    limit: Option<usize>,
    name: Option<String>,
}

async fn list<C: Catalogue>(
    State(catalogue): State<C>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(query) = query.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let limit = page_limit(query.limit)?;
    let cursor = query.cursor.as_deref();
    let page = match &query.name {
        Some(name) => named_page(catalogue.by_name(None, name), cursor, limit),
        None => catalogue.list(cursor, limit),
    };
    let items = page.items.iter().map(Summary::new).collect();
    Ok(Json(List { items, next: page.next }).into_response())
}

/// A page of the records of one name, ordered by record id as the whole listing is.
fn named_page(mut found: Vec<Stored>, cursor: Option<&str>, limit: usize) -> Page<Stored> {
    found.sort_by(|a, b| a.record.id.cmp(&b.record.id));
    found.retain(|stored| cursor.is_none_or(|cursor| &*stored.record.id.0 > cursor));
    let has_more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| has_more);
    let next = last.map(|stored| stored.record.id.0.to_string());
    Page { items: found, next }
}

async fn show<C: Catalogue>(
    State(catalogue): State<C>,
    reference: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let Path(reference) = reference.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let found = reference::resolve(&catalogue, &reference);
    match found.as_slice() {
        [] => Err(Refusal::NotFound(format!("no user is found by {reference:?}"))),
        [one] => Ok(Json(Whole::new(one, &catalogue)).into_response()),
        several => Err(ambiguous(&reference, several)),
    }
}

fn ambiguous(reference: &str, several: &[Stored]) -> Refusal {
    let detail = format!("{} users are found by {reference:?}", several.len());
    let shown: Vec<_> = several.iter().take(MAX_CANDIDATES).map(Summary::new).collect();
    serde_json::to_value(shown)
        .map_or(Refusal::Internal, |candidates| Refusal::Ambiguous { detail, candidates })
}
