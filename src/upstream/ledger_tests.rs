//! The ledger against random histories: whatever happens, the counters add up.

use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

const MAX: usize = 4;
const MAX_WAITING: usize = 5;
const WORKERS: usize = 3;

/// What may happen to a pool; numbers choose among what there is at that moment.
#[derive(Debug, Clone)]
enum Step {
    Ask(usize, Purpose),
    Made(usize),
    NotMade(usize),
    Return(usize, Fitness),
    Lose(usize),
    Cancel(usize),
    Allow(usize),
    Forbid(usize),
    Weed(usize, usize),
    Expire(usize),
}

/// The pool with what a real one holds: connections are numbers, and so are those who wait.
struct World {
    ledger: Ledger<usize, usize>,
    demand: Arc<Demand>,
    now: Instant,
    orders: Vec<Order>,
    leases: Vec<Grant<usize>>,
    waiting: Vec<(WaiterId, usize, Purpose)>,
    open: HashSet<usize>,
    next: usize,
}

fn world(min: usize) -> World {
    let demand = Arc::new(Demand::default());
    let idle_timeout = Duration::from_secs(60);
    let limits = Limits { max: MAX, min, max_waiting: MAX_WAITING, idle_timeout };
    World {
        ledger: Ledger::new(limits, WORKERS, demand.clone()),
        demand,
        now: Instant::now(),
        orders: Vec::new(),
        leases: Vec::new(),
        waiting: Vec::new(),
        open: HashSet::new(),
        next: 0,
    }
}

fn pick<T>(items: &mut Vec<T>, number: usize) -> Option<T> {
    if items.is_empty() { None } else { Some(items.remove(number % items.len())) }
}

impl World {
    fn ask(&mut self, worker: usize, purpose: Purpose) {
        if let Some(grant) = self.ledger.take(worker, purpose) {
            assert!(suits(purpose, grant.fitness), "a bound one was given to an anonymous");
            self.leases.push(grant);
            let spare = self.ledger.spare(worker);
            self.orders.extend(spare);
            return;
        }
        let teller = self.next;
        self.next += 1;
        match self.ledger.enqueue(worker, purpose, teller) {
            Ok((id, then)) => {
                self.waiting.push((id, teller, purpose));
                self.follow(then);
            }
            Err(refused) => {
                assert_eq!(refused, Refused::Full);
                assert_eq!(self.waiting.len(), MAX_WAITING);
            }
        }
    }

    fn follow(&mut self, then: Then<usize, usize>) {
        if let Some(conn) = then.close {
            assert!(self.open.remove(&conn), "closed twice");
        }
        self.orders.extend(then.make);
        if let Some(teller) = then.fail {
            self.waiting.retain(|(_, waiting, _)| *waiting != teller);
        }
        if let Some((teller, grant)) = then.deliver {
            let at = self.waiting.iter().position(|(_, waiting, _)| *waiting == teller);
            let (_, _, purpose) = self.waiting.remove(at.expect("it was not waiting"));
            assert!(suits(purpose, grant.fitness));
            self.leases.push(grant);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Ask(worker, purpose) => self.ask(worker % WORKERS, purpose),
            Step::Made(n) => {
                let Some(order) = pick(&mut self.orders, n) else { return };
                let conn = self.next;
                self.next += 1;
                self.open.insert(conn);
                let then = self.ledger.made(order, conn, self.now);
                self.follow(then);
            }
            Step::NotMade(n) => {
                let Some(order) = pick(&mut self.orders, n) else { return };
                let then = self.ledger.not_made(order);
                self.follow(then);
            }
            Step::Return(n, fitness) => {
                let Some(grant) = pick(&mut self.leases, n) else { return };
                let Grant { conn, slot, home, .. } = grant;
                let then = self.ledger.returned(slot, conn, fitness, home, self.now);
                self.follow(then);
            }
            Step::Lose(n) => {
                let Some(grant) = pick(&mut self.leases, n) else { return };
                self.open.remove(&grant.conn);
                let then = self.ledger.lost(grant.slot, grant.home);
                self.follow(then);
            }
            Step::Cancel(n) => {
                let Some((id, _, _)) = pick(&mut self.waiting, n) else { return };
                self.ledger.cancel(id);
            }
            step => self.quiet_step(step),
        }
    }

    /// Steps that lead to nothing else.
    fn quiet_step(&mut self, step: Step) {
        match step {
            Step::Allow(n) if !self.leases.is_empty() => {
                let grant = &self.leases[n % self.leases.len()];
                grant.bell.allow(self.demand.recalls());
                if self.demand.wanted() > 0 {
                    self.ledger.volunteer(grant.slot);
                }
            }
            Step::Forbid(n) if self.forbids(n) => {
                self.ledger.revoked();
            }
            Step::Weed(worker, divisor) => {
                let weeds = self.ledger.weed(worker % WORKERS, 2, |conn| *conn % divisor != 0);
                weeds.iter().for_each(|conn| assert!(self.open.remove(conn)));
            }
            Step::Expire(worker) => {
                self.now += Duration::from_secs(40);
                if let Some(conn) = self.ledger.expire(worker % WORKERS, self.now) {
                    assert!(self.open.remove(&conn));
                }
            }
            _ => {}
        }
    }

    /// Whether that overtakes a recall.
    fn forbids(&self, n: usize) -> bool {
        !self.leases.is_empty() && self.leases[n % self.leases.len()].bell.forbid()
    }

    fn check(&self) {
        let ledger = &self.ledger;
        let on_shelves: usize = ledger.shelves.iter().map(|s| s.bound.len() + s.fresh.len()).sum();
        assert_eq!(ledger.idle, on_shelves);
        assert_eq!(ledger.making, self.orders.len());
        assert_eq!(ledger.leased(), self.leases.len());
        assert_eq!(ledger.idle + ledger.leased(), self.open.len());
        assert!(ledger.total() <= MAX);
        assert_eq!(ledger.waiters.len(), self.waiting.len());
        let held: HashSet<usize> = self.leases.iter().map(|grant| grant.conn).collect();
        assert_eq!(held.len(), self.leases.len(), "a connection is leased twice");
        let recalled = self.leases.iter().filter(|grant| grant.bell.is_recalled()).count();
        assert_eq!(ledger.recalled, recalled);
        assert_eq!(self.demand.wanted(), ledger.wanted());
        assert_eq!(self.demand.waiting(), self.waiting.len());
        for (id, waiter) in &ledger.waiters {
            assert_eq!(waiter.making, !ledger.unmade.contains(id));
        }
        assert!(ledger.unmade.iter().all(|id| ledger.waiters.contains_key(id)));
    }

    /// Nobody waits without a connection being made while there is room, or while a lease that
    /// could be asked back is not.
    fn check_progress(&self) {
        if !self.ledger.unmade.is_empty() {
            assert_eq!(self.ledger.total(), MAX, "somebody waits although there is room");
            let recallable = self.leases.iter().any(|g| g.bell.recallable_since().is_some());
            assert!(self.ledger.wanted() == 0 || !recallable, "a recallable lease is not asked");
        }
    }
}

fn purpose() -> impl Strategy<Value = Purpose> {
    prop_oneof![4 => Just(Purpose::Bind), 1 => Just(Purpose::Anonymous)]
}

fn fitness() -> impl Strategy<Value = Fitness> {
    prop_oneof![4 => Just(Fitness::Binds), 1 => Just(Fitness::Anonymous)]
}

fn step() -> impl Strategy<Value = Step> {
    let n = || 0usize..100;
    prop_oneof![
        6 => (n(), purpose()).prop_map(|(worker, purpose)| Step::Ask(worker, purpose)),
        4 => n().prop_map(Step::Made),
        1 => n().prop_map(Step::NotMade),
        4 => (n(), fitness()).prop_map(|(n, fitness)| Step::Return(n, fitness)),
        2 => n().prop_map(Step::Lose),
        1 => n().prop_map(Step::Cancel),
        3 => n().prop_map(Step::Allow),
        1 => n().prop_map(Step::Forbid),
        1 => (n(), 2usize..4).prop_map(|(worker, divisor)| Step::Weed(worker, divisor)),
        1 => n().prop_map(Step::Expire),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_counters_add_up_and_nobody_is_forgotten(
        min in 0usize..3,
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let mut world = world(min);
        for step in steps {
            // Weeding leaves its room to the next who asks or to the pool's next look.
            let is_weeding = matches!(step, Step::Weed(..) | Step::Expire(_));
            world.step(step);
            world.check();
            if !is_weeding {
                world.check_progress();
            }
        }
        let (conns, waiters) = world.ledger.close();
        prop_assert_eq!(waiters.len(), world.waiting.len());
        prop_assert_eq!(conns.len() + world.leases.len(), world.open.len());
    }
}

fn served(world: &World) -> Vec<usize> {
    world.leases.iter().map(|grant| grant.conn).collect()
}

#[test]
fn who_waits_longest_is_served_first_by_a_returning_connection() {
    let mut world = world(0);
    for _ in 0..MAX {
        world.ask(0, Purpose::Bind);
        world.step(Step::Made(0));
    }
    world.ask(1, Purpose::Bind);
    world.ask(2, Purpose::Bind);
    let first = world.waiting[0].0;
    world.step(Step::Return(0, Fitness::Binds));
    assert_eq!(world.waiting.len(), 1);
    assert!(world.waiting[0].0 > first);
    assert_eq!(served(&world).len(), MAX);
}

#[test]
fn an_anonymous_client_gets_a_new_connection_in_place_of_a_bound_one() {
    let mut world = world(0);
    for _ in 0..MAX {
        world.ask(0, Purpose::Bind);
        world.step(Step::Made(0));
    }
    world.step(Step::Return(0, Fitness::Binds));
    world.ask(0, Purpose::Anonymous);
    assert_eq!((world.open.len(), world.orders.len()), (MAX - 1, 1));
    world.step(Step::Made(0));
    assert_eq!(world.leases.last().map(|grant| grant.fitness), Some(Fitness::Anonymous));
}

#[test]
fn the_lease_that_has_been_recallable_for_longest_is_asked_back() {
    let mut world = world(0);
    for _ in 0..MAX {
        world.ask(0, Purpose::Bind);
        world.step(Step::Made(0));
    }
    world.step(Step::Allow(2));
    world.demand.count_recall();
    world.step(Step::Allow(1));
    world.ask(0, Purpose::Bind);
    let recalled: Vec<bool> = world.leases.iter().map(|grant| grant.bell.is_recalled()).collect();
    assert_eq!(recalled, [false, false, true, false]);
    world.ask(0, Purpose::Bind);
    assert!(world.leases[1].bell.is_recalled());
}
