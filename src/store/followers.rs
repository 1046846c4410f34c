//! Those who are told of each change of records and groups, for as long as somebody has them.

use crate::app::ports::RecordsFollower;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, Weak};

/// Those who are told of changes.
#[derive(Default)]
pub(super) struct Followers(RwLock<Vec<Weak<dyn RecordsFollower>>>);

impl fmt::Debug for Followers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Followers")
    }
}

impl Followers {
    /// One more; those whom nobody has any more are forgotten.
    pub(super) fn add(&self, follower: &Arc<dyn RecordsFollower>) {
        let mut followers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        followers.retain(|known| known.strong_count() > 0);
        followers.push(Arc::downgrade(follower));
    }

    pub(super) fn tell(&self, what: impl Fn(&dyn RecordsFollower)) {
        let followers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        followers.iter().filter_map(Weak::upgrade).for_each(|follower| what(&*follower));
    }
}
