//! What is asked before something is believed: the live copies and the barriers before them, and who
//! oversees both.

use super::{Background, Guards, Running, Wiring};
use crate::app::barrier::Barrier;
use crate::app::oversight::Oversight;
use crate::app::saved::{ReplicaStore, SeenMarker};
use crate::app::sign_on::BarrierOf;
use crate::domain::policy::{DirectoryPolicy, ReplicaPolicy};
use crate::server::oversight::{Directories, Part};
use crate::server::{Config, RunError};
use crate::upstream::{LiveCopy, ReplicaLimits};
use std::sync::Arc;

impl Running {
    /// Begins to follow those directories of which a live copy is wanted. The others have a barrier
    /// too, which asks how far they have got.
    pub(super) fn follow(
        &mut self,
        config: &Config,
        policies: &[Arc<DirectoryPolicy>],
    ) -> Result<Vec<Option<BarrierOf<Wiring>>>, RunError> {
        let mut barriers = Vec::new();
        let mut markers: Vec<(Arc<str>, Arc<dyn SeenMarker>)> = Vec::new();
        for (at, policy) in policies.iter().enumerate() {
            let (upstream, configured) = (&self.upstreams[at], &config.directories[at].upstream);
            let Some(groups) = policy.groups.as_ref().filter(|_| config.sign_on.enabled) else {
                barriers.push(None);
                continue;
            };
            let limits = ReplicaLimits {
                message: configured.max_message_size,
                patience: configured.search_timeout,
                longest_pause: groups.max_replica_pause,
                names: groups.max_replica_names,
            };
            let copy = match groups.replica {
                None => LiveCopy::new(policy.clone(), ReplicaPolicy::Groups, limits, None),
                Some(kept) => {
                    let archive =
                        self.archive.clone().map(|archive| archive as Arc<dyn ReplicaStore>);
                    let copy = || LiveCopy::new(policy.clone(), kept, limits, archive);
                    let copy = self.telemetry.recording(copy);
                    let following = upstream.follow(copy.clone());
                    self.followers.push(Background::start("replica", following)?);
                    copy
                }
            };
            let patience = config.sign_on.barrier_patience;
            let barrier = Barrier::new(policy.name.clone(), copy, patience, self.telemetry.clone());
            let barrier = barrier.with_seen(self.store.marker(&policy.name).as_deref());
            markers.push((policy.name.clone(), Arc::new(barrier.clone())));
            barriers.push(Some(barrier));
        }
        self.store.keep_markers(markers);
        Ok(barriers)
    }

    pub(super) fn oversee(
        &self,
        policies: &[Arc<DirectoryPolicy>],
        (barriers, breakers): &Guards,
    ) -> Arc<dyn Oversight> {
        let parts = policies.iter().zip(&self.upstreams).zip(barriers).zip(breakers);
        let parts = parts.map(|(((policy, upstream), barrier), breaker)| Part {
            breaker: breaker.clone(),
            policy: policy.clone(),
            upstream: upstream.clone(),
            barrier: barrier.clone(),
            is_followed: policy.groups.as_ref().is_some_and(|groups| groups.replica.is_some()),
        });
        Arc::new(Directories(parts.collect()))
    }
}
