//! What serves from one reload to the next: the directories with their connections, live copies,
//! barriers and breakers, and the sign-ons over them.
//!
//! A reload makes the next generation of the one before: what has not changed goes over as it is, with
//! its connections and whatever it knows.

use super::clock::SystemClock;
use super::oversight::{self, Directories};
use super::running::{Background, Records, Upstream, Wiring};
use super::{Config, RunError};
use crate::app::barrier::Barrier;
use crate::app::breaker::Breaker;
use crate::app::gateway::{Directory, Gateway, Outstanding};
use crate::app::oversight::Oversight;
use crate::app::ports::{Clock, RecordsFollower};
use crate::app::saved::{ReplicaStore, SeenMarker};
use crate::app::sign_on::{BarrierOf, SignOns};
use crate::app::suffix::Suffix;
use crate::app::throttle::Throttle;
use crate::config;
use crate::domain::policy::{DirectoryPolicy, ReplicaPolicy};
use crate::domain::serving::ServePolicy;
use crate::store::ReplicaFile;
use crate::telemetry::Telemetry;
use crate::upstream::{self, LiveCopy, ReplicaLimits};
use std::sync::Arc;

/// What all generations stand on.
pub(super) struct Ground {
    pub(super) store: Records,
    pub(super) archive: Option<Arc<ReplicaFile>>,
    pub(super) telemetry: Telemetry,
    pub(super) workers: usize,
}

/// One directory of a generation.
pub(super) struct Part {
    configured: config::Directory,
    policy: Arc<DirectoryPolicy>,
    upstream: Upstream,
    barrier: Option<BarrierOf<Wiring>>,
    breaker: Option<Breaker<Telemetry>>,
    follower: Option<Background>,
}

/// What serves from one reload to the next.
pub(super) struct Generation {
    parts: Vec<Part>,
    suffix: Option<Arc<Suffix>>,
    pub(super) sign_ons: SignOns<Wiring>,
    pub(super) throttle: Arc<Throttle>,
}

/// Whether two values say the same. All that is configured says all of itself this way; filters and
/// patterns have no equality of their own.
pub(super) fn is_same(one: &impl std::fmt::Debug, other: &impl std::fmt::Debug) -> bool {
    format!("{one:?}") == format!("{other:?}")
}

impl Generation {
    /// The first.
    pub(super) fn first(ground: &Ground, config: &Config) -> Result<Self, RunError> {
        let mut none = Vec::new();
        let upstreams = connect_all(ground, config, &none)?;
        let parts = parts(ground, config, upstreams, (&mut none, config))?;
        let suffix = suffix(ground, config, &parts);
        Ok(Self::of(ground, config, parts, (throttle(config), suffix)))
    }

    /// The one after this, by another configuration; `before` is this one's. What cannot be made
    /// leaves this as it is.
    pub(super) fn next(
        &mut self,
        ground: &Ground,
        config: &Config,
        before: &Config,
    ) -> Result<Self, RunError> {
        let upstreams = connect_all(ground, config, &self.parts)?;
        let policies = self.policies();
        let parts = parts(ground, config, upstreams, (&mut self.parts, before))?;
        let connections = |config: &Config| connections(config);
        let is_kept =
            config.throttle == before.throttle && connections(config) == connections(before);
        let throttle = if is_kept { self.throttle.clone() } else { throttle(config) };
        let now = parts.iter().map(|part| &*part.policy);
        let is_kept = is_same(&config.records, &before.records)
            && is_same(&now.collect::<Vec<_>>(), &policies);
        let suffix = match is_kept {
            true => self.suffix.clone(),
            false => suffix(ground, config, &parts),
        };
        Ok(Self::of(ground, config, parts, (throttle, suffix)))
    }

    fn of(
        ground: &Ground,
        config: &Config,
        parts: Vec<Part>,
        (throttle, suffix): (Arc<Throttle>, Option<Arc<Suffix>>),
    ) -> Self {
        let markers = parts.iter().filter_map(|part| {
            let barrier = part.barrier.clone()?;
            Some((part.policy.name.clone(), Arc::new(barrier) as Arc<dyn SeenMarker>))
        });
        ground.store.keep_markers(markers.collect());
        let policies: Vec<_> = parts.iter().map(|part| part.policy.clone()).collect();
        let (store, telemetry) = (ground.store.clone(), ground.telemetry.clone());
        let (clock, lookups) = (SystemClock::default(), Vec::new());
        let sign_ons = SignOns::new(config.sign_on, &policies, lookups, store, clock, telemetry);
        let sign_ons = sign_ons
            .with_views(config.listen.views.clone())
            .with_barriers(parts.iter().map(|part| part.barrier.clone()).collect())
            .with_breakers(parts.iter().map(|part| part.breaker.clone()).collect());
        Self { parts, suffix, sign_ons, throttle }
    }

    pub(super) fn policies(&self) -> Vec<Arc<DirectoryPolicy>> {
        self.parts.iter().map(|part| part.policy.clone()).collect()
    }

    /// What clients are shown beside what each directory says, by its name.
    pub(super) fn served(&self) -> Vec<(Arc<str>, ServePolicy)> {
        let served = |part: &Part| (part.policy.name.clone(), part.configured.relay.serve.clone());
        self.parts.iter().map(served).collect()
    }

    pub(super) fn upstreams(&self) -> Vec<Upstream> {
        self.parts.iter().map(|part| part.upstream.clone()).collect()
    }

    /// The names of the directories with their connections.
    pub(super) fn named(&self) -> Vec<(Arc<str>, Upstream)> {
        let named = |part: &Part| (part.policy.name.clone(), part.upstream.clone());
        self.parts.iter().map(named).collect()
    }

    /// The sign-ons over a worker's connections.
    pub(super) fn over_worker(&self, index: usize) -> SignOns<Wiring> {
        self.sign_ons.over(self.parts.iter().map(|part| part.upstream.lookups(index)).collect())
    }

    /// What a worker serves with.
    pub(super) fn gateway(&self, ground: &Ground, index: usize) -> Gateway<Wiring> {
        let directory = |part: &Part| Directory {
            policy: part.policy.clone(),
            relay: Arc::new(part.configured.relay.clone()),
            links: part.upstream.links(index),
            shared: part.upstream.shared(index),
            kind: part.upstream.kind(),
            outstanding: Outstanding {
                anonymous: part.configured.upstream.max_outstanding_anonymous,
                authenticated: part.configured.upstream.max_outstanding_upstream,
            },
            bind_timeout: part.configured.upstream.bind_timeout,
            max_message_size: part.configured.upstream.max_message_size,
        };
        let directories = self.parts.iter().map(directory).collect();
        let telemetry = ground.telemetry.at_worker(index);
        Gateway::new(directories, self.over_worker(index), telemetry)
            .with_throttle(self.throttle.clone())
            .with_suffix(self.suffix.clone())
    }

    pub(super) fn oversee(&self) -> Arc<dyn Oversight> {
        let part = |part: &Part| oversight::Part {
            breaker: part.breaker.clone(),
            policy: part.policy.clone(),
            upstream: part.upstream.clone(),
            barrier: part.barrier.clone(),
            is_followed: part.policy.groups.as_ref().is_some_and(|groups| groups.replica.is_some()),
        };
        Arc::new(Directories(self.parts.iter().map(part).collect()))
    }

    /// Nothing follows a directory any more.
    pub(super) fn stop_following(&mut self) {
        let followers = self.parts.iter_mut().filter_map(|part| part.follower.take());
        followers.for_each(Background::stop);
    }
}

/// The records' own suffix, which follows the store from here on, if anybody may read it.
fn suffix(ground: &Ground, config: &Config, parts: &[Part]) -> Option<Arc<Suffix>> {
    if !config.records.is_on() {
        return None;
    }
    let policies: Vec<_> = parts.iter().map(|part| part.policy.clone()).collect();
    let clock = SystemClock::default();
    let suffix = Suffix::new(config.records.clone(), &policies, move || clock.now());
    let suffix = Arc::new(suffix);
    ground.store.follow(&(suffix.clone() as Arc<dyn RecordsFollower>));
    Some(suffix)
}

fn connections(config: &Config) -> Vec<usize> {
    config.directories.iter().map(|directory| directory.upstream.max_connections).collect()
}

fn throttle(config: &Config) -> Arc<Throttle> {
    Arc::new(Throttle::new(config.throttle, &connections(config)))
}

/// The connections of each directory: those that there are, where nothing of them has changed.
fn connect_all(
    ground: &Ground,
    config: &Config,
    before: &[Part],
) -> Result<Vec<Upstream>, RunError> {
    let upstream = |directory: &config::Directory| {
        let is_it = |part: &&Part| {
            part.configured.upstream == directory.upstream && part.configured.kind == directory.kind
        };
        match before.iter().find(is_it) {
            Some(part) => Ok(part.upstream.clone()),
            None => connect(directory, ground.workers, &ground.telemetry),
        }
    };
    config.directories.iter().map(upstream).collect()
}

fn connect(
    directory: &config::Directory,
    workers: usize,
    telemetry: &Telemetry,
) -> Result<Upstream, RunError> {
    telemetry
        .recording(|| upstream::Directory::new(&directory.upstream, workers, telemetry.clone()))
        .map(|upstream| Arc::new(upstream.of_kind(directory.kind)))
        .map_err(|source| RunError::Directory { name: directory.upstream.name.clone(), source })
}

fn parts(
    ground: &Ground,
    config: &Config,
    upstreams: Vec<Upstream>,
    (before, configured_before): (&mut Vec<Part>, &Config),
) -> Result<Vec<Part>, RunError> {
    let wanted = config.directories.iter().zip(&upstreams);
    let is_barrier_kept = is_same(&config.sign_on, &configured_before.sign_on);
    let keeps = |part: &Part, directory: &config::Directory, upstream: &Upstream| {
        is_barrier_kept
            && Arc::ptr_eq(&part.upstream, upstream)
            && is_same(&*part.policy, &directory.policy)
    };
    // Two that follow one directory would write the same saved copy.
    for part in before.iter_mut() {
        if !wanted.clone().any(|(directory, upstream)| keeps(part, directory, upstream)) {
            part.follower.take().into_iter().for_each(Background::stop);
        }
    }
    let mut parts = Vec::new();
    for (directory, upstream) in wanted {
        let name = &directory.policy.name;
        ground.telemetry.add_directory(name);
        let old = before.iter_mut().find(|part| part.policy.name == *name);
        let breaker = match &old {
            Some(part) if part.configured.mass_change == directory.mass_change => {
                part.breaker.clone()
            }
            _ => Some(oversight::breaker(directory, &ground.store, &ground.telemetry)),
        };
        let (policy, barrier, follower) = match old {
            Some(part) if keeps(part, directory, upstream) => {
                (part.policy.clone(), part.barrier.clone(), part.follower.take())
            }
            old => {
                let policy = Arc::new(directory.policy.clone());
                // What was seen of a directory that is the same counts, on disk or not.
                let old = old.filter(|part| Arc::ptr_eq(&part.upstream, upstream));
                let seen = old.and_then(|part| part.barrier.as_ref()?.seen());
                let seen = seen.or_else(|| ground.store.marker(name));
                let followed = follow(ground, config, (directory, &policy), upstream, seen)?;
                (policy, followed.0, followed.1)
            }
        };
        let (configured, upstream) = (directory.clone(), upstream.clone());
        parts.push(Part { configured, policy, upstream, barrier, breaker, follower });
    }
    Ok(parts)
}

type Followed = (Option<BarrierOf<Wiring>>, Option<Background>);

/// Begins to follow a directory if a live copy of it is wanted. Another has a barrier too, which asks
/// how far it has got.
fn follow(
    ground: &Ground,
    config: &Config,
    (directory, policy): (&config::Directory, &Arc<DirectoryPolicy>),
    upstream: &Upstream,
    seen: Option<String>,
) -> Result<Followed, RunError> {
    let configured = &directory.upstream;
    let Some(groups) = policy.groups.as_ref().filter(|_| config.sign_on.enabled) else {
        return Ok((None, None));
    };
    let limits = ReplicaLimits {
        message: configured.max_message_size,
        patience: configured.search_timeout,
        longest_pause: groups.max_replica_pause,
        names: groups.max_replica_names,
    };
    let mut follower = None;
    let copy = match groups.replica {
        None => LiveCopy::new(policy.clone(), ReplicaPolicy::Groups, limits, None),
        Some(kept) => {
            let archive = ground.archive.clone().map(|archive| archive as Arc<dyn ReplicaStore>);
            let copy = || LiveCopy::new(policy.clone(), kept, limits, archive);
            let copy = ground.telemetry.recording(copy);
            follower = Some(Background::start("replica", upstream.follow(copy.clone()))?);
            copy
        }
    };
    let patience = config.sign_on.barrier_patience;
    let barrier = Barrier::new(policy.name.clone(), copy, patience, ground.telemetry.clone());
    Ok((Some(barrier.with_seen(seen.as_deref())), follower))
}
