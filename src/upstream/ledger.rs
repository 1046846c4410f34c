//! The pool's bookkeeping, without connections, sockets or clocks: it is told what happened and
//! says what is to be done.
//!
//! What always holds: idle + leased + being made never exceeds the limit; while there is room, as
//! many connections are being made as there are clients who wait, or as many as may be; a lease that
//! may be asked back is asked back while somebody waits for whom none is being made.
//!
//! Sessions that only bind give their connections up between two binds, so that a few serve many.
//! More of these than `max_binding` are not made: they would only wait in the directory instead of
//! here, out of turn and out of the processor's caches.
//!
//! Who binds and who stays anonymous wait apart, for a connection that was bound once serves binds
//! alone. Where both wait they take turns; those who stay anonymous, whose leases are not asked
//! back, have no more than their share of the connections.

use super::ahead::Ahead;
use super::bell::{Bell, Demand};
use super::queue::Queue;
use super::shelf::{End, Idle, Shelf};
use super::terms::{Client, Grant, Limits, Order, Refused, Then, WaiterId, Wanted};
use crate::app::oversight::PoolState;
use crate::app::ports::{Fitness, Purpose};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How many recallable leases are compared to find the one that has been so for longest.
const COMPARED: usize = 8;
/// How many leases are looked at to find more than one.
const LOOKED_AT: usize = 64;
/// How many binds are served with bound connections before one of those makes room for a new one,
/// if somebody waits who needs one that never was bound.
const BINDS_IN_A_ROW: usize = 3;
/// For how long a connection that was given back proves that the directory works, although no new
/// one could be made.
const PROOF: Duration = Duration::from_secs(1);

/// The bookkeeping, over connections `C` and the means `W` to tell one who waits.
#[derive(Debug)]
pub(super) struct Ledger<C, W> {
    limits: Limits,
    shelves: Vec<Shelf<C>>,
    idle: usize,
    making: usize,
    leases: Vec<Slot>,
    free: Vec<usize>,
    anonymous: usize,
    hand: usize,
    recalled: usize,
    binders: Queue<Waiter<W>>,
    strangers: Queue<Waiter<W>>,
    binds_in_a_row: usize,
    fresh_for: Purpose,
    ahead: Ahead,
    last_return: Option<Instant>,
    demand: Arc<Demand>,
    open: bool,
}

/// A lease's place, kept for the next one.
#[derive(Debug)]
struct Slot {
    bell: Arc<Bell>,
    leased_for: Option<Purpose>,
}

#[derive(Debug)]
struct Waiter<W> {
    worker: usize,
    tell: W,
}

/// What becomes of a connection that nobody has.
enum Use<W> {
    Serve(Purpose, Waiter<W>),
    MakeRoom,
    Keep,
}

impl<C, W> Ledger<C, W> {
    /// An empty pool for so many workers.
    pub(super) fn new(limits: Limits, workers: usize, demand: Arc<Demand>) -> Self {
        Self {
            limits: Limits {
                max: limits.max.max(1),
                max_connecting: limits.max_connecting.max(1),
                max_anonymous: limits.max_anonymous.max(1),
                max_binding: limits.max_binding.max(1),
                ..limits
            },
            shelves: (0..workers.max(1)).map(|_| Shelf::new()).collect(),
            idle: 0,
            making: 0,
            leases: Vec::new(),
            free: Vec::new(),
            anonymous: 0,
            hand: 0,
            recalled: 0,
            binders: Queue::new(workers),
            strangers: Queue::new(workers),
            binds_in_a_row: 0,
            fresh_for: Purpose::Anonymous,
            ahead: Ahead::new(limits.max_ahead),
            last_return: None,
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

    /// What there is of connections.
    pub(super) fn state(&self) -> PoolState {
        PoolState {
            connections: self.total(),
            leased: self.leased(),
            waiting: self.waiting(),
            most: self.limits.max,
        }
    }

    /// Takes an idle connection: the worker's own that was used last, else another's.
    pub(super) fn take(&mut self, worker: usize, purpose: Purpose) -> Option<Grant<C>> {
        if purpose == Purpose::Anonymous && self.anonymous >= self.limits.max_anonymous {
            return None;
        }
        let count = self.shelves.len();
        let (conn, fitness, home) = (0..count).find_map(|step| {
            let home = (worker + step) % count;
            let from = if step == 0 { End::UsedLast } else { End::IdleLongest };
            let (conn, fitness) = self.shelves[home].take(purpose, from)?;
            Some((conn, fitness, home))
        })?;
        if home != worker {
            self.ahead.missed();
        }
        self.idle -= 1;
        Some(self.grant(conn, fitness, home, worker, purpose))
    }

    /// A spare connection to be made, if there are fewer than the minimum and demand ask for.
    pub(super) fn spare(&mut self, worker: usize) -> Option<Order> {
        if self.to_make() < self.short() {
            return None;
        }
        let spares = self.idle + self.making.saturating_sub(self.short());
        let useful = self.limits.max_binding.saturating_sub(self.demand.binding() + self.making);
        if spares >= self.limits.min + self.ahead.spares().min(useful) {
            return None;
        }
        self.probe(worker)
    }

    /// A connection to be made for nobody, if there is room for one.
    fn probe(&mut self, worker: usize) -> Option<Order> {
        if !self.open || !self.has_room() {
            return None;
        }
        self.making += 1;
        self.publish();
        Some(Order { worker })
    }

    /// A connection to be made for one who waits and for whom none is being made: for when making
    /// one failed and the directory still worked.
    pub(super) fn retry(&mut self, worker: usize) -> Option<Order> {
        self.next_order(worker)
    }

    /// A period is over, and demand is looked at anew.
    pub(super) fn tick(&mut self) {
        self.ahead.tick();
    }

    /// Queues one for whom [`Ledger::take`] found nothing.
    pub(super) fn enqueue(
        &mut self,
        client: Client,
        tell: W,
    ) -> Result<(WaiterId, Then<C, W>), Refused> {
        let Client { worker, purpose, source, wanted } = client;
        if !self.open {
            return Err(Refused::Closed);
        }
        if self.waiting() >= self.limits.max_waiting {
            return Err(Refused::Full);
        }
        let of_source = self.binders.waiting_from(source) + self.strangers.waiting_from(source);
        if of_source >= self.limits.max_waiting_per_source {
            return Err(Refused::SourceFull);
        }
        let place = self.queue(purpose).push(source, worker, Waiter { worker, tell });
        self.ahead.missed();
        let mut then = Then::default();
        if self.total() >= self.limits.max && self.strangers_short() > self.making {
            then.close = self.make_room();
        } else if wanted == Wanted::Fresh && self.total() >= self.limits.max {
            then.close = self.make_room().or_else(|| self.make_room_of_fresh());
        }
        then.make = self.next_order(worker);
        then.ring = self.recall();
        Ok((WaiterId { purpose, place }, then))
    }

    /// One gave its place up.
    pub(super) fn cancel(&mut self, id: WaiterId) {
        self.queue(id.purpose).cancel(id.place);
        self.publish();
    }

    /// A connection was made.
    pub(super) fn made(&mut self, order: Order, conn: C, now: Instant) -> Then<C, W> {
        self.making -= 1;
        let then = self.place(conn, Fitness::Anonymous, order.worker, now);
        // One that had to wait until fewer are being made.
        Then { make: then.make.or_else(|| self.next_order(order.worker)), ..then }
    }

    /// Whether somebody waits for whom a connection would be made if fewer were being made.
    pub(super) fn holds_connects_back(&self) -> bool {
        let is_most = self.making >= self.limits.max_connecting;
        self.open && is_most && self.short() > self.making && self.total() < self.limits.max
    }

    /// A connection could not be made: one who waits is told so, unless others have been served
    /// lately with connections that there are.
    pub(super) fn not_made(&mut self, order: Order, now: Instant) -> Then<C, W> {
        self.making -= 1;
        let proof = self.last_return.is_some_and(|at| now.saturating_duration_since(at) < PROOF);
        if proof && self.leased() > 0 {
            self.publish();
            return Then { ring: self.recall(), ..Then::default() };
        }
        let fail = self.fail_one(order.worker);
        Then { fail, make: self.next_order(order.worker), ..Then::default() }
    }

    /// A connection is no longer being made, and none is to be begun in its place.
    pub(super) fn given_up(&mut self, order: Order) -> Option<W> {
        self.making -= 1;
        self.fail_one(order.worker)
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
        self.last_return = Some(now);
        self.place(conn, fitness, home, now)
    }

    /// A lease ended and its connection is closed.
    pub(super) fn lost(&mut self, slot: usize, worker: usize) -> Then<C, W> {
        self.end_lease(slot);
        let deliver = self.offer_fresh();
        let make = self.next_order(worker).or_else(|| self.spare(worker));
        Then { deliver, make, ring: self.recall(), ..Then::default() }
    }

    /// A session that only bound does more from now on: another may have a connection to bind with.
    pub(super) fn does_more(&mut self, worker: usize) -> Option<Order> {
        self.next_order(worker)
    }

    /// A lease became recallable while somebody waits; whether it is asked back at once.
    pub(super) fn volunteer(&mut self, slot: usize) -> bool {
        self.wanted() > 0 && self.ask_back(slot).is_some()
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
        self.publish();
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
        self.publish();
        weeds
    }

    /// Closes the pool: all idle connections, and all who wait.
    pub(super) fn close(&mut self) -> (Vec<C>, Vec<W>) {
        self.open = false;
        self.idle = 0;
        let mut waiters = self.binders.drain();
        waiters.append(&mut self.strangers.drain());
        self.publish();
        let lists = self.shelves.iter_mut().flat_map(|s| [&mut s.fresh, &mut s.bound]);
        let conns = lists.flat_map(|list| list.drain(..).map(|idle| idle.conn)).collect();
        (conns, waiters.into_iter().map(|waiter| waiter.tell).collect())
    }

    fn queue(&mut self, purpose: Purpose) -> &mut Queue<Waiter<W>> {
        match purpose {
            Purpose::Bind => &mut self.binders,
            Purpose::Anonymous => &mut self.strangers,
        }
    }

    fn waiting(&self) -> usize {
        self.binders.len() + self.strangers.len()
    }

    /// Those who wait and stay anonymous, as far as their share goes.
    fn strangers_short(&self) -> usize {
        self.strangers.len().min(self.limits.max_anonymous.saturating_sub(self.anonymous))
    }

    /// How many connections are short.
    fn short(&self) -> usize {
        self.binders.len() + self.strangers_short()
    }

    /// How many connections are worth making for those who wait.
    fn to_make(&self) -> usize {
        let binding = self.limits.max_binding.saturating_sub(self.demand.binding());
        self.binders.len().min(binding) + self.strangers_short()
    }

    /// Only bound ones are idle: the longest idle makes room for one that never was bound.
    fn make_room(&mut self) -> Option<C> {
        let idle = self.shelves.iter_mut().find_map(|shelf| shelf.bound.pop_front())?;
        self.idle -= 1;
        Some(idle.conn)
    }

    /// The idle connection that never was bound and is idle for longest makes room.
    fn make_room_of_fresh(&mut self) -> Option<C> {
        let idle = self.shelves.iter_mut().find_map(|shelf| shelf.fresh.pop_front())?;
        self.idle -= 1;
        Some(idle.conn)
    }

    fn has_room(&self) -> bool {
        self.total() < self.limits.max && self.making < self.limits.max_connecting
    }

    /// Gives a connection to one who waits, else keeps it.
    fn place(&mut self, conn: C, fitness: Fitness, home: usize, now: Instant) -> Then<C, W> {
        if !self.open {
            return Then { close: Some(conn), ..Then::default() };
        }
        match self.choose(fitness, home) {
            Use::Serve(purpose, waiter) => {
                let grant = self.grant(conn, fitness, home, waiter.worker, purpose);
                // A session that only bound may have made room for another that binds.
                let make = self.next_order(home);
                let deliver = Some((waiter.tell, grant));
                Then { deliver, make, ring: self.recall(), ..Then::default() }
            }
            Use::MakeRoom => {
                // One that never was bound may lie ready already.
                let deliver = self.offer_fresh();
                let make = self.next_order(home);
                Then { close: Some(conn), deliver, make, ring: self.recall(), ..Then::default() }
            }
            Use::Keep => {
                self.shelves[home].list(fitness).push_back(Idle { conn, since: now });
                self.idle += 1;
                let deliver = self.offer_fresh();
                // The lease that ended may have left its share to one who waits.
                let make = self.next_order(home);
                Then { deliver, make, ..Then::default() }
            }
        }
    }

    /// Decides who gets a connection that nobody has.
    fn choose(&mut self, fitness: Fitness, home: usize) -> Use<W> {
        let strangers = self.strangers_short();
        let purpose = match fitness {
            Fitness::Anonymous if strangers > 0 && !self.binders.is_empty() => {
                let other = match self.fresh_for {
                    Purpose::Bind => Purpose::Anonymous,
                    Purpose::Anonymous => Purpose::Bind,
                };
                std::mem::replace(&mut self.fresh_for, other)
            }
            Fitness::Anonymous if strangers > 0 => Purpose::Anonymous,
            Fitness::Anonymous => Purpose::Bind,
            Fitness::Binds if strangers > self.making && self.total() + 1 >= self.limits.max => {
                if self.binders.is_empty() || self.binds_in_a_row >= BINDS_IN_A_ROW {
                    self.binds_in_a_row = 0;
                    return Use::MakeRoom;
                }
                self.binds_in_a_row += 1;
                Purpose::Bind
            }
            Fitness::Binds => Purpose::Bind,
        };
        let waiter = self.queue(purpose).pop(home);
        waiter.map_or(Use::Keep, |waiter| Use::Serve(purpose, waiter))
    }

    /// Once a client without a bind leaves its share to the next, a connection may lie ready.
    fn offer_fresh(&mut self) -> Option<(W, Grant<C>)> {
        if self.strangers_short() == 0 {
            return None;
        }
        let has_one = |shelf: &Shelf<C>| !shelf.fresh.is_empty();
        let home = self.shelves.iter().position(has_one)?;
        let waiter = self.strangers.pop(home)?;
        let (conn, fitness) = self.shelves[home].take(Purpose::Anonymous, End::UsedLast)?;
        self.idle -= 1;
        Some((waiter.tell, self.grant(conn, fitness, home, waiter.worker, Purpose::Anonymous)))
    }

    fn fail_one(&mut self, worker: usize) -> Option<W> {
        let is_short = self.short() > self.making;
        let waiter =
            is_short.then(|| self.binders.pop(worker).or_else(|| self.strangers.pop(worker)));
        self.publish();
        waiter.flatten().map(|waiter| waiter.tell)
    }

    /// The next connection to be made for one who waits, if fewer are being made.
    fn next_order(&mut self, worker: usize) -> Option<Order> {
        let has_room = self.open && self.has_room();
        let order = (has_room && self.to_make() > self.making).then_some(Order { worker });
        self.making += usize::from(order.is_some());
        self.publish();
        order
    }

    fn grant(
        &mut self,
        conn: C,
        fitness: Fitness,
        home: usize,
        worker: usize,
        purpose: Purpose,
    ) -> Grant<C> {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.leases.push(Slot { bell: Arc::default(), leased_for: None });
            self.leases.len() - 1
        });
        self.anonymous += usize::from(purpose == Purpose::Anonymous);
        let place = &mut self.leases[slot];
        place.leased_for = Some(purpose);
        place.bell.begin(worker, purpose, &self.demand);
        Grant { conn, fitness, home, slot, bell: place.bell.clone() }
    }

    fn end_lease(&mut self, slot: usize) {
        let Some(place) = self.leases.get_mut(slot) else { return };
        let Some(purpose) = place.leased_for.take() else { return };
        self.recalled -= usize::from(place.bell.forbid(&self.demand));
        place.bell.no_longer_only_binds(&self.demand);
        self.anonymous -= usize::from(purpose == Purpose::Anonymous);
        self.free.push(slot);
        self.publish();
    }

    fn wanted(&self) -> usize {
        self.short().saturating_sub(self.making + self.recalled)
    }

    fn publish(&self) {
        self.demand.publish(self.wanted(), self.waiting(), self.total());
    }

    /// Asks a lease back if one is wanted: of the next few that are recallable, going round, the
    /// one that has been so for longest.
    fn recall(&mut self) -> Option<Arc<Bell>> {
        if self.wanted() == 0 || !self.demand.is_any_recallable() {
            return None;
        }
        let (count, now) = (self.leases.len(), self.demand.recalls());
        let mut found = None;
        let mut compared = 0;
        for step in 0..count {
            let slot = (self.hand + step) % count;
            if compared == COMPARED || (compared > 0 && step >= LOOKED_AT) {
                break;
            }
            let Some(since) = self.leases[slot].bell.recallable_since() else { continue };
            compared += 1;
            found = found.max(Some((now.wrapping_sub(since), count - step, slot)));
        }
        let (_, _, slot) = found?;
        self.hand = (slot + 1) % count;
        self.ask_back(slot)
    }

    fn ask_back(&mut self, slot: usize) -> Option<Arc<Bell>> {
        let bell = &self.leases.get(slot)?.bell;
        if !bell.recall(&self.demand) {
            return None;
        }
        let bell = bell.clone();
        self.recalled += 1;
        self.demand.count_recall();
        self.publish();
        Some(bell)
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
