//! `bindgate user-type list` and `bindgate user-type set`.

use super::client::{Client, segment};
use super::exit::{Failure, Format};
use super::shown::{or_dash, pretty, table, text};
use serde_json::{Value, json};

/// A setting as it stands on the command line: `update-on-sign-on=on|off|default`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    /// The value; `None` is the file's.
    pub(super) update_on_sign_on: Option<bool>,
}

/// Reads a setting.
pub(super) fn parse_setting(argument: &str) -> Result<Setting, String> {
    let update_on_sign_on = match argument.split_once('=') {
        Some(("update-on-sign-on", "on")) => Some(true),
        Some(("update-on-sign-on", "off")) => Some(false),
        Some(("update-on-sign-on", "default")) => None,
        _ => return Err("must be update-on-sign-on=on, =off or =default".to_owned()),
    };
    Ok(Setting { update_on_sign_on })
}

pub(super) fn list(client: &Client, format: Format) -> Result<String, Failure> {
    let answer = client.get("/api/v1/user-types", &[])?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => {
            let mut rows =
                table(&["DIRECTORY", "USER TYPE", "UPDATE ON SIGN-ON", "SOURCE", "SET AT"]);
            for user_type in answer["items"].as_array().into_iter().flatten() {
                rows.add_row([
                    text(&user_type["directory"]),
                    text(&user_type["name"]),
                    on_off(&user_type["update_on_sign_on"]),
                    text(&user_type["source"]),
                    or_dash(&user_type["set_at"]),
                ]);
            }
            rows.trim_fmt() + "\n"
        }
    })
}

pub(super) fn set(
    client: &Client,
    name: &str,
    setting: Setting,
    format: Format,
) -> Result<String, Failure> {
    let body = json!({ "update_on_sign_on": setting.update_on_sign_on });
    let answer = client.patch(&format!("/api/v1/user-types/{}", segment(name)), &body)?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => format!(
            "{}/{}: update-on-sign-on is {} ({})\n",
            text(&answer["directory"]),
            text(&answer["name"]),
            on_off(&answer["update_on_sign_on"]),
            text(&answer["source"])
        ),
    })
}

fn on_off(value: &Value) -> String {
    if *value == Value::Bool(true) { "on".to_owned() } else { "off".to_owned() }
}
