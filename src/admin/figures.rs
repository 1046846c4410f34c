//! `GET /api/v1/figures`: what the gateway counted lately, by steps of time.

use super::answer::Refusal;
use super::asked::Asked;
use super::desk::{Desk, Needs};
use super::json::{Time, rfc3339};
use super::table::{Method::Get, Table, Told, operation};
use crate::app::figures::{BindParts, Counts, Resolution, Spent, Step};
use crate::app::tokens::Role::Read;
use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "What was counted in the last two hours by the minute, or in the last two days by the \
                quarter of an hour; as far as the gateway has been running.";
    table.add(operation(Get, "/figures", "showFigures", Read, what), show::<N>);
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FiguresQuery")]
struct Query {
    /// How long a step is; a minute if nothing is said.
    step: Option<StepLength>,
}

/// How long a step is.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum StepLength {
    Minute,
    Quarter,
}

/// What was counted.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Figures")]
struct FiguresJson {
    /// How long a step is, in seconds.
    step_seconds: i64,
    /// The steps that are known, the last of which is under way; one that is missing is not known.
    items: Vec<StepJson>,
}

/// What was counted in a step of time.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FiguresStep")]
struct StepJson {
    /// When it began.
    at: Time,
    /// Sign-ons by what they did to the record; what there was none of is not there.
    sign_ons: Counts,
    /// Sign-ons whose observation was unknown, by reason.
    unknown: Counts,
    /// Binds by result code.
    binds: Counts,
    /// From a whole bind request to its answer.
    bind_seconds: SpentJson,
    /// The same time by where it went; together it is all of it.
    bind_parts: PartsJson,
    /// A sign-on's flight: reads, plan and commit.
    sign_on_seconds: SpentJson,
}

/// Where the time of binds went.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BindParts")]
struct PartsJson {
    /// Until the directory had answered, of binds that it was asked for.
    upstream: SpentJson,
    /// From there until the record was up to date, of binds that waited for that.
    sign_on: SpentJson,
    /// All the rest, of every bind.
    gateway: SpentJson,
}

/// How long something took, in seconds; null where there was none.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Spent")]
struct SpentJson {
    count: u64,
    mean: Option<f64>,
    /// Half of all took at most so long.
    median: Option<f64>,
    /// 95 of 100 took at most so long.
    p95: Option<f64>,
}

impl From<&Spent> for SpentJson {
    fn from(spent: &Spent) -> Self {
        Self {
            count: spent.count(),
            mean: spent.mean(),
            median: spent.at_most(0.5),
            p95: spent.at_most(0.95),
        }
    }
}

impl From<&BindParts> for PartsJson {
    fn from(BindParts { upstream, sign_on, gateway }: &BindParts) -> Self {
        Self { upstream: upstream.into(), sign_on: sign_on.into(), gateway: gateway.into() }
    }
}

impl From<Step> for StepJson {
    fn from(Step { at, figures }: Step) -> Self {
        Self {
            at: rfc3339(at),
            bind_seconds: (&figures.bind_seconds).into(),
            bind_parts: (&figures.bind_parts).into(),
            sign_on_seconds: (&figures.sign_on_seconds).into(),
            sign_ons: figures.sign_ons,
            unknown: figures.unknown,
            binds: figures.binds,
        }
    }
}

async fn show<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<(), Query>) -> Told<FiguresJson> {
    let resolution = match asked.query.step {
        None | Some(StepLength::Minute) => Resolution::Minute,
        Some(StepLength::Quarter) => Resolution::Quarter,
    };
    let reading = tokio::task::spawn_blocking(move || (desk.read_figures)(resolution));
    let steps = reading.await.map_err(|_| Refusal::Internal)?;
    let items = steps.into_iter().map(StepJson::from).collect();
    Ok(Json(FiguresJson { step_seconds: resolution.seconds(), items }))
}
