//! What there is to say of a key and of a section: form, limits, presence.

use super::value::{show_duration, show_size};

/// What a key's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number between two limits.
    Count(u64, u64),
    /// A number of bytes between two limits.
    Size(u64, u64),
    /// A duration between two limits in milliseconds.
    Duration(u64, u64),
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A string of the described form.
    Text(&'static str),
    /// A list of strings of the described form.
    List(&'static str),
}

/// Whether a key has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It may be left out and then has this value (TOML).
    Default(&'static str),
    /// It may be left out and then there is none; an example (TOML).
    Optional(&'static str),
    /// It has to be there; an example (TOML).
    Required(&'static str),
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The section that it stands in.
    pub section: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// Whether it has to be there.
    pub presence: Presence,
    /// What it is for.
    pub purpose: &'static str,
}

/// How often a section may stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurs {
    /// At most once; without it, its keys have their defaults.
    Once,
    /// Any number of times: `[[section]]`.
    Often,
}

/// One section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionInfo {
    /// Its name with those around it: `directory.tls`.
    pub name: &'static str,
    /// How often it may stand in the file.
    pub occurs: Occurs,
    /// What it is about.
    pub purpose: &'static str,
}

impl Kind {
    /// The form and the limits, as the reference and the help of an error put them.
    pub fn describe(self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Count(least, most) => format!("a whole number, {least} to {most}"),
            Self::Size(least, most) => format!(
                "a number of bytes, or one with KiB, MiB or GiB; {} to {}",
                show_size(least),
                show_size(most)
            ),
            Self::Duration(least, most) => format!(
                "a duration in ms, s, m, h or d; {} to {}",
                show_duration(least),
                show_duration(most)
            ),
            Self::Choice(words) => format!("one of: {}", words.join(", ")),
            Self::Text(form) => form.to_owned(),
            Self::List(form) => format!("a list; each is {form}"),
        }
    }
}
