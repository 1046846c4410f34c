//! `bindgate view list` and `bindgate view set`.

use super::client::{Client, segment};
use super::exit::{Failure, Format};
use super::shown::{or_dash, pretty, table, text};
use super::user_type::Setting;
use serde_json::{Value, json};

pub(super) fn list(client: &Client, format: Format) -> Result<String, Failure> {
    let answer = client.get("/api/v1/views", &[])?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => {
            let mut rows = table(&["VIEW", "UPDATE ON SIGN-ON", "SOURCE", "SET AT"]);
            for view in answer["items"].as_array().into_iter().flatten() {
                rows.add_row([
                    text(&view["name"]),
                    said(&view["update_on_sign_on"]),
                    text(&view["source"]),
                    or_dash(&view["set_at"]),
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
    let answer = client.patch(&format!("/api/v1/views/{}", segment(name)), &body)?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => format!(
            "{}: update-on-sign-on is {} ({})\n",
            text(&answer["name"]),
            said(&answer["update_on_sign_on"]),
            text(&answer["source"])
        ),
    })
}

fn said(value: &Value) -> String {
    let word = match value {
        Value::Bool(true) => "on",
        Value::Bool(false) => "off",
        _ => "as the user type says",
    };
    word.to_owned()
}
