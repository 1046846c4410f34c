//! `GET /api/v1/store`: whether the store can be written, and how many users it has.

use super::answer::Refusal;
use super::asked::Asked;
use super::desk::{Desk, Needs};
use super::table::{Method::Get, Table, Told, operation};
use crate::app::listing::{self, Counted};
use crate::app::ports::Catalogue;
use crate::app::tokens::Role::Read;
use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "Whether what is written reaches the disk, and how many users there are.";
    table.add(operation(Get, "/store", "showStore", Read, what), show::<N>);
}

/// What is kept.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Store")]
struct StoreJson {
    /// Whether the last write reached the disk.
    healthy: bool,
    /// How many users there are.
    users: usize,
    /// Those that are not active.
    inactive: usize,
    /// Those whose groups were not known when they were last looked at.
    unknown: usize,
    /// Those that wait for an admin's decision: their name is another record's, or a membership is in review.
    needs_decision: usize,
}

/// All records are gone through; who else asks meanwhile does not wait for it.
async fn show<N: Needs>(desk: Arc<Desk<N>>, _: Asked) -> Told<StoreJson> {
    let healthy = desk.catalogue.is_healthy();
    let looking = tokio::task::spawn_blocking(move || listing::count(&desk.catalogue));
    let counted = looking.await.map_err(|_| Refusal::Internal)?;
    let Counted { users, inactive, unknown, undecided } = counted;
    Ok(Json(StoreJson { healthy, users, inactive, unknown, needs_decision: undecided }))
}
