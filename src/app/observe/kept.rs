//! Look-ups of groups that are kept for as long as the directory says that nothing has changed.
//!
//! How far the directory has got is asked after every sign-on's request, for its copy's sake or to
//! notice a backup. Where it says the same as before, no change was made in between; so what was
//! searched for after it had said so the first time is what would be found now. An era is a time in
//! which it says the same: what was asked in one is kept for that one alone.
//!
//! It rests on one server: another one may answer a search that is behind the one that said how far it
//! has got. So nothing is kept where a directory has several, and nothing for long, since one name may
//! lead to several unseen. And it rests on a number that moves no later than a change is seen: OpenLDAP's
//! waits for changes that were begun earlier and are still being written, so for the milliseconds of
//! these a sign-on may be told what was so before another change. Therefore nobody has this who did not
//! ask for it.

use crate::domain::membership::{Member, MemberKey};
use crate::domain::sid::Sid;
use crate::domain::walk::FoundGroup;
use crate::proto::dn::NormalizedDn;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long anything is kept.
const LIFE: Duration = Duration::from_secs(60);

/// What is kept of one directory's look-ups.
#[derive(Debug, Default)]
pub(super) struct Kept {
    lookups: Mutex<Lookups>,
    /// Whether there were more than may be kept, since that was asked last.
    was_full: AtomicBool,
}

#[derive(Debug, Default)]
struct Lookups {
    era: u64,
    until: Option<Instant>,
    /// The groups that hold somebody directly.
    groups: HashMap<Asked, Arc<[FoundGroup]>>,
}

/// Everything by which groups may name somebody.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Asked {
    dn: NormalizedDn,
    uids: Vec<String>,
    primary_group: Option<Sid>,
}

impl Asked {
    fn of(member: &Member) -> Self {
        Self {
            dn: member.dn.normalized().clone(),
            uids: member.uids.clone(),
            primary_group: member.primary_group.clone(),
        }
    }
}

/// What is known of some whose groups are asked for.
pub(super) struct Known {
    /// The groups that hold those of whom it is known, once for each.
    pub(super) groups: Vec<FoundGroup>,
    /// Those of whom it is not.
    pub(super) missing: Vec<Member>,
}

impl Kept {
    /// What was found in this era of those who are `asked` about.
    pub(super) fn known(&self, era: u64, asked: &[Member]) -> Known {
        let asked_by: Vec<Asked> = asked.iter().map(Asked::of).collect();
        let found: Vec<Option<Arc<[FoundGroup]>>> = {
            // All workers share it: what takes longer is done outside.
            let lookups = self.of(era);
            let find =
                |asked| lookups.as_ref().and_then(|lookups| lookups.groups.get(asked).cloned());
            asked_by.iter().map(find).collect()
        };
        let mut known = Known { groups: Vec::new(), missing: Vec::new() };
        for (member, found) in asked.iter().zip(found) {
            match found {
                Some(groups) => known.groups.extend(groups.iter().cloned()),
                None => known.missing.push(member.clone()),
            }
        }
        known
    }

    /// Keeps what was found of those who were `asked` about, in this era. `most` may be kept; with
    /// more it is begun anew.
    pub(super) fn keep(&self, era: u64, most: usize, asked: &[Member], found: &[FoundGroup]) {
        let keys: BTreeSet<MemberKey> = asked.iter().flat_map(Member::keys).collect();
        let tells = |group: &FoundGroup| group.members.iter().any(|key| keys.contains(key));
        if !found.iter().all(tells) {
            // It is not known whose groups those are.
            return;
        }
        let of_each = asked.iter().take(most).map(|member| {
            let own = member.keys();
            let holds = |group: &&FoundGroup| group.members.iter().any(|key| own.contains(key));
            let told = |group: &FoundGroup| FoundGroup { members: own.clone(), ..group.clone() };
            (Asked::of(member), found.iter().filter(holds).map(told).collect())
        });
        let of_each: Vec<(Asked, Arc<[FoundGroup]>)> = of_each.collect();
        let Some(mut lookups) = self.of(era) else { return };
        if lookups.groups.len() + asked.len() > most {
            lookups.groups.clear();
            self.was_full.store(true, Ordering::Relaxed);
        }
        lookups.groups.extend(of_each);
    }

    /// Whether there were more than may be kept, since this was asked last.
    pub(super) fn was_full(&self) -> bool {
        self.was_full.swap(false, Ordering::Relaxed)
    }

    /// What is kept in an era; `None` of one that is over.
    fn of(&self, era: u64) -> Option<MutexGuard<'_, Lookups>> {
        let mut lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        if era < lookups.era {
            return None;
        }
        let now = Instant::now();
        if era > lookups.era || lookups.until.is_none_or(|until| until <= now) {
            *lookups = Lookups { era, until: Some(now + LIFE), groups: HashMap::new() };
        }
        Some(lookups)
    }
}
