//! User types and their switches. A switch takes effect with the next sign-on, and says what it overrides.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::frame::{Content, Section, form_key};
use super::lists;
use super::routes::{Done, Shown};
use super::shapes::{List, UserType};
use super::steer::switch_value;
use super::visit::Visit;
use super::words;
use crate::app::tokens::Role::Admin;
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;

pub(super) async fn page(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let types: List<UserType> = visit.get(Path::new("/user-types")).await?;
    let rows = html! { @for one in &types.items { (row(&visit, one)) } };
    let head = ["User type", "Directory", "Update on sign-on", "Where that comes from", "Set it"];
    let head = if visit.may(Admin) { &head[..] } else { &head[..4] };
    let body = html! {
        h1 { "User types" }
        p { "With " strong { "update on sign-on" } " each sign-on brings the record up to date with the directory. \
             Off, records of the type stay as they are; people can sign on all the same." }
        @if types.items.is_empty() {
            (lists::nothing("There are no user types.", &html! { "Add a section " code { "[[directory.user_type]]" } " to the configuration." }))
        } @else {
            (lists::table("User types", head, &rows))
        }
        @if !visit.may(Admin) { p class="muted" { "Switches are set with a token of the role admin." } }
    };
    Ok(Shown::Page(Content::new(Section::UserTypes, "User types", body)))
}

fn row(visit: &Visit, one: &UserType) -> Markup {
    let is_stored = one.source == "stored";
    let name = format!("{}/{}", one.directory, one.name);
    html! {
        tr {
            th scope="row" { (one.name) }
            td { (one.directory) }
            td { @if one.update_on_sign_on { (words::mark("good", "on")) } @else { (words::mark("warn", "off")) } }
            td { (source(one)) }
            @if visit.may(Admin) {
                td {
                    form method="post" action={ (ROOT) "/user-types" } {
                        (form_key(visit))
                        input type="hidden" name="name" value=(name);
                        fieldset class="switch" {
                            legend class="unseen" { "Update on sign-on of " (name) }
                            @for (value, is_now) in [
                                ("on", is_stored && one.update_on_sign_on),
                                ("off", is_stored && !one.update_on_sign_on),
                                ("default", !is_stored),
                            ] {
                                button name="value" value=(value) aria-pressed=(is_now) { (value) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn source(one: &UserType) -> Markup {
    let file = on_off(one.file);
    html! {
        @match one.set_at.as_deref() {
            Some(at) => { "Set at run time, " (words::moment(at)) "; it overrides the file, which says " (file) "." },
            None => { "The configuration file says " (file) "." },
        }
    }
}

fn on_off(value: bool) -> &'static str {
    if value { "on" } else { "off" }
}

pub(super) async fn set(visit: Arc<Visit>) -> Result<Done, Fault> {
    let name = visit.form.need("name")?;
    let value = switch_value(visit.form.need("value")?)?;
    let body = json!({ "update_on_sign_on": value });
    let path = Path::new("/user-types").step(name);
    let set: UserType = visit.ask("PATCH", path, Some(body)).await?;
    let now = on_off(set.update_on_sign_on);
    let of = match value {
        Some(_) if set.file == set.update_on_sign_on => {
            "as the file says, and stays so if the file changes"
        }
        Some(_) => "which overrides the file",
        None => "as the file says",
    };
    let notice =
        format!("Update on sign-on of {} is {now} from the next sign-on on, {of}.", set.name);
    Ok(Done { to: format!("{ROOT}/user-types"), notice })
}
