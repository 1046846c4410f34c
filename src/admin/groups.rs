//! `/api/v1/groups`: which groups there are, who is in one and why, and groups of the gateway's own.

use super::answer::{List, Refusal};
use super::desk::Desk;
use super::json::{GroupSummary, rfc3339};
use super::page_limit;
use super::server::TokenName;
use crate::app::groups::{self, Member};
use crate::app::ports::{Catalogue, Clock};
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

type Shared<C, K> = Arc<Desk<C, K>>;
type Answer = Result<Json<Value>, Refusal>;

pub(super) fn routes<C: Catalogue, K: Clock>(desk: Shared<C, K>) -> Router {
    Router::new()
        .route("/groups", get(list::<C, K>).post(create::<C, K>))
        .route("/groups/{ref}", get(show::<C, K>).delete(delete::<C, K>))
        .with_state(desk)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    cursor: Option<String>,
    limit: Option<usize>,
    name: Option<String>,
}

/// A page of groups. The cursor is the place in the order, so groups that come in between may shift
/// a page.
async fn list<C: Catalogue, K: Clock>(
    State(desk): State<Shared<C, K>>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let limit = page_limit(query.limit)?;
    let cursor = query.cursor.as_deref().unwrap_or("0").parse::<usize>();
    let start = cursor.map_err(|_| Refusal::BadRequest("cursor is no number".to_owned()))?;
    let mut found = match &query.name {
        Some(name) => groups::resolve(&desk.catalogue, None, name),
        None => groups::list(&desk.catalogue),
    };
    let end = start.saturating_add(limit);
    let next = (found.len() > end).then(|| end.to_string());
    found.truncate(end);
    let items: Vec<_> = found.iter().skip(start).map(GroupSummary::new).collect();
    let listed = serde_json::to_value(List { items, next });
    listed.map(Json).map_err(|_| Refusal::Internal)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShowQuery {
    cursor: Option<String>,
    limit: Option<usize>,
}

async fn show<C: Catalogue, K: Clock>(
    State(desk): State<Shared<C, K>>,
    reference: Result<Path<String>, PathRejection>,
    query: Result<Query<ShowQuery>, QueryRejection>,
) -> Answer {
    let Path(reference) = reference.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let Query(query) = query.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let limit = page_limit(query.limit)?;
    let listed = desk.kept_group(None, &reference)?;
    let (directory, id) = (&listed.directory, &listed.group.id);
    let cursor = query.cursor.as_deref();
    let (members, next) = groups::members(&desk.catalogue, directory, id, cursor, limit).await;
    let members: Vec<_> = members.iter().map(|member| shown(&desk, member)).collect();
    let mut answer =
        serde_json::to_value(GroupSummary::new(&listed)).map_err(|_| Refusal::Internal)?;
    answer["memberships"] = json!({ "items": members, "next": next });
    Ok(Json(answer))
}

fn shown<C: Catalogue, K>(desk: &Desk<C, K>, member: &Member) -> Value {
    let record = &member.stored.record;
    let step = |id| match desk.catalogue.group(&record.key.directory, id) {
        Some(group) => group.dn.clone(),
        None => format!("id:{id}"),
    };
    let rows = member.rows.iter().filter_map(|key| {
        let row = record.memberships.get(key)?;
        let path: Vec<_> =
            std::iter::once(record.dn.clone()).chain(row.route.path.iter().map(step)).collect();
        Some(json!({
            "provenance": key.provenance.name(),
            "effective": record.is_effective(key),
            "direct": row.route.direct,
            "depth": row.route.depth(),
            "path": path,
            "since": rfc3339(row.since),
            "until": row.until.map(rfc3339),
            "in_review": row.in_review,
        }))
    });
    json!({
        "user": {
            "id": &*record.id.0,
            "user_type": &*record.user_type,
            "name": record.name,
            "dn": record.dn,
            "display_name": record.shown_name(),
            "active": record.is_active(),
        },
        "rows": rows.collect::<Vec<_>>(),
    })
}

/// A group to be made, `{"name": "on call", "directory": "corp"}`, or one of the directory to be kept,
/// `{"name": "dn:…"}`; the directory may be left out where there is one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    directory: Option<String>,
}

async fn create<C: Catalogue, K: Clock>(
    State(desk): State<Shared<C, K>>,
    Extension(TokenName(who)): Extension<TokenName>,
    body: Result<Json<Wanted>, JsonRejection>,
) -> Answer {
    let Json(wanted) =
        body.map_err(|error| Refusal::Rejected(error.status(), error.body_text()))?;
    let names: Vec<_> = desk.directories.iter().map(|policy| policy.name.clone()).collect();
    let directory = match (&wanted.directory, names.as_slice()) {
        (Some(name), all) => all
            .iter()
            .find(|known| ***known == **name)
            .cloned()
            .ok_or_else(|| Refusal::NotFound(format!("no directory is called {name:?}")))?,
        (None, [one]) => one.clone(),
        (None, _) => {
            let detail = "there are several directories: name one".to_owned();
            let names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
            return Err(Refusal::Ambiguous { detail, candidates: names.into() });
        }
    };
    let creating = async move {
        let (catalogue, clock) = (&desk.catalogue, &desk.clock);
        if wanted.name.starts_with("dn:") {
            let group = desk.look_up(&directory, &wanted.name).await?;
            return Ok::<_, Refusal>(groups::keep(catalogue, clock, &directory, group, who).await?);
        }
        Ok(groups::create(catalogue, clock, &directory, &wanted.name, who).await?)
    };
    let listed = tokio::spawn(creating).await.map_err(|_| Refusal::Internal)??;
    let summary = serde_json::to_value(GroupSummary::new(&listed));
    summary.map(Json).map_err(|_| Refusal::Internal)
}

async fn delete<C: Catalogue, K: Clock>(
    State(desk): State<Shared<C, K>>,
    Extension(TokenName(who)): Extension<TokenName>,
    reference: Result<Path<String>, PathRejection>,
) -> Answer {
    let Path(reference) = reference.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let listed = desk.kept_group(None, &reference)?;
    let summary =
        serde_json::to_value(GroupSummary::new(&listed)).map_err(|_| Refusal::Internal)?;
    let deleting = async move { groups::delete(&desk.catalogue, &desk.clock, &listed, who).await };
    tokio::spawn(deleting).await.map_err(|_| Refusal::Internal)??;
    Ok(Json(summary))
}
