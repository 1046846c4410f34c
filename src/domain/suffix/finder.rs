//! What something is found by: nearly every key leads to one alone, and costs no more than that.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// Whom keys lead to.
#[derive(Debug)]
pub(super) struct Finder<K, T>(HashMap<K, Found<T>>);

#[derive(Debug)]
enum Found<T> {
    One(T),
    Several(BTreeSet<T>),
}

impl<K: Eq + Hash, T: Ord + Copy> Finder<K, T> {
    pub(super) fn new() -> Self {
        Self(HashMap::new())
    }

    /// A key leads to one more.
    pub(super) fn add(&mut self, key: K, more: T) {
        match self.0.get_mut(&key) {
            None => drop(self.0.insert(key, Found::One(more))),
            Some(Found::Several(several)) => drop(several.insert(more)),
            Some(found) => {
                if let Found::One(one) = *found
                    && one != more
                {
                    *found = Found::Several(BTreeSet::from([one, more]));
                }
            }
        }
    }

    /// A key leads to one less.
    pub(super) fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q, less: T)
    where
        K: Borrow<Q>,
    {
        let left = match self.0.get_mut(key) {
            None => return,
            Some(Found::One(one)) => (*one == less).then_some(None),
            Some(Found::Several(several)) => {
                several.remove(&less);
                (several.len() < 2).then(|| several.first().copied())
            }
        };
        match (left, self.0.get_mut(key)) {
            (Some(Some(last)), Some(found)) => *found = Found::One(last),
            (Some(None), _) => drop(self.0.remove(key)),
            _ => {}
        }
    }

    /// Those that a key leads to, in order.
    pub(super) fn of<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> impl Iterator<Item = T> + '_
    where
        K: Borrow<Q>,
    {
        let (one, several) = match self.0.get(key) {
            None => (None, None),
            Some(Found::One(one)) => (Some(*one), None),
            Some(Found::Several(several)) => (None, Some(several)),
        };
        one.into_iter().chain(several.into_iter().flatten().copied())
    }

    /// Whether a key leads to this one and to nobody else.
    pub(super) fn is_alone<Q: Eq + Hash + ?Sized>(&self, key: &Q, it: T) -> bool
    where
        K: Borrow<Q>,
    {
        matches!(self.0.get(key), Some(Found::One(one)) if *one == it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Against sets that are always sets.
        #[test]
        fn keys_lead_to_those_that_were_added_and_not_removed(
            steps in proptest::collection::vec((any::<bool>(), 0u8..3, 0u8..4), 0..60),
        ) {
            let (mut finder, mut model) = (Finder::new(), BTreeMap::<u8, BTreeSet<u8>>::new());
            for (adds, key, it) in steps {
                match adds {
                    true => {
                        finder.add(key, it);
                        model.entry(key).or_default().insert(it);
                    }
                    false => {
                        finder.remove(&key, it);
                        model.entry(key).or_default().remove(&it);
                    }
                }
                for (key, expected) in &model {
                    let found: Vec<u8> = finder.of(key).collect();
                    prop_assert!(found.iter().eq(expected), "{:?} {:?}", found, expected);
                    let is_alone = expected.len() == 1 && expected.contains(&it);
                    prop_assert_eq!(finder.is_alone(key, it), is_alone);
                }
            }
        }
    }
}
