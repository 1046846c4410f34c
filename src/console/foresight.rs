//! Why a user is in groups or is not, and what the next sign-on would do. The directory is asked.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::frame::{Content, Section};
use super::lists;
use super::routes::Shown;
use super::shapes::{Explanation, Explanations, Ground, GroupsRead, Preview, Says, User, Ways};
use super::user::{Tab, tabs};
use super::visit::Visit;
use super::{drawn, words};
use maud::{Markup, html};
use std::sync::Arc;

/// How many groups are explained on one page.
const ROWS: usize = 50;

fn head(user: &User, tab: Tab, title: &str) -> Markup {
    html! {
        p class="crumbs" { a href={ (ROOT) "/users" } { "Users" } " › " a href=(words::user_at(&user.id)) { (user.name) } }
        h1 { (title) }
        (tabs(user, tab))
    }
}

pub(super) async fn preview(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let user: User = visit.get(Path::new("/users").step(visit.part())).await?;
    let path = Path::new("/users").step(&format!("rec:{}", user.id)).then("preview");
    let title = format!("The next sign-on of {}", user.name);
    let asked: Result<Preview, Fault> =
        visit.get(path.with_some("view", visit.query.get("view"))).await;
    let said = match asked {
        Ok(preview) => foreseen(&preview),
        Err(fault) if fault.status == 503 => unanswered(&fault.detail),
        Err(fault) => return Err(fault),
    };
    let body = html! { (head(&user, Tab::Preview, &title)) (said) };
    Ok(Shown::Page(Content::new(Section::Users, title, body)))
}

fn unanswered(detail: &str) -> Markup {
    html! {
        p class="notice warn" role="alert" { (detail) }
        p { "Memberships stay as they are while this is so. Look at the " a href={ (ROOT) "/" } { "directories" } ", and load the page again." }
    }
}

fn foreseen(preview: &Preview) -> Markup {
    let bind = match preview.bind.as_str() {
        "as-the-directory-answers" => "The directory's own answer is passed on.",
        "refused" => "The gateway refuses it, even with the right password.",
        "entry-gone" => "There is no entry any more, so the directory cannot let the user in.",
        other => other,
    };
    let outcome = match preview.outcome.as_str() {
        "created" => "A record is made.",
        "changed" => "The record is brought up to date.",
        "unchanged" => "Nothing changes: the record is as the directory has it.",
        "not-provisioned" => "The user gets no record.",
        other => other,
    };
    let rows = html! {
        @for change in &preview.changes { tr { td { (words::mark("", &change.what)) } td { (change.text) } } }
    };
    html! {
        p class="muted" { "If the user signed on now. Nothing is written by looking." }
        dl class="card" {
            dt { "Answer" } dd { (bind) }
            dt { "Record" } dd { (outcome) @if let Some(reason) = &preview.reason { " " (reason) } }
            dt { "Groups" } dd { (words::observation(&preview.observation.groups)) }
            dt { "Update on sign-on" }
            dd {
                @if preview.update_on_sign_on { (words::mark("good", "on")) } @else { (words::mark("warn", "off")) }
                @if let Some(view) = &preview.view { " by the view " (view) }
            }
        }
        @if !preview.held.is_empty() {
            div class="notice warn" {
                p { "This would be held, since nobody would be left in:" }
                ul { @for group in &preview.held { li { (words::group(group)) } } }
            }
        }
        @if !preview.changes.is_empty() {
            h2 { "Changes" }
            (lists::table("Changes", &["What", "Change"], &rows))
        }
    }
}

pub(super) async fn explain(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let group = visit.query.get("group");
    let path = Path::new("/users").step(visit.part()).then("explain").with_some("group", group);
    let found: Explanations = visit.get(path).await?;
    let user = &found.user;
    let title = format!("Why {} is in which groups", user.name);
    let ways = Path::new("/users").step(&format!("rec:{}", user.id)).then("ways");
    // Where it cannot be told, the page says so by what was read of the groups.
    let ways: Option<Ways> = if group.is_none() { visit.get(ways).await.ok() } else { None };
    let from: usize = visit.query.get("from").and_then(|from| from.parse().ok()).unwrap_or(0);
    let end = found.items.len().min(from.saturating_add(ROWS));
    let shown = found.items.get(from.min(end)..end).unwrap_or_default();
    let at = |from: usize| words::user(&user.id).then("explain").with("from", &from.to_string());
    let next = (end < found.items.len()).then(|| at(end).into_string());
    let first = (from > 0).then(|| at(0).into_string());
    let body = html! {
        (head(user, Tab::Explain, &title))
        form class="filter" method="get" {
            label class="grow" {
                span { "A group, also one that the user is not in" }
                input name="group" value=(group.unwrap_or("")) placeholder="name or dn:DN";
            }
            button class="primary" { "Explain" }
            @if group.is_some() { a href=(words::user(&user.id).then("explain").as_str()) { "All groups" } }
        }
        p { "What the directory says now: " (words::observation(&found.observation.groups)) }
        @if let GroupsRead::Unknown(_) = found.observation.groups {
            p class="notice warn" { "It could not be told what the directory says, so what is kept stays as it is." }
        }
        @if found.items.is_empty() {
            (lists::nothing("There is no group to explain.", &html! { "Neither the record nor the directory knows one. Ask for a group by its name above." }))
        }
        @if let (Some(ways), 0) = (&ways, from) {
            @if !found.items.is_empty() { (drawn::now(&found, ways)) }
        }
        @for one in shown { (explanation(one)) }
        (lists::turns(first.as_deref(), next.as_deref()))
    };
    Ok(Shown::Page(Content::new(Section::Users, title, body)))
}

fn explanation(one: &Explanation) -> Markup {
    html! {
        section class="card" {
            h2 { (words::group(&one.group)) " "
                @if one.member { (words::mark("good", "member")) } @else { (words::mark("bad", "not a member")) } }
            @if let Some(dn) = &one.group.dn { p class="dn" { (dn) } }
            @if !one.because.is_empty() {
                h3 { "Because" }
                ul { @for ground in &one.because { (because(ground)) } }
            }
            @if !one.why_not.is_empty() {
                h3 { @if one.member { "But" } @else { "Why not" } }
                ul {
                    @for miss in &one.why_not {
                        li {
                            (super::fault::sentence(miss.text.clone()))
                            @if let Some(path) = &miss.path { " " (words::way(path)) }
                            @if let Some(since) = &miss.since { " Since " (words::moment(since)) "." }
                            @if let Some(until) = &miss.until { " Until " (words::moment(until)) "." }
                        }
                    }
                }
            }
            @if let Some(left) = &one.left {
                p { "The user left it " (words::moment(&left.at)) " by " (left.cause) ", having come by " (words::way(&left.path)) "." }
            }
        }
    }
}

fn because(ground: &Ground) -> Markup {
    let row = &ground.row;
    html! {
        li {
            (words::provenance(&row.provenance)) " " (words::way(&row.path)) " since " (words::moment(&row.since))
            @if let Some(until) = &row.until { " until " (words::moment(until)) }
            "."
            @if !row.effective { " " (words::mark("bad", "does not count")) }
            @match &ground.directory_says {
                Some(Says::Confirmed) => " The directory says so still.",
                Some(Says::Gone) => " The directory does not say so any more; the next sign-on takes it away.",
                Some(Says::Unknown(reason)) => { " It is not known what the directory says: " (reason) "." },
                None => "",
            }
            @if let Some(cut) = &ground.cut {
                " " (cut.member.as_deref().map_or("The user", words::short)) " is not in "
                (cut.group.as_deref().map_or("the group", words::short)) " any more."
            }
        }
    }
}
