//! Where records are kept, in memory or by the real store, and what an admin does to them there.

use crate::fakes::Memory;
use bindgate::app::events::{AuditEntry, Event};
use bindgate::app::ports::{Catalogue, Commit, Events, Records, StoreError, Stored};
use bindgate::domain::change::{Change, apply};
use bindgate::domain::record::UserKey;
use bindgate::domain::time::Timestamp;
use bindgate::store::{Config, OpenError, Store};
use std::path::Path;
use std::time::{Duration, Instant};

/// The records of a history.
pub(crate) trait Shelf: Records {
    /// What there is in a folder of the test's own: nothing at first.
    fn open(folder: &Path) -> Self;
    /// All records.
    fn all(&self) -> Vec<Stored>;
    /// Changes a record as an admin's command does.
    async fn edit(&self, key: &UserKey, changes: Vec<Change>);
    /// The next commit fails.
    fn fail(&self);
    /// Whether it does.
    fn will_fail(&self) -> bool;
    /// The same after its process has ended.
    fn restarted(self, folder: &Path) -> Self;
}

impl Shelf for Memory {
    fn open(_: &Path) -> Self {
        Self::default()
    }

    fn all(&self) -> Vec<Stored> {
        self.state().records.values().cloned().collect()
    }

    async fn edit(&self, key: &UserKey, changes: Vec<Change>) {
        let id = key.upstream_id.as_str().trim_start_matches("id-").to_owned();
        Memory::edit(self, &id, |record| {
            *record = apply(Some(record.clone()), &changes).unwrap().unwrap();
        });
    }

    fn fail(&self) {
        self.state().faults.push_back(StoreError::Failed("disk full".to_owned()));
    }

    fn will_fail(&self) -> bool {
        !self.state().faults.is_empty()
    }

    fn restarted(self, _: &Path) -> Self {
        self.state().records.values_mut().for_each(|stored| stored.mark.seen = None);
        self
    }
}

/// Events that nobody looks at.
#[derive(Debug, Clone)]
pub(crate) struct Silent;

impl Events for Silent {
    fn emit(&self, _: &Event<'_>) {}
}

/// The real store, on disk.
impl Shelf for Store<Silent> {
    /// A moment after it was closed its lock may still be held by a child of another test, which has
    /// not begun its own program yet.
    fn open(folder: &Path) -> Self {
        let config = Config {
            folder: folder.to_owned(),
            max_waiting: 64,
            mark_interval: Duration::from_secs(3600),
            max_audit_rows: 1000,
            max_observation_size: 65_536,
            max_audit_age: Duration::from_secs(3600),
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match Store::open(config.clone(), Silent) {
                Ok(store) => return store,
                Err(OpenError::InUse { .. }) if Instant::now() < deadline => {
                    std::thread::yield_now();
                }
                Err(error) => panic!("the store opens: {error}"),
            }
        }
    }

    fn all(&self) -> Vec<Stored> {
        self.list(None, 1000).items
    }

    async fn edit(&self, key: &UserKey, changes: Vec<Change>) {
        let Stored { record, mark } = self.find(key).unwrap();
        let audit = AuditEntry::new(Timestamp(0), "admin", "admin", "changed").about(key);
        let (key, base_version) = (key.clone(), Some(record.version));
        let commit =
            Commit { key, base_version, changes, groups: Vec::new(), mark, audit, observed: None };
        self.commit(commit).await.unwrap();
    }

    /// Histories over it have no such step: what a disk does is told by tests of their own.
    fn fail(&self) {}

    fn restarted(self, folder: &Path) -> Self {
        self.close().unwrap();
        drop(self);
        <Self as Shelf>::open(folder)
    }

    fn will_fail(&self) -> bool {
        false
    }
}
