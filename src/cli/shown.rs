//! JSON values shown to a person: nothing in them can move the terminal's cursor.

use crate::telemetry::Printable;
use comfy_table::{Table, presets};
use serde_json::Value;

/// An answer for a program, as the gateway gave it.
pub(super) fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// A table without lines.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    table
}

/// Text of which nothing is invisible.
pub(super) fn printable(text: &str) -> String {
    Printable(text).to_string()
}

/// A value as text.
pub(super) fn text(value: &Value) -> String {
    match value.as_str() {
        Some(text) => Printable(text).to_string(),
        None => value.to_string(),
    }
}

/// A value as text, or a dash where there is none.
pub(super) fn or_dash(value: &Value) -> String {
    if value.is_null() { "-".to_owned() } else { text(value) }
}
