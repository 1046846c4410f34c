//! `GET /export` and `POST /import`: records, groups and switches as text.

use super::answer::Refusal;
use super::server::{Counted, TokenName};
use super::streamed::Streamed;
use crate::app::events::{AuditEntry, Event};
use crate::app::ports::{Catalogue, Clock, Events};
use crate::app::transfer::{self, Export, Format, MAX_WRONGS, Wrong};
use axum::body::{Body, Bytes};
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::json;

#[derive(Clone)]
struct Shelf<C, K, E> {
    catalogue: C,
    clock: K,
    events: E,
}

pub(super) fn routes<C: Catalogue, K: Clock, E: Events>(
    catalogue: C,
    clock: K,
    events: E,
    max_import: usize,
) -> Router {
    Router::new()
        .route("/export", get(export::<C, K, E>))
        .route("/import", post(import::<C, K, E>).layer(DefaultBodyLimit::max(max_import)))
        .with_state(Shelf { catalogue, clock, events })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportQuery {
    format: Option<String>,
}

async fn export<C: Catalogue, K: Clock, E: Events>(
    State(shelf): State<Shelf<C, K, E>>,
    Extension(token): Extension<TokenName>,
    query: Result<Query<ExportQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(query) = query.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let format = Format::from_name(query.format.as_deref().unwrap_or("jsonl"))
        .ok_or_else(|| Refusal::BadRequest("format is jsonl or ldif".to_owned()))?;
    let row = AuditEntry::new(shelf.clock.now(), "admin", token.0, "exported");
    shelf.catalogue.note(None, row).await?;
    let kind = match format {
        Format::JsonLines => "application/jsonl",
        Format::Ldif => "text/ldif",
    };
    let pieces = Export::new(shelf.catalogue, format).map(|piece| Ok(Bytes::from(piece)));
    Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(Streamed::of(pieces))).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportQuery {
    #[serde(default)]
    dry_run: bool,
}

async fn import<C: Catalogue, K: Clock, E: Events>(
    State(shelf): State<Shelf<C, K, E>>,
    Extension(token): Extension<TokenName>,
    query: Result<Query<ImportQuery>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let Query(query) = query.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let body = match body {
        Ok(body) => body,
        Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            shelf.events.emit(&Event::LimitHit { limit: "admin.max_import", peer: None });
            let refusal = Refusal::Rejected(error.status(), error.body_text());
            return Ok((Extension(Counted), refusal).into_response());
        }
        Err(error) => return Err(Refusal::Rejected(error.status(), error.body_text())),
    };
    let audit = AuditEntry::new(shelf.clock.now(), "admin", token.0, "imported");
    let judging = shelf.catalogue.clone();
    // It may be long, and nothing else here waits for it.
    let read = tokio::task::spawn_blocking(move || {
        let text = std::str::from_utf8(&body).map_err(|_| "it is no UTF-8 text".to_owned())?;
        transfer::read(text, &judging, audit).map_err(|wrongs| told(&wrongs))
    });
    let mut import = read.await.map_err(|_| Refusal::Internal)?.map_err(Refusal::BadRequest)?;
    let counted = transfer::count(&import);
    let (users, groups, switches) =
        (import.users.len(), import.groups.len(), import.switches.len());
    if !query.dry_run {
        import.audit = import.audit.saying(counted);
        shelf.catalogue.import(import).await?;
    }
    let answer = json!({ "users": users, "groups": groups, "switches": switches });
    Ok(Json(answer).into_response())
}

/// One fault a line.
fn told(wrongs: &[Wrong]) -> String {
    let mut lines: Vec<String> =
        wrongs.iter().map(|wrong| format!("line {}: {}", wrong.line, wrong.what)).collect();
    if wrongs.len() >= MAX_WRONGS {
        lines.push("and perhaps more".to_owned());
    }
    lines.join("\n")
}
