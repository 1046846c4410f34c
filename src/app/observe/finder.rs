//! Finds a user's groups by the strategy of the directory, and believes what it found or not.

use super::canary::Cage;
use super::hinted::{self, Hint};
use super::joined::Joined;
use super::kept::Kept;
use super::{Found, Others, base_search, groups_visible, member_of, probe, walk_among};
use crate::app::ports::{LookupError, Lookups};
use crate::domain::identity::{self, OBJECT_GUID};
use crate::domain::membership::{Member, MemberRule};
use crate::domain::observation::{Closure, Observed, UnknownReason};
use crate::domain::policy::{GroupPolicy, Resolve};
use crate::domain::record::UpstreamId;
use crate::domain::sid::{OBJECT_SID, PRIMARY_GROUP_ID};
use crate::domain::strategy::{Strategy, choose};
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a probe counts.
const PROBE_LIFE: Duration = Duration::from_secs(600);

/// Finds the groups of one directory's users. It is made once and shared.
#[derive(Debug, Default)]
pub struct Finder {
    chosen: Mutex<Option<(Instant, Strategy)>>,
    cage: Cage,
    joined: Joined,
    kept: Kept,
}

impl Finder {
    /// All groups of a user, direct and nested; `held` are those that the record has from the
    /// directory. Where the directory said how far it has got, `era` is the time in which it says
    /// the same: then what was found in it is not asked again.
    pub async fn groups<L: Lookups>(
        &self,
        lookups: &L,
        policy: &GroupPolicy,
        user: &Member,
        held: &BTreeSet<UpstreamId>,
        era: Option<u64>,
    ) -> Found {
        let found = self.find(lookups, policy, user, held, era).await;
        let Observed::Known(closure) = &found.closure else { return found };
        match self.believe(lookups, policy, closure, held).await {
            Ok(()) => found,
            Err(reason) => Found::unknown(reason),
        }
    }

    /// Whether look-ups were more than may be kept, since this was asked last.
    pub fn was_full(&self) -> bool {
        self.kept.was_full()
    }

    fn others(&self, policy: &GroupPolicy, era: Option<u64>) -> Others<'_> {
        let era = era.filter(|_| policy.max_kept_lookups > 0);
        Others { joined: Some(&self.joined), kept: era.map(|era| (&self.kept, era)) }
    }

    /// What `memberOf` does not list is not believed to be gone, and an entry that lists nothing
    /// not to be in no group: both are asked for by members, which every reader of groups sees.
    async fn find<L: Lookups>(
        &self,
        lookups: &L,
        policy: &GroupPolicy,
        user: &Member,
        held: &BTreeSet<UpstreamId>,
        era: Option<u64>,
    ) -> Found {
        let others = self.others(policy, era);
        let by_uid_alone = policy.member_attributes.iter().all(|a| a.rule == MemberRule::Uid);
        if by_uid_alone && user.uids.is_empty() {
            // Nothing could be asked, and so nothing was learnt.
            return Found::unknown(UnknownReason::Visibility);
        }
        let listed = match self.strategy(lookups, policy).await {
            Strategy::Replica | Strategy::MemberWalk => {
                return walk_among(lookups, policy, user, others).await;
            }
            Strategy::MemberOfWalk => member_of::walk(lookups, policy, user).await,
            Strategy::MemberOfComputed => {
                hinted::closure(lookups, policy, user, Hint::MemberOf).await
            }
            Strategy::TokenGroups => {
                return hinted::closure(lookups, policy, user, Hint::TokenGroups).await.into();
            }
            Strategy::InChain => {
                return hinted::closure(lookups, policy, user, Hint::InChain).await.into();
            }
        };
        match listed {
            Observed::Known(closure)
                if closure.is_empty() || !held.iter().all(|id| closure.contains_key(id)) =>
            {
                walk_among(lookups, policy, user, others).await
            }
            other => other.into(),
        }
    }

    /// How groups are asked for: found out by a probe where the configuration leaves that open.
    async fn strategy<L: Lookups>(&self, lookups: &L, policy: &GroupPolicy) -> Strategy {
        if matches!(policy.resolve, Resolve::Auto | Resolve::Replica | Resolve::Walk) {
            return Strategy::MemberWalk;
        }
        let mut chosen = self.chosen.lock().await;
        if let Some((at, strategy)) = *chosen
            && at.elapsed() < PROBE_LIFE
        {
            return strategy;
        }
        let began = Instant::now();
        match probe::facts(lookups, policy).await {
            Ok(facts) => {
                let strategy = choose(policy, &facts).walk;
                *chosen = Some((began, strategy));
                strategy
            }
            // The walk will meet with the same trouble, and tell.
            Err(_) => Strategy::MemberWalk,
        }
    }

    /// Rule K5: the account still sees groups at all.
    async fn believe<L: Lookups>(
        &self,
        lookups: &L,
        policy: &GroupPolicy,
        closure: &Closure,
        held: &BTreeSet<UpstreamId>,
    ) -> Result<(), UnknownReason> {
        let takes_all = !held.is_empty() && !held.iter().any(|id| closure.contains_key(id));
        if takes_all && !groups_visible(lookups, policy).await? {
            return Err(UnknownReason::Visibility);
        }
        self.hear_canary(lookups, policy).await
    }

    /// Whether the canary, if there is one, has its groups; looked at no more often than its
    /// interval allows.
    pub async fn hear_canary<L: Lookups>(
        &self,
        lookups: &L,
        policy: &GroupPolicy,
    ) -> Result<(), UnknownReason> {
        let Some(canary) = &policy.canary else { return Ok(()) };
        let look = self.groups_of_canary(lookups, policy, &canary.user);
        self.cage.listen(canary, look).await
    }

    async fn groups_of_canary<L: Lookups>(
        &self,
        lookups: &L,
        policy: &GroupPolicy,
        user: &DistinguishedName,
    ) -> Observed<Closure> {
        let attributes = ["uid", OBJECT_GUID, OBJECT_SID, PRIMARY_GROUP_ID].map(str::to_owned);
        let search = base_search(user.as_str(), Filter::any_entry(), attributes.into());
        let entries = match lookups.search(search).await.map_err(LookupError::reason) {
            Ok(entries) => entries,
            Err(reason) => return Observed::Unknown(reason),
        };
        let Some(entry) = entries.first() else {
            return Observed::Unknown(UnknownReason::NotOneEntry);
        };
        let member = match identity::member(policy, user.clone(), entry) {
            Ok(member) => member,
            Err(reason) => return Observed::Unknown(reason),
        };
        self.find(lookups, policy, &member, &BTreeSet::new(), None).await.closure
    }
}
