//! `GET /api/v1/audit`: what changed or was refused, newest first; `GET /api/v1/audit/follow`: the
//! same as it happens, as server-sent events.

use super::answer::{List, Refusal};
use super::edits::moment;
use super::json::AuditJson;
use super::{page_limit, reference};
use crate::app::audit::{AuditFilter, AuditOrder};
use crate::app::events::AuditEntry;
use crate::app::ports::Catalogue;
use crate::domain::record::{UpstreamId, UserKey};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use axum::{Json, Router};
use futures_core::Stream;
use serde::Deserialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long one request follows: less than a connection may last, so that it ends in between two
/// rows and the client goes on from the last one.
const FOLLOWED: Duration = Duration::from_secs(20);
/// How many rows are read at once for those who follow.
const AT_ONCE: usize = 100;
/// How many rows may wait for a client that reads slowly.
const WAITING: usize = 16;

pub(super) fn routes<C: Catalogue>(catalogue: C) -> Router {
    Router::new()
        .route("/audit", get(list::<C>))
        .route("/audit/follow", get(follow::<C>))
        .with_state(catalogue)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    cursor: Option<i64>,
    limit: Option<usize>,
    after: Option<i64>,
    user: Option<String>,
    cause: Option<String>,
    action: Option<String>,
    actor: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

impl AuditQuery {
    fn filter<C: Catalogue>(&self, catalogue: &C) -> Result<AuditFilter, Refusal> {
        let user = self.user.as_deref().map(|name| user(catalogue, name)).transpose()?;
        let time = |text: &Option<String>| text.as_deref().map(moment).transpose();
        Ok(AuditFilter {
            user,
            cause: self.cause.clone(),
            action: self.action.clone(),
            actor: self.actor.clone(),
            since: time(&self.since)?,
            until: time(&self.until)?,
        })
    }
}

/// The one user that is meant. Somebody without a record is meant by `id:UPSTREAM-ID` alone, and
/// that in no directory: nothing is found.
fn user<C: Catalogue>(catalogue: &C, reference: &str) -> Result<UserKey, Refusal> {
    let found = reference::resolve(catalogue, reference);
    match found.as_slice() {
        [one] => Ok(one.record.key.clone()),
        [] => Err(Refusal::NotFound(format!("no user is found by {reference:?}"))),
        several => {
            let ids: Vec<_> =
                several.iter().map(|stored| format!("rec:{}", stored.record.id.0)).collect();
            let detail = format!("{} users are found by {reference:?}", several.len());
            Err(Refusal::Ambiguous { detail, candidates: ids.into() })
        }
    }
}

async fn list<C: Catalogue>(
    State(catalogue): State<C>,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<List<AuditJson>>, Refusal> {
    let Query(query) = query.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let filter = query.filter(&catalogue)?;
    let order = match query.after {
        Some(after) => AuditOrder::After(after),
        None => AuditOrder::Before(query.cursor),
    };
    let page = catalogue.audit_rows(filter, order, page_limit(query.limit)?).await?;
    let named = |row| named(&catalogue, row);
    let items = page.items.into_iter().map(named).collect();
    Ok(Json(List { items, next: page.next }))
}

fn named<C: Catalogue>(catalogue: &C, row: AuditEntry) -> AuditJson {
    let stored = row.user.as_ref().and_then(|key| catalogue.find(key));
    let directory = row.user.as_ref().map(|key| key.directory.clone());
    let group = |id: &str| {
        let group = catalogue.group(directory.as_deref()?, &UpstreamId::new(id))?;
        Some(group.name.clone())
    };
    AuditJson::new(row, stored.map(|stored| stored.record.name.clone()), &group)
}

/// Rows as they come.
struct Rows(mpsc::Receiver<Event>);

impl Stream for Rows {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|event| event.map(Ok))
    }
}

/// Rows behind `after`, or from now on, for a while. A client that reads slowly holds up nobody but
/// itself; one that goes away ends it.
async fn follow<C: Catalogue>(
    State(catalogue): State<C>,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Sse<Rows>, Refusal> {
    let Query(query) = query.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let filter = query.filter(&catalogue)?;
    let newest = catalogue.newest_audit();
    let after = query.after.unwrap_or_else(|| *newest.borrow());
    let (rows, waiting) = mpsc::channel(WAITING);
    tokio::spawn(tell(catalogue, filter, after, newest, rows));
    Ok(Sse::new(Rows(waiting)))
}

async fn tell<C: Catalogue>(
    catalogue: C,
    filter: AuditFilter,
    mut after: i64,
    mut newest: tokio::sync::watch::Receiver<i64>,
    rows: mpsc::Sender<Event>,
) {
    let end = Instant::now() + FOLLOWED;
    // Where it begins: a client that loses the connection before a row came goes on from here.
    if rows.send(mark("begin", after)).await.is_err() {
        return;
    }
    loop {
        let seen = *newest.borrow_and_update();
        let order = AuditOrder::After(after);
        let Ok(page) = catalogue.audit_rows(filter.clone(), order, AT_ONCE).await else { return };
        for row in page.items {
            after = row.sequence;
            let Some(event) = told(&catalogue, row) else { return };
            if rows.send(event).await.is_err() {
                return;
            }
        }
        if page.next.is_some() {
            continue;
        }
        // What was passed over is not looked at again.
        after = after.max(seen);
        let changed = tokio::select! {
            changed = newest.changed() => changed.is_ok(),
            () = rows.closed() => false,
            () = tokio::time::sleep_until(end) => false,
        };
        if !changed {
            // Where to go on, also if nothing came.
            let _ = rows.send(mark("end", after)).await;
            return;
        }
    }
}

/// An event without a row, that says how far the stream has come.
fn mark(name: &str, after: i64) -> Event {
    Event::default().event(name).id(after.to_string()).data("")
}

fn told<C: Catalogue>(catalogue: &C, row: AuditEntry) -> Option<Event> {
    let id = row.sequence.to_string();
    Event::default().id(id).json_data(named(catalogue, row)).ok()
}
