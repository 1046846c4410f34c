//! What a bind that may become a sign-on brings to the flight that it joins.

use super::{EntryRead, QuestionOf};
use crate::app::callers::Callers;
use crate::app::flights::{self, Ride};
use crate::app::ports::Ports;
use crate::app::trace::Sake;
use crate::domain::time::Timestamp;
use crate::proto::dn::DistinguishedName;

/// What a passenger brings to a flight.
pub(super) struct Luggage<P: Ports> {
    /// The attempt's number: a greater one began later, so its read was sent after the requests of
    /// all lesser ones had come, whichever bind the directory answers first.
    pub(super) begun: u64,
    /// All that was asked for it was sent at this time or later.
    pub(super) since: Timestamp,
    pub(super) dn: DistinguishedName,
    /// The read of the user's entry; `None` if the live copy is expected to say enough.
    pub(super) read: Option<Ride<EntryRead>>,
    /// How far the directory has got, if there is a live copy.
    pub(super) question: Option<QuestionOf<P>>,
    /// By which client application it is.
    pub(super) callers: Callers,
    /// What of it is traced: the bind, and from its success on the sign-on.
    pub(super) sake: Sake,
}

impl<P: Ports> flights::Luggage for Luggage<P> {
    /// The youngest counts, and who comes last need not bring it.
    fn join(&mut self, other: Self) {
        let callers = std::mem::replace(&mut self.callers, Callers::PLAIN);
        let callers = callers.and(other.callers.clone());
        let (mut sake, mut other) = (std::mem::take(&mut self.sake), other);
        sake.join(std::mem::take(&mut other.sake));
        if other.begun >= self.begun {
            *self = other;
        }
        (self.callers, self.sake) = (callers, sake);
    }
}
