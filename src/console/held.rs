//! Held changes: what many would lose at once waits until somebody says that it is so.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::frame::{Content, Section, form_key};
use super::lists;
use super::routes::{Done, Shown};
use super::shapes::{Held, List};
use super::visit::Visit;
use super::words;
use crate::app::tokens::Role::Operate;
use maud::{Markup, html};
use std::sync::Arc;

pub(super) async fn page(visit: Arc<Visit>) -> Result<Shown, Fault> {
    let held: List<Held> = visit.get(Path::new("/held")).await?;
    let body = html! {
        h1 { "Held changes" }
        @if held.items.is_empty() {
            (lists::nothing("Nothing is held.", &html! {
                "When many users would lose groups at once, the gateway keeps them and asks here whether that is so."
            }))
        }
        @for one in &held.items { (card(&visit, one)) }
    };
    Ok(Shown::Page(Content::new(Section::Held, "Held changes", body)))
}

/// What is held, in one sentence.
pub(super) fn sentence(held: &Held) -> String {
    let Held { gone, of, directory, .. } = held;
    match held.kind.as_str() {
        "group-loss" => format!("{gone} of {of} groups are gone from the directory {directory}."),
        "mass-change" => {
            format!("{gone} of {of} users of the directory {directory} would lose groups.")
        }
        "last-groups" => format!(
            "Groups of the directory {directory} would have nobody left in them ({gone} of {of} {}).",
            held.counts
        ),
        other => format!("{other}: {gone} of {of} {} of the directory {directory}.", held.counts),
    }
}

fn why(kind: &str) -> &'static str {
    match kind {
        "group-loss" => {
            "A directory that shows far fewer groups than before may be broken, or may have hidden them from the gateway. Until somebody decides, everybody keeps the groups."
        }
        "mass-change" => {
            "So many losses at once may be a mistake in the directory. Until somebody decides, the users keep their groups."
        }
        "last-groups" => {
            "A protected group is never left empty by a sign-on alone. Until somebody decides, its last members stay."
        }
        _ => "Until somebody decides, everything stays as it is.",
    }
}

fn card(visit: &Visit, held: &Held) -> Markup {
    let heading = format!("held-{}", held.id);
    html! {
        section class="card" aria-labelledby=(heading) {
            h2 id=(heading) { (sentence(held)) }
            p { (why(&held.kind)) }
            dl {
                dt { "Since" } dd { (words::moment(&held.since)) " (" (words::ago(&held.since)) ")" }
                dt { "Decision" } dd {
                    @match held.decision.as_str() {
                        "open" => (words::mark("warn", "open")),
                        "confirmed" => (words::mark("good", "confirmed")),
                        other => (words::mark("bad", other)),
                    }
                }
                dt { "For whom" } dd {
                    @if held.examples.is_empty() { span class="muted" { "no examples are kept" } }
                    @else { ul class="tags" { @for name in &held.examples { li title=(name) { (words::short(name)) } } } }
                }
                dt { "Id" } dd class="dn" { (held.id) }
            }
            @if visit.may(Operate) {
                form method="post" action=(Path::new(&format!("{ROOT}/held")).step(&held.id).as_str()) class="buttons" {
                    (form_key(visit))
                    button class="danger" name="decision" value="confirm" { "Confirm: the loss is so" }
                    button name="decision" value="reject" { "Reject: keep the groups" }
                }
            }
        }
    }
}

pub(super) async fn decide(visit: Arc<Visit>) -> Result<Done, Fault> {
    let decision = match visit.form.need("decision")? {
        "confirm" => "confirm",
        "reject" => "reject",
        _ => return Err(Fault::new(400, "what is held is confirmed or rejected")),
    };
    let path = Path::new("/held").step(visit.part()).then(decision);
    let held: Held = visit.ask("POST", path, None).await?;
    let notice = match (decision, held.released) {
        ("confirm", _) => "The loss is confirmed: the next sign-ons follow it.",
        (_, true) => "The loss is rejected, and nothing is held any more.",
        _ => "The loss is rejected: memberships stay.",
    };
    Ok(Done { to: format!("{ROOT}/held"), notice: notice.to_owned() })
}
