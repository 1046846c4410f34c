//! The audit: what changed or was refused, newest first, and the same as it happens. Following is a
//! request that waits for the next rows; without scripts it is a link to the page itself.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::frame::{Content, Section};
use super::lists;
use super::routes::Shown;
use super::shapes::{AuditRow, List, Step, User};
use super::user::{Tab, cut, cut_at, tabs};
use super::visit::Visit;
use super::words;
use crate::app::audit::{ACTIONS, CAUSES};
use maud::{Markup, html};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How many rows a page has.
const ROWS: &str = "50";
/// How much room there is for the changes of all rows together on a page of nothing else, beside other
/// things, and at most for those of one row, in bytes.
pub(super) const CHANGES: usize = 30_000;
pub(super) const CHANGES_BESIDE: usize = 5_000;
const MOST_OF_ONE: usize = 10_000;
/// How much is shown of a name, in characters.
const LONGEST: usize = 100;
/// How many values of a change are shown of what was before, and of what was after.
const VALUES: usize = 3;
/// How long a request waits for rows: less than a connection may last.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is filtered by, each under its own name in the operation.
const FILTERS: [&str; 4] = ["user", "cause", "action", "actor"];
/// The columns.
const HEAD: [&str; 5] = ["When", "Who", "What", "User", "Details"];

fn filtered(visit: &Visit, mut path: Path) -> Path {
    for name in FILTERS {
        path = path.with_some(name, visit.query.get(name));
    }
    path
}

pub(super) async fn page(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let get = |name| visit.query.get(name);
    let newest = *visit.operations.newest_audit().borrow();
    let asked = filtered(&visit, Path::new("/audit").with("limit", ROWS));
    let again = filtered(&visit, Path::new(&format!("{ROOT}/audit")));
    let found: Result<List<AuditRow>, Fault> =
        visit.get(asked.with_some("cursor", get("cursor"))).await;
    // A filter by somebody who is not there finds nothing, which is no fault.
    let found = match found {
        Err(fault) if fault.status == 404 => List { items: Vec::new(), next: None, total: None },
        found => found?,
    };
    let next = found.next.as_deref().map(|next| again.clone().with("cursor", next).into_string());
    let first = get("cursor").map(|_| again.as_str());
    let follow = filtered(&visit, Path::new(&format!("{ROOT}/audit/rows")));
    let body = html! {
        h1 { "Audit" }
        (filter(&visit))
        @if first.is_none() {
            p {
                a href=(again.as_str()) { "Load the page again" }
                " to see what came since. "
                span data-follow=(follow.as_str()) data-after=(newest) role="status" {}
            }
        }
        @if found.items.is_empty() {
            (lists::nothing("There are no rows.", &html! {
                "Every change of a record, of a switch or of a token stands here, with who made it and why. "
                a href={ (ROOT) "/audit" } { "Show all rows" } "."
            }))
        }
        (table(&found.items, CHANGES))
        (lists::turns(first, next.as_deref()))
    };
    Ok(Shown::Page(Content::new(Section::Audit, "Audit", body)))
}

fn filter(visit: &Visit) -> Markup {
    let get = |name| visit.query.get(name);
    let with_any = |values: &[&'static str]| -> Vec<(&'static str, &'static str)> {
        let mut all = vec![("", "any")];
        all.extend(values.iter().map(|value| (*value, *value)));
        all
    };
    html! {
        form class="filter" method="get" role="search" {
            label class="grow" { span { "User" } input name="user" value=(get("user").unwrap_or("")) placeholder="Name, dn:DN or rec:ID"; }
            label { span { "Who did it" } input name="actor" value=(get("actor").unwrap_or("")) placeholder="Name of a token"; }
            (lists::choice("cause", "Cause", get("cause"), &with_any(&CAUSES)))
            (lists::choice("action", "Action", get("action"), &with_any(&ACTIONS)))
            button class="primary" { "Filter" }
        }
    }
}

/// The table of rows, with as many of their changes as there is room for in all.
pub(super) fn table(rows: &[AuditRow], changes: usize) -> Markup {
    let room = room(rows, changes);
    lists::table("Audit", &HEAD, &html! { @for one in rows { (row(one, room)) } })
}

/// How much room there is for the changes of each row: more where there are few.
fn room(rows: &[AuditRow], all: usize) -> usize {
    (all / rows.len().max(1)).min(MOST_OF_ONE)
}

fn row(one: &AuditRow, room: usize) -> Markup {
    html! {
        tr {
            td { (words::moment(&one.at)) }
            td { (one.actor) " " span class="muted" { (one.cause) } }
            td { (words::mark(kind(&one.action), &one.action)) }
            @match &one.user {
                Some(user) => th scope="row" {
                    @match &user.name {
                        Some(name) => a href=(Path::new(&format!("{ROOT}/users")).step(&format!("id:{}", user.upstream_id)).as_str()) { (cut_at(name, LONGEST)) },
                        None => span class="muted" { "(forgotten)" },
                    }
                },
                None => td {},
            }
            td { (details(one, room)) }
        }
    }
}

fn kind(action: &str) -> &'static str {
    match action {
        "refused" | "disabled" | "deleted" | "forgotten" | "missing" => "bad",
        "held" | "unknown" | "rejected" | "not-provisioned" | "group-skipped" => "warn",
        _ => "",
    }
}

fn details(one: &AuditRow, room: usize) -> Markup {
    let shown = changes(&one.changes, room);
    let more = one.changes.len() - shown.len();
    html! {
        @if one.changes.is_empty() || !one.detail.contains('\n') { (cut(&one.detail)) }
        @if let Some(observation) = &one.observation { " " span class="muted" { "groups: " (observation) } }
        @if !one.changes.is_empty() {
            details {
                summary { (words::count(one.changes.len(), "change", "changes")) }
                ul {
                    @for change in &shown { li { (change) } }
                    @if more > 0 { li class="muted" { (more) @if !shown.is_empty() { " more" } ", for which this page has no room" } }
                }
            }
        }
    }
}

/// The first of a row's changes, as many as there is room for.
fn changes(steps: &[Step], room: usize) -> Vec<Markup> {
    let mut left = room;
    let fitting = steps.iter().map_while(|step| {
        let shown = change(step);
        left = left.checked_sub(shown.0.len())?;
        Some(shown)
    });
    fitting.collect()
}

fn change(step: &Step) -> Markup {
    let what = step.name.as_deref().or(step.of.as_deref());
    html! {
        (step.what)
        @if let Some(what) = what { " " strong { (cut_at(what, LONGEST)) } }
        @if let Some(provenance) = &step.provenance {
            " " (words::provenance(provenance)) ": "
            @match (step.before.is_empty(), step.after.is_empty()) {
                (true, _) => "joined",
                (_, true) => "left",
                _ => "reached by another way",
            }
        } @else {
            ": " (values(&step.before)) " → " (values(&step.after))
        }
    }
}

fn values(all: &[String]) -> Markup {
    html! {
        @if all.is_empty() { span class="muted" { "nothing" } }
        @for (at, value) in all.iter().take(VALUES).enumerate() { @if at > 0 { ", " } (cut_at(value, LONGEST)) }
        @if all.len() > VALUES { " and " (all.len() - VALUES) " more" }
    }
}

/// Rows that came after one, or nothing once there were none for a while.
pub(super) async fn rows(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let after: i64 =
        visit.query.need("after")?.parse().map_err(|_| Fault::new(400, "after is no number"))?;
    let mut newest = visit.operations.newest_audit();
    let waiting = async {
        while *newest.borrow_and_update() <= after {
            newest.changed().await.ok()?;
        }
        Some(*newest.borrow())
    };
    let Ok(Some(reached)) = timeout(PATIENCE, waiting).await else { return Ok(Shown::Part(None)) };
    let path = Path::new("/audit").with("limit", ROWS).with("after", &after.to_string());
    let mut found: List<AuditRow> = visit.get(filtered(&visit, path)).await?;
    let last = found.items.iter().map(|row| row.sequence).max();
    // With more to come, the next question begins behind the last of these.
    let reached = match (&found.next, last) {
        (Some(_), Some(last)) => last,
        _ => last.map_or(reached, |last| last.max(reached)),
    };
    found.items.sort_by_key(|row| std::cmp::Reverse(row.sequence));
    let room = room(&found.items, CHANGES);
    let part = html! { table { tbody data-reached=(reached) { @for one in &found.items { (row(one, room)) } } } };
    Ok(Shown::Part(Some(part)))
}

/// The history of one user.
pub(super) async fn history(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let user: User = visit.get(Path::new("/users").step(visit.part())).await?;
    let cursor = visit.query.get("cursor");
    let path = Path::new("/audit").with("user", &format!("rec:{}", user.id)).with("limit", ROWS);
    let found: List<AuditRow> = visit.get(path.with_some("cursor", cursor)).await?;
    let here = words::user(&user.id).then("history");
    let next = found.next.as_deref().map(|next| here.clone().with("cursor", next).into_string());
    let title = format!("History of {}", user.name);
    let body = html! {
        p class="crumbs" { a href={ (ROOT) "/users" } { "Users" } " › " a href=(words::user_at(&user.id)) { (user.name) } }
        h1 { (title) }
        (tabs(&user, Tab::History))
        @if found.items.is_empty() {
            (lists::nothing("Nothing has changed yet.", &html! { "Changes stand here from the next one on." }))
        } @else {
            (table(&found.items, CHANGES))
            (lists::turns(cursor.map(|_| here.as_str()), next.as_deref()))
        }
    };
    Ok(Shown::Page(Content::new(Section::Users, title, body)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::shapes::{AuditUser, Step};

    /// A row whose every text is of that many characters.
    fn of_length(length: usize, changes: usize) -> AuditRow {
        let text = || "\u{1f3e0}".repeat(length);
        let step = || Step {
            what: "membership".to_owned(),
            of: Some(text()),
            name: Some(text()),
            provenance: None,
            before: vec![text(); 9],
            after: vec![text(); 9],
        };
        AuditRow {
            sequence: 1,
            at: "2026-01-01T00:00:00Z".to_owned(),
            cause: "sign-on".to_owned(),
            actor: String::new(),
            action: "changed".to_owned(),
            user: Some(AuditUser { upstream_id: "0".repeat(36), name: Some(text()) }),
            detail: text(),
            observation: Some("known".to_owned()),
            changes: std::iter::repeat_with(step).take(changes).collect(),
        }
    }

    #[test]
    fn a_page_is_small_however_much_its_rows_say() {
        let rows: usize = ROWS.parse().unwrap();
        for (length, changes) in [(0, 0), (1, 200), (20, 200), (60, 1), (60, 200), (4000, 200)] {
            for rows in [1, 2, rows] {
                let all: Vec<_> = (0..rows).map(|_| of_length(length, changes)).collect();
                let size = table(&all, CHANGES).0.len();
                // A tenth of the goal of 100 KB is for all that stands around.
                assert!(size < 90_000, "{rows} rows of {changes} changes of {length}: {size}");
            }
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let check = |length, changes, shown: usize, told: &str| {
            let page = table(&[of_length(length, changes)], CHANGES).0;
            let found = page.matches("<li>").count();
            assert_eq!(found, shown, "{page}");
            assert_eq!(page.contains("no room"), !told.is_empty(), "{page}");
            assert!(page.contains(told), "{page}");
        };
        check(1, 3, 3, "");
        check(4000, 5, 3, "2 more, for which this page has no room");
        check(1, 0, 0, "");
    }
}
