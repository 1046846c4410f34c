//! `bindgate user explain` and `bindgate user preview`.

use super::client::{Client, segment};
use super::exit::{Failure, Format};
use super::shown::{or_dash, pretty, text};
use serde_json::Value;
use std::fmt::Write;

pub(super) fn explain(
    client: &Client,
    user: &str,
    (group, view): (Option<&str>, Option<&str>),
    format: Format,
) -> Result<String, Failure> {
    let path = format!("/api/v1/users/{}/explain", segment(user));
    let answer = client.get(&path, &[("group", group), ("view", view)])?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => explained(&answer),
    })
}

pub(super) fn preview(
    client: &Client,
    user: &str,
    view: Option<&str>,
    format: Format,
) -> Result<String, Failure> {
    let path = format!("/api/v1/users/{}/preview", segment(user));
    let answer = client.get(&path, &[("view", view)])?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => foreseen(&answer),
    })
}

fn explained(answer: &Value) -> String {
    let user = text(&answer["user"]["name"]);
    let mut out = String::new();
    if let Some(reason) = answer["observation"]["groups"]["unknown"].as_str() {
        let reason = text(&reason.into());
        // writing to a string cannot fail
        let _ = writeln!(out, "what the directory says now is not known: {reason}");
    }
    let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        let _ = writeln!(out, "{user} is in no group");
    }
    for view in answer["views"].as_array().into_iter().flatten() {
        if view["otherwise"] == true {
            let _ = writeln!(out, "view {}: {}", text(&view["view"]), text(&view["text"]));
        }
    }
    for item in items {
        let group = &item["group"];
        let name = text(if group["name"].is_null() { &group["id"] } else { &group["name"] });
        let verb = if item["member"] == true { "is in" } else { "is not in" };
        let _ = writeln!(out, "{user} {verb} {name}");
        for ground in item["because"].as_array().into_iter().flatten() {
            out += &ground_lines(ground);
        }
        for miss in item["why_not"].as_array().into_iter().flatten() {
            let _ = writeln!(out, "  no, because {}", text(&miss["text"]));
            let path: Vec<_> = miss["path"].as_array().into_iter().flatten().map(text).collect();
            if !path.is_empty() {
                let _ = writeln!(out, "    the way: {}", path.join(" -> "));
            }
        }
        let left = &item["left"];
        if left.is_object() {
            let (at, cause) = (text(&left["at"]), text(&left["cause"]));
            let _ = writeln!(out, "  the directory said so until {at} ({cause})");
        }
        for sight in item["views"].as_array().into_iter().flatten() {
            let _ = writeln!(out, "  in view {}: {}", text(&sight["view"]), text(&sight["text"]));
        }
    }
    out
}

fn ground_lines(ground: &Value) -> String {
    let effective = if ground["effective"] == true { "" } else { " (does not count)" };
    let until = ground["until"].as_str().map(|until| format!(" until {}", text(&until.into())));
    let path: Vec<_> = ground["path"].as_array().into_iter().flatten().map(text).collect();
    let mut out = format!(
        "  {}{effective}, since {}{}\n    {}\n",
        text(&ground["provenance"]),
        text(&ground["since"]),
        until.unwrap_or_default(),
        path.join(" -> ")
    );
    if ground["directory_says"] == "gone" {
        let cut = &ground["cut"];
        let _ = writeln!(
            out,
            "    the directory does not say so any more: {} is not in {}",
            or_dash(&cut["member"]),
            or_dash(&cut["group"])
        );
    }
    out
}

fn foreseen(answer: &Value) -> String {
    let user = &answer["user"];
    let name = text(if user["name"].is_null() { &user["dn"] } else { &user["name"] });
    let mut out = String::new();
    let bind = match answer["bind"].as_str() {
        Some("refused") => "the bind would be refused",
        Some("entry-gone") => "the entry is gone, so nobody can sign on; a look would find this",
        _ => "the bind would be answered as the directory answers it",
    };
    let _ = writeln!(out, "{name}: {}; {bind}", text(&answer["outcome"]));
    if let Some(view) = answer["view"].as_str() {
        let switch = if answer["update_on_sign_on"] == true { "on" } else { "off" };
        let _ = writeln!(out, "  update on sign-on is {switch} by view {}", text(&view.into()));
    }
    if let Some(reason) = answer["reason"].as_str() {
        let _ = writeln!(out, "  {}", text(&reason.into()));
    }
    if let Some(reason) = answer["observation"]["groups"]["unknown"].as_str() {
        let _ = writeln!(out, "  groups are unknown: {}", text(&reason.into()));
    }
    let changes = answer["changes"].as_array().map_or(&[][..], Vec::as_slice);
    for change in changes {
        let sign = match change["what"].as_str() {
            Some("joined" | "created" | "active") => '+',
            Some("left" | "inactive") => '-',
            _ => '~',
        };
        let _ = writeln!(out, "  {sign} {}", text(&change["text"]));
    }
    if changes.is_empty() {
        out += "  nothing would change\n";
    }
    for group in answer["held"].as_array().into_iter().flatten() {
        let name = text(if group["name"].is_null() { &group["id"] } else { &group["name"] });
        let _ = writeln!(out, "  held: nobody else is in the protected group {name}");
    }
    out
}
