//! `/api/v1/sessions`: clients that are connected, and the end of one.

use super::answer::{List, Refusal};
use super::asked::Asked;
use super::desk::{Desk, Needs};
use super::json::{Time, rfc3339};
use super::page_limit;
use super::table::{
    Method::{Delete, Get},
    Table, Told, operation,
};
use crate::app::ports::Clock;
use crate::app::sessions::{self, EndError, Session, Wanted};
use crate::app::tokens::Role::{Operate, Read};
use crate::domain::time::Timestamp;
use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "Clients that are connected, the oldest first, a page at a time.";
    table.add(operation(Get, "/sessions", "listSessions", Read, what), list::<N>);
    let what = "End a session: the client gets a notice of disconnection.";
    table.add(operation(Delete, "/sessions/{id}", "endSession", Operate, what), end::<N>);
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SessionQuery")]
struct ListQuery {
    /// Where to go on: `next` of the page before.
    #[schemars(regex(pattern = r"^[0-9]{1,18}$"))]
    cursor: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
    /// Sessions with this text, whatever its case, in the name or the address.
    q: Option<String>,
    /// Sessions that are bound, or that are not.
    bound: Option<bool>,
}

/// A client that is connected.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Session")]
struct SessionJson {
    /// Its number, as logs show it.
    id: String,
    /// Its address and port.
    peer: String,
    tls: bool,
    /// Since when it has been connected.
    since: Time,
    /// The name under which its last bind succeeded, as the client spelled it; null for nobody.
    name: Option<String>,
}

impl SessionJson {
    fn new(session: &Session, now: Timestamp) -> Self {
        Self {
            id: session.id.0.to_string(),
            peer: session.peer.to_string(),
            tls: session.tls,
            since: rfc3339(sessions::since(session, now)),
            name: session.name.clone(),
        }
    }
}

async fn list<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<(), ListQuery>,
) -> Told<List<SessionJson>> {
    let ListQuery { cursor, limit, q, bound } = asked.query;
    let limit = page_limit(limit)?;
    let after = cursor.as_deref().map(str::parse::<u64>).transpose();
    let after = after.map_err(|_| Refusal::BadRequest("cursor is no number".to_owned()))?;
    let wanted = Wanted { text: q, bound };
    let now = desk.clock.now();
    let looking = tokio::task::spawn_blocking(move || {
        sessions::list(&*desk.sessions, &wanted, after, limit + 1)
    });
    let (mut found, total) = looking.await.map_err(|_| Refusal::Internal)?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|last| last.id.0.to_string());
    let items = found.iter().map(|session| SessionJson::new(session, now)).collect();
    Ok(Json(List { items, next, total: Some(total) }))
}

async fn end<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<SessionJson> {
    let Asked { who, path: id, .. } = asked;
    let none = || Refusal::NotFound(format!("no client is connected under number {id:?}"));
    let number = id.parse().map_err(|_| none())?;
    let ending = async move {
        let parts = (&desk.sessions, &desk.catalogue, &desk.clock);
        let ended = sessions::end(parts.0, parts.1, parts.2, number, &who).await?;
        Ok::<_, EndError>(SessionJson::new(&ended, desk.clock.now()))
    };
    Ok(Json(tokio::spawn(ending).await.map_err(|_| Refusal::Internal)??))
}
