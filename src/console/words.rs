//! What is the same wherever it is shown: times, states, provenances, names and where they lead.

use super::ROOT;
use super::ask::Path;
use super::shapes::{GroupNames, GroupsRead, State};
use maud::{Markup, html};

/// The page of the user of a record.
pub(super) fn user_at(id: &str) -> String {
    user(id).into_string()
}

/// The path of the page of the user of a record.
pub(super) fn user(id: &str) -> Path {
    Path::new(&format!("{ROOT}/users")).step(&format!("rec:{id}"))
}

/// The page of a group.
pub(super) fn group_at(id: &str) -> String {
    Path::new(&format!("{ROOT}/groups")).step(&format!("id:{id}")).into_string()
}

/// The page of a group that a way leads over: by its DN, or by its id where that is all that is known.
pub(super) fn step_at(step: &str) -> String {
    let reference = if step.starts_with("id:") { step.to_owned() } else { format!("dn:{step}") };
    Path::new(&format!("{ROOT}/groups")).step(&reference).into_string()
}

/// A group by name, with the way to its page.
pub(super) fn group(group: &GroupNames) -> Markup {
    html! {
        @match &group.name {
            Some(name) => a href=(group_at(&group.id)) title=[group.dn.as_deref()] { (name) },
            None => span class="muted" { "id:" (group.id) " (no longer kept)" },
        }
    }
}

/// A moment, as exactly as a person wants it; the whole of it is there for machines.
pub(super) fn moment(text: &str) -> Markup {
    let shown = text.get(..19).unwrap_or(text).replace('T', " ");
    html! { time datetime=(text) title={ (text) } { (shown) } }
}

/// How long ago a moment was.
pub(super) fn ago(text: &str) -> Markup {
    let Ok(at) = text.parse::<jiff::Timestamp>() else { return moment(text) };
    let seconds = jiff::Timestamp::now().as_second() - at.as_second();
    let shown = match seconds {
        ..0 => return moment(text),
        0..=4 => "just now".to_owned(),
        5..=119 => format!("{seconds} s ago"),
        120..=7199 => format!("{} min ago", seconds / 60),
        7200..=172_799 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    };
    html! { time datetime=(text) title={ (text) } { (shown) } }
}

/// A moment that may not have come yet.
pub(super) fn ago_or(text: Option<&str>, none: &str) -> Markup {
    match text {
        Some(text) => ago(text),
        None => html! { span class="muted" { (none) } },
    }
}

/// A mark beside a text: its meaning is in the words, and its kind only colours it.
pub(super) fn mark(kind: &str, text: &str) -> Markup {
    html! { span class={ "mark " (kind) } { (text) } }
}

/// Whether a user is active, and if not, why.
pub(super) fn state(state: &State) -> Markup {
    html! {
        @if state.active { (mark("good", "active")) } @else { (mark("bad", "inactive")) }
        @for reason in &state.reasons { " " (mark("", reason_short(reason))) }
        @if state.collision.is_some() { " " (mark("warn", "name taken")) }
    }
}

fn reason_short(reason: &str) -> &str {
    match reason {
        "upstream" => "the directory's account",
        "admin" => "disabled",
        "policy" => "by rule",
        "scope" => "of no user type",
        "missing" => "not found",
        other => other,
    }
}

/// Why a user is inactive, as a sentence.
pub(super) fn reason(reason: &str) -> &str {
    match reason {
        "upstream" => {
            "The directory says that the account is not to be used: it is disabled, locked or expired there."
        }
        "admin" => "An admin disabled the user here.",
        "policy" => "A rule of the configuration makes the user inactive.",
        "scope" => "The entry is of no user type any more.",
        "missing" => "The entry is not found in the directory any more.",
        other => other,
    }
}

/// Who says that somebody is in a group.
pub(super) fn provenance(name: &str) -> Markup {
    let (kind, text, title) = match name {
        "managed" => {
            ("", "directory", "the directory says so; sign-ons keep it as the directory has it")
        }
        "local" => ("", "local", "an admin put the user in; sign-ons leave it"),
        "default" => ("", "default", "the configuration gives it to every user of the type"),
        "pin-allow" => ("good", "pinned in", "an admin said so, whatever the directory says"),
        "pin-deny" => ("bad", "pinned out", "an admin said no, whatever the directory says"),
        other => ("", other, ""),
    };
    html! { span class={ "mark " (kind) } title=(title) { (text) } }
}

/// What the last look at a user's groups said.
pub(super) fn observation(groups: &GroupsRead) -> Markup {
    match groups {
        GroupsRead::Known => mark("good", "known"),
        GroupsRead::EntryGone => mark("warn", "entry gone"),
        GroupsRead::Unknown(reason) => html! {
            (mark("warn", "unknown")) " " span class="muted" { (reason) }
        },
    }
}

/// The way from a user to a group, by names where DNs are long.
pub(super) fn way(path: &[String]) -> Markup {
    html! {
        span class="way" {
            @for (at, step) in path.iter().enumerate() {
                @if at > 0 { span class="muted" { " › " } }
                span title=(step) { (short(step)) }
            }
        }
    }
}

/// The value of a DN's first part, or the text as it is.
pub(super) fn short(dn: &str) -> &str {
    let Some((_, rest)) = dn.split_once('=') else { return dn };
    let mut is_escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            ',' | '+' if !is_escaped => return &rest[..at],
            _ => is_escaped = c == '\\' && !is_escaped,
        }
    }
    rest
}

/// A number and its noun.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    let mut digits = number.to_string();
    let mut at = digits.len();
    while at > 3 {
        at -= 3;
        digits.insert(at, '\u{202f}');
    }
    format!("{digits} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_first_value_of_a_dn() {
        for (dn, name) in [
            ("uid=ann,ou=people,dc=example", "ann"),
            (r"cn=Smith\, Jane,ou=people", r"Smith\, Jane"),
            ("id:x", "id:x"),
            ("cn=only", "only"),
            ("", ""),
        ] {
            assert_eq!(short(dn), name);
        }
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(count(1, "user", "users"), "1 user");
        assert_eq!(count(999, "user", "users"), "999 users");
        assert_eq!(count(1_234_567, "user", "users"), "1\u{202f}234\u{202f}567 users");
    }
}
