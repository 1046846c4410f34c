//! `bindgate token create`, `list` and `revoke`.

use super::client::{Client, segment};
use super::edit::moment;
use super::exit::{Failure, Format};
use super::shown::{or_dash, pretty, table, text};
use clap::ValueEnum;
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

pub(super) fn create(
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
    let expires_at = expires.map(moment).transpose()?;
    let body = json!({ "name": name, "role": role, "expires_at": expires_at });
    let answer = client.post("/api/v1/tokens", &body)?;
    Ok(match format {
        Format::Json => pretty(&answer),
        // alone on its line, so that it can be piped into a file
        Format::Text => format!("{}\n", text(&answer["token"])),
    })
}

pub(super) fn list(client: &Client, format: Format) -> Result<String, Failure> {
    let answer = client.get("/api/v1/tokens", &[])?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => listing(&answer),
    })
}

pub(super) fn revoke(client: &Client, name: &str, format: Format) -> Result<String, Failure> {
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
