//! `GET /api/v1/groups/{ref}/around`: the groups right below a group and right above it.

use super::answer::Refusal;
use super::asked::Asked;
use super::desk::{Desk, Needs};
use super::json::GroupJson;
use super::table::{Method::Get, Table, Told, operation};
use super::told;
use crate::app::tokens::Role::Read;
use crate::domain::membership::graph::Beside;
use crate::domain::record::Group;
use crate::proto::dn::DistinguishedName;
use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a directory is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most groups that are told on each side.
const MAX_GROUPS: usize = 200;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "The groups that a group holds directly, and those that hold it, as the live copy of \
                the directory has them, or as the directory says where there is none.";
    table.add(operation(Get, "/groups/{ref}/around", "showAround", Read, what), around::<N>);
}

/// The groups around a group.
#[derive(Serialize, JsonSchema)]
struct Around {
    /// Whether it can be told: the live copy has the group, or the directory answered.
    known: bool,
    /// Whether those below are all that there are.
    complete: bool,
    /// Those that are in it.
    below: Side,
    /// Those that it is in.
    above: Side,
}

/// Groups by name, and how many there are beyond those.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(rename = "GroupsBeside")]
struct Side {
    items: Vec<GroupJson>,
    more: usize,
}

impl Side {
    fn new(mut groups: Vec<Group>) -> Self {
        groups.sort_by_cached_key(|group| (group.name.to_lowercase(), group.id.clone()));
        let items = groups.iter().take(MAX_GROUPS).map(told::group_json).collect();
        Self { items, more: groups.len().saturating_sub(MAX_GROUPS) }
    }
}

impl Around {
    fn new(beside: Beside, complete: bool) -> Self {
        let (below, above) = (Side::new(beside.below), Side::new(beside.above));
        Self { known: true, complete, below, above }
    }

    fn unknown() -> Self {
        Self { known: false, complete: false, below: Side::default(), above: Side::default() }
    }
}

async fn around<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<Around> {
    let listed = desk.kept_group(None, &asked.path)?;
    let live = desk.live.clone();
    let (directory, group) = (listed.directory.clone(), listed.group.clone());
    let looking = tokio::task::spawn_blocking(move || live.beside(&directory, &group.id));
    if let Some(beside) = looking.await.map_err(|_| Refusal::Internal)? {
        return Ok(Json(Around::new(beside, true)));
    }
    let Ok(name) = DistinguishedName::parse(&listed.group.dn) else {
        return Ok(Json(Around::unknown()));
    };
    // A directory that does not answer is no fault of who looks: it is not known then.
    let asked = timeout(PATIENCE, desk.live.around(&listed.directory, &name)).await;
    Ok(Json(match asked {
        Ok(Some(Ok(found))) => Around::new(found.beside, found.is_complete),
        _ => Around::unknown(),
    }))
}
