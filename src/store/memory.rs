//! All records in memory, as they are on disk, with what they are found by.
//!
//! Records, groups and switches change after their commit only, on the writer's thread; marks
//! change at any time, from anywhere. Readers wait for nobody but for a moment's lock.

mod bearers;
mod index;

use super::followers::Followers;
use super::owned_map::OwnedMap;
use crate::app::accounts::Shelf;
use crate::app::ports::{Page, RecordsFollower, Stored, StoredSwitch};
use crate::app::saved::SeenMarker;
use crate::app::tokens::{self, Token};
use crate::domain::observation::UnknownReason;
use crate::domain::record::{
    Group, GroupsOutcome, Mark, Record, RecordId, Seen, Times, UpstreamId, UserKey,
};
use crate::domain::time::Timestamp;
use crate::proto::dn::NormalizedDn;
use arc_swap::ArcSwap;
use bearers::Bearers;
use index::{Index, Keys};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::Hash;
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

/// The most rows of one page, whatever is asked for.
pub(super) const MAX_PAGE: usize = 1000;

/// The records, groups and switches.
#[derive(Debug)]
pub(super) struct Memory {
    records: OwnedMap<UserKey, Slot>,
    /// By id; the few directories that have the same id stand beside each other.
    groups: OwnedMap<UpstreamId, Vec<GroupRow>>,
    /// There is at most one for each configured user type.
    switches: RwLock<Vec<SwitchRow>>,
    /// The number of the newest row of the audit.
    newest_audit: watch::Sender<i64>,
    index: RwLock<Index>,
    /// How many records are barred: as a rule none, and then nobody looks further.
    barred: AtomicUsize,
    /// Keys whose slot became unsaved, each once for every time that it did.
    unsaved: Mutex<Vec<UserKey>>,
    /// How far directories were seen to have got, as it is on disk.
    markers: Mutex<BTreeMap<String, String>>,
    /// What is held of each directory, as it is on disk.
    held: Mutex<BTreeMap<String, String>>,
    /// The tokens of administration.
    tokens: ArcSwap<Vec<Token>>,
    accounts: Arc<Shelf>,
    /// Who knows how far they have been seen to get since.
    watched: RwLock<Watched>,
    /// Who is told of changes, for as long as somebody has them.
    followers: Followers,
}

/// Those who know how far directories have got, by the directories' names.
#[derive(Default, Clone)]
struct Watched(Vec<(Arc<str>, Arc<dyn SeenMarker>)>);

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// A group and the directory it is of.
type GroupRow = (Arc<str>, Arc<Group>);

#[derive(Debug, Clone)]
struct Slot {
    stored: Stored,
    /// The number of its row.
    number: i64,
    mark: Saved,
    /// The digest of what is kept of the last complete observation.
    observed: Option<i64>,
}

/// What is kept of an observation beside a record that is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Observed {
    /// What was.
    AsBefore,
    /// What has this digest, or nothing.
    Now(Option<i64>),
}

/// Whether a record's mark is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saved {
    Yes,
    No,
}

/// A stored switch and whose it is.
#[derive(Debug, Clone)]
pub(super) struct SwitchRow {
    pub(super) directory: String,
    pub(super) user_type: String,
    pub(super) switch: StoredSwitch,
}

impl SwitchRow {
    fn is_of(&self, directory: &str, user_type: &str) -> bool {
        self.directory == directory && self.user_type == user_type
    }
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            records: OwnedMap::new(),
            groups: OwnedMap::new(),
            switches: RwLock::default(),
            newest_audit: watch::Sender::new(0),
            index: RwLock::default(),
            barred: AtomicUsize::new(0),
            unsaved: Mutex::default(),
            markers: Mutex::default(),
            held: Mutex::default(),
            tokens: ArcSwap::default(),
            accounts: Arc::default(),
            watched: RwLock::default(),
            followers: Followers::default(),
        }
    }

    pub(super) fn find(&self, key: &UserKey) -> Option<Stored> {
        self.records.read(key, |slot| slot.stored.clone())
    }

    pub(super) fn group(&self, directory: &str, id: &UpstreamId) -> Option<Arc<Group>> {
        let of_directory = |groups: &Vec<GroupRow>| {
            groups.iter().find(|(name, _)| **name == *directory).map(|(_, group)| group.clone())
        };
        self.groups.read(id, of_directory).flatten()
    }

    pub(super) fn switch(&self, directory: &str, user_type: &str) -> Option<StoredSwitch> {
        let switches = self.switches.read().unwrap_or_else(PoisonError::into_inner);
        switches.iter().find(|row| row.is_of(directory, user_type)).map(|row| row.switch)
    }

    /// Moves the mark of a record, if there is one, and has it saved later.
    pub(super) fn mark(&self, key: &UserKey, mark: Mark) {
        let before = self.records.update(key, |slot| {
            slot.stored.mark = mark;
            std::mem::replace(&mut slot.mark, Saved::No)
        });
        if before == Some(Saved::Yes) {
            self.unsaved().push(key.clone());
        }
    }

    /// Moves the times of a record's mark if what it has seen is this, and has it saved later.
    pub(super) fn renew(&self, key: &UserKey, seen: &Seen, times: Times) -> bool {
        let before = self.records.update(key, |slot| {
            let is_it = slot.stored.mark.renew(seen, times);
            is_it.then(|| std::mem::replace(&mut slot.mark, Saved::No))
        });
        if before == Some(Some(Saved::Yes)) {
            self.unsaved().push(key.clone());
        }
        before.flatten().is_some()
    }

    /// The number of a record's row, if there is a record.
    pub(super) fn number(&self, key: &UserKey) -> Option<i64> {
        self.records.read(key, |slot| slot.number)
    }

    /// A record and the number of its row.
    pub(super) fn row(&self, key: &UserKey) -> Option<(i64, Arc<Record>)> {
        self.records.read(key, |slot| (slot.number, slot.stored.record.clone()))
    }

    /// Up to `limit` marks that are not on disk, with the numbers of their rows; they count as saved
    /// from here on.
    pub(super) fn take_unsaved(&self, limit: usize) -> Vec<(UserKey, i64, Mark)> {
        let keys = {
            let mut unsaved = self.unsaved();
            let rest = unsaved.len().saturating_sub(limit);
            unsaved.split_off(rest)
        };
        let take = |key: UserKey| {
            let mark = self.records.update(&key, |slot| {
                let before = std::mem::replace(&mut slot.mark, Saved::Yes);
                (before == Saved::No).then(|| (slot.number, slot.stored.mark.clone()))
            });
            mark.flatten().map(|(number, mark)| (key, number, mark))
        };
        keys.into_iter().filter_map(take).collect()
    }

    /// Has marks that were taken but could not be written saved later.
    pub(super) fn put_back_unsaved(&self, keys: impl Iterator<Item = UserKey>) {
        for key in keys {
            let before =
                self.records.update(&key, |slot| std::mem::replace(&mut slot.mark, Saved::No));
            if before == Some(Saved::Yes) {
                self.unsaved().push(key);
            }
        }
    }

    /// Whether marks may be left that are not on disk.
    pub(super) fn has_unsaved(&self) -> bool {
        !self.unsaved().is_empty()
    }

    /// From here on these are asked how far directories have got, and no others.
    pub(super) fn watch(&self, watched: Vec<(Arc<str>, Arc<dyn SeenMarker>)>) {
        *self.watched.write().unwrap_or_else(PoisonError::into_inner) = Watched(watched);
    }

    /// Who is asked. The lock is not held while they are.
    fn watched(&self) -> Watched {
        self.watched.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How far a directory was seen to have got, as it is on disk.
    pub(super) fn marker(&self, directory: &str) -> Option<String> {
        self.markers().get(directory).cloned()
    }

    /// How far directories have got that have moved since that was written.
    pub(super) fn unsaved_markers(&self) -> Vec<(Arc<str>, String)> {
        let Watched(watched) = self.watched();
        let seen = watched.iter().filter_map(|(name, marker)| Some((name.clone(), marker.seen()?)));
        let seen: Vec<(Arc<str>, String)> = seen.collect();
        let saved = self.markers();
        seen.into_iter().filter(|(name, text)| saved.get(&**name) != Some(text)).collect()
    }

    /// Takes over how far a directory has got, which is on disk.
    pub(super) fn install_marker(&self, directory: &str, text: String) {
        self.markers().insert(directory.to_owned(), text);
    }

    /// How far a directory had got is forgotten on disk, and is from here on by all.
    pub(super) fn forget_marker(&self, directory: &str) {
        self.markers().remove(directory);
        for (name, marker) in self.watched().0 {
            if *name == *directory {
                marker.forget();
            }
        }
    }

    fn markers(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.markers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on somebody is told of changes, first of all that there is, until nobody has it any
    /// more.
    pub(super) fn follow(&self, follower: &Arc<dyn RecordsFollower>) {
        let _index = self.index_for_writing();
        self.followers.add(follower);
        for (directory, group) in self.groups() {
            follower.group(&directory, &group);
        }
        for record in self.records.collect(|slot| slot.stored.record.clone()) {
            follower.record(&record);
        }
    }

    /// Tells whoever is to be told.
    fn tell(&self, what: impl Fn(&dyn RecordsFollower)) {
        self.followers.tell(what);
    }

    /// The digest of what is kept of the last complete observation of a user, if there is a record.
    pub(super) fn observed(&self, key: &UserKey) -> Option<Option<i64>> {
        self.records.read(key, |slot| slot.observed)
    }

    /// Something else is kept of an observation on disk.
    pub(super) fn observe(&self, key: &UserKey, digest: Option<i64>) {
        self.records.update(key, |slot| slot.observed = digest);
    }

    /// Takes over a record that is on disk under this number, with its mark and what is kept of its
    /// observation.
    pub(super) fn install(
        &self,
        (number, record): (i64, Arc<Record>),
        mark: Mark,
        observed: Observed,
    ) {
        let mut index = self.index_for_writing();
        let key = record.key.clone();
        let observed = match observed {
            Observed::Now(digest) => digest,
            Observed::AsBefore => self.observed(&key).flatten(),
        };
        let stored = Stored { record: record.clone(), mark };
        let slot = Slot { stored, number, mark: Saved::Yes, observed };
        if let Some(old) = self.records.insert(key, slot) {
            index.remove(&old.stored.record);
        }
        index.insert(&record);
        self.barred.store(index.barred.len(), Ordering::Release);
        self.tell(|follower| follower.record(&record));
    }

    /// Forgets a record that is not on disk any more.
    pub(super) fn uninstall(&self, key: &UserKey) {
        let mut index = self.index_for_writing();
        if let Some(old) = self.records.remove(key) {
            index.remove(&old.stored.record);
            self.tell(|follower| follower.record_gone(key));
        }
        self.barred.store(index.barred.len(), Ordering::Release);
    }

    /// Takes over a group that is on disk.
    pub(super) fn install_group(&self, directory: &Arc<str>, group: Arc<Group>) {
        self.groups.upsert(group.id.clone(), |groups| {
            groups.retain(|(name, _)| name != directory);
            groups.push((directory.clone(), group.clone()));
        });
        // Behind that: whoever begins to follow in between has found it.
        self.tell(|follower| follower.group(directory, &group));
    }

    /// Takes over a switch's value that is on disk; `None` if it was cleared.
    pub(super) fn install_switch(
        &self,
        directory: &str,
        user_type: &str,
        switch: Option<StoredSwitch>,
    ) {
        let mut switches = self.switches.write().unwrap_or_else(PoisonError::into_inner);
        switches.retain(|row| !row.is_of(directory, user_type));
        switches.extend(switch.map(|switch| SwitchRow {
            directory: directory.to_owned(),
            user_type: user_type.to_owned(),
            switch,
        }));
    }

    /// All switches that have a value.
    pub(super) fn switches(&self) -> Vec<(String, String, StoredSwitch)> {
        let switches = self.switches.read().unwrap_or_else(PoisonError::into_inner);
        let told = |row: &SwitchRow| (row.directory.clone(), row.user_type.clone(), row.switch);
        switches.iter().map(told).collect()
    }

    /// What is held of a directory, as it is on disk.
    pub(super) fn held(&self, directory: &str) -> Option<String> {
        self.held_texts().get(directory).cloned()
    }

    /// Takes over what is held of a directory, which is on disk.
    pub(super) fn install_held(&self, directory: &str, text: Option<String>) {
        match text {
            Some(text) => self.held_texts().insert(directory.to_owned(), text),
            None => self.held_texts().remove(directory),
        };
    }

    fn held_texts(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many users of a directory have signed on at that time or later, up to `enough`.
    pub(super) fn signed_on_since(
        &self,
        directory: &str,
        since: Timestamp,
        enough: usize,
    ) -> usize {
        self.records.count(enough, |Slot { stored, .. }| {
            stored.mark.last_sign_on >= since && *stored.record.key.directory == *directory
        })
    }

    /// The users of a directory whose last observation is held.
    pub(super) fn held_users(&self, directory: &str) -> Vec<UpstreamId> {
        let is_held = |stored: &Stored| {
            stored.mark.groups == GroupsOutcome::Unknown(UnknownReason::Held)
                && *stored.record.key.directory == *directory
        };
        self.records.pick(|Slot { stored, .. }| {
            is_held(stored).then(|| stored.record.key.upstream_id.clone())
        })
    }

    /// Tells that the audit has a row of this number.
    pub(super) fn audited(&self, newest: i64) {
        self.newest_audit.send_if_modified(|last| {
            let is_newer = *last < newest;
            *last = newest.max(*last);
            is_newer
        });
    }

    /// Who is told of the newest row of the audit.
    pub(super) fn newest_audit(&self) -> watch::Receiver<i64> {
        self.newest_audit.subscribe()
    }

    pub(super) fn list(&self, cursor: Option<&str>, limit: usize) -> Page<Stored> {
        let index = self.index();
        let limit = limit.clamp(1, MAX_PAGE);
        let start = match cursor {
            Some(id) => Bound::Excluded(RecordId(Arc::from(id))),
            None => Bound::Unbounded,
        };
        let mut rows = index.by_id.range((start, Bound::Unbounded)).map(|(_, key)| key);
        let items: Vec<_> = rows.by_ref().take(limit).filter_map(|key| self.find(key)).collect();
        let more = rows.next().is_some();
        let next = items.last().filter(|_| more).map(|last| last.record.id.0.to_string());
        Page { items, next }
    }

    /// Shows all records, in no order.
    pub(super) fn visit(&self, look: &mut dyn FnMut(&Stored)) {
        self.records.visit(|slot| look(&slot.stored));
    }

    /// The accounts of the gateway's own.
    pub(super) fn accounts(&self) -> &Arc<Shelf> {
        &self.accounts
    }

    /// The tokens of administration.
    pub(super) fn tokens(&self) -> tokens::Kept {
        self.tokens.load_full()
    }

    /// Takes over a token that is on disk, or that is not any more.
    pub(super) fn install_token(&self, name: &str, token: Option<Token>) {
        let mut all = (*self.tokens()).clone();
        all.retain(|kept| kept.name != name);
        all.extend(token);
        self.tokens.store(Arc::new(all));
    }

    pub(super) fn by_name(&self, user_type: Option<&str>, name: &str) -> Vec<Stored> {
        let mut found = self.found(&self.index().by_name, &name.to_lowercase());
        found.retain(|stored| user_type.is_none_or(|wanted| *stored.record.user_type == *wanted));
        found
    }

    pub(super) fn by_dn(&self, dn: &NormalizedDn) -> Vec<Stored> {
        self.found(&self.index().by_dn, dn)
    }

    pub(super) fn by_upstream_id(&self, id: &str) -> Vec<Stored> {
        let upstream_id = UpstreamId::new(id);
        let key = |directory: &Arc<str>| UserKey {
            directory: directory.clone(),
            upstream_id: upstream_id.clone(),
        };
        let keys: Vec<UserKey> = self.index().directories.keys().map(key).collect();
        keys.iter().filter_map(|key| self.find(key)).collect()
    }

    pub(super) fn by_record_id(&self, id: &str) -> Option<Stored> {
        let key = self.key_of(&RecordId(Arc::from(id)))?;
        self.find(&key)
    }

    /// Whether a record of a directory is barred.
    pub(super) fn has_barred(&self, directory: &str) -> bool {
        if self.barred.load(Ordering::Acquire) == 0 {
            return false;
        }
        let first = UserKey { directory: Arc::from(directory), upstream_id: UpstreamId::new("") };
        let index = self.index();
        let next = index.barred.range(first..).next();
        next.is_some_and(|key| *key.directory == *directory)
    }

    /// Whether a record of a directory is inactive.
    pub(super) fn has_inactive(&self, directory: &str) -> bool {
        self.index().inactive.get(directory).is_some_and(|count| *count > 0)
    }

    /// All groups, with their directories.
    pub(super) fn groups(&self) -> Vec<(Arc<str>, Arc<Group>)> {
        self.groups.collect(|groups| groups.clone()).into_iter().flatten().collect()
    }

    /// A group is no longer on disk.
    pub(super) fn remove_group(&self, directory: &str, id: &UpstreamId) {
        self.groups.update(id, |groups| groups.retain(|(name, _)| **name != *directory));
        self.tell(|follower| follower.group_gone(directory, id));
    }

    /// How many users are effectively in a group.
    pub(super) fn counted_in(&self, directory: &str, group: &UpstreamId) -> usize {
        let key = (Arc::from(directory), group.clone());
        self.index().counted.get(&key).copied().unwrap_or(0)
    }

    /// Users of whose memberships one has come to its end.
    pub(super) fn ended(&self, now: Timestamp, limit: usize) -> Vec<UserKey> {
        let index = self.index();
        let due = index.ending.iter().take_while(|(at, _)| *at <= now);
        due.take(limit).map(|(_, key)| key.clone()).collect()
    }

    /// The users of a directory who were given a group, or any, otherwise than by the directory; `None`
    /// if they are more than `most`.
    pub(super) fn given(
        &self,
        directory: &str,
        group: Option<&UpstreamId>,
        most: usize,
    ) -> Option<Vec<UpstreamId>> {
        let index = self.index();
        let sets: Vec<&Bearers> = match group {
            Some(group) => index.by_given.get(group).into_iter().collect(),
            None => index.by_given.values().collect(),
        };
        let is_here = |key: &&UserKey| *key.directory == *directory;
        let mut found = BTreeSet::new();
        for key in sets.into_iter().flat_map(Bearers::iter).filter(is_here) {
            found.insert(key.upstream_id.clone());
            if found.len() > most {
                return None;
            }
        }
        Some(found.into_iter().collect())
    }

    /// Whose record has this id.
    pub(super) fn key_of(&self, id: &RecordId) -> Option<UserKey> {
        self.index().by_id.get(id).cloned()
    }

    fn found<K: Eq + Hash>(&self, keys: &Keys<K>, key: &K) -> Vec<Stored> {
        keys.get(key).into_iter().flat_map(Bearers::iter).filter_map(|key| self.find(key)).collect()
    }

    fn unsaved(&self) -> MutexGuard<'_, Vec<UserKey>> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_for_writing(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}
