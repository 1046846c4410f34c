//! Tables and what goes with them: the box that scrolls, the way to the next page, what to do where there
//! is nothing.

use maud::{Markup, html};

/// A table in a box of its own, which scrolls where a phone is narrower.
pub(super) fn table(label: &str, head: &[&str], rows: &Markup) -> Markup {
    html! {
        div class="wide" role="region" aria-label=(label) tabindex="0" {
            table {
                caption class="unseen" { (label) }
                thead { tr { @for name in head { th scope="col" { (name) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// That there is nothing, and what to do.
pub(super) fn nothing(what: &str, next: &Markup) -> Markup {
    html! { div class="empty" { p { strong { (what) } } p { (next) } } }
}

/// The ways to the first page and the next one.
pub(super) fn turns(first: Option<&str>, next: Option<&str>) -> Markup {
    html! {
        @if first.is_some() || next.is_some() {
            nav class="turns" aria-label="Pages of this list" {
                @if let Some(first) = first { a href=(first) { "« First page" } }
                @if let Some(next) = next { a href=(next) rel="next" { "Next page »" } }
            }
        }
    }
}

/// The form that makes one more of what has a name, something to choose, and perhaps an end. `what` is
/// one of them, with its article.
pub(super) fn making(
    (action, key): (&str, &Markup),
    what: (&str, &str),
    named: &str,
    chosen: &Markup,
    note: &str,
) -> Markup {
    let (article, one) = what;
    html! {
        section class="card" aria-labelledby="make" {
            h2 id="make" { "Make " (article) " " (one) }
            form method="post" action=(action) class="stack narrow" {
                (key)
                label { span { (named) } input name="name" required maxlength="64" pattern="[A-Za-z0-9._\\-]+" autocomplete="off" spellcheck="false"; }
                (chosen)
                label { span { "Until, in UTC (empty: until it is revoked)" } input type="datetime-local" name="until"; }
                button class="primary" { "Make the " (one) }
                p class="muted" { (note) "The name is of letters, digits, points, dashes and underscores." }
            }
        }
    }
}

/// A choice of a form: values and what they are called.
pub(super) fn choice(
    name: &str,
    label: &str,
    now: Option<&str>,
    values: &[(&str, &str)],
) -> Markup {
    html! {
        label {
            span { (label) }
            select name=(name) {
                @for (value, text) in values {
                    option value=(value) selected[now.unwrap_or("") == *value] { (text) }
                }
            }
        }
    }
}
