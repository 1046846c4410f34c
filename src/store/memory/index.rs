//! What records are found by beside their key.

use super::bearers::Bearers;
use crate::domain::record::{Provenance, Record, RecordId, UpstreamId, UserKey};
use crate::domain::time::Timestamp;
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

pub(super) type Keys<K> = HashMap<K, Bearers>;

/// What records are found by beside their key. Its lock is taken before a record's, never after.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) by_id: BTreeMap<RecordId, UserKey>,
    pub(super) by_name: Keys<String>,
    pub(super) by_dn: Keys<NormalizedDn>,
    /// How many records there are of each directory.
    pub(super) directories: BTreeMap<Arc<str>, usize>,
    /// By group: who has it otherwise than by the directory.
    pub(super) by_given: Keys<UpstreamId>,
    /// Those whose binds are refused: few, as a rule.
    pub(super) barred: BTreeSet<UserKey>,
    /// How many records of each directory are inactive.
    pub(super) inactive: HashMap<Arc<str>, usize>,
    /// Those of whose memberships one ends by itself, and when the first does.
    pub(super) ending: BTreeSet<(Timestamp, UserKey)>,
    /// How many are effectively in each group.
    pub(super) counted: HashMap<(Arc<str>, UpstreamId), usize>,
}

impl Index {
    pub(super) fn insert(&mut self, record: &Record) {
        let key = &record.key;
        self.by_id.insert(record.id.clone(), key.clone());
        self.by_name.entry(record.name.to_lowercase()).or_default().insert(key);
        *self.directories.entry(key.directory.clone()).or_default() += 1;
        for group in given(record) {
            self.by_given.entry(group.clone()).or_default().insert(key);
        }
        if record.is_barred() {
            self.barred.insert(key.clone());
        }
        if !record.is_active() {
            *self.inactive.entry(key.directory.clone()).or_default() += 1;
        }
        if let Some(at) = record.next_end() {
            self.ending.insert((at, key.clone()));
        }
        for group in record.effective_groups() {
            *self.counted.entry((key.directory.clone(), group.clone())).or_default() += 1;
        }
        if let Some(dn) = normalized(record) {
            self.by_dn.entry(dn).or_default().insert(key);
        }
    }

    pub(super) fn remove(&mut self, record: &Record) {
        let key = &record.key;
        self.by_id.remove(&record.id);
        take(&mut self.by_name, &record.name.to_lowercase(), key);
        count_down(&mut self.directories, &key.directory);
        self.barred.remove(key);
        if let (false, Some(count)) = (record.is_active(), self.inactive.get_mut(&key.directory)) {
            *count = count.saturating_sub(1);
        }
        if let Some(at) = record.next_end() {
            self.ending.remove(&(at, key.clone()));
        }
        for group in record.effective_groups() {
            let of = (key.directory.clone(), group.clone());
            if let Some(count) = self.counted.get_mut(&of) {
                *count -= 1;
                if *count == 0 {
                    self.counted.remove(&of);
                }
            }
        }
        for group in given(record) {
            take(&mut self.by_given, group, key);
        }
        if let Some(dn) = normalized(record) {
            take(&mut self.by_dn, &dn, key);
        }
    }
}

fn count_down(counts: &mut BTreeMap<Arc<str>, usize>, of: &Arc<str>) {
    let Some(count) = counts.get_mut(of) else { return };
    *count = count.saturating_sub(1);
    if *count == 0 {
        counts.remove(of);
    }
}

fn take<K: Eq + Hash>(keys: &mut Keys<K>, from: &K, key: &UserKey) {
    let Some(set) = keys.get_mut(from) else { return };
    set.remove(key);
    if set.is_empty() {
        keys.remove(from);
    }
}

/// The groups that the directory is not alone to say.
fn given(record: &Record) -> impl Iterator<Item = &UpstreamId> {
    let rows = record.memberships.keys();
    rows.filter(|row| row.provenance != Provenance::Managed).map(|row| &row.group)
}

/// The DN to be found by; a directory's DN that is none is found by nobody.
fn normalized(record: &Record) -> Option<NormalizedDn> {
    DistinguishedName::parse(&record.dn).ok().map(|dn| dn.normalized().clone())
}
