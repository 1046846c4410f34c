//! `GET /api/v1/users/{ref}/ways`: which of a user's groups is in which, as the directory says now. A
//! membership tells one way; this is all of them, also where groups hold each other in a circle.

use super::answer::Refusal;
use super::asked::Asked;
use super::desk::{Desk, Needs};
use super::foresight::{foresee, group_of};
use super::json::{GroupJson, GroupsRead};
use super::table::{Method::Get, Table, Told, operation};
use super::told;
use crate::app::tokens::Role::Read;
use crate::domain::observation::Observed;
use crate::domain::record::UpstreamId;
use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// The most groups that are told; the answer says if there are more.
const MAX_GROUPS: usize = 1000;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "Which of a user's groups is in which, as the directory says now.";
    table.add(operation(Get, "/users/{ref}/ways", "showWays", Read, what), ways::<N>);
}

/// The groups of a user, and which is in which.
#[derive(Serialize, JsonSchema)]
struct Ways {
    /// What was read of the groups.
    groups: GroupsRead,
    items: Vec<GroupOnTheWay>,
    /// How many groups there are beyond those.
    more: usize,
}

/// A group, and which of the user's groups it holds directly.
#[derive(Serialize, JsonSchema)]
struct GroupOnTheWay {
    group: GroupJson,
    /// Whether it holds the user directly.
    direct: bool,
    /// The DNs of the groups that it holds; `id:ID` where there is none.
    members: Vec<String>,
}

async fn ways<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<Ways> {
    let foreseen = foresee(&desk, &asked.path, None).await?.map_err(Refusal::Unknown)?;
    let groups = told::groups(&foreseen);
    let observed = foreseen.observation.as_ref().map(|observation| &observation.groups);
    let Some(Observed::Known(closure)) = observed else {
        return Ok(Json(Ways { groups, items: Vec::new(), more: 0 }));
    };
    let group = |id: &UpstreamId| group_of(&desk, &foreseen.key.directory, Some(&foreseen), id);
    let step = |id: &UpstreamId| match group(id).dn {
        dn if dn.is_empty() => format!("id:{id}"),
        dn => dn,
    };
    let mut nearest: Vec<_> = closure.iter().collect();
    nearest.sort_by_cached_key(|(id, seen)| (seen.route.depth(), (*id).clone()));
    let more = nearest.len().saturating_sub(MAX_GROUPS);
    let items = nearest.into_iter().take(MAX_GROUPS).map(|(id, seen)| GroupOnTheWay {
        group: told::group_json(&group(id)),
        direct: seen.route.direct || seen.route.depth() == 1,
        members: seen.members.iter().map(step).collect(),
    });
    let items = items.collect();
    Ok(Json(Ways { groups, items, more }))
}
