//! `bindgate group list`, `show`, `create` and `delete`.

use super::client::{Client, segment};
use super::exit::{Failure, Format};
use super::shown::{pretty, table, text};
use serde_json::{Value, json};
use std::fmt::Write;

pub(super) fn list(
    client: &Client,
    name: Option<&str>,
    cursor: Option<&str>,
    format: Format,
) -> Result<String, Failure> {
    let answer = client.get("/api/v1/groups", &[("name", name), ("cursor", cursor)])?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => listing(&answer),
    })
}

pub(super) fn show(
    client: &Client,
    group: &str,
    cursor: Option<&str>,
    format: Format,
) -> Result<String, Failure> {
    let path = format!("/api/v1/groups/{}", segment(group));
    let answer = client.get(&path, &[("cursor", cursor)])?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => portrait(&answer),
    })
}

pub(super) fn create(
    client: &Client,
    name: &str,
    directory: Option<&str>,
    format: Format,
) -> Result<String, Failure> {
    let answer = client.post("/api/v1/groups", &json!({ "name": name, "directory": directory }))?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => format!(
            "{} is {} {}: id:{}\n",
            text(&answer["name"]),
            if answer["kind"] == "own" { "a group of the gateway's own in" } else { "kept of" },
            text(&answer["directory"]),
            text(&answer["id"])
        ),
    })
}

pub(super) fn delete(client: &Client, group: &str, format: Format) -> Result<String, Failure> {
    let answer = client.delete(&format!("/api/v1/groups/{}", segment(group)))?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => format!("{} is gone\n", text(&answer["name"])),
    })
}

fn listing(answer: &Value) -> String {
    let mut rows = table(&["GROUP", "DIRECTORY", "KIND", "MEMBERS", "DN", "ID"]);
    for group in answer["items"].as_array().into_iter().flatten() {
        rows.add_row([
            text(&group["name"]),
            text(&group["directory"]),
            text(&group["kind"]),
            text(&group["members"]),
            text(&group["dn"]),
            text(&group["id"]),
        ]);
    }
    rows.trim_fmt() + "\n" + &more(&answer["next"])
}

fn more(next: &Value) -> String {
    let told = |next: &str| format!("there are more: --cursor {}\n", text(&next.into()));
    next.as_str().map(told).unwrap_or_default()
}

/// A group for a person to read: who is in it, by whom, and on which way.
fn portrait(group: &Value) -> String {
    let mut out = format!(
        "{} ({} in {})\n  DN       {}\n  id       {}\n  members  {}\n",
        text(&group["name"]),
        if group["kind"] == "own" { "the gateway's own" } else { "of the directory" },
        text(&group["directory"]),
        text(&group["dn"]),
        text(&group["id"]),
        text(&group["members"]),
    );
    let memberships = &group["memberships"];
    for member in memberships["items"].as_array().into_iter().flatten() {
        let user = &member["user"];
        let state = if user["active"] == true { "" } else { ", inactive" };
        // writing to a string cannot fail
        let _ = writeln!(out, "{}/{}{state}", text(&user["user_type"]), text(&user["name"]));
        for row in member["rows"].as_array().into_iter().flatten() {
            let _ = writeln!(out, "  {}", row_line(row));
        }
    }
    out + &more(&memberships["next"])
}

fn row_line(row: &Value) -> String {
    let effective = if row["effective"] == true { "" } else { ", not effective" };
    let until = row["until"].as_str().map(|until| format!(" until {}", text(&until.into())));
    let path: Vec<_> = row["path"].as_array().into_iter().flatten().map(text).collect();
    format!(
        "{}{effective}, since {}{}: {}",
        text(&row["provenance"]),
        text(&row["since"]),
        until.unwrap_or_default(),
        path.join(" -> ")
    )
}
