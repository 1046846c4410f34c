//! `/api/v1/user-types`: user types and their switches.

use super::answer::{List, Refusal};
use super::asked::{Asked, Nothing};
use super::desk::{Desk, Needs};
use super::json::UserTypeJson;
use super::table::{
    Method::{Get, Patch},
    Table, Told, operation,
};
use crate::app::tokens::Role::{Admin, Read};
use crate::domain::policy::Switch;
use axum::Json;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "User types with the switch's value and where it comes from.";
    table.add(operation(Get, "/user-types", "listUserTypes", Read, what), list::<N>);
    let what = "Set the switch of a user type, or go back to the file's value with null.";
    table.add(operation(Patch, "/user-types/{name}", "setUserType", Admin, what), set::<N>);
}

async fn list<N: Needs>(desk: Arc<Desk<N>>, _: Asked) -> Told<List<UserTypeJson>> {
    Ok(Json(List::whole(desk.switches.list().into_iter().map(UserTypeJson::from).collect())))
}

/// What may be changed. The field has to be there: `null`, and not its absence, means the default.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SwitchPatch")]
pub(super) struct Changed {
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) update_on_sign_on: Option<bool>,
}

/// Runs to its end although the client hangs up: what is on disk is also announced.
async fn set<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<String, Nothing, Json<Changed>>,
) -> Told<UserTypeJson> {
    let Asked { who, path: name, body: Json(Changed { update_on_sign_on }), .. } = asked;
    let value = update_on_sign_on.map(Switch::from_bool);
    let change = async move { desk.switches.set(&name, value, &who).await };
    let listed = tokio::spawn(change).await.map_err(|_| Refusal::Internal)??;
    Ok(Json(listed.into()))
}
