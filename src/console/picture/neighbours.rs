//! What stands right above and right below a group.

use super::Name;

/// What is drawn.
#[derive(Debug, Clone)]
pub struct Neighbours {
    /// The group.
    pub group: Name,
    /// The groups that it is in.
    pub parents: Vec<Name>,
    /// The groups that are in it.
    pub children: Vec<Name>,
}

/// The picture, as `<svg …>…</svg>`.
pub fn neighbours(_neighbours: &Neighbours) -> String {
    String::new()
}
