//! `GET /api/v1/directories` and `POST /api/v1/directories/{name}/accept-rollback`.

use super::answer::{List, Refusal};
use super::asked::Asked;
use super::desk::{Desk, Needs};
use super::json::{Time, rfc3339};
use super::table::{
    Method::{Get, Post},
    Table, Told, operation,
};
use crate::app::barrier::Progress;
use crate::app::oversight::{CopyState, DirectoryState, PoolState};
use crate::app::ports::Coverage;
use crate::app::tokens::Role::{Operate, Read};
use crate::domain::strategy::{Choice, Strategy};
use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what =
        "Directories with servers, pool, strategy and live copy. Each is asked, for at most 5 s.";
    table.add(operation(Get, "/directories", "listDirectories", Read, what), list::<N>);
    let what = "Say that a directory was set back to a backup: it is believed again.";
    let path = "/directories/{name}/accept-rollback";
    table.add(operation(Post, path, "acceptRollback", Operate, what), accept_rollback::<N>);
}

async fn list<N: Needs>(desk: Arc<Desk<N>>, _: Asked) -> Told<List<DirectoryJson>> {
    let states = desk.decisions.directories().await.into_iter();
    Ok(Json(List::whole(states.map(DirectoryJson::from).collect())))
}

/// What was accepted.
#[derive(Serialize, JsonSchema)]
struct Accepted {
    name: String,
    was_behind: bool,
    /// How far the directory was seen to have got.
    seen: Option<String>,
    /// How far it says that it has got.
    shown: Option<String>,
}

/// Runs to its end although the client hangs up: what is on disk is also announced.
async fn accept_rollback<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<Accepted> {
    let Asked { who, path: name, .. } = asked;
    let accepting = async move {
        let Progress { seen, shown, is_behind } =
            desk.decisions.accept_rollback(&name, &who).await?;
        Ok::<_, Refusal>(Accepted { name, was_behind: is_behind, seen, shown })
    };
    tokio::spawn(accepting).await.map_err(|_| Refusal::Internal)?.map(Json)
}

/// A directory as a listing shows it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Directory")]
struct DirectoryJson {
    name: String,
    kind: Option<String>,
    servers: Vec<ServerJson>,
    pool: PoolJson,
    groups: GroupsJson,
    replica: Option<ReplicaJson>,
    /// Whether it is behind what was seen of it; `null` if it does not say how far it has got.
    behind: Option<bool>,
    seen: Option<String>,
    shown: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Server")]
struct ServerJson {
    url: String,
    state: &'static str,
}

/// Exclusive connections, which carry clients' binds and what follows them.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Pool")]
struct PoolJson {
    /// All of them, those being made included.
    connections: usize,
    /// Those that clients have.
    leased: usize,
    /// Clients that wait for one.
    waiting: usize,
    /// How many there may be.
    most: usize,
}

impl From<PoolState> for PoolJson {
    fn from(pool: PoolState) -> Self {
        let PoolState { connections, leased, waiting, most } = pool;
        Self { connections, leased, waiting, most }
    }
}

/// How groups are asked for.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GroupStrategy")]
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

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Replica")]
struct ReplicaJson {
    /// `complete`, `held`, `not-offered` or `incomplete`.
    state: &'static str,
    /// `groups`, `groups-and-users`, or `null` while it answers nothing.
    covers: Option<&'static str>,
    groups: usize,
    users: usize,
    heard_at: Option<Time>,
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
            pool: directory.pool.into(),
            groups: GroupsJson::new(directory.choice),
            replica,
            behind: says.then_some(progress.is_behind),
            seen: progress.seen,
            shown: progress.shown,
        }
    }
}
