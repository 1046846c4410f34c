//! One worker's searches on their way to a connection: a queue that lines take from.
//!
//! A search is handed to whichever line has a free place; lines take as many as they have places,
//! so that searches that come together go out in one write.

use super::answer::AnswerLimits;
use super::line::{End, Line};
use super::login::Login;
use crate::app::ports::LookupError;
use crate::proto::search::{Entry, Search};
use crate::upstream::counters::Counters;
use crate::upstream::servers::User;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

/// The most shared connections of one worker.
const MAX_LINES: usize = 4;
/// The most searches of one worker that wait for a place on a connection; who comes then waits
/// before it is queued.
const MAX_QUEUED: usize = 1024;

/// The bounds of one worker's searches.
#[derive(Debug, Clone, Copy)]
pub(in crate::upstream) struct DeskLimits {
    /// The most searches under way on one connection.
    pub(in crate::upstream) outstanding: usize,
    /// How long a search may take, waiting included.
    pub(in crate::upstream) timeout: Duration,
    /// How long a connection beside the first is kept unused.
    pub(in crate::upstream) idle_timeout: Duration,
    /// The most bytes of one message.
    pub(in crate::upstream) message: usize,
    /// The most entries of one answer.
    pub(in crate::upstream) entries: usize,
    /// The most bytes of one answer.
    pub(in crate::upstream) bytes: usize,
}

/// Whether a search may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It was not, or on a connection that worked before.
    Once,
    /// It was sent again already.
    Again,
}

/// A search that somebody waits for.
pub(super) struct Job {
    pub(super) search: Search,
    pub(super) reply: oneshot::Sender<Result<Vec<Entry>, LookupError>>,
    pub(super) deadline: Instant,
    pub(super) sent: Sent,
    _place: OwnedSemaphorePermit,
}

/// One worker's searches.
pub(in crate::upstream) struct Desk {
    state: Mutex<State>,
    places: Arc<Semaphore>,
    login: Arc<Login>,
    runtime: OnceLock<Handle>,
    counters: Arc<Counters>,
    pub(super) limits: DeskLimits,
}

struct State {
    queue: VecDeque<Job>,
    lines: Vec<Member>,
    opening: bool,
    next_line: u64,
    open: bool,
}

struct Member {
    line: u64,
    free: usize,
    waker: Option<Waker>,
}

/// What a line that asks for work is told.
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once, a box would be in vain")]
pub(super) enum Work {
    /// Do this.
    Job(Job),
    /// There is nothing to do.
    Nothing,
    /// There is nothing to do, and others can do what comes.
    Superfluous,
    /// The gateway is shutting down.
    Closed,
}

/// A connection that is being opened, until it is there or given up.
struct Opening {
    desk: Arc<Desk>,
    is_done: bool,
}

impl Desk {
    pub(in crate::upstream) fn new(
        login: Arc<Login>,
        limits: DeskLimits,
        counters: Arc<Counters>,
    ) -> Self {
        let limits = DeskLimits { outstanding: limits.outstanding.max(1), ..limits };
        let places = MAX_LINES.saturating_mul(limits.outstanding).saturating_add(MAX_QUEUED);
        let state = State {
            queue: VecDeque::new(),
            lines: Vec::new(),
            opening: false,
            next_line: 0,
            open: true,
        };
        Self {
            state: Mutex::new(state),
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            login,
            runtime: OnceLock::new(),
            counters,
            limits,
        }
    }

    /// Opens the first connection ahead, on the runtime that this is called in.
    pub(in crate::upstream) fn start(self: &Arc<Self>) {
        // A second start of the same worker changes nothing.
        let _ = self.runtime.set(Handle::current());
        let is_first = {
            let mut state = self.state();
            let is_first = state.open && state.lines.is_empty() && !state.opening;
            state.opening |= is_first;
            is_first
        };
        if is_first {
            self.open();
        }
    }

    /// Turns all who wait away; connections end with what they have under way.
    pub(in crate::upstream) fn close(&self) {
        let (queue, wakers) = {
            let mut state = self.state();
            state.open = false;
            let wakers: Vec<Waker> =
                state.lines.iter_mut().filter_map(|line| line.waker.take()).collect();
            (std::mem::take(&mut state.queue), wakers)
        };
        answer_all(queue, LookupError::Disconnected);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// All entries that a search finds, within the time-out.
    pub(super) async fn search(
        self: &Arc<Self>,
        search: Search,
    ) -> Result<Vec<Entry>, LookupError> {
        self.counters.searches.increment(1);
        let deadline = Instant::now() + self.limits.timeout;
        let whole = timeout_at(deadline, self.ask(search, deadline)).await;
        let outcome = whole.unwrap_or(Err(LookupError::Timeout));
        if outcome.is_err() {
            self.counters.search_failures.increment(1);
        }
        outcome
    }

    async fn ask(
        self: &Arc<Self>,
        search: Search,
        deadline: Instant,
    ) -> Result<Vec<Entry>, LookupError> {
        let place = self.places.clone().acquire_owned().await;
        let place = place.map_err(|_| LookupError::Disconnected)?;
        let (reply, answer) = oneshot::channel();
        self.submit(Job { search, reply, deadline, sent: Sent::Once, _place: place });
        answer.await.unwrap_or(Err(LookupError::Disconnected))
    }

    fn submit(self: &Arc<Self>, job: Job) {
        let mut state = self.state();
        if !state.open {
            drop(state);
            let _ = job.reply.send(Err(LookupError::Disconnected));
            return;
        }
        state.queue.push_back(job);
        self.serve_queue(state);
    }

    /// Wakes a line with free places, or has one more opened.
    fn serve_queue(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if state.queue.is_empty() {
            return;
        }
        if let Some(member) = state.lines.iter_mut().find(|member| member.free > 0) {
            let waker = member.waker.take();
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        } else if state.open && !state.opening && state.lines.len() < MAX_LINES {
            state.opening = true;
            drop(state);
            self.open();
        }
    }

    /// The next search for a line that has `free` places.
    pub(super) fn next_job(&self, line: u64, free: usize, waker: &Waker) -> Work {
        let mut state = self.state();
        if !state.open {
            return Work::Closed;
        }
        let job = if free > 0 { state.queue.pop_front() } else { None };
        let is_first = state.lines.first().is_some_and(|member| member.line == line);
        let Some(member) = state.lines.iter_mut().find(|member| member.line == line) else {
            return Work::Closed;
        };
        member.free = free - usize::from(job.is_some());
        match job {
            Some(job) => Work::Job(job),
            None => {
                if !member.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
                    member.waker = Some(waker.clone());
                }
                if is_first { Work::Nothing } else { Work::Superfluous }
            }
        }
    }

    /// A line takes nothing more.
    pub(super) fn leave(self: &Arc<Self>, line: u64) {
        let mut state = self.state();
        state.lines.retain(|member| member.line != line);
        self.serve_queue(state);
    }

    /// A line has ended: what it was asked and may be asked again goes to the front of the queue.
    fn ended(self: &Arc<Self>, line: u64, end: End) {
        self.leave(line);
        let retried = end.again.len();
        let mut state = self.state();
        if state.open {
            for job in end.again.into_iter().rev() {
                state.queue.push_front(Job { sent: Sent::Again, ..job });
            }
        }
        self.serve_queue(state);
        (0..retried).for_each(|_| self.login.retried());
    }

    fn open(self: &Arc<Self>) {
        let opening = Opening { desk: self.clone(), is_done: false };
        let started = self.runtime.get().cloned();
        if let Some(runtime) = started.or_else(|| Handle::try_current().ok()) {
            runtime.spawn(opening.run());
        }
    }

    fn opened(&self) -> u64 {
        let mut state = self.state();
        state.opening = false;
        let line = state.next_line;
        state.next_line += 1;
        state.lines.push(Member { line, free: self.limits.outstanding, waker: None });
        line
    }

    /// Without any connection, all who wait are told at once; else the others serve them.
    fn not_opened(&self, error: LookupError) {
        let queue = {
            let mut state = self.state();
            state.opening = false;
            match state.lines.is_empty() {
                true => std::mem::take(&mut state.queue),
                false => VecDeque::new(),
            }
        };
        answer_all(queue, error);
    }

    /// The bounds of an answer.
    pub(super) fn answer_limits(&self) -> AnswerLimits {
        AnswerLimits { entries: self.limits.entries, bytes: self.limits.bytes }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer_all(queue: VecDeque<Job>, error: LookupError) {
    for job in queue {
        let _ = job.reply.send(Err(error));
    }
}

impl Opening {
    async fn run(mut self) {
        let opened = self.desk.login.open(User::Gateway).await;
        self.is_done = true;
        match opened {
            Err(error) => self.desk.not_opened(error),
            Ok((stream, last_id)) => {
                let line = self.desk.opened();
                let end = Line::new(self.desk.clone(), line, stream, last_id).run().await;
                self.desk.ended(line, end);
            }
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if !self.is_done {
            self.desk.not_opened(LookupError::Disconnected);
        }
    }
}
