//! The first page: what needs a decision, how the directories are, how many users there are.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::figures;
use super::frame::{Content, Section, form_key};
use super::held;
use super::routes::{Done, Shown};
use super::shapes::{Directory, Held, List, Replica, Store, User};
use super::visit::Visit;
use super::words;
use crate::app::tokens::Role::Operate;
use maud::{Markup, html};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The first of those that wait for a decision.
const UNDECIDED: &str = "/users?limit=5&needs_decision=true";
/// How long the page waits for what directories say of themselves.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn page(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let held: List<Held> = visit.get(Path::new("/held")).await?;
    let store: Store = visit.get(Path::new("/store")).await?;
    let undecided = match store.needs_decision {
        0 => Vec::new(),
        _ => visit.get::<List<User>>(Path::new(UNDECIDED)).await?.items,
    };
    let directories = timeout(PATIENCE, visit.get(Path::new("/directories"))).await;
    let directories: Option<List<Directory>> = directories.ok().transpose()?;
    let plots = figures::plots(&visit).await?;
    let body = html! {
        h1 { "Overview" }
        (decisions(&held.items, (store.needs_decision, &undecided), directories.as_ref()))
        h2 { "Users" }
        ul class="figures" {
            li { a href={ (ROOT) "/users" } { strong { (store.users) } " users" } }
            li { a href={ (ROOT) "/users?active=false" } { strong { (store.inactive) } " inactive" } }
            li { a href={ (ROOT) "/users?known=false" } { strong { (store.unknown) } " whose groups were unknown at the last look" } }
        }
        (written(&store))
        (plots)
        h2 { "Directories" }
        @match &directories {
            None => p class="notice warn" role="alert" { "The directories did not answer in time. " a href={ (ROOT) "/" } { "Load the page again" } "." },
            Some(all) => @for one in &all.items { (directory(&visit, one)) },
        }
    };
    Ok(Shown::Page(Content::new(Section::Overview, "Overview", body)))
}

/// Whether what sign-ons find out is kept.
fn written(store: &Store) -> Markup {
    html! {
        @if store.healthy {
            p { (words::mark("good", "store: written")) " What is written reaches the disk." }
        } @else {
            p class="notice bad" role="alert" { (words::mark("bad", "store: not written")) " The last write did not reach the disk. Is it full, or read-only? Nobody's record is kept up to date until it can be written." }
        }
    }
}

fn decisions(
    held: &[Held],
    (users, some): (usize, &[User]),
    directories: Option<&List<Directory>>,
) -> Markup {
    let open: Vec<_> = held.iter().filter(|one| one.decision == "open").collect();
    let behind: Vec<_> = directories
        .iter()
        .flat_map(|all| &all.items)
        .filter(|one| one.behind == Some(true))
        .collect();
    html! {
        section aria-labelledby="decisions" {
            h2 id="decisions" { "What needs a decision" }
            @if open.is_empty() && behind.is_empty() && users == 0 {
                p class="notice good" { "Nothing." }
            } @else {
                ul class="notice warn" {
                    @for one in open { li { (held::sentence(one)) " " a href={ (ROOT) "/held" } { "Decide" } } }
                    @if users > 0 {
                        li {
                            (words::count(users, "user has", "users have")) " a name that another record has, or a membership to be reviewed: "
                            @for (at, user) in some.iter().enumerate() {
                                @if at > 0 { ", " }
                                a href=(words::user_at(&user.id)) { (user.name) }
                            }
                            @if users > some.len() { ", " a href={ (ROOT) "/users?needs_decision=true" } { "all of them" } }
                        }
                    }
                    @for one in behind {
                        li { "The directory " (one.name) " is behind what was seen of it: " a href={ "#directory-" (one.name) } { "was it set back to a backup?" } }
                    }
                }
            }
        }
    }
}

fn directory(visit: &Visit, one: &Directory) -> Markup {
    let is_up = one.servers.iter().any(|server| server.state == "up");
    html! {
        section class="card" id={ "directory-" (one.name) } {
            h3 { (one.name) " "
                @if is_up { (words::mark("good", "reached")) } @else { (words::mark("bad", "not reached")) }
                @if let Some(kind) = &one.kind { " " span class="muted" { (kind) } } }
            @if one.behind == Some(true) { (behind(visit, one)) }
            @for warning in &one.groups.warnings { p class="notice warn" { (warning) } }
            dl {
                dt { "Servers" }
                dd { @for server in &one.servers { div { (server.url) " " (words::mark(if server.state == "up" { "good" } else { "bad" }, &server.state)) } } }
                dt { "Connections" }
                dd {
                    (one.pool.leased) " in use, " (one.pool.connections) " open, " (one.pool.most) " at most"
                    @if one.pool.waiting > 0 { " " (words::mark("warn", &format!("{} waiting", one.pool.waiting))) }
                }
                dt { "Groups are read" }
                dd {
                    @match (&one.groups.strategy, &one.groups.unknown) {
                        (Some(strategy), _) => { (strategy) @if let Some(otherwise) = &one.groups.otherwise { ", else " (otherwise) } },
                        (None, Some(reason)) => { (words::mark("warn", "not known")) " " (reason) },
                        (None, None) => span class="muted" { "not at all" },
                    }
                }
                dt { "Live copy" } dd { (replica(one.replica.as_ref())) }
            }
        }
    }
}

fn replica(copy: Option<&Replica>) -> Markup {
    html! {
        @match copy {
            None => span class="muted" { "none" },
            Some(copy) if copy.state == "not-offered" => span class="muted" { "none: the directory does not offer to be followed" },
            Some(copy) => {
                (words::mark(if copy.state == "complete" { "good" } else { "warn" }, &copy.state))
                @if let Some(covers) = &copy.covers { " of " (covers.replace('-', " ")) }
                ": " (words::count(copy.groups, "group", "groups"))
                @if copy.users > 0 { ", " (words::count(copy.users, "user", "users")) }
                ". Heard " (words::ago_or(copy.heard_at.as_deref(), "nothing yet"))
            },
        }
    }
}

fn behind(visit: &Visit, one: &Directory) -> Markup {
    html! {
        div class="notice bad" {
            p { "The directory shows an older state than was seen of it, so it is not believed: groups stay as they are." }
            p { "Seen: " code { (one.seen.as_deref().unwrap_or("nothing")) } ". Shown now: " code { (one.shown.as_deref().unwrap_or("nothing")) } "." }
            @if visit.may(Operate) {
                form method="post" action=(Path::new(&format!("{ROOT}/directories")).step(&one.name).then("accept-rollback").as_str()) {
                    (form_key(visit))
                    button class="danger" { "It was set back on purpose: believe it" }
                }
            }
        }
    }
}

pub(super) async fn accept_rollback(visit: Arc<Visit>) -> Result<Done, Fault> {
    let path = Path::new("/directories").step(visit.part()).then("accept-rollback");
    let _: serde_json::Value = visit.ask("POST", path, None).await?;
    let notice = format!("The directory {} is believed as it is now.", visit.part());
    Ok(Done { to: format!("{ROOT}/"), notice })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_cannot_be_written_is_an_alert() {
        let told = |healthy| {
            let store = Store { healthy, users: 1, inactive: 0, unknown: 0, needs_decision: 0 };
            written(&store).0
        };
        assert!(told(true).contains("store: written") && !told(true).contains("alert"));
        assert!(told(false).contains("store: not written") && told(false).contains("alert"));
    }
}
