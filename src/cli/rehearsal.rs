//! `bindgate check --preview`: what a configuration that is not in force yet would change for all
//! recorded users, as the running gateway tells from what it has stored.

use super::client::Client;
use super::exit::{Exit, Failure, Format};
use super::shown::{pretty, text};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

pub(super) fn preview(client: &Client, file: &Path, format: Format) -> Result<String, Failure> {
    let configuration = std::fs::read_to_string(file).map_err(|error| {
        let detail = format!("{} cannot be read: {error}", file.display());
        Failure::new(Exit::Usage, "configuration", detail)
    })?;
    let answer = client.post("/api/v1/preview", &json!({ "configuration": configuration }))?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => report(&answer),
    })
}

fn report(answer: &Value) -> String {
    let mut out = format!(
        "{} records: {} would change at their next sign-on, of {} something cannot be told\n",
        text(&answer["records"]),
        text(&answer["changed"]),
        text(&answer["unsure"])
    );
    for (list, what) in
        [("reloaded", "a reload puts in force"), ("needs_restart", "needs a restart")]
    {
        let told: Vec<_> = answer[list].as_array().into_iter().flatten().map(text).collect();
        if !told.is_empty() {
            // writing to a string cannot fail
            let _ = writeln!(out, "{what}: {}", told.join(", "));
        }
    }
    let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
    for item in items {
        let user = &item["user"];
        // writing to a string cannot fail
        let _ = writeln!(out, "{}/{}", text(&user["user_type"]), text(&user["name"]));
        if item["left_alone"] == true {
            out += "  ! its directory is not configured any more\n";
        }
        for (list, sign) in [("changes", '+'), ("no_longer", '-')] {
            for change in item[list].as_array().into_iter().flatten() {
                let _ = writeln!(out, "  {sign} {}", text(&change["text"]));
            }
        }
        for (list, said) in [("shown", "+ is shown in"), ("no_longer_shown", "- is not shown in")] {
            for group in item[list].as_array().into_iter().flatten() {
                let name =
                    text(if group["name"].is_null() { &group["id"] } else { &group["name"] });
                let _ = writeln!(out, "  {said} {name}");
            }
        }
        if item["nameless"] == true {
            out += "  ! would have no user name, so nothing would be written\n";
        }
        for unsure in item["unsure"].as_array().into_iter().flatten() {
            let _ = writeln!(out, "  ? {}", text(unsure));
        }
    }
    out
}
