//! A concurrent map that hands out owned values only.
//!
//! A guard of the map that is held over another access, or over an await, can deadlock; none ever
//! leaves this file.

use dashmap::DashMap;
use foldhash::fast::RandomState;
use std::hash::Hash;

/// A concurrent map; its values are cheap to clone.
#[derive(Debug)]
pub(super) struct OwnedMap<K: Eq + Hash, V> {
    /// What is looked up here once a bind are names and ids of the directory's own: no client chooses
    /// them, and hashing is what takes the time.
    map: DashMap<K, V, RandomState>,
}

impl<K: Eq + Hash, V: Clone> OwnedMap<K, V> {
    pub(super) fn new() -> Self {
        Self { map: DashMap::with_hasher(RandomState::default()) }
    }

    /// What `read` makes of the value under `key`; it must not touch this map.
    pub(super) fn read<T>(&self, key: &K, read: impl FnOnce(&V) -> T) -> Option<T> {
        self.map.get(key).map(|guard| read(guard.value()))
    }

    /// Puts a value in and gives the one that was there.
    pub(super) fn insert(&self, key: K, value: V) -> Option<V> {
        self.map.insert(key, value)
    }

    /// How many of the values are `wanted`; counting stops at `enough`. `wanted` must not touch this
    /// map.
    pub(super) fn count(&self, enough: usize, wanted: impl Fn(&V) -> bool) -> usize {
        self.map.iter().filter(|guard| wanted(guard.value())).take(enough).count()
    }

    /// What `pick` makes of the values; it must not touch this map.
    pub(super) fn pick<T>(&self, pick: impl Fn(&V) -> Option<T>) -> Vec<T> {
        self.map.iter().filter_map(|guard| pick(guard.value())).collect()
    }

    /// Shows all values, in no order; `look` must not touch this map.
    pub(super) fn visit(&self, mut look: impl FnMut(&V)) {
        self.map.iter().for_each(|guard| look(guard.value()));
    }

    /// Takes a value out.
    pub(super) fn remove(&self, key: &K) -> Option<V> {
        self.map.remove(key).map(|(_, value)| value)
    }

    /// What `change` says after changing the value under `key`, if there is one; it must not
    /// touch this map.
    pub(super) fn update<T>(&self, key: &K, change: impl FnOnce(&mut V) -> T) -> Option<T> {
        self.map.get_mut(key).map(|mut guard| change(guard.value_mut()))
    }

    /// What `read` makes of each value, in no order; it must not touch this map.
    pub(super) fn collect<T>(&self, read: impl Fn(&V) -> T) -> Vec<T> {
        self.map.iter().map(|guard| read(guard.value())).collect()
    }

    /// Changes the value under `key`, making it first if it is not there; `change` must not touch
    /// this map.
    pub(super) fn upsert(&self, key: K, change: impl FnOnce(&mut V))
    where
        V: Default,
    {
        change(self.map.entry(key).or_default().value_mut());
    }
}
