//! One shared connection: takes searches, writes them together, and sorts the answers.
//!
//! It is one future that is polled by hand: take, write, read and look at the time, until there is
//! nothing to do. Whatever is odd ends it, for all that are under way.

use super::answer::{Answer, Step};
use super::desk::{Desk, Job, Sent, Work};
use crate::app::ports::LookupError;
use crate::proto::ber::{self, INTEGER};
use crate::proto::envelope::{Envelope, MessageId, write_with_body};
use crate::proto::extended::ExtendedResponse;
use crate::proto::framing::{Frame, frame};
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::upstream::placed::Placed;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How much is read at once.
const READ_SIZE: usize = 16 * 1024;
/// How many reads in a row before others on the worker have their turn.
const READS_IN_A_ROW: usize = 16;
/// The most abandoned searches whose late answers are waited for; with more, the connection is
/// retired.
const MAX_ABANDONED: usize = 1024;

/// A bound connection with its searches.
pub(super) struct Line {
    desk: Arc<Desk>,
    number: u64,
    stream: Placed,
    last_id: MessageId,
    pending: BTreeMap<MessageId, Pending>,
    abandoned: HashSet<MessageId>,
    deadlines: VecDeque<(Instant, MessageId)>,
    timer: Option<Pin<Box<Sleep>>>,
    inbound: Vec<u8>,
    outbound: Vec<u8>,
    written: usize,
    scratch: Box<[u8]>,
    last_heard: Instant,
    has_answered: bool,
    idle_since: Option<Instant>,
    phase: Phase,
}

struct Pending {
    job: Job,
    answer: Answer,
    sent_at: Instant,
    /// Whether the connection had answered before this was sent, so that finding it dead says
    /// nothing of the server.
    on_reused: bool,
}

/// Whether the line takes searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Taking,
    /// It ends once nothing is under way.
    Retiring,
}

/// What is left when a line has ended.
pub(super) struct End {
    /// Searches that may be sent once more.
    pub(super) again: Vec<Job>,
}

/// Whether there is reason to go round once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Some,
    None,
}

impl Line {
    pub(super) fn new(desk: Arc<Desk>, number: u64, stream: Placed, last_id: MessageId) -> Self {
        Self {
            desk,
            number,
            stream,
            last_id,
            pending: BTreeMap::new(),
            abandoned: HashSet::new(),
            deadlines: VecDeque::new(),
            timer: None,
            inbound: Vec::new(),
            outbound: Vec::new(),
            written: 0,
            scratch: vec![0; READ_SIZE].into_boxed_slice(),
            last_heard: Instant::now(),
            has_answered: false,
            idle_since: None,
            phase: Phase::Taking,
        }
    }

    /// Serves until the connection ends.
    pub(super) async fn run(mut self) -> End {
        let outcome = poll_fn(|cx| self.poll(cx)).await;
        self.desk.leave(self.number);
        let error = match outcome {
            Ok(()) => {
                // Nothing may be sent inside a message that is half out.
                if self.outbound.is_empty() {
                    self.stream.say_goodbye();
                }
                LookupError::Disconnected
            }
            Err(error) => error,
        };
        let mut again = Vec::new();
        for (_, pending) in std::mem::take(&mut self.pending) {
            if error == LookupError::Disconnected && pending.may_be_sent_again() {
                again.push(pending.job);
            } else {
                let _ = pending.job.reply.send(Err(error));
            }
        }
        End { again }
    }

    /// Ready with success when the line has nothing left to do, with an error when the connection
    /// cannot be used any further.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LookupError>> {
        for _ in 0..READS_IN_A_ROW {
            self.take_jobs(cx);
            self.flush(cx)?;
            let read = self.read(cx)?;
            self.expire(cx);
            // What the other two wrote has to go out; if the peer does not take it, it wakes us.
            self.flush(cx)?;
            if self.phase == Phase::Retiring && self.pending.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if read == Progress::None {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn take_jobs(&mut self, cx: &mut Context<'_>) {
        if self.phase == Phase::Taking && self.stream.seat().is_left() {
            self.retire();
        }
        while self.phase == Phase::Taking {
            let free = self.desk.limits.outstanding.saturating_sub(self.pending.len());
            match self.desk.next_job(self.number, free, cx.waker()) {
                Work::Job(job) => self.begin(job),
                Work::Nothing => return,
                Work::Superfluous => return self.rest(),
                Work::Closed => self.retire(),
            }
        }
    }

    /// One that is not needed is kept for a while.
    fn rest(&mut self) {
        if self.pending.is_empty() && self.idle_since.is_none() {
            let now = Instant::now();
            self.idle_since = Some(now);
            self.arm(now + self.desk.limits.idle_timeout);
        }
    }

    fn begin(&mut self, job: Job) {
        let now = Instant::now();
        self.idle_since = None;
        if job.reply.is_closed() || job.deadline <= now {
            let _ = job.reply.send(Err(LookupError::Timeout));
            return;
        }
        let id = self.next_id();
        job.search.write(&mut self.outbound, id);
        self.deadlines.push_back((job.deadline, id));
        self.arm(job.deadline);
        let on_reused = self.has_answered;
        let answer = Answer::of_at_most(job.search.size_limit as usize);
        self.pending.insert(id, Pending { job, answer, sent_at: now, on_reused });
    }

    /// Never one that is in use, even after the numbers have gone round.
    fn next_id(&mut self) -> MessageId {
        loop {
            self.last_id = self.last_id.next();
            let id = self.last_id;
            if !self.pending.contains_key(&id) && !self.abandoned.contains(&id) {
                return id;
            }
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), LookupError> {
        while self.written < self.outbound.len() {
            let rest = &self.outbound[self.written..];
            match Pin::new(&mut self.stream).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => return Err(LookupError::Disconnected),
                Poll::Ready(Ok(count)) => self.written += count,
                Poll::Pending => return Ok(()),
            }
        }
        self.outbound.clear();
        self.written = 0;
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(Err(_)) => Err(LookupError::Disconnected),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<Progress, LookupError> {
        let mut space = ReadBuf::new(&mut self.scratch);
        match Pin::new(&mut self.stream).poll_read(cx, &mut space) {
            Poll::Pending => return Ok(Progress::None),
            Poll::Ready(Err(_)) => return Err(LookupError::Disconnected),
            Poll::Ready(Ok(())) if space.filled().is_empty() => {
                return Err(LookupError::Disconnected);
            }
            Poll::Ready(Ok(())) => self.inbound.extend_from_slice(space.filled()),
        }
        self.last_heard = Instant::now();
        let mut inbound = std::mem::take(&mut self.inbound);
        let mut start = 0;
        let limit = self.desk.limits.message;
        while let Frame::Whole(length) =
            frame(&inbound[start..], limit).map_err(|_| LookupError::Malformed)?
        {
            self.message(&inbound[start..start + length])?;
            start += length;
        }
        inbound.drain(..start);
        self.inbound = inbound;
        Ok(Progress::Some)
    }

    fn message(&mut self, pdu: &[u8]) -> Result<(), LookupError> {
        let envelope = Envelope::parse(pdu).map_err(|_| LookupError::Malformed)?;
        if envelope.id == MessageId::UNSOLICITED {
            return unsolicited(&envelope);
        }
        let Some(pending) = self.pending.get_mut(&envelope.id) else {
            return self.late(&envelope);
        };
        let limits = self.desk.answer_limits();
        match pending.answer.take(envelope.operation, envelope.content, limits) {
            Step::More if pending.job.reply.is_closed() => {
                self.abandon(envelope.id, LookupError::Timeout);
            }
            Step::More => {}
            Step::TooLarge => self.abandon(envelope.id, LookupError::TooLarge),
            Step::Malformed => return Err(LookupError::Malformed),
            Step::Done(outcome) => {
                self.has_answered = true;
                if let Some(pending) = self.pending.remove(&envelope.id) {
                    let _ = pending.job.reply.send(outcome);
                }
            }
        }
        Ok(())
    }

    /// The rest of an answer that nobody waits for is swallowed; what was never asked is not.
    fn late(&mut self, envelope: &Envelope<'_>) -> Result<(), LookupError> {
        if !self.abandoned.contains(&envelope.id) {
            return Err(LookupError::Malformed);
        }
        if envelope.operation == Operation::SearchResultDone {
            self.abandoned.remove(&envelope.id);
        }
        Ok(())
    }

    /// RFC 4511 section 4.11: no answer comes, or what was under way already.
    fn abandon(&mut self, id: MessageId, error: LookupError) {
        let Some(pending) = self.pending.remove(&id) else { return };
        let _ = pending.job.reply.send(Err(error));
        let own_id = self.next_id();
        let mut number = Vec::new();
        ber::write_integer(&mut number, INTEGER, i64::from(id.get()));
        // The abandoned messageID is the operation's content, under its tag in place of INTEGER's.
        number[0] = Operation::AbandonRequest.tag();
        write_with_body(own_id, &number, &mut self.outbound);
        self.abandoned.insert(id);
        // One that answers nothing at all for a whole time-out is not asked again.
        let is_mute = error == LookupError::Timeout && self.last_heard <= pending.sent_at;
        if is_mute || self.abandoned.len() >= MAX_ABANDONED {
            self.retire();
        }
    }

    fn expire(&mut self, cx: &mut Context<'_>) {
        loop {
            let Some(timer) = &mut self.timer else { return };
            if timer.as_mut().poll(cx).is_pending() {
                return;
            }
            self.timer = None;
            let now = Instant::now();
            while let Some(&(deadline, id)) = self.deadlines.front() {
                let is_pending = self.pending.contains_key(&id);
                if is_pending && deadline > now {
                    break;
                }
                self.deadlines.pop_front();
                if is_pending {
                    self.abandon(id, LookupError::Timeout);
                }
            }
            let idle_until = self.idle_since.map(|since| since + self.desk.limits.idle_timeout);
            match (self.deadlines.front(), idle_until) {
                (Some(&(deadline, _)), _) => self.arm(deadline),
                (None, Some(until)) if until > now => self.arm(until),
                (None, Some(_)) => self.retire(),
                (None, None) => {}
            }
        }
    }

    /// The timer runs for the oldest search; those that come later find it set.
    fn arm(&mut self, deadline: Instant) {
        if self.timer.is_none() {
            self.timer = Some(Box::pin(tokio::time::sleep_until(deadline)));
        }
    }

    fn retire(&mut self) {
        self.phase = Phase::Retiring;
        self.desk.leave(self.number);
    }
}

impl Pending {
    fn may_be_sent_again(&self) -> bool {
        self.on_reused && self.job.sent == Sent::Once && !self.answer.has_begun()
    }
}

/// A notice of disconnection (RFC 4511 section 4.4.1) ends the line; other notifications are for
/// nobody here.
fn unsolicited(envelope: &Envelope<'_>) -> Result<(), LookupError> {
    if envelope.operation != Operation::ExtendedResponse {
        return Err(LookupError::Malformed);
    }
    let response = ExtendedResponse::decode(envelope.content);
    let name = response.map_err(|_| LookupError::Malformed)?.name;
    if name == Some(oid::NOTICE_OF_DISCONNECTION) {
        return Err(LookupError::Disconnected);
    }
    Ok(())
}
