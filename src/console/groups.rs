//! Groups: which there are; who is in one, by whom and on which way.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::frame::{Content, Section};
use super::lists;
use super::routes::Shown;
use super::shapes::{Around, Group, GroupWithMembers, List, Member, Side, User};
use super::visit::Visit;
use super::{drawn, own, words};
use crate::app::tokens::Role::Operate;
use maud::{Markup, html};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many rows a page has.
const ROWS: &str = "50";
/// How many groups above and below one are named.
const NEAR: usize = 30;
/// How many members are asked what they are in beyond it.
const ASKED: usize = 10;

pub(super) async fn page(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let get = |name| visit.query.get(name);
    let sort = get("sort").filter(|sort| *sort == "members");
    let filtered = |path: Path| {
        let path = path.with_some("q", get("q")).with_some("sort", sort);
        path.with_some("own", get("own"))
    };
    let asked = filtered(Path::new("/groups").with("limit", ROWS));
    let again = filtered(Path::new(&format!("{ROOT}/groups")));
    let found: List<Group> = visit.get(asked.with_some("cursor", get("cursor"))).await?;
    let may = visit.may(Operate);
    let directories = if may { own::directories(&visit).await } else { Vec::new() };
    let next = found.next.as_deref().map(|next| again.clone().with("cursor", next).into_string());
    let first = get("cursor").map(|_| again.as_str());
    let rows = html! {
        @for group in &found.items {
            tr {
                th scope="row" { a href=(words::group_at(&group.id)) { (group.name) } }
                td class="number" { (group.members) }
                td { (group.directory) @if group.kind == "own" { " " (words::mark("", "the gateway's own")) } }
                td class="dn" { (group.dn) }
            }
        }
    };
    let body = html! {
        h1 { "Groups" }
        form class="filter" method="get" role="search" {
            label class="grow" { span { "Search" } input type="search" name="q" value=(get("q").unwrap_or("")) placeholder="Name or DN"; }
            (lists::choice("own", "Whose", get("own"), &[("", "any"), ("false", "the directories'"), ("true", "the gateway's own")]))
            (lists::choice("sort", "Sorted by", sort, &[("", "name"), ("members", "members, most first")]))
            button class="primary" { "Search" }
        }
        @if let Some(total) = found.total { p class="muted" role="status" { (words::count(total, "group", "groups")) } }
        @if found.items.is_empty() {
            (empty(get("q").or(get("own"))))
        } @else {
            (lists::table("Groups", &["Name", "Members", "Directory", "DN"], &rows))
            (lists::turns(first, next.as_deref()))
        }
        @if may { (own::form(&visit, &directories)) }
    };
    Ok(Shown::Page(Content::new(Section::Groups, "Groups", body)))
}

fn empty(searched: Option<&str>) -> Markup {
    match searched {
        Some(_) => lists::nothing(
            "No group is found.",
            &html! {
                "Groups are kept once somebody who signed on is in them. " a href={ (ROOT) "/groups" } { "Show all groups" } "."
            },
        ),
        None => lists::nothing(
            "There are no groups yet.",
            &html! {
                "Groups are kept once somebody who signed on is in them; " code { "bindgate group create" } ", or the form here, makes one of the gateway's own."
            },
        ),
    }
}

pub(super) async fn one(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let cursor = visit.query.get("cursor");
    let path = Path::new("/groups").step(visit.part()).with("limit", ROWS);
    let found: GroupWithMembers = visit.get(path.with_some("cursor", cursor)).await?;
    let GroupWithMembers { group, memberships } = found;
    let here = words::group_at(&group.id);
    let next = memberships.next.as_deref();
    let next = next.map(|next| Path::new(&here).with("cursor", next).into_string());
    let users = Path::new(&format!("{ROOT}/users")).with("group", &format!("id:{}", group.id));
    let near = near(&visit, &group, &memberships.items).await;
    let body = html! {
        p class="crumbs" { a href={ (ROOT) "/groups" } { "Groups" } }
        h1 { (group.name) }
        p class="dn" { (group.dn) }
        dl class="card" {
            dt { "Directory" } dd { (group.directory) @if group.kind == "own" { " (the gateway's own group)" } }
            dt { "Members that count" } dd { (group.members) " · " a href=(users.as_str()) { "as a list of users" } }
            dt { "Id" } dd class="dn" { (group.id) }
        }
        @if visit.may(Operate) { (own::actions(&visit, &group, memberships.items.is_empty())) }
        (near)
        h2 { "Who, by whom, and on which way" }
        @if memberships.items.is_empty() {
            (lists::nothing("Nobody is in it.", &html! { "A member shows up at the next sign-on, or when an admin puts somebody in." }))
        } @else {
            (members(&memberships.items))
            (lists::turns(cursor.map(|_| here.as_str()), next.as_deref()))
        }
    };
    Ok(Shown::Page(Content::new(Section::Groups, group.name.clone(), body)))
}

fn members(all: &[Member]) -> Markup {
    let rows = html! {
        @for member in all {
            @for row in &member.rows {
                tr {
                    th scope="row" {
                        a href=(words::user_at(&member.user.id)) title=(member.user.dn) { (member.user.name) }
                        @if let Some(name) = &member.user.display_name { " " span class="muted" { (name) } }
                        @if !member.user.active { " " (words::mark("bad", "inactive")) }
                    }
                    td { (words::provenance(&row.provenance)) }
                    td {
                        @if row.in_review { (words::mark("warn", "waits for a review")) }
                        @else if row.effective { (words::mark("good", "yes")) } @else { (words::mark("bad", "no")) }
                    }
                    td { (words::way(&row.path)) @if row.direct && row.depth > 1 { " " span class="muted" { "(and directly)" } } }
                    td { (words::moment(&row.since)) @if let Some(until) = &row.until { " until " (words::moment(until)) } }
                }
            }
        }
    };
    lists::table("Members", &["User", "Who says so", "Counts", "Way", "Since"], &rows)
}

/// The groups right below and right above, as far as the ways of members on this page lead over them.
async fn near(visit: &Visit, group: &Group, members: &[Member]) -> Markup {
    let path = Path::new("/groups").step(&format!("id:{}", group.id)).then("around");
    // Where the directory does not answer, the ways of members are what is known.
    let around: Option<Around> = visit.get(path).await.ok();
    if let Some(around) = around.filter(|around| around.known) {
        let dns = |side: &'_ Side| {
            side.items.iter().filter_map(|group| group.dn.clone()).collect::<Vec<_>>()
        };
        let (below, above) = (dns(&around.below), dns(&around.above));
        let more = (around.below.more, around.above.more);
        let (below, above) = (refs(&below), refs(&above));
        let known = match around.complete {
            true => "As the directory has them now.",
            false => {
                "As the directory has them now; of those in it, as far as they say so by memberOf."
            }
        };
        return beside(group, known, (&below, &above), more);
    }
    let rows = members.iter().flat_map(|member| &member.rows);
    let below: BTreeSet<&str> = rows
        .filter(|row| row.path.len() > 2 && row.path.last().is_some_and(|last| *last == group.dn))
        .filter_map(|row| row.path.get(row.path.len() - 2).map(String::as_str))
        .collect();
    let mut users = Vec::new();
    for member in members.iter().take(ASKED) {
        let path = Path::new("/users").step(&format!("rec:{}", member.user.id));
        // Who was forgotten in between is passed over.
        users.extend(visit.get::<User>(path).await.ok());
    }
    let ways = users.iter().flat_map(|user| &user.memberships).map(|one| &one.row.path);
    let above: BTreeSet<&str> = ways
        .flat_map(|path| path.windows(2).skip(1))
        .filter(|pair| pair[0] == group.dn)
        .map(|pair| pair[1].as_str())
        .collect();
    let known = "Those over which the ways of the members on this page lead.";
    beside(group, known, (&below, &above), (0, 0))
}

fn refs(all: &[String]) -> BTreeSet<&str> {
    all.iter().map(String::as_str).collect()
}

/// What is around a group, drawn and as lists.
fn beside(
    group: &Group,
    known: &str,
    (below, above): (&BTreeSet<&str>, &BTreeSet<&str>),
    more: (usize, usize),
) -> Markup {
    html! {
        @if !below.is_empty() || !above.is_empty() {
            h2 { "Groups around it" }
            p class="muted" {
                (known)
                @if more != (0, 0) { " " (more.0) " below and " (more.1) " above are not shown." }
            }
            (drawn::around(group, below, above))
            (list("In it", below))
            (list("It is in", above))
        }
    }
}

fn list(label: &str, steps: &BTreeSet<&str>) -> Markup {
    html! {
        @if !steps.is_empty() {
            h3 { (label) }
            ul class="tags" {
                @for step in steps.iter().take(NEAR) {
                    li { a href=(words::step_at(step)) title=(step) { (words::short(step)) } }
                }
                @if steps.len() > NEAR { li class="muted" { "and " (steps.len() - NEAR) " more" } }
            }
        }
    }
}
