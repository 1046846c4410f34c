//! `/api/v1/users`: who there is, and everything that is kept of one.

use super::answer::{List, Refusal};
use super::asked::Asked;
use super::desk::{Desk, Needs};
use super::json::{User, UserSummary};
use super::page_limit;
use super::table::{Method::Get, Table, Told, operation};
use crate::app::listing::{self, BadCursor, Direction, Found, Sort, Wanted};
use crate::app::tokens::Role::Read;
use axum::Json;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "Users, filtered, sorted, and a page at a time.";
    table.add(operation(Get, "/users", "listUsers", Read, what), list::<N>);
    let what = "A user with all that is kept.";
    table.add(operation(Get, "/users/{ref}", "showUser", Read, what), show::<N>);
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Where to go on: `next` of the page before, with the same order.
    cursor: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
    /// Users of this name, whatever its case.
    name: Option<String>,
    /// Users with this text, whatever its case, in the name, the name for people or the DN.
    q: Option<String>,
    /// Users of this directory.
    directory: Option<String>,
    /// Users of this user type.
    user_type: Option<String>,
    /// Users that are active, or that are not.
    active: Option<bool>,
    /// Users whose groups were known when they were last looked at, or whose were not.
    known: Option<bool>,
    /// Users that wait for an admin's decision (a name that another record has, a membership in review),
    /// or that do not.
    needs_decision: Option<bool>,
    /// Users who are effectively in this group: a name, DIRECTORY/NAME, dn:DN or id:UPSTREAM-ID.
    group: Option<String>,
    /// What to sort by; the record's id if nothing is said.
    sort: Option<SortBy>,
    /// In which direction; the least first if nothing is said.
    order: Option<Order>,
}

/// What users are sorted by.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SortBy {
    Id,
    Name,
    DisplayName,
    LastSignOn,
    ObservedAt,
}

/// A direction.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Order {
    Asc,
    Desc,
}

impl ListQuery {
    fn wanted<N: Needs>(self, desk: &Desk<N>) -> Result<Wanted, Refusal> {
        let group = self.group.as_deref().map(|name| desk.kept_group(None, name)).transpose()?;
        Ok(Wanted {
            name: self.name,
            text: self.q,
            directory: self.directory,
            user_type: self.user_type,
            active: self.active,
            known: self.known,
            needs_decision: self.needs_decision,
            group: group.map(|listed| (listed.directory, listed.group.id.clone())),
            sort: match self.sort {
                None | Some(SortBy::Id) => Sort::Id,
                Some(SortBy::Name) => Sort::Name,
                Some(SortBy::DisplayName) => Sort::DisplayName,
                Some(SortBy::LastSignOn) => Sort::LastSignOn,
                Some(SortBy::ObservedAt) => Sort::ObservedAt,
            },
            direction: match self.order {
                None | Some(Order::Asc) => Direction::Up,
                Some(Order::Desc) => Direction::Down,
            },
        })
    }
}

/// All records are gone through; who else asks meanwhile does not wait for it.
async fn list<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<(), ListQuery>,
) -> Told<List<UserSummary>> {
    let limit = page_limit(asked.query.limit)?;
    let cursor = asked.query.cursor.clone();
    let wanted = asked.query.wanted(&desk)?;
    let looking = tokio::task::spawn_blocking(move || {
        listing::users(&desk.catalogue, &wanted, cursor.as_deref(), limit)
    });
    let found = looking.await.map_err(|_| Refusal::Internal)?;
    let Found { items, next, total } =
        found.map_err(|BadCursor| Refusal::BadRequest("cursor is of no page".to_owned()))?;
    let items = items.iter().map(UserSummary::new).collect();
    Ok(Json(List { items, next, total: Some(total) }))
}

async fn show<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<User> {
    let stored = desk.user(&asked.path)?;
    Ok(Json(User::new(&stored, &desk.catalogue)))
}
