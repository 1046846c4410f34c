//! A request of somebody who is logged in.

use super::book::Notice;
use super::cookies::Theme;
use super::fault::Fault;
use crate::app::operations::{Holder, Operations};
use crate::app::tokens::Role;
use std::sync::Arc;

/// What a page is made of.
pub(super) struct Visit {
    pub(super) operations: Arc<dyn Operations>,
    pub(super) holder: Holder,
    /// What every form has to bear.
    pub(super) form_key: Arc<str>,
    pub(super) theme: Theme,
    /// Said on this page alone.
    pub(super) notice: Option<Notice>,
    /// The address, with its query.
    pub(super) here: String,
    /// The parts of the path that vary.
    pub(super) parts: Vec<String>,
    pub(super) query: Fields,
    pub(super) form: Fields,
}

impl Visit {
    /// The part of the path that varies.
    pub(super) fn part(&self) -> &str {
        self.parts.first().map_or("", String::as_str)
    }

    /// Whether the one who is logged in may do what a role may.
    pub(super) fn may(&self, role: Role) -> bool {
        self.holder.role >= role
    }
}

/// The fields of a query or a form.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl Fields {
    /// What a field says, if it says something.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.iter();
        let (_, value) = fields.find(|(key, _)| key == name)?;
        let value = value.trim();
        (!value.is_empty()).then_some(value)
    }

    /// A field that has to say something.
    pub(super) fn need(&self, name: &str) -> Result<&str, Fault> {
        self.get(name).ok_or_else(|| Fault::new(400, format!("the field {name} is missing")))
    }
}
