//! Why a user is in groups or is not, and what the next sign-on would do. The directory is asked.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::frame::{Content, Section};
use super::lists;
use super::routes::Shown;
use super::shapes::{Explanation, Explanations, Ground, GroupsRead, List, Preview, Says, User};
use super::shapes::{View, ViewOfUser, Ways};
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
    let views = views(&visit).await;
    let said = match asked {
        Ok(preview) => foreseen(&preview),
        Err(fault) if fault.status == 503 => unanswered(&fault.detail),
        Err(fault) => return Err(fault),
    };
    let body = html! {
        (head(&user, Tab::Preview, &title))
        @if !views.is_empty() {
            form class="filter" method="get" {
                (by_view(&visit, &views))
                button class="primary" { "Look" }
            }
        }
        (said)
    };
    Ok(Shown::Page(Content::new(Section::Users, title, body)))
}

/// The names of the views.
async fn views(visit: &Visit) -> Vec<String> {
    // A page is not worth less for a choice that it does not offer.
    let views: Option<List<View>> = visit.get(Path::new("/views")).await.ok();
    views.into_iter().flat_map(|views| views.items).map(|view| view.name).collect()
}

/// The choice of the client application by which somebody signs on.
fn by_view(visit: &Visit, views: &[String]) -> Markup {
    let mut all = vec![("", "none in particular")];
    all.extend(views.iter().map(|name| (name.as_str(), name.as_str())));
    lists::choice("view", "By the client application", visit.query.get("view"), &all)
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
    let (group, view) = (visit.query.get("group"), visit.query.get("view"));
    let path = Path::new("/users").step(visit.part()).then("explain").with_some("group", group);
    let found: Explanations = visit.get(path.with_some("view", view)).await?;
    let views = views(&visit).await;
    let user = &found.user;
    let title = format!("Why {} is in which groups", user.name);
    let ways = Path::new("/users").step(&format!("rec:{}", user.id)).then("ways");
    // Where it cannot be told, the page says so by what was read of the groups.
    let ways: Option<Ways> = if group.is_none() { visit.get(ways).await.ok() } else { None };
    let from: usize = visit.query.get("from").and_then(|from| from.parse().ok()).unwrap_or(0);
    let end = found.items.len().min(from.saturating_add(ROWS));
    let shown = found.items.get(from.min(end)..end).unwrap_or_default();
    let all = || words::user(&user.id).then("explain").with_some("view", view);
    let at = |from: usize| all().with("from", &from.to_string());
    let next = (end < found.items.len()).then(|| at(end).into_string());
    let first = (from > 0).then(|| at(0).into_string());
    let body = html! {
        (head(user, Tab::Explain, &title))
        form class="filter" method="get" {
            label class="grow" {
                span { "A group, also one that the user is not in" }
                input name="group" value=(group.unwrap_or("")) placeholder="name or dn:DN";
            }
            @if !views.is_empty() { (by_view(&visit, &views)) }
            button class="primary" { "Explain" }
            @if group.is_some() { a href=(all().as_str()) { "All groups" } }
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
        @if from == 0 { (treatments(&found.views, view)) }
        @for one in shown { (explanation(one)) }
        (lists::turns(first.as_deref(), next.as_deref()))
    };
    Ok(Shown::Page(Content::new(Section::Users, title, body)))
}

/// What views make of the user's sign-ons.
fn treatments(views: &[ViewOfUser], asked: Option<&str>) -> Markup {
    let rows = html! {
        @for one in views {
            tr {
                th scope="row" { a href={ (ROOT) "/views" } { (one.view) } }
                td { @if one.takes && one.binds { (words::mark("good", "yes")) } @else { (words::mark("", "no")) } }
                td {
                    @if one.update_on_sign_on { (words::mark("good", "on")) } @else { (words::mark("warn", "off")) }
                    @if one.otherwise { " " (words::mark("warn", "otherwise than without a view")) }
                }
                td { (super::fault::sentence(one.text.clone())) }
            }
        }
    };
    let head = ["View", "Signs on by it", "Update on sign-on", "In words"];
    html! {
        @if !views.is_empty() {
            h2 { @if asked.is_some() { "What the view makes of sign-ons" } @else { "What views make of sign-ons" } }
            p class="muted" { "Where a view shows a group otherwise than is said here, that stands with the group." }
            (lists::table("Views", &head, &rows))
        }
    }
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
            @if !one.views.is_empty() {
                h3 { "In views" }
                ul {
                    @for sight in &one.views {
                        li {
                            (sight.view) ": "
                            @match sight.shown {
                                Some(true) => (words::mark("good", "shown")),
                                Some(false) => (words::mark("warn", "not shown")),
                                None => (words::mark("warn", "not known")),
                            }
                            @if sight.text != "shown" { " " (super::fault::sentence(sight.text.clone())) }
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
