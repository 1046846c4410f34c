//! Work that is shared by all who ask for it, and never older than any of them.
//!
//! For each key one flight is under way and at most one waits. Who asks joins the one that waits:
//! nothing of it has been sent yet, so its answer is younger than the question. A thousand who ask
//! at once share two flights.

use super::wakes::{Bed, Sleepers};
use dashmap::DashMap;
use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// What happens to a flight that waits when everybody who asked for it has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deserted {
    /// It is not flown: nobody wants to know any more.
    Skip,
    /// It is flown all the same: it does something that has to be done.
    Fly,
}

/// What a passenger brings to a flight.
pub trait Luggage {
    /// Takes what another passenger of the same flight brings.
    fn join(&mut self, other: Self);
}

impl Luggage for () {
    fn join(&mut self, (): Self) {}
}

/// The flights of one kind: `A` is what a passenger brings, `T` what all of them get.
pub struct Flights<K, A, T> {
    lanes: DashMap<K, Lane<A, T>, RandomState>,
    deserted: Deserted,
}

/// The flights of one key.
struct Lane<A, T> {
    flying: Arc<Board<T>>,
    waiting: Option<Waiting<A, T>>,
}

struct Waiting<A, T> {
    brought: A,
    board: Arc<Board<T>>,
}

/// Where a flight's outcome is put up.
pub(super) struct Board<T> {
    state: Mutex<BoardState<T>>,
}

struct BoardState<T> {
    outcome: Option<Option<T>>,
    sleepers: Sleepers,
}

impl<T> Board<T> {
    pub(super) fn new() -> Arc<Self> {
        let state = BoardState { outcome: None, sleepers: Sleepers::default() };
        Arc::new(Self { state: Mutex::new(state) })
    }

    pub(super) fn put_up(&self, outcome: Option<T>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.outcome.is_none() {
            state.outcome = Some(outcome);
        }
        let sleepers = std::mem::take(&mut state.sleepers);
        drop(state);
        sleepers.wake();
    }
}

/// A passenger's wait for the outcome; `None` if the flight was lost with its runtime. Dropping it
/// leaves the flight.
pub struct Ride<T> {
    board: Arc<Board<T>>,
    /// Where its waker is among the board's.
    bed: Option<Bed>,
}

impl<T> Ride<T> {
    pub(super) fn new(board: Arc<Board<T>>) -> Self {
        Self { board, bed: None }
    }
}

impl<T> Clone for Ride<T> {
    fn clone(&self) -> Self {
        Self::new(self.board.clone())
    }
}

impl<T: Clone> Ride<T> {
    /// The outcome, if it is there.
    pub fn landed(&self) -> Option<T> {
        let state = self.board.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.outcome.clone().flatten()
    }
}

impl<T: Clone> Future for Ride<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { board, bed } = self.get_mut();
        let mut state = board.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = &state.outcome {
            return Poll::Ready(outcome.clone());
        }
        match *bed {
            Some(bed) => state.sleepers.renew(bed, cx.waker()),
            None => *bed = Some(state.sleepers.add(cx.waker())),
        }
        Poll::Pending
    }
}

impl<K, A, T> Flights<K, A, T>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    A: Luggage + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// No flight yet.
    pub fn new(deserted: Deserted) -> Arc<Self> {
        Arc::new(Self { lanes: DashMap::with_hasher(RandomState::new()), deserted })
    }

    /// Asks: joins the flight that waits, else starts one by `start`, which is handed the future
    /// that flies (to be spawned). That future uses what `fly` gives for each flight in turn; who
    /// finds a flight under way has no need of it.
    pub fn join<F, Fut>(
        self: &Arc<Self>,
        key: K,
        brought: A,
        fly: impl FnOnce() -> F,
        start: impl FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>),
    ) -> Ride<T>
    where
        F: Fn(A) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
    {
        let board = {
            let mut lane = match self.lanes.entry(key.clone()) {
                dashmap::Entry::Occupied(lane) => lane.into_ref(),
                dashmap::Entry::Vacant(lane) => {
                    let board = Board::new();
                    lane.insert(Lane { flying: board.clone(), waiting: None });
                    let first = Waiting { brought, board: board.clone() };
                    let landing =
                        Landing { flights: self.clone(), key, board: Some(board.clone()) };
                    start(Box::pin(run(landing, first, fly())));
                    return Ride::new(board);
                }
            };
            match lane.waiting.as_mut() {
                Some(waiting) => {
                    waiting.brought.join(brought);
                    waiting.board.clone()
                }
                None => {
                    let board = Board::new();
                    lane.waiting = Some(Waiting { brought, board: board.clone() });
                    board
                }
            }
        };
        Ride::new(board)
    }

    /// The last of the flights of a key that are under way or wait, without having it flown for the
    /// sake of who asks.
    pub fn last(&self, key: &K) -> Option<Ride<T>> {
        let lane = self.lanes.get(key)?;
        let board = lane.waiting.as_ref().map_or(&lane.flying, |waiting| &waiting.board);
        Some(Ride::new(board.clone()))
    }

    /// How many keys have a flight under way.
    pub fn len(&self) -> usize {
        self.lanes.len()
    }

    /// Whether no flight is under way.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// The flight that waits, if somebody still waits for it; else the key's lane is closed.
    fn next(&self, key: &K) -> Option<Waiting<A, T>> {
        let waiting = self.lanes.get_mut(key).and_then(|mut lane| Self::departs(&mut lane));
        // Beside its passengers, it and its lane have the board.
        let wanted = |waiting: &Waiting<A, T>| {
            self.deserted == Deserted::Fly || Arc::strong_count(&waiting.board) > 2
        };
        match waiting {
            Some(waiting) if wanted(&waiting) => return Some(waiting),
            Some(deserted) => deserted.board.put_up(None),
            None => {}
        }
        match self.lanes.remove_if(key, |_, lane| lane.waiting.is_none()) {
            Some(_) => None,
            // Somebody joined in between.
            None => self.lanes.get_mut(key).and_then(|mut lane| Self::departs(&mut lane)),
        }
    }

    /// Nobody joins the flight that waited any more.
    fn departs(lane: &mut Lane<A, T>) -> Option<Waiting<A, T>> {
        let waiting = lane.waiting.take()?;
        lane.flying = waiting.board.clone();
        Some(waiting)
    }
}

/// Closes the lane and lets the passengers go if the future that flies is dropped half way.
struct Landing<K: Eq + Hash, A, T> {
    flights: Arc<Flights<K, A, T>>,
    key: K,
    board: Option<Arc<Board<T>>>,
}

impl<K: Eq + Hash, A, T> Drop for Landing<K, A, T> {
    fn drop(&mut self) {
        let Some(board) = self.board.take() else {
            return;
        };
        board.put_up(None);
        let lane = self.flights.lanes.remove(&self.key);
        if let Some(waiting) = lane.and_then(|(_, lane)| lane.waiting) {
            waiting.board.put_up(None);
        }
    }
}

/// Flies until nobody waits. `landing` comes in from outside, so that the passengers are told even
/// if this is dropped before it is polled.
async fn run<K, A, T, F, Fut>(mut landing: Landing<K, A, T>, first: Waiting<A, T>, fly: F)
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    A: Luggage + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
    F: Fn(A) -> Fut,
    Fut: Future<Output = T>,
{
    let mut current = first;
    loop {
        let outcome = fly(current.brought).await;
        current.board.put_up(Some(outcome));
        match landing.flights.next(&landing.key) {
            Some(waiting) => {
                landing.board = Some(waiting.board.clone());
                current = waiting;
            }
            None => {
                landing.board = None;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    impl Luggage for usize {
        fn join(&mut self, other: Self) {
            *self = other.max(*self);
        }
    }

    struct Airport {
        flights: Arc<Flights<u8, usize, usize>>,
        flown: Arc<AtomicUsize>,
        gate: Arc<Semaphore>,
    }

    impl Airport {
        fn new() -> Self {
            let gate = Arc::new(Semaphore::new(0));
            Self { flights: Flights::new(Deserted::Skip), flown: Arc::default(), gate }
        }

        /// Each flight takes a permit of the gate and tells its number and what was brought.
        fn join(&self, brought: usize) -> Ride<usize> {
            let (flown, gate) = (self.flown.clone(), self.gate.clone());
            let fly = move |brought: usize| {
                let (flown, gate) = (flown.clone(), gate.clone());
                async move {
                    let number = flown.fetch_add(1, Ordering::SeqCst);
                    gate.acquire().await.expect("the gate stays open").forget();
                    number * 100 + brought
                }
            };
            self.flights.join(
                1,
                brought,
                || fly,
                |future| {
                    tokio::spawn(future);
                },
            )
        }
    }

    #[tokio::test]
    async fn who_asks_while_a_flight_is_under_way_shares_the_next_one() {
        let airport = Airport::new();
        let first = airport.join(1);
        while airport.flown.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        // A slow passenger with old luggage came last and had it taken for all: a sign-on was then
        // served by a read that is older than its own request.
        let later: Vec<_> = (2..50).rev().map(|brought| airport.join(brought)).collect();
        airport.gate.add_permits(2);
        assert_eq!(first.await, Some(1));
        for ride in later {
            assert_eq!(ride.await, Some(149), "the greatest counts, whoever comes last");
        }
        assert_eq!(airport.flown.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_flight_that_everybody_left_is_not_flown() {
        let airport = Airport::new();
        let first = airport.join(1);
        while airport.flown.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        drop(airport.join(2));
        airport.gate.add_permits(5);
        assert_eq!(first.await, Some(1));
        while !airport.flights.is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(airport.flown.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn the_last_flight_can_be_waited_for_and_is_not_flown_for_that() {
        let airport = Airport::new();
        assert!(airport.flights.last(&1).is_none());
        let first = airport.join(1);
        while airport.flown.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let flying = airport.flights.last(&1).expect("it is under way");
        assert_eq!(flying.landed(), None);
        let second = airport.join(2);
        let waiting = airport.flights.last(&1).expect("it waits");
        airport.gate.add_permits(2);
        assert_eq!((first.await, flying.await), (Some(1), Some(1)));
        assert_eq!((second.await, waiting.await), (Some(102), Some(102)));
        while !airport.flights.is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(airport.flights.last(&1).is_none());
        assert_eq!(airport.flown.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn passengers_of_a_lost_flight_are_told() {
        let flights: Arc<Flights<u8, (), usize>> = Flights::new(Deserted::Fly);
        let ride = flights.join(1, (), || |()| std::future::pending(), drop);
        assert_eq!(ride.await, None);
        assert!(flights.is_empty());
    }
}
