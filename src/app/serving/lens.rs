//! How groups look to whoever looks.

use crate::domain::policy::Flatten;
use crate::domain::view::groups::ShownGroups;

/// How a client is shown groups.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lens<'a> {
    /// How they are flattened.
    pub(super) flatten: Flatten,
    /// Which of them are shown, and how they are called; `None` is all by their own names.
    pub(super) shown: Option<&'a ShownGroups>,
}

impl Lens<'_> {
    /// Whether all groups of the mode are shown by their own names.
    pub(super) fn is_clear(self) -> bool {
        self.shown.is_none() && self.flatten != Flatten::Mapped
    }

    /// Whether a group of that name is shown, if the mode shows it.
    pub(super) fn shows(self, dn: &str) -> bool {
        let is_mapped = || self.shown.is_some_and(|shown| shown.renames(dn));
        self.shown.is_none_or(|shown| shown.shows(dn))
            && (self.flatten != Flatten::Mapped || is_mapped())
    }

    /// What a group of that name is called.
    pub(super) fn called(self, dn: String) -> String {
        match self.shown {
            Some(shown) => shown.called(dn),
            None => dn,
        }
    }

    /// The mode by which groups are found. Whatever is mapped is found anywhere above.
    pub(super) fn mode(self) -> Flatten {
        match self.flatten {
            Flatten::Mapped => Flatten::Ancestors,
            other => other,
        }
    }
}
