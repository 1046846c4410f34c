//! What has been told and does not count yet: nothing leaves the graph before its time.

use super::{Guard, Verdict};
use crate::domain::membership::graph::Graph;
use crate::domain::membership::{GroupEntry, UserEntry};
use crate::domain::record::UpstreamId;
use std::collections::BTreeSet;

/// What is kept of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// A group.
    Group(GroupEntry),
    /// A user.
    User(UserEntry),
}

impl Kept {
    /// The entry's upstream id.
    pub fn id(&self) -> &UpstreamId {
        match self {
            Self::Group(entry) => &entry.group.id,
            Self::User(entry) => &entry.id,
        }
    }

    /// Puts it into a graph.
    pub fn put_into(&self, graph: &mut Graph) {
        match self {
            Self::Group(entry) => graph.put_group(entry),
            Self::User(entry) => graph.put_user(entry),
        }
    }
}

/// Which entries are to leave the graph once what tells so counts.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    leaving: BTreeSet<UpstreamId>,
    sweeps: bool,
}

impl Ledger {
    /// A synchronisation begins; what an earlier one told without an end is forgotten.
    pub fn begin(&mut self, graph: &mut Graph) {
        *self = Self::default();
        graph.begin_present();
    }

    /// An entry is as given.
    pub fn put(&mut self, graph: &mut Graph, kept: &Kept) {
        self.leaving.remove(kept.id());
        kept.put_into(graph);
    }

    /// An entry is there, as it was.
    pub fn keep(&mut self, graph: &mut Graph, id: &UpstreamId) {
        self.leaving.remove(id);
        graph.mark_present(id);
    }

    /// An entry is gone. Ids that the graph does not know cost nothing.
    pub fn leave(&mut self, graph: &Graph, id: UpstreamId) {
        if graph.has(&id) {
            self.leaving.insert(id);
        }
    }

    /// Whatever was neither put nor kept is gone.
    pub fn sweep(&mut self) {
        self.sweeps = true;
    }

    /// All that was told counts now, unless the guard does not believe it; then the graph stays.
    /// Gives the ids of what has left.
    ///
    /// One group that is named as deleted is believed at any time: it is a fact and not an absence,
    /// and where there are few groups it would be more than the guard allows.
    pub fn settle(
        &mut self,
        graph: &mut Graph,
        guard: &mut Guard,
    ) -> Result<BTreeSet<UpstreamId>, Held> {
        let mut gone = self.leaving.clone();
        if self.sweeps {
            gone.extend(graph.unmarked_ids());
        }
        let lost = gone.iter().filter(|id| graph.group(id).is_some()).count();
        let left = graph.counts().groups - lost;
        let is_one_by_name = !self.sweeps && lost == 1 && guard.trusted() <= left + 1;
        if !is_one_by_name && guard.judge(left) == Verdict::Hold {
            return Err(Held { left, gone });
        }
        for id in &gone {
            graph.remove(id);
        }
        guard.settled(left);
        *self = Self::default();
        Ok(gone)
    }
}

/// A change that is not believed yet: it would leave so many groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// How many groups it would leave.
    pub left: usize,
    /// The ids of what would leave the graph.
    pub gone: BTreeSet<UpstreamId>,
}
