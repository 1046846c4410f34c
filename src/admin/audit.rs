//! `GET /api/v1/audit`: what changed or was refused, newest first; `GET /api/v1/audit/follow`: the
//! same as it happens, as server-sent events.

use super::answer::{List, Refusal};
use super::asked::Asked;
use super::desk::{Desk, Needs};
use super::json::{AuditJson, Time, moment};
use super::page_limit;
use super::table::{Answer, Method::Get, Table, Told, operation};
use crate::app::audit::{AuditFilter, AuditOrder};
use crate::app::events::AuditEntry;
use crate::app::ports::Catalogue;
use crate::app::tokens::Role::Read;
use crate::domain::record::UpstreamId;
use axum::Json;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
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

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what =
        "What changed or was refused, newest first; with after, oldest first behind that row.";
    table.add(operation(Get, "/audit", "listAudit", Read, what), list::<N>);
    let what = "The same as it happens, as server-sent events whose data is a row and whose id is its \
                number. The stream ends after a while: go on with the last id as after.";
    table.add(operation(Get, "/audit/follow", "followAudit", Read, what), follow::<N>);
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    /// Where to go on: `next` of the page before.
    #[schemars(range(max = 9_223_372_036_854_775_807_i64))]
    cursor: Option<u64>,
    /// How many at most.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
    /// The number of the row behind which to begin.
    #[schemars(range(max = 9_223_372_036_854_775_807_i64))]
    after: Option<u64>,
    /// Rows about this user.
    user: Option<String>,
    /// Rows with this cause: sign-on, reconcile, admin or expiry.
    cause: Option<String>,
    /// Rows of this action.
    action: Option<String>,
    /// Rows of this actor: a token's name.
    actor: Option<String>,
    /// Rows of this time or later.
    #[schemars(with = "Option<Time>")]
    since: Option<String>,
    /// Rows before this time.
    #[schemars(with = "Option<Time>")]
    until: Option<String>,
}

impl AuditQuery {
    /// Somebody without a record is meant by nothing: nothing is found.
    fn filter<N: Needs>(&self, desk: &Desk<N>) -> Result<AuditFilter, Refusal> {
        let user = self.user.as_deref().map(|name| desk.user(name)).transpose()?;
        let time = |text: &Option<String>| text.as_deref().map(moment).transpose();
        Ok(AuditFilter {
            user: user.map(|stored| stored.record.key.clone()),
            cause: self.cause.clone(),
            action: self.action.clone(),
            actor: self.actor.clone(),
            since: time(&self.since)?,
            until: time(&self.until)?,
        })
    }
}

/// A row's number as the store counts.
fn row(number: u64) -> Result<i64, Refusal> {
    let wrong = |_| Refusal::BadRequest("there is no row of so great a number".to_owned());
    i64::try_from(number).map_err(wrong)
}

async fn list<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<(), AuditQuery>) -> Told<List<AuditJson>> {
    let query = asked.query;
    let (filter, catalogue) = (query.filter(&desk)?, &desk.catalogue);
    let order = match query.after {
        Some(after) => AuditOrder::After(row(after)?),
        None => AuditOrder::Before(query.cursor.map(row).transpose()?),
    };
    let page = catalogue.audit_rows(filter, order, page_limit(query.limit)?).await?;
    let items = page.items.into_iter().map(|row| named(catalogue, row)).collect();
    Ok(Json(List::page(items, page.next)))
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
pub(super) struct Rows(mpsc::Receiver<Event>);

impl IntoResponse for Rows {
    fn into_response(self) -> Response {
        Sse::new(self).into_response()
    }
}

impl Answer for Rows {
    const MEDIA_TYPE: &'static str = "text/event-stream";

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }
}

impl Stream for Rows {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|event| event.map(Ok))
    }
}

/// Rows behind `after`, or from now on, for a while. A client that reads slowly holds up nobody but
/// itself; one that goes away ends it.
async fn follow<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<(), AuditQuery>,
) -> Result<Rows, Refusal> {
    let query = asked.query;
    let filter = query.filter(&desk)?;
    let newest = desk.catalogue.newest_audit();
    let after = query.after.map(row).transpose()?;
    let after = after.unwrap_or_else(|| *newest.borrow());
    let (rows, waiting) = mpsc::channel(WAITING);
    tokio::spawn(tell(desk.catalogue.clone(), filter, after, newest, rows));
    Ok(Rows(waiting))
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
