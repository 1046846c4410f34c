//! Where a bind's time goes: no clock is read for it that is not read anyway.

use crate::app::events::BindSpent;
use tokio::time::Instant;

/// How far a bind has come, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    /// Whether some directory is to hear of it.
    is_directorys: bool,
    sent: Option<Instant>,
    answered: Option<Instant>,
}

impl Course {
    /// Of a bind that is for no directory, as far as is known.
    pub(super) const HERE: Self = Self { is_directorys: false, sent: None, answered: None };

    /// Of a bind that is for a directory.
    pub(super) const UPSTREAM: Self = Self { is_directorys: true, sent: None, answered: None };

    pub(super) fn is_directorys(self) -> bool {
        self.is_directorys
    }

    /// It goes to the directory; what it took before, if it was lost there, is not the directory's.
    pub(super) fn is_sent(&mut self, now: Instant) {
        self.sent = Some(now);
    }

    /// The directory has said success, and the record is waited for.
    pub(super) fn is_gated(&mut self, now: Instant) {
        self.answered = Some(now);
    }

    /// What others took, of a bind that is answered now.
    pub(super) fn spent(self, now: Instant) -> BindSpent {
        let answered = self.answered.unwrap_or(now);
        BindSpent {
            upstream: self.sent.map(|sent| answered.saturating_duration_since(sent)),
            sign_on: self.answered.map(|answered| now.saturating_duration_since(answered)),
        }
    }
}
