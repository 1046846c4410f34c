//! Service accounts of the gateway's own. A password is made here and never typed; it is shown in the
//! answer to the form alone.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::frame::{Content, Section, form_key};
use super::lists;
use super::routes::{Done, Shown};
use super::shapes::{Account, List, MadeAccount, View};
use super::steer::utc;
use super::visit::Visit;
use super::words;
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;

fn home() -> String {
    format!("{ROOT}/accounts")
}

fn one(name: &str, page: &str) -> String {
    Path::new(&home()).step(name).then(page).into_string()
}

pub(super) async fn page(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let accounts: List<Account> = visit.get(Path::new("/accounts")).await?;
    let views: List<View> = visit.get(Path::new("/views")).await?;
    let has_views = !views.items.is_empty();
    let body = html! {
        h1 { "Accounts" }
        p { "An account of the gateway's own is for an application that has none in a directory. It reads inside its view, and writes nothing." }
        @match (accounts.items.is_empty(), has_views) {
            (true, true) => (lists::nothing("There are no accounts.", &html! { "Make one below for each application." })),
            (true, false) => (lists::nothing("There are no accounts.", &html! {
                "An account reads in a view, and there is none: add a section " code { "[[view]]" } " to the configuration that says what the application may see."
            })),
            (false, _) => (table(&visit, &accounts.items)),
        }
        @if has_views { (form(&visit, &views.items)) }
    };
    Ok(Shown::Page(Content::new(Section::Accounts, "Accounts", body)))
}

fn table(visit: &Visit, accounts: &[Account]) -> Markup {
    let rows = html! {
        @for account in accounts {
            tr {
                th scope="row" { (account.name) br; span class="dn" { (account.dn) } }
                td {
                    (account.view)
                    @if !account.view_exists { " " (words::mark("bad", "no such view: it cannot bind")) }
                }
                td { (state(account)) }
                td { (words::moment(&account.created_at)) " by " (account.created_by) }
                td { @match &account.expires_at { Some(at) => (words::moment(at)), None => span class="muted" { "never" } } }
                td { (words::ago_or(account.last_used.as_deref(), "never")) }
                td class="buttons" { (actions(visit, account)) }
            }
        }
    };
    let head = ["Account", "View", "State", "Made", "Expires", "Last used", "Actions"];
    lists::table("Accounts", &head, &rows)
}

fn state(account: &Account) -> Markup {
    html! {
        @if !account.enabled { (words::mark("bad", "disabled")) }
        @else if account.expired { (words::mark("bad", "expired")) }
        @else { (words::mark("good", "enabled")) }
    }
}

fn actions(visit: &Visit, account: &Account) -> Markup {
    let (page, text) = if account.enabled { ("disable", "Disable") } else { ("enable", "Enable") };
    html! {
        form method="post" action=(one(&account.name, page)) {
            (form_key(visit))
            button aria-label={ (text) " " (account.name) } { (text) }
        }
        p { a href=(one(&account.name, "password")) aria-label={ "New password of " (account.name) } { "New password…" } }
        p { a class="danger" href=(one(&account.name, "revoke")) aria-label={ "Revoke " (account.name) } { "Revoke…" } }
    }
}

fn form(visit: &Visit, views: &[View]) -> Markup {
    let views: Vec<_> = views.iter().map(|view| (view.name.as_str(), view.name.as_str())).collect();
    let view = lists::choice("view", "View that it reads in", None, &views);
    let named = "Name: which application it is for";
    let note = "A password is made for it. ";
    lists::making((&home(), &form_key(visit)), ("an", "account"), named, &view, note)
}

pub(super) async fn make(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let form = &visit.form;
    let body = json!({
        "name": form.need("name")?,
        "view": form.need("view")?,
        "expires_at": form.get("until").map(utc),
    });
    let made = visit.ask("POST", Path::new("/accounts"), Some(body)).await?;
    Ok(shown(&made, format!("The account {} is made", made.account.name)))
}

pub(super) async fn set_password(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let path = Path::new("/accounts").step(visit.part()).then("password");
    let made: MadeAccount = visit.ask("PUT", path, Some(json!({}))).await?;
    Ok(shown(&made, format!("{} has another password", made.account.name)))
}

fn shown(made: &MadeAccount, title: String) -> Shown {
    let MadeAccount { account, password } = made;
    let body = html! {
        p class="crumbs" { a href=(home()) { "Accounts" } }
        h1 { (title) }
        p class="notice warn" role="status" { "This is the only time that the password is shown. Give it to the application now; if it is lost, another one is made." }
        dl class="card" {
            dt { "Binds as" } dd { code { (account.dn) } }
            dt { "Password" } dd { @if let Some(password) = password { (password) } }
            dt { "Reads in the view" } dd { (account.view) }
        }
        p { a href=(home()) { "It is kept: to all accounts" } }
    };
    Shown::Page(Content::new(Section::Accounts, title, body))
}

/// What is asked before something is done that cannot be undone.
struct Question {
    title: String,
    text: &'static str,
    yes: String,
    no: &'static str,
}

async fn named(visit: &Visit) -> Result<Account, Fault> {
    let name = visit.part();
    let accounts: List<Account> = visit.get(Path::new("/accounts")).await?;
    let mut accounts = accounts.items.into_iter();
    let found = accounts.find(|account| account.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| Fault::new(404, format!("no account is called {name:?}")))
}

fn ask(visit: &Visit, to: &str, question: Question) -> Shown {
    let Question { title, text, yes, no } = question;
    let body = html! {
        p class="crumbs" { a href=(home()) { "Accounts" } }
        h1 { (title) }
        div class="card narrow" {
            p { (text) }
            form method="post" action=(to) class="buttons" {
                (form_key(visit))
                button class="danger" { (yes) }
                a href=(home()) { (no) }
            }
        }
    };
    Shown::Page(Content::new(Section::Accounts, title, body))
}

pub(super) async fn ask_for_password(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let account = named(&visit).await?;
    let question = Question {
        title: format!("Another password for {}?", account.name),
        text: "A password is made and shown once. The old one is not taken any more from then on, and \
               sessions that the account has are over.",
        yes: "Make another password".to_owned(),
        no: "Keep the password",
    };
    Ok(ask(&visit, &one(&account.name, "password"), question))
}

pub(super) async fn ask_to_revoke(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let account = named(&visit).await?;
    let question = Question {
        title: format!("Revoke the account {}?", account.name),
        text: "The account is gone: it binds no more, and sessions that it has are over. This cannot be \
               undone.",
        yes: format!("Revoke {}", account.name),
        no: "Keep the account",
    };
    Ok(ask(&visit, &one(&account.name, "revoke"), question))
}

pub(super) async fn revoke(visit: Arc<Visit>) -> Result<Done, Fault> {
    let path = Path::new("/accounts").step(visit.part());
    let revoked: Account = visit.ask("DELETE", path, None).await?;
    Ok(done(format!("The account {} is revoked.", revoked.name)))
}

pub(super) async fn disable(visit: Arc<Visit>) -> Result<Done, Fault> {
    let path = Path::new("/accounts").step(visit.part()).then("disable");
    let account: Account = visit.ask("POST", path, None).await?;
    let name = account.name;
    Ok(done(format!(
        "The account {name} is disabled: it binds no more, and its sessions are over."
    )))
}

pub(super) async fn enable(visit: Arc<Visit>) -> Result<Done, Fault> {
    let path = Path::new("/accounts").step(visit.part()).then("enable");
    let account: Account = visit.ask("POST", path, None).await?;
    Ok(done(format!("The account {} is enabled.", account.name)))
}

fn done(notice: String) -> Done {
    Done { to: home(), notice }
}
