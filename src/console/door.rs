//! Logging in with a token and out again; light and dark.

use super::ROOT;
use super::book::Room;
use super::cookies::{self, Theme};
use super::fault::Fault;
use super::frame;
use super::routes::{Desk, admit, sent};
use crate::app::operations::{Barred, Credential, Peer};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use std::sync::Arc;
use std::time::Instant;

/// Where to go after logging in.
fn next_of(request: &Request) -> String {
    let query = Query::<Vec<(String, String)>>::try_from_uri(request.uri());
    let fields = query.map_or_else(|_| Vec::new(), |Query(all)| all);
    let next = fields.into_iter().find(|(key, _)| key == "next").map(|(_, value)| value);
    within(next.unwrap_or_default())
}

/// An address of the console; anything else becomes its first page.
fn within(address: String) -> String {
    let is_plain = address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_page = address.strip_prefix(ROOT).is_some_and(|rest| rest.starts_with('/'));
    let leads_out = address.contains("/../") || address.contains("//");
    let is_door = ["/login", "/logout", "/theme", "/audit/rows"]
        .iter()
        .any(|door| address[ROOT.len().min(address.len())..].starts_with(door));
    match is_plain && is_page && !leads_out && !is_door {
        true => address,
        false => format!("{ROOT}/"),
    }
}

/// Sends somebody to log in who is not; what a form asked for is not done, and not asked for again.
pub(super) fn to_log_in(here: &str, is_form: bool) -> Response {
    let path = super::ask::Path::new(&format!("{ROOT}/login"));
    let home = format!("{ROOT}/");
    let next = Some(here).filter(|here| !is_form && **here != home);
    Redirect::to(path.with_some("next", next).as_str()).into_response()
}

/// The page to log in.
pub(super) async fn page(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let theme = Theme::of(request.headers());
    match admit(&desk, &request) {
        Ok(()) => login(theme, &next_of(&request), None),
        Err(fault) => frame::outside(theme, &fault),
    }
}

fn login(theme: Theme, next: &str, fault: Option<&str>) -> Response {
    let body = html! {
        div class="card narrow" {
            h1 { "Log in" }
            p { "The console takes the same tokens as the API. A token's role decides what you see and may do." }
            @if let Some(fault) = fault { p class="notice bad" role="alert" { (fault) } }
            form method="post" action={ (ROOT) "/login" } class="stack" {
                input type="hidden" name="next" value=(next);
                label for="token" { "Token" }
                input id="token" name="token" type="password" autocomplete="current-password"
                    required autofocus spellcheck="false" autocapitalize="off";
                button class="primary" { "Log in" }
            }
            p class="muted" {
                "The first token is in the file that " code { "[admin] token_file" } " names; others are made with "
                code { "bindgate token create --role read" } "."
            }
        }
    };
    let status = if fault.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    frame::alone(status, theme, "Log in", &body)
}

/// Takes a token and begins a login. Whatever is wrong with a token, the answer is the same.
pub(super) async fn log_in(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let theme = Theme::of(request.headers());
    let peer = request.extensions().get::<Peer>().map(|Peer(peer)| *peer);
    if let Err(fault) = admit(&desk, &request) {
        return frame::outside(theme, &fault);
    }
    let old = cookies::value(request.headers(), cookies::SESSION).map(str::to_owned);
    let fields = match sent(&desk, request, None).await {
        Ok(fields) => fields,
        Err(fault) => return frame::outside(theme, &fault),
    };
    let next = within(fields.get("next").unwrap_or_default().to_owned());
    let token = fields.get("token").unwrap_or_default();
    let holder = match desk.operations.holder(Credential::Token(token.as_bytes())) {
        Ok(holder) => holder,
        Err(Barred::TooOften(wait)) => return frame::outside(theme, &Fault::too_often(wait)),
        Err(Barred::Unknown) => {
            let fault = "This is no token of this gateway, or not any more. Nobody was logged in.";
            return login(theme, &next, Some(fault));
        }
    };
    let book = &desk.console.book;
    old.iter().for_each(|id| book.end(id));
    let Some((id, room)) = book.begin(holder.digest, Instant::now()) else {
        return frame::outside(theme, &Fault::new(500, "the system gave no random bytes"));
    };
    if room == Room::MadeByEnding {
        desk.operations.hit("admin.max_console_sessions", peer);
    }
    with_cookie(Redirect::to(&next), cookies::session(&id, desk.console.is_secure))
}

/// Ends a login.
pub(super) async fn log_out(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let theme = Theme::of(request.headers());
    let id = cookies::value(request.headers(), cookies::SESSION).unwrap_or_default().to_owned();
    let found = desk.console.book.find(&id, Instant::now());
    let Some(found) = found else { return to_log_in("", true) };
    if let Err(fault) = sent(&desk, request, Some(&found.form_key)).await {
        return frame::outside(theme, &fault);
    }
    desk.console.book.end(&id);
    let there = Redirect::to(&format!("{ROOT}/login"));
    with_cookie(there, cookies::no_session(desk.console.is_secure))
}

/// Remembers light or dark.
pub(super) async fn theme(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let theme = Theme::of(request.headers());
    if let Err(fault) = admit(&desk, &request) {
        return frame::outside(theme, &fault);
    }
    let fields = match sent(&desk, request, None).await {
        Ok(fields) => fields,
        Err(fault) => return frame::outside(theme, &fault),
    };
    let wanted = fields.get("theme").and_then(Theme::from_name).unwrap_or_default();
    let next = fields.get("next").unwrap_or_default();
    let there = match next.starts_with(&format!("{ROOT}/login")) {
        true => Redirect::to(&format!("{ROOT}/login")),
        false => Redirect::to(&within(next.to_owned())),
    };
    with_cookie(there, wanted.cookie(desk.console.is_secure))
}

/// What leads nowhere.
pub(super) async fn no_page(request: Request) -> Response {
    frame::outside(Theme::of(request.headers()), &Fault::no_page())
}

fn with_cookie(to: Redirect, cookie: Option<HeaderValue>) -> Response {
    let mut response = to.into_response();
    cookie.map(|cookie| response.headers_mut().append(header::SET_COOKIE, cookie));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_out_of_the_console() {
        for inside in ["/console/", "/console/users?q=a%26b", "/console/users/rec%3Ax/history"] {
            assert_eq!(within(inside.to_owned()), inside);
        }
        for outside in [
            "",
            "/",
            "/console",
            "/consolex/",
            "//evil.example.com/console/",
            "https://e/console/",
            "/console//evil",
            "/console/../livez",
            "/console/a b",
            "/console/\\evil",
            "/console/login",
            "/console/logout",
            "/api/v1/users",
            "/console/\r\nx: y",
        ] {
            assert_eq!(within(outside.to_owned()), "/console/", "{outside:?}");
        }
    }
}
