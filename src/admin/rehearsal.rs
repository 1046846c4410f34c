//! `POST /api/v1/preview`: what another configuration would change for all recorded users.

use super::answer::Refusal;
use super::desk::Desk;
use super::json::Summary;
use super::told;
use crate::app::ports::{Catalogue, Clock};
use crate::app::rehearsal::{self, Affected};
use crate::domain::policy::DirectoryPolicy;
use crate::domain::record::{Group, UpstreamId};
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Another configuration, beside the one in force.
pub struct Other {
    /// Its directories.
    pub policies: Vec<Arc<DirectoryPolicy>>,
    /// What of it a reload would put in force, each part in a few words.
    pub reloaded: Vec<String>,
    /// What has changed in it and needs a restart.
    pub restart: Vec<String>,
}

/// Reads the text of a configuration, or tells all that is wrong with it.
pub type ReadPolicies = Arc<dyn Fn(&str) -> Result<Other, String> + Send + Sync>;

struct Rehearsal<C, K> {
    desk: Arc<Desk<C, K>>,
    read: ReadPolicies,
}

pub(super) fn routes<C: Catalogue, K: Clock>(desk: Arc<Desk<C, K>>, read: ReadPolicies) -> Router {
    let state = Arc::new(Rehearsal { desk, read });
    Router::new().route("/preview", post(preview::<C, K>)).with_state(state)
}

/// A configuration that is not in force: `{"configuration": "[listen] …"}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    configuration: String,
}

async fn preview<C: Catalogue, K: Clock>(
    State(rehearsal): State<Arc<Rehearsal<C, K>>>,
    body: Result<Json<Body>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(Body { configuration }) =
        body.map_err(|error| Refusal::Rejected(error.status(), error.body_text()))?;
    let other = (rehearsal.read)(&configuration).map_err(Refusal::BadRequest)?;
    let policies = &other.policies;
    let desk = &rehearsal.desk;
    let (catalogue, clock) = (&desk.catalogue, &desk.clock);
    let report = rehearsal::rehearse_all(catalogue, clock, &desk.directories, policies).await;
    let items: Vec<_> = report.told.iter().map(|affected| told_of(desk, affected)).collect();
    Ok(Json(json!({
        "records": report.records,
        "changed": report.changed,
        "unsure": report.unsure,
        "items": items,
        "reloaded": other.reloaded,
        "needs_restart": other.restart,
    })))
}

fn told_of<C: Catalogue, K: Clock>(desk: &Desk<C, K>, affected: &Affected) -> Value {
    let directory = &affected.stored.record.key.directory;
    let name = |id: &UpstreamId| match desk.catalogue.group(directory, id) {
        Some(group) => (*group).clone(),
        None => Group { id: id.clone(), dn: String::new(), name: String::new() },
    };
    let outlook = &affected.outlook;
    let list = |changes: &[crate::domain::change::Change]| {
        changes.iter().map(|one| told::change(one, &name)).collect::<Vec<_>>()
    };
    let unsure: Vec<_> = outlook.unsure.iter().map(|unsure| unsure.text()).collect();
    json!({
        "user": serde_json::to_value(Summary::new(&affected.stored)).unwrap_or_default(),
        "changes": list(&outlook.changes),
        "no_longer": list(&outlook.spared),
        "unsure": unsure,
        "left_alone": outlook.is_left_alone,
    })
}
