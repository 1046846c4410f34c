//! Questions that are shared, on a clock that stands still.

use super::*;
use std::task::Poll;
use tokio::sync::Semaphore;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_millis(5);

/// Somewhere that is asked; it answers with the number of the question, counted from 1.
#[derive(Clone)]
struct Asked {
    questions: Arc<Questions<(), usize>>,
    sent: Arc<AtomicUsize>,
    /// A question is answered for each permit.
    answers: Arc<Semaphore>,
}

impl Asked {
    fn new() -> Self {
        let answers = Arc::new(Semaphore::new(0));
        Self { questions: Questions::new(PATIENCE), sent: Arc::default(), answers }
    }

    fn ask(&self) -> (Ride<usize>, Asker) {
        let (sent, answers) = (self.sent.clone(), self.answers.clone());
        let ask = move |()| async move {
            let number = sent.fetch_add(1, Ordering::SeqCst) + 1;
            answers.acquire().await.expect("it stays open").forget();
            number
        };
        self.questions.join((), || ask, |future| drop(tokio::spawn(future)))
    }

    /// That many ask at once.
    fn crowd(&self, size: usize) -> Vec<(Ride<usize>, Asker)> {
        (0..size).map(|_| self.ask()).collect()
    }

    /// How many questions have been sent once nobody has anything to do.
    async fn sent(&self) -> usize {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.sent.load(Ordering::SeqCst)
    }
}

/// Lets time pass on the clock that stands still.
async fn pass(time: Duration) {
    let _ = timeout(time, std::future::pending::<()>()).await;
}

#[tokio::test(start_paused = true)]
async fn a_question_waits_for_a_third_of_the_crowd_and_no_longer_than_its_patience() {
    for (sharers, before, is_enough) in
        [(1, 0, true), (1, 2, true), (1, 3, false), (20, 43, false), (22, 42, true), (64, 0, true)]
    {
        let asked = Asked::new();
        let first = asked.crowd(before);
        let questions = usize::from(before > 0);
        assert_eq!(asked.sent().await, questions);
        let start = Instant::now();
        let second = asked.crowd(sharers);
        let what = format!("{sharers} of {}", sharers + before);
        assert_eq!(asked.sent().await, questions + usize::from(is_enough), "{what}");
        pass(PATIENCE).await;
        assert_eq!(asked.sent().await, questions + 1, "{what}, after {:?}", start.elapsed());
        drop((first, second));
    }
}

#[tokio::test(start_paused = true)]
async fn it_goes_as_soon_as_enough_have_come_or_the_others_have_gone() {
    let asked = Asked::new();
    let mut first = asked.crowd(6);
    assert_eq!(asked.sent().await, 1);
    let second = asked.crowd(2);
    assert_eq!(asked.sent().await, 1, "two of eight are not enough");
    first.drain(..2);
    assert_eq!(asked.sent().await, 2, "two of six are");
    let mut third = asked.crowd(1);
    assert_eq!(asked.sent().await, 2);
    third.extend(asked.crowd(2));
    assert_eq!(asked.sent().await, 3);
    drop((first, second, third));
}

/// While a question was under way nobody else was asked: who came just after it was sent waited for
/// two answers, and most binds of a crowd for their record.
#[tokio::test(start_paused = true)]
async fn the_next_question_does_not_wait_for_the_answer_to_the_one_before() {
    let asked = Asked::new();
    let first = asked.crowd(1);
    assert_eq!(asked.sent().await, 1);
    let second = asked.crowd(1);
    assert_eq!(asked.sent().await, 2);
    let third = asked.crowd(2);
    assert_eq!(asked.sent().await, 3);
    let fourth = asked.crowd(5);
    pass(PATIENCE * 3).await;
    assert_eq!(asked.sent().await, SHARES, "no more than these are under way");
    asked.answers.add_permits(1);
    assert_eq!(asked.sent().await, 4);
    asked.answers.add_permits(3);
    let mut numbers = Vec::new();
    for (ride, _asker) in [first, second, third, fourth].into_iter().flatten() {
        numbers.push(ride.await);
    }
    let of = |number: usize, times| vec![Some(number); times];
    assert_eq!(numbers, [of(1, 1), of(2, 1), of(3, 2), of(4, 5)].concat());
}

#[tokio::test(start_paused = true)]
async fn a_question_that_everybody_left_is_not_sent() {
    let asked = Asked::new();
    let first = asked.crowd(6);
    assert_eq!(asked.sent().await, 1);
    drop(asked.crowd(1));
    pass(PATIENCE).await;
    assert_eq!(asked.sent().await, 1);
    asked.answers.add_permits(2);
    assert_eq!(asked.ask().0.await, Some(2), "and who comes later has one of her own");
    drop(first);
}

#[tokio::test]
async fn those_who_share_a_lost_question_are_told() {
    let questions: Arc<Questions<(), usize>> = Questions::new(PATIENCE);
    let (ride, _asker) = questions.join((), || |()| std::future::pending(), drop);
    assert_eq!(ride.await, None);
    let future = Mutex::new(None);
    let keep = |asking| *future.lock().unwrap() = Some(asking);
    let (ride, _asker) = questions.join((), || |()| std::future::pending(), keep);
    let mut asking = future.into_inner().unwrap().unwrap();
    let poll = std::future::poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx).is_pending()));
    assert!(poll.await, "it is under way");
    assert_eq!(questions.crowd.under_way.load(Ordering::SeqCst), 1);
    drop(asking);
    assert_eq!(ride.await, None);
    assert_eq!(questions.crowd.under_way.load(Ordering::SeqCst), 0);
}
