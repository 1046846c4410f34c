//! Tokens: who may ask the API and log in here. What is made is shown in the answer to the form alone.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::frame::{Content, Section, form_key};
use super::lists;
use super::routes::{Done, Shown};
use super::shapes::{List, MadeToken, Token};
use super::steer::utc;
use super::visit::Visit;
use super::words;
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;

/// What each role allows, in words.
const ROLES: [(&str, &str); 3] = [
    ("read", "read: sees what is kept"),
    ("operate", "operate: also changes users, groups and what is held"),
    ("admin", "admin: everything, tokens and accounts included"),
];

fn home() -> String {
    format!("{ROOT}/tokens")
}

fn one(name: &str, page: &str) -> String {
    Path::new(&home()).step(name).then(page).into_string()
}

pub(super) async fn page(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let tokens: List<Token> = visit.get(Path::new("/tokens")).await?;
    let body = html! {
        h1 { "Tokens" }
        p { "With a token the API is asked and people log in here; its name stands in the audit. The first token is in the file that "
            code { "[admin] token_file" } " names, and not in this list." }
        @if tokens.items.is_empty() {
            (lists::nothing("There are no tokens beside the first one.", &html! {
                "Make one for each person and each program below, with no more than the role that it needs: whoever has one can be told apart, and shut out alone."
            }))
        } @else {
            (table(&visit, &tokens.items))
        }
        (form(&visit))
    };
    Ok(Shown::Page(Content::new(Section::Tokens, "Tokens", body)))
}

fn table(visit: &Visit, tokens: &[Token]) -> Markup {
    let rows = html! {
        @for token in tokens {
            tr {
                th scope="row" {
                    (token.name)
                    @if token.name == *visit.holder.name { " " (words::mark("", "yours")) }
                }
                td { (token.role) }
                td { (words::moment(&token.created_at)) " by " (token.created_by) }
                td {
                    @match &token.expires_at {
                        Some(at) => { (words::moment(at)) @if token.expired { " " (words::mark("bad", "expired")) } },
                        None => span class="muted" { "never" },
                    }
                }
                td { a class="danger" href=(one(&token.name, "revoke")) aria-label={ "Revoke " (token.name) } { "Revoke…" } }
            }
        }
    };
    lists::table("Tokens", &["Name", "Role", "Made", "Expires", "Actions"], &rows)
}

fn form(visit: &Visit) -> Markup {
    let role = lists::choice("role", "Role", None, &ROLES);
    lists::making((&home(), &form_key(visit)), ("a", "token"), "Name: whose it is", &role, "")
}

pub(super) async fn make(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let form = &visit.form;
    let body = json!({
        "name": form.need("name")?,
        "role": form.need("role")?,
        "expires_at": form.get("until").map(utc),
    });
    let made: MadeToken = visit.ask("POST", Path::new("/tokens"), Some(body)).await?;
    let MadeToken { shown, token } = made;
    let title = format!("The token {} is made", shown.name);
    let body = html! {
        p class="crumbs" { a href=(home()) { "Tokens" } }
        h1 { (title) }
        p class="notice warn" role="status" { "This is the only time that it is shown. Keep it where only its owner reads it; a lost token is revoked, and another one is made." }
        dl class="card" {
            dt { "Token" } dd { (token) }
            dt { "Role" } dd { (shown.role) }
            dt { "Expires" } dd { @match &shown.expires_at { Some(at) => (words::moment(at)), None => "never" } }
        }
        p { a href=(home()) { "It is kept: to all tokens" } }
    };
    Ok(Shown::Page(Content::new(Section::Tokens, title, body)))
}

pub(super) async fn ask_to_revoke(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let name = visit.part();
    let tokens: List<Token> = visit.get(Path::new("/tokens")).await?;
    let found = tokens.items.iter().find(|token| token.name == name);
    let none = || Fault::new(404, format!("no token is called {name:?}"));
    let token = found.ok_or_else(none)?;
    let title = format!("Revoke the token {}?", token.name);
    let body = html! {
        p class="crumbs" { a href=(home()) { "Tokens" } }
        h1 { (title) }
        div class="card narrow" {
            p { "It is not taken any more from now on, and logins that were begun with it are over. This cannot be undone." }
            @if token.name == *visit.holder.name {
                p class="notice warn" { "You are logged in with this token: you will have to log in with another one." }
            }
            form method="post" action=(one(&token.name, "revoke")) class="buttons" {
                (form_key(&visit))
                button class="danger" { "Revoke " (token.name) }
                a href=(home()) { "Keep the token" }
            }
        }
    };
    Ok(Shown::Page(Content::new(Section::Tokens, title, body)))
}

pub(super) async fn revoke(visit: Arc<Visit>) -> Result<Done, Fault> {
    let path = Path::new("/tokens").step(visit.part());
    let revoked: Token = visit.ask("DELETE", path, None).await?;
    let notice = format!("The token {} is revoked: it is not taken any more.", revoked.name);
    Ok(Done { to: home(), notice })
}
