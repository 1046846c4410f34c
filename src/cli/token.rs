//! `bindgate token create`, `list` and `revoke`.

use super::client::{Client, segment};
use super::commands::Output;
use super::edit::moment;
use super::exit::{Failure, Format};
use super::shown::{or_dash, pretty, table, text};
use clap::builder::NonEmptyStringValueParser;
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Role {
    /// To look at everything but tokens
    Read,
    /// Also to act on users, groups, sessions, and on what is held
    Operate,
    /// Also to make tokens, to set the switches of user types, and to erase records
    Admin,
}

#[derive(Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token and print it; it is not shown again
    Create {
        /// What it allows
        #[arg(long)]
        role: Role,
        /// Its name, which the audit shows
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        name: String,
        /// When it ends: a time as RFC 3339 writes it, or one from now as 90m, 12h, 30d
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// List tokens beside the one in the configured file
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Revoke a token: it is not taken any more
    Revoke {
        /// Its name
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        name: String,
        #[command(flatten)]
        output: Output,
    },
}

impl TokenCommand {
    pub(super) fn output(&self) -> Output {
        match self {
            Self::Create { output, .. } | Self::List { output } | Self::Revoke { output, .. } => {
                *output
            }
        }
    }
}

pub(super) fn ask(
    client: &Client,
    command: &TokenCommand,
    format: Format,
) -> Result<String, Failure> {
    match command {
        TokenCommand::Create { role, name, expires, .. } => {
            create(client, name, *role, expires.as_deref(), format)
        }
        TokenCommand::List { .. } => list(client, format),
        TokenCommand::Revoke { name, .. } => revoke(client, name, format),
    }
}

fn create(
    client: &Client,
    name: &str,
    role: Role,
    expires: Option<&str>,
    format: Format,
) -> Result<String, Failure> {
    let role = match role {
        Role::Read => "read",
        Role::Operate => "operate",
        Role::Admin => "admin",
    };
    let expires_at = expires.map(|expires| moment("--expires", expires)).transpose()?;
    let body = json!({ "name": name, "role": role, "expires_at": expires_at });
    let answer = client.post("/api/v1/tokens", &body)?;
    Ok(match format {
        Format::Json => pretty(&answer),
        // alone on its line, so that it can be piped into a file
        Format::Text => format!("{}\n", text(&answer["token"])),
    })
}

fn list(client: &Client, format: Format) -> Result<String, Failure> {
    let answer = client.get("/api/v1/tokens", &[])?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => listing(&answer),
    })
}

fn revoke(client: &Client, name: &str, format: Format) -> Result<String, Failure> {
    let answer = client.delete(&format!("/api/v1/tokens/{}", segment(name)))?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => format!("{} is not taken any more\n", text(&answer["name"])),
    })
}

fn listing(answer: &Value) -> String {
    let mut rows = table(&["NAME", "ROLE", "MADE", "BY", "EXPIRES"]);
    for token in answer["items"].as_array().into_iter().flatten() {
        let expires = or_dash(&token["expires_at"]);
        rows.add_row([
            text(&token["name"]),
            text(&token["role"]),
            text(&token["created_at"]),
            text(&token["created_by"]),
            if token["expired"] == true { format!("{expires} (expired)") } else { expires },
        ]);
    }
    rows.trim_fmt() + "\n"
}
