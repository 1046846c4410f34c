//! Style and script: two files of the gateway's own, found by a name that says their content.

use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};
use std::fmt::Write;
use std::sync::LazyLock;

/// The pages' own style, and that of what is drawn on them.
static STYLE: LazyLock<String> =
    LazyLock::new(|| include_str!("files/console.css").to_owned() + super::picture::STYLE);
const SCRIPT: &str = include_str!("files/console.js");
const MARK: &str = include_str!("files/mark.svg");

/// The address of the style.
pub(super) static STYLE_AT: LazyLock<String> = LazyLock::new(|| address("style", &STYLE, "css"));
/// The address of the script.
pub(super) static SCRIPT_AT: LazyLock<String> = LazyLock::new(|| address("script", SCRIPT, "js"));
/// The address of the mark.
pub(super) static MARK_AT: LazyLock<String> = LazyLock::new(|| address("mark", MARK, "svg"));

fn address(name: &str, content: &str, ending: &str) -> String {
    let mut text = format!("{}/static/{name}-", super::ROOT);
    for byte in digest(&SHA256, content.as_bytes()).as_ref().iter().take(6) {
        // writing to a string cannot fail
        let _ = write!(text, "{byte:02x}");
    }
    text + "." + ending
}

/// A file; what it is called changes with its content, so browsers may keep it.
pub(super) async fn file(Path(name): Path<String>) -> Response {
    let at = format!("{}/static/{name}", super::ROOT);
    let (content, kind) = match at {
        at if at == *STYLE_AT => (STYLE.as_str(), "text/css; charset=utf-8"),
        at if at == *SCRIPT_AT => (SCRIPT, "text/javascript; charset=utf-8"),
        at if at == *MARK_AT => (MARK, "image/svg+xml"),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_script_are_small() {
        assert!(STYLE.len() < 20_000, "{}", STYLE.len());
        assert!(SCRIPT.len() < 4_000, "{}", SCRIPT.len());
    }
}
