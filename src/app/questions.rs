//! A question that is shared by all who ask it, and never older than any of them.
//!
//! A question that is sent at once is shared by those alone who came while the one before was under
//! way, which is few where the directory answers quickly. Part of all binds that are under way is
//! worth waiting for: their answers take longer than that in any case. Who is alone waits for
//! nobody. Those who come after it was sent share the next, which does not wait for the answer to
//! the one before: so nobody has to wait for two.

use super::flights::{Board, Luggage, Ride};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// A question is sent once one in so many of those who ask shares it; so many are under way at most.
const SHARES: usize = 3;

/// Questions of one kind: `A` is what somebody brings who asks, `T` what all get who share one.
pub(super) struct Questions<A, T> {
    patience: Duration,
    crowd: Arc<Crowd>,
    unsent: Mutex<Option<Unsent<A, T>>>,
}

struct Unsent<A, T> {
    brought: A,
    board: Arc<Board<T>>,
}

/// Those who ask, until their sign-on is over, and their questions.
#[derive(Default)]
struct Crowd {
    size: AtomicUsize,
    /// How many share the question that is not sent yet.
    sharers: AtomicUsize,
    /// How many questions are under way.
    under_way: AtomicUsize,
    /// The question that is not sent yet may be sent now.
    ready: Notify,
}

impl Crowd {
    fn is_enough(&self) -> bool {
        SHARES * self.sharers.load(Ordering::SeqCst) >= self.size.load(Ordering::SeqCst)
    }

    fn has_room(&self) -> bool {
        self.under_way.load(Ordering::SeqCst) < SHARES
    }

    /// Looks whether the question may be sent: who waits to send it is woken for nothing less, since
    /// somebody comes or goes with every bind.
    fn look(&self) {
        if self.is_enough() && self.has_room() {
            self.ready.notify_one();
        }
    }
}

/// One who asked, until her sign-on is over: others who ask are waited for with her in mind.
pub(super) struct Asker(Arc<Crowd>);

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.size.fetch_sub(1, Ordering::SeqCst);
        self.0.look();
    }
}

impl<A, T> Questions<A, T>
where
    A: Luggage + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// A question waits no longer than `patience` for others to share it.
    pub(super) fn new(patience: Duration) -> Arc<Self> {
        Arc::new(Self { patience, crowd: Arc::default(), unsent: Mutex::new(None) })
    }

    /// Asks: shares the question that is not sent yet, or has one sent by `start`, which is handed
    /// the future that asks by what `ask` gives (to be spawned).
    pub(super) fn join<F, Fut>(
        self: &Arc<Self>,
        brought: A,
        ask: impl FnOnce() -> F,
        start: impl FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>),
    ) -> (Ride<T>, Asker)
    where
        F: FnOnce(A) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
    {
        self.crowd.size.fetch_add(1, Ordering::SeqCst);
        let asker = Asker(self.crowd.clone());
        let mut unsent = self.unsent();
        self.crowd.sharers.fetch_add(1, Ordering::SeqCst);
        if let Some(unsent) = unsent.as_mut() {
            unsent.brought.join(brought);
            let ride = Ride::new(unsent.board.clone());
            self.crowd.look();
            return (ride, asker);
        }
        let board = Board::new();
        *unsent = Some(Unsent { brought, board: board.clone() });
        drop(unsent);
        let passage = Sending { questions: self.clone(), board: board.clone(), is_sent: false };
        start(Box::pin(passage.run(ask())));
        (Ride::new(board), asker)
    }

    /// Waits until the question that is not sent yet is worth its price.
    async fn gather(&self) {
        let crowd = &*self.crowd;
        let gathered = async {
            while !(crowd.is_enough() && crowd.has_room()) {
                crowd.ready.notified().await;
            }
        };
        // Who has waited for so long does not wait for others any more.
        let _ = timeout(self.patience, gathered).await;
        while !crowd.has_room() {
            crowd.ready.notified().await;
        }
    }

    /// Nobody shares the question any more that was not sent.
    fn depart(&self, board: &Arc<Board<T>>) -> Option<A> {
        let mut unsent = self.unsent();
        let Unsent { brought, .. } = unsent.take_if(|unsent| Arc::ptr_eq(&unsent.board, board))?;
        self.crowd.sharers.store(0, Ordering::SeqCst);
        Some(brought)
    }

    fn unsent(&self) -> MutexGuard<'_, Option<Unsent<A, T>>> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question from its first sharer on. Those who share it are let go if it is dropped half way.
struct Sending<A, T>
where
    A: Luggage + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    questions: Arc<Questions<A, T>>,
    board: Arc<Board<T>>,
    is_sent: bool,
}

impl<A, T> Sending<A, T>
where
    A: Luggage + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    async fn run<F, Fut>(mut self, ask: F)
    where
        F: FnOnce(A) -> Fut,
        Fut: Future<Output = T>,
    {
        self.questions.gather().await;
        let Some(brought) = self.questions.depart(&self.board) else { return };
        // Where all have left who shared it, this alone has the board.
        if Arc::strong_count(&self.board) == 1 {
            return;
        }
        self.questions.crowd.under_way.fetch_add(1, Ordering::SeqCst);
        self.is_sent = true;
        let outcome = ask(brought).await;
        self.board.put_up(Some(outcome));
    }
}

impl<A, T> Drop for Sending<A, T>
where
    A: Luggage + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    fn drop(&mut self) {
        self.questions.depart(&self.board);
        self.board.put_up(None);
        if self.is_sent {
            self.questions.crowd.under_way.fetch_sub(1, Ordering::SeqCst);
            // Who is past the patience waits for room alone.
            self.questions.crowd.ready.notify_one();
        }
    }
}

#[cfg(test)]
#[path = "questions_tests.rs"]
mod tests;
