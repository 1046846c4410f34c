//! The barrier before a copy whose directory counts its changes, on a clock that stands still.

use super::*;
use crate::app::ports::{Gone, LookupError};
use crate::app::saved::SeenMarker;
use crate::domain::membership::graph::Graph;
use crate::proto::filter::Filter;
use crate::proto::search::{Attribute, Entry, Scope, Search};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, advance};

const PATIENCE: Duration = Duration::from_millis(50);

impl Marker for u64 {
    fn covers(&self, other: &Self) -> bool {
        self >= other
    }

    fn advance(&mut self, other: &Self) {
        *self = (*self).max(*other);
    }

    fn text(&self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A directory, its copy, and a place for events.
#[derive(Clone)]
struct World {
    /// The number of the directory's last change.
    changes: Arc<AtomicU64>,
    questions: Arc<AtomicU64>,
    polls: Arc<AtomicU64>,
    poll_helps: Arc<AtomicBool>,
    /// The number of the last change that the copy has; `None` while it is lost.
    copied: Arc<watch::Sender<Option<u64>>>,
    /// A question is answered for each permit.
    answers: Arc<Semaphore>,
    /// So many answers fail.
    failures: Arc<AtomicU64>,
    is_held: Arc<AtomicBool>,
    /// Whether nothing is known yet of what the account sees.
    is_doubtful: Arc<AtomicBool>,
    /// Whether nobody knows yet whether the directory was set back.
    is_unheard: Arc<AtomicBool>,
    /// Whether the copy knows where the directory says how far it has got.
    knows_question: Arc<AtomicBool>,
    /// Whether the directory says so at all.
    is_marked: Arc<AtomicBool>,
    /// Whether the directory counts changes before anybody sees them.
    runs_ahead: Arc<AtomicBool>,
    /// Whether entries showed that the directory was set back.
    went_back: Arc<AtomicBool>,
    /// How far the copy had ever got.
    seen: Arc<Mutex<Option<u64>>>,
    events: Arc<Mutex<Vec<&'static str>>>,
}

impl World {
    fn new() -> Self {
        Self {
            changes: Arc::default(),
            questions: Arc::default(),
            polls: Arc::default(),
            poll_helps: Arc::default(),
            copied: Arc::new(watch::Sender::new(Some(0))),
            answers: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            failures: Arc::default(),
            is_held: Arc::default(),
            is_doubtful: Arc::default(),
            is_unheard: Arc::default(),
            knows_question: Arc::new(AtomicBool::new(true)),
            is_marked: Arc::new(AtomicBool::new(true)),
            runs_ahead: Arc::default(),
            went_back: Arc::default(),
            seen: Arc::default(),
            events: Arc::default(),
        }
    }

    fn barrier(&self) -> Barrier<Self, Self> {
        Barrier::new("corp".into(), self.clone(), PATIENCE, self.clone())
    }

    fn change(&self) -> u64 {
        self.changes.fetch_add(1, SeqCst) + 1
    }

    fn copy(&self, to: Option<u64>) {
        let mut seen = self.seen.lock().unwrap();
        *seen = (*seen).max(to);
        drop(seen);
        self.copied.send_replace(to);
    }

    fn heard(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.events.lock().unwrap())
    }
}

impl Lookups for World {
    async fn search(&self, _: Search) -> Result<Vec<Entry>, LookupError> {
        self.questions.fetch_add(1, SeqCst);
        let changes = self.changes.load(SeqCst).to_string();
        self.answers.acquire().await.expect("it stays open").forget();
        let fails = |left: u64| left.checked_sub(1);
        if self.failures.fetch_update(SeqCst, SeqCst, fails).is_ok() {
            return Err(LookupError::Disconnected);
        }
        let values = vec![changes.into_bytes()];
        let attributes = vec![Attribute { name: "changes".to_owned(), values }];
        Ok(vec![Entry { dn: String::new(), attributes }])
    }
}

impl Events for World {
    fn emit(&self, event: &Event<'_>) {
        self.events.lock().unwrap().push(match event {
            Event::ReplicaMissed { .. } => "missed",
            Event::ReplicaGivenUp { .. } => "given up",
            Event::ReplicaCaughtUp { .. } => "caught up",
            Event::RollbackSeen { .. } => "behind",
            Event::RollbackOver { .. } => "not behind",
            _ => "something else",
        });
    }
}

impl Replica for World {
    type Marker = u64;

    fn coverage(&self) -> Option<Coverage> {
        self.copied.borrow().map(|_| Coverage::Groups)
    }

    fn is_held(&self) -> bool {
        self.is_held.load(SeqCst)
    }

    async fn testified(&self) {
        while self.is_unheard.load(SeqCst) {
            pass(10).await;
        }
    }

    async fn vouched(&self) -> Result<(), Gone> {
        while self.is_doubtful.load(SeqCst) && !self.is_held.load(SeqCst) {
            pass(10).await;
        }
        if self.is_held.load(SeqCst) { Err(Gone) } else { Ok(()) }
    }

    fn can_be_asked_for(&self) -> bool {
        self.knows_question.load(SeqCst)
    }

    fn says_what_is_seen(&self) -> bool {
        !self.runs_ahead.load(SeqCst)
    }

    fn question(&self) -> Option<Search> {
        self.knows_question.load(SeqCst).then(any_search)
    }

    async fn find_question<L: Lookups>(&self, _: &L) -> Result<Option<Search>, UnknownReason> {
        Ok(self.is_marked.load(SeqCst).then(any_search))
    }

    fn seen(&self) -> Option<u64> {
        *self.seen.lock().unwrap()
    }

    fn went_back(&self) -> bool {
        self.went_back.load(SeqCst)
    }

    fn forget_seen(&self) {
        self.went_back.store(false, SeqCst);
        *self.seen.lock().unwrap() = None;
    }

    fn marker(&self, answer: &[Entry]) -> Option<u64> {
        answer.first()?.text("changes")?.parse().ok()
    }

    fn has(&self, marker: &u64) -> bool {
        self.copied.borrow().is_some_and(|at| at >= *marker)
    }

    async fn arrived(&self, marker: &u64) -> Result<(), Gone> {
        let mut copied = self.copied.subscribe();
        let at = copied.wait_for(|at| at.is_none_or(|at| at >= *marker)).await;
        at.ok().and_then(|at| *at).map(|_| ()).ok_or(Gone)
    }

    async fn poll(&self) -> Result<(), Gone> {
        self.polls.fetch_add(1, SeqCst);
        if self.poll_helps.load(SeqCst) {
            self.copy(Some(self.changes.load(SeqCst)));
        }
        Ok(())
    }

    fn read<T>(&self, look: impl FnOnce(&Graph) -> T) -> T {
        look(&Graph::new((0, 0)))
    }
}

fn any_search() -> Search {
    Search {
        base: String::new(),
        scope: Scope::Base,
        filter: Filter::any_entry(),
        attributes: Vec::new(),
        size_limit: 0,
        time_limit: 0,
        controls: Vec::new(),
    }
}

fn paused<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
}

/// Lets milliseconds pass on the clock that stands still.
async fn pass(milliseconds: u64) {
    let never = std::future::pending::<()>();
    let _ = timeout(Duration::from_millis(milliseconds), never).await;
}

async fn asked(barrier: &Barrier<World, World>, world: &World) -> Passage {
    let mut question = barrier.ask(world).expect("the copy has a question");
    barrier.pass(world, &mut question).await
}

const FRESH: Passage = Passage::Fresh(Coverage::Groups);

#[test]
fn all_who_come_while_a_question_is_under_way_share_the_next() {
    paused(async {
        let world = World { answers: Arc::new(Semaphore::new(0)), ..World::new() };
        let barrier = world.barrier();
        let first = barrier.ask(&world).unwrap();
        while world.questions.load(SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let change = world.change();
        let later: Vec<_> = (0..50).map(|_| barrier.ask(&world).unwrap()).collect();
        world.answers.add_permits(2);
        assert_eq!(first.await.unwrap().unwrap().marker, 0, "it was sent before the change");
        world.copy(Some(change));
        for mut question in later {
            assert_eq!((&mut question).await.unwrap().unwrap().marker, change);
            assert_eq!(barrier.pass(&world, &mut question).await, FRESH);
        }
        assert_eq!(world.questions.load(SeqCst), 2);
    });
}

#[test]
fn nobody_passes_before_the_copy_has_what_the_directory_had_when_they_came() {
    for seed in 0..200u64 {
        paused(async {
            let world = World::new();
            let barrier = world.barrier();
            let mut state = seed;
            let mut dice = move |below: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) % below
            };
            let follower = world.clone();
            let lag = 1 + dice(70);
            tokio::spawn(async move {
                loop {
                    let at = follower.changes.load(SeqCst);
                    pass(lag).await;
                    follower.copy(Some(at));
                    tokio::task::yield_now().await;
                }
            });
            let mut binders = tokio::task::JoinSet::new();
            for _ in 0..40 {
                pass(dice(20)).await;
                let came_at = world.change();
                let mut question = barrier.ask(&world).unwrap();
                let (barrier, world) = (barrier.clone(), world.clone());
                binders.spawn(async move {
                    let passage = barrier.pass(&world, &mut question).await;
                    let has = world.copied.borrow().unwrap();
                    (passage, has, came_at)
                });
            }
            while let Some(binder) = binders.join_next().await {
                let (passage, has, came_at) = binder.unwrap();
                assert!(passage == Passage::Walk || has >= came_at, "seed {seed}");
                assert!(passage == FRESH || lag > 20, "seed {seed}: in vain, a lag of {lag} ms");
            }
        });
    }
}

#[test]
fn a_copy_that_is_late_is_polled_and_then_the_directory_is_walked() {
    paused(async {
        let world = World::new();
        let barrier = world.barrier();
        world.change();
        world.poll_helps.store(true, SeqCst);
        assert_eq!(asked(&barrier, &world).await, FRESH);
        assert_eq!((world.polls.load(SeqCst), world.heard().len()), (1, 0));
        world.change();
        world.poll_helps.store(false, SeqCst);
        let start = Instant::now();
        assert_eq!(asked(&barrier, &world).await, Passage::Walk);
        assert!(start.elapsed() <= PATIENCE * 3, "patience is bounded");
        assert_eq!(world.heard(), ["missed"]);
    });
}

#[test]
fn a_copy_that_is_late_too_often_is_not_waited_for_until_it_has_caught_up() {
    paused(async {
        let world = World::new();
        let barrier = world.barrier();
        for round in 1..=MAX_MISSES {
            world.change();
            // All who wait for one question miss it once.
            let (left, right) = tokio::join!(asked(&barrier, &world), asked(&barrier, &world));
            assert_eq!((left, right), (Passage::Walk, Passage::Walk));
            let heard = world.heard();
            assert_eq!(heard.contains(&"given up"), round == MAX_MISSES, "{heard:?}");
        }
        let (start, polls) = (Instant::now(), world.polls.load(SeqCst));
        assert_eq!(asked(&barrier, &world).await, Passage::Walk);
        assert_eq!((start.elapsed(), world.polls.load(SeqCst)), (Duration::ZERO, polls));
        world.copy(Some(u64::from(MAX_MISSES)));
        world.change();
        let waits = tokio::spawn({
            let (barrier, world) = (barrier.clone(), world.clone());
            async move { asked(&barrier, &world).await }
        });
        advance(PATIENCE / 2).await;
        world.copy(Some(world.changes.load(SeqCst)));
        assert_eq!(waits.await.unwrap(), FRESH, "it is waited for again");
        assert_eq!(world.heard(), ["caught up"]);
    });
}

#[test]
fn a_copy_that_is_lost_leads_to_a_walk_at_once() {
    paused(async {
        let world = World::new();
        let barrier = world.barrier();
        let start = Instant::now();
        world.change();
        let waits = tokio::spawn({
            let (barrier, world) = (barrier.clone(), world.clone());
            async move { asked(&barrier, &world).await }
        });
        advance(PATIENCE / 5).await;
        world.copy(None);
        assert_eq!(waits.await.unwrap(), Passage::Walk);
        assert_eq!(asked(&barrier, &world).await, Passage::Walk);
        assert!(start.elapsed() < PATIENCE / 2);
    });
}

/// A directory that is restarted with an older state loses its connections first: the sign-on that
/// found that out used to walk, and took away what the backup did not have yet.
#[test]
fn while_a_loss_of_groups_is_held_neither_the_copy_nor_a_walk_counts() {
    paused(async {
        let world = World::new();
        let barrier = world.barrier();
        world.is_held.store(true, SeqCst);
        assert_eq!(asked(&barrier, &world).await, Passage::Held);
        world.copy(None);
        assert_eq!(asked(&barrier, &world).await, Passage::Held);
        world.failures.store(2, SeqCst);
        assert_eq!(asked(&barrier, &world).await, Passage::Held, "whatever else is not known");
        world.failures.store(0, SeqCst);
        world.is_held.store(false, SeqCst);
        assert_eq!(asked(&barrier, &world).await, Passage::Walk);
    });
}

#[test]
fn an_era_lasts_for_as_long_as_the_directory_says_the_same_and_is_believed() {
    paused(async {
        let world = World::new();
        world.copy(None);
        let barrier = world.barrier();
        let era = async || {
            let mut question = barrier.ask(&world).unwrap();
            assert_eq!(question.era(), None, "it was not passed");
            let passage = barrier.pass(&world, &mut question).await;
            (passage, question.era())
        };
        world.changes.store(7, SeqCst);
        assert_eq!(era().await, (Passage::Walk, Some(1)));
        assert_eq!(era().await, (Passage::Walk, Some(1)));
        world.change();
        assert_eq!(era().await, (Passage::Walk, Some(2)));
        world.changes.store(5, SeqCst);
        assert_eq!(era().await, (Passage::Behind, None));
        world.changes.store(8, SeqCst);
        let (passage, after) = era().await;
        assert_eq!(passage, Passage::Walk);
        assert!(
            after > Some(2),
            "what it says is what it said before, and it was set back meanwhile"
        );
        barrier.forget();
        assert!(era().await.1 > after, "it was set back on purpose");
        world.runs_ahead.store(true, SeqCst);
        assert_eq!(era().await, (Passage::Walk, None), "what it says may not be seen yet");
    });
}

#[test]
fn a_walk_that_takes_something_away_waits_for_the_copy_that_was_lost_and_not_for_ever() {
    paused(async {
        let world = World::new();
        let barrier = world.barrier();
        let start = Instant::now();
        assert_eq!(barrier.vouch(&world, Difference::Less).await, Ok(()));
        assert_eq!(start.elapsed(), Duration::ZERO);
        world.is_doubtful.store(true, SeqCst);
        assert_eq!(barrier.vouch(&world, Difference::Less).await, Err(UnknownReason::Visibility));
        assert_eq!(start.elapsed(), rollback::VOUCH_PATIENCE);
        assert_eq!(barrier.vouch(&world, Difference::More).await, Ok(()), "it is seen");
        assert_eq!(start.elapsed(), rollback::VOUCH_PATIENCE);
        let waits = tokio::spawn({
            let (barrier, world) = (barrier.clone(), world.clone());
            async move { barrier.vouch(&world, Difference::Less).await }
        });
        pass(50).await;
        world.is_doubtful.store(false, SeqCst);
        assert_eq!(waits.await.unwrap(), Ok(()));
        world.is_held.store(true, SeqCst);
        let answer = barrier.vouch(&world, Difference::Less).await;
        assert_eq!(answer, Err(UnknownReason::Visibility), "that was not so when the walk began");
    });
}

#[path = "barrier/rollback_tests.rs"]
mod rollback_tests;
