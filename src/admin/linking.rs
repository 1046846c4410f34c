//! Linking two records as one person's: `POST /api/v1/users/{ref}/link`.

use super::answer::Refusal;
use super::desk::Desk;
use super::json::Summary;
use super::server::TokenName;
use crate::app::linking::{self, LinkError, Unmatched};
use crate::app::ports::{Catalogue, Clock};
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Extension, Path, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn routes<C: Catalogue, K: Clock>(desk: Arc<Desk<C, K>>) -> Router {
    Router::new().route("/users/{ref}/link", post(link::<C, K>)).with_state(desk)
}

/// To whom: `{"to": REF, "drop_unmatched": true | false}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    to: String,
    #[serde(default)]
    drop_unmatched: bool,
}

impl From<LinkError> for Refusal {
    fn from(error: LinkError) -> Self {
        let detail = error.to_string();
        match error {
            LinkError::Store(error) => Self::Store(error),
            LinkError::NotFound => Self::NotFound(detail),
            LinkError::Same => Self::BadRequest(detail),
            LinkError::Unmatched { .. } => Self::Conflict(detail),
        }
    }
}

async fn link<C: Catalogue, K: Clock>(
    State(desk): State<Arc<Desk<C, K>>>,
    Extension(TokenName(who)): Extension<TokenName>,
    path: Result<Path<String>, PathRejection>,
    body: Result<Json<Body>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Path(reference) = path.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let Json(Body { to, drop_unmatched }) =
        body.map_err(|error| Refusal::Rejected(error.status(), error.body_text()))?;
    let unmatched = if drop_unmatched { Unmatched::Drop } else { Unmatched::Refuse };
    // To its end, although the client hangs up.
    let making = async move {
        let from = desk.user(&reference)?.record.key.clone();
        let to = desk.user(&to)?.record.key.clone();
        let made = linking::make(&desk.catalogue, &desk.clock, &from, &to, unmatched, who);
        let linked = made.await?;
        let stored = desk.catalogue.find(&linked.after.key);
        let user = stored.as_ref().map(Summary::new);
        let changed = linked.before.version != linked.after.version;
        Ok(Json(json!({ "user": user, "changed": changed, "dropped": linked.dropped })))
    };
    tokio::spawn(making).await.map_err(|_| Refusal::Internal)?
}
