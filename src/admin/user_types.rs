//! `GET /api/v1/user-types` and `PATCH /api/v1/user-types/{name}`.

use super::answer::{List, Refusal};
use super::json::UserTypeJson;
use super::server::TokenName;
use crate::app::ports::{Catalogue, Clock, Events};
use crate::app::switches::Switches;
use crate::domain::policy::Switch;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Extension, Path, State};
use axum::routing::{get, patch};
use axum::{Json, Router};
use serde::Deserialize;
use std::sync::Arc;

type Shared<C, K, E> = Arc<Switches<C, K, E>>;

pub(super) fn routes<C: Catalogue, K: Clock, E: Events>(switches: Switches<C, K, E>) -> Router {
    Router::new()
        .route("/user-types", get(list::<C, K, E>))
        .route("/user-types/{name}", patch(set::<C, K, E>))
        .with_state(Arc::new(switches))
}

async fn list<C: Catalogue, K: Clock, E: Events>(
    State(switches): State<Shared<C, K, E>>,
) -> Json<List<UserTypeJson>> {
    let items = switches.list().into_iter().map(UserTypeJson::from).collect();
    Json(List { items, next: None })
}

/// What may be changed. The field has to be there: `null`, and not its absence, means the default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patch {
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) update_on_sign_on: Option<bool>,
}

/// Runs to its end although the client hangs up: what is on disk is also announced.
async fn set<C: Catalogue, K: Clock, E: Events>(
    State(switches): State<Shared<C, K, E>>,
    Extension(TokenName(who)): Extension<TokenName>,
    name: Result<Path<String>, PathRejection>,
    body: Result<Json<Patch>, JsonRejection>,
) -> Result<Json<UserTypeJson>, Refusal> {
    let Path(name) = name.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let Json(Patch { update_on_sign_on }) =
        body.map_err(|error| Refusal::Rejected(error.status(), error.body_text()))?;
    let value = update_on_sign_on.map(Switch::from_bool);
    let change = async move { switches.set(&name, value, who).await };
    let listed = tokio::spawn(change).await.map_err(|_| Refusal::Internal)??;
    Ok(Json(listed.into()))
}
