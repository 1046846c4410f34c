//! The server: which paths are open, which need the token, and what bounds a request.

use super::answer::Refusal;
use super::desk::Desk;
use super::health::{self, Readiness, RenderMetrics};
use super::limited::{Limited, MAX_CONNECTION_TIME};
use super::rehearsal::{self, ReadPolicies};
use super::token::Token;
use super::{
    audit, directories, edits, foresight, groups, held, linking, user_types, users, views,
};
use crate::app::events::Event;
use crate::app::live::Live;
use crate::app::oversight::{Decisions, Oversight};
use crate::app::ports::{Catalogue, Clock, Events};
use crate::app::switches::Switches;
use crate::app::view_switches::ViewSwitches;
use crate::domain::policy::DirectoryPolicy;
use crate::domain::view::Views;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State as Given};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use std::future::Future;
use std::io;
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
    /// The views, in the file's order.
    pub views: Views,
    /// The directories as the gateway knows them.
    pub oversight: Arc<dyn Oversight>,
    /// The directories, asked about one user or group.
    pub live: Arc<dyn Live>,
    /// Reads the text of a configuration that is not in force.
    pub read_policies: ReadPolicies,
    /// Asks all parts for their state.
    pub readiness: Readiness,
    /// Gives the metrics.
    pub render_metrics: RenderMetrics,
    /// The first admin token.
    pub token: Token,
}

/// The bounds of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most connections; further ones wait to be accepted.
    pub max_clients: usize,
    /// The most bytes of a request's body.
    pub max_body: usize,
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

/// The name of the token that a request bore.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenName(pub(super) &'static str);

/// Serves until `shutdown`; requests under way are finished, which takes no longer than the life
/// of a connection (30 s). Every connection carries one request.
pub async fn serve<C: Catalogue, K: Clock, E: Events>(
    listener: tokio::net::TcpListener,
    limits: Limits,
    state: State<C, K, E>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let access = MetricsAccess::of(listener.local_addr()?);
    let events = state.events.clone();
    let router = router(state, limits, access);
    let listener =
        Limited::new(listener, limits.max_clients, MAX_CONNECTION_TIME, move || full(&events));
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

/// All paths.
pub fn router<C: Catalogue, K: Clock, E: Events>(
    state: State<C, K, E>,
    limits: Limits,
    metrics: MetricsAccess,
) -> Router {
    let State { catalogue, clock, events, directories, views, oversight, live, .. } = state;
    let (readiness, render_metrics, token) = (state.readiness, state.render_metrics, state.token);
    let gate = Arc::new(Gate { token, events: events.clone() });
    let counted = events.clone();
    let guard = || middleware::from_fn_with_state(gate.clone(), guard::<E>);
    let decisions = Decisions::new(catalogue.clone(), clock.clone(), events.clone(), oversight);
    let decisions = Arc::new(decisions);
    let desk = Arc::new(Desk {
        catalogue: catalogue.clone(),
        clock: clock.clone(),
        directories: directories.clone(),
        live,
    });
    let views = ViewSwitches::new(catalogue.clone(), clock.clone(), events.clone(), views);
    let switches = Switches::new(catalogue.clone(), clock, events, directories);
    let api = users::routes(catalogue.clone())
        .merge(edits::routes(desk.clone()))
        .merge(linking::routes(desk.clone()))
        .merge(foresight::routes(desk.clone()))
        .merge(groups::routes(desk.clone()))
        .merge(rehearsal::routes(desk, state.read_policies))
        .merge(user_types::routes(switches))
        .merge(views::routes(views))
        .merge(directories::routes(decisions.clone()))
        .merge(held::routes(decisions))
        .merge(audit::routes(catalogue))
        .fallback(|| async { Refusal::NoSuchPath })
        .layer(guard());
    let mut metrics_routes = health::metrics_routes(render_metrics);
    if metrics == MetricsAccess::Token {
        metrics_routes = metrics_routes.layer(guard());
    }
    Router::new()
        .nest("/api/v1", api)
        .merge(health::routes(readiness))
        .merge(metrics_routes)
        .fallback(|| async { Refusal::NoSuchPath })
        .method_not_allowed_fallback(|| async { Refusal::NoSuchMethod })
        .layer(DefaultBodyLimit::max(limits.max_body))
        .layer(middleware::map_response(move |response: Response| {
            if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
                counted.emit(&Event::LimitHit { limit: "admin.max_body", peer: None });
            }
            finish(response)
        }))
}

/// All places of administration's own are taken; whoever comes waits.
fn full(events: &impl Events) {
    events.emit(&Event::LimitHit { limit: "admin.max_clients", peer: None });
}

struct Gate<E> {
    token: Token,
    events: E,
}

/// Lets a request with the token pass. Whatever is wrong with a token, the answer is the same.
async fn guard<E: Events>(
    Given(gate): Given<Arc<Gate<E>>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if !bearer(&request).is_some_and(|candidate| gate.token.matches(candidate)) {
        gate.events.emit(&Event::AdminRefused);
        return Err(Refusal::Unauthorised);
    }
    request.extensions_mut().insert(TokenName(FIRST_TOKEN));
    Ok(next.run(request).await)
}

/// The token of the one Authorization header (RFC 6750 section 2.1); the scheme's case is free.
fn bearer(request: &Request) -> Option<&[u8]> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (headers.next(), headers.next()) else { return None };
    let (scheme, token) = value.as_bytes().split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

/// What every answer bears: one request a connection, nothing cached, nothing guessed.
async fn finish(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
