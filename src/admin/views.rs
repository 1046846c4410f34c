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
use crate::domain::policy::Switch;
use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "Views with what they say of update on sign-on and where that comes from.";
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
}

impl From<Listed> for ViewJson {
    fn from(listed: Listed) -> Self {
        Self {
            name: listed.view.name.clone(),
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
