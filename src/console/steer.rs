//! What an admin does to one user by forms. Each answer says what the next sign-on will do to it.

use super::ROOT;
use super::ask::Path;
use super::fault::{Fault, sentence};
use super::frame::{Content, Section, form_key};
use super::routes::{Done, Shown};
use super::shapes::{Edited, Forecast, Forgotten, Synced, User};
use super::visit::Visit;
use super::words;
use maud::html;
use serde_json::json;
use std::sync::Arc;

/// What is done to one group of a user: the field that names the group, and what is said when it is done.
const DEEDS: [(&str, &str); 6] = [
    ("allow", "The user is pinned into"),
    ("deny", "The user is pinned out of"),
    ("unpin", "The pin is taken away:"),
    ("join", "The user is put into"),
    ("leave", "The user is taken out of"),
    ("confirm", "The membership is confirmed:"),
];

fn one(visit: &Visit) -> Path {
    Path::new("/users").step(visit.part())
}

fn back(visit: &Visit) -> String {
    Path::new(&format!("{ROOT}/users")).step(visit.part()).into_string()
}

fn done(visit: &Visit, what: &str, edited: &Edited) -> Done {
    let told = if edited.changed { what.to_owned() } else { "It was so already.".to_owned() };
    Done { to: back(visit), notice: format!("{told} {}", next(&edited.next_sign_on)) }
}

pub(super) fn next(next: &Forecast) -> String {
    let until = next.until.as_ref().map_or_else(String::new, |until| format!(" ({until})"));
    format!("What comes next: {}{until}.", next.text)
}

pub(super) async fn disable(visit: Arc<Visit>) -> Result<Done, Fault> {
    let edited = visit.ask("POST", one(&visit).then("disable"), None).await?;
    Ok(done(&visit, "The user is disabled.", &edited))
}

pub(super) async fn enable(visit: Arc<Visit>) -> Result<Done, Fault> {
    let edited = visit.ask("POST", one(&visit).then("enable"), None).await?;
    Ok(done(&visit, "The user is enabled.", &edited))
}

pub(super) async fn switch(visit: Arc<Visit>) -> Result<Done, Fault> {
    let value = switch_value(visit.form.need("value")?)?;
    let body = json!({ "update_on_sign_on": value });
    let edited = visit.ask("PATCH", one(&visit), Some(body)).await?;
    let what = match value {
        Some(true) => "Update on sign-on is on for this user, whatever the user type says.",
        Some(false) => "Update on sign-on is off for this user, whatever the user type says.",
        None => "Update on sign-on is as the user type has it.",
    };
    Ok(done(&visit, what, &edited))
}

/// The value of a switch's button; `None` is the default.
pub(super) fn switch_value(text: &str) -> Result<Option<bool>, Fault> {
    match text {
        "on" => Ok(Some(true)),
        "off" => Ok(Some(false)),
        "default" => Ok(None),
        _ => Err(Fault::new(400, "a switch is on, off or default")),
    }
}

pub(super) async fn sync(visit: Arc<Visit>) -> Result<Done, Fault> {
    let Synced { outcome, unknown } = visit.ask("POST", one(&visit).then("sync"), None).await?;
    let notice = match unknown {
        Some(reason) => {
            format!("It could not be told what the directory says: {reason}. Nothing was changed.")
        }
        None => sentence(match outcome.as_str() {
            "unchanged" => "the record is as the directory has it".to_owned(),
            "changed" => "the record was brought up to date".to_owned(),
            other => format!("the look ended with {other:?}"),
        }),
    };
    Ok(Done { to: back(&visit), notice })
}

/// Pins, unpins, puts in, takes out, or confirms.
pub(super) async fn groups(visit: Arc<Visit>) -> Result<Done, Fault> {
    let form = &visit.form;
    let by_button = DEEDS.iter().find_map(|(deed, said)| Some((*deed, *said, form.get(deed)?)));
    let (deed, said, group) = match by_button {
        Some(found) => found,
        None => {
            let wanted = form.need("do")?;
            let deed = DEEDS.iter().find(|(deed, _)| *deed == wanted);
            let (deed, said) = deed.ok_or_else(|| Fault::new(400, "this can not be done"))?;
            (*deed, *said, form.need("group")?)
        }
    };
    let pins = one(&visit).then("pins").step(group);
    let groups = one(&visit).then("groups").step(group);
    let edited: Edited = match deed {
        "allow" | "deny" => {
            let until = form.get("until").map(utc);
            visit.ask("PUT", pins, Some(json!({ "pin": deed, "until": until }))).await?
        }
        "unpin" => visit.ask("DELETE", pins, None).await?,
        "join" => visit.ask("PUT", groups, None).await?,
        "leave" => visit.ask("DELETE", groups, None).await?,
        _ => visit.ask("POST", groups.then("confirm"), None).await?,
    };
    let shown = group_name(&visit, group).await;
    Ok(done(&visit, &format!("{said} {shown}."), &edited))
}

/// What a browser's field for date and time says, as RFC 3339 in UTC.
pub(super) fn utc(field: &str) -> String {
    match field.len() {
        16 => format!("{field}:00Z"),
        19 => format!("{field}Z"),
        _ => field.to_owned(),
    }
}

/// The name of a group that was named somehow.
async fn group_name(visit: &Visit, group: &str) -> String {
    let path = Path::new("/groups").with("name", group).with("limit", "1");
    let found: Result<super::shapes::List<super::shapes::Group>, _> = visit.get(path).await;
    match found.ok().and_then(|found| found.items.into_iter().next()) {
        Some(found) => found.name,
        None => group.to_owned(),
    }
}

pub(super) async fn ask_to_forget(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let user: User = visit.get(one(&visit)).await?;
    let title = format!("Forget {}?", user.name);
    let body = html! {
        p class="crumbs" { a href={ (ROOT) "/users" } { "Users" } " › " a href=(words::user_at(&user.id)) { (user.name) } }
        h1 { (title) }
        div class="card narrow" {
            p { "The record of " strong { (user.display_name.as_deref().unwrap_or(&user.name)) }
                " is erased with its attributes, its " (words::count(user.memberships.len(), "membership", "memberships"))
                " and its pins, and the audit forgets whom its rows were about. This cannot be undone." }
            p { "The directory is not touched. The user's next sign-on makes a new record, unless the user type says otherwise." }
            form method="post" action=(words::user(&user.id).then("forget").as_str()) class="buttons" {
                (form_key(&visit))
                button class="danger" { "Forget " (user.name) }
                a href=(words::user_at(&user.id)) { "Keep the record" }
            }
        }
    };
    Ok(Shown::Page(Content::new(Section::Users, title, body)))
}

pub(super) async fn forget(visit: Arc<Visit>) -> Result<Done, Fault> {
    let Forgotten { next_sign_on } = visit.ask("DELETE", one(&visit), None).await?;
    let notice = format!("The record is erased. {}", next(&next_sign_on));
    Ok(Done { to: format!("{ROOT}/users"), notice })
}
