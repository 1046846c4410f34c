//! `GET /api/v1/groups/{ref}/around`: the groups right below a group and right above it.

use super::answer::Refusal;
use super::asked::Asked;
use super::desk::{Desk, Needs};
use super::json::GroupJson;
use super::table::{Method::Get, Table, Told, operation};
use super::told;
use crate::app::tokens::Role::Read;
use crate::domain::record::Group;
use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// The most groups that are told on each side.
const MAX_GROUPS: usize = 200;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "The groups that a group holds directly, and those that hold it, as the live copy of \
                the directory has them.";
    table.add(operation(Get, "/groups/{ref}/around", "showAround", Read, what), around::<N>);
}

/// The groups around a group.
#[derive(Serialize, JsonSchema)]
struct Around {
    /// Whether it can be told: there is a live copy of the directory, and the group is in it.
    known: bool,
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

async fn around<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<Around> {
    let listed = desk.kept_group(None, &asked.path)?;
    let looking =
        tokio::task::spawn_blocking(move || desk.live.beside(&listed.directory, &listed.group.id));
    let found = looking.await.map_err(|_| Refusal::Internal)?;
    Ok(Json(match found {
        Some(beside) => {
            let (below, above) = (Side::new(beside.below), Side::new(beside.above));
            Around { known: true, below, above }
        }
        None => Around { known: false, below: Side::default(), above: Side::default() },
    }))
}
