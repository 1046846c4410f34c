//! `POST /api/v1/preview`: what another configuration would change for all recorded users.

use super::answer::Refusal;
use super::asked::{Asked, Nothing};
use super::desk::{Desk, Needs};
use super::json::{GroupJson, UserSummary};
use super::table::{Method::Post, Table, Told, operation};
use super::told::{self, ChangeJson};
use crate::app::ports::Records;
use crate::app::rehearsal::{self, Affected};
use crate::app::tokens::Role::Operate;
use crate::domain::policy::DirectoryPolicy;
use crate::domain::record::{Group, UpstreamId};
use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
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

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "What a configuration that is not in force would change for all recorded users.";
    table.add(operation(Post, "/preview", "previewConfiguration", Operate, what), preview::<N>);
}

/// A configuration that is not in force.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Configuration")]
struct Wanted {
    /// The text of the file.
    configuration: String,
}

/// What it would change.
#[derive(Serialize, JsonSchema)]
struct Rehearsal {
    /// How many records there are.
    records: usize,
    /// How many would change at their next sign-on.
    changed: usize,
    /// Of how many something cannot be told.
    unsure: usize,
    /// Of how many the last complete observation is kept.
    observed: usize,
    /// The first of them.
    items: Vec<AffectedJson>,
    /// What of it a reload would put in force.
    reloaded: Vec<String>,
    /// What has changed in it and needs a restart.
    needs_restart: Vec<String>,
}

/// What it would change for a user.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Affected")]
struct AffectedJson {
    user: UserSummary,
    changes: Vec<ChangeJson>,
    no_longer: Vec<ChangeJson>,
    /// Groups that would be shown by default that are not, by how groups are flattened.
    shown: Vec<GroupJson>,
    /// Groups that would not be shown any more, by how groups are flattened.
    no_longer_shown: Vec<GroupJson>,
    /// Whether the next sign-on would have no user name, so that nothing would be written.
    nameless: bool,
    unsure: Vec<String>,
    /// Whether the user's directory is not configured any more.
    left_alone: bool,
}

async fn preview<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<(), Nothing, Json<Wanted>>,
) -> Told<Rehearsal> {
    let Json(Wanted { configuration }) = asked.body;
    let other = (desk.read_policies)(&configuration).map_err(Refusal::BadRequest)?;
    let policies = &other.policies;
    let (catalogue, clock) = (&desk.catalogue, &desk.clock);
    let report = rehearsal::rehearse_all(catalogue, clock, &desk.directories, policies).await?;
    let items = report.told.iter().map(|affected| told_of(&desk, affected)).collect();
    let (records, changed, unsure) = (report.records, report.changed, report.unsure);
    let observed = report.observed;
    let (reloaded, needs_restart) = (other.reloaded, other.restart);
    Ok(Json(Rehearsal { records, changed, unsure, observed, items, reloaded, needs_restart }))
}

fn told_of<N: Needs>(desk: &Desk<N>, affected: &Affected) -> AffectedJson {
    let directory = &affected.stored.record.key.directory;
    let name = |id: &UpstreamId| match desk.catalogue.group(directory, id) {
        Some(group) => (*group).clone(),
        None => Group { id: id.clone(), dn: String::new(), name: String::new() },
    };
    let outlook = &affected.outlook;
    let list = |changes: &[crate::domain::change::Change]| {
        changes.iter().map(|one| told::change(one, &name)).collect()
    };
    let groups =
        |ids: &BTreeSet<UpstreamId>| ids.iter().map(|id| told::group_json(&name(id))).collect();
    AffectedJson {
        user: UserSummary::new(&affected.stored),
        changes: list(&outlook.changes),
        no_longer: list(&outlook.spared),
        shown: groups(&outlook.shown),
        no_longer_shown: groups(&outlook.unshown),
        nameless: outlook.is_nameless,
        unsure: outlook.unsure.iter().map(|unsure| unsure.text().to_string()).collect(),
        left_alone: outlook.is_left_alone,
    }
}
