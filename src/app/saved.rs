//! A live copy on disk: what a directory had told before the gateway was started again.
//!
//! Whoever loses it loses nothing but time: the copy is then asked for from the beginning. (What is
//! held goes with it, as does the number of groups that it was held against.) How far a directory
//! was seen to have got is kept with the records.

use super::oversight::Boxed;
use super::ports::StoreError;
use crate::domain::record::UpstreamId;
use crate::domain::replication::{Decision, Kept, Witnesses};
use crate::domain::time::Timestamp;

/// How far a saved copy had got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedPosition {
    /// The cookie to go on with.
    pub cookie: Vec<u8>,
    /// How many groups there were when it was complete last.
    pub groups: usize,
    /// Entries that were changed last.
    pub witnesses: Witnesses,
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
    /// Entries that were changed last; they outlive it too.
    pub witnesses: Witnesses,
}

/// A loss of groups that is held until somebody confirms it or it passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLoss {
    /// Its id; another loss has another.
    pub id: String,
    /// Since when it is held.
    pub since: Timestamp,
    /// How many groups there were. 0 for a loss of all that was confirmed and counts: it is kept so
    /// that the next start believes in it too.
    pub total: usize,
    /// How many are left.
    pub left: usize,
    /// Names of some that are gone.
    pub examples: Vec<String>,
    /// What was said of it.
    pub decision: Decision,
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

    /// The loss that is held of a directory's groups. Blocks.
    fn held(&self, directory: &str) -> Option<HeldLoss>;

    /// Saves some time later that this loss is held, or none.
    fn hold(&self, directory: &str, loss: Option<HeldLoss>);

    /// Whether there is room for more changes. Whoever writes without is not saved any more.
    fn has_room(&self) -> bool;

    /// Whether everything that was written is, or will be, on disk.
    fn is_kept(&self) -> bool;
}

/// Where the breaker of a directory keeps what is held, and what it asks of the records.
pub trait HeldChanges: Send + Sync + 'static {
    /// What was kept; `None` if nothing was.
    fn kept(&self, directory: &str) -> Option<String>;

    /// Keeps a text, or nothing; the answer comes once that is on disk.
    fn keep<'a>(
        &'a self,
        directory: &'a str,
        text: Option<String>,
    ) -> Boxed<'a, Result<(), StoreError>>;

    /// The users whose last observation is held. Looks at all records.
    fn held_users(&self, directory: &str) -> Vec<UpstreamId>;

    /// How many users have signed on at that time or later; counting may stop at `enough`.
    fn signed_on_since(&self, directory: &str, since: Timestamp, enough: usize) -> usize;

    /// The name of a user who has a record.
    fn name_of(&self, directory: &str, user: &UpstreamId) -> Option<String>;
}

/// How far a directory was seen to have got, for the store, which asks before it writes.
pub trait SeenMarker: Send + Sync + 'static {
    /// As text; `None` if nothing was seen.
    fn seen(&self) -> Option<String>;

    /// It is not to count any more.
    fn forget(&self);
}
