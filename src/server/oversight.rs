//! The directories as administration sees them: put together of their parts.

use crate::app::barrier::{Barrier, Progress};
use crate::app::breaker::Breaker;
use crate::app::observe;
use crate::app::oversight::{Boxed, DirectoryState, Held, Oversight};
use crate::app::ports::StoreError;
use crate::config;
use crate::domain::observation::UnknownReason;
use crate::domain::policy::DirectoryPolicy;
use crate::domain::replication::Decision;
use crate::domain::strategy::{Choice, choose};
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::upstream::{self, LiveCopy};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a directory may take to say how it stands.
const PATIENCE: Duration = Duration::from_secs(5);

/// What holds losses of groups of many users of a directory at once.
pub(super) fn breaker(
    directory: &config::Directory,
    store: &Store<Telemetry>,
    telemetry: &Telemetry,
) -> Breaker<Telemetry> {
    let (name, store) = (directory.policy.name.clone(), Arc::new(store.clone()));
    Breaker::new(name, directory.mass_change, store, telemetry.clone())
}

/// One directory's parts.
pub(super) struct Part {
    pub(super) policy: Arc<DirectoryPolicy>,
    pub(super) upstream: Arc<upstream::Directory>,
    /// The barrier, where groups are asked for.
    pub(super) barrier: Option<Barrier<LiveCopy, Telemetry>>,
    /// Whether there is to be a live copy of it.
    pub(super) is_followed: bool,
    /// What holds losses of many users at once.
    pub(super) breaker: Option<Breaker<Telemetry>>,
}

/// All directories, in the file's order.
pub(super) struct Directories(pub(super) Vec<Part>);

impl Part {
    async fn state(&self) -> DirectoryState {
        let asked = timeout(PATIENCE, self.ask()).await;
        let unanswered = || (None, self.choice_unknown(UnknownReason::Timeout), None);
        let (kind, choice, progress) = asked.unwrap_or_else(|_| unanswered());
        let copy = self.barrier.as_ref().filter(|_| self.is_followed);
        DirectoryState {
            name: self.policy.name.clone(),
            kind,
            servers: self.upstream.servers(),
            pool: self.upstream.pool(),
            choice,
            copy: copy.map(|barrier| barrier.replica().state()),
            progress,
        }
    }

    /// What it calls itself, how its groups are asked for, and how far it has got.
    async fn ask(
        &self,
    ) -> (Option<String>, Option<Result<Choice, UnknownReason>>, Option<Progress>) {
        let lookups = self.upstream.lookups(0);
        let (kind, choice) = match &self.policy.groups {
            None => (observe::vendor(&lookups).await.ok().map(|(vendor, _)| vendor), None),
            Some(policy) => match observe::facts(&lookups, policy).await {
                Ok(facts) => (Some(facts.vendor.clone()), Some(Ok(choose(policy, &facts)))),
                Err(reason) => (None, self.choice_unknown(reason)),
            },
        };
        let progress = match &self.barrier {
            Some(barrier) => Some(barrier.progress(&lookups).await),
            None => None,
        };
        (kind.filter(|kind| !kind.is_empty()), choice, progress)
    }

    fn choice_unknown(&self, reason: UnknownReason) -> Option<Result<Choice, UnknownReason>> {
        self.policy.groups.as_ref().map(|_| Err(reason))
    }

    fn copy(&self) -> Option<&LiveCopy> {
        self.barrier.as_ref().map(Barrier::replica)
    }

    fn held(&self) -> Vec<Held> {
        let groups = self.copy().and_then(LiveCopy::held);
        let groups = groups.map(|loss| Held::of_groups(&self.policy.name, loss));
        let users = self.breaker.as_ref().map(Breaker::held).unwrap_or_default();
        groups.into_iter().chain(users).collect()
    }
}

impl Directories {
    fn copies(&self) -> impl Iterator<Item = &LiveCopy> {
        self.0.iter().filter_map(Part::copy)
    }
}

impl Oversight for Directories {
    fn directories(&self) -> Boxed<'_, Vec<DirectoryState>> {
        Box::pin(async {
            let mut states = Vec::with_capacity(self.0.len());
            for part in &self.0 {
                states.push(part.state().await);
            }
            states
        })
    }

    fn progress(&self, directory: &str) -> Boxed<'_, Option<Progress>> {
        let part = self.0.iter().find(|part| *part.policy.name == *directory);
        Box::pin(async move {
            let part = part?;
            let Some(barrier) = &part.barrier else { return Some(Progress::default()) };
            Some(barrier.progress(&part.upstream.lookups(0)).await)
        })
    }

    fn held(&self) -> Vec<Held> {
        self.0.iter().flat_map(Part::held).collect()
    }

    fn decide<'a>(
        &'a self,
        id: &'a str,
        decision: Decision,
        now: Timestamp,
    ) -> Boxed<'a, Result<Option<Held>, StoreError>> {
        Box::pin(async move {
            for part in &self.0 {
                let decided = part.copy().and_then(|copy| copy.decide(id, decision));
                if let Some(loss) = decided {
                    return Ok(Some(Held::of_groups(&part.policy.name, loss)));
                }
                let Some(breaker) = &part.breaker else { continue };
                if let Some(held) = breaker.decide(id, decision, now).await? {
                    return Ok(Some(held));
                }
            }
            Ok(None)
        })
    }

    fn released<'a>(&'a self, id: &'a str) -> Boxed<'a, ()> {
        Box::pin(async move {
            for copy in self.copies() {
                copy.released(id).await;
            }
        })
    }
}
