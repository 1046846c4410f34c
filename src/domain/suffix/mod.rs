//! The records' own suffix: people and groups as the gateway holds them, as a tree of entries that
//! is read over LDAP (rule S10.2).
//!
//! `layout` says which names there are, `model` holds who bears them and what they are found by,
//! `entry` makes entries of that, `search` goes through it in bounded steps, `schema` describes it.
//! Nothing is written here, and nothing of the audit, of pins or of provenance can be read (rule
//! S10.4): an entry is made of what a record is, not of why.

mod asked;
mod entry;
mod find;
mod finder;
mod layout;
mod model;
mod order;
mod schema;
mod search;
mod selection;

pub use asked::{Asked, Asking, Comparison, SEARCH_CONTROLS};
pub use entry::Wanted;
pub use layout::{Layout, LayoutError, Place};
pub use model::{Id, Model};
pub use order::{Order, OrderFault};
pub use search::{Ending, Query, Search, Step};
pub use selection::Selection;

use crate::proto::dn::DistinguishedName;
use std::time::Duration;

/// What becomes of people whose records are inactive (rule S4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inactive {
    /// They are not there.
    Hide,
    /// They are there, in no group, and marked as locked.
    Show,
}

/// What applies to the suffix: the section `[records]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The names (`suffix`).
    pub layout: Layout,
    /// Who may read it: names of entries or of groups; without any it is not there (`readers`).
    pub readers: Vec<DistinguishedName>,
    /// What becomes of people whose records are inactive (`inactive`).
    pub inactive: Inactive,
    /// The most entries of one answer, or of one page; `None` is no limit (`size_limit`).
    pub size_limit: Option<usize>,
    /// How long a search may take; zero is for ever (`time_limit`).
    pub time_limit: Duration,
    /// The most entries that one search sorts (`max_sorted`).
    pub max_sorted: usize,
}

impl Policy {
    /// Whether the suffix is served at all.
    pub fn is_on(&self) -> bool {
        !self.readers.is_empty()
    }
}
