//! A live copy on disk: what a directory had told before the gateway was started again.
//!
//! Whoever loses it loses nothing but time: the copy is then asked for from the beginning.

use super::ports::StoreError;
use crate::domain::record::UpstreamId;
use crate::domain::replication::Kept;

/// How far a saved copy had got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedPosition {
    /// The cookie to go on with.
    pub cookie: Vec<u8>,
    /// How many groups there were when it was complete last.
    pub groups: usize,
}

/// What a saved copy begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedCopy {
    /// What its digests are keyed by.
    pub seed: (u64, u64),
    /// The cookie to go on with; `None` if the copy was not complete since it was begun anew.
    pub cookie: Option<Vec<u8>>,
    /// How many groups there were when it was complete last; it outlives [`ReplicaStore::begin`],
    /// or an account that lost its rights would only have to wait for a restart.
    pub groups: usize,
}

/// What is to be done with one entry of a saved copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SavedChange {
    /// It is as given.
    Put(Kept),
    /// It is gone.
    Remove(UpstreamId),
}

/// Where live copies are saved, by the directory's name. Nothing here waits for the disk, except
/// what reads.
pub trait ReplicaStore: Send + Sync + 'static {
    /// What was saved as the answer to a question. Blocks.
    fn saved(&self, directory: &str, question: u128) -> Option<SavedCopy>;

    /// Every entry of the saved copy. Blocks.
    fn each(&self, directory: &str, take: &mut dyn FnMut(Kept)) -> Result<(), StoreError>;

    /// Forgets the entries that were saved, and begins the answer to a question anew.
    fn begin(&self, directory: &str, question: u128, seed: (u64, u64));

    /// Saves changes some time later, and with them how far the copy has got. A position is never
    /// on disk without all changes that came before it or with it.
    fn write(&self, directory: &str, changes: Vec<SavedChange>, position: Option<SavedPosition>);

    /// Whether there is room for more changes. Whoever writes without is not saved any more.
    fn has_room(&self) -> bool;

    /// Whether everything that was written is, or will be, on disk.
    fn is_kept(&self) -> bool;
}
