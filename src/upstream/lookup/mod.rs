//! The gateway's own searches: multiplexed over a few connections per worker that are bound as the
//! service account, and never used for anything else.

mod answer;
mod desk;
mod line;
mod login;

pub(super) use desk::{Desk, DeskLimits};
pub(super) use login::Login;

use crate::app::kind::KnownKind;
use crate::app::ports::{LookupError, Lookups};
use crate::domain::kind::{self, Kind};
use crate::proto::oid;
use crate::proto::search::{Entry, Scope, Search};
use std::sync::Arc;

/// One worker's access to a directory with the service account.
#[derive(Clone)]
pub struct SharedLookups {
    desk: Arc<Desk>,
    kind: KnownKind,
}

impl SharedLookups {
    pub(super) fn new(desk: Arc<Desk>, kind: KnownKind) -> Self {
        Self { desk, kind }
    }

    /// The kind of the directory is noted from any read of its root DSE that shows it.
    fn note_kind(&self, found: &[Entry]) {
        if let [root] = found
            && kind::ATTRIBUTES.iter().any(|name| !root.values(name).is_empty())
        {
            self.kind.learn(Kind::of_root(root));
        }
    }
}

impl Lookups for SharedLookups {
    async fn search(&self, mut search: Search) -> Result<Vec<Entry>, LookupError> {
        if search.scope == Scope::Base {
            let is_root = search.base.is_empty();
            let found = self.desk.search(search).await?;
            if is_root {
                self.note_kind(&found);
            }
            return Ok(found);
        }
        let is_there = |(oid, _): &(Vec<u8>, Vec<u8>)| oid == oid::DOMAIN_SCOPE;
        if self.kind.is(Kind::refers_to_its_parts) && !search.controls.iter().any(is_there) {
            search.controls.push((oid::DOMAIN_SCOPE.to_vec(), Vec::new()));
        }
        self.desk.search(search).await
    }
}
