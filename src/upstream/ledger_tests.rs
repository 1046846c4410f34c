//! The ledger against random histories: whatever happens, the counters add up.

use super::*;
use proptest::prelude::*;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const MAX: usize = 4;
const MAX_CONNECTING: usize = 3;
const MAX_WAITING: usize = 5;
const MAX_PER_SOURCE: usize = 4;
const MAX_ANONYMOUS: usize = 3;
const MAX_AHEAD: usize = 2;
const WORKERS: usize = 3;

/// What may happen to a pool; numbers choose among what there is at that moment.
#[derive(Debug, Clone)]
enum Step {
    Ask(usize, Purpose, u8),
    Made(usize),
    NotMade(usize),
    Return(usize, Fitness),
    Lose(usize),
    Cancel(usize),
    Allow(usize),
    Forbid(usize),
    DoMore(usize),
    Weed(usize, usize),
    Expire(usize),
    Retry(usize),
}

/// The pool with what a real one holds: connections are numbers, and so are those who wait.
struct World {
    ledger: Ledger<usize, usize>,
    demand: Arc<Demand>,
    now: Instant,
    orders: Vec<Order>,
    leases: Vec<Grant<usize>>,
    waiting: Vec<(WaiterId, usize, Purpose, u8)>,
    /// What each slot was leased for.
    purposes: std::collections::HashMap<usize, Purpose>,
    passed_over: [usize; 2],
    open: HashSet<usize>,
    next: usize,
}

fn world(min: usize) -> World {
    world_that_binds_over(min, MAX)
}

fn world_that_binds_over(min: usize, max_binding: usize) -> World {
    let demand = Arc::new(Demand::new(WORKERS));
    let limits = Limits {
        max: MAX,
        max_connecting: MAX_CONNECTING,
        min,
        max_ahead: MAX_AHEAD,
        max_binding,
        max_anonymous: MAX_ANONYMOUS,
        max_waiting: MAX_WAITING,
        max_waiting_per_source: MAX_PER_SOURCE,
        idle_timeout: Duration::from_secs(60),
    };
    World {
        ledger: Ledger::new(limits, WORKERS, demand.clone()),
        demand,
        now: Instant::now(),
        orders: Vec::new(),
        leases: Vec::new(),
        waiting: Vec::new(),
        purposes: std::collections::HashMap::new(),
        passed_over: [0, 0],
        open: HashSet::new(),
        next: 0,
    }
}

fn pick<T>(items: &mut Vec<T>, number: usize) -> Option<T> {
    if items.is_empty() { None } else { Some(items.remove(number % items.len())) }
}

impl World {
    fn ask(&mut self, worker: usize, purpose: Purpose) {
        self.ask_from(worker, purpose, 0);
    }

    fn ask_from(&mut self, worker: usize, purpose: Purpose, source: u8) {
        if let Some(grant) = self.ledger.take(worker, purpose) {
            self.lease(grant, purpose);
            let spare = self.ledger.spare(worker);
            self.orders.extend(spare);
            return;
        }
        let teller = self.next;
        self.next += 1;
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, source));
        match self
            .ledger
            .enqueue(Client { worker, purpose, source: address, wanted: Wanted::Any }, teller)
        {
            Ok((id, then)) => {
                self.waiting.push((id, teller, purpose, source));
                self.follow(then);
                let spare = self.ledger.spare(worker);
                self.orders.extend(spare);
            }
            Err(Refused::Full) => assert_eq!(self.waiting.len(), MAX_WAITING),
            Err(Refused::SourceFull) => {
                let same = self.waiting.iter().filter(|(_, _, _, waiting)| *waiting == source);
                assert_eq!(same.count(), MAX_PER_SOURCE);
            }
            Err(Refused::Closed) => panic!("it is open"),
        }
    }

    /// Leases until there is no more room.
    fn lease_all(&mut self, purpose: Purpose) {
        while self.leases.len() < MAX {
            self.ask(0, purpose);
            while !self.orders.is_empty() {
                self.step(Step::Made(0));
            }
        }
    }

    fn lease(&mut self, grant: Grant<usize>, purpose: Purpose) {
        let is_suited = purpose == Purpose::Bind || grant.fitness == Fitness::Anonymous;
        assert!(is_suited, "a bound one was given to an anonymous");
        assert!(!grant.bell.is_recalled() && grant.bell.recallable_since().is_none());
        self.purposes.insert(grant.slot, purpose);
        self.leases.push(grant);
        assert!(self.anonymous() <= MAX_ANONYMOUS, "anonymous ones have more than their share");
    }

    fn anonymous(&self) -> usize {
        let of = |grant: &&Grant<usize>| self.purposes[&grant.slot] == Purpose::Anonymous;
        self.leases.iter().filter(of).count()
    }

    fn follow(&mut self, then: Then<usize, usize>) {
        if let Some(conn) = then.close {
            assert!(self.open.remove(&conn), "closed twice");
        }
        self.orders.extend(then.make);
        if let Some(teller) = then.fail {
            self.waiting.retain(|(_, waiting, _, _)| *waiting != teller);
        }
        if let Some((teller, grant)) = then.deliver {
            let at = self.waiting.iter().position(|(_, waiting, _, _)| *waiting == teller);
            let (_, _, purpose, _) = self.waiting.remove(at.expect("it was not waiting"));
            self.count_passing(purpose);
            self.lease(grant, purpose);
        }
    }

    /// Who waits for one purpose is not passed over by the other for ever.
    fn count_passing(&mut self, served: Purpose) {
        let has_room = self.anonymous() < MAX_ANONYMOUS;
        for (at, purpose) in [Purpose::Bind, Purpose::Anonymous].into_iter().enumerate() {
            let is_open = purpose == Purpose::Bind || has_room;
            let waits =
                is_open && self.waiting.iter().any(|(_, _, waiting, _)| *waiting == purpose);
            let passed = waits && purpose != served;
            self.passed_over[at] = if passed { self.passed_over[at] + 1 } else { 0 };
            // Connections that are being made may go to binds before one does not.
            let most = 2 * (BINDS_IN_A_ROW + 1) + MAX;
            assert!(self.passed_over[at] <= most, "{purpose:?} was passed over");
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Ask(worker, purpose, source) => {
                self.ask_from(worker % WORKERS, purpose, source);
            }
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
                let then = self.ledger.not_made(order, self.now);
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
                let Some((id, _, _, _)) = pick(&mut self.waiting, n) else { return };
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
                grant.bell.allow(&self.demand);
                if self.demand.wanted() > 0 {
                    self.ledger.volunteer(grant.slot);
                }
            }
            Step::Forbid(n) if self.forbids(n) => {
                self.ledger.revoked();
            }
            Step::DoMore(n) if !self.leases.is_empty() => {
                let grant = &self.leases[n % self.leases.len()];
                if grant.bell.no_longer_only_binds(&self.demand) {
                    self.orders.extend(self.ledger.does_more(0));
                }
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
            Step::Retry(worker) => {
                self.ledger.tick();
                while let Some(order) = self.ledger.retry(worker % WORKERS) {
                    self.orders.push(order);
                }
            }
            _ => {}
        }
    }

    /// Whether that overtakes a recall.
    fn forbids(&self, n: usize) -> bool {
        !self.leases.is_empty() && self.leases[n % self.leases.len()].bell.forbid(&self.demand)
    }

    fn check(&self) {
        let ledger = &self.ledger;
        let on_shelves: usize = ledger.shelves.iter().map(|s| s.bound.len() + s.fresh.len()).sum();
        assert_eq!(ledger.idle, on_shelves);
        assert_eq!(ledger.making, self.orders.len());
        assert_eq!(ledger.leased(), self.leases.len());
        assert_eq!(ledger.idle + ledger.leased(), self.open.len());
        assert!(ledger.total() <= MAX);
        assert_eq!(ledger.waiting(), self.waiting.len());
        assert_eq!(ledger.anonymous, self.anonymous());
        assert!(self.demand.binding() <= self.leases.len() - self.anonymous());
        let held: HashSet<usize> = self.leases.iter().map(|grant| grant.conn).collect();
        assert_eq!(held.len(), self.leases.len(), "a connection is leased twice");
        let recalled = self.leases.iter().filter(|grant| grant.bell.is_recalled()).count();
        assert_eq!(ledger.recalled, recalled);
        assert_eq!(self.demand.wanted(), ledger.wanted());
        assert_eq!(self.demand.waiting(), self.waiting.len());
        let recallable = self.leases.iter().any(|g| g.bell.recallable_since().is_some());
        assert_eq!(self.demand.is_any_recallable(), recallable);
    }

    /// Nobody waits without a connection being made while there is room, or while a lease that
    /// could be asked back is not.
    fn check_progress(&self) {
        let ledger = &self.ledger;
        assert!(ledger.wanted() == 0 || !self.demand.is_any_recallable(), "a lease is not asked");
        let binder = self.waiting.iter().any(|(_, _, purpose, _)| *purpose == Purpose::Bind);
        assert!(!binder || ledger.idle == 0, "one who binds waits beside an idle connection");
        let fresh = ledger.shelves.iter().any(|shelf| !shelf.fresh.is_empty());
        assert!(ledger.strangers_short() == 0 || !fresh, "an idle connection is withheld");
        let is_full = ledger.total() == MAX || ledger.making == MAX_CONNECTING;
        assert!(
            ledger.to_make() <= ledger.making || is_full,
            "somebody waits although there is room: {} to make, {} being made, {} in all",
            ledger.to_make(),
            ledger.making,
            ledger.total(),
        );
        // Who waits although there is room waits for one of those that take turns.
        let turns = self.demand.binding() + ledger.making >= ledger.limits.max_binding;
        assert!(ledger.short() <= ledger.making || is_full || turns);
        assert!(ledger.making <= MAX_CONNECTING, "too many are being made");
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
        6 => (n(), purpose(), 0u8..3).prop_map(|(n, purpose, source)| Step::Ask(n, purpose, source)),
        4 => n().prop_map(Step::Made),
        1 => n().prop_map(Step::NotMade),
        4 => (n(), fitness()).prop_map(|(n, fitness)| Step::Return(n, fitness)),
        2 => n().prop_map(Step::Lose),
        1 => n().prop_map(Step::Cancel),
        3 => n().prop_map(Step::Allow),
        1 => n().prop_map(Step::Forbid),
        1 => n().prop_map(Step::DoMore),
        1 => (n(), 2usize..4).prop_map(|(worker, divisor)| Step::Weed(worker, divisor)),
        1 => n().prop_map(Step::Expire),
        1 => n().prop_map(Step::Retry),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_counters_add_up_and_nobody_is_forgotten(
        min in 0usize..3,
        max_binding in 1usize..=MAX,
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let mut world = world_that_binds_over(min, max_binding);
        for step in steps {
            // These leave room to the next who asks or to the pool's next look.
            let leaves_room = matches!(step, Step::Weed(..) | Step::Expire(_) | Step::NotMade(_));
            world.step(step);
            world.check();
            if leaves_room {
                world.step(Step::Retry(0));
            }
            world.check_progress();
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
    world.lease_all(Purpose::Bind);
    world.ask(1, Purpose::Bind);
    world.ask(2, Purpose::Bind);
    let second = world.waiting[1].0;
    world.step(Step::Return(0, Fitness::Binds));
    assert_eq!(world.waiting.len(), 1);
    assert_eq!(world.waiting[0].0, second);
    assert_eq!(served(&world).len(), MAX);
}

#[test]
fn an_anonymous_client_gets_a_new_connection_in_place_of_a_bound_one() {
    let mut world = world(0);
    world.lease_all(Purpose::Bind);
    world.step(Step::Return(0, Fitness::Binds));
    world.ask(0, Purpose::Anonymous);
    assert_eq!((world.open.len(), world.orders.len()), (MAX - 1, 1));
    world.step(Step::Made(0));
    assert_eq!(world.leases.last().map(|grant| grant.fitness), Some(Fitness::Anonymous));
}

#[test]
fn the_lease_that_has_been_recallable_for_longest_is_asked_back() {
    let mut world = world(0);
    world.lease_all(Purpose::Bind);
    world.step(Step::Allow(2));
    world.demand.count_recall();
    world.step(Step::Allow(1));
    world.ask(0, Purpose::Bind);
    let recalled: Vec<bool> = world.leases.iter().map(|grant| grant.bell.is_recalled()).collect();
    assert_eq!(recalled, [false, false, true, false]);
    world.ask(0, Purpose::Bind);
    assert!(world.leases[1].bell.is_recalled());
}

#[test]
fn the_only_recallable_lease_of_hundreds_is_found_wherever_it_is() {
    let many = 300;
    for recallable in [0, 70, many - 1] {
        let demand = Arc::new(Demand::new(1));
        let limits = Limits {
            max: many,
            max_connecting: many,
            min: 0,
            max_ahead: 0,
            max_binding: many,
            max_anonymous: many,
            max_waiting: many,
            max_waiting_per_source: many,
            idle_timeout: Duration::from_secs(60),
        };
        let mut ledger = Ledger::new(limits, 1, demand.clone());
        let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let client = Client { worker: 0, purpose: Purpose::Bind, source, wanted: Wanted::Any };
        let grants: Vec<Grant<usize>> = (0..many)
            .map(|conn| {
                let (_, then) = ledger.enqueue(client, conn).expect("there is room");
                let order = then.make.expect("one is made for each");
                let then = ledger.made(order, conn, Instant::now());
                then.deliver.expect("it goes to the one who waits").1
            })
            .collect();
        grants[recallable].bell.allow(&demand);
        let (_, then) = ledger.enqueue(client, many).expect("there is room");
        assert!(then.ring.is_some() && grants[recallable].bell.is_recalled());
    }
}

#[test]
fn a_source_that_fills_its_share_of_the_queue_leaves_room_to_others() {
    let mut world = world(0);
    world.lease_all(Purpose::Bind);
    (0..MAX_PER_SOURCE + 1).for_each(|_| world.ask_from(0, Purpose::Bind, 1));
    assert_eq!(world.waiting.len(), MAX_PER_SOURCE);
    world.ask_from(0, Purpose::Bind, 2);
    assert_eq!(world.waiting.len(), MAX_PER_SOURCE + 1);
    world.step(Step::Cancel(0));
    world.ask_from(0, Purpose::Bind, 1);
    assert_eq!(world.waiting.len(), MAX_PER_SOURCE + 1);
}

#[test]
fn clients_without_a_bind_leave_a_part_of_the_connections_to_binds() {
    let mut world = world(0);
    for _ in 0..MAX_PER_SOURCE {
        world.ask(0, Purpose::Anonymous);
        if !world.orders.is_empty() {
            world.step(Step::Made(0));
        }
    }
    assert_eq!((world.leases.len(), world.waiting.len()), (MAX_ANONYMOUS, 1));
    world.ask_from(0, Purpose::Bind, 1);
    world.step(Step::Made(0));
    assert_eq!((world.leases.len(), world.waiting.len()), (MAX, 1));
    world.step(Step::Return(0, Fitness::Anonymous));
    assert_eq!((world.leases.len(), world.waiting.len()), (MAX, 0));
}

#[test]
fn who_waits_goes_on_waiting_while_connections_that_there_are_still_serve_others() {
    let mut world = world(0);
    for _ in 0..2 {
        world.ask(0, Purpose::Bind);
        world.step(Step::Made(0));
    }
    world.step(Step::Return(0, Fitness::Binds));
    world.ask(0, Purpose::Bind);
    world.ask(0, Purpose::Bind);
    world.step(Step::NotMade(0));
    assert_eq!(world.waiting.len(), 1, "a connection was given back just now");
    world.now += PROOF;
    world.step(Step::Retry(0));
    world.step(Step::NotMade(0));
    assert_eq!(world.waiting.len(), 0, "nothing shows that the directory works");
}

/// A thousand clients that did nothing but bind had a thousand connections, one each: their binds
/// waited in the directory instead of in the queue, and the gateway's work on each took half as much
/// again, for none of it was in the processor's caches.
#[test]
fn sessions_that_only_bind_take_turns_on_a_few_connections() {
    let mut world = world_that_binds_over(0, 2);
    for _ in 0..4 {
        world.ask(0, Purpose::Bind);
    }
    assert_eq!(world.orders.len(), 2);
    world.step(Step::Made(0));
    world.step(Step::Made(0));
    assert_eq!((world.leases.len(), world.waiting.len(), world.orders.len()), (2, 2, 0));
    // Who answers the first bind gives its connection to the next.
    world.step(Step::Allow(0));
    assert!(world.leases[0].bell.is_recalled());
    world.step(Step::Return(0, Fitness::Binds));
    assert_eq!((world.leases.len(), world.waiting.len(), world.orders.len()), (2, 1, 0));
    // One that goes on to search keeps its connection, and another is made.
    world.step(Step::DoMore(0));
    assert_eq!(world.orders.len(), 1);
    world.step(Step::Made(0));
    assert_eq!((world.leases.len(), world.waiting.len(), world.orders.len()), (3, 0, 0));
}
