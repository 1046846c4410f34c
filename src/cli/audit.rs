//! `bindgate audit`: what changed or was refused, and with `--follow` as it happens.

use super::client::Client;
use super::exit::{Exit, Failure, Format};
use super::shown::{or_dash, pretty, table, text};
use serde_json::Value;
use std::io::{BufRead, Write};
use std::time::Duration;

/// How long it is waited before a gateway is asked again that could not be reached.
const PAUSE: Duration = Duration::from_secs(1);

/// Which rows are asked for, as the command line says it.
pub(super) struct Wanted {
    pub(super) user: Option<String>,
    pub(super) cause: Option<String>,
    pub(super) action: Option<String>,
    pub(super) actor: Option<String>,
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
    pub(super) limit: Option<u16>,
    pub(super) cursor: Option<String>,
}

impl Wanted {
    fn query(&self) -> Vec<(&'static str, Option<&str>)> {
        vec![
            ("user", self.user.as_deref()),
            ("cause", self.cause.as_deref()),
            ("action", self.action.as_deref()),
            ("actor", self.actor.as_deref()),
            ("since", self.since.as_deref()),
            ("until", self.until.as_deref()),
            ("cursor", self.cursor.as_deref()),
        ]
    }
}

pub(super) fn list(client: &Client, wanted: &Wanted, format: Format) -> Result<String, Failure> {
    let limit = wanted.limit.map(|limit| limit.to_string());
    let mut query = wanted.query();
    query.push(("limit", limit.as_deref()));
    let answer = client.get("/api/v1/audit", &query)?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => listing(&answer),
    })
}

/// Prints rows as they come, one a line, until the reader goes away. A gateway that ends is waited
/// for; one that was never reached is a failure.
pub(super) fn follow(client: &Client, wanted: &Wanted, format: Format) -> Result<String, Failure> {
    let mut after: Option<String> = None;
    let mut has_answered = false;
    loop {
        let mut query = wanted.query();
        query.push(("after", after.as_deref()));
        match client.stream("/api/v1/audit/follow", &query) {
            Ok(stream) => {
                has_answered = true;
                let mut last = None;
                let is_read = print_rows(stream, format, &mut last);
                after = last.or(after);
                if !is_read {
                    return Ok(String::new());
                }
            }
            Err(failure) if has_answered && failure.exit == Exit::Unavailable => {
                std::thread::sleep(PAUSE);
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// Prints what a stream tells until it ends; whether somebody still reads it.
fn print_rows(stream: impl BufRead, format: Format, last: &mut Option<String>) -> bool {
    let mut data = String::new();
    let mut out = std::io::stdout().lock();
    for line in stream.lines() {
        let Ok(line) = line else { return true };
        if let Some(id) = line.strip_prefix("id: ").or_else(|| line.strip_prefix("id:")) {
            *last = Some(id.to_owned());
        } else if let Some(part) = line.strip_prefix("data:") {
            data.push_str(part.strip_prefix(' ').unwrap_or(part));
        } else if line.is_empty() {
            let told = serde_json::from_str::<Value>(&data).ok().map(|row| match format {
                Format::Json => format!("{row}\n"),
                Format::Text => one_line(&row),
            });
            data.clear();
            if let Some(told) = told
                && out.write_all(told.as_bytes()).and_then(|()| out.flush()).is_err()
            {
                return false;
            }
        }
    }
    true
}

fn who(row: &Value) -> String {
    match row["actor"].as_str() {
        Some("") | None => text(&row["cause"]),
        Some(_) => format!("{} ({})", text(&row["cause"]), text(&row["actor"])),
    }
}

fn whom(row: &Value) -> String {
    let user = &row["user"];
    match (user["name"].as_str(), user.is_null()) {
        (_, true) => "-".to_owned(),
        (Some(_), _) => text(&user["name"]),
        (None, _) => format!("id:{}", text(&user["upstream_id"])),
    }
}

/// The row's text; lines of it are parted by semicolons.
fn detail(row: &Value) -> String {
    let detail = row["detail"].as_str().unwrap_or_default();
    let lines: Vec<_> = detail.lines().map(|line| text(&line.into())).collect();
    lines.join("; ")
}

fn one_line(row: &Value) -> String {
    format!(
        "{} {} {} {} {}: {}\n",
        text(&row["sequence"]),
        text(&row["at"]),
        who(row),
        text(&row["action"]),
        whom(row),
        detail(row)
    )
}

fn listing(answer: &Value) -> String {
    let mut rows = table(&["NO", "AT", "CAUSE", "ACTION", "USER", "GROUPS", "WHAT"]);
    for row in answer["items"].as_array().into_iter().flatten() {
        rows.add_row([
            text(&row["sequence"]),
            text(&row["at"]),
            who(row),
            text(&row["action"]),
            whom(row),
            or_dash(&row["observation"]),
            detail(row),
        ]);
    }
    let mut out = rows.trim_fmt() + "\n";
    if let Some(next) = answer["next"].as_str() {
        out += &format!("there are more: --cursor {}\n", text(&next.into()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_is_one_line_that_cannot_move_the_cursor() {
        let row = json!({
            "sequence": 7, "at": "2026-01-01T00:00:00Z", "cause": "admin", "actor": "root\u{1b}",
            "action": "pinned", "user": { "directory": "corp", "upstream_id": "u1", "name": "ann" },
            "detail": "one\ntwo\u{1b}[2J",
        });
        assert_eq!(
            one_line(&row),
            "7 2026-01-01T00:00:00Z admin (root\\x1b) pinned ann: one; two\\x1b[2J\n"
        );
    }

    #[test]
    fn rows_of_a_stream_are_told_and_the_last_number_is_kept() {
        let stream = "id: 3\ndata: {\"sequence\":3}\n\nevent: end\nid: 9\ndata\n\n";
        let mut last = None;
        assert!(print_rows(stream.as_bytes(), Format::Json, &mut last));
        assert_eq!(last.as_deref(), Some("9"));
    }
}
