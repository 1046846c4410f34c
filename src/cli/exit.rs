//! Exit codes, and how a failure is told.

use crate::telemetry::Printable;
use serde_json::{Value, json};
use std::io::Write;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked for.
    Success,
    /// What was asked for is not there.
    NotFound,
    /// The command line or the configuration is wrong.
    Usage,
    /// The gateway could not be started or reached.
    Unavailable,
    /// A fault of ours.
    Internal,
    /// The token does not allow it.
    NotAllowed,
    /// As the gateway says of its own end.
    Gateway(i32),
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::NotFound => 1,
            Self::Usage => 64,
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::NotAllowed => 77,
            Self::Gateway(code) => u8::try_from(code).unwrap_or(70),
        }
    }
}

/// What a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a person.
    Text,
    /// For a program.
    Json,
}

/// The name of a failure whose detail is the rendered list of a configuration's mistakes.
pub(super) const CONFIGURATION: &str = "configuration";

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// A short, stable name.
    pub error: String,
    /// One or more sentences; may be several lines.
    pub detail: String,
    /// What an ambiguous name could mean; `null` otherwise.
    pub candidates: Value,
}

impl Failure {
    /// A failure without candidates.
    pub fn new(exit: Exit, error: &str, detail: impl Into<String>) -> Self {
        Self { exit, error: error.to_owned(), detail: detail.into(), candidates: Value::Null }
    }

    /// What goes to standard error.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Json => {
                let mut object = json!({ "error": self.error, "detail": self.detail });
                if !self.candidates.is_null() {
                    object["candidates"] = self.candidates.clone();
                }
                format!("{object}\n")
            }
            // excerpts of a file, rendered for this terminal
            Format::Text if self.error == CONFIGURATION => self.detail.trim_end().to_owned() + "\n",
            Format::Text => {
                let mut text = String::from("bindgate: ");
                for line in self.detail.lines() {
                    text += &Printable(line).to_string();
                    text.push('\n');
                }
                for candidate in self.candidates.as_array().into_iter().flatten() {
                    text += &format!("  {}\n", Printable(&candidate_line(candidate)));
                }
                text
            }
        }
    }
}

/// A candidate in the form in which it can be asked for.
fn candidate_line(candidate: &Value) -> String {
    let field = |name: &str| candidate[name].as_str().unwrap_or_default().to_owned();
    match candidate.as_str() {
        Some(name) => name.to_owned(),
        None if candidate["kind"].is_string() => {
            format!("id:{}  {}/{}  {}", field("id"), field("directory"), field("name"), field("dn"))
        }
        None => format!(
            "rec:{}  {}/{}  {}  {}",
            field("id"),
            field("user_type"),
            field("name"),
            field("directory"),
            field("dn")
        ),
    }
}

/// Writes to standard output; a reader that has gone away is no failure.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes to standard error, if anybody listens.
pub(super) fn complain(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_json_object_or_lines_that_cannot_move_the_cursor() {
        let mut failure = Failure::new(Exit::Usage, "ambiguous", "two\x1b[2J users");
        failure.candidates = json!(["corp/staff"]);
        let value: Value = serde_json::from_str(&failure.render(Format::Json)).unwrap();
        assert_eq!(value["error"], "ambiguous");
        assert_eq!(value["candidates"][0], "corp/staff");
        assert_eq!(failure.render(Format::Text), "bindgate: two\\x1b[2J users\n  corp/staff\n");
    }
}
