//! One user: what is kept, why the user is in each group, and what may be done.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::frame::{Content, Section, form_key};
use super::lists;
use super::routes::Shown;
use super::shapes::{AuditRow, List, Membership, User};
use super::visit::Visit;
use super::{audit, drawn, words};
use crate::app::tokens::Role::{Admin, Operate};
use maud::{Markup, html};
use std::sync::Arc;

/// How many memberships a page shows.
const ROWS: usize = 50;
/// How many values of an attribute are shown.
const VALUES: usize = 20;
/// How much of a value is shown, in characters.
const LONGEST: usize = 200;
/// How many rows of the audit are shown beside the rest.
const HISTORY: &str = "5";

pub(super) async fn page(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let user: User = visit.get(Path::new("/users").step(visit.part())).await?;
    let recent = Path::new("/audit").with("user", &format!("rec:{}", user.id));
    let recent: List<AuditRow> = visit.get(recent.with("limit", HISTORY)).await?;
    let title = user.display_name.as_deref().unwrap_or(&user.name).to_owned();
    let body = html! {
        p class="crumbs" { a href={ (ROOT) "/users" } { "Users" } }
        h1 { (title) }
        p { (words::state(&user.state)) " " span class="dn" { (user.dn) } }
        (reasons(&user))
        (tabs(&user, Tab::User))
        div class="sides" {
            (facts(&user))
            @if visit.may(Operate) { (actions(&visit, &user)) }
        }
        (memberships(&visit, &user))
        (attributes(&user))
        h2 { "Latest changes" }
        @if recent.items.is_empty() {
            (lists::nothing("Nothing has changed yet.", &html! { "Changes stand here from the next one on." }))
        } @else {
            (audit::table(&recent.items, audit::CHANGES_BESIDE))
            p { a href=(words::user(&user.id).then("history").as_str()) { "The whole history" } }
        }
    };
    Ok(Shown::Page(Content::new(Section::Users, title, body)))
}

/// The pages about one user.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    User,
    Explain,
    Preview,
    History,
}

/// The ways from one page about a user to the others.
pub(super) fn tabs(user: &User, now: Tab) -> Markup {
    let at = |page: &str| words::user(&user.id).then(page).into_string();
    let all = [
        (Tab::User, words::user_at(&user.id), "Record"),
        (Tab::Explain, at("explain"), "Why in which groups"),
        (Tab::Preview, at("preview"), "Next sign-on"),
        (Tab::History, at("history"), "History"),
    ];
    html! {
        nav class="tabs" aria-label="About this user" {
            ul {
                @for (tab, to, text) in &all {
                    li { a href=(to) aria-current=[(*tab == now).then_some("page")] { (text) } }
                }
            }
        }
    }
}

fn reasons(user: &User) -> Markup {
    let state = &user.state;
    html! {
        @if !state.active || state.collision.is_some() {
            ul class="notice warn" {
                @for reason in &state.reasons {
                    li {
                        (words::reason(reason))
                        @if let (true, Some(since)) = (reason == "missing", &state.missing_since) {
                            " Since " (words::moment(since)) "."
                        }
                    }
                }
                @if let Some(name) = &state.collision {
                    li { "The directory calls the user " strong { (name) } ", but another record has that name: rename one of them in the directory." }
                }
            }
        }
    }
}

fn facts(user: &User) -> Markup {
    html! {
        section class="card" aria-labelledby="facts" {
            h2 id="facts" { "Record" }
            dl {
                dt { "Name" } dd { (user.name) }
                dt { "Directory" } dd { (user.directory) }
                dt { "User type" } dd { (user.user_type) }
                @if let Some(name) = &user.upstream_display_name {
                    dt { "In the directory" } dd { (name) " (an admin gave another display name)" }
                }
                dt { "Last sign-on" } dd { (words::ago(&user.last_sign_on)) }
                dt { "Last look" }
                dd { (words::ago_or(user.observed_at.as_deref(), "never")) " " (words::observation(&user.observation.groups)) }
                dt { "Update on sign-on" }
                dd {
                    @match user.update_on_sign_on {
                        Some(true) => { (words::mark("good", "on")) " for this user alone" },
                        Some(false) => { (words::mark("warn", "off")) " for this user alone" },
                        None => { "as the user type has it" },
                    }
                }
                dt { "Record id" } dd class="dn" { (user.id) }
                dt { "Id in the directory" } dd class="dn" { (user.upstream_id) }
            }
        }
    }
}

fn actions(visit: &Visit, user: &User) -> Markup {
    let to = |page: &str| words::user(&user.id).then(page).into_string();
    let is_disabled = user.state.reasons.iter().any(|reason| reason == "admin");
    html! {
        section class="card" aria-labelledby="actions" {
            h2 id="actions" { "Actions" }
            form method="post" action=(to("sync")) class="act" {
                (form_key(visit))
                button { "Sync now" } span { "Look at the user in the directory, as a sign-on does." }
            }
            @if is_disabled {
                form method="post" action=(to("enable")) class="act" {
                    (form_key(visit))
                    button { "Enable" } span { "Sign-ons are not refused by the gateway any more." }
                }
            } @else {
                form method="post" action=(to("disable")) class="act" {
                    (form_key(visit))
                    button class="danger" { "Disable" } span { "Sign-ons are refused until an admin enables the user." }
                }
            }
            form method="post" action=(to("switch")) class="act" {
                (form_key(visit))
                fieldset class="switch" {
                    legend { "Update on sign-on, for this user alone" }
                    @let now = user.update_on_sign_on;
                    @for (value, is_now) in [("on", now == Some(true)), ("off", now == Some(false)), ("default", now.is_none())] {
                        button name="value" value=(value) aria-pressed=(is_now) { (value) }
                    }
                }
            }
            @if visit.may(Admin) {
                p { a class="danger" href=(to("forget")) { "Forget this user…" } }
            }
        }
    }
}

/// The form that names a group, also one that the user is not in.
fn pin(visit: &Visit, user: &User) -> Markup {
    html! {
        details class="card" {
            summary { "Pin into or out of a group, or put in" }
            form method="post" action=(words::user(&user.id).then("groups").as_str()) class="stack narrow" {
                (form_key(visit))
                label { span { "Group" } input name="group" required placeholder="name or dn:DN" autocomplete="off"; }
                label { span { "Until, in UTC (empty: until it is taken away)" } input type="datetime-local" name="until"; }
                span class="buttons" {
                    button name="do" value="allow" { "Pin in" }
                    button name="do" value="deny" class="danger" { "Pin out" }
                    button name="do" value="join" { "Put in" }
                }
                p class="muted" { "A pin holds whatever the directory says. Who is put in is in the group beside what the directory says." }
            }
        }
    }
}

fn memberships(visit: &Visit, user: &User) -> Markup {
    let from: usize = visit.query.get("from").and_then(|from| from.parse().ok()).unwrap_or(0);
    let all = &user.memberships;
    let end = all.len().min(from.saturating_add(ROWS));
    let shown = all.get(from.min(end)..end).unwrap_or_default();
    let at = |from: usize| words::user(&user.id).with("from", &from.to_string()).into_string();
    let (first, next) =
        ((from > 0).then(|| words::user_at(&user.id)), (end < all.len()).then(|| at(end)));
    let may = visit.may(Operate);
    let mut head = vec!["Group", "Who says so", "Counts", "Way", "Since"];
    if may {
        head.push("Actions");
    }
    let rows = html! { @for one in shown { (membership(one, may)) } };
    html! {
        h2 id="groups" { "Groups" }
        p class="muted" { (words::count(all.len(), "membership", "memberships")) ", of which " (user.effective_groups) " count" }
        @if from == 0 && !all.is_empty() { (drawn::record(user)) }
        @if all.is_empty() {
            (lists::nothing("The user is in no group.", &html! {
                "If that is not as it should be: "
                a href=(words::user(&user.id).then("explain").as_str()) { "ask why" } "."
            }))
        } @else if may {
            form method="post" action=(words::user(&user.id).then("groups").as_str()) {
                (form_key(visit))
                (lists::table("Groups", &head, &rows))
            }
        } @else {
            (lists::table("Groups", &head, &rows))
        }
        (lists::turns(first.as_deref(), next.as_deref()))
        @if may { (pin(visit, user)) }
    }
}

fn membership(one: &Membership, may: bool) -> Markup {
    let row = &one.row;
    let group = format!("id:{}", one.group.id);
    let name = one.group.name.as_deref().unwrap_or(&one.group.id);
    html! {
        tr {
            th scope="row" { (words::group(&one.group)) }
            td { (words::provenance(&row.provenance)) }
            td {
                @if row.in_review { (words::mark("warn", "waits for a review")) }
                @else if row.effective { (words::mark("good", "yes")) }
                @else { (words::mark("bad", "no")) }
            }
            td {
                (words::way(&row.path))
                @if row.direct && row.depth > 1 { " " span class="muted" { "(and directly)" } }
            }
            td {
                (words::moment(&row.since))
                @if let Some(until) = &row.until { " until " (words::moment(until)) }
            }
            @if may {
                td class="buttons" {
                    @match row.provenance.as_str() {
                        "pin-allow" | "pin-deny" => button name="unpin" value=(group) aria-label={ "Unpin " (name) } { "Unpin" },
                        provenance => {
                            @if row.in_review {
                                button name="confirm" value=(group) aria-label={ "Confirm " (name) } { "Confirm" }
                            }
                            button name="deny" value=(group) aria-label={ "Pin out of " (name) } { "Pin out" }
                            @if provenance == "local" {
                                button name="leave" value=(group) aria-label={ "Take out of " (name) } { "Take out" }
                            }
                        },
                    }
                }
            }
        }
    }
}

fn attributes(user: &User) -> Markup {
    let rows = html! {
        @for (name, values) in &user.attributes {
            tr {
                th scope="row" { (name) }
                td {
                    @for (at, value) in values.iter().take(VALUES).enumerate() {
                        @if at > 0 { br; }
                        (cut(value))
                    }
                    @if values.len() > VALUES {
                        br; span class="muted" { "and " (values.len() - VALUES) " more" }
                    }
                }
            }
        }
    };
    html! {
        h2 { "Attributes" }
        @if user.attributes.is_empty() {
            (lists::nothing("No attributes are kept.", &html! {
                "Name those to keep in " code { "attributes" } " of the user type's section."
            }))
        } @else {
            (lists::table("Attributes", &["Attribute", "Values"], &rows))
        }
    }
}

/// A value that is not longer than a person reads.
pub(super) fn cut(value: &str) -> Markup {
    cut_at(value, LONGEST)
}

/// No more of a value than so many characters.
pub(super) fn cut_at(value: &str, longest: usize) -> Markup {
    match value.char_indices().nth(longest) {
        None => html! { (value) },
        Some((end, _)) => {
            html! { (value[..end]) "… " span class="muted" { "(" (value.len()) " bytes)" } }
        }
    }
}
