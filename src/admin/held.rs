//! `GET /api/v1/held` and `POST /api/v1/held/{id}/confirm` or `/reject`.

use super::answer::{List, Refusal};
use super::asked::Asked;
use super::desk::{Desk, Needs};
use super::json::{Time, rfc3339};
use super::table::{
    Method::{Get, Post},
    Table, Told, operation,
};
use crate::app::oversight::{Decided, Held};
use crate::app::tokens::Role::{Operate, Read};
use crate::domain::replication::Decision;
use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "Losses of groups that are held.";
    table.add(operation(Get, "/held", "listHeld", Read, what), list::<N>);
    let what = "Say that a loss is so: the next sign-ons follow it.";
    table.add(operation(Post, "/held/{id}/confirm", "confirmHeld", Operate, what), confirm::<N>);
    let what = "Say that a loss is not so: memberships stay.";
    table.add(operation(Post, "/held/{id}/reject", "rejectHeld", Operate, what), reject::<N>);
}

/// Something that is held.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Held")]
struct HeldJson {
    id: String,
    directory: String,
    /// What it is: `group-loss`, `mass-change` or `last-groups`.
    kind: &'static str,
    since: Time,
    /// What is counted: `groups`, or `users`.
    counts: &'static str,
    /// How many groups are gone, or how many users' groups would be.
    gone: usize,
    /// Of how many.
    of: usize,
    /// Names of some of them.
    examples: Vec<String>,
    /// `open`, `confirmed` or `rejected`.
    decision: &'static str,
    /// Whether it is held no more.
    released: bool,
}

impl HeldJson {
    fn new(loss: Held, released: bool) -> Self {
        Self {
            id: loss.id,
            directory: loss.directory.to_string(),
            kind: loss.kind.name(),
            since: rfc3339(loss.since),
            counts: loss.kind.counts(),
            gone: loss.gone,
            of: loss.of,
            examples: loss.examples,
            decision: loss.decision.name(),
            released,
        }
    }
}

async fn list<N: Needs>(desk: Arc<Desk<N>>, _: Asked) -> Told<List<HeldJson>> {
    let held = desk.decisions.held().into_iter();
    Ok(Json(List::whole(held.map(|loss| HeldJson::new(loss, false)).collect())))
}

async fn confirm<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<HeldJson> {
    decide(desk, asked, Decision::Confirmed).await
}

async fn reject<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<HeldJson> {
    decide(desk, asked, Decision::Rejected).await
}

/// Runs to its end although the client hangs up: what is on disk is also announced.
async fn decide<N: Needs>(
    desk: Arc<Desk<N>>,
    Asked { who, path: id, .. }: Asked<String>,
    decision: Decision,
) -> Told<HeldJson> {
    let deciding = async move { desk.decisions.decide(&id, decision, &who).await };
    let decided = tokio::spawn(deciding).await.map_err(|_| Refusal::Internal)??;
    let Decided { loss, is_released } = decided;
    Ok(Json(HeldJson::new(loss, is_released)))
}
