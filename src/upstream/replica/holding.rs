//! A loss of groups that is held: which one it is, and what was said of it.

use super::random;
use crate::app::saved::{HeldLoss, ReplicaStore};
use crate::domain::membership::graph::Graph;
use crate::domain::record::UpstreamId;
use crate::domain::replication::{Decision, Guard};
use crate::domain::time::Timestamp;
use std::sync::Arc;
use std::time::SystemTime;

/// How many of the groups that are gone are named.
pub(super) const MAX_EXAMPLES: usize = 10;

/// The guard over a copy, and the loss that it holds.
pub(super) struct Holding {
    pub(super) guard: Guard,
    item: Option<HeldLoss>,
    directory: Arc<str>,
    archive: Option<Arc<dyn ReplicaStore>>,
}

impl Holding {
    /// What an earlier process held. Until the directory has been asked it is held still.
    pub(super) fn new(directory: Arc<str>, archive: Option<Arc<dyn ReplicaStore>>) -> Self {
        let item = archive.as_ref().and_then(|archive| archive.held(&directory));
        let guard = guard_of(item.as_ref());
        Self { guard, item, directory, archive }
    }

    /// The copy goes on from what was saved, with so many groups; `None` if what was saved answers
    /// another question, and so does what was held.
    pub(super) fn resume(&mut self, groups: Option<usize>) {
        let Some(groups) = groups else {
            self.guard = Guard::default();
            return self.keep(None);
        };
        self.guard = match &self.item {
            Some(item) if item.total > 0 => Guard::holding(groups, item.left, item.decision),
            Some(_) if groups == 0 => Guard::believed_empty(),
            _ => Guard::new(groups),
        };
    }

    /// The loss that is held.
    pub(super) fn held(&self) -> Option<&HeldLoss> {
        self.item.as_ref().filter(|item| item.total > 0)
    }

    /// The guard does not believe what the directory shows. `seen` says which groups it does show,
    /// of those that are in `graph`.
    pub(super) fn hold(&mut self, graph: &Graph, seen: impl Fn(&UpstreamId) -> bool) {
        let Some(left) = self.guard.held() else { return };
        let decision = self.guard.decision();
        // Whoever decides about a loss must not find that it has grown meanwhile.
        let is_same = |item: &&HeldLoss| {
            left >= item.left || (decision == item.decision && decision != Decision::Open)
        };
        let before = self.held().filter(is_same);
        let (id, since) = match before {
            Some(item) => (item.id.clone(), item.since),
            None => (format!("{:08x}", random() as u32), now()),
        };
        let gone = graph.some_groups(MAX_EXAMPLES, |id| !seen(id));
        let examples = gone.into_iter().map(|group| group.dn).collect();
        let total = self.guard.trusted();
        self.keep(Some(HeldLoss { id, since, total, left, examples, decision }));
    }

    /// What was told counts. Nothing is held any more, if something was.
    pub(super) fn settled(&mut self) {
        if self.item.is_none() || self.guard.held().is_some() {
            return;
        }
        let item = self.item.take().filter(|_| self.guard.is_empty_believed());
        self.keep(item.map(|item| HeldLoss { total: 0, ..item }));
    }

    /// Somebody says what the loss of that id is; `None` if it is not held.
    pub(super) fn decide(&mut self, id: &str, decision: Decision) -> Option<HeldLoss> {
        let item = self.held().filter(|item| item.id == id)?.clone();
        if !self.guard.decide(decision) {
            return None;
        }
        let item = HeldLoss { decision, ..item };
        self.keep(Some(item.clone()));
        Some(item)
    }

    fn keep(&mut self, item: Option<HeldLoss>) {
        if self.item == item {
            return;
        }
        self.item = item;
        if let Some(archive) = &self.archive {
            archive.hold(&self.directory, self.item.clone());
        }
    }
}

fn guard_of(item: Option<&HeldLoss>) -> Guard {
    match item {
        Some(item) if item.total > 0 => Guard::holding(item.total, item.left, item.decision),
        _ => Guard::default(),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
