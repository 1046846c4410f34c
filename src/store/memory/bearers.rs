//! Who bears a name: one user as a rule, so that a tree for each would be most of an index.

use crate::domain::record::UserKey;
use std::collections::BTreeSet;
use std::slice;

/// Some users, each once, in the order of their keys.
#[derive(Debug)]
pub(in crate::store) enum Bearers {
    /// One alone.
    One(UserKey),
    /// Several, or nobody.
    Several(BTreeSet<UserKey>),
}

impl Default for Bearers {
    fn default() -> Self {
        Self::Several(BTreeSet::new())
    }
}

impl Bearers {
    /// Adds one, who may be there.
    pub(super) fn insert(&mut self, key: &UserKey) {
        match self {
            Self::One(there) if there == key => {}
            Self::One(there) => {
                *self = Self::Several([there.clone(), key.clone()].into());
            }
            Self::Several(there) if there.is_empty() => *self = Self::One(key.clone()),
            Self::Several(there) => {
                there.insert(key.clone());
            }
        }
    }

    /// Takes one out, who may not be there.
    pub(super) fn remove(&mut self, key: &UserKey) {
        match self {
            Self::One(there) if there == key => *self = Self::default(),
            Self::One(_) => {}
            Self::Several(there) => {
                there.remove(key);
            }
        }
    }

    /// Whether nobody is left.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Several(there) if there.is_empty())
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &UserKey> {
        let (one, several) = match self {
            Self::One(key) => (slice::from_ref(key), None),
            Self::Several(there) => (Default::default(), Some(there)),
        };
        one.iter().chain(several.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::UpstreamId;
    use proptest::prelude::*;

    fn key(number: u8) -> UserKey {
        UserKey { directory: "corp".into(), upstream_id: UpstreamId::new(&number.to_string()) }
    }

    proptest! {
        #[test]
        fn they_are_who_came_and_did_not_go(steps in prop::collection::vec((0_u8..4, any::<bool>()), 0..20)) {
            let (mut bearers, mut expected) = (Bearers::default(), BTreeSet::new());
            for (number, comes) in steps {
                let key = key(number);
                if comes {
                    bearers.insert(&key);
                    expected.insert(key);
                } else {
                    bearers.remove(&key);
                    expected.remove(&key);
                }
                prop_assert_eq!(bearers.iter().cloned().collect::<BTreeSet<_>>(), expected.clone());
                prop_assert_eq!(bearers.iter().count(), expected.len());
                prop_assert_eq!(bearers.is_empty(), expected.is_empty());
            }
        }
    }
}
