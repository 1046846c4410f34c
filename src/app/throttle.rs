//! Holding back a source that keeps failing, so that it does not slow the others down.
//!
//! While no source fails, a bind costs one relaxed load here. Who keeps failing is decided in
//! `domain::throttle`; all workers share what is counted. The binds of such a source are paced, and
//! all of them together hold at most a quarter of a directory's connections: they wait for a place
//! *before* they queue for a connection. What waits is bounded in number and time.

use crate::domain::source::Source;
use crate::domain::throttle::{Failures, Noted, Pace, Review, Rule};
use crate::proto::dn::DistinguishedName;
use std::collections::HashMap;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How many sources a review looks at while it holds the lock.
const REVIEWED_AT_ONCE: usize = 1024;

/// How a source that keeps failing is held back: the section `[throttle]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Whether anybody is held back (`enabled`).
    pub enabled: bool,
    /// The least binds with a wrong password in the window (`failures`).
    pub failures: u32,
    /// After how long what was counted counts half (`half_life`).
    pub half_life: Duration,
    /// How many binds of such a source are let through each second (`binds_per_second`).
    pub binds_per_second: u32,
    /// The most of its binds that wait (`max_waiting`).
    pub max_waiting: usize,
    /// How long each of them waits (`queue_timeout`).
    pub queue_timeout: Duration,
    /// The most sources that are remembered (`max_tracked_sources`).
    pub max_tracked_sources: usize,
}

/// What a bind has to heed: one relaxed load tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watch {
    /// Nobody is suspected.
    Calm,
    /// Somebody is: successes have to be told.
    Counting,
    /// Somebody keeps failing: a bind may have to wait.
    Holding,
}

/// One source that is suspected or keeps failing.
struct Lane {
    is_failing: AtomicBool,
    pace: Mutex<Pace>,
    waiting: AtomicUsize,
}

/// The shared state: one for all workers.
pub struct Throttle {
    config: Config,
    start: Instant,
    watch: AtomicU8,
    failures: Mutex<Failures>,
    lanes: RwLock<HashMap<Source, Arc<Lane>>>,
    held_back: AtomicUsize,
    places: Vec<Arc<Semaphore>>,
    /// Turns names into numbers, in a way that nobody outside can foresee.
    names: RandomState,
}

/// A place among the quarter of a directory's connections: held until the bind is answered.
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

/// Why a bind of a source that keeps failing is not let through; its limit's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held(pub &'static str);

/// The wait for a turn; dropping it gives it up.
pub type TurnWait = Pin<Box<dyn Future<Output = Result<Place, Held>> + Send>>;

/// Whether a bind may go on.
pub enum Turn {
    /// At once.
    Free,
    /// After this wait.
    Later(TurnWait),
    /// It may not.
    Refused(Held),
}

impl Throttle {
    /// For directories with so many connections each. Nobody has failed yet.
    pub fn new(config: Config, max_connections: &[usize]) -> Self {
        let rule = Rule {
            failures: config.failures,
            half_life: config.half_life,
            max_sources: config.max_tracked_sources,
        };
        let quarter = |connections: &usize| Arc::new(Semaphore::new((connections / 4).max(1)));
        Self {
            config,
            start: Instant::now(),
            watch: AtomicU8::new(Watch::Calm as u8),
            failures: Mutex::new(Failures::new(rule)),
            lanes: RwLock::default(),
            held_back: AtomicUsize::new(0),
            places: max_connections.iter().map(quarter).collect(),
            names: RandomState::new(),
        }
    }

    /// One that holds nobody back.
    pub fn off() -> Self {
        let config = Config {
            enabled: false,
            failures: u32::MAX,
            half_life: Duration::MAX,
            binds_per_second: u32::MAX,
            max_waiting: 0,
            queue_timeout: Duration::ZERO,
            max_tracked_sources: 0,
        };
        Self::new(config, &[])
    }

    /// What a bind has to heed.
    pub fn watch(&self) -> Watch {
        match self.watch.load(Ordering::Relaxed) {
            0 => Watch::Calm,
            1 => Watch::Counting,
            _ => Watch::Holding,
        }
    }

    /// Whether a bind from that address to that directory may go on. To be asked only while
    /// somebody keeps failing: [`Watch::Holding`].
    pub fn turn(&self, address: IpAddr, directory: usize, now: Instant) -> Turn {
        let lane = self.lane(Source::of(address));
        let lane = lane.filter(|lane| lane.is_failing.load(Ordering::Relaxed));
        let (Some(lane), Some(places)) = (lane, self.places.get(directory).cloned()) else {
            return Turn::Free;
        };
        let Some(waiting) = Waiting::begin(lane.clone(), self.config.max_waiting) else {
            return Turn::Refused(Held("max_waiting"));
        };
        let patience = self.config.queue_timeout;
        let mut pace = lane.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(wait) = pace.wait(self.since_start(now), patience) else {
            return Turn::Refused(Held("binds_per_second"));
        };
        drop(pace);
        Turn::Later(Box::pin(async move {
            let _waiting = waiting;
            tokio::time::sleep_until(now + wait).await;
            match tokio::time::timeout_at(now + patience, places.acquire_owned()).await {
                Ok(Ok(permit)) => Ok(Place { _permit: permit }),
                _ => Err(Held("queue_timeout")),
            }
        }))
    }

    /// A bind from that address was answered with invalidCredentials; under which name is not known.
    pub fn failed(&self, address: IpAddr, now: Instant) -> Noted {
        if !self.config.enabled {
            return Noted::Nothing;
        }
        let mut failures = self.failures();
        let source = Source::of(address);
        let noted = failures.failed(source, self.since_start(now));
        self.heed(source, noted);
        noted
    }

    /// A bind under that name was answered with invalidCredentials.
    pub fn failed_as(&self, address: IpAddr, name: &[u8], now: Instant) -> Noted {
        if !self.config.enabled {
            return Noted::Nothing;
        }
        let name = self.names.hash_one(spelled(name));
        let mut failures = self.failures();
        let source = Source::of(address);
        let noted = failures.failed_as(source, name, self.since_start(now));
        self.heed(source, noted);
        noted
    }

    /// A bind from that address succeeded under that name. To be told only while somebody is
    /// suspected: not [`Watch::Calm`].
    pub fn succeeded(&self, address: IpAddr, name: &[u8], now: Instant) -> Noted {
        let source = Source::of(address);
        // Of others it need not be known, and the lock of all counts is not taken for them.
        if self.lane(source).is_none() {
            return Noted::Nothing;
        }
        let name = self.names.hash_one(spelled(name));
        let mut failures = self.failures();
        let noted = failures.succeeded(source, name, self.since_start(now));
        self.heed(source, noted);
        noted
    }

    /// Forgets who has not failed lately, and gives those who do not keep failing any more. To be
    /// called every few seconds.
    pub fn review(&self, now: Instant) -> Vec<Source> {
        let mut all = Vec::new();
        let mut left = self.failures().remembered();
        while left > 0 {
            let mut failures = self.failures();
            let Review { ended, cleared } =
                failures.review(REVIEWED_AT_ONCE.min(left), self.since_start(now));
            ended.iter().for_each(|source| self.heed(*source, Noted::Ended));
            self.clear(&cleared);
            all.extend(ended);
            left = left.saturating_sub(REVIEWED_AT_ONCE);
        }
        all
    }

    /// How many sources are held back.
    pub fn held_back(&self) -> usize {
        self.held_back.load(Ordering::Relaxed)
    }

    fn lane(&self, source: Source) -> Option<Arc<Lane>> {
        self.lanes.read().unwrap_or_else(PoisonError::into_inner).get(&source).cloned()
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn since_start(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }

    /// Takes what a count changed over; under the lock of the counts.
    fn heed(&self, source: Source, noted: Noted) {
        match noted {
            Noted::Nothing | Noted::Full => return,
            Noted::Suspected => {
                let pace = Pace::new(self.config.binds_per_second, self.config.binds_per_second);
                let lane = Lane {
                    is_failing: AtomicBool::new(false),
                    pace: Mutex::new(pace),
                    waiting: AtomicUsize::new(0),
                };
                let mut lanes = self.lanes.write().unwrap_or_else(PoisonError::into_inner);
                lanes.insert(source, Arc::new(lane));
            }
            Noted::Began | Noted::Ended => {
                let is_failing = noted == Noted::Began;
                if let Some(lane) = self.lane(source) {
                    lane.is_failing.store(is_failing, Ordering::Relaxed);
                }
                match is_failing {
                    true => self.held_back.fetch_add(1, Ordering::Relaxed),
                    false => self.held_back.fetch_sub(1, Ordering::Relaxed),
                };
            }
        }
        self.publish();
    }

    fn clear(&self, sources: &[Source]) {
        let mut lanes = self.lanes.write().unwrap_or_else(PoisonError::into_inner);
        sources.iter().for_each(|source| _ = lanes.remove(source));
        drop(lanes);
        self.publish();
    }

    fn publish(&self) {
        let lanes = self.lanes.read().unwrap_or_else(PoisonError::into_inner).len();
        let watch = match (self.held_back(), lanes) {
            (0, 0) => Watch::Calm,
            (0, _) => Watch::Counting,
            _ => Watch::Holding,
        };
        self.watch.store(watch as u8, Ordering::Relaxed);
    }
}

/// A name in one spelling of all that mean it, as far as that is known without the directory.
fn spelled(name: &[u8]) -> Vec<u8> {
    match DistinguishedName::from_bytes(name) {
        Ok(dn) => dn.normalized().as_str().as_bytes().to_vec(),
        Err(_) => name.to_ascii_lowercase(),
    }
}

/// One of those who wait, counted.
struct Waiting(Arc<Lane>);

impl Waiting {
    fn begin(lane: Arc<Lane>, most: usize) -> Option<Self> {
        let count = &lane.waiting;
        let counted = count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| (n < most).then_some(n + 1));
        counted.ok().map(|_| Self(lane))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const CONFIG: Config = Config {
        enabled: true,
        failures: 4,
        half_life: Duration::from_secs(60),
        binds_per_second: 2,
        max_waiting: 5,
        queue_timeout: Duration::from_secs(2),
        max_tracked_sources: 100,
    };

    fn address(number: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, number).into()
    }

    fn failing(config: Config) -> Throttle {
        let throttle = Throttle::new(config, &[8]);
        let now = Instant::now();
        let noted: Vec<_> = (0..6).map(|_| throttle.failed(address(1), now)).collect();
        assert_eq!((noted[3], noted[5]), (Noted::Suspected, Noted::Began));
        throttle
    }

    fn ask(throttle: &Throttle) -> Result<TurnWait, Held> {
        match throttle.turn(address(1), 0, Instant::now()) {
            Turn::Free => panic!("it is not held back"),
            Turn::Later(wait) => Ok(wait),
            Turn::Refused(held) => Err(held),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_source_that_fails_is_held_back_and_only_while_it_does() {
        let throttle = failing(CONFIG);
        assert_eq!((throttle.watch(), throttle.held_back()), (Watch::Holding, 1));
        assert!(matches!(throttle.turn(address(2), 0, Instant::now()), Turn::Free));
        assert!(ask(&throttle).is_ok());
        let later = Instant::now() + Duration::from_secs(200);
        assert_eq!(throttle.review(later), [Source::of(address(1))]);
        assert_eq!((throttle.watch(), throttle.held_back()), (Watch::Calm, 0));
        assert!(matches!(throttle.turn(address(1), 0, later), Turn::Free));
    }

    #[tokio::test(start_paused = true)]
    async fn successes_have_to_be_told_only_while_somebody_is_suspected() {
        let throttle = Throttle::new(CONFIG, &[8]);
        let now = Instant::now();
        (0..3).for_each(|_| _ = throttle.failed(address(1), now));
        assert_eq!(throttle.watch(), Watch::Calm);
        throttle.failed(address(1), now);
        assert_eq!(throttle.watch(), Watch::Counting);
        // Names count, not how often or how they are spelled.
        for name in ["uid=a,dc=x", "uid=b,dc=x", "c@x", "d", "uid=e", "UID=A, dc=X", "C@X", "d"] {
            throttle.succeeded(address(1), name.as_bytes(), now);
        }
        let noted: Vec<_> = (0..6).map(|_| throttle.failed(address(1), now)).collect();
        // Two of the five share a bit by which they are told apart once in 400 runs, and count as one.
        assert_eq!(noted[..4], [Noted::Nothing; 4]);
        assert!(noted[4..].contains(&Noted::Began), "{noted:?}");
        let throttle = Throttle::new(CONFIG, &[8]);
        (0..4).for_each(|_| _ = throttle.failed(address(1), now));
        assert_eq!(throttle.review(now + Duration::from_secs(300)), []);
        assert_eq!(throttle.watch(), Watch::Calm);
    }

    #[tokio::test(start_paused = true)]
    async fn turns_come_at_a_pace_and_those_who_wait_are_bounded_in_number_and_time() {
        let throttle = failing(Config { max_waiting: 4, ..CONFIG });
        let started = Instant::now();
        let turns: Vec<_> = (0..4).map(|_| ask(&throttle)).collect();
        assert_eq!(ask(&throttle).err(), Some(Held("max_waiting")));
        let mut places = Vec::new();
        let mut waited = Vec::new();
        for turn in turns {
            let place = turn.expect("there is room to wait").await;
            waited.push(started.elapsed().as_millis());
            places.push(place.is_ok());
        }
        assert_eq!(waited, [0, 0, 500, 1000]);
        assert_eq!(places, [true; 4]);
        let throttle = failing(CONFIG);
        let turns = (0..5).map(|_| ask(&throttle).map(drop)).filter(Result::is_ok).count();
        assert_eq!(turns, 5, "what is given up makes room, but the pace goes on");
        assert!(ask(&throttle).is_ok(), "two seconds ahead");
        assert_eq!(ask(&throttle).err(), Some(Held("binds_per_second")));
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_fail_have_no_more_than_a_quarter_of_the_connections() {
        let throttle = failing(Config { binds_per_second: 1000, ..CONFIG });
        let first = ask(&throttle).expect("it may wait").await;
        let second = ask(&throttle).expect("it may wait").await;
        assert!(first.is_ok() && second.is_ok(), "two of eight");
        let third = ask(&throttle).expect("it may wait").await;
        assert_eq!(third.err(), Some(Held("queue_timeout")));
        let fourth = ask(&throttle).expect("it may wait");
        drop(first);
        assert!(fourth.await.is_ok());
    }

    #[test]
    fn one_that_is_off_holds_nobody_back() {
        let throttle = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(async { Throttle::off() });
        let now = Instant::now();
        assert!((0..1000).all(|_| throttle.failed(address(1), now) == Noted::Nothing));
        assert_eq!(throttle.watch(), Watch::Calm);
    }
}
