//! Why a page has something else to say than what was asked for, in words.

use crate::app::tokens::Role;
use serde::Deserialize;
use std::time::Duration;

/// What went wrong.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// The status of the answer.
    pub(super) status: u16,
    /// A heading.
    pub(super) title: &'static str,
    /// One or more sentences.
    pub(super) detail: String,
    /// What a name could mean that means several.
    pub(super) candidates: Vec<Candidate>,
    /// After how many seconds there is room.
    pub(super) wait: Option<u64>,
}

/// Somebody or something that a name could mean.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Candidate {
    pub(super) id: String,
    pub(super) directory: String,
    pub(super) name: String,
    pub(super) dn: String,
    /// Which kind of group it is, if it is one.
    pub(super) kind: Option<String>,
}

/// A problem as operations tell it (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    detail: String,
    #[serde(default)]
    candidates: Vec<serde_json::Value>,
}

impl Fault {
    pub(super) fn new(status: u16, detail: impl Into<String>) -> Self {
        let title = title(status);
        Self { status, title, detail: sentence(detail.into()), candidates: Vec::new(), wait: None }
    }

    pub(super) fn of_outcome(status: u16, json: &[u8]) -> Self {
        match serde_json::from_slice::<Problem>(json) {
            Ok(problem) => {
                let candidates = problem.candidates.into_iter();
                let candidates = candidates.filter_map(|one| serde_json::from_value(one).ok());
                Self { candidates: candidates.collect(), ..Self::new(status, problem.detail) }
            }
            Err(_) => Self::new(status, "The gateway failed to answer. Its log may say why."),
        }
    }

    pub(super) fn too_often(wait: Duration) -> Self {
        let detail = "More was asked than is let in. There is room again in a moment.";
        Self { wait: Some(wait.as_secs() + 1), ..Self::new(429, detail) }
    }

    pub(super) fn too_small(role: Role) -> Self {
        let detail = format!(
            "Your token may not do this: it takes one with the role {}. Log out, and log in with \
             another token.",
            role.name()
        );
        Self::new(403, detail)
    }

    pub(super) fn no_page() -> Self {
        Self::new(404, "There is no page at this address.")
    }

    /// A form that was not sent by a page of this console, or by one of an older login.
    pub(super) fn foreign_form() -> Self {
        let detail = "The form did not come from a page of this login. Nothing was done. Go back, \
                      load the page again, and send it once more.";
        Self::new(403, detail)
    }
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "That makes no sense here",
        401 => "Please log in",
        403 => "Not allowed",
        404 => "Not found",
        409 => "That is not possible as things are",
        413 => "Too much",
        429 => "Too many requests",
        503 => "Not now",
        _ => "Something went wrong",
    }
}

/// The text of an error as a sentence.
pub(super) fn sentence(text: String) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return text };
    let mut out: String = first.to_uppercase().chain(chars).collect();
    if !out.ends_with(['.', '!', '?']) {
        out.push('.');
    }
    out
}
