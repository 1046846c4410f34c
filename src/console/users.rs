//! The list of users: searched, filtered, sorted and cut into pages by the server.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::frame::{Content, Section};
use super::lists;
use super::routes::Shown;
use super::shapes::{List, User, UserType};
use super::visit::Visit;
use super::words;
use maud::{Markup, html};
use std::sync::Arc;

/// How many users a page has.
const ROWS: &str = "50";
/// What users are sorted by: the value, its name, and the direction that is meant.
const SORTS: [(&str, &str); 4] = [
    ("", "when they came first"),
    ("name", "name"),
    ("last_sign_on.desc", "last sign-on, latest first"),
    ("last_sign_on", "last sign-on, longest ago first"),
];
/// What is filtered by, each under its own name in the operation.
const FILTERS: [&str; 6] = ["q", "user_type", "active", "known", "needs_decision", "group"];

pub(super) async fn page(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let query = &visit.query;
    let mut asked = Path::new("/users").with("limit", ROWS);
    let mut again = Path::new(&format!("{ROOT}/users"));
    for name in FILTERS {
        let value = query.get(name).filter(|value| *value != "any");
        asked = asked.with_some(name, value);
        again = again.with_some(name, value);
    }
    let sort = query.get("sort").filter(|sort| SORTS.iter().any(|(value, _)| value == sort));
    if let Some(sort) = sort {
        let (by, order) = sort.split_once('.').unwrap_or((sort, "asc"));
        asked = asked.with("sort", by).with("order", order);
    }
    again = again.with_some("sort", sort);
    let cursor = query.get("cursor");
    let found: List<User> = visit.get(asked.with_some("cursor", cursor)).await?;
    let types: List<UserType> = visit.get(Path::new("/user-types")).await?;
    let next = found.next.as_deref().map(|next| again.clone().with("cursor", next).into_string());
    let first = cursor.map(|_| again.as_str());
    let body = html! {
        h1 { "Users" }
        (search(&visit, &types.items, sort))
        @if let Some(total) = found.total {
            p class="muted" role="status" { (words::count(total, "user", "users")) }
        }
        @if found.items.is_empty() {
            (empty(&visit))
        } @else {
            (table(&found.items))
            (lists::turns(first, next.as_deref()))
        }
    };
    Ok(Shown::Page(Content::new(Section::Users, "Users", body)))
}

fn search(visit: &Visit, types: &[UserType], sort: Option<&str>) -> Markup {
    let get = |name| visit.query.get(name);
    let mut kinds = vec![("", "any")];
    kinds.extend(types.iter().map(|one| (one.name.as_str(), one.name.as_str())));
    kinds.dedup();
    html! {
        form class="filter" method="get" role="search" {
            label class="grow" {
                span { "Search" }
                input type="search" name="q" value=(get("q").unwrap_or("")) placeholder="Name, display name or DN";
            }
            (lists::choice("user_type", "User type", get("user_type"), &kinds))
            (lists::choice("active", "State", get("active"), &[("", "any"), ("true", "active"), ("false", "inactive")]))
            (lists::choice("known", "Groups", get("known"), &[("", "any"), ("true", "known"), ("false", "unknown")]))
            (lists::choice("needs_decision", "Decision", get("needs_decision"), &[("", "any"), ("true", "needed")]))
            (lists::choice("sort", "Sorted by", sort, &SORTS))
            @if let Some(group) = get("group") { input type="hidden" name="group" value=(group); }
            button class="primary" { "Search" }
        }
        @if let Some(group) = get("group") {
            p { "Only those in the group " strong { (group.strip_prefix("id:").unwrap_or(group)) } ". "
                a href={ (ROOT) "/users" } { "Show all users" } }
        }
    }
}

fn table(users: &[User]) -> Markup {
    let rows = html! {
        @for user in users {
            tr {
                th scope="row" { a href=(words::user_at(&user.id)) { (user.name) } }
                td { (user.display_name.as_deref().unwrap_or("")) }
                td { (user.user_type) }
                td { (words::state(&user.state)) }
                td class="number" { (user.effective_groups) }
                td { (words::observation(&user.observation.groups)) }
                td { (words::ago(&user.last_sign_on)) }
            }
        }
    };
    let head =
        ["Name", "Display name", "User type", "State", "Groups", "Last look", "Last sign-on"];
    lists::table("Users", &head, &rows)
}

fn empty(visit: &Visit) -> Markup {
    if FILTERS.iter().any(|name| visit.query.get(name).is_some()) {
        let next =
            html! { "Search for less, or " a href={ (ROOT) "/users" } { "show all users" } "." };
        return lists::nothing("Nobody is found.", &next);
    }
    let next = html! {
        "A user gets a record at the first sign-on through the gateway. Point a client at its LDAP port, and \
         bind as somebody of a user type; or import records with " code { "bindgate import" } "."
    };
    lists::nothing("There are no users yet.", &next)
}
