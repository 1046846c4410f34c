//! Ann, a directory, a store, and sign-ons between them.

use super::fakes::{ANN, Fakes, Memory, Seen, Ticks, Tree, policy};
use bindgate::app::sign_on::{Attempt, Config, SignOns, SyncMode, Verdict};
use bindgate::app::trace::Span;
use bindgate::domain::policy::{DirectoryPolicy, OnUnknown, UserType};
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Stage {
    pub(crate) tree: Tree,
    pub(crate) memory: Memory,
    pub(crate) seen: Seen,
    pub(crate) sign_ons: SignOns<Fakes>,
}

impl Stage {
    /// Everything as it is by default.
    pub(crate) fn new() -> Self {
        Self::with(SyncMode::BeforeReply, |_| {})
    }

    pub(crate) fn with(sync: SyncMode, change: impl FnOnce(&mut UserType)) -> Self {
        let mut policy: DirectoryPolicy = policy("one", OnUnknown::Keep);
        change(&mut policy.user_types[0]);
        let (tree, memory, seen) = (Tree::new(), Memory::default(), Seen::default());
        let config = Config {
            enabled: true,
            sync,
            budget: Duration::from_secs(2),
            barrier_patience: Duration::from_millis(50),
        };
        let sign_ons = SignOns::new(
            config,
            &[Arc::new(policy)],
            vec![tree.clone()],
            memory.clone(),
            Ticks::default(),
            seen.clone(),
        );
        Self { tree, memory, seen, sign_ons }
    }

    /// Ann's bind has been received.
    pub(crate) fn bind(&self) -> Box<Attempt<Fakes>> {
        self.sign_ons.begin(0, ANN.as_bytes()).expect("ann may be a user")
    }

    /// The same, as a part of a bind that is traced.
    pub(crate) fn bind_traced(&self, bind: &Span) -> Box<Attempt<Fakes>> {
        self.sign_ons.begin_traced(0, ANN.as_bytes(), bind).expect("ann may be a user")
    }

    /// Ann signs on.
    pub(crate) async fn sign_on(&self) -> Verdict {
        self.bind().succeeded().await
    }

    /// Ann's managed groups, in order.
    pub(crate) fn groups(&self) -> String {
        self.memory.groups_of("ann").join(" ")
    }

    /// Lets everybody run who can.
    pub(crate) async fn settle(&self) {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }
}
