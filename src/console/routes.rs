//! All pages in one table, of which the router is made: each says who may see it, and none is reached
//! but through the checks that stand here.

use super::book::Notice;
use super::cookies::{self, Theme};
use super::fault::Fault;
use super::visit::{Fields, Visit};
use super::{Console, ROOT, door, files, frame};
use super::{accounts, audit, foresight, groups, held, overview, own, sessions, steer, tokens};
use super::{user, user_types, users, views};
use crate::app::operations::{Barred, Credential, Operations, Peer};
use crate::app::tokens::Role::{self, Admin, Operate, Read};
use axum::extract::{Form, FromRequest, Query, RawPathParams, Request};
use axum::handler::Handler;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodFilter, any, get, on};
use axum::{RequestExt, Router, middleware};
use maud::Markup;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

/// What pages may load and do: what comes from here, and nothing that stands in a page itself.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// A page, or something that a form does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path below `/console`.
    pub path: &'static str,
    /// The least role that may ask for it.
    pub role: Role,
}

/// What a page shows.
pub(super) enum Shown {
    /// A page in its frame.
    Page(frame::Content),
    /// A part that a script puts into a page; nothing to put there is an answer without content.
    Part(Option<Markup>),
}

/// What a form did: where to go on, and what to say there.
pub(super) struct Done {
    pub(super) to: String,
    pub(super) notice: String,
}

/// What everything here works with.
pub(super) struct Desk {
    pub(super) console: Console,
    pub(super) operations: Arc<dyn Operations>,
}

struct Routes {
    router: Router<Arc<Desk>>,
    pages: Vec<Page>,
}

impl Routes {
    fn all() -> Self {
        let mut all = Self { router: Router::new(), pages: Vec::new() };
        all.show("/", Read, overview::page);
        all.show("/users", Read, users::page);
        all.show("/users/{ref}", Read, user::page);
        all.show("/users/{ref}/preview", Read, foresight::preview);
        all.show("/users/{ref}/explain", Read, foresight::explain);
        all.show("/users/{ref}/history", Read, audit::history);
        all.show("/users/{ref}/forget", Admin, steer::ask_to_forget);
        all.act("/users/{ref}/groups", Operate, steer::groups);
        all.act("/users/{ref}/disable", Operate, steer::disable);
        all.act("/users/{ref}/enable", Operate, steer::enable);
        all.act("/users/{ref}/sync", Operate, steer::sync);
        all.act("/users/{ref}/switch", Operate, steer::switch);
        all.act("/users/{ref}/forget", Admin, steer::forget);
        all.show("/groups", Read, groups::page);
        all.act("/groups", Operate, own::make);
        all.show("/groups/{ref}", Read, groups::one);
        all.act("/groups/{ref}/members", Operate, own::put_in);
        all.act("/groups/{ref}/delete", Operate, own::delete);
        all.show("/user-types", Read, user_types::page);
        all.act("/user-types", Admin, user_types::set);
        all.show("/views", Read, views::page);
        all.act("/views/{name}", Admin, views::set);
        all.show("/held", Read, held::page);
        all.act("/held/{id}", Operate, held::decide);
        all.act("/directories/{name}/accept-rollback", Operate, overview::accept_rollback);
        all.show("/audit", Read, audit::page);
        all.show("/audit/rows", Read, audit::rows);
        all.show("/sessions", Read, sessions::page);
        all.act("/sessions/{id}/end", Operate, sessions::end);
        all.doors();
        all
    }

    /// Who gets in: only an admin sees them, and what is made is shown this once.
    fn doors(&mut self) {
        self.show("/accounts", Admin, accounts::page);
        self.reveal("/accounts", Admin, accounts::make);
        self.show("/accounts/{name}/password", Admin, accounts::ask_for_password);
        self.reveal("/accounts/{name}/password", Admin, accounts::set_password);
        self.act("/accounts/{name}/disable", Admin, accounts::disable);
        self.act("/accounts/{name}/enable", Admin, accounts::enable);
        self.show("/accounts/{name}/revoke", Admin, accounts::ask_to_revoke);
        self.act("/accounts/{name}/revoke", Admin, accounts::revoke);
        self.show("/tokens", Admin, tokens::page);
        self.reveal("/tokens", Admin, tokens::make);
        self.show("/tokens/{name}/revoke", Admin, tokens::ask_to_revoke);
        self.act("/tokens/{name}/revoke", Admin, tokens::revoke);
    }

    fn show<F>(&mut self, path: &'static str, role: Role, page: impl Show<F>)
    where
        F: Future<Output = Result<Shown, Fault>> + Send + 'static,
    {
        self.answer("GET", path, role, page);
    }

    /// What a form makes that is shown once: in the answer itself, which nothing keeps, and not on a
    /// page that the form leads to.
    fn reveal<F>(&mut self, path: &'static str, role: Role, page: impl Show<F>)
    where
        F: Future<Output = Result<Shown, Fault>> + Send + 'static,
    {
        self.answer("POST", path, role, page);
    }

    fn answer<F>(
        &mut self,
        method: &'static str,
        path: &'static str,
        role: Role,
        page: impl Show<F>,
    ) where
        F: Future<Output = Result<Shown, Fault>> + Send + 'static,
    {
        let answer = move |desk: axum::extract::State<Arc<Desk>>, request: Request| async move {
            let entered = enter(&desk, request, role).await;
            let (mut visit, id) = match entered {
                Ok(entered) => entered,
                Err(barred) => return barred,
            };
            let is_part = path.ends_with("/rows");
            if !is_part {
                visit.notice = desk.console.book.told(&id);
            }
            let visit = Arc::new(visit);
            match page(visit.clone()).await {
                Ok(Shown::Page(content)) => frame::page(&visit, content),
                Ok(Shown::Part(Some(part))) => frame::html(StatusCode::OK, part),
                Ok(Shown::Part(None)) => StatusCode::NO_CONTENT.into_response(),
                Err(fault) => frame::fault(&visit, &fault),
            }
        };
        self.add(method, path, role, answer);
    }

    fn act<F>(&mut self, path: &'static str, role: Role, act: impl Act<F>)
    where
        F: Future<Output = Result<Done, Fault>> + Send + 'static,
    {
        let answer = move |desk: axum::extract::State<Arc<Desk>>, request: Request| async move {
            let (visit, id) = match enter(&desk, request, role).await {
                Ok(entered) => entered,
                Err(barred) => return barred,
            };
            let visit = Arc::new(visit);
            match act(visit.clone()).await {
                Ok(Done { to, notice }) => {
                    desk.console.book.tell(&id, Notice { text: notice, is_fault: false });
                    Redirect::to(&to).into_response()
                }
                Err(fault) => frame::fault(&visit, &fault),
            }
        };
        self.add("POST", path, role, answer);
    }

    fn add<H, T>(&mut self, method: &'static str, path: &'static str, role: Role, answer: H)
    where
        H: Handler<T, Arc<Desk>>,
        T: 'static,
    {
        let filter = if method == "POST" { MethodFilter::POST } else { MethodFilter::GET };
        let router = std::mem::take(&mut self.router);
        self.router = router.route(&format!("{ROOT}{path}"), on(filter, answer));
        self.pages.push(Page { method, path, role });
    }
}

/// What shows a page.
trait Show<F>: Fn(Arc<Visit>) -> F + Clone + Send + Sync + 'static {}
impl<F, T: Fn(Arc<Visit>) -> F + Clone + Send + Sync + 'static> Show<F> for T {}

/// What does what a form asks for.
trait Act<F>: Fn(Arc<Visit>) -> F + Clone + Send + Sync + 'static {}
impl<F, T: Fn(Arc<Visit>) -> F + Clone + Send + Sync + 'static> Act<F> for T {}

/// All pages that take a login.
pub fn pages() -> Vec<Page> {
    Routes::all().pages
}

/// All paths of the console.
pub fn router(console: Console, operations: Arc<dyn Operations>) -> Router {
    let desk = Arc::new(Desk { console, operations });
    let home = format!("{ROOT}/");
    let root = get(move |headers: HeaderMap| async move { from_the_root(&headers) });
    let there = move || async move { Redirect::to(&home) };
    Routes::all()
        .router
        .route(&format!("{ROOT}/login"), get(door::page).post(door::log_in))
        .route(&format!("{ROOT}/logout"), axum::routing::post(door::log_out))
        .route(&format!("{ROOT}/theme"), axum::routing::post(door::theme))
        .route(&format!("{ROOT}/static/{{file}}"), get(files::file))
        .route(&format!("{ROOT}/{{*rest}}"), any(door::no_page))
        .route(ROOT, get(there))
        .layer(middleware::map_response(guarded))
        .route("/", root)
        .with_state(desk)
}

/// People who come to the root come to see the console; programs find nothing there.
fn from_the_root(headers: &HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    match accepted.is_some_and(|accepted| accepted.contains("text/html")) {
        true => Redirect::to(&format!("{ROOT}/")).into_response(),
        false => (StatusCode::NOT_FOUND, "the path leads nowhere; the console is at /console/\n")
            .into_response(),
    }
}

/// What every answer bears. The policy on referrers lets browsers say where a form came from.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    response
}

/// Lets somebody in who is logged in, whose role allows it, and who sent a form from here.
async fn enter(desk: &Desk, mut request: Request, role: Role) -> Result<(Visit, String), Response> {
    let theme = Theme::of(request.headers());
    let outside = |fault: Fault| frame::outside(theme, &fault);
    admit(desk, &request).map_err(outside)?;
    let is_form = request.method() == axum::http::Method::POST;
    let here = match request.uri().path_and_query() {
        // There need not be a page where a form goes.
        Some(here) if !is_form => here.to_string(),
        _ => format!("{ROOT}/"),
    };
    let id = cookies::value(request.headers(), cookies::SESSION).unwrap_or_default().to_owned();
    let found = desk.console.book.find(&id, Instant::now());
    let holder =
        found.as_ref().map(|found| desk.operations.holder(Credential::Shown(&found.token)));
    let (Some(found), Some(holder)) = (found, holder) else {
        return Err(door::to_log_in(&here, is_form));
    };
    let holder = holder.map_err(|barred| match barred {
        Barred::TooOften(wait) => outside(Fault::too_often(wait)),
        Barred::Unknown => {
            desk.console.book.end(&id);
            door::to_log_in(&here, is_form)
        }
    })?;
    let parts = match request.extract_parts::<RawPathParams>().await {
        Ok(parts) => parts.iter().map(|(_, value)| value.to_owned()).collect(),
        Err(_) => Vec::new(),
    };
    let query = Query::try_from_uri(request.uri()).map_or_else(|_| Vec::new(), |Query(all)| all);
    let (operations, form_key) = (desk.operations.clone(), found.form_key);
    let (query, form, notice) = (Fields(query), Fields::default(), None);
    let mut visit = Visit { operations, holder, form_key, theme, notice, here, parts, query, form };
    if !visit.may(role) {
        return Err(frame::fault(&visit, &Fault::too_small(role)));
    }
    if is_form {
        match sent(desk, request, Some(&visit.form_key)).await {
            Ok(form) => visit.form = form,
            Err(fault) => return Err(frame::fault(&visit, &fault)),
        }
    }
    Ok((visit, id))
}

/// Counts a request of its source.
pub(super) fn admit(desk: &Desk, request: &Request) -> Result<(), Fault> {
    match request.extensions().get::<Peer>() {
        Some(Peer(peer)) => desk.operations.admit(*peer).map_err(Fault::too_often),
        None => Ok(()),
    }
}

/// The fields of a form that came from a page of this console and, with a key, of this login.
pub(super) async fn sent(
    desk: &Desk,
    request: Request,
    key: Option<&str>,
) -> Result<Fields, Fault> {
    if !is_from_here(request.headers(), desk.console.url.as_deref()) {
        return Err(Fault::foreign_form());
    }
    let read = Form::<Vec<(String, String)>>::from_request(request, &()).await;
    let Form(fields) = read.map_err(|rejected| {
        let status = rejected.status().as_u16();
        Fault::new(status, rejected.body_text())
    })?;
    let fields = Fields(fields);
    let borne = fields.get("form_key").unwrap_or_default();
    let is_right =
        |key: &str| bool::from(subtle::ConstantTimeEq::ct_eq(key.as_bytes(), borne.as_bytes()));
    match key.is_none_or(is_right) {
        true => Ok(fields),
        false => Err(Fault::foreign_form()),
    }
}

/// Whether a form was sent by a page of the host that it was sent to, or of the URL that browsers come
/// to, where a proxy asks for another host. Every browser says where a form comes from.
fn is_from_here(headers: &HeaderMap, url: Option<&str>) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let origin = text(header::ORIGIN);
    if url.is_some() && origin == url {
        return true;
    }
    let origin = origin.and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    origin.is_some() && origin == text(header::HOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(origin: Option<&str>, host: Option<&str>, expected: bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::ORIGIN, origin), (header::HOST, host)] {
            value.map(|value| headers.insert(name, HeaderValue::from_str(value).unwrap()));
        }
        assert_eq!(
            is_from_here(&headers, Some("https://g.example.com")),
            expected,
            "{origin:?} {host:?}"
        );
    }

    #[test]
    fn a_form_comes_from_the_host_that_it_goes_to() {
        check(Some("http://127.0.0.1:8389"), Some("127.0.0.1:8389"), true);
        check(Some("https://gateway.example.com"), Some("gateway.example.com"), true);
        check(Some("http://127.0.0.1:8390"), Some("127.0.0.1:8389"), false);
        check(Some("https://evil.example.com"), Some("gateway.example.com"), false);
        check(Some("null"), Some("gateway.example.com"), false);
        check(None, Some("gateway.example.com"), false);
        check(Some("null"), None, false);
        check(Some("https://g.example.com"), Some("10.0.0.1"), true);
        check(Some("http://g.example.com"), Some("10.0.0.1"), false);
        check(None, None, false);
    }
}
