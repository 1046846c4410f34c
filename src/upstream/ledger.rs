//! The pool's bookkeeping, without connections, sockets or clocks: it is told what happened and
//! says what is to be done.
//!
//! What always holds: idle + leased + being made never exceeds the limit; one who waits has either
//! a connection being made for it, or the limit is reached; who waits longest is served first.

use super::bell::{Bell, Demand};
use crate::app::ports::{Fitness, Purpose};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How many recallable leases are compared to find the one that has been so for longest.
const COMPARED: usize = 8;
/// How many leases are looked at to find them.
const LOOKED_AT: usize = 64;

/// The pool's limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The most connections.
    pub(super) max: usize,
    /// How many spare ones are kept.
    pub(super) min: usize,
    /// The most that wait.
    pub(super) max_waiting: usize,
    /// How long a spare one above the minimum is kept.
    pub(super) idle_timeout: Duration,
}

/// Who waits; a greater number came later.
pub(super) type WaiterId = u64;

/// A connection that is leased out from now on.
#[derive(Debug)]
pub(super) struct Grant<C> {
    /// The connection.
    pub(super) conn: C,
    /// What it is good for.
    pub(super) fitness: Fitness,
    /// The worker whose runtime it is registered with.
    pub(super) home: usize,
    /// The lease's place.
    pub(super) slot: usize,
    /// The lease's cell.
    pub(super) bell: Arc<Bell>,
}

/// A connection to be made; it is counted already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    /// On which worker's runtime.
    pub(super) worker: usize,
    /// For whom; a spare one if for nobody.
    pub(super) owner: Option<WaiterId>,
}

/// What is to be done; at most one thing of each kind.
#[derive(Debug)]
pub(super) struct Then<C, W> {
    /// Hand a connection to one who waits.
    pub(super) deliver: Option<(W, Grant<C>)>,
    /// Close a connection.
    pub(super) close: Option<C>,
    /// Make one.
    pub(super) make: Option<Order>,
    /// Tell one who waits that there will be none.
    pub(super) fail: Option<W>,
    /// Wake a session that is asked for its connection.
    pub(super) ring: Option<Arc<Bell>>,
}

impl<C, W> Default for Then<C, W> {
    fn default() -> Self {
        Self { deliver: None, close: None, make: None, fail: None, ring: None }
    }
}

/// Why one may not even wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too many do.
    Full,
    /// The pool is closed.
    Closed,
}

/// The bookkeeping, over connections `C` and the means `W` to tell one who waits.
#[derive(Debug)]
pub(super) struct Ledger<C, W> {
    limits: Limits,
    shelves: Vec<Shelf<C>>,
    idle: usize,
    making: usize,
    leases: Vec<Option<Arc<Bell>>>,
    free: Vec<usize>,
    hand: usize,
    recalled: usize,
    waiters: BTreeMap<WaiterId, Waiter<W>>,
    unmade: BTreeSet<WaiterId>,
    next_waiter: WaiterId,
    demand: Arc<Demand>,
    open: bool,
}

/// One worker's idle connections, the most recently used last.
#[derive(Debug)]
struct Shelf<C> {
    bound: VecDeque<Idle<C>>,
    fresh: VecDeque<Idle<C>>,
}

#[derive(Debug)]
struct Idle<C> {
    conn: C,
    since: Instant,
}

#[derive(Debug)]
struct Waiter<W> {
    worker: usize,
    purpose: Purpose,
    tell: W,
    making: bool,
}

impl<C, W> Ledger<C, W> {
    /// An empty pool for so many workers.
    pub(super) fn new(limits: Limits, workers: usize, demand: Arc<Demand>) -> Self {
        let shelf = |_| Shelf { bound: VecDeque::new(), fresh: VecDeque::new() };
        Self {
            limits: Limits { max: limits.max.max(1), ..limits },
            shelves: (0..workers.max(1)).map(shelf).collect(),
            idle: 0,
            making: 0,
            leases: Vec::new(),
            free: Vec::new(),
            hand: 0,
            recalled: 0,
            waiters: BTreeMap::new(),
            unmade: BTreeSet::new(),
            next_waiter: 0,
            demand,
            open: true,
        }
    }

    /// Connections that are leased out.
    pub(super) fn leased(&self) -> usize {
        self.leases.len() - self.free.len()
    }

    /// All connections, those being made included.
    pub(super) fn total(&self) -> usize {
        self.idle + self.making + self.leased()
    }

    /// Takes an idle connection: the worker's own that was used last, else another's.
    pub(super) fn take(&mut self, worker: usize, purpose: Purpose) -> Option<Grant<C>> {
        let count = self.shelves.len();
        (0..count).find_map(|step| {
            let home = (worker + step) % count;
            let (conn, fitness) = self.shelves[home].take(purpose)?;
            self.idle -= 1;
            Some(self.grant(conn, fitness, home))
        })
    }

    /// A spare connection to be made, if there are fewer than the minimum.
    pub(super) fn spare(&mut self, worker: usize) -> Option<Order> {
        if self.idle + self.making >= self.limits.min {
            return None;
        }
        self.probe(worker)
    }

    /// A connection to be made for nobody, if there is room for one.
    pub(super) fn probe(&mut self, worker: usize) -> Option<Order> {
        if !self.open || self.total() >= self.limits.max {
            return None;
        }
        self.making += 1;
        Some(Order { worker, owner: None })
    }

    /// Queues one for whom [`Ledger::take`] found nothing.
    pub(super) fn enqueue(
        &mut self,
        worker: usize,
        purpose: Purpose,
        tell: W,
    ) -> Result<(WaiterId, Then<C, W>), Refused> {
        if !self.open {
            return Err(Refused::Closed);
        }
        if self.waiters.len() >= self.limits.max_waiting {
            return Err(Refused::Full);
        }
        let id = self.next_waiter;
        self.next_waiter += 1;
        self.waiters.insert(id, Waiter { worker, purpose, tell, making: false });
        self.unmade.insert(id);
        let mut then = Then::default();
        if self.total() >= self.limits.max && purpose == Purpose::Anonymous {
            then.close = self.make_room();
        }
        then.make = self.next_order();
        then.ring = self.recall();
        Ok((id, then))
    }

    /// One gave its place up.
    pub(super) fn cancel(&mut self, id: WaiterId) {
        self.waiters.remove(&id);
        self.unmade.remove(&id);
        self.publish();
    }

    /// A connection was made.
    pub(super) fn made(&mut self, order: Order, conn: C, now: Instant) -> Then<C, W> {
        self.making -= 1;
        self.place(conn, Fitness::Anonymous, order.worker, order.owner, now)
    }

    /// A connection could not be made.
    pub(super) fn not_made(&mut self, order: Order) -> Then<C, W> {
        self.making -= 1;
        let waiter = order.owner.and_then(|id| self.waiters.remove(&id));
        let make = self.next_order();
        Then { fail: waiter.map(|waiter| waiter.tell), make, ..Then::default() }
    }

    /// A connection is no longer being made, and none is to be begun in its place.
    pub(super) fn given_up(&mut self, order: Order) -> Option<W> {
        self.making -= 1;
        let waiter = order.owner.and_then(|id| self.waiters.remove(&id));
        self.publish();
        waiter.map(|waiter| waiter.tell)
    }

    /// A lease ended and its connection is fit for more.
    pub(super) fn returned(
        &mut self,
        slot: usize,
        conn: C,
        fitness: Fitness,
        home: usize,
        now: Instant,
    ) -> Then<C, W> {
        self.end_lease(slot);
        self.place(conn, fitness, home, None, now)
    }

    /// A lease ended and its connection is closed.
    pub(super) fn lost(&mut self, slot: usize, worker: usize) -> Then<C, W> {
        self.end_lease(slot);
        let make = self.next_order().or_else(|| self.spare(worker));
        Then { make, ring: self.recall(), ..Then::default() }
    }

    /// A lease became recallable while somebody waits.
    pub(super) fn volunteer(&mut self, slot: usize) -> Option<Arc<Bell>> {
        if self.wanted() == 0 {
            return None;
        }
        let bell = self.leases.get(slot)?.clone()?;
        self.ask_back(bell)
    }

    /// A lease that was asked back is in use again; another is asked in its place.
    pub(super) fn revoked(&mut self) -> Option<Arc<Bell>> {
        self.recalled -= 1;
        self.publish();
        self.recall()
    }

    /// Takes one idle connection of a worker that is above the minimum and has been idle for long.
    pub(super) fn expire(&mut self, worker: usize, now: Instant) -> Option<C> {
        if self.idle <= self.limits.min {
            return None;
        }
        let (limit, shelf) = (self.limits.idle_timeout, &mut self.shelves[worker]);
        let oldest = [&mut shelf.fresh, &mut shelf.bound].into_iter().find(|list| {
            list.front().is_some_and(|idle| now.saturating_duration_since(idle.since) >= limit)
        });
        let idle = oldest?.pop_front()?;
        self.idle -= 1;
        Some(idle.conn)
    }

    /// Takes idle connections of a worker out that fail a check; looks at `limit` of them, the
    /// longest idle first.
    pub(super) fn weed(
        &mut self,
        worker: usize,
        limit: usize,
        mut is_good: impl FnMut(&mut C) -> bool,
    ) -> Vec<C> {
        let mut weeds = Vec::new();
        let shelf = &mut self.shelves[worker];
        for list in [&mut shelf.fresh, &mut shelf.bound] {
            let mut index = 0;
            for _ in 0..limit.min(list.len()) {
                if list.get_mut(index).is_some_and(|idle| is_good(&mut idle.conn)) {
                    index += 1;
                } else {
                    weeds.extend(list.remove(index).map(|idle| idle.conn));
                }
            }
        }
        self.idle -= weeds.len();
        weeds
    }

    /// Closes the pool: all idle connections, and all who wait.
    pub(super) fn close(&mut self) -> (Vec<C>, Vec<W>) {
        self.open = false;
        self.idle = 0;
        self.unmade.clear();
        let waiters = std::mem::take(&mut self.waiters);
        self.publish();
        let lists = self.shelves.iter_mut().flat_map(|s| [&mut s.fresh, &mut s.bound]);
        let conns = lists.flat_map(|list| list.drain(..).map(|idle| idle.conn)).collect();
        (conns, waiters.into_values().map(|waiter| waiter.tell).collect())
    }

    /// Only bound ones are idle: the longest idle makes room for one that never was bound.
    fn make_room(&mut self) -> Option<C> {
        let idle = self.shelves.iter_mut().find_map(|shelf| shelf.bound.pop_front())?;
        self.idle -= 1;
        Some(idle.conn)
    }

    /// Gives a connection to the one it was made for, else to the first whom it suits, else keeps
    /// it. One who needs a connection that was never bound gets one made in place of one that was.
    fn place(
        &mut self,
        conn: C,
        fitness: Fitness,
        home: usize,
        owner: Option<WaiterId>,
        now: Instant,
    ) -> Then<C, W> {
        if !self.open {
            return Then { close: Some(conn), ..Then::default() };
        }
        let owner = owner.filter(|id| self.waiters.contains_key(id));
        let served = |w: &Waiter<W>| suits(w.purpose, fitness) || !w.making;
        let first = || self.waiters.iter().find(|(_, waiter)| served(waiter)).map(|(id, _)| *id);
        let Some(id) = owner.or_else(first) else {
            let shelf = &mut self.shelves[home];
            shelf.list(fitness).push_back(Idle { conn, since: now });
            self.idle += 1;
            return Then::default();
        };
        let is_suited = self.waiters.get(&id).is_some_and(|w| suits(w.purpose, fitness));
        let waiter = if is_suited { self.waiters.remove(&id) } else { None };
        let Some(waiter) = waiter else {
            let make = self.next_order();
            let ring = self.recall();
            return Then { close: Some(conn), make, ring, ..Then::default() };
        };
        self.unmade.remove(&id);
        self.publish();
        let grant = self.grant(conn, fitness, home);
        // If a connection is being made for the one who got this, somebody else is still wanting.
        Then { deliver: Some((waiter.tell, grant)), ring: self.recall(), ..Then::default() }
    }

    /// The next connection to be made for one who waits and has none being made.
    fn next_order(&mut self) -> Option<Order> {
        let has_room = self.open && self.total() < self.limits.max;
        let id = if has_room { self.unmade.pop_first() } else { None };
        let waiter = id.and_then(|id| self.waiters.get_mut(&id));
        let order = waiter.map(|waiter| {
            waiter.making = true;
            Order { worker: waiter.worker, owner: id }
        });
        self.making += usize::from(order.is_some());
        self.publish();
        order
    }

    fn grant(&mut self, conn: C, fitness: Fitness, home: usize) -> Grant<C> {
        let bell = Arc::new(Bell::default());
        let slot = self.free.pop().unwrap_or_else(|| {
            self.leases.push(None);
            self.leases.len() - 1
        });
        self.leases[slot] = Some(bell.clone());
        Grant { conn, fitness, home, slot, bell }
    }

    fn end_lease(&mut self, slot: usize) {
        let Some(bell) = self.leases.get_mut(slot).and_then(Option::take) else { return };
        self.free.push(slot);
        if bell.is_recalled() {
            self.recalled -= 1;
        }
        self.publish();
    }

    fn wanted(&self) -> usize {
        self.unmade.len().saturating_sub(self.recalled)
    }

    fn publish(&self) {
        self.demand.publish(self.wanted(), self.waiters.len(), self.total());
    }

    /// Asks a lease back if one is wanted: of the next few that are recallable, going round, the
    /// one that has been so for longest.
    fn recall(&mut self) -> Option<Arc<Bell>> {
        if self.wanted() == 0 {
            return None;
        }
        let count = self.leases.len();
        let now = self.demand.recalls();
        let bells = (0..count.min(LOOKED_AT)).map(|step| (self.hand + step) % count);
        let bells = bells.filter_map(|slot| Some((slot, self.leases[slot].as_ref()?)));
        let since = |(slot, bell): (usize, &Arc<Bell>)| Some((slot, bell.recallable_since()?));
        let candidates = bells.filter_map(since).take(COMPARED);
        let found = candidates.max_by_key(|(_, since)| now.wrapping_sub(*since));
        self.hand = match found {
            Some((slot, _)) => (slot + 1) % count,
            None => (self.hand + LOOKED_AT) % count.max(1),
        };
        let bell = self.leases[found?.0].clone()?;
        self.ask_back(bell)
    }

    fn ask_back(&mut self, bell: Arc<Bell>) -> Option<Arc<Bell>> {
        if !bell.recall() {
            return None;
        }
        self.recalled += 1;
        self.demand.count_recall();
        self.publish();
        Some(bell)
    }
}

impl<C> Shelf<C> {
    fn list(&mut self, fitness: Fitness) -> &mut VecDeque<Idle<C>> {
        match fitness {
            Fitness::Binds => &mut self.bound,
            Fitness::Anonymous => &mut self.fresh,
        }
    }

    /// Binds take bound ones first: those that never were serve both purposes.
    fn take(&mut self, purpose: Purpose) -> Option<(C, Fitness)> {
        let bound = match purpose {
            Purpose::Bind => self.bound.pop_back().map(|idle| (idle.conn, Fitness::Binds)),
            Purpose::Anonymous => None,
        };
        bound.or_else(|| Some((self.fresh.pop_back()?.conn, Fitness::Anonymous)))
    }
}

fn suits(purpose: Purpose, fitness: Fitness) -> bool {
    purpose == Purpose::Bind || fitness == Fitness::Anonymous
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
