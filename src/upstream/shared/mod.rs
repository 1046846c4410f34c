//! Connections that many clients share: never bound for anonymous clients, bound as the service
//! account for sessions that go on by proxied authorisation. Never those of the gateway's own
//! searches, nor exclusive ones.
//!
//! Each worker has its own, so that its clients meet nobody else's lock. A client's responses go to
//! an inbox of its own, which its task empties; while a full one stops a connection, what others
//! ask goes to another.

mod books;
mod entry;
mod fast;
mod hub;
mod ids;
mod line;
mod outgoing;
mod places;
mod proxying;
mod repeats;
mod seat;
#[cfg(test)]
mod tests;

pub use books::Limits as SharedLimits;
pub use fast::FastBinds;
pub use hub::{Dial, Told};
pub use seat::SharedSeat;

pub(super) use proxying::ProbeCounters;

use super::counters::SharedCounters;
use crate::app::ports::{NoSeat, Shared};
use crate::proto::dn::DistinguishedName;
use hub::Hub;
use places::{Place, Places};
use proxying::Proxying;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What all workers of a directory have in common about its shared connections.
#[derive(Clone)]
pub struct SharedCommon {
    proxying: Arc<Proxying>,
    counters: Arc<SharedCounters>,
    tell: hub::Tell,
    places: Places,
}

/// How many sessions may have a connection of their own, where nothing else is said.
const MOST_APART: usize = 64;

/// How long an unused connection of one session's own is kept.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 86_400);

impl SharedCommon {
    /// For the directory of that name. `wants_proxying` says whether proxied authorisation may be
    /// used at all, `patience` how long a probe of it may take; `tell` hears of what
    /// happens.
    pub fn new(
        directory: &str,
        wants_proxying: bool,
        patience: Duration,
        tell: impl Fn(Told) + Send + Sync + 'static,
    ) -> Self {
        let (counters, probes) = SharedCounters::new(directory);
        Self {
            proxying: Arc::new(Proxying::new(wants_proxying, patience, probes)),
            counters: Arc::new(counters),
            tell: Arc::new(tell),
            places: Places::new(MOST_APART),
        }
    }

    /// The same, for at most so many sessions with a connection of their own
    /// (`max_connections_apart`).
    pub fn with_most_apart(self, most: usize) -> Self {
        Self { places: Places::new(most), ..self }
    }
}

/// One worker's access to a directory's shared connections.
#[derive(Clone)]
pub struct SharedLinks {
    anonymous: Arc<Hub>,
    proxied: Arc<Hub>,
    /// Connections for binds alone, and what is known of the directory about those.
    fast: Option<(Arc<Hub>, FastBinds)>,
    apart: Arc<Apart>,
    common: SharedCommon,
}

/// How connections are made that one session has for itself, bound as the service account.
struct Apart {
    hub: Box<dyn Fn() -> Hub + Send + Sync>,
}

/// One kind's limits, and how its connections are made.
pub struct Kind<D> {
    /// The limits.
    pub limits: SharedLimits,
    /// How connections are made.
    pub dial: D,
}

impl SharedLinks {
    /// Makes no connection yet. A seat is taken, and used, inside the runtime of its worker.
    pub fn new<A: Dial, B: Dial>(
        common: SharedCommon,
        anonymous: Kind<A>,
        proxied: Kind<B>,
    ) -> Self {
        let (tell, counters) = (common.tell.clone(), common.counters.clone());
        let gauge = counters.anonymous.clone();
        let anonymous = Hub::new(anonymous.limits, anonymous.dial, tell.clone(), gauge);
        let (limits, dial) = (proxied.limits, Arc::new(proxied.dial));
        let gauge = counters.proxied.clone();
        let proxied = Hub::new(limits, dial.clone(), tell.clone(), gauge);
        // One of them lasts as long as its session: a cookie that it holds would end with it.
        let limits = SharedLimits { connections: 1, idle_timeout: FOR_EVER, ..limits };
        let gauge = counters.apart.clone();
        let hub = Box::new(move || Hub::new(limits, dial.clone(), tell.clone(), gauge.clone()));
        Self {
            anonymous: Arc::new(anonymous),
            proxied: Arc::new(proxied),
            fast: None,
            apart: Arc::new(Apart { hub }),
            common,
        }
    }

    /// The same, with connections for binds alone, while `known` says that the directory has such.
    pub fn with_fast_binds<D: Dial>(mut self, binds: Kind<D>, known: FastBinds) -> Self {
        let gauge = self.common.counters.fast.clone();
        let hub = Hub::new(binds.limits, binds.dial, self.common.tell.clone(), gauge);
        self.fast = Some((Arc::new(hub), known));
        self
    }

    /// One connection, and the place among such that it takes.
    fn hub_apart(&self, source: IpAddr) -> Result<(Arc<Hub>, Place), NoSeat> {
        let Some(place) = self.common.places.take() else {
            (self.common.tell)(Told::LimitHit("max_connections_apart", source));
            return Err(NoSeat::Full("max_connections_apart"));
        };
        Ok((Arc::new((self.apart.hub)()), place))
    }

    /// Turns away all who wait; connections end with what they have under way.
    pub fn close(&self) {
        let fast = self.fast.as_ref().map(|(hub, _)| hub);
        for hub in [&self.anonymous, &self.proxied].into_iter().chain(fast) {
            hub.with(|books, wakes| books.close(wakes));
        }
    }
}

impl Shared for SharedLinks {
    type Seat = SharedSeat;

    fn anonymous(&self, source: IpAddr) -> SharedSeat {
        SharedSeat::plain(self.anonymous.clone(), source)
    }

    fn proxied(&self, source: IpAddr, name: &[u8]) -> Option<SharedSeat> {
        if !self.grants_proxying() {
            return None;
        }
        user(name)?;
        self.common.counters.sessions.increment(1);
        Some(SharedSeat::proxied(self.proxied.clone(), source, name))
    }

    fn grants_proxying(&self) -> bool {
        self.common.proxying.is_granted()
    }

    fn bound(&self, name: &[u8]) {
        if !self.common.proxying.is_due() {
            return;
        }
        if let Some(dn) = user(name) {
            let nowhere = IpAddr::from([0, 0, 0, 0]);
            let seat = SharedSeat::proxied(self.proxied.clone(), nowhere, name);
            self.common.proxying.probe(dn, seat);
        }
    }

    fn settle_proxying(&self, name: &[u8]) -> impl Future<Output = bool> + Send + use<> {
        // Heard from before it is asked, so that no answer is missed.
        let answers = self.common.proxying.answers();
        self.bound(name);
        let proxying = self.common.proxying.clone();
        async move { proxying.settled(answers).await }
    }

    fn denied(&self) {
        self.common.proxying.denied();
    }

    fn apart(&self, source: IpAddr, name: &[u8]) -> Result<SharedSeat, NoSeat> {
        if !self.grants_proxying() || user(name).is_none() {
            return Err(NoSeat::NotGranted);
        }
        let (hub, place) = self.hub_apart(source)?;
        Ok(SharedSeat::proxied(hub, source, name).alone(place))
    }

    fn own(&self, source: IpAddr) -> Result<SharedSeat, NoSeat> {
        Ok(SharedSeat::plain(self.proxied.clone(), source))
    }

    fn own_apart(&self, source: IpAddr) -> Result<SharedSeat, NoSeat> {
        let (hub, place) = self.hub_apart(source)?;
        Ok(SharedSeat::plain(hub, source).alone(place))
    }

    fn fast_bind(&self, source: IpAddr) -> Option<SharedSeat> {
        let (hub, known) = self.fast.as_ref()?;
        known.is_served().then(|| SharedSeat::plain(hub.clone(), source))
    }
}

/// A name that can be proxied: a DN, and not the empty one, which means nobody.
fn user(name: &[u8]) -> Option<DistinguishedName> {
    DistinguishedName::from_bytes(name).ok().filter(|dn| !dn.is_root())
}
