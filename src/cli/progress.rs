//! How far something long has come: a line on the terminal's standard error, nothing anywhere else.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// How often a line without numbers is painted anew.
const TICK: Duration = Duration::from_millis(120);

/// Something whose end is not known; its message says what is done.
pub(super) fn spinner(doing: &str) -> ProgressBar {
    let bar = styled(ProgressBar::new_spinner(), &format!("{{spinner}} {doing} {{wide_msg}}"));
    bar.enable_steady_tick(TICK);
    bar
}

/// A transfer; its length may be unknown.
pub(super) fn bytes(length: Option<u64>) -> ProgressBar {
    match length {
        Some(length) => styled(ProgressBar::new(length), "{wide_bar} {bytes}/{total_bytes} {eta}"),
        None => styled(ProgressBar::no_length(), "{spinner} {bytes}"),
    }
}

/// A database that is copied.
pub(super) fn pages() -> ProgressBar {
    styled(ProgressBar::no_length(), "{wide_bar} {percent} % {eta}")
}

/// The templates are ours; one that cannot be read leaves the usual look.
fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
