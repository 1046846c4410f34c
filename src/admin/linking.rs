//! Linking two records as one person's: `POST /api/v1/users/{ref}/link`.

use super::answer::Refusal;
use super::asked::{Asked, Nothing};
use super::desk::{Desk, Needs};
use super::json::UserSummary;
use super::table::{Method::Post, Table, Told, operation};
use crate::app::linking::{self, LinkError, Unmatched};
use crate::app::ports::Records;
use crate::app::tokens::Role::Admin;
use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "Say that two records are of one person: this one goes, and the other takes over.";
    table.add(operation(Post, "/users/{ref}/link", "linkUser", Admin, what), link::<N>);
}

/// To whom a record is linked.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Link")]
struct Body {
    /// The user whose record stays.
    to: String,
    /// Whether what the other directory does not know is left behind rather than refused.
    #[serde(default)]
    drop_unmatched: bool,
}

/// What became of it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Linked")]
struct LinkedJson {
    user: Option<UserSummary>,
    /// Whether anything changed.
    changed: bool,
    /// Groups that were not taken over, by name.
    dropped: Vec<String>,
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

/// Runs to its end although the client hangs up.
async fn link<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<String, Nothing, Json<Body>>,
) -> Told<LinkedJson> {
    let Asked { who, path: reference, body: Json(Body { to, drop_unmatched }), .. } = asked;
    let unmatched = if drop_unmatched { Unmatched::Drop } else { Unmatched::Refuse };
    let making = async move {
        let from = desk.user(&reference)?.record.key.clone();
        let to = desk.user(&to)?.record.key.clone();
        let made = linking::make(&desk.catalogue, &desk.clock, &from, &to, unmatched, &who);
        let linked = made.await?;
        let stored = desk.catalogue.find(&linked.after.key);
        let user = stored.as_ref().map(UserSummary::new);
        let changed = linked.before.version != linked.after.version;
        let dropped = linked.dropped;
        Ok(Json(LinkedJson { user, changed, dropped }))
    };
    tokio::spawn(making).await.map_err(|_| Refusal::Internal)?
}
