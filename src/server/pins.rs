//! The end of pins that were made for a time.

use super::clock::SystemClock;
use crate::app::edits;
use crate::app::ports::Events;
use crate::store::Store;
use std::future::Future;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often it is looked for pins that have come to their end.
const LOOK: Duration = Duration::from_millis(500);

/// Takes pins away that have come to their end, until `ending`.
pub(super) async fn end<E: Events>(store: Store<E>, ending: impl Future<Output = ()>) {
    let clock = SystemClock::default();
    let mut tick = interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(ending);
    loop {
        tokio::select! {
            // What could not be written is tried again; the store tells of its fault.
            _ = tick.tick() => drop(edits::end_due(&store, &clock).await),
            () = &mut ending => return,
        }
    }
}
