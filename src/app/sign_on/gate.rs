//! The wait between the directory's success and the answer to the client.

use super::{BARRED, EntryRead, SignOns, SyncMode, UNKNOWN_DENIED, Verdict, open_verdict};
use crate::app::flights::Ride;
use crate::app::ports::{Ports, Records};
use crate::domain::identity;
use crate::domain::observation::{Observed, ObservedEntry};
use crate::domain::policy::OnUnknown;
use crate::domain::record::UserKey;
use crate::proto::dn::DistinguishedName;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// What the answer waits for.
enum Wait {
    /// Whose name it is; then for the record, if that has a say.
    Identity(Ride<EntryRead>),
    /// The record.
    Record,
}

/// The wait of one bind. Dropping it does not stop the flight.
pub struct Gate<P: Ports> {
    sign_ons: SignOns<P>,
    directory: usize,
    dn: DistinguishedName,
    /// The read of the entry that began with the bind.
    read: Option<Ride<EntryRead>>,
    flight: Ride<Verdict>,
    wait: Wait,
}

impl<P: Ports> Gate<P> {
    pub(super) fn new(
        sign_ons: SignOns<P>,
        directory: usize,
        dn: DistinguishedName,
        read: Option<Ride<EntryRead>>,
        flight: Ride<Verdict>,
    ) -> Self {
        let wait = match (sign_ons.shared.config.sync, &read) {
            (SyncMode::AfterReply, Some(read)) => Wait::Identity(read.clone()),
            _ => Wait::Record,
        };
        Self { sign_ons, directory, dn, read, flight, wait }
    }

    /// The verdict when the budget has run out: the observation is unknown.
    pub fn overdue(&self) -> Verdict {
        let landed = self.read.as_ref().and_then(Ride::landed);
        let entry = landed.as_ref().map(|read| &*read.entry);
        match entry {
            Some(Observed::Known(entry)) => match self.settled(entry) {
                Settled::Free => Verdict::Admit,
                Settled::Refused => Verdict::Refuse(BARRED),
                Settled::Waits => UNKNOWN_DENIED,
            },
            _ => open_verdict::<P>(&self.sign_ons.shared, self.directory, &self.dn),
        }
    }

    /// What is known as soon as it is known whose name it is (S9.4).
    fn settled(&self, entry: &ObservedEntry) -> Settled {
        let shared = &self.sign_ons.shared;
        let policy = &shared.directories[self.directory].policy;
        let key =
            UserKey { directory: policy.name.clone(), upstream_id: entry.upstream_id.clone() };
        let record = shared.records.find(&key).map(|stored| stored.record);
        if record.as_ref().is_some_and(|record| record.is_barred()) {
            return Settled::Refused;
        }
        let user_type = identity::user_type(policy, &entry.entry);
        let denies = user_type.is_some_and(|user_type| user_type.on_unknown == OnUnknown::Deny);
        let is_suspended = record.is_some_and(|record| record.is_suspended());
        let known = shared.records.located(&policy.name, self.dn.normalized());
        let is_another = known.iter().any(|stored| stored.record.key != key);
        if denies || is_suspended || is_another { Settled::Waits } else { Settled::Free }
    }
}

/// Whether the answer may go out before the record is up to date.
enum Settled {
    Free,
    Refused,
    Waits,
}

impl<P: Ports> Future for Gate<P> {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        if let Wait::Identity(ride) = &mut self.wait {
            let read = ready!(Pin::new(ride).poll(cx));
            let entry = read.as_ref().map(|read| &*read.entry);
            let settled = match entry {
                Some(Observed::Known(entry)) => self.settled(entry),
                // The flight reads it again.
                _ => Settled::Waits,
            };
            match settled {
                Settled::Free => return Poll::Ready(Verdict::Admit),
                Settled::Refused => return Poll::Ready(Verdict::Refuse(BARRED)),
                Settled::Waits => self.wait = Wait::Record,
            }
        }
        let verdict = ready!(Pin::new(&mut self.flight).poll(cx));
        Poll::Ready(verdict.unwrap_or_else(|| self.overdue()))
    }
}
