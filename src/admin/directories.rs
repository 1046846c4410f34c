//! `GET /api/v1/directories` and `POST /api/v1/directories/{name}/accept-rollback`.

use super::answer::{List, Refusal};
use super::json::rfc3339;
use super::server::TokenName;
use crate::app::barrier::Progress;
use crate::app::oversight::{CopyState, Decisions, DirectoryState};
use crate::app::ports::{Catalogue, Clock, Coverage, Events};
use crate::domain::strategy::{Choice, Strategy};
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

type Shared<C, K, E> = Arc<Decisions<C, K, E>>;

pub(super) fn routes<C: Catalogue, K: Clock, E: Events>(decisions: Shared<C, K, E>) -> Router {
    Router::new()
        .route("/directories", get(list::<C, K, E>))
        .route("/directories/{name}/accept-rollback", post(accept_rollback::<C, K, E>))
        .with_state(decisions)
}

async fn list<C: Catalogue, K: Clock, E: Events>(
    State(decisions): State<Shared<C, K, E>>,
) -> Json<List<DirectoryJson>> {
    let items = decisions.directories().await.into_iter().map(DirectoryJson::from).collect();
    Json(List { items, next: None })
}

/// Runs to its end although the client hangs up: what is on disk is also announced.
async fn accept_rollback<C: Catalogue, K: Clock, E: Events>(
    State(decisions): State<Shared<C, K, E>>,
    Extension(TokenName(who)): Extension<TokenName>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Refusal> {
    let Path(name) = name.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    let accepting = {
        let name = name.clone();
        async move { decisions.accept_rollback(&name, who).await }
    };
    let accepted = tokio::spawn(accepting).await.map_err(|_| Refusal::Internal)?;
    let Progress { seen, shown, is_behind } = accepted?;
    let answer = json!({ "name": name, "was_behind": is_behind, "seen": seen, "shown": shown });
    Ok(Json(answer))
}

/// A directory as a listing shows it.
#[derive(Serialize)]
struct DirectoryJson {
    name: String,
    kind: Option<String>,
    servers: Vec<ServerJson>,
    groups: GroupsJson,
    replica: Option<ReplicaJson>,
    /// Whether it is behind what was seen of it; `null` if it does not say how far it has got.
    behind: Option<bool>,
    seen: Option<String>,
    shown: Option<String>,
}

#[derive(Serialize)]
struct ServerJson {
    url: String,
    state: &'static str,
}

/// How groups are asked for.
#[derive(Serialize)]
struct GroupsJson {
    /// What is tried first; `null` if groups are not asked for, or the directory did not answer.
    strategy: Option<&'static str>,
    /// What is done while that is not fresh.
    otherwise: Option<&'static str>,
    reasons: Vec<&'static str>,
    warnings: Vec<String>,
    /// Why there is no answer.
    unknown: Option<String>,
}

impl GroupsJson {
    fn new(choice: Option<Result<Choice, crate::domain::observation::UnknownReason>>) -> Self {
        let nothing = Self {
            strategy: None,
            otherwise: None,
            reasons: Vec::new(),
            warnings: Vec::new(),
            unknown: None,
        };
        match choice {
            None => nothing,
            Some(Err(reason)) => Self { unknown: Some(reason.to_string()), ..nothing },
            Some(Ok(choice)) => Self {
                strategy: Some(choice.first().name()),
                otherwise: (choice.first() == Strategy::Replica).then(|| choice.walk.name()),
                reasons: choice.reasons,
                warnings: choice.warnings,
                unknown: None,
            },
        }
    }
}

#[derive(Serialize)]
struct ReplicaJson {
    /// `complete`, `held`, `not-offered` or `incomplete`.
    state: &'static str,
    /// `groups`, `groups-and-users`, or `null` while it answers nothing.
    covers: Option<&'static str>,
    groups: usize,
    users: usize,
    heard_at: Option<String>,
}

impl ReplicaJson {
    fn new(copy: CopyState, choice: Option<&Choice>) -> Self {
        let state = match copy {
            CopyState { is_held: true, .. } => "held",
            CopyState { is_complete: true, .. } => "complete",
            _ if choice.is_some_and(|choice| choice.replica.is_none()) => "not-offered",
            _ => "incomplete",
        };
        let covers = copy.coverage.map(|coverage| match coverage {
            Coverage::Groups => "groups",
            Coverage::GroupsAndUsers => "groups-and-users",
        });
        let CopyState { groups, users, .. } = copy;
        Self { state, covers, groups, users, heard_at: copy.heard_at.map(rfc3339) }
    }
}

impl From<DirectoryState> for DirectoryJson {
    fn from(directory: DirectoryState) -> Self {
        let servers = directory.servers.into_iter();
        let progress = directory.progress.unwrap_or_default();
        let choice = directory.choice.as_ref().and_then(|choice| choice.as_ref().ok());
        let replica = directory.copy.map(|copy| ReplicaJson::new(copy, choice));
        let says = progress.shown.is_some() || progress.is_behind;
        Self {
            name: directory.name.to_string(),
            kind: directory.kind,
            servers: servers.map(|(url, state)| ServerJson { url, state: state.name() }).collect(),
            groups: GroupsJson::new(directory.choice),
            replica,
            behind: says.then_some(progress.is_behind),
            seen: progress.seen,
            shown: progress.shown,
        }
    }
}
