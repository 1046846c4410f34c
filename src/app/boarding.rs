//! How long a question waits for others to share it.
//!
//! A question that is sent at once is shared by those alone who came while the one before was under
//! way, which is few where the directory answers quickly. Half of all binds that are under way are
//! worth waiting for: their answers take longer than that in any case. Who is alone waits for
//! nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Those who may share a question.
#[derive(Debug)]
pub(super) struct Boarding {
    patience: Duration,
    /// How many binds are under way that asked.
    crowd: AtomicUsize,
    /// How many wait for the question that is not sent yet.
    boarded: AtomicUsize,
    enough: Notify,
}

impl Boarding {
    /// A question waits no longer than `patience` for others to join.
    pub(super) fn new(patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            patience,
            crowd: AtomicUsize::new(0),
            boarded: AtomicUsize::new(0),
            enough: Notify::new(),
        })
    }

    /// Somebody asks.
    pub(super) fn come(self: &Arc<Self>) -> Passenger {
        self.crowd.fetch_add(1, Ordering::SeqCst);
        Passenger { boarding: self.clone() }
    }

    /// Somebody who asks waits for the question that is not sent yet.
    pub(super) fn board(&self) {
        self.boarded.fetch_add(1, Ordering::SeqCst);
        self.look();
    }

    /// Waits until the question that waits is worth its price.
    pub(super) async fn gather(&self) {
        let gathered = async {
            while !self.is_enough() {
                self.enough.notified().await;
            }
        };
        // Who has waited for so long does not wait any more.
        let _ = timeout(self.patience, gathered).await;
    }

    /// The question is sent: who comes now waits for the next.
    pub(super) fn depart(&self) {
        self.boarded.store(0, Ordering::SeqCst);
    }

    fn is_enough(&self) -> bool {
        2 * self.boarded.load(Ordering::SeqCst) >= self.crowd.load(Ordering::SeqCst)
    }

    fn look(&self) {
        if self.is_enough() {
            self.enough.notify_one();
        }
    }
}

/// One who asked, until her sign-on is over.
#[derive(Debug)]
pub(super) struct Passenger {
    boarding: Arc<Boarding>,
}

impl Drop for Passenger {
    fn drop(&mut self) {
        self.boarding.crowd.fetch_sub(1, Ordering::SeqCst);
        self.boarding.look();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use tokio::time::Instant;

    const PATIENCE: Duration = Duration::from_millis(5);

    /// Lets time pass on the clock that stands still.
    async fn pass(time: Duration) {
        let _ = timeout(time, std::future::pending::<()>()).await;
    }

    /// How long a question waits when so many of a crowd have boarded, if `then` happens after a
    /// millisecond.
    async fn waited<F: Future>(
        boarded: usize,
        crowd: usize,
        then: impl FnOnce(Arc<Boarding>, Vec<Passenger>) -> F,
    ) -> Duration {
        let boarding = Boarding::new(PATIENCE);
        let passengers: Vec<_> = (0..crowd).map(|_| boarding.come()).collect();
        (0..crowd).for_each(|_| boarding.board());
        boarding.depart();
        (0..boarded).for_each(|_| boarding.board());
        let start = Instant::now();
        let later = async {
            pass(Duration::from_millis(1)).await;
            then(boarding.clone(), passengers).await
        };
        let gathered = async {
            boarding.gather().await;
            start.elapsed()
        };
        tokio::join!(gathered, later).0
    }

    async fn nothing(_: Arc<Boarding>, passengers: Vec<Passenger>) -> Vec<Passenger> {
        pass(PATIENCE * 2).await;
        passengers
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_waits_for_half_of_the_crowd_and_no_longer_than_its_patience() {
        for (boarded, crowd, expected) in [
            (1, 1, Duration::ZERO),
            (1, 2, Duration::ZERO),
            (1, 3, PATIENCE),
            (31, 64, PATIENCE),
            (32, 64, Duration::ZERO),
        ] {
            assert_eq!(waited(boarded, crowd, nothing).await, expected, "{boarded} of {crowd}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_as_soon_as_enough_have_come_or_the_others_have_gone() {
        let one_comes = |boarding: Arc<Boarding>, passengers| async move {
            let last = boarding.come();
            boarding.board();
            pass(PATIENCE * 2).await;
            drop((last, passengers));
        };
        assert_eq!(waited(1, 4, one_comes).await, PATIENCE, "two of five are not enough");
        assert_eq!(waited(1, 3, one_comes).await, Duration::from_millis(1));
        let others_go = |_, passengers: Vec<Passenger>| async move {
            let mut passengers = passengers;
            passengers.drain(..2);
            pass(PATIENCE * 2).await;
            drop(passengers);
        };
        assert_eq!(waited(1, 4, others_go).await, Duration::from_millis(1));
    }
}
