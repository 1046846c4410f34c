//! SIGTERM and SIGINT, which end, and SIGHUP, which may have files read again.

use super::RunError;
use std::task::Poll;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};

/// SIGTERM and SIGINT, and SIGHUP for itself, taken over from the system's defaults: from then on
/// each is counted until somebody asks. A handle is cheap to clone, and all see the same count.
#[derive(Clone)]
pub struct Signals {
    ends: watch::Receiver<u32>,
    hangups: watch::Receiver<u32>,
}

/// What SIGHUP is to do: a terminal that is closed sends it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    /// End, as it would without anybody's doing.
    Ends,
    /// Have files read again.
    Reads,
}

impl Signals {
    /// Takes the signals over. To be called before anything is begun that a signal should not cut
    /// off: one that comes while the configuration is read or the store is loaded ends the gateway
    /// as soon as it serves, in a drain. A second one does not wait for that.
    pub fn take_over(on_hangup: Hangup) -> Result<Self, RunError> {
        let internal = |error: std::io::Error| RunError::Internal(error.to_string());
        let runtime = Builder::new_current_thread().enable_all().build().map_err(internal)?;
        let (terminate, interrupt, hangup) = {
            let _inside = runtime.enter();
            let take = |kind| signal(kind).map_err(internal);
            let hangup = match on_hangup {
                Hangup::Ends => None,
                Hangup::Reads => Some(take(SignalKind::hangup())?),
            };
            (take(SignalKind::terminate())?, take(SignalKind::interrupt())?, hangup)
        };
        let ((tell_end, ends), (tell_hangup, hangups)) = (watch::channel(0), watch::channel(0));
        let count = async move {
            let ends = count(vec![terminate, interrupt], tell_end);
            tokio::join!(ends, count(Vec::from_iter(hangup), tell_hangup));
        };
        let count = move || runtime.block_on(count);
        let thread = std::thread::Builder::new().name("signals".to_owned()).spawn(count);
        thread.map_err(internal)?;
        Ok(Self { ends, hangups })
    }

    /// Does something that may take long, on a thread of its own; `None` if a second signal comes
    /// before it is done. Then it ends with the process.
    pub fn unless_asked_twice<T: Send + 'static>(
        &self,
        act: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, RunError> {
        let internal = |error: std::io::Error| RunError::Internal(error.to_string());
        let runtime = Builder::new_current_thread().build().map_err(internal)?;
        let (tell, done) = oneshot::channel();
        let work = move || drop(tell.send(act()));
        std::thread::Builder::new().name("start".to_owned()).spawn(work).map_err(internal)?;
        let mut signals = self.clone();
        runtime.block_on(async {
            tokio::select! {
                biased;
                done = done => match done {
                    Ok(done) => Ok(Some(done)),
                    Err(_) => Err(RunError::Internal("the start panicked".to_owned())),
                },
                () = signals.reached(2) => {
                    tracing::info!(target: "bindgate", "asked to end twice while starting: stopped");
                    Ok(None)
                }
            }
        })
    }

    /// Ready once so many have come, those from before included.
    pub(super) async fn reached(&mut self, count: u32) {
        // The thread that counts lives for as long as somebody may ask.
        let _ = self.ends.wait_for(|seen| *seen >= count).await;
    }

    /// Ready once there was a SIGHUP that this handle has not been told of.
    pub(super) async fn hung_up(&mut self) {
        if self.hangups.changed().await.is_err() {
            // Nobody counts any more, so there will be none.
            std::future::pending().await
        }
    }
}

/// Counts signals until nobody asks any more.
async fn count(mut signals: Vec<Signal>, tell: watch::Sender<u32>) {
    loop {
        let any = std::future::poll_fn(|cx| {
            let ready = |signal: &mut Signal| signal.poll_recv(cx).is_ready();
            if signals.iter_mut().any(ready) { Poll::Ready(()) } else { Poll::Pending }
        });
        tokio::select! {
            () = any => {}
            () = tell.closed() => return,
        }
        tell.send_modify(|seen| *seen += 1);
    }
}
