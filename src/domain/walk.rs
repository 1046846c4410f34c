//! The member walk: which groups to ask for next, level by level, until nothing new comes.
//!
//! It is resumable and does no I/O: it asks for a batch of DNs, is fed the groups that name one of
//! them as a member, and ends with a closure or with the reason why there is none.

use super::observation::{Closure, Observed};
use super::record::Group;
use crate::proto::dn::{DistinguishedName, NormalizedDn};

/// The bounds of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkLimits {
    /// The most levels to follow.
    pub max_depth: usize,
    /// The most groups to find.
    pub max_groups: usize,
    /// The most DNs to ask for at once.
    pub batch: usize,
}

/// A group that a search found, with the members among those that were asked for or all it lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundGroup {
    /// The group.
    pub group: Group,
    /// The group's own DN in normal form.
    pub dn: NormalizedDn,
    /// Its members in normal form; those that were not asked for are ignored.
    pub members: Vec<NormalizedDn>,
}

/// What a walk wants.
#[derive(Debug)]
pub enum Step {
    /// Every group that has one of these as a member.
    Ask(Vec<DistinguishedName>),
    /// Nothing more: this is the closure, or the reason why there is none.
    Done(Observed<Closure>),
}

/// A walk under way.
#[derive(Debug)]
pub struct Walk {
    _limits: WalkLimits,
}

impl Walk {
    /// A walk that begins at a user.
    pub fn new(_user: &DistinguishedName, limits: WalkLimits) -> Self {
        Self { _limits: limits }
    }

    /// What to do next. An `Ask` has to be answered by [`Walk::feed`] before the next call.
    pub fn step(&mut self) -> Step {
        todo!()
    }

    /// The answer to the last `Ask`: all groups that it found, completely.
    pub fn feed(&mut self, _found: Vec<FoundGroup>) {
        todo!()
    }
}
