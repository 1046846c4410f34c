//! The gateway's own searches: multiplexed over a few connections per worker that are bound as the
//! service account, and never used for anything else.

mod answer;
mod desk;
mod line;
mod login;

pub(super) use desk::{Desk, DeskLimits};
pub(super) use login::Login;

use crate::app::ports::{LookupError, Lookups};
use crate::proto::search::{Entry, Search};
use std::sync::Arc;

/// One worker's access to a directory with the service account.
#[derive(Clone)]
pub struct SharedLookups {
    desk: Arc<Desk>,
}

impl SharedLookups {
    pub(super) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }
}

impl Lookups for SharedLookups {
    async fn search(&self, search: Search) -> Result<Vec<Entry>, LookupError> {
        self.desk.search(search).await
    }
}
