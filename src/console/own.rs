//! Groups of the gateway's own, and who is put into a group here.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::frame::form_key;
use super::lists;
use super::routes::Done;
use super::shapes::{Edited, Group, List, User, UserType};
use super::steer::next;
use super::visit::Visit;
use super::words;
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;

/// The form to make a group; `directories` are those that a group can be of.
pub(super) fn form(visit: &Visit, directories: &[String]) -> Markup {
    let names: Vec<_> = directories.iter().map(|name| (name.as_str(), name.as_str())).collect();
    html! {
        details class="card" {
            summary { "Make a group of the gateway's own, or keep one of the directory" }
            form method="post" action={ (ROOT) "/groups" } class="stack narrow" {
                (form_key(visit))
                label { span { "Name, or dn:DN of a group of the directory" } input name="name" required autocomplete="off"; }
                @if names.len() > 1 { (lists::choice("directory", "Of whose users", None, &names)) }
                button class="primary" { "Make the group" }
                p class="muted" { "Users are put into it here and by commands; sign-ons leave it alone." }
            }
        }
    }
}

/// The names of the directories, if there are several.
pub(super) async fn directories(visit: &Visit) -> Vec<String> {
    // Where it cannot be told, the form says what is missing when it is sent.
    let types: Option<List<UserType>> = visit.get(Path::new("/user-types")).await.ok();
    let mut names: Vec<_> =
        types.into_iter().flat_map(|types| types.items).map(|one| one.directory).collect();
    names.sort();
    names.dedup();
    names
}

/// What can be done with a group: put somebody in, and take it away where nobody is in it.
pub(super) fn actions(visit: &Visit, group: &Group, is_empty: bool) -> Markup {
    let to = |page: &str| Path::new(&words::group_at(&group.id)).then(page).into_string();
    html! {
        section class="card" aria-labelledby="actions" {
            h2 id="actions" { "Actions" }
            form method="post" action=(to("members")) class="filter" {
                (form_key(visit))
                label class="grow" { span { "Put a user in, beside what the directory says" } input name="user" required placeholder="name or dn:DN" autocomplete="off"; }
                button { "Put in" }
            }
            @if group.kind == "own" && is_empty {
                form method="post" action=(to("delete")) class="act" {
                    (form_key(visit))
                    button class="danger" { "Take the group away" } span { "Nobody is in it." }
                }
            } @else if group.kind == "own" {
                p class="muted" { "The group can be taken away once nobody is in it or pinned." }
            }
        }
    }
}

pub(super) async fn make(visit: Arc<Visit>) -> Result<Done, Fault> {
    let body = json!({
        "name": visit.form.need("name")?,
        "directory": visit.form.get("directory"),
    });
    let made: Group = visit.ask("POST", Path::new("/groups"), Some(body)).await?;
    let notice = format!("The group {} is kept. Put users into it.", made.name);
    Ok(Done { to: words::group_at(&made.id), notice })
}

pub(super) async fn put_in(visit: Arc<Visit>) -> Result<Done, Fault> {
    let (user, group) = (visit.form.need("user")?, visit.part());
    let user: User = visit.get(Path::new("/users").step(user)).await?;
    let path = Path::new("/users").step(&format!("rec:{}", user.id)).then("groups").step(group);
    let edited: Edited = visit.ask("PUT", path, None).await?;
    let what = if edited.changed { "is put in" } else { "was in it already" };
    let notice = format!("{} {what}. {}", user.name, next(&edited.next_sign_on));
    let to = Path::new(&format!("{ROOT}/groups")).step(group).into_string();
    Ok(Done { to, notice })
}

pub(super) async fn delete(visit: Arc<Visit>) -> Result<Done, Fault> {
    let path = Path::new("/groups").step(visit.part());
    let gone: Group = visit.ask("DELETE", path, None).await?;
    Ok(Done { to: format!("{ROOT}/groups"), notice: format!("The group {} is gone.", gone.name) })
}
