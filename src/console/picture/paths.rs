//! The ways from a user up to each of her groups.

use super::Name;
use crate::domain::record::{Provenance, UpstreamId};

/// The most groups that are drawn; the nearest are.
pub const MAX_GROUPS: usize = 60;

/// A row of a record: that the user is in a group, and who says so. A record's memberships are rows.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Who says so.
    pub provenance: Provenance,
    /// Whether it counts (`Record::is_effective`); a denial does.
    pub counts: bool,
    /// Whether the user is also a direct member (`Route::direct`).
    pub direct: bool,
    /// From the group that holds the user to the group that the row is about (`Route::path`).
    pub path: &'a [UpstreamId],
}

/// What is drawn.
pub struct Paths<'a> {
    /// The user.
    pub user: Name,
    /// The rows of her record.
    pub rows: &'a [Row<'a>],
    /// Which group is in which, as far as that is known beyond the rows: first who is in, then in
    /// what. Of an observed closure: each of `ObservedGroup::members`, and the group.
    pub nested: &'a [(UpstreamId, UpstreamId)],
    /// How a group is called.
    pub name: &'a dyn Fn(&UpstreamId) -> Name,
}

/// The picture, as `<svg …>…</svg>`.
pub fn paths(_paths: &Paths<'_>) -> String {
    String::new()
}
