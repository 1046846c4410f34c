//! Questions of many walks in one search.
//!
//! Above the users, walks that are under way at the same time ask for the same few groups. What is
//! asked while a search is under way goes with the next one, for all who ask; so its answer is
//! younger than every question, and no walk is older than its sign-on. A user's own groups are asked
//! for by each walk itself: who is a member of whose team is nothing that others ask.
//!
//! A search for many may be refused where one for few is not, and a group may say of nobody whom it
//! holds. Then each walk asks by itself, and searches are not joined for a while.

use super::batches;
use super::members::holding;
use crate::app::flights::{Deserted, Flights, Luggage};
use crate::app::ports::Lookups;
use crate::domain::membership::{Member, MemberKey};
use crate::domain::observation::UnknownReason;
use crate::domain::policy::GroupPolicy;
use crate::domain::walk::FoundGroup;
use crate::proto::dn::NormalizedDn;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// So many walks at once are worth being joined; fewer would only wait for one another.
const CROWD: usize = 4;
/// How long walks ask by themselves after a search for many has said less than one for few.
const PAUSE: Duration = Duration::from_secs(60);

/// The joined questions of one directory.
pub(super) struct Joined {
    flights: Arc<Flights<(), Asked, Answer>>,
    walks: Arc<AtomicUsize>,
    /// Until when nothing is joined.
    paused: Mutex<Option<Instant>>,
}

/// Whom a search asks about.
struct Asked(BTreeMap<NormalizedDn, Member>);

/// The groups that hold those who were asked about; `None` if that cannot be told of each.
type Answer = Option<Arc<Vec<FoundGroup>>>;

impl Luggage for Asked {
    fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

impl Default for Joined {
    fn default() -> Self {
        let flights = Flights::new(Deserted::Skip);
        Self { flights, walks: Arc::default(), paused: Mutex::default() }
    }
}

impl fmt::Debug for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joined").field("walks", &self.walks).finish_non_exhaustive()
    }
}

/// A walk under way.
pub(super) struct Walking(Arc<AtomicUsize>);

impl Drop for Walking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Joined {
    /// A walk begins.
    pub(super) fn begin(&self) -> Walking {
        self.walks.fetch_add(1, Ordering::Relaxed);
        Walking(self.walks.clone())
    }

    /// All groups that hold one of `groups` directly, which are asked about together with those of
    /// other walks; `None` if they have to be asked about apart.
    pub(super) async fn holding<L: Lookups>(
        &self,
        lookups: &L,
        policy: &GroupPolicy,
        groups: &[Member],
    ) -> Option<Vec<FoundGroup>> {
        if self.walks.load(Ordering::Relaxed) < CROWD || self.is_paused() {
            return None;
        }
        let brought = groups.iter().map(|member| (member.dn.normalized().clone(), member.clone()));
        let fly = || {
            let (lookups, policy) = (lookups.clone(), Arc::new(policy.clone()));
            move |asked| find(lookups.clone(), policy.clone(), asked)
        };
        let start = |flight| drop(tokio::spawn(flight));
        let ride = self.flights.join((), Asked(brought.collect()), fly, start);
        let Some(found) = ride.await.flatten() else {
            self.pause();
            return None;
        };
        let own: BTreeSet<MemberKey> = groups.iter().flat_map(Member::keys).collect();
        let is_own = |group: &&FoundGroup| group.members.iter().any(|key| own.contains(key));
        Some(found.iter().filter(is_own).cloned().collect())
    }

    fn is_paused(&self) -> bool {
        let paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        paused.is_some_and(|until| Instant::now() < until)
    }

    fn pause(&self) {
        let until = Instant::now() + PAUSE;
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}

async fn find<L: Lookups>(lookups: L, policy: Arc<GroupPolicy>, asked: Asked) -> Answer {
    let all: Vec<Member> = asked.0.into_values().collect();
    let mut found = Vec::new();
    for part in batches(&policy, &all) {
        found.extend(holding_each(&lookups, &policy, part).await.ok()??);
    }
    Some(Arc::new(found))
}

/// All groups that hold one of them, each with whom of them it holds; `None` if one does not tell.
async fn holding_each<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    asked: &[Member],
) -> Result<Option<Vec<FoundGroup>>, UnknownReason> {
    let keys: BTreeSet<MemberKey> = asked.iter().flat_map(Member::keys).collect();
    let mut found = holding(lookups, policy, asked).await?;
    for group in &mut found {
        group.members.retain(|key| keys.contains(key));
    }
    Ok(found.iter().all(|group| !group.members.is_empty()).then_some(found))
}
