//! What is counted of binds as accounts of the gateway's own.

use crate::app::accounts::NotAdmitted;
use metrics::Counter;

/// Those binds, by result.
pub(super) struct OfAccounts {
    succeeded: Counter,
    refused: [Counter; NotAdmitted::ALL.len()],
}

impl OfAccounts {
    pub(super) fn new(counter: impl Fn(&'static str) -> Counter) -> Self {
        let refused = NotAdmitted::ALL.map(|why| counter(why.name()));
        Self { succeeded: counter("success"), refused }
    }

    /// One was settled; why it did not succeed, if it did not.
    pub(super) fn bound(&self, refused: Option<NotAdmitted>) {
        let at = refused.and_then(|why| NotAdmitted::ALL.iter().position(|one| *one == why));
        at.map_or(&self.succeeded, |at| &self.refused[at]).increment(1);
    }
}
