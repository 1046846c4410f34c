//! Views of client applications: whom each is for, what it shows and serves, and its switch. All but the
//! switch is said in the configuration.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::frame::{Content, Section, form_key};
use super::lists;
use super::routes::{Done, Shown};
use super::shapes::{List, Matching, Serves, Shows, View};
use super::steer::switch_value;
use super::visit::Visit;
use super::words;
use crate::app::tokens::Role::Admin;
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;

/// How many values of one list are shown.
const VALUES: usize = 20;

pub(super) async fn page(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let views: List<View> = visit.get(Path::new("/views")).await?;
    let body = html! {
        h1 { "Views" }
        p { "A view says for one client application what is otherwise said for all: it takes away, or says otherwise. \
             What it shows and serves stands in the configuration." }
        @if views.items.is_empty() {
            (lists::nothing("There are no views.", &html! {
                "Every client is served alike. Add a section " code { "[[view]]" } " to the configuration for one that is to see less, or other names of groups."
            }))
        }
        @for one in &views.items { (card(&visit, one)) }
        @if !views.items.is_empty() && !visit.may(Admin) { p class="muted" { "Switches are set with a token of the role admin." } }
    };
    Ok(Shown::Page(Content::new(Section::Views, "Views", body)))
}

fn card(visit: &Visit, view: &View) -> Markup {
    let heading = format!("view-{}", view.name);
    html! {
        section class="card" aria-labelledby=(heading) {
            h2 id=(heading) { (view.name) }
            h3 { "Whom it is for" }
            (whom(&view.matching))
            h3 { "What it shows" }
            (shows(&view.shows))
            h3 { "What it serves" }
            (serves(&view.serves))
            h3 { "Update on sign-on, by its clients" }
            (switch(visit, view))
        }
    }
}

fn whom(matching: &Matching) -> Markup {
    let Matching { listeners, addresses, bind_dns } = matching;
    if listeners.is_empty() && addresses.is_empty() && bind_dns.is_empty() {
        return html! { p { "Everybody whom no other view is for." } };
    }
    html! {
        dl {
            @if !listeners.is_empty() { dt { "Who connects to" } dd { (values(listeners)) } }
            @if !addresses.is_empty() { dt { "Who comes from" } dd { (values(addresses)) } }
            @if !bind_dns.is_empty() { dt { "Who is bound as" } dd { (values(bind_dns)) } }
        }
    }
}

fn values(all: &[String]) -> Markup {
    html! {
        ul class="tags" {
            @for value in all.iter().take(VALUES) { li { (value) } }
            @if all.len() > VALUES { li class="muted" { "and " (all.len() - VALUES) " more" } }
        }
    }
}

fn shows(shows: &Shows) -> Markup {
    let groups = !shows.group_base.is_empty() || shows.group_filter.is_some();
    html! {
        dl {
            dt { "Entries" }
            dd {
                @if shows.base.is_empty() && shows.filter.is_none() { "all" }
                @if !shows.base.is_empty() { "at or below " (values(&shows.base)) }
                @if let Some(filter) = &shows.filter { "those that match " code { (filter) } }
            }
            dt { "Inactive users" }
            dd {
                @match shows.inactive.as_deref() {
                    Some("hide") => "are not there",
                    Some(_) => "are shown, in no groups",
                    None => "as their directory says",
                }
            }
            dt { "Attributes" }
            dd {
                @match &shows.attributes {
                    Some(all) if all.is_empty() => "none",
                    Some(all) => (values(all)),
                    None => "all",
                }
            }
            dt { "Groups" }
            dd {
                @if !groups { "all" }
                @if !shows.group_base.is_empty() { "at or below " (values(&shows.group_base)) }
                @if let Some(filter) = &shows.group_filter { "those whose name matches " code { (filter) } }
                @match &shows.flatten {
                    Some(flatten) => { ", flattened: " (flatten) },
                    None => ", flattened as their directory says",
                }
            }
            @if !shows.group_names.is_empty() {
                dt { "Names of groups" }
                dd { (renamed(shows)) }
            }
            dt { "What is added" }
            dd {
                @match shows.visible_to.as_str() {
                    "anyone" => "is seen by anyone, bound or not",
                    "named" if shows.visible_to_names.is_empty() => "is seen by nobody",
                    "named" => { "is seen by those who are bound as " (values(&shows.visible_to_names)) },
                    _ => "is seen by whoever is bound",
                }
            }
        }
    }
}

fn renamed(shows: &Shows) -> Markup {
    html! {
        ul {
            @for (group, name) in shows.group_names.iter().take(VALUES) {
                li { span title=(group) { (words::short(group)) } " is called " span class="dn" { (name) } }
            }
            @if shows.group_names.len() > VALUES {
                li class="muted" { "and " (shows.group_names.len() - VALUES) " more" }
            }
        }
    }
}

fn serves(serves: &Serves) -> Markup {
    html! {
        p {
            @match (&serves.operations, serves.bind_only) {
                (_, true) => "Nothing but binds.",
                (Some(kinds), _) if kinds.is_empty() => "Nothing.",
                (Some(kinds), _) => { (kinds.join(", ")) "." },
                (None, _) => "All operations.",
            }
            @if serves.writes { " Writes are as the directory allows them." }
            @else { " " (words::mark("", "read-only")) " Nothing is written." }
        }
    }
}

fn switch(visit: &Visit, view: &View) -> Markup {
    let is_stored = view.source == "stored";
    html! {
        p {
            @match view.update_on_sign_on {
                Some(true) => (words::mark("good", "on")),
                Some(false) => (words::mark("warn", "off")),
                None => (words::mark("", "as the user type says")),
            }
            " "
            @match view.set_at.as_deref() {
                Some(at) => { "Set at run time, " (words::moment(at)) "; it overrides the file, which says " (said(view.file)) "." },
                None => { "The configuration file says " (said(view.file)) "." },
            }
        }
        @if visit.may(Admin) {
            form method="post" action=(Path::new(&format!("{ROOT}/views")).step(&view.name).as_str()) {
                (form_key(visit))
                fieldset class="switch" {
                    legend class="unseen" { "Update on sign-on of clients of " (view.name) }
                    @for (value, is_now) in [
                        ("on", is_stored && view.update_on_sign_on == Some(true)),
                        ("off", is_stored && view.update_on_sign_on == Some(false)),
                        ("default", !is_stored),
                    ] {
                        button name="value" value=(value) aria-pressed=(is_now) { (value) }
                    }
                }
            }
        }
    }
}

fn said(value: Option<bool>) -> &'static str {
    match value {
        Some(true) => "on",
        Some(false) => "off",
        None => "nothing, so that it is as the user type says",
    }
}

pub(super) async fn set(visit: Arc<Visit>) -> Result<Done, Fault> {
    let value = switch_value(visit.form.need("value")?)?;
    let body = json!({ "update_on_sign_on": value });
    let path = Path::new("/views").step(visit.part());
    let set: View = visit.ask("PATCH", path, Some(body)).await?;
    let now = match set.update_on_sign_on {
        Some(true) => "is on",
        Some(false) => "is off",
        None => "is as the user type says",
    };
    let whose = if value.is_some() { "which overrides the file" } else { "as the file has it" };
    let name = &set.name;
    let notice =
        format!("Update on sign-on by clients of {name} {now} from the next sign-on on, {whose}.");
    Ok(Done { to: format!("{ROOT}/views"), notice })
}
