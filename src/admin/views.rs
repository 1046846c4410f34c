//! `/api/v1/views`: views of client applications and their switches.

use super::answer::{List, Refusal};
use super::asked::{Asked, Nothing};
use super::desk::{Desk, Needs};
use super::json::{Time, rfc3339};
use super::table::{
    Method::{Get, Patch},
    Table, Told, operation,
};
use super::user_types::Changed;
use crate::app::switches::Source;
use crate::app::tokens::Role::{Admin, Read};
use crate::app::view_switches::Listed;
use crate::domain::policy::{Flatten, Switch};
use crate::domain::serving::Inactive;
use crate::domain::view::groups::Renamed;
use crate::domain::view::{Matching, View, VisibleTo, Writes};
use crate::proto::dn::DistinguishedName;
use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "Views: whom each is for, what it shows and serves, what it says of update on sign-on \
                and where that comes from.";
    table.add(operation(Get, "/views", "listViews", Read, what), list::<N>);
    let what = "Set the switch of a view, or go back to the file's value with null.";
    table.add(operation(Patch, "/views/{name}", "setView", Admin, what), set::<N>);
}

/// A view as administration sees it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "View")]
struct ViewJson {
    name: String,
    /// Null is as the user type says.
    update_on_sign_on: Option<bool>,
    source: &'static str,
    set_at: Option<Time>,
    /// What `default` would lead to.
    file: Option<bool>,
    #[serde(rename = "match")]
    matching: MatchJson,
    shows: ShowsJson,
    serves: ServesJson,
}

/// Whom a view is for: all that is given has to be so, and of a list one.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ViewMatch")]
struct MatchJson {
    listeners: Vec<String>,
    addresses: Vec<String>,
    bind_dns: Vec<String>,
}

/// What a view shows, by the keys of the configuration; null is as the directory has it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ViewShows")]
struct ShowsJson {
    flatten: Option<String>,
    group_base: Vec<String>,
    group_filter: Option<String>,
    /// What groups are called here, by their DNs.
    group_names: BTreeMap<String, String>,
    attributes: Option<Vec<String>>,
    base: Vec<String>,
    filter: Option<String>,
    /// `show` or `hide`.
    inactive: Option<&'static str>,
    /// `bound`, `anyone`, or `named`: those in `visible_to_names`.
    visible_to: &'static str,
    visible_to_names: Vec<String>,
}

/// What a view serves.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ViewServes")]
struct ServesJson {
    /// Null is everything.
    operations: Option<Vec<&'static str>>,
    /// Whether anything may be written.
    writes: bool,
    bind_only: bool,
}

fn names(all: &[DistinguishedName]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

impl From<&Matching> for MatchJson {
    fn from(matching: &Matching) -> Self {
        Self {
            listeners: matching.listeners.iter().map(ToString::to_string).collect(),
            addresses: matching.addresses.iter().map(ToString::to_string).collect(),
            bind_dns: names(&matching.bind_dns),
        }
    }
}

impl From<&View> for ShowsJson {
    fn from(view: &View) -> Self {
        let renamed = |one: &Renamed| (one.group.to_string(), one.name.to_string());
        let (visible_to, named) = match &view.visible_to {
            VisibleTo::Bound => ("bound", &[][..]),
            VisibleTo::Anyone => ("anyone", &[][..]),
            VisibleTo::Named(all) => ("named", &all[..]),
        };
        Self {
            flatten: view.flatten.map(Flatten::name),
            group_base: names(&view.groups.bases),
            group_filter: view.groups.filter.as_ref().map(ToString::to_string),
            group_names: view.groups.names.iter().map(renamed).collect(),
            attributes: view.attributes.clone(),
            base: names(&view.bases),
            filter: view.filter.as_ref().map(ToString::to_string),
            inactive: view.inactive.map(|inactive| match inactive {
                Inactive::Show => "show",
                Inactive::Hide => "hide",
            }),
            visible_to,
            visible_to_names: names(named),
        }
    }
}

impl From<&View> for ServesJson {
    fn from(view: &View) -> Self {
        let operations = view.operations.as_ref();
        Self {
            operations: operations.map(|kinds| kinds.iter().map(|kind| kind.name()).collect()),
            writes: view.writes == Writes::Allow,
            bind_only: view.bind_only,
        }
    }
}

impl From<Listed> for ViewJson {
    fn from(listed: Listed) -> Self {
        Self {
            name: listed.view.name.clone(),
            matching: (&listed.view.matching).into(),
            shows: (&*listed.view).into(),
            serves: (&*listed.view).into(),
            update_on_sign_on: listed.value.map(Switch::is_on),
            source: listed.source.name(),
            set_at: match listed.source {
                Source::File => None,
                Source::Stored { set_at } => Some(rfc3339(set_at)),
            },
            file: listed.view.update_on_sign_on.map(Switch::is_on),
        }
    }
}

async fn list<N: Needs>(desk: Arc<Desk<N>>, _: Asked) -> Told<List<ViewJson>> {
    Ok(Json(List::whole(desk.views.list().into_iter().map(ViewJson::from).collect())))
}

/// Runs to its end although the client hangs up: what is on disk is also announced.
async fn set<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<String, Nothing, Json<Changed>>,
) -> Told<ViewJson> {
    let Asked { who, path: name, body: Json(Changed { update_on_sign_on }), .. } = asked;
    let value = update_on_sign_on.map(Switch::from_bool);
    let change = async move { desk.views.set(&name, value, &who).await };
    let listed = tokio::spawn(change).await.map_err(|_| Refusal::Internal)??;
    Ok(Json(listed.into()))
}
