//! `bindgate session list` and `bindgate session end`.

use super::client::{Client, segment};
use super::commands::Output;
use super::exit::{Failure, Format};
use super::shown::{or_dash, pretty, table, text};
use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;
use serde_json::Value;
use std::fmt::Write;

#[derive(Subcommand)]
pub(super) enum SessionCommand {
    /// List clients with where they come from and who they are
    List {
        /// Only those with this text in the name or the address
        #[arg(long)]
        text: Option<String>,
        /// Where to go on: `next` of the page before
        #[arg(long)]
        cursor: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Have a client end: it gets a notice of disconnection
    End {
        /// Its number, as listed and as logs show it
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        id: String,
        #[command(flatten)]
        output: Output,
    },
}

impl SessionCommand {
    pub(super) fn output(&self) -> Output {
        match self {
            Self::List { output, .. } | Self::End { output, .. } => *output,
        }
    }
}

pub(super) fn ask(
    client: &Client,
    command: &SessionCommand,
    format: Format,
) -> Result<String, Failure> {
    match command {
        SessionCommand::List { text, cursor, .. } => {
            list(client, (text.as_deref(), cursor.as_deref()), format)
        }
        SessionCommand::End { id, .. } => end(client, id, format),
    }
}

fn list(
    client: &Client,
    (text, cursor): (Option<&str>, Option<&str>),
    format: Format,
) -> Result<String, Failure> {
    let answer = client.get("/api/v1/sessions", &[("q", text), ("cursor", cursor)])?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => listing(&answer),
    })
}

fn end(client: &Client, id: &str, format: Format) -> Result<String, Failure> {
    let answer = client.delete(&format!("/api/v1/sessions/{}", segment(id)))?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => format!(
            "{} from {} ends; it was bound as {}\n",
            text(&answer["id"]),
            text(&answer["peer"]),
            answer["name"].as_str().map_or_else(|| "nobody".to_owned(), |_| text(&answer["name"]))
        ),
    })
}

fn listing(answer: &Value) -> String {
    let mut rows = table(&["ID", "FROM", "TLS", "SINCE", "BOUND AS"]);
    for session in answer["items"].as_array().into_iter().flatten() {
        rows.add_row([
            text(&session["id"]),
            text(&session["peer"]),
            if session["tls"] == true { "yes".to_owned() } else { "no".to_owned() },
            text(&session["since"]),
            or_dash(&session["name"]),
        ]);
    }
    let mut out = rows.trim_fmt() + "\n";
    if let Some(next) = answer["next"].as_str() {
        // writing to a string cannot fail
        let _ = writeln!(out, "there are more: --cursor {}", text(&next.into()));
    }
    out
}
