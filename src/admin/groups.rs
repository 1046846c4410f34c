//! `/api/v1/groups`: which groups there are, who is in one and why, and groups of the gateway's own.

use super::answer::{List, Refusal};
use super::asked::{Asked, Nothing};
use super::desk::{Desk, Needs};
use super::json::{GroupSummary, Time, rfc3339};
use super::page_limit;
use super::table::{
    Method::{Delete, Get, Post},
    Table, Told, operation,
};
use crate::app::groups::{self, Listed, Member};
use crate::app::ports::Records;
use crate::app::tokens::Role::{Operate, Read};
use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::sync::Arc;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "Groups that are kept, filtered, sorted, and a page at a time.";
    table.add(operation(Get, "/groups", "listGroups", Read, what), list::<N>);
    let what = "Make a group of the gateway's own, or keep one of the directory (dn:DN).";
    table.add(operation(Post, "/groups", "createGroup", Operate, what), create::<N>);
    let what = "Who is in a group, by whom, and on which way; a page at a time.";
    table.add(operation(Get, "/groups/{ref}", "showGroup", Read, what), show::<N>);
    let what = "Take a group of the gateway's own away, if nobody is in it.";
    table.add(operation(Delete, "/groups/{ref}", "deleteGroup", Operate, what), delete::<N>);
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Where to go on: `next` of the page before, with the same order.
    #[schemars(regex(pattern = r"^[0-9]{1,9}$"))]
    cursor: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
    /// Groups of this name, or the one that DIRECTORY/NAME, dn:DN or id:UPSTREAM-ID leads to.
    name: Option<String>,
    /// Groups with this text, whatever its case, in the name or the DN.
    q: Option<String>,
    /// Groups of this directory.
    directory: Option<String>,
    /// Groups of the gateway's own, or those of directories.
    own: Option<bool>,
    /// What to sort by; directory and name if nothing is said.
    sort: Option<SortBy>,
}

/// What groups are sorted by.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "GroupSortBy")]
enum SortBy {
    Name,
    /// By how many are in them, most first.
    Members,
}

/// A page of groups. The cursor is the place in the order, so groups that come in between may shift
/// a page.
async fn list<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<(), ListQuery>,
) -> Told<List<GroupSummary>> {
    let query = asked.query;
    let limit = page_limit(query.limit)?;
    let cursor = query.cursor.as_deref().unwrap_or("0").parse::<usize>();
    let start = cursor.map_err(|_| Refusal::BadRequest("cursor is no number".to_owned()))?;
    let looking = tokio::task::spawn_blocking(move || found(&desk, &query));
    let found = looking.await.map_err(|_| Refusal::Internal)?;
    let end = start.saturating_add(limit);
    let (total, next) = (found.len(), (found.len() > end).then(|| end.to_string()));
    let items = found.iter().skip(start).take(limit).map(GroupSummary::new).collect();
    Ok(Json(List { items, next, total: Some(total) }))
}

fn found<N: Needs>(desk: &Desk<N>, query: &ListQuery) -> Vec<Listed> {
    let mut found = match &query.name {
        Some(name) => groups::resolve(&desk.catalogue, query.directory.as_deref(), name),
        None => groups::list(&desk.catalogue),
    };
    if let Some(directory) = &query.directory {
        found.retain(|listed| *listed.directory == **directory);
    }
    if let Some(own) = query.own {
        found.retain(|listed| listed.is_own() == own);
    }
    if let Some(text) = query.q.as_deref().map(str::to_lowercase) {
        let has = |of: &str| of.to_lowercase().contains(&text);
        found.retain(|listed| has(&listed.group.name) || has(&listed.group.dn));
    }
    if matches!(query.sort, Some(SortBy::Members)) {
        found.sort_by_key(|listed| Reverse(listed.members));
    }
    found
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShowQuery {
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
    /// How many members at most.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
}

/// A group, and who is in it.
#[derive(Serialize, JsonSchema)]
struct GroupWithMembers {
    #[serde(flatten)]
    summary: GroupSummary,
    memberships: List<MemberJson>,
}

/// Somebody who has rows of a group.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Member")]
struct MemberJson {
    user: MemberUser,
    /// One for each of those who say so.
    rows: Vec<MemberRow>,
}

/// Who it is.
#[derive(Serialize, JsonSchema)]
struct MemberUser {
    id: String,
    user_type: String,
    name: String,
    dn: String,
    display_name: Option<String>,
    active: bool,
}

/// Who says that somebody is in a group, since when, and on which way.
#[derive(Serialize, JsonSchema)]
struct MemberRow {
    provenance: &'static str,
    effective: bool,
    direct: bool,
    depth: usize,
    path: Vec<String>,
    since: Time,
    until: Option<Time>,
    in_review: bool,
}

async fn show<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<String, ShowQuery>,
) -> Told<GroupWithMembers> {
    let ShowQuery { cursor, limit } = asked.query;
    let limit = page_limit(limit)?;
    let listed = desk.kept_group(None, &asked.path)?;
    let (directory, id) = (&listed.directory, &listed.group.id);
    let found = groups::members(&desk.catalogue, directory, id, cursor.as_deref(), limit);
    let (members, next) = found.await;
    let members = members.iter().map(|member| shown(&desk, member)).collect();
    let summary = GroupSummary::new(&listed);
    Ok(Json(GroupWithMembers { summary, memberships: List::page(members, next) }))
}

fn shown<N: Needs>(desk: &Desk<N>, member: &Member) -> MemberJson {
    let record = &member.stored.record;
    let step = |id| match desk.catalogue.group(&record.key.directory, id) {
        Some(group) => group.dn.clone(),
        None => format!("id:{id}"),
    };
    let rows = member.rows.iter().filter_map(|key| {
        let row = record.memberships.get(key)?;
        let path = std::iter::once(record.dn.clone()).chain(row.route.path.iter().map(step));
        Some(MemberRow {
            provenance: key.provenance.name(),
            effective: record.is_effective(key),
            direct: row.route.direct,
            depth: row.route.depth(),
            path: path.collect(),
            since: rfc3339(row.since),
            until: row.until.map(rfc3339),
            in_review: row.in_review,
        })
    });
    let rows = rows.collect();
    let user = MemberUser {
        id: record.id.0.to_string(),
        user_type: record.user_type.to_string(),
        name: record.name.clone(),
        dn: record.dn.clone(),
        display_name: record.shown_name().map(str::to_owned),
        active: record.is_active(),
    };
    MemberJson { user, rows }
}

/// A group to be made, `{"name": "on call", "directory": "corp"}`, or one of the directory to be kept,
/// `{"name": "dn:…"}`; the directory may be left out where there is one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewGroup")]
struct Wanted {
    #[schemars(regex(pattern = r"^\S(.{0,62}\S)?$"))]
    name: String,
    directory: Option<String>,
}

async fn create<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<(), Nothing, Json<Wanted>>,
) -> Told<GroupSummary> {
    let Asked { who, body: Json(wanted), .. } = asked;
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
            return Ok::<_, Refusal>(
                groups::keep(catalogue, clock, &directory, group, &who).await?,
            );
        }
        Ok(groups::create(catalogue, clock, &directory, &wanted.name, &who).await?)
    };
    let listed = tokio::spawn(creating).await.map_err(|_| Refusal::Internal)??;
    Ok(Json(GroupSummary::new(&listed)))
}

async fn delete<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<GroupSummary> {
    let Asked { who, path: reference, .. } = asked;
    let listed = desk.kept_group(None, &reference)?;
    let summary = GroupSummary::new(&listed);
    let deleting = async move { groups::delete(&desk.catalogue, &desk.clock, &listed, &who).await };
    tokio::spawn(deleting).await.map_err(|_| Refusal::Internal)??;
    Ok(Json(summary))
}
