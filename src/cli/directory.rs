//! `bindgate directory list` and `bindgate directory accept-rollback`.

use super::client::{Client, segment};
use super::exit::{Failure, Format};
use super::shown::{or_dash, pretty, table, text};
use serde_json::{Value, json};

pub(super) fn list(client: &Client, format: Format) -> Result<String, Failure> {
    let answer = client.get("/api/v1/directories", &[])?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => listing(&answer),
    })
}

pub(super) fn accept_rollback(
    client: &Client,
    name: &str,
    format: Format,
) -> Result<String, Failure> {
    let path = format!("/api/v1/directories/{}/accept-rollback", segment(name));
    let answer = client.post(&path, &json!({}))?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => format!(
            "{}: accepted; it was seen at {} and shows {}\n",
            text(&answer["name"]),
            or_dash(&answer["seen"]),
            or_dash(&answer["shown"])
        ),
    })
}

fn listing(answer: &Value) -> String {
    let mut rows = table(&[
        "DIRECTORY",
        "KIND",
        "SERVERS",
        "GROUPS BY",
        "REPLICA",
        "GROUPS",
        "USERS",
        "HEARD",
        "BEHIND",
        "BECAUSE",
    ]);
    for directory in answer["items"].as_array().into_iter().flatten() {
        let replica = &directory["replica"];
        rows.add_row([
            text(&directory["name"]),
            or_dash(&directory["kind"]),
            servers(&directory["servers"]),
            strategy(&directory["groups"]),
            if replica.is_null() { "none".to_owned() } else { text(&replica["state"]) },
            or_dash(&replica["groups"]),
            or_dash(&replica["users"]),
            age(&replica["heard_at"]),
            behind(&directory["behind"]),
            because(&directory["groups"]),
        ]);
    }
    rows.trim_fmt() + "\n"
}

/// One server a line.
fn servers(servers: &Value) -> String {
    let line = |server: &Value| format!("{} {}", text(&server["url"]), text(&server["state"]));
    lines(servers.as_array().into_iter().flatten().map(line))
}

fn strategy(groups: &Value) -> String {
    match groups["unknown"].as_str() {
        Some(reason) => format!("unknown ({})", text(&reason.into())),
        None => or_dash(&groups["strategy"]),
    }
}

/// Reasons, then warnings, one a line.
fn because(groups: &Value) -> String {
    let list = |name: &str| groups[name].as_array().cloned().unwrap_or_default();
    let reasons = list("reasons").iter().map(text).collect::<Vec<_>>();
    let warnings = list("warnings");
    let warnings = warnings.iter().map(|warning| format!("warning: {}", text(warning)));
    let all = lines(reasons.into_iter().chain(warnings));
    if all.is_empty() { "-".to_owned() } else { all }
}

fn behind(behind: &Value) -> String {
    match behind.as_bool() {
        Some(true) => "yes".to_owned(),
        Some(false) => "no".to_owned(),
        None => "unknown".to_owned(),
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

/// How long ago that was.
fn age(at: &Value) -> String {
    let at = at.as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    match at {
        Some(at) => {
            let seconds = jiff::Timestamp::now().duration_since(at).as_secs().max(0);
            format!("{seconds} s ago")
        }
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_listed_with_its_servers_and_the_reasons_one_a_line() {
        let listed = listing(&json!({ "items": [{
            "name": "corp",
            "kind": "OpenLDAP",
            "servers": [
                { "url": "ldap://a:389", "state": "up" },
                { "url": "ldap://b\u{1b}:389", "state": "down" },
            ],
            "groups": {
                "strategy": "replica", "otherwise": "member walk", "reasons": ["it is offered"],
                "warnings": ["something is missing"], "unknown": null,
            },
            "replica": {
                "state": "complete", "covers": "groups", "groups": 7, "users": 0,
                "heard_at": "2026-01-01T00:00:00Z",
            },
            "behind": true,
        }, {
            "name": "lab", "kind": null, "servers": [], "replica": null, "behind": null,
            "groups": { "strategy": null, "reasons": [], "warnings": [], "unknown": "timeout" },
        }] }));
        let lines: Vec<&str> = listed.lines().collect();
        assert_eq!(lines.len(), 4, "{listed}");
        for word in ["corp", "OpenLDAP", "ldap://a:389 up", "replica", "yes", "it is offered"] {
            assert!(lines[1].contains(word), "no {word:?} in\n{listed}");
        }
        for word in ["ldap://b\\x1b:389 down", "warning: something is missing"] {
            assert!(lines[2].contains(word), "no {word:?} in\n{listed}");
        }
        assert!(lines[3].contains("unknown (timeout)") && lines[3].contains("none"), "{listed}");
    }
}
