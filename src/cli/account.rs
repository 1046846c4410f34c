//! `bindgate account make`, `list`, `set-password`, `disable`, `enable` and `revoke`.

use super::client::{Client, segment};
use super::commands::Output;
use super::edit::moment;
use super::exit::{Exit, Failure, Format};
use super::shown::{or_dash, pretty, table, text};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The most bytes of a password's file, line end included.
const MAX_FILE: u64 = 2048;

#[derive(Subcommand)]
pub(super) enum AccountCommand {
    /// Make an account and print its password, unless that is given; it is not shown again
    Make {
        #[command(flatten)]
        of: Name,
        /// The view that it reads in
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        view: String,
        /// When it ends: a time as RFC 3339 writes it, or one from now as 90m, 12h, 30d
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        #[command(flatten)]
        password: Given,
        #[command(flatten)]
        output: Output,
    },
    /// List accounts
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Give an account another password, and print it unless it is given; sessions that it has are over
    SetPassword {
        #[command(flatten)]
        of: Name,
        #[command(flatten)]
        password: Given,
        #[command(flatten)]
        output: Output,
    },
    /// Disable an account: it binds no more, and sessions that it has are over
    Disable {
        #[command(flatten)]
        of: Name,
        #[command(flatten)]
        output: Output,
    },
    /// Enable an account
    Enable {
        #[command(flatten)]
        of: Name,
        #[command(flatten)]
        output: Output,
    },
    /// Revoke an account: there is none of that name any more
    Revoke {
        #[command(flatten)]
        of: Name,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Args)]
pub(super) struct Name {
    /// Its name: 1 to 64 letters, digits, ".", "_" or "-"
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
}

/// Where a password comes from that is not made.
#[derive(Args)]
pub(super) struct Given {
    /// A file with the password in its first line; - is standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl AccountCommand {
    pub(super) fn output(&self) -> Output {
        match self {
            Self::Make { output, .. }
            | Self::List { output }
            | Self::SetPassword { output, .. }
            | Self::Disable { output, .. }
            | Self::Enable { output, .. }
            | Self::Revoke { output, .. } => *output,
        }
    }
}

pub(super) fn ask(
    client: &Client,
    command: &AccountCommand,
    format: Format,
) -> Result<String, Failure> {
    let at = |of: &Name, rest: &str| format!("/api/v1/accounts/{}{rest}", segment(&of.name));
    let (answer, done) = match command {
        AccountCommand::List { .. } => {
            let answer = client.get("/api/v1/accounts", &[])?;
            let listed = listing(&answer);
            (answer, listed)
        }
        AccountCommand::Make { of, view, expires, password, .. } => {
            let expires_at =
                expires.as_deref().map(|expires| moment("--expires", expires)).transpose()?;
            let password = given(password)?;
            let password = password.as_ref().map(|password| password.as_str());
            let body = json!({
                "name": of.name, "view": view, "expires_at": expires_at, "password": password
            });
            let answer = client.post("/api/v1/accounts", &body)?;
            let made = made(&answer);
            (answer, made)
        }
        AccountCommand::SetPassword { of, password, .. } => {
            let password = given(password)?;
            let password = password.as_ref().map(|password| password.as_str());
            let answer = client.put(&at(of, "/password"), &json!({ "password": password }))?;
            let made = made(&answer);
            (answer, made)
        }
        AccountCommand::Disable { of, .. } => {
            let answer = client.post(&at(of, "/disable"), &json!({}))?;
            (answer, format!("{} binds no more\n", of.name))
        }
        AccountCommand::Enable { of, .. } => {
            let answer = client.post(&at(of, "/enable"), &json!({}))?;
            (answer, format!("{} is enabled\n", of.name))
        }
        AccountCommand::Revoke { of, .. } => {
            let answer = client.delete(&at(of, ""))?;
            (answer, format!("{} is gone\n", of.name))
        }
    };
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => done,
    })
}

/// A password that was made is alone on its line, so that it can be piped into a file.
fn made(answer: &Value) -> String {
    match &answer["password"] {
        Value::String(password) => format!("{password}\n"),
        _ => format!("{} binds with the password that was given\n", text(&answer["dn"])),
    }
}

/// The password of a file, without its line end.
fn given(from: &Given) -> Result<Option<Zeroizing<String>>, Failure> {
    let Some(path) = &from.password_file else { return Ok(None) };
    let failed = |what: String| {
        Failure::new(Exit::Usage, "usage", format!("--password-file {}: {what}", path.display()))
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE as usize + 1));
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_FILE + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| failed(error.to_string()))?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok(password) if !password.is_empty() && bytes.len() as u64 <= MAX_FILE => {
            Ok(Some(Zeroizing::new(password.to_owned())))
        }
        _ => Err(failed("its first line must be a password in UTF-8".to_owned())),
    }
}

fn listing(answer: &Value) -> String {
    let mut rows = table(&["NAME", "VIEW", "STATE", "EXPIRES", "LAST USED", "MADE", "BY"]);
    for account in answer["items"].as_array().into_iter().flatten() {
        let state = if account["enabled"] != true {
            "disabled"
        } else if account["expired"] == true {
            "expired"
        } else if account["view_exists"] != true {
            "without its view"
        } else {
            "enabled"
        };
        rows.add_row([
            text(&account["name"]),
            text(&account["view"]),
            state.to_owned(),
            or_dash(&account["expires_at"]),
            or_dash(&account["last_used"]),
            text(&account["created_at"]),
            text(&account["created_by"]),
        ]);
    }
    rows.trim_fmt() + "\n"
}
