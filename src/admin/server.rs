//! The paths: which are open, which need a token, and what every answer bears.

use super::answer::{Hit, Refusal};
use super::desk::{Desk, Needs};
use super::gate::{self, Gate};
use super::health::{self, ReadFigures, Readiness, RenderMetrics};
use super::inside::Inside;
use super::limited::Limited;
use super::rates::Rates;
use super::rehearsal::{self, ReadPolicies};
use super::serving::{self, Tls};
use super::table::{Operation, Table};
use super::token::FirstToken;
use super::transfer::MaxImport;
use super::{Limits, schema};
use super::{
    accounts, around, audit, backup, directories, edits, figures, foresight, groups, held, linking,
    sessions, store, tokens, transfer, user_types, users, views, ways,
};
use crate::app::accounts::{Accounts, roll};
use crate::app::events::Event;
use crate::app::live::Live;
use crate::app::operations::Operations;
use crate::app::oversight::{Decisions, Oversight};
use crate::app::ports::{Catalogue, Clock, Events};
use crate::app::sessions::Sessions;
use crate::app::switches::Switches;
use crate::app::tokens::Tokens;
use crate::app::view_switches::ViewSwitches;
use crate::domain::policy::DirectoryPolicy;
use crate::domain::serving::ServePolicy;
use crate::domain::view::Views;
use arc_swap::ArcSwap;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::Response;
use axum::{Extension, Router};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

/// The name of the token in the configured file, in the audit and in the log.
pub const FIRST_TOKEN: &str = "admin";

/// All that administration needs of the gateway.
pub struct State<C, K, E> {
    /// The records.
    pub catalogue: C,
    /// Time.
    pub clock: K,
    /// Where events go.
    pub events: E,
    /// The directories, in the file's order.
    pub directories: Vec<Arc<DirectoryPolicy>>,
    /// What clients are shown beside what each of them says, by name.
    pub serve: Vec<(Arc<str>, ServePolicy)>,
    /// The views, in the file's order.
    pub views: Views,
    /// How accounts of the gateway's own are looked after.
    pub accounts: roll::Config,
    /// The directories as the gateway knows them.
    pub oversight: Arc<dyn Oversight>,
    /// The directories, asked about one user or group.
    pub live: Arc<dyn Live>,
    /// Who is connected.
    pub sessions: Arc<dyn Sessions>,
    /// Reads the text of a configuration that is not in force.
    pub read_policies: ReadPolicies,
    /// Asks all parts for their state.
    pub readiness: Readiness,
    /// Gives the metrics.
    pub render_metrics: RenderMetrics,
    /// Gives what was counted lately.
    pub read_figures: ReadFigures,
    /// The first admin token.
    pub token: FirstToken,
}

/// Who may read `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Everybody who reaches the port: right on loopback.
    Open,
    /// Those with a token.
    Token,
}

impl MetricsAccess {
    /// Open where only this machine reaches `address`.
    pub fn of(address: SocketAddr) -> Self {
        if address.ip().is_loopback() { Self::Open } else { Self::Token }
    }
}

/// Serves until `shutdown`; requests under way are finished, which takes no longer than they may
/// (`request_timeout`, `transfer_timeout`). Every connection carries one request.
pub async fn serve<C: Catalogue, K: Clock, E: Events>(
    listener: tokio::net::TcpListener,
    limits: Limits,
    (tls, metrics): (Option<Tls>, MetricsAccess),
    state: State<C, K, E>,
    shutdown: impl Future<Output = ()> + Send,
) {
    let events = state.events.clone();
    let current = Current::new(router(state, limits, metrics));
    serve_current(listener, (limits, tls), current, events, shutdown).await;
}

/// The same with what is current when a client comes.
pub async fn serve_current<E: Events>(
    listener: tokio::net::TcpListener,
    (limits, tls): (Limits, Option<Tls>),
    current: Current,
    events: E,
    shutdown: impl Future<Output = ()> + Send,
) {
    let told = events.clone();
    let hit = move |limit, peer| told.emit(&Event::LimitHit { limit, peer });
    let listener = Limited::new(listener, limits, hit);
    serving::serve(listener, current, (limits, tls), events, shutdown).await;
}

/// All paths, which a reload may exchange for others. Requests under way are finished by what they
/// came to.
#[derive(Clone)]
pub struct Current(Arc<ArcSwap<Router>>);

impl Current {
    /// What is served at first.
    pub fn new(router: Router) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(router)))
    }

    /// Serves something else from now on.
    pub fn exchange(&self, router: Router) {
        self.0.store(Arc::new(router));
    }

    /// What a client is served with that comes now.
    pub(super) fn now(&self) -> Router {
        Router::clone(&self.0.load())
    }
}

/// All operations of the API.
fn table<N: Needs>() -> Table<N> {
    let mut table = Table::new();
    users::operations(&mut table);
    store::operations(&mut table);
    edits::operations(&mut table);
    linking::operations(&mut table);
    foresight::operations(&mut table);
    ways::operations(&mut table);
    groups::operations(&mut table);
    around::operations(&mut table);
    user_types::operations(&mut table);
    views::operations(&mut table);
    held::operations(&mut table);
    audit::operations(&mut table);
    directories::operations(&mut table);
    transfer::operations(&mut table);
    backup::operations(&mut table);
    rehearsal::operations(&mut table);
    figures::operations(&mut table);
    sessions::operations(&mut table);
    tokens::operations(&mut table);
    accounts::operations(&mut table);
    schema::operations(&mut table);
    table
}

/// The OpenAPI 3.1 document, as it is served and committed, and all operations in it. It is the same
/// whatever the parts are of.
pub fn document<C: Catalogue, K: Clock, E: Events>() -> (serde_json::Value, Vec<Operation>) {
    let mut table = table::<(C, K, E)>();
    let document = table.document();
    (document, table.operations.into_iter().map(|described| described.operation).collect())
}

/// All paths.
pub fn router<C: Catalogue, K: Clock, E: Events>(
    state: State<C, K, E>,
    limits: Limits,
    metrics: MetricsAccess,
) -> Router {
    router_beside(state, limits, metrics, |_| Router::new())
}

/// All paths, and beside them those that are made with the same operations.
pub fn router_beside<C: Catalogue, K: Clock, E: Events>(
    state: State<C, K, E>,
    limits: Limits,
    metrics: MetricsAccess,
    beside: impl FnOnce(Arc<dyn Operations>) -> Router,
) -> Router {
    let (readiness, render_metrics) = (state.readiness.clone(), state.render_metrics.clone());
    let counted = state.events.clone();
    let gate = Arc::new(gate(&state, limits));
    let guard = || middleware::from_fn_with_state(gate.clone(), gate::guard::<(C, K, E)>);
    let mut table = table::<(C, K, E)>();
    let document = table.document();
    let desk = Arc::new(desk(state, limits, document));
    let api = table
        .router
        .with_state(desk)
        .fallback(|| async { Refusal::NoSuchPath })
        .method_not_allowed_fallback(|| async { Refusal::NoSuchMethod });
    let beside = beside(Arc::new(Inside { router: api.clone(), gate: gate.clone() }));
    let api = api.layer(guard());
    let mut metrics_routes = health::metrics_routes(render_metrics);
    if metrics == MetricsAccess::Token {
        metrics_routes = metrics_routes.layer(guard());
    }
    Router::new()
        .nest("/api/v1", api)
        .merge(health::routes(readiness))
        .merge(metrics_routes)
        .merge(beside)
        .fallback(|| async { Refusal::NoSuchPath })
        .method_not_allowed_fallback(|| async { Refusal::NoSuchMethod })
        .layer(DefaultBodyLimit::max(limits.max_body))
        .layer(Extension(MaxImport(limits.max_import)))
        .layer(middleware::map_response(move |response: Response| {
            if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
                let limit =
                    response.extensions().get::<Hit>().map_or("admin.max_body", |hit| hit.0);
                counted.emit(&Event::LimitHit { limit, peer: None });
            }
            finish(response)
        }))
}

fn gate<C: Catalogue, K: Clock, E: Events>(
    state: &State<C, K, E>,
    limits: Limits,
) -> Gate<(C, K, E)> {
    Gate {
        first: state.token,
        catalogue: state.catalogue.clone(),
        clock: state.clock.clone(),
        events: state.events.clone(),
        tokens: Rates::new(limits.max_token_rate),
        sources: Rates::new(limits.max_source_rate),
    }
}

fn desk<C: Catalogue, K: Clock, E: Events>(
    state: State<C, K, E>,
    limits: Limits,
    document: serde_json::Value,
) -> Desk<(C, K, E)> {
    let State { catalogue, clock, events, directories, oversight, live, .. } = state;
    let (sessions, read_policies, serve) = (state.sessions, state.read_policies, state.serve);
    let read_figures = state.read_figures;
    let parts = || (catalogue.clone(), clock.clone(), events.clone());
    let (records, time, told) = parts();
    let switches = Switches::new(records, time, told, directories.clone());
    let (records, time, told) = parts();
    let views = ViewSwitches::new(records, time, told, state.views.clone());
    let (records, time, told) = parts();
    let (most, account_base) = (state.accounts.max_accounts, state.accounts.base);
    let accounts = Accounts::new(records, time, told, state.views.clone(), most);
    let (records, time, told) = parts();
    let decisions = Decisions::new(records, time, told, oversight);
    let (records, time, told) = parts();
    let tokens = Tokens::new(records, time, told, limits.max_tokens, FIRST_TOKEN);
    Desk {
        catalogue,
        clock,
        directories,
        serve,
        live,
        switches,
        views,
        decisions,
        tokens,
        accounts,
        account_base,
        sessions,
        read_policies,
        read_figures,
        document,
    }
}

/// What every answer bears: one request a connection, nothing guessed, and nothing cached that does
/// not say so itself.
async fn finish(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
