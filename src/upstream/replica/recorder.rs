//! What is handed on to be saved: changes, gathered until a cookie covers them.

use crate::app::saved::{ReplicaStore, SavedChange, SavedCopy, SavedPosition};
use crate::domain::membership::graph::Graph;
use crate::domain::record::UpstreamId;
use crate::domain::replication::Kept;
use std::sync::Arc;

/// So many changes are handed on although no cookie covers them yet.
const MANY: usize = 256;

/// Saves one directory's copy, if copies are saved.
pub(super) struct Recorder {
    directory: Arc<str>,
    store: Option<Arc<dyn ReplicaStore>>,
    was_asked: bool,
    changes: Vec<SavedChange>,
    position: Option<SavedPosition>,
}

impl Recorder {
    pub(super) fn new(directory: Arc<str>, store: Option<Arc<dyn ReplicaStore>>) -> Self {
        Self { directory, store, was_asked: false, changes: Vec::new(), position: None }
    }

    /// What was saved by an earlier process as the answer to this question, if anything; told once.
    pub(super) fn saved(&mut self, question: u128) -> Option<Option<SavedCopy>> {
        let is_first = !std::mem::replace(&mut self.was_asked, true);
        let store = self.store.as_ref();
        is_first.then(|| store.and_then(|store| store.saved(&self.directory, question)))
    }

    /// The saved entries; `None` if they cannot be read.
    pub(super) fn load(&self, seed: (u64, u64)) -> Option<Graph> {
        let mut graph = Graph::new(seed);
        let store = self.store.as_ref()?;
        let loaded = store.each(&self.directory, &mut |kept| kept.put_into(&mut graph));
        loaded.is_ok().then_some(graph)
    }

    /// Everything is told anew.
    pub(super) fn begin(&mut self, question: u128, seed: (u64, u64)) {
        self.changes.clear();
        self.position = None;
        if let Some(store) = &self.store {
            store.begin(&self.directory, question, seed);
        }
    }

    pub(super) fn put(&mut self, kept: Kept) {
        self.note(SavedChange::Put(kept));
    }

    pub(super) fn remove(&mut self, id: UpstreamId) {
        self.note(SavedChange::Remove(id));
    }

    /// What was noted so far is covered.
    pub(super) fn reached(&mut self, position: Option<SavedPosition>) {
        self.position = position.filter(|_| self.store.is_some());
    }

    /// Hands on what is covered, or is much.
    pub(super) fn flush(&mut self) {
        if self.position.is_none() && self.changes.len() < MANY {
            return;
        }
        if let Some(store) = &self.store {
            let changes = std::mem::take(&mut self.changes);
            store.write(&self.directory, changes, self.position.take());
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.store.as_ref().is_none_or(|store| store.has_room())
    }

    pub(super) fn is_kept(&self) -> bool {
        self.store.as_ref().is_some_and(|store| store.is_kept())
    }

    fn note(&mut self, change: SavedChange) {
        if self.store.is_some() {
            self.changes.push(change);
        }
    }
}
