//! Pictures, as SVG in text: which ways lead a user to her groups, what stands around a group, and
//! figures over time. Nothing here asks for anything: what is to be drawn is an argument.
//!
//! A picture has neither scripts nor styles in it. Its parts bear classes, and [`STYLE`] says how
//! they look, by the page's own colours; it belongs into the page's style sheet. Whoever cannot see a
//! picture is told what is on it by its title and description.

mod drawing;
mod layers;
mod markup;
mod neighbours;
mod paths;
mod plot;
mod scale;

pub use neighbours::{MAX_BESIDE, Neighbours, neighbours};
pub use paths::{MAX_GROUPS, Paths, Row, paths};
pub use plot::{MAX_SERIES, MAX_STEPS, Plot, Series, Unit, lines, stacked};

/// How the parts of pictures look; to be served as part of the page's style sheet.
pub const STYLE: &str = include_str!("picture.css");

/// What stands in a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// What is read there; it is cut where it is too long.
    pub text: String,
    /// What tells more: a DN.
    pub title: String,
    /// Where the box leads to, such as `/console/groups/ID`.
    pub link: Option<String>,
}
