//! Clients that are connected now, and the end of one.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::frame::{Content, Section, form_key};
use super::lists;
use super::routes::{Done, Shown};
use super::shapes::{List, Session};
use super::visit::Visit;
use super::words;
use crate::app::tokens::Role::Operate;
use maud::{Markup, html};
use std::sync::Arc;

/// How many sessions a page has.
const ROWS: &str = "50";

pub(super) async fn page(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let get = |name| visit.query.get(name);
    let (q, bound) = (get("q"), get("bound"));
    let filtered = |path: Path| path.with_some("q", q).with_some("bound", bound);
    let asked = filtered(Path::new("/sessions").with("limit", ROWS));
    let again = filtered(Path::new(&format!("{ROOT}/sessions")));
    let found: List<Session> = visit.get(asked.with_some("cursor", get("cursor"))).await?;
    let next = found.next.as_deref().map(|next| again.clone().with("cursor", next).into_string());
    let first = get("cursor").map(|_| again.as_str());
    let body = html! {
        h1 { "Sessions" }
        form class="filter" method="get" role="search" {
            label class="grow" { span { "Search" } input type="search" name="q" value=(q.unwrap_or("")) placeholder="Name or address"; }
            (lists::choice("bound", "Bound", bound, &[("", "any"), ("true", "bound"), ("false", "not bound")]))
            button class="primary" { "Search" }
        }
        @if let Some(total) = found.total { p class="muted" role="status" { (words::count(total, "session", "sessions")) } }
        @if found.items.is_empty() {
            (empty(q.is_some() || bound.is_some()))
        } @else {
            (table(&visit, &found.items))
            (lists::turns(first, next.as_deref()))
        }
    };
    Ok(Shown::Page(Content::new(Section::Sessions, "Sessions", body)))
}

fn table(visit: &Visit, sessions: &[Session]) -> Markup {
    let may = visit.may(Operate);
    let head = ["Number", "Bound as", "From", "TLS", "Connected", "Actions"];
    let head = if may { &head[..] } else { &head[..5] };
    let rows = html! {
        @for one in sessions {
            tr {
                th scope="row" class="number" { (one.id) }
                td { @match &one.name { Some(name) => (name), None => span class="muted" { "nobody" } } }
                td { (one.peer) }
                td { @if one.tls { (words::mark("good", "yes")) } @else { (words::mark("", "no")) } }
                td { (words::ago(&one.since)) }
                @if may {
                    td class="buttons" {
                        form method="post" action=(Path::new(&format!("{ROOT}/sessions")).step(&one.id).then("end").as_str()) {
                            (form_key(visit))
                            button class="danger" aria-label={ "End session " (one.id) } { "End" }
                        }
                    }
                }
            }
        }
    };
    lists::table("Sessions", head, &rows)
}

fn empty(is_filtered: bool) -> Markup {
    match is_filtered {
        true => lists::nothing(
            "No session is found.",
            &html! { "Search for less, or " a href={ (ROOT) "/sessions" } { "show all sessions" } "." },
        ),
        false => lists::nothing(
            "No client is connected.",
            &html! { "Point a client at the gateway's LDAP port: as long as it is connected it stands here." },
        ),
    }
}

pub(super) async fn end(visit: Arc<Visit>) -> Result<Done, Fault> {
    let path = Path::new("/sessions").step(visit.part());
    let ended: Session = visit.ask("DELETE", path, None).await?;
    let whose = ended.name.map_or_else(String::new, |name| format!(" of {name}"));
    let notice = format!(
        "Session {}{whose} from {} is ended: the client is told so. It may connect again.",
        ended.id, ended.peer
    );
    Ok(Done { to: format!("{ROOT}/sessions"), notice })
}
