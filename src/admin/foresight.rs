//! `GET /api/v1/users/{ref}/preview` and `/explain`: what a sign-on would do now, and why a user is
//! in a group or is not. The directory is read; nothing is written.

use super::answer::Refusal;
use super::asked::Asked;
use super::desk::{Desk, Needs};
use super::json::{GroupsRead, Observation, UserSummary};
use super::sights::{self, Eyes, Subject, ViewOfUser};
use super::table::{Method::Get, Table, Told, operation};
use super::told::{self, ExplanationJson, PreviewJson};
use crate::app::groups::{self, Ways};
use crate::app::ports::Records;
use crate::app::sign_on::{Foreseen, Who};
use crate::app::tokens::Role::Read;
use crate::domain::explain::{Explanation, Question, explain};
use crate::domain::observation::{Closure, Observed, UnknownReason};
use crate::domain::record::{Group, UpstreamId};
use crate::proto::dn::DistinguishedName;
use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "What would change if a user signed on now; dn:DN also where there is no record.";
    table.add(operation(Get, "/users/{ref}/preview", "previewUser", Read, what), preview::<N>);
    let what = "Why a user is in a group, or is not; without a group, why in each.";
    table.add(operation(Get, "/users/{ref}/explain", "explainUser", Read, what), explained::<N>);
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PreviewQuery {
    /// By the client application of this view.
    view: Option<String>,
}

async fn preview<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<String, PreviewQuery>,
) -> Told<PreviewJson> {
    let foreseen = foresee(&desk, &asked.path, asked.query.view).await?;
    let foreseen = foreseen.map_err(Refusal::Unknown)?;
    let directory = foreseen.key.directory.clone();
    let name = |id: &UpstreamId| group_of(&desk, &directory, Some(&foreseen), id);
    Ok(Json(told::preview(&foreseen, &name)))
}

/// What a sign-on of the user would do; one without a record is named by DN.
async fn foresee<N: Needs>(
    desk: &Desk<N>,
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

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExplainQuery {
    /// A name, DIRECTORY/NAME, dn:DN or id:UPSTREAM-ID.
    group: Option<String>,
    /// As the client application of this view has it.
    view: Option<String>,
}

/// Why a user is in groups, or is not.
#[derive(Serialize, JsonSchema)]
struct Explanations {
    user: UserSummary,
    observation: Observation,
    /// What views say of the user's sign-ons; the one that is asked about, else all.
    views: Vec<ViewOfUser>,
    items: Vec<ExplanationJson>,
}

async fn explained<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<String, ExplainQuery>,
) -> Told<Explanations> {
    let Asked { path: reference, query, .. } = asked;
    let user = desk.user(&reference)?;
    let views = sights::wanted(&desk, query.view.as_deref())?;
    let foreseen = foresee(&desk, &reference, None).await?;
    let by_view = match &query.view {
        Some(view) => Some(foresee(&desk, &reference, Some(view.clone())).await?),
        None => None,
    };
    let record = &user.record;
    let groups = match &query.group {
        Some(group) => vec![desk.group_for(record, group).await?],
        None => all_groups(&desk, &foreseen, &user.record),
    };
    let closure = closure_of(&foreseen);
    let subject = Subject::new(&desk, record, foreseen.as_ref().ok(), &closure);
    let eyes = Eyes::new(&subject, &views, query.view.is_some());
    let told = by_view.as_ref().unwrap_or(&foreseen);
    let told_closure = closure_of(told);
    let mut items = Vec::with_capacity(groups.len());
    for group in groups {
        let ways = match &query.group {
            Some(_) => groups::ways(&desk.catalogue, &record.key, &group.id).await?,
            None => Ways::default(),
        };
        let explanation = explain_one(&desk, (told, &told_closure), record, &group, &ways.all);
        let seen = told.as_ref().ok();
        let name = |id: &UpstreamId| group_of(&desk, &record.key.directory, seen, id);
        let left = ways.left.filter(|_| !explanation.is_member);
        let item = told::explanation(&record.dn, &group, &explanation, left.as_ref(), &name);
        items.push(item.seen_in(eyes.see(&group)));
    }
    let groups = match told {
        Ok(foreseen) => told::groups(foreseen),
        Err(reason) => GroupsRead::Unknown(reason.to_string()),
    };
    let observation = Observation { groups };
    let views = sights::treatments(&desk, record, &views);
    Ok(Json(Explanations { user: UserSummary::new(&user), observation, views, items }))
}

/// What the directory says now of a user's groups.
fn closure_of(foreseen: &Result<Foreseen, UnknownReason>) -> Observed<Closure> {
    match foreseen {
        Ok(Foreseen { observation: Some(observation), .. }) => observation.groups.clone(),
        Ok(_) => Observed::Unknown(UnknownReason::NotAsked),
        Err(reason) => Observed::Unknown(*reason),
    }
}

fn explain_one<N: Needs>(
    desk: &Desk<N>,
    (foreseen, closure): (&Result<Foreseen, UnknownReason>, &Observed<Closure>),
    record: &crate::domain::record::Record,
    group: &Group,
    ways: &[Vec<UpstreamId>],
) -> Explanation {
    let by_view = foreseen.as_ref().ok().filter(|foreseen| foreseen.view.is_some());
    explain(&Question {
        group: &group.id,
        named: Some(group),
        record: Some(record),
        user_type: desk.user_type(record),
        switch: by_view.map_or_else(|| desk.switch(record), |foreseen| foreseen.switch),
        groups: closure,
        ways,
    })
}

/// All groups of the record, and all that the directory says now.
fn all_groups<N: Needs>(
    desk: &Desk<N>,
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
fn group_of<N: Needs>(
    desk: &Desk<N>,
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
