//! `bindgate user list` and `bindgate user show`.

use super::client::{Client, segment};
use super::exit::{Failure, Format};
use super::shown::{or_dash, pretty, table, text};
use clap::Args;
use serde_json::Value;
use std::fmt::Write;

/// The width of the column of names in characters, unless a name is longer.
const NAMES: usize = 14;
/// The width that a long name may give to that column.
const WIDEST: usize = 40;

/// What `user list` asks for.
#[derive(Args)]
pub(super) struct Listing {
    /// Only users of this name
    #[arg(long)]
    name: Option<String>,
    /// Only users with this text in the name, the name for people or the DN
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only users of this directory
    #[arg(long)]
    directory: Option<String>,
    /// Only users of this user type
    #[arg(long, value_name = "NAME")]
    user_type: Option<String>,
    /// Only users that are active, or that are not
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no)]
    active: Option<bool>,
    /// Only users whose groups were known when they were last looked at, or whose were not
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no)]
    known: Option<bool>,
    /// Only users who are effectively in this group: a name, DIRECTORY/NAME, dn:DN or id:UPSTREAM-ID
    #[arg(long)]
    group: Option<String>,
    /// What to sort by [default: the record's id]
    #[arg(long, value_parser = ["id", "name", "display-name", "last-sign-on", "observed-at"])]
    sort: Option<String>,
    /// The greatest, or the latest, first
    #[arg(long)]
    descending: bool,
    /// How many at most, up to 1000 [default: 100]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: Option<u16>,
    /// Where to go on: `next` of the page before, with the same order
    #[arg(long)]
    cursor: Option<String>,
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("yes or no".to_owned()),
    }
}

pub(super) fn list(client: &Client, wanted: &Listing, format: Format) -> Result<String, Failure> {
    let limit = wanted.limit.map(|limit| limit.to_string());
    let sort = wanted.sort.as_ref().map(|sort| sort.replace('-', "_"));
    let flag = |flag: bool| if flag { "true" } else { "false" };
    let query = [
        ("name", wanted.name.as_deref()),
        ("q", wanted.text.as_deref()),
        ("directory", wanted.directory.as_deref()),
        ("user_type", wanted.user_type.as_deref()),
        ("active", wanted.active.map(flag)),
        ("known", wanted.known.map(flag)),
        ("group", wanted.group.as_deref()),
        ("sort", sort.as_deref()),
        ("order", wanted.descending.then_some("desc")),
        ("limit", limit.as_deref()),
        ("cursor", wanted.cursor.as_deref()),
    ];
    let answer = client.get("/api/v1/users", &query)?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => listing(&answer),
    })
}

pub(super) fn show(client: &Client, user: &str, format: Format) -> Result<String, Failure> {
    let answer = client.get(&format!("/api/v1/users/{}", segment(user)), &[])?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => portrait(&answer),
    })
}

fn listing(answer: &Value) -> String {
    let mut rows = table(&["USER", "TYPE", "DIRECTORY", "STATE", "GROUPS", "LAST SIGN-ON", "DN"]);
    for user in answer["items"].as_array().into_iter().flatten() {
        rows.add_row([
            text(&user["name"]),
            text(&user["user_type"]),
            text(&user["directory"]),
            state(user),
            text(&user["effective_groups"]),
            text(&user["last_sign_on"]),
            text(&user["dn"]),
        ]);
    }
    let mut out = rows.trim_fmt() + "\n";
    if let Some(next) = answer["next"].as_str() {
        // writing to a string cannot fail
        let _ = writeln!(out, "there are more: --cursor {}", text(&next.into()));
    }
    out
}

/// A user for a person to read: who it is, what is known, and why each group is there.
fn portrait(user: &Value) -> String {
    let mut out = format!(
        "{} ({} in {})\n",
        text(&user["name"]),
        text(&user["user_type"]),
        text(&user["directory"])
    );
    let rows = [
        ("DN", text(&user["dn"])),
        ("display name", or_dash(&user["display_name"])),
        ("state", state(user)),
        ("last sign-on", text(&user["last_sign_on"])),
        ("observed at", or_dash(&user["observed_at"])),
        ("groups", observation(&user["observation"]["groups"])),
        ("upstream id", text(&user["upstream_id"])),
        ("record", text(&user["id"])),
    ];
    for (name, value) in rows {
        row(&mut out, name, NAMES, &value);
    }
    if user["upstream_display_name"].is_string() {
        row(&mut out, "upstream name", NAMES, &text(&user["upstream_display_name"]));
    }
    if let Some(is_on) = user["update_on_sign_on"].as_bool() {
        let value = if is_on { "update-on-sign-on=on" } else { "update-on-sign-on=off" };
        row(&mut out, "of its own", NAMES, value);
    }
    attributes(&mut out, user);
    memberships(&mut out, user);
    out
}

fn attributes(out: &mut String, user: &Value) {
    let Some(attributes) = user["attributes"].as_object().filter(|all| !all.is_empty()) else {
        return;
    };
    out.push_str("attributes\n");
    let shown = |name: &String| text(&name.as_str().into());
    let width = column(attributes.keys().map(shown));
    for (name, values) in attributes {
        for value in values.as_array().into_iter().flatten() {
            row(out, &shown(name), width, &text(value));
        }
    }
}

fn memberships(out: &mut String, user: &Value) {
    let all = user["memberships"].as_array().map_or(&[][..], Vec::as_slice);
    if all.is_empty() {
        out.push_str("memberships: none\n");
        return;
    }
    let _ = writeln!(out, "memberships ({})", all.len());
    let width = column(all.iter().map(group_name));
    for membership in all {
        let reach = match membership["depth"].as_u64() {
            Some(depth) if depth > 1 && membership["direct"] != true => {
                format!("nested, {} groups between", depth - 1).replace("1 groups", "1 group")
            }
            _ => "direct".to_owned(),
        };
        let effective = if membership["effective"] == true { "" } else { ", not effective" };
        let provenance = text(&membership["provenance"]);
        let since = text(&membership["since"]);
        let name = group_name(membership);
        let until =
            membership["until"].as_str().map(|until| format!(" until {}", text(&until.into())));
        let until = until.unwrap_or_default();
        let review = if membership["in_review"] == true { ", in review" } else { "" };
        let said = format!("{provenance}, {reach}{effective}{review}, since {since}{until}");
        row(out, &name, width, &said);
        for (step, dn) in membership["path"].as_array().into_iter().flatten().enumerate() {
            let arrow = if step == 0 { "" } else { "-> " };
            row(out, "", width, &format!("{}{arrow}{}", "  ".repeat(step), text(dn)));
        }
    }
}

/// A group as it is called: its name, or its id if it is no longer kept.
fn group_name(membership: &Value) -> String {
    let group = &membership["group"];
    text(if group["name"].is_null() { &group["id"] } else { &group["name"] })
}

/// The width of the column in which these names fit, with two blanks behind the longest; names
/// beyond the widest column stand on a line of their own.
fn column(names: impl Iterator<Item = String>) -> usize {
    let fitting = names.map(|name| name.chars().count() + 2).filter(|width| *width <= WIDEST);
    fitting.max().unwrap_or(0).max(NAMES)
}

/// A name and what is said of it, in two columns.
fn row(out: &mut String, name: &str, width: usize, value: &str) {
    // writing to a string cannot fail
    let _ = match name.chars().count() < width {
        true => writeln!(out, "  {name:<width$}{value}"),
        false => writeln!(out, "  {name}\n  {:<width$}{value}", ""),
    };
}

fn state(user: &Value) -> String {
    if user["state"]["active"] == true {
        return "active".to_owned();
    }
    let reasons = user["state"]["reasons"].as_array().into_iter().flatten();
    format!("inactive: {}", reasons.map(text).collect::<Vec<_>>().join(", "))
}

fn observation(groups: &Value) -> String {
    match groups["unknown"].as_str() {
        Some(reason) => format!("unknown ({})", text(&reason.into())),
        None => text(groups),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_portrait_tells_why_each_group_is_there() {
        let user = json!({
            "id": "r1", "upstream_id": "u1", "directory": "corp", "user_type": "staff",
            "name": "ann", "dn": "uid=ann,dc=x", "display_name": null,
            "attributes": { "mail": ["ann@x", "a\u{1b}b"] },
            "state": { "active": true, "reasons": [] },
            "last_sign_on": "2026-01-01T00:00:00Z", "observed_at": null,
            "observation": { "groups": { "unknown": "timeout" } },
            "memberships": [{
                "group": { "id": "g1", "dn": "cn=A,dc=x", "name": "A" },
                "provenance": "managed", "effective": true, "direct": false, "depth": 2,
                "path": ["uid=ann,dc=x", "cn=B,dc=x", "cn=A,dc=x"],
                "since": "2026-01-01T00:00:00Z",
            }],
        });
        let text = portrait(&user);
        for line in [
            "ann (staff in corp)",
            "  groups        unknown (timeout)",
            "  display name  -",
            "  mail          a\\x1bb",
            "  A             managed, nested, 1 group between, since 2026-01-01T00:00:00Z",
            "                uid=ann,dc=x",
            "                  -> cn=B,dc=x",
            "                    -> cn=A,dc=x",
        ] {
            assert!(text.lines().any(|candidate| candidate == line), "no {line:?} in\n{text}");
        }
    }

    /// Names of 14 characters and more ran into what followed them, so that `incident-response`
    /// read as `incident-responsemanaged`; now the column is as wide as its longest name.
    #[test]
    fn a_long_name_does_not_run_into_what_follows_it() {
        let membership = |name: &str| {
            json!({
                "group": { "id": "g", "dn": null, "name": name }, "provenance": "managed",
                "effective": true, "direct": true, "depth": 1, "path": ["uid=ann"], "since": "t",
            })
        };
        let monster = "g".repeat(60);
        let all = ["incident-response", "Zürich-Straße-12", "A", &monster].map(membership);
        let mut text = String::new();
        memberships(&mut text, &json!({ "memberships": all }));
        for line in [
            "  incident-response  managed, direct, since t",
            "  Zürich-Straße-12   managed, direct, since t",
            "  A                  managed, direct, since t",
            "                     managed, direct, since t",
            "                     uid=ann",
        ] {
            assert!(text.lines().any(|candidate| candidate == line), "no {line:?} in\n{text}");
        }
        assert!(text.lines().any(|line| line.trim() == monster), "{text}");
        let mut text = String::new();
        attributes(&mut text, &json!({ "attributes": { "a_name_of_20_letters": ["v"] } }));
        assert!(text.ends_with("  a_name_of_20_letters  v\n"), "{text}");
    }

    #[test]
    fn a_listing_says_that_there_is_more() {
        let user = json!({
            "name": "ann", "user_type": "staff", "directory": "corp", "dn": "uid=ann",
            "state": { "active": false, "reasons": ["admin", "upstream"] },
            "effective_groups": 2, "last_sign_on": "2026-01-01T00:00:00Z",
        });
        let text = listing(&json!({ "items": [user], "next": "r1" }));
        assert!(text.contains("inactive: admin, upstream"), "{text}");
        assert!(text.ends_with("there are more: --cursor r1\n"), "{text}");
    }
}
