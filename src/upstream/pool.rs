//! The pool of exclusive connections: carries out what the ledger says.
//!
//! One pool serves all workers of a directory. Its lock is taken when a lease begins or ends, never
//! per message, and never held while a connection is made, moved, checked or closed.

use super::bell::Demand;
use super::counters::Counters;
use super::lease::{Lease, Life};
use super::ledger::Ledger;
use super::servers::{Seat, Servers, Unreachable, User};
use super::terms::{Client, Grant, Limits, Order, Refused, Then, WaiterId};
use super::warm::Warm;
use crate::app::oversight::PoolState;
use crate::app::ports::{Fitness, LinkError, Purpose};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior};

/// How often idle connections are looked after.
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(1);
/// How many idle connections of each kind are checked each time.
const CHECKED_EACH_TIME: usize = 64;

/// How one who waits is told.
pub(super) type Tell = oneshot::Sender<Result<Lease, LinkError>>;

type Books = Ledger<Warm, Tell>;

/// The pool of one directory.
pub(super) struct Pool {
    ledger: Mutex<Books>,
    runtimes: Vec<OnceLock<Handle>>,
    servers: Arc<Servers>,
    counters: Arc<Counters>,
    min: usize,
    /// How long one waits.
    pub(super) queue_timeout: Duration,
    /// What sessions look at without the lock.
    pub(super) demand: Arc<Demand>,
}

/// A lease that ends while its connection stays.
pub(super) struct Returned {
    /// Its place.
    pub(super) slot: usize,
    /// The worker that the connection is registered at.
    pub(super) home: usize,
    /// What the connection is good for.
    pub(super) fitness: Fitness,
    /// Whether it was seen alive just now.
    pub(super) life: Life,
}

/// A connection that is being made: it is counted until it is there or given up.
struct Making {
    pool: Arc<Pool>,
    order: Option<Order>,
}

impl Pool {
    pub(super) fn new(
        limits: Limits,
        workers: usize,
        queue_timeout: Duration,
        servers: Arc<Servers>,
        counters: Arc<Counters>,
    ) -> Self {
        let demand = Arc::new(Demand::new(workers));
        Self {
            ledger: Mutex::new(Ledger::new(limits, workers, demand.clone())),
            runtimes: (0..workers.max(1)).map(|_| OnceLock::new()).collect(),
            servers,
            counters,
            min: limits.min,
            queue_timeout,
            demand,
        }
    }

    /// What there is of connections.
    pub(super) fn state(&self) -> PoolState {
        self.books().state()
    }

    /// A live idle connection, registered with the runtime that this is called in.
    pub(super) fn take(self: &Arc<Self>, worker: usize, purpose: Purpose) -> Option<Lease> {
        loop {
            let (grant, spare) = {
                let mut books = self.books();
                let grant = books.take(worker, purpose)?;
                (grant, books.spare(worker))
            };
            self.counters.leases.increment(1);
            self.carry_out(Then { make: spare, ..Then::default() });
            let Some(lease) = self.lease(grant).settle_at(worker) else { continue };
            match lease.checked() {
                Some(lease) => return Some(lease),
                None => self.counters.dead.increment(1),
            }
        }
    }

    /// A place in the queue, for when [`Pool::take`] found nothing.
    pub(super) fn enqueue(
        self: &Arc<Self>,
        client: Client,
        tell: Tell,
    ) -> Result<WaiterId, LinkError> {
        let (queued, spare, is_held_back) = {
            let mut books = self.books();
            let queued = books.enqueue(client, tell);
            (queued, books.spare(client.worker), books.holds_connects_back())
        };
        if is_held_back {
            self.servers.limit_hit("max_connecting", client.source);
        }
        self.carry_out(Then { make: spare, ..Then::default() });
        let (id, then) = queued.map_err(|refused| self.refusal(refused, client.source))?;
        self.carry_out(then);
        Ok(id)
    }

    /// Tells of the limit, if it was one.
    fn refusal(&self, refused: Refused, source: IpAddr) -> LinkError {
        let limit = match refused {
            Refused::Full => "max_waiting",
            Refused::SourceFull => "max_waiting_per_source",
            Refused::Closed => return LinkError::Closed,
        };
        self.servers.limit_hit(limit, source);
        LinkError::QueueFull
    }

    /// One waited too long.
    pub(super) fn timed_out(&self, source: IpAddr) -> LinkError {
        self.servers.limit_hit("queue_timeout", source);
        LinkError::TimedOut
    }

    /// A place in the queue is given up.
    pub(super) fn cancel(&self, id: WaiterId) {
        self.books().cancel(id);
    }

    /// A lease ended; its connection stays.
    pub(super) fn returned(self: &Arc<Self>, lease: Returned, mut conn: Warm) {
        let Returned { slot, home, fitness, life } = lease;
        // An idle one is checked when it is taken; one that is handed over at once, here.
        if life == Life::Assumed && self.demand.waiting() > 0 && !conn.is_good() {
            self.counters.dead.increment(1);
            return self.lost(slot, home);
        }
        let then = self.books().returned(slot, conn, fitness, home, Instant::now());
        self.carry_out(then);
    }

    /// A lease ended; its connection is closed.
    pub(super) fn lost(self: &Arc<Self>, slot: usize, home: usize) {
        let then = self.books().lost(slot, home);
        self.carry_out(then);
    }

    /// The server left a bind unanswered: if others can do its work, it gets none until it has
    /// answered something, and those who come are not given its idle connections.
    pub(super) fn silent(&self, seat: &Seat) {
        if !self.servers.silent(seat) {
            return;
        }
        let mut given_up = Vec::new();
        for worker in 0..self.runtimes.len() {
            let is_kept = |conn: &mut Warm| !conn.seat.is_shunned();
            given_up.append(&mut self.books().weed(worker, usize::MAX, is_kept));
        }
        given_up.iter_mut().for_each(Warm::say_goodbye);
    }

    /// A lease became recallable while somebody waits; whether it is asked back at once. Nobody is
    /// woken: the session looks itself.
    pub(super) fn volunteer(&self, slot: usize) -> bool {
        let is_recalled = self.books().volunteer(slot);
        if is_recalled {
            self.counters.recalls.increment(1);
        }
        is_recalled
    }

    /// A session that only bound does more from now on, while somebody waits.
    pub(super) fn does_more(self: &Arc<Self>, worker: usize) {
        let make = self.books().does_more(worker);
        self.carry_out(Then { make, ..Then::default() });
    }

    /// A lease that was asked back is in use again.
    pub(super) fn revoked(&self) {
        let bell = self.books().revoked();
        if let Some(bell) = bell {
            self.counters.recalls.increment(1);
            bell.ring();
        }
    }

    /// Warms the worker's share up and looks after its idle connections until the pool is closed.
    pub(super) fn start(self: &Arc<Self>, worker: usize) {
        if let Some(place) = self.runtimes.get(worker) {
            // A second start of the same worker changes nothing.
            let _ = place.set(Handle::current());
        }
        let workers = self.runtimes.len();
        let share = self.min / workers + usize::from(worker < self.min % workers);
        for _ in 0..share {
            let make = self.books().spare(worker);
            self.carry_out(Then { make, ..Then::default() });
        }
    }

    /// Looks after a worker's idle connections; ends only by being dropped.
    pub(super) async fn maintain(self: Arc<Self>, worker: usize) {
        let mut ticks = tokio::time::interval(MAINTENANCE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.tidy(worker);
        }
    }

    /// Closes idle connections and turns all who wait away. What is leased goes on.
    pub(super) fn close(&self) {
        let (mut conns, waiting) = self.books().close();
        conns.iter_mut().for_each(Warm::say_goodbye);
        for tell in waiting {
            let _ = tell.send(Err(LinkError::Closed));
        }
        self.show();
    }

    /// Drops dead idle connections, closes those that were idle for long, fills up to the minimum,
    /// and finds out whether a directory that was down is up, without a client that pays for it.
    fn tidy(self: &Arc<Self>, worker: usize) {
        let dead = self.books().weed(worker, CHECKED_EACH_TIME, Warm::is_good);
        self.counters.dead.increment(dead.len() as u64);
        drop(dead);
        if worker == 0 {
            self.books().tick();
        }
        let now = Instant::now();
        loop {
            let expired = self.books().expire(worker, now);
            let Some(mut conn) = expired else { break };
            conn.say_goodbye();
        }
        self.even_out(worker);
        while let Some(order) = self.wanting(worker) {
            self.make(order);
        }
        if worker == 0 && self.servers.is_any_down() {
            tokio::spawn(self.servers.clone().revive());
        }
        self.show();
    }

    /// Closes one idle connection to the server that has more than its share, as after another one
    /// came back: the next that is made leads to that one.
    fn even_out(&self, worker: usize) {
        let Some(crowded) = self.servers.most_crowded() else { return };
        let mut is_found = false;
        let mut is_kept = |conn: &mut Warm| {
            let is_surplus = !is_found && conn.seat.is_at(crowded);
            is_found |= is_surplus;
            !is_surplus
        };
        let mut surplus = self.books().weed(worker, CHECKED_EACH_TIME, &mut is_kept);
        surplus.iter_mut().for_each(Warm::say_goodbye);
    }

    /// What is to be made without being asked: for one who waits, or to be spare.
    fn wanting(&self, worker: usize) -> Option<Order> {
        let mut books = self.books();
        books.retry(worker).or_else(|| books.spare(worker))
    }

    fn carry_out(self: &Arc<Self>, then: Then<Warm, Tell>) {
        if let Some(mut conn) = then.close {
            conn.say_goodbye();
        }
        if let Some(bell) = then.ring {
            self.counters.recalls.increment(1);
            bell.ring();
        }
        if let Some(order) = then.make {
            self.make(order);
        }
        if let Some(tell) = then.fail {
            let _ = tell.send(Err(LinkError::Unreachable));
        }
        if let Some((tell, grant)) = then.deliver {
            self.counters.leases.increment(1);
            let lease = self.lease(grant);
            // Who gave up meanwhile passes it on to the next.
            if let Err(Ok(lease)) = tell.send(Ok(lease)) {
                lease.pass_on();
            }
        }
        self.show();
    }

    fn lease(self: &Arc<Self>, grant: Grant<Warm>) -> Lease {
        Lease::new(self.clone(), grant)
    }

    /// Makes a connection as a task of the asking worker's runtime.
    fn make(self: &Arc<Self>, order: Order) {
        let making = Making { pool: self.clone(), order: Some(order) };
        let started = self.runtimes.get(order.worker).and_then(OnceLock::get).cloned();
        if let Some(runtime) = started.or_else(|| Handle::try_current().ok()) {
            runtime.spawn(making.run());
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self) {
        self.counters.connections.set(self.demand.total() as f64);
        self.counters.waiting.set(self.demand.waiting() as f64);
    }
}

impl Making {
    async fn run(mut self) {
        let connected = self.pool.servers.connect(User::Clients).await;
        let Some(order) = self.order.take() else { return };
        let then = match connected {
            Ok((stream, seat)) => {
                self.pool.books().made(order, Warm::new(stream, seat), Instant::now())
            }
            Err(Unreachable) => self.pool.books().not_made(order, Instant::now()),
        };
        self.pool.carry_out(then);
    }
}

impl Drop for Making {
    /// The runtime went away: no other connection is begun from here.
    fn drop(&mut self) {
        if let Some(order) = self.order.take() {
            let failed = self.pool.books().given_up(order);
            if let Some(tell) = failed {
                let _ = tell.send(Err(LinkError::Unreachable));
            }
        }
    }
}
