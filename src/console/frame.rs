//! What stands around every page: head, navigation, light or dark, and who is logged in.

use super::ROOT;
use super::cookies::Theme;
use super::fault::{Candidate, Fault};
use super::files::{MARK_AT, SCRIPT_AT, STYLE_AT};
use super::visit::Visit;
use super::words;
use crate::app::tokens::Role::{self, Admin, Read};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

/// Where in the navigation a page stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Users,
    Groups,
    UserTypes,
    Views,
    Held,
    Audit,
    Sessions,
    Accounts,
    Tokens,
}

impl Section {
    const ALL: [Self; 10] = [
        Self::Overview,
        Self::Users,
        Self::Groups,
        Self::UserTypes,
        Self::Views,
        Self::Held,
        Self::Audit,
        Self::Sessions,
        Self::Accounts,
        Self::Tokens,
    ];

    /// Its name, its path, and the least role that sees it.
    fn told(self) -> (&'static str, &'static str, Role) {
        match self {
            Self::Overview => ("Overview", "/", Read),
            Self::Users => ("Users", "/users", Read),
            Self::Groups => ("Groups", "/groups", Read),
            Self::UserTypes => ("User types", "/user-types", Read),
            Self::Views => ("Views", "/views", Read),
            Self::Held => ("Held changes", "/held", Read),
            Self::Audit => ("Audit", "/audit", Read),
            Self::Sessions => ("Sessions", "/sessions", Read),
            Self::Accounts => ("Accounts", "/accounts", Admin),
            Self::Tokens => ("Tokens", "/tokens", Admin),
        }
    }
}

/// A page without its frame.
pub(super) struct Content {
    pub(super) title: String,
    pub(super) section: Section,
    pub(super) body: Markup,
}

impl Content {
    pub(super) fn new(section: Section, title: impl Into<String>, body: Markup) -> Self {
        Self { title: title.into(), section, body }
    }
}

/// A page of somebody who is logged in.
pub(super) fn page(visit: &Visit, content: Content) -> Response {
    let Content { title, section, body } = content;
    html(StatusCode::OK, framed(visit, &title, Some(section), &body))
}

/// What a page of somebody who is logged in says when there is no page.
pub(super) fn fault(visit: &Visit, fault: &Fault) -> Response {
    let body = html! {
        (sorry(fault))
        @if !fault.candidates.is_empty() { (candidates(&fault.candidates)) }
        p { a href={ (ROOT) "/" } { "Go to the overview" } }
    };
    faulty(fault, framed(visit, fault.title, None, &body))
}

/// The same for somebody who is not logged in.
pub(super) fn outside(theme: Theme, fault: &Fault) -> Response {
    let body = html! {
        (sorry(fault))
        p { a href={ (ROOT) "/" } { "Go to the console" } }
    };
    faulty(
        fault,
        document(theme, fault.title, &html! { (top(None, theme, None, "")) (main(&body)) }),
    )
}

/// A page for somebody who is not logged in.
pub(super) fn alone(status: StatusCode, theme: Theme, title: &str, body: &Markup) -> Response {
    let here = format!("{ROOT}/login");
    html(status, document(theme, title, &html! { (top(None, theme, None, &here)) (main(body)) }))
}

fn faulty(fault: &Fault, page: Markup) -> Response {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = html(status, page);
    if let Some(wait) = fault.wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    response
}

/// HTML as an answer.
pub(super) fn html(status: StatusCode, page: Markup) -> Response {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    (status, [(header::CONTENT_TYPE, kind)], page.into_string()).into_response()
}

fn sorry(fault: &Fault) -> Markup {
    html! {
        h1 { (fault.title) }
        p class="notice bad" role="alert" { (fault.detail) }
    }
}

fn candidates(all: &[Candidate]) -> Markup {
    html! {
        h2 { "Which one is meant?" }
        ul {
            @for Candidate { id, directory, name, dn, kind } in all {
                @let to = if kind.is_some() { words::group_at(id) } else { words::user_at(id) };
                li { a href=(to) { (name) } " of " (directory) ", " span class="dn" { (dn) } }
            }
        }
    }
}

fn framed(visit: &Visit, title: &str, section: Option<Section>, body: &Markup) -> Markup {
    let notice = visit.notice.as_ref().map(|notice| {
        let kind = if notice.is_fault { "notice bad" } else { "notice good" };
        html! { p class=(kind) role="status" { (notice.text) } }
    });
    let body = html! { @if let Some(notice) = notice { (notice) } (body) };
    let top = top(Some(visit), visit.theme, section, &visit.here);
    document(visit.theme, title, &html! { (top) (main(&body)) })
}

fn document(theme: Theme, title: &str, inside: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=(theme.name()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · bindgate" }
                link rel="stylesheet" href=(*STYLE_AT);
                link rel="icon" type="image/svg+xml" href=(*MARK_AT);
                script src=(*SCRIPT_AT) defer {}
            }
            body {
                a class="skip" href="#main" { "Skip to the content" }
                (inside)
            }
        }
    }
}

fn main(body: &Markup) -> Markup {
    html! {
        main id="main" tabindex="-1" { (body) }
        footer { "bindgate " (env!("CARGO_PKG_VERSION")) ". All times are UTC." }
    }
}

fn top(visit: Option<&Visit>, theme: Theme, section: Option<Section>, here: &str) -> Markup {
    html! {
        header class="top" {
            div class="bar" {
                a class="brand" href={ (ROOT) "/" } { img src=(*MARK_AT) alt="" width="22" height="22"; "bindgate" }
                div class="who" {
                    form method="post" action={ (ROOT) "/theme" } class="theme" {
                        input type="hidden" name="next" value=(here);
                        fieldset {
                            legend class="unseen" { "Colours" }
                            @for one in Theme::ALL {
                                button name="theme" value=(one.name()) aria-pressed=[(one == theme).then_some("true")] {
                                    (one.name())
                                }
                            }
                        }
                    }
                    @if let Some(visit) = visit {
                        form method="post" action={ (ROOT) "/logout" } {
                            (form_key(visit))
                            span class="muted" { (visit.holder.name) " (" (visit.holder.role.name()) ") " }
                            button { "Log out" }
                        }
                    }
                }
            }
            @if let Some(visit) = visit { (navigation(visit, section)) }
        }
    }
}

fn navigation(visit: &Visit, section: Option<Section>) -> Markup {
    html! {
        nav aria-label="Pages" {
            ul {
                @for one in Section::ALL {
                    @let (name, path, role) = one.told();
                    @if visit.may(role) {
                        li {
                            a href={ (ROOT) (path) } aria-current=[(Some(one) == section).then_some("page")] { (name) }
                        }
                    }
                }
            }
        }
    }
}

/// What every form bears.
pub(super) fn form_key(visit: &Visit) -> Markup {
    html! { input type="hidden" name="form_key" value=(visit.form_key); }
}
