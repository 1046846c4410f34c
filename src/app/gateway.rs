//! What a worker serves its clients with: the directories, and the sign-ons to them.

use super::kind::KnownKind;
use super::ports::{Links, Ports, Shared};
use super::sign_on::SignOns;
use super::suffix::Suffix;
use super::throttle::Throttle;
use crate::domain::identity;
use crate::domain::policy::DirectoryPolicy;
use crate::domain::relay::RelayPolicy;
use crate::proto::dn::DistinguishedName;
use std::sync::Arc;
use std::time::Duration;

/// One directory as a worker uses it.
pub struct Directory<P: Ports> {
    /// What applies to its users.
    pub policy: Arc<DirectoryPolicy>,
    /// What applies to what clients ask it.
    pub relay: Arc<RelayPolicy>,
    /// Exclusive connections to it.
    pub links: P::Links,
    /// Connections to it that many clients share.
    pub shared: P::Shared,
    /// What kind of directory it is, once that is known.
    pub kind: KnownKind,
    /// How many operations one client may have outstanding on one connection.
    pub outstanding: Outstanding,
    /// How long it may take to answer a bind.
    pub bind_timeout: Duration,
    /// The most bytes of one of its messages.
    pub max_message_size: usize,
}

/// The most operations of one client on one connection to a directory: a server may close one that
/// has more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outstanding {
    /// On one that was never bound (`max_outstanding_anonymous`).
    pub anonymous: usize,
    /// On one that was bound (`max_outstanding_upstream`).
    pub authenticated: usize,
}

/// What a worker serves its clients with. There is at least one directory.
pub struct Gateway<P: Ports> {
    directories: Vec<Directory<P>>,
    sign_ons: SignOns<P>,
    throttle: Arc<Throttle>,
    suffix: Option<Arc<Suffix>>,
    events: P::Events,
}

/// A lease's connection type.
pub type LinkOf<P> = <<P as Ports>::Links as Links>::Link;

/// A client's part in shared connections.
pub type SeatOf<P> = <<P as Ports>::Shared as Shared>::Seat;

/// The wait for a lease.
pub type WaitOf<P> = <<P as Ports>::Links as Links>::Wait;

impl<P: Ports> Gateway<P> {
    /// A gateway to these directories that holds no source back.
    pub fn new(directories: Vec<Directory<P>>, sign_ons: SignOns<P>, events: P::Events) -> Self {
        let (throttle, suffix) = (Arc::new(Throttle::off()), None);
        Self { directories, sign_ons, throttle, suffix, events }
    }

    /// The same, with a throttle that it shares with other workers.
    pub fn with_throttle(self, throttle: Arc<Throttle>) -> Self {
        Self { throttle, ..self }
    }

    /// The same, with the records' own suffix, if it is served.
    pub fn with_suffix(self, suffix: Option<Arc<Suffix>>) -> Self {
        Self { suffix, ..self }
    }

    /// The records' own suffix, if it is served.
    pub fn suffix(&self) -> Option<&Arc<Suffix>> {
        self.suffix.as_ref()
    }

    /// Who is held back.
    pub fn throttle(&self) -> &Throttle {
        &self.throttle
    }

    /// The directory of that index, as [`Gateway::route`] gave it.
    pub fn directory(&self, index: usize) -> &Directory<P> {
        &self.directories[index]
    }

    /// The sign-ons.
    pub fn sign_ons(&self) -> &SignOns<P> {
        &self.sign_ons
    }

    /// Where events go.
    pub fn events(&self) -> &P::Events {
        &self.events
    }

    /// The directory with the suffix that holds a name, if there is one.
    pub fn holder(&self, name: &DistinguishedName) -> Option<usize> {
        let policies = self.directories.iter().map(|directory| &*directory.policy);
        identity::holder_of(policies, name)
    }

    /// The directory that a name leads to: by suffix, else the default one.
    pub fn route(&self, name: &[u8]) -> usize {
        if self.directories.len() < 2 {
            return 0;
        }
        let policies = self.directories.iter().map(|directory| &*directory.policy);
        identity::directory_of_name(policies, name).unwrap_or(0)
    }
}
