//! A waiting line that is fair by source: each source has a line of its own, and the sources are
//! served in turn, one each. Whatever is asked of it takes the same time however many wait.
//!
//! Within a source who came first is served first, with one exception: one who waits on the worker
//! that a connection is registered with may go before others, by less than [`MAX_OVERTAKING`]
//! places, or an eighth of those who wait where they are many. So connections mostly stay where they
//! are, and go where the longer line is.

use super::chain::{Ends, Slab};
use std::collections::HashMap;
use std::net::IpAddr;

/// By how many arrivals one may be served too early for being on the right worker.
pub(super) const MAX_OVERTAKING: u64 = 64;

/// The part of those who wait that one may go before where that is more.
const CROWD_SHARE: u64 = 8;

/// Where somebody stands; never the same twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    at: usize,
    arrival: u64,
}

/// Those who wait, as `T`.
#[derive(Debug)]
pub(super) struct Queue<T> {
    workers: usize,
    waiters: Slab<Waiter<T>>,
    sources: Slab<Source>,
    /// Whose turn it is: the first's.
    turn: Ends,
    by_address: HashMap<IpAddr, usize>,
    arrivals: u64,
}

#[derive(Debug)]
struct Waiter<T> {
    source: usize,
    worker: usize,
    arrival: u64,
    item: T,
}

/// One source's lines, one for each worker.
#[derive(Debug)]
struct Source {
    address: IpAddr,
    waiting: usize,
    lines: Vec<Ends>,
}

impl<T> Queue<T> {
    /// An empty line for clients of so many workers.
    pub(super) fn new(workers: usize) -> Self {
        Self {
            workers: workers.max(1),
            waiters: Slab::new(),
            sources: Slab::new(),
            turn: Ends::default(),
            by_address: HashMap::new(),
            arrivals: 0,
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of a source wait.
    pub(super) fn waiting_from(&self, address: IpAddr) -> usize {
        let source = self.by_address.get(&address).and_then(|at| self.sources.get(*at));
        source.map_or(0, |source| source.waiting)
    }

    /// Takes one in; a source that had nobody here is the last to get its turn.
    pub(super) fn push(&mut self, address: IpAddr, worker: usize, item: T) -> Place {
        let worker = worker % self.workers;
        let arrival = self.arrivals;
        self.arrivals += 1;
        let source = *self.by_address.entry(address).or_insert_with(|| {
            let lines = vec![Ends::default(); self.workers];
            self.sources.push(&mut self.turn, Source { address, waiting: 0, lines })
        });
        let waiter = Waiter { source, worker, arrival, item };
        let mut line = Ends::default();
        let entry = self.sources.get_mut(source);
        let line = entry.map_or(&mut line, |source| {
            source.waiting += 1;
            &mut source.lines[worker]
        });
        Place { at: self.waiters.push(line, waiter), arrival }
    }

    /// One gives the place up.
    pub(super) fn cancel(&mut self, place: Place) -> Option<T> {
        let is_there = self.waiters.get(place.at).is_some_and(|w| w.arrival == place.arrival);
        if is_there { self.remove(place.at) } else { None }
    }

    /// Serves the next source, and of it preferably one on this worker.
    pub(super) fn pop(&mut self, worker: usize) -> Option<T> {
        let source = self.turn.first()?;
        let lines = &self.sources.get(source)?.lines;
        let first = |line: &Ends| {
            let at = line.first()?;
            Some((self.waiters.get(at)?.arrival, at))
        };
        let (arrival, at) = lines.iter().filter_map(first).min()?;
        let near = lines.get(worker).and_then(first);
        // Clients come by the hundred from each worker in turn when they are many: a fixed distance
        // would move every third connection to the other worker.
        let overtaking = MAX_OVERTAKING.max(self.len() as u64 / CROWD_SHARE);
        let is_soon = |(near, _): &(u64, usize)| near - arrival < overtaking;
        let chosen = near.filter(is_soon).map_or(at, |(_, at)| at);
        self.sources.move_last(&mut self.turn, source);
        self.remove(chosen)
    }

    /// Takes all out, in no particular order.
    pub(super) fn drain(&mut self) -> Vec<T> {
        std::iter::from_fn(|| self.pop(0)).collect()
    }

    fn remove(&mut self, at: usize) -> Option<T> {
        let (source_at, worker) = self.waiters.get(at).map(|w| (w.source, w.worker))?;
        let source = self.sources.get_mut(source_at)?;
        let waiter = self.waiters.remove(&mut source.lines[worker], at)?;
        source.waiting -= 1;
        if source.waiting == 0 {
            self.by_address.remove(&source.address);
            self.sources.remove(&mut self.turn, source_at);
        }
        Some(waiter.item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    const WORKERS: usize = 3;

    #[derive(Debug, Clone)]
    enum Step {
        Come { source: u8, worker: usize },
        Serve { worker: usize },
        Leave(usize),
    }

    #[derive(Debug, Clone, Copy)]
    struct Client {
        number: u64,
        source: u8,
        worker: usize,
        place: Place,
        /// Services of the own source and of others since it came.
        passed_by: [usize; 2],
        /// How many of the own source stood before it.
        before: usize,
        /// How many sources there have been at most since it came.
        sources: usize,
    }

    fn address(source: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(127, 0, 0, source))
    }

    #[derive(Default)]
    struct World {
        clients: Vec<Client>,
        next: u64,
    }

    impl World {
        fn sources(&self) -> usize {
            let all: std::collections::HashSet<u8> =
                self.clients.iter().map(|client| client.source).collect();
            all.len()
        }

        fn step(&mut self, queue: &mut Queue<u64>, step: &Step) {
            match *step {
                Step::Come { source, worker } => {
                    let place = queue.push(address(source), worker, self.next);
                    let before = self.clients.iter().filter(|c| c.source == source).count();
                    let (number, passed_by, sources) = (self.next, [0, 0], 0);
                    self.clients.push(Client {
                        number,
                        source,
                        worker,
                        place,
                        passed_by,
                        before,
                        sources,
                    });
                    self.next += 1;
                }
                Step::Leave(n) if !self.clients.is_empty() => {
                    let client = self.clients.remove(n % self.clients.len());
                    assert_eq!(queue.cancel(client.place), Some(client.number));
                    assert_eq!(queue.cancel(client.place), None, "nobody leaves twice");
                }
                Step::Serve { worker } => {
                    let served = queue.pop(worker);
                    assert_eq!(served.is_none(), self.clients.is_empty());
                    served.into_iter().for_each(|number| self.served(number));
                }
                Step::Leave(_) => {}
            }
            let sources = self.sources();
            self.clients.iter_mut().for_each(|client| client.sources = client.sources.max(sources));
        }

        fn served(&mut self, number: u64) {
            let at = self.clients.iter().position(|client| client.number == number);
            let served = self.clients.remove(at.expect("whoever is served waits"));
            for client in &mut self.clients {
                client.passed_by[usize::from(client.source != served.source)] += 1;
                if client.source != served.source {
                    continue;
                }
                if client.worker == served.worker {
                    assert!(client.number > served.number, "order within a source and worker");
                }
                assert!(served.number < client.number + MAX_OVERTAKING, "overtaken by too many");
            }
            // Between two services of one source, each other source is served once at most.
            let [own, others] = served.passed_by;
            assert!(
                others <= (own + 1) * served.sources.saturating_sub(1),
                "another source is ahead"
            );
            let most = served.before + MAX_OVERTAKING as usize;
            assert!(own <= most, "served later than all who stood before");
        }
    }

    fn step() -> impl Strategy<Value = Step> {
        let come = |source: std::ops::Range<u8>| {
            (source, 0..WORKERS).prop_map(|(source, worker)| Step::Come { source, worker })
        };
        prop_oneof![
            4 => come(0..1),
            3 => come(1..6),
            3 => (0..WORKERS).prop_map(|worker| Step::Serve { worker }),
            1 => (0usize..100).prop_map(Step::Leave),
        ]
    }

    proptest! {
        #[test]
        fn every_source_has_its_turn_and_nobody_is_overtaken_by_many(
            steps in proptest::collection::vec(step(), 0..400),
        ) {
            let mut queue = Queue::new(WORKERS);
            let mut world = World::default();
            let all_served = |waiting: usize| (0..waiting).map(|_| Step::Serve { worker: 1 });
            for step in steps {
                world.step(&mut queue, &step);
                prop_assert_eq!(queue.len(), world.clients.len());
                for source in 0..6 {
                    let waiting = world.clients.iter().filter(|c| c.source == source).count();
                    prop_assert_eq!(queue.waiting_from(address(source)), waiting);
                }
            }
            for step in all_served(world.clients.len()) {
                world.step(&mut queue, &step);
            }
            prop_assert!(world.clients.is_empty());
            prop_assert_eq!((queue.by_address.len(), queue.sources.len()), (0, 0));
        }
    }

    #[track_caller]
    fn check(waiting: &[(u8, usize)], worker: usize, expected: &[u64]) {
        let mut queue = Queue::new(WORKERS);
        for (number, (source, worker)) in waiting.iter().enumerate() {
            queue.push(address(*source), *worker, number as u64);
        }
        let served: Vec<u64> = std::iter::from_fn(|| queue.pop(worker)).collect();
        assert_eq!(served, expected);
    }

    #[test]
    fn sources_take_turns_and_within_one_the_first_comes_first() {
        check(&[(1, 0), (1, 0), (1, 0), (2, 0), (3, 0), (2, 0)], 0, &[0, 3, 4, 1, 5, 2]);
    }

    #[test]
    fn a_connection_stays_on_its_worker_while_somebody_near_the_front_waits_there() {
        check(&[(1, 0), (1, 1), (1, 0), (1, 1)], 1, &[1, 3, 0, 2]);
        let mut far = vec![(1, 0); MAX_OVERTAKING as usize];
        far.push((1, 1));
        let in_order: Vec<u64> = (0..far.len() as u64).collect();
        let mut overtaken = in_order.clone();
        // One arrival further and it is near enough.
        overtaken.remove(far.len() - 1);
        overtaken.insert(1, MAX_OVERTAKING);
        check(&far, 0, &in_order);
        check(&far, 1, &overtaken);
    }

    #[test]
    fn in_a_crowd_one_may_be_overtaken_by_an_eighth_of_it() {
        let most = MAX_OVERTAKING as usize * CROWD_SHARE as usize * 2;
        let mut crowd = vec![(1, 0); most];
        let far = most / CROWD_SHARE as usize;
        crowd[far - 1] = (1, 1);
        crowd[far] = (1, 1);
        let mut expected: Vec<u64> = (0..most as u64).filter(|n| *n != far as u64 - 1).collect();
        expected.insert(0, far as u64 - 1);
        // The second one is too far ahead until others have gone, and then too few wait.
        let mut queue = Queue::new(WORKERS);
        for (number, (source, worker)) in crowd.iter().enumerate() {
            queue.push(address(*source), *worker, number as u64);
        }
        let served: Vec<u64> = (0..2).filter_map(|_| queue.pop(1)).collect();
        assert_eq!(served, expected[..2]);
    }
}
