//! `bindgate held list`, `bindgate held confirm` and `bindgate held reject`.

use super::client::{Client, segment};
use super::exit::{Failure, Format};
use super::shown::{pretty, table, text};
use serde_json::{Value, json};

pub(super) fn list(client: &Client, format: Format) -> Result<String, Failure> {
    let answer = client.get("/api/v1/held", &[])?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => listing(&answer),
    })
}

pub(super) fn confirm(client: &Client, id: &str, format: Format) -> Result<String, Failure> {
    let answer = client.post(&format!("/api/v1/held/{}/confirm", segment(id)), &json!({}))?;
    let meaning = match answer["released"] == true {
        true => "it counts for sign-ons from now on",
        false => "it counts for sign-ons once the directory has shown it again",
    };
    Ok(said(&answer, meaning, format))
}

pub(super) fn reject(client: &Client, id: &str, format: Format) -> Result<String, Failure> {
    let answer = client.post(&format!("/api/v1/held/{}/reject", segment(id)), &json!({}))?;
    let meaning = "memberships stay as they are until the directory shows the groups again";
    Ok(said(&answer, meaning, format))
}

fn said(answer: &Value, meaning: &str, format: Format) -> String {
    match format {
        Format::Json => pretty(answer),
        Format::Text => {
            let (id, decision) = (text(&answer["id"]), text(&answer["decision"]));
            format!("{id}: {decision}, {}; {meaning}\n", what_of(answer))
        }
    }
}

/// What would be lost, and where.
fn what_of(held: &Value) -> String {
    let (what, directory) = (what(held), text(&held["directory"]));
    match held["kind"].as_str() {
        Some("mass-change" | "last-groups") => format!("{what} of {directory} would go"),
        _ => format!("{what} of {directory} are gone"),
    }
}

/// What would be lost.
fn what(held: &Value) -> String {
    let (gone, of) = (text(&held["gone"]), text(&held["of"]));
    match held["kind"].as_str() {
        Some("mass-change") => format!("groups of {gone} users"),
        Some("last-groups") => "all groups of one user".to_owned(),
        _ => format!("{gone} of {of} groups"),
    }
}

fn listing(answer: &Value) -> String {
    let mut rows = table(&["ID", "DIRECTORY", "SINCE", "DECISION", "GONE", "AMONG THEM"]);
    for held in answer["items"].as_array().into_iter().flatten() {
        let examples = held["examples"].as_array().into_iter().flatten();
        rows.add_row([
            text(&held["id"]),
            text(&held["directory"]),
            text(&held["since"]),
            text(&held["decision"]),
            what(held),
            examples.map(text).collect::<Vec<_>>().join("\n"),
        ]);
    }
    rows.trim_fmt() + "\n"
}
