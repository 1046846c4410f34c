//! `GET /api/v1/users/{ref}/preview` and `/explain`: what a sign-on would do now, and why a user is
//! in a group or is not. The directory is read; nothing is written.

use super::answer::Refusal;
use super::desk::Desk;
use super::told;
use crate::app::groups::{self, Ways};
use crate::app::ports::{Catalogue, Clock};
use crate::app::sign_on::{Foreseen, Who};
use crate::domain::explain::{Explanation, Question, explain};
use crate::domain::observation::{Observed, UnknownReason};
use crate::domain::record::{Group, UpstreamId};
use crate::proto::dn::DistinguishedName;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

type Shared<C, K> = Arc<Desk<C, K>>;
type OneRef = Result<Path<String>, PathRejection>;
type Answer = Result<Json<Value>, Refusal>;

pub(super) fn routes<C: Catalogue, K: Clock>(desk: Shared<C, K>) -> Router {
    Router::new()
        .route("/users/{ref}/preview", get(preview::<C, K>))
        .route("/users/{ref}/explain", get(explained::<C, K>))
        .with_state(desk)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PreviewQuery {
    view: Option<String>,
}

async fn preview<C: Catalogue, K: Clock>(
    State(desk): State<Shared<C, K>>,
    path: OneRef,
    query: Result<Query<PreviewQuery>, QueryRejection>,
) -> Answer {
    let Path(reference) = path.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let Query(query) = query.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let foreseen = foresee(&desk, &reference, query.view).await?.map_err(Refusal::Unknown)?;
    let directory = foreseen.key.directory.clone();
    let name = |id: &UpstreamId| group_of(&desk, &directory, Some(&foreseen), id);
    Ok(Json(told::preview(&foreseen, &name)))
}

/// What a sign-on of the user would do; one without a record is named by DN.
async fn foresee<C: Catalogue, K: Clock>(
    desk: &Desk<C, K>,
    reference: &str,
    view: Option<String>,
) -> Result<Result<Foreseen, UnknownReason>, Refusal> {
    let who = match desk.user(reference) {
        Ok(stored) => Who::Known(stored.record.key.clone()),
        Err(Refusal::NotFound(detail)) => {
            let dn = reference.strip_prefix("dn:").map(DistinguishedName::parse);
            let Some(Ok(dn)) = dn else { return Err(Refusal::NotFound(detail)) };
            let policies = desk.directories.iter().map(|policy| &**policy);
            let Some(at) = crate::domain::identity::directory_for(policies, &dn) else {
                return Err(Refusal::NotFound(detail));
            };
            Who::Named(desk.directories[at].name.clone(), dn)
        }
        Err(other) => return Err(other),
    };
    let is_named = matches!(who, Who::Named(..));
    let none = match &view {
        Some(view) => format!("no view is called {view:?}, or the directory is not configured"),
        None => "the record's directory is not configured".to_owned(),
    };
    let foreseen = match view {
        Some(view) => desk.live.preview_by(who, view).await,
        None => desk.live.preview(who).await,
    };
    match foreseen.ok_or(Refusal::NotFound(none))? {
        Err(UnknownReason::NotOneEntry) if is_named => {
            Err(Refusal::NotFound(format!("no user is found by {reference:?}")))
        }
        foreseen => Ok(foreseen),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainQuery {
    group: Option<String>,
}

async fn explained<C: Catalogue, K: Clock>(
    State(desk): State<Shared<C, K>>,
    path: OneRef,
    query: Result<Query<ExplainQuery>, QueryRejection>,
) -> Answer {
    let Path(reference) = path.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let Query(query) = query.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let user = desk.user(&reference)?;
    let foreseen = foresee(&desk, &reference, None).await?;
    let record = &user.record;
    let groups = match &query.group {
        Some(group) => vec![desk.group_for(record, group).await?],
        None => all_groups(&desk, &foreseen, &user.record),
    };
    let mut items = Vec::with_capacity(groups.len());
    for group in groups {
        let ways = match &query.group {
            Some(_) => groups::ways(&desk.catalogue, &record.key, &group.id).await?,
            None => Ways::default(),
        };
        let explanation = explain_one(&desk, &foreseen, record, &group, &ways.all);
        let seen = foreseen.as_ref().ok();
        let name = |id: &UpstreamId| group_of(&desk, &record.key.directory, seen, id);
        let mut item = told::explanation(&record.dn, &group, &explanation, &name);
        if let Some(left) = ways.left.filter(|_| !explanation.is_member) {
            item["left"] = told::left(&record.dn, &left, &name);
        }
        items.push(item);
    }
    let observed = match &foreseen {
        Ok(foreseen) => told::groups(foreseen),
        Err(reason) => json!({ "unknown": reason.to_string() }),
    };
    let summary = super::json::Summary::new(&user);
    let user = serde_json::to_value(summary).map_err(|_| Refusal::Internal)?;
    Ok(Json(json!({ "user": user, "observation": { "groups": observed }, "items": items })))
}

fn explain_one<C: Catalogue, K: Clock>(
    desk: &Desk<C, K>,
    foreseen: &Result<Foreseen, UnknownReason>,
    record: &crate::domain::record::Record,
    group: &Group,
    ways: &[Vec<UpstreamId>],
) -> Explanation {
    let unread;
    let groups = match foreseen {
        Ok(Foreseen { observation: Some(observation), .. }) => &observation.groups,
        Ok(_) => {
            unread = Observed::Unknown(UnknownReason::NotAsked);
            &unread
        }
        Err(reason) => {
            unread = Observed::Unknown(*reason);
            &unread
        }
    };
    explain(&Question {
        group: &group.id,
        named: Some(group),
        record: Some(record),
        user_type: desk.user_type(record),
        switch: desk.switch(record),
        groups,
        ways,
    })
}

/// All groups of the record, and all that the directory says now.
fn all_groups<C: Catalogue, K: Clock>(
    desk: &Desk<C, K>,
    foreseen: &Result<Foreseen, UnknownReason>,
    record: &crate::domain::record::Record,
) -> Vec<Group> {
    let mut ids: BTreeSet<UpstreamId> =
        record.memberships.keys().map(|key| key.group.clone()).collect();
    let observation = foreseen.as_ref().ok().and_then(|foreseen| foreseen.observation.as_ref());
    if let Some(Observed::Known(closure)) = observation.map(|observation| &observation.groups) {
        ids.extend(closure.keys().cloned());
    }
    let seen = foreseen.as_ref().ok();
    let mut groups: Vec<_> =
        ids.iter().map(|id| group_of(desk, &record.key.directory, seen, id)).collect();
    groups.sort_by_cached_key(|group| (group.name.to_lowercase(), group.id.clone()));
    groups
}

/// A group as it is kept, or as it was just seen; else with its id alone.
fn group_of<C: Catalogue, K: Clock>(
    desk: &Desk<C, K>,
    directory: &str,
    foreseen: Option<&Foreseen>,
    id: &UpstreamId,
) -> Group {
    if let Some(kept) = desk.catalogue.group(directory, id) {
        return (*kept).clone();
    }
    let observation = foreseen.and_then(|foreseen| foreseen.observation.as_ref());
    let seen = match observation.map(|observation| &observation.groups) {
        Some(Observed::Known(closure)) => closure.get(id).map(|seen| seen.group.clone()),
        _ => None,
    };
    let planned = || {
        let plan = foreseen?.plan.as_ref().ok()?;
        plan.groups.iter().find(|group| group.id == *id).cloned()
    };
    let unnamed = || Group { id: id.clone(), dn: String::new(), name: String::new() };
    seen.or_else(planned).unwrap_or_else(unnamed)
}
