//! `GET /api/v1/views` and `PATCH /api/v1/views/{name}`.

use super::answer::{List, Refusal};
use super::json::rfc3339;
use super::server::TokenName;
use super::user_types::Patch;
use crate::app::ports::{Catalogue, Clock, Events};
use crate::app::switches::Source;
use crate::app::view_switches::{Listed, ViewSwitches};
use crate::domain::policy::Switch;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Extension, Path, State};
use axum::routing::{get, patch};
use axum::{Json, Router};
use serde::Serialize;
use std::sync::Arc;

type Shared<C, K, E> = Arc<ViewSwitches<C, K, E>>;

pub(super) fn routes<C: Catalogue, K: Clock, E: Events>(views: ViewSwitches<C, K, E>) -> Router {
    Router::new()
        .route("/views", get(list::<C, K, E>))
        .route("/views/{name}", patch(set::<C, K, E>))
        .with_state(Arc::new(views))
}

/// A view as administration sees it.
#[derive(Serialize)]
struct ViewJson {
    name: String,
    /// `null` is as the user type says.
    update_on_sign_on: Option<bool>,
    source: &'static str,
    set_at: Option<String>,
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

async fn list<C: Catalogue, K: Clock, E: Events>(
    State(views): State<Shared<C, K, E>>,
) -> Json<List<ViewJson>> {
    Json(List { items: views.list().into_iter().map(ViewJson::from).collect(), next: None })
}

/// Runs to its end although the client hangs up: what is on disk is also announced.
async fn set<C: Catalogue, K: Clock, E: Events>(
    State(views): State<Shared<C, K, E>>,
    Extension(TokenName(who)): Extension<TokenName>,
    name: Result<Path<String>, PathRejection>,
    body: Result<Json<Patch>, JsonRejection>,
) -> Result<Json<ViewJson>, Refusal> {
    let Path(name) = name.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let Json(Patch { update_on_sign_on }) =
        body.map_err(|error| Refusal::Rejected(error.status(), error.body_text()))?;
    let value = update_on_sign_on.map(Switch::from_bool);
    let change = async move { views.set(&name, value, who).await };
    let listed = tokio::spawn(change).await.map_err(|_| Refusal::Internal)??;
    Ok(Json(listed.into()))
}
