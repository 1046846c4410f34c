//! The load generator: a fixed number of connections, each of which does one operation after
//! another (a closed loop), on one thread, as cheaply as can be.
//!
//! What an operation is, [`Work`] says; what it costs is measured around the window, which an
//! [`Observer`] sees opening and closing.

use super::latency::Histogram;
use super::link::{Dialer, Link};
use bindgate::proto::result::ResultCode;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;

/// How long connections have to finish what they are at, once the window has closed.
const WIND_DOWN: Duration = Duration::from_secs(10);
/// How often an observer is told about progress.
const TICK: Duration = Duration::from_millis(200);

/// What a connection does over and over.
pub(crate) trait Work {
    /// Does it once.
    async fn once(&mut self, link: &mut Link) -> io::Result<Verdict>;
}

/// What became of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was done, and took as long as the call.
    Done,
    /// An operation that was begun earlier was done, after this time.
    DoneAfter(Duration),
    /// It was answered with another code than it should be.
    Refused(ResultCode),
    /// There is no work left.
    Finished,
}

/// Sees the load from outside.
pub(crate) trait Observer {
    /// The window opens: what happens from now on counts.
    fn opens(&mut self) {}
    /// Time goes by: this much since the load began.
    fn ticks(&mut self, _elapsed: Duration) {}
    /// The window closes.
    fn closes(&mut self) {}
}

/// How much load there is, and on whom.
#[derive(Clone)]
pub(crate) struct Load {
    /// Who is asked.
    pub(crate) dialer: Dialer,
    /// How many connections.
    pub(crate) connections: usize,
    /// How long they run before the window opens.
    pub(crate) warm_up: Duration,
    /// How long the window is.
    pub(crate) window: Duration,
}

/// What happened in the window.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Operations that were done, refused ones included.
    pub(crate) operations: u64,
    /// Operations that were refused.
    pub(crate) refused: u64,
    /// The code of the last that was refused.
    pub(crate) last_refusal: Option<ResultCode>,
    /// How long the window really was.
    pub(crate) elapsed: Duration,
    /// How long each operation took.
    pub(crate) latency: Histogram,
}

impl Load {
    /// Runs for a warm-up and a window; `work` makes the work of the n-th connection.
    pub(crate) fn run<W: Work + 'static>(
        &self,
        work: impl Fn(usize) -> W,
        observer: &mut impl Observer,
    ) -> io::Result<Outcome> {
        self.block_on(work, async |shared: &Shared| {
            let begin = Instant::now();
            pass(self.warm_up, begin, observer).await;
            observer.opens();
            shared.counts.set(true);
            let opened = Instant::now();
            pass(self.window, begin, observer).await;
            shared.counts.set(false);
            let elapsed = opened.elapsed();
            observer.closes();
            shared.stops.set(true);
            elapsed
        })
    }

    /// Runs until no connection has work left; all of it counts, and the window closes with the last
    /// connection.
    pub(crate) fn run_to_end<W: Work + 'static>(
        &self,
        work: impl Fn(usize) -> W,
        observer: &mut impl Observer,
    ) -> io::Result<Outcome> {
        self.block_on(work, async |shared: &Shared| {
            observer.opens();
            shared.counts.set(true);
            let begin = Instant::now();
            while shared.running.get() > 0 {
                pass(TICK, begin, observer).await;
            }
            observer.closes();
            shared.ended.get().map_or_else(|| begin.elapsed(), |ended| ended - begin)
        })
    }

    fn block_on<W: Work + 'static>(
        &self,
        work: impl Fn(usize) -> W,
        control: impl AsyncFnOnce(&Shared) -> Duration,
    ) -> io::Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Rc::new(Shared::default());
        let local = LocalSet::new();
        runtime.block_on(local.run_until(async {
            let mut links = Vec::with_capacity(self.connections);
            for _ in 0..self.connections {
                links.push(Link::connect(&self.dialer).await?);
            }
            let mut tasks = tokio::task::JoinSet::new();
            for (index, link) in links.into_iter().enumerate() {
                shared.running.set(shared.running.get() + 1);
                tasks.spawn_local(repeat(work(index), link, Rc::clone(&shared)));
            }
            let elapsed = tokio::select! {
                elapsed = control(&shared) => elapsed,
                _ = tokio::signal::ctrl_c() => return Err(io::ErrorKind::Interrupted.into()),
            };
            let finished = async {
                while let Some(ended) = tasks.join_next().await {
                    ended.map_err(io::Error::other)??;
                }
                Ok::<(), io::Error>(())
            };
            tokio::time::timeout(WIND_DOWN, finished).await??;
            Ok(Outcome { elapsed, ..shared.outcome.take() })
        }))
    }
}

/// What the connections share with the one who controls them.
#[derive(Default)]
struct Shared {
    outcome: RefCell<Outcome>,
    running: Cell<usize>,
    counts: Cell<bool>,
    stops: Cell<bool>,
    /// When the last of those that have ended did.
    ended: Cell<Option<Instant>>,
}

async fn pass(time: Duration, begin: Instant, observer: &mut impl Observer) {
    let end = Instant::now() + time;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(TICK)).await;
        observer.ticks(begin.elapsed());
    }
}

async fn repeat<W: Work>(mut work: W, mut link: Link, shared: Rc<Shared>) -> io::Result<()> {
    let ended = loop {
        if shared.stops.get() {
            break Ok(());
        }
        let begin = Instant::now();
        let verdict = match work.once(&mut link).await {
            Ok(Verdict::Finished) => break Ok(()),
            Ok(verdict) => verdict,
            Err(error) => break Err(error),
        };
        if shared.counts.get() {
            let mut outcome = shared.outcome.borrow_mut();
            outcome.operations += 1;
            outcome.latency.record(match verdict {
                Verdict::DoneAfter(time) => time,
                _ => begin.elapsed(),
            });
            if let Verdict::Refused(code) = verdict {
                outcome.refused += 1;
                outcome.last_refusal = Some(code);
            }
        }
    };
    shared.running.set(shared.running.get() - 1);
    shared.ended.set(Some(Instant::now()));
    ended
}
